"""The simulated floor: what is in the way, and ways round it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import sim
from protocols.facts import Plan
from sim.floor import BODY_M, Floor, Rect, read_shop

GROCERY = Path(sim.__file__).parent / "grocery"
SHOP = read_shop(GROCERY)
FLOOR = SHOP.floor

anywhere = st.tuples(st.floats(-2.0, 26.0), st.floats(-2.0, 22.0))


def test_the_grocery_has_its_scanners_shelves_screens_and_tills() -> None:
    assert len(FLOOR.scanners) == 12
    assert len(FLOOR.shelves) >= 8
    assert len(FLOOR.tills) == 2
    assert (FLOOR.plan.width_m, FLOOR.plan.height_m) == (24, 20)


def test_a_line_through_a_rectangle_crosses_it_and_one_along_its_edge_does_not() -> None:
    block = Rect(1, 1, 3, 2)
    assert block.crossed((0, 1.5), (4, 1.5))
    assert block.crossed((2, 1.5), (2, 9))
    assert block.crossed((0, 0), (4, 3))
    assert not block.crossed((0, 1), (4, 1))
    assert not block.crossed((0, 0), (0.9, 5))
    assert not block.crossed((0, 1.5), (0.9, 1.5))
    assert not block.crossed((2, 1.5), (2, 1.5)) or block.holds((2, 1.5))


@given(anywhere, anywhere)
@example((0.0, 0.0), (20.0, 20.0))  # behind the counter
def test_every_way_ends_at_the_goal_and_touches_nothing(
    start: tuple[float, float], goal: tuple[float, float]
) -> None:
    begin = FLOOR.nearest_free(start)
    way = (begin, *FLOOR.way(begin, goal))
    assert way[-1] == FLOOR.nearest_free(goal)
    blocks = [block.grown(BODY_M) for block in FLOOR.blocks()]
    for a, b in pairwise(way):
        assert not any(block.crossed(a, b) for block in blocks)
        assert FLOOR.is_free(b)


@given(anywhere)
def test_the_nearest_free_point_is_free_and_a_point_that_is_reached_is_its_own(
    at: tuple[float, float],
) -> None:
    near = FLOOR.nearest_free(at)
    assert FLOOR.is_free(near)
    assert not FLOOR.is_reached(at) or near == at


def test_one_stands_in_a_shelfs_own_zone_to_take_from_it() -> None:
    for shelf, stands in FLOOR.stands.items():
        for stand in stands:
            assert FLOOR.zone_of(stand) == FLOOR.shelves[shelf].zone, shelf
            assert FLOOR.is_free(stand)


def test_a_way_round_a_gondola_is_longer_than_the_straight_line() -> None:
    breakfast, coffee = (8.85, 8.6), (10.45, 8.6)
    assert not FLOOR.sees(breakfast, coffee)
    assert len(FLOOR.way(breakfast, coffee)) >= 3


def test_every_zone_has_room_to_stand_in() -> None:
    for zone in FLOOR.zones:
        for seed in range(20):
            at = FLOOR.spot(zone, Random(seed))
            assert FLOOR.is_free(at)
            assert FLOOR.zone_of(at) == zone


def test_a_queue_stands_one_behind_the_other_before_its_till() -> None:
    places = [FLOOR.queue_place("till-1", n) for n in range(4)]
    assert all(FLOOR.is_free(place) for place in places)
    assert all(a[1] - b[1] == pytest.approx(0.9) for a, b in pairwise(places))


def test_nobody_is_sent_into_a_closed_corner() -> None:
    wall = ((4.0, -1.0), (6.0, -1.0), (6.0, 11.0), (4.0, 11.0), (4.0, -1.0))
    way_in = ((1.0, 10.0), (0.0, 10.0), (0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (3.0, 10.0))
    floor = Floor(Plan("Split in two", 10, 10, walls=(way_in, wall)), {}, {}, {}, {})
    assert floor.is_free((9.0, 5.0))
    assert not floor.is_reached((9.0, 5.0))
    assert floor.way((1.0, 5.0), (9.0, 5.0))[-1][0] < 4.0
