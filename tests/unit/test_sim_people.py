"""The simulated people: seeded, inside the walls, and honest about what they carry."""

from __future__ import annotations

from collections import Counter
from math import dist

import pytest

from sim.floor import BODY_M, Point
from sim.goods import Goods
from sim.habits import crowd_of
from sim.people import LED_STAY_S, Crowd, Entered, Event, Left, Line, Rings, Took
from tests.unit.test_sim_floor import FLOOR, SHOP

STEP_S = 0.1


def crowd(seed: int = 7, people: int = 60) -> Crowd:
    habits = crowd_of(SHOP.members, SHOP.products, people, seed)
    return Crowd(FLOOR, SHOP.products, Goods(FLOOR.shelves, seed), habits, seed)


def live(crowd: Crowd, seconds: float) -> list[Event]:
    """Lives on; every till answers at once."""
    happened: list[Event] = []
    for _ in range(round(seconds / STEP_S)):
        for event in crowd.step(STEP_S):
            happened.append(event)
            if isinstance(event, Rings):
                event.person.served = True
    return happened


def told(events: list[Event]) -> list[tuple[str, str, str]]:
    return [
        (
            type(event).__name__,
            event.person.habit.subject,
            getattr(event, "shelf", getattr(event, "till", "")),
        )
        for event in events
    ]


def middle(a: Point, b: Point) -> Point:
    return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)


def test_the_same_seed_gives_the_same_people_and_the_same_day() -> None:
    assert crowd_of(SHOP.members, SHOP.products, 60, 7) == crowd_of(SHOP.members, SHOP.products, 60, 7)
    one, other = crowd(), crowd()
    assert told(live(one, 120)) == told(live(other, 120))
    assert [person.at for person in one.people] == [person.at for person in other.people]


def test_another_seed_gives_another_day() -> None:
    assert told(live(crowd(7), 60)) != told(live(crowd(8), 60))


def test_people_are_members_trolleys_guests_and_strangers() -> None:
    kinds = Counter(habit.kind for habit in crowd_of(SHOP.members, SHOP.products, 60, 7))
    assert kinds == {"member": 36, "trolley": 9, "guest": 6, "stranger": 9}


@pytest.mark.parametrize("people", [1, 5, 60, 200])
def test_there_are_as_many_people_as_were_asked_for_each_with_a_device_of_their_own(people: int) -> None:
    habits = crowd_of(SHOP.members, SHOP.products, people, 7)
    assert len(habits) == people
    assert len({habit.device for habit in habits}) == people


def test_nobody_walks_through_shelves_or_walls() -> None:
    lively = crowd()
    blocks = [block.grown(BODY_M - 0.01) for block in FLOOR.blocks()]
    looked = 0
    for _ in range(1_500):
        before = {person: (person.at, person.visits) for person in lively.people if person.inside}
        live(lively, STEP_S)
        for person, (was, visit) in before.items():
            assert FLOOR.is_free(person.at), person.habit.subject
            if person.visits == visit:
                looked += 1
                assert not any(block.holds(middle(was, person.at)) for block in blocks)
    assert looked > 10_000


def test_nobody_is_faster_than_a_brisk_walk() -> None:
    lively = crowd()
    for _ in range(600):
        before = {person: (person.at, person.visits) for person in lively.people if person.inside}
        lively.step(STEP_S)
        for person, (was, visit) in before.items():
            assert visit != person.visits or dist(was, person.at) <= 1.2 * STEP_S


def test_what_left_the_shelves_is_what_people_took() -> None:
    lively = crowd()
    before = {shelf: stock.pieces for shelf, stock in lively.goods.stocks.items()}
    taken: Counter[str] = Counter()
    for event in live(lively, 300):
        if isinstance(event, Took):
            taken[event.shelf] += event.pieces
    assert sum(taken.values()) > 20
    for shelf, stock in lively.goods.stocks.items():
        assert before[shelf] - stock.pieces == taken[shelf]
        assert stock.grams == stock.pieces * FLOOR.shelves[shelf].unit_g
        assert 0 <= stock.pieces <= stock.place.capacity


