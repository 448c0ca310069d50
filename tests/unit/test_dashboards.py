"""What dashboards are told and when: at once with a commit, the rest with the next look, nothing that stood already."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.shopper import Shopper
from edge import dashboards as boards
from edge.dashboards import LOOK_MS, PASSERS_MS, PLACES_PER_LOOK_MAX, Dashboards
from edge.links import Incoming
from edge.settings import PublishSettings
from protocols import topics
from protocols.cells import Crowd, Position, ScannerHealth
from protocols.codec import to_json
from protocols.facts import Fact, Occupancy, Zone
from protocols.ids import AccountId, Key, SubjectId, ZoneId
from protocols.inputs import Cause
from tests import home_assistant
from tests.unit.playbook import T0
from tests.unit.test_published import Ears, ana, store

ANA = Key("shopper:ana")
CAUSE = Cause(T0 * 1_000, scanner="north", subject="ana")
PRESENCE = topics.presence("014", "ana")
STATE = topics.companion("endcap-014-ana")
ATTRIBUTES = topics.companion_attributes("endcap-014-ana")
PERSON = "homeassistant/device/endcap-014/person-ana/config"
DAIRY_DEVICE = "homeassistant/device/endcap-014/zone-dairy/config"
DAIRY = topics.occupancy("014", "dairy")
ENGINE = topics.engine_state("014")


class Board:
    """The retained topics, and everything that was sent in order."""

    def __init__(self) -> None:
        self.standing: dict[str, bytes] = {ENGINE: b"online"}
        self.sent: list[tuple[str, bytes]] = []
        self.repeated: list[str] = []

    def stands(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))
        if payload:
            self.standing[topic] = payload
        else:
            self.standing.pop(topic, None)

    def renews(self, topic: str, payload: bytes) -> None:
        if self.standing.get(topic, b"") != payload:
            self.stands(topic, payload)

    def again(self, topic: str) -> None:
        self.repeated.append(topic)

    def shows(self, topic: str) -> Any:
        return json.loads(self.standing[topic])

    def since(self, begin: int) -> list[tuple[str, bytes]]:
        return self.sent[begin:]


class Clock:
    def __init__(self) -> None:
        self.at_ms = T0

    def now_ms(self) -> int:
        return self.at_ms

    def now_us(self) -> int:
        return self.at_ms * 1_000


class World:
    """A store's dashboards over a board, with a clock that a test moves."""

    def __init__(self, **settings: Any) -> None:
        self.now, self.clock, self.board = store(by_map=True), Clock(), Board()
        self.now.floor_version = 1
        self.told = Dashboards("014", self.now, self.clock, PublishSettings(**settings), self.board)  # type: ignore[arg-type]
        self.told.ears = Ears(north=T0)

    def enters(self, shopper: Shopper | None = None, key: Key = ANA) -> None:
        self.now.shoppers[key] = shopper or ana(entered_at_ms=T0 + 1)
        self.told.present(key, self.now.shoppers[key], CAUSE)

    def leaves(self, key: Key = ANA) -> None:
        self.now.shoppers.pop(key)
        self.now.positions.pop(key, None)
        self.told.present(key, None, CAUSE)

    def stands_at(self, x: float, key: Key = ANA, p: int = 90, doubt_m: float = 1.0) -> None:
        self.now.move([Position(key, x, 2.0, "dairy", doubt_m, self.clock.at_ms, p)])
        self.told.placed([key])

    def look(self, after_ms: int = LOOK_MS) -> list[tuple[str, bytes]]:
        self.clock.at_ms += after_ms
        began = len(self.board.sent)
        self.told.look()
        return self.board.since(began)


# --- people


def test_somebody_inside_stands_in_every_shape_and_leaves_them_in_an_order_that_says_so() -> None:
    world = World()
    world.enters()
    assert world.board.shows(PRESENCE)["zone"] == "dairy"
    assert world.board.standing[STATE] == b"Dairy"
    assert world.board.shows(ATTRIBUTES)["zone"] == "dairy"
    assert world.board.shows(PERSON)["components"]["tracker"]["state_topic"] == STATE
    began = len(world.board.sent)
    world.leaves()
    gone = [(PRESENCE, b""), (STATE, b"not_home"), (PERSON, b""), (ATTRIBUTES, b""), (STATE, b"")]
    assert world.board.since(began) == gone


