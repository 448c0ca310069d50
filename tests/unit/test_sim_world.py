"""The simulated world as a whole, step by step and without a store: what it would send, and whom a visitor may lead."""

from __future__ import annotations

from collections import Counter

import pytest

from protocols import topics
from protocols.devices import Sighting, read
from sim.world import STEP_S, World, WorldSettings
from tests.unit.test_sim_floor import FLOOR, GROCERY, SHOP

STORE = "014"


@pytest.fixture
def world() -> World:
    return World(WorldSettings(STORE, str(GROCERY), mqtt_port=1, http_port=1), SHOP, "run")


def live(world: World, seconds: float) -> list[tuple[str, bytes]]:
    said = []
    for _ in range(round(seconds / STEP_S)):
        said += world.step()
        for rings in world.ringing:
            rings.person.served = True
        world.ringing.clear()
    return said


def test_the_same_seed_says_the_same_byte_for_byte() -> None:
    settings = WorldSettings(STORE, str(GROCERY), mqtt_port=1, http_port=1, seed=3)
    assert live(World(settings, SHOP, "a"), 20) == live(World(settings, SHOP, "b"), 20)


def test_only_who_is_inside_is_heard(world: World) -> None:
    inside = {person.habit.device for person in world.crowd.people if person.inside}
    for topic, payload in world.step() + world.step():
        for seen in read(topic, payload, 1_790_000_000_000):
            if isinstance(seen, Sighting):
                assert seen.device in inside


def test_a_full_shop_makes_hundreds_of_sightings_a_second_and_no_more(world: World) -> None:
    kinds = Counter(topic.split("/")[1] for topic, _ in live(world, 60))
    assert 100 < kinds["devices"] / 60 < 60 * len(FLOOR.scanners)
    assert kinds["v1"] > 60, "scales"


def test_a_visitor_leads_a_shopper_through_a_topic(world: World) -> None:
    live(world, 2)
    person = next(one for one in world.crowd.people if one.inside and one.habit.kind == "member")
    world.asked(topics.demo_walk(STORE, person.habit.subject), b'{"x": 21.0, "y": 17.0}')
    for _ in range(60):
        live(world, 1)
        if person.at == (21.0, 17.0):
            return
    raise AssertionError(f"still at {person.at}")


def test_goods_that_a_visitor_takes_are_felt_by_the_scale(world: World) -> None:
    live(world, 1)
    before = world.goods.stocks["frozen-1"].pieces
    world.asked(topics.demo_take(STORE, "frozen-1"), b'{"pieces": 2}')
    assert world.goods.stocks["frozen-1"].pieces == before - 2
    said = [payload for topic, payload in world.step() if topic == topics.shelf_weight(STORE, "frozen-1")]
    assert len(said) == 1


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (topics.demo_walk(STORE, "nobody"), b'{"x": 1, "y": 1}'),
        (topics.demo_walk(STORE, "ana"), b"not JSON"),
        (topics.demo_walk(STORE, "ana"), b'{"x": "far"}'),
        (topics.demo_walk(STORE, "ana"), b'{"x": 1e308, "y": -1e308}'),
        (topics.demo_take(STORE, "no-such-shelf"), b'{"pieces": 1}'),
        (topics.demo_take(STORE, "dairy-1"), b"[]"),
        ("endcap/v1/014/demo/other/ana", b"{}"),
    ],
)
def test_nonsense_from_a_visitor_stops_nobody(world: World, topic: str, payload: bytes) -> None:
    world.asked(topic, payload)
    assert live(world, 2)
