"""Where to stand: on the floor, never in a shelf, some 3 m apart, in the order of a walk; and what is weak."""

from __future__ import annotations

from itertools import pairwise
from math import hypot
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.books import read_books
from edge.survey.points import SUGGESTED_MAX, suggested, weakness
from protocols.errors import Nonsense
from protocols.facts import Plan, ShelfPlace, SurveyPoint, Zone
from protocols.ids import Sku, ZoneId

GROCERY = Path(__file__).parents[2] / "sim" / "grocery"


def shelf(x: float, y: float, w: float, h: float) -> ShelfPlace:
    return ShelfPlace(ZoneId("z"), Sku("s"), 1, 2, 1, x, y, w, h)


def test_an_empty_room_is_walked_line_by_line_every_second_one_back() -> None:
    assert suggested(Plan("", 9, 6), {}) == (
        (1.5, 1.5),
        (4.5, 1.5),
        (7.5, 1.5),
        (7.5, 4.5),
        (4.5, 4.5),
        (1.5, 4.5),
    )


def test_the_example_store_gets_points_in_every_zone_and_none_on_its_furniture() -> None:
    books = read_books(GROCERY)
    plan = next(msgspec.json.decode(one.value, type=Plan) for one in books.knows if one.book == "plan")
    zones = {one.key: msgspec.json.decode(one.value, type=Zone) for one in books.knows if one.book == "zone"}
    shelves = {
        one.key: msgspec.json.decode(one.value, type=ShelfPlace) for one in books.knows if one.book == "shelf"
    }
    points = suggested(plan, shelves)
    assert 45 <= len(points) <= 60  # 480 m², 9 m² each
    for zone, place in zones.items():
        (left, top), (right, bottom) = place.polygon[0], place.polygon[2]
        assert any(left <= x <= right and top <= y <= bottom for x, y in points), zone
    for fixture in (wall for wall in plan.walls if wall[0] == wall[-1]):
        (left, top), (right, bottom) = fixture[0], fixture[2]
        assert not any(left - 0.2 < x < right + 0.2 and top - 0.2 < y < bottom + 0.2 for x, y in points)
    # Along the aisles, not through them: one leg in ten at most is longer than two steps of the grid.
    legs = [hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    assert sum(leg > 4 for leg in legs) <= len(legs) / 10


def test_a_walk_goes_along_aisles() -> None:
    aisles = {f"s{n}": shelf(3 * n - 0.2, 2.0, 0.4, 14.0) for n in range(1, 6)}
    points = suggested(Plan("", 18, 18), aisles)
    assert all(abs(a[0] - b[0]) < 1 for a, b in pairwise(points[:5]))  # down the first aisle


def test_outside_of_an_outline_nobody_is_sent() -> None:
    corner = ((0, 0), (12, 0), (12, 4), (6, 4), (6, 12), (0, 12), (0, 0))  # an L
    points = suggested(Plan("", 12, 12, (corner,)), {})
    assert points
    assert not any(x > 6 and y > 4 for x, y in points)


def test_a_floor_that_is_one_shelf_has_nowhere_to_stand() -> None:
    with pytest.raises(Nonsense, match="nowhere to stand"):
        suggested(Plan("", 4, 4), {"s": shelf(0, 0, 4, 4)})


@given(st.floats(1, 300), st.floats(1, 300), st.floats(1, 20))
def test_any_floor_gets_points_within_it_and_not_too_many(
    width: float, height: float, spacing: float
) -> None:
    points = suggested(Plan("", width, height), {}, spacing)
    assert 1 <= len(points) <= 2 * SUGGESTED_MAX
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ({}, "No scanner hears this spot."),
        ({"a": {-50: 9}, "b": {-60: 9}}, "Only two scanners hear this spot."),
        ({"a": {-90: 9}, "b": {-91: 9}, "c": {-86: 1}}, "Every scanner is far from this spot."),
        ({"a": {-70: 9}, "b": {-91: 9}, "c": {-86: 1}}, ""),
    ],
)
def test_a_weak_point_says_what_is_poor(heard: dict[str, dict[int, int]], said: str) -> None:
    assert weakness(SurveyPoint(1, 1, 1, "", heard)) == said