def test_another_zone_is_told_without_repeating_the_device() -> None:
    world = World()
    world.enters()
    began = len(world.board.sent)
    world.enters(ana(zone=ZoneId("wine"), entered_at_ms=T0 + 1))
    assert [topic for topic, _ in world.board.since(began)] == [PRESENCE, STATE]
    assert world.board.standing[STATE] == b"Wine"
    world.look()
    assert world.board.shows(ATTRIBUTES)["room"] == "Wine"  # the rest of it follows with the next look
    assert world.look(2_000) == []


def test_what_more_becomes_known_of_somebody_is_told_at_once() -> None:
    world = World()
    world.enters()
    world.look()
    world.now.shoppers[ANA] = ana(consent=("location", "profile"), entered_at_ms=T0 + 1)
    world.told.identified(ANA)
    assert world.board.shows(PERSON)["device"]["name"] == "Ana Lind"


def test_a_member_who_does_not_allow_location_is_in_no_shape_but_presence_without_a_place() -> None:
    world = World()
    world.enters(ana(consent=("offers", "profile"), entered_at_ms=T0 + 1))
    world.stands_at(3.0)
    world.look()
    assert world.board.shows(PRESENCE)["x"] is None
    assert not [topic for topic, _ in world.board.sent if "ana" in topic and topic != PRESENCE]


def test_consent_that_is_taken_back_takes_the_place_away_at_once_and_given_again_brings_it_back() -> None:
    world = World()
    world.enters()
    world.stands_at(3.0)
    world.look()
    assert world.board.shows(PRESENCE)["x"] == 3.0
    world.now.shoppers[ANA] = ana(consent=(), entered_at_ms=T0 + 1)
    world.told.identified(ANA)
    assert world.board.shows(PRESENCE)["x"] is None
    assert not {STATE, ATTRIBUTES, PERSON} & set(world.board.standing)
    world.now.shoppers[ANA] = ana(entered_at_ms=T0 + 1)
    world.told.identified(ANA)
    assert {STATE, ATTRIBUTES, PERSON} <= set(world.board.standing)


def test_what_becomes_known_of_somebody_whose_presence_was_never_told_is_not_told() -> None:
    world = World()
    world.now.shoppers[ANA] = ana()
    world.told.identified(ANA)
    assert world.board.sent == []


def test_a_tag_stands_under_its_own_pseudonym() -> None:
    world = World()
    world.enters(
        Shopper(SubjectId("trolley-1"), visit="v", zone=ZoneId("dairy"), entered_at_ms=T0 + 1),
        Key("shopper:trolley-1"),
    )
    device = world.board.shows("homeassistant/device/endcap-014/person-trolley-1/config")["device"]
    assert (device["name"], device["model"]) == ("trolley-1", "Tag")


def test_whoever_stood_in_an_earlier_life_of_the_store_is_taken_out_for_good() -> None:
    world = World()
    world.enters(ana(consent=(), entered_at_ms=T0 - 60_000))  # inside since before this process: consent went
    assert {STATE, ATTRIBUTES, PERSON} <= {topic for topic, body in world.board.sent if not body}
    began = len(world.board.sent)
    world.told.present(Key("shopper:ben"), None, CAUSE)  # left while nobody was looking
    assert topics.companion("endcap-014-ben") in {topic for topic, _ in world.board.since(began)}


def test_people_in_others_shapes_have_a_limit_and_room_is_made_by_those_who_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boards, "PEOPLE_MAX", 2)
    world = World()
    keys = [Key(f"shopper:s{number}") for number in range(4)]
    for key in keys[:3]:
        world.enters(Shopper(SubjectId(key[8:]), visit="v", zone=ZoneId("dairy"), entered_at_ms=T0 + 1), key)
    assert topics.companion("endcap-014-s1") in world.board.standing
    assert topics.companion("endcap-014-s2") not in world.board.standing
    assert topics.presence("014", "s2") in world.board.standing
    world.leaves(keys[0])
    world.enters(Shopper(SubjectId("s3"), visit="v", zone=ZoneId("dairy"), entered_at_ms=T0 + 1), keys[3])
    assert topics.companion("endcap-014-s3") in world.board.standing


# --- places


def test_a_place_is_told_with_the_next_look_on_both_topics_and_keeps_the_cause_of_the_zone() -> None:
    world = World()
    world.enters()
    world.look()
    world.stands_at(3.0)
    assert world.look(LOOK_MS - 1) == []
    told = dict(world.look())
    assert set(told) == {PRESENCE, ATTRIBUTES}
    presence = json.loads(told[PRESENCE])
    assert (presence["x"], presence["p"], presence["cause"]["scanner"]) == (3.0, 90, "north")
    assert json.loads(told[ATTRIBUTES])["x"] == 3.0