def test_a_basket_holds_only_whole_quantities_of_goods_of_the_range() -> None:
    lively = crowd()
    rung = 0
    for event in live(lively, 300):
        if isinstance(event, Rings):
            rung += 1
            assert event.till in FLOOR.tills
    assert rung > 10
    for person in lively.people:
        assert all(line.sku in SHOP.products and line.quantity > 0 for line in person.basket)


def test_an_empty_shelf_gives_nothing() -> None:
    lively = crowd()
    for stock in lively.goods.stocks.values():
        stock.pieces = 0
    assert not [event for event in live(lively, 120) if isinstance(event, Took)]


def test_everybody_leaves_and_comes_again() -> None:
    lively = crowd(people=20)
    events = live(lively, 1_500)
    left, entered = (sum(isinstance(event, kind) for event in events) for kind in (Left, Entered))
    assert left >= 20
    assert entered >= 20
    assert max(person.visits for person in lively.people) >= 2


def test_nobody_leaves_a_till_before_it_has_answered() -> None:
    lively = crowd()
    rings: list[Rings] = []
    for _ in range(3_000):
        rings += [event for event in lively.step(STEP_S) if isinstance(event, Rings)]
    assert len(rings) == len(FLOOR.tills), "the first at each till waits, and nobody is rung up behind them"
    waiting = [ring.person for ring in rings]
    assert all(person.waits_for_till and person.inside for person in waiting)
    for person in waiting:
        person.served = True
    lively.step(STEP_S)
    assert not any(person.waits_for_till for person in waiting)


def test_who_is_led_goes_there_stays_and_then_goes_on() -> None:
    lively = crowd()
    live(lively, 5)
    person = next(one for one in lively.people if one.inside and one.habit.kind == "member")
    lively.lead(person, (21.0, 17.0))
    walked_s = 0.0
    while person.at != (21.0, 17.0) and walked_s < 60:
        live(lively, 1)
        walked_s += 1
    assert person.at == (21.0, 17.0)
    live(lively, LED_STAY_S - 2)
    assert person.at == (21.0, 17.0)
    before = person.visits
    live(lively, 900)
    assert person.visits > before


def test_who_is_led_arrives_even_inside_a_shelf() -> None:
    lively = crowd()
    live(lively, 5)
    person = next(one for one in lively.people if one.inside)
    lively.lead(person, (9.6, 8.0))  # the middle of a gondola
    arrived = FLOOR.nearest_free((9.6, 8.0))
    for _ in range(60):
        live(lively, 1)
        if person.at == arrived:
            return
    raise AssertionError(f"still at {person.at}")


def test_who_was_led_out_of_a_queue_pays_later_all_the_same() -> None:
    lively = crowd()
    while not any(lively.queues.values()):
        live(lively, 1)
    person = next(queue[0] for queue in lively.queues.values() if queue)
    lively.lead(person, (3.8, 4.9))
    assert not any(person in queue for queue in lively.queues.values())
    events = live(lively, 240)
    assert any(isinstance(event, Rings) and event.person is person for event in events)


def test_goods_that_go_back_leave_the_basket() -> None:
    person = crowd().people[0]
    person.basket = []
    person.put(Line("tea-80", 2000))
    person.put(Line("tea-80", 1000))
    assert person.basket == [Line("tea-80", 3000)]
    person.put(Line("tea-80", -3000))
    assert person.basket == []


def test_a_person_in_the_store_is_found_by_the_name_that_the_store_gives_them() -> None:
    lively = crowd()
    inside = next(one for one in lively.people if one.inside)
    away = next(one for one in lively.people if not one.inside)
    assert lively.person(inside.habit.subject) is inside
    assert lively.person(away.habit.subject) is None
    assert lively.person("nobody") is None