def test_whoever_hardly_moves_is_not_told_again() -> None:
    world = World()
    world.enters()
    world.stands_at(3.0)
    world.look()
    world.stands_at(3.1)
    assert world.look(100 + LOOK_MS) == []
    world.stands_at(3.1, p=84)
    assert PRESENCE in dict(world.look())
    world.stands_at(3.4, p=84)
    assert PRESENCE in dict(world.look())


def test_a_place_in_great_doubt_and_one_of_somebody_who_left_are_not_told() -> None:
    world = World()
    world.enters()
    world.look()
    world.stands_at(0.0, doubt_m=99.0)
    assert world.look() == []
    world.stands_at(3.0)
    world.leaves()
    assert [topic for topic, _ in world.look() if "ana" in topic] == []


def test_of_many_places_those_that_wait_longest_go_first_and_each_as_it_is_by_then() -> None:
    world = World()
    world.look()
    keys = [Key(f"shopper:s{number}") for number in range(PLACES_PER_LOOK_MAX + 10)]
    for key in keys:
        world.enters(Shopper(SubjectId(key[8:]), visit="v", zone=ZoneId("dairy")), key)
    for key in keys:
        world.stands_at(3.0, key)
    for key in keys:
        world.stands_at(4.0, key)  # newer, and no further back in the line
    first = {topic for topic, _ in world.look() if topic.startswith("endcap/v1/014/presence/")}
    assert first == {topics.presence("014", key[8:]) for key in keys[:PLACES_PER_LOOK_MAX]}
    second = dict(world.look())
    last = topics.presence("014", keys[-1][8:])
    assert json.loads(second[last])["x"] == 4.0
    assert topics.presence("014", keys[0][8:]) not in second


# --- zones and gateways


def test_every_zone_and_gateway_stands_from_the_first_look_on_and_is_told_again_only_when_it_changed() -> (
    None
):
    world = World()
    world.look()
    assert world.board.shows(DAIRY)["shoppers"] == 0
    assert world.board.shows(topics.scanner("014", "north"))["state"] == "ok"
    assert world.board.shows(topics.scanner("014", "south"))["state"] == "unknown"
    assert world.look(1_000) == []
    world.now.shoppers[ANA] = ana()
    world.now.judge(
        "floor", [Crowd("dairy", 0.8, 0.16)], [ScannerHealth("north", "deaf", T0, -12.0)], T0 + 1_500
    )
    told = dict(world.look(1_000))
    assert set(told) == {DAIRY, topics.scanner("014", "north")}
    assert json.loads(told[DAIRY])["expected"] == 0.8
    assert json.loads(told[topics.scanner("014", "north")])["state"] == "deaf"


def test_a_count_goes_out_at_once_with_its_cause_and_bounds_that_follow_keep_it() -> None:
    world = World()
    world.look()
    world.now.facts.occupancy["dairy"] = Occupancy(1, 1)
    world.told.crowd("dairy", CAUSE, 17)
    assert (world.board.shows(DAIRY)["shoppers"], world.board.shows(DAIRY)["seq"]) == (1, 17)
    world.now.shoppers[ANA] = ana()
    world.now.judge("floor", [Crowd("dairy", 0.9, 0.09)], [], T0 + 1_000)
    world.look(1_000)
    assert world.board.shows(DAIRY)["expected"] == 0.9
    assert world.board.shows(DAIRY)["cause"]["subject"] == "ana"


def test_passers_are_counted_seldom() -> None:
    world = World()
    counted: list[int] = []

    def passers() -> dict[ZoneId, int]:
        counted.append(world.clock.at_ms)
        return {ZoneId("dairy"): 7}

    world.told.passers = passers
    for _ in range(10):
        world.look(1_000)
    assert world.board.shows(DAIRY)["passers"] == 7
    assert world.board.shows(topics.occupancy("014", "wine"))["passers"] == 0
    assert len(counted) <= 1 + 10_000 // PASSERS_MS


def test_a_zone_and_a_gateway_that_go_are_told_nothing_of_any_more() -> None:
    world = World()
    world.look()
    gone = [Fact("zone", "dairy", 2, b"null"), Fact("scanner", "north", 2, b"null")]
    world.now.learn(2, gone)
    world.told.learned(gone)
    world.look()
    world.told.crowd("dairy", CAUSE, 18)  # somebody who was there leaves
    left = {DAIRY, DAIRY_DEVICE, topics.scanner("014", "north")}
    left.add("homeassistant/device/endcap-014/scanner-north/config")
    assert not left & set(world.board.standing)


# --- Home Assistant


def test_discovery_is_what_home_assistant_demands() -> None:
    world = World()
    world.enters(ana(consent=("location", "profile"), entered_at_ms=T0 + 1))
    world.look()
    assert home_assistant.problems(world.board.standing) == []
    found = home_assistant.devices(world.board.standing)
    assert {body["device"]["name"] for body in found.values()} == {
        "Harbour Street", "Dairy", "Wine", "Gateway north", "Gateway south", "Ana Lind",
    }  # fmt: skip


def test_the_checker_sees_what_is_wrong() -> None:
    world = World()
    world.look()
    body = world.board.shows(DAIRY_DEVICE)
    body["components"]["shoppers"]["unique_id"] = body["components"]["occupied"]["unique_id"]
    body["components"]["shoppers"]["value_template"] = "{{ value_json.people }}"
    body["components"]["occupied"]["state_topic"] = "nowhere"
    body["origin"] = {}
    world.board.standing[DAIRY_DEVICE] = to_json(body)
    assert len(home_assistant.problems(world.board.standing)) == 4


def test_a_renamed_zone_renames_its_device_and_nothing_else_is_sent() -> None:
    world = World()
    world.look()
    world.now.learn(2, [Fact("zone", "dairy", 2, to_json(Zone("Milk and cheese")))])
    assert [topic for topic, _ in world.look()] == [DAIRY_DEVICE]
    assert world.board.shows(DAIRY_DEVICE)["device"]["name"] == "Milk and cheese"


@pytest.mark.parametrize("status", ["homeassistant/status", "ha/status"])
def test_a_home_assistant_that_comes_is_told_every_device_again(status: str) -> None:
    world = World(discovery_prefix="ha")
    world.enters()
    world.look()
    assert world.told.arrived(Incoming(status, b"online", 0, False))
    assert set(world.board.repeated) == set(home_assistant.devices(world.board.standing))
    assert "ha/device/endcap-014/person-ana/config" in world.board.repeated
    world.board.repeated.clear()
    assert world.told.arrived(Incoming(status, b"offline", 0, False))
    assert world.told.arrived(Incoming(status, b"online", 0, True))  # an old one: all was sent when we came
    assert world.board.repeated == []


def test_a_device_that_the_broker_still_holds_and_that_does_not_stand_is_taken_away() -> None:
    world = World()
    world.enters()
    cellar = "homeassistant/device/endcap-014/zone-cellar/config"
    assert world.told.arrived(Incoming(cellar, b"{}", 0, True))
    assert (cellar, b"") in world.board.sent
    for standing in (DAIRY_DEVICE, PERSON):
        assert world.told.arrived(Incoming(standing, b"{}", 0, True))
        assert (standing, b"") not in world.board.sent
    began = len(world.board.sent)
    assert world.told.arrived(Incoming(cellar, b"{}", 0, False))  # our own voice
    assert world.told.arrived(Incoming(cellar, b"", 0, True))
    assert world.board.since(began) == []


@pytest.mark.parametrize(
    "topic",
    [
        "espresense/devices/phone/dairy",
        "homeassistant/device/other/zone-dairy/config",
        "homeassistant/device/endcap-0145/zone-dairy/config",
        "homeassistant/sensor/x/config",
        "homeassistant/device/endcap-014/zone-dairy/state",
    ],
)
def test_what_is_nobody_s_business_here_is_left_to_others(topic: str) -> None:
    world = World()
    assert not world.told.arrived(Incoming(topic, b"{}", 0, True))
    assert world.board.sent == []


def test_switched_off_there_is_no_discovery_and_what_was_discovered_goes() -> None:
    world = World(home_assistant=False)
    world.enters()
    world.look()
    assert home_assistant.devices(world.board.standing) == {}
    assert world.board.standing[STATE] == b"Dairy"
    assert world.told.arrived(Incoming(DAIRY_DEVICE, b"{}", 0, True))
    assert world.board.sent[-1] == (DAIRY_DEVICE, b"")


def test_without_companion_s_shape_people_are_no_devices_and_zones_still_are() -> None:
    world = World(companion=False)
    world.enters()
    world.look()
    assert PERSON not in world.board.standing and STATE not in world.board.standing
    assert DAIRY_DEVICE in world.board.standing


def test_an_account_alone_makes_no_name() -> None:
    world = World()
    world.enters(
        ana(name="", consent=("location", "profile"), account=AccountId("A-1"), entered_at_ms=T0 + 1)
    )
    assert world.board.shows(PERSON)["device"]["name"] == "ana"
