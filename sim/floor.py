"""The floor that people walk on: what is in the way, where one stands before a shelf, and the shortest way there.

Everything comes from the store's own books. A closed line of the plan is a fixture; its corners, a step away, are
the points that ways turn at, so a way is straight from corner to corner and crosses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, inf
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from edge.book_members import Member
from edge.books import read_books
from protocols.facts import BOOKS, Plan, Product, Scanner, ShelfPlace, TillPlace, Zone

Point = tuple[float, float]

BODY_M = 0.28
"""Half a person with a basket: nobody's middle comes nearer to a fixture or a wall."""

TURN_M = 0.33
"""How far from a corner people turn. A little more than `BODY_M`, so that a turn touches nothing."""

STAND_M = 0.35
"""How far before a fixture one stands to take from it."""

REACH_M = 1.3
"""Goods are not taken from further away."""

TILL_W_M, TILL_H_M = 0.9, 2.4
"""A till's counter, around its place."""

QUEUE_GAP_M = 0.9

SPOT_TRIES = 200


@dataclass(frozen=True, slots=True)
class Rect:
    """An upright rectangle in metres."""

    left: float
    top: float
    right: float
    bottom: float

    def grown(self, by_m: float) -> Rect:
        """The rectangle with a margin all round."""
        return Rect(self.left - by_m, self.top - by_m, self.right + by_m, self.bottom + by_m)

    def holds(self, at: Point) -> bool:
        """True inside, not on the edge."""
        return self.left < at[0] < self.right and self.top < at[1] < self.bottom

    def covers(self, other: Rect) -> bool:
        """True if no part of `other` is outside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def crossed(self, a: Point, b: Point) -> bool:
        """True if the straight line from `a` to `b` goes through the inside (Liang and Barsky's clipping)."""
        first, last = 0.0, 1.0
        for start, move, low, high in (
            (a[0], b[0] - a[0], self.left, self.right),
            (a[1], b[1] - a[1], self.top, self.bottom),
        ):
            if move == 0.0:
                if not low < start < high:
                    return False
                continue
            enters, leaves = (low - start) / move, (high - start) / move
            if enters > leaves:
                enters, leaves = leaves, enters
            first, last = max(first, enters), min(last, leaves)
            if first >= last:
                return False
        return True

    @property
    def middle(self) -> Point:
        """The centre."""
        return ((self.left + self.right) / 2, (self.top + self.bottom) / 2)


class Floor:
    """One store's floor. Everything is worked out once, when it is made; it never changes."""

    def __init__(
        self,
        plan: Plan,
        zones: Mapping[str, Zone],
        scanners: Mapping[str, Scanner],
        shelves: Mapping[str, ShelfPlace],
        tills: Mapping[str, TillPlace],
    ) -> None:
        self.plan = plan
        self.zones = {name: _around(zone.polygon) for name, zone in zones.items() if zone.polygon}
        self.scanners = dict(scanners)
        self.shelves = dict(shelves)
        self.tills = dict(tills)
        self.fixtures = tuple(_around(wall) for wall in plan.walls if len(wall) > 2 and wall[0] == wall[-1])
        self._blocks = tuple(block.grown(BODY_M) for block in self.blocks())
        self._room = Rect(0.0, 0.0, plan.width_m, plan.height_m).grown(-BODY_M)
        self.door = _clamped(_way_in(plan), self._room.grown(-0.1))
        self._turns = [turn for block in self.blocks() for turn in _corners(block) if self.is_free(turn)]
        self._turns.append(self.door)
        self._far, self._next = _all_ways(self._turns, self.sees)
        # What the door's ways do not lead to is a pocket, behind a counter perhaps: nobody is sent there.
        self._reached = [turn for n, turn in enumerate(self._turns) if self._far[-1][n] < inf]
        self.stands = {name: self._stands(place) for name, place in self.shelves.items()}

    def blocks(self) -> tuple[Rect, ...]:
        """Everything that stands on the floor: fixtures, shelves that stand alone, tills."""
        alone = []
        for place in self.shelves.values():
            shelf = Rect(place.x, place.y, place.x + place.w, place.y + place.h)
            if not any(fixture.covers(shelf) for fixture in self.fixtures):
                alone.append(shelf)
        counters = [
            Rect(t.x - TILL_W_M / 2, t.y - TILL_H_M / 2, t.x + TILL_W_M / 2, t.y + TILL_H_M / 2)
            for t in self.tills.values()
        ]
        return (*self.fixtures, *alone, *counters)

    def is_free(self, at: Point) -> bool:
        """True if somebody can stand there."""
        return self._room.holds(at) and not any(block.holds(at) for block in self._blocks)

    def sees(self, a: Point, b: Point) -> bool:
        """True if one can walk straight from `a` to `b`."""
        return not any(block.crossed(a, b) for block in self._blocks)

    def way(self, start: Point, goal: Point) -> tuple[Point, ...]:
        """The points to walk through, the goal last; a goal where nobody can stand is moved to one near it."""
        start, goal = self.nearest_free(start), self.nearest_free(goal)
        if self.sees(start, goal):
            return (goal,)
        onto = [(n, _far(start, turn)) for n, turn in enumerate(self._turns) if self.sees(start, turn)]
        off = [(n, _far(turn, goal)) for n, turn in enumerate(self._turns) if self.sees(turn, goal)]
        best, first, last = inf, -1, -1
        for one, there in onto:
            for other, rest in off:
                length = there + self._far[one][other] + rest
                if length < best:
                    best, first, last = length, one, other
        assert first >= 0, "both ends are reached from the door"
        turns = [first]
        while turns[-1] != last:
            turns.append(self._next[turns[-1]][last])
        return (*(self._turns[n] for n in turns), goal)

    def is_reached(self, at: Point) -> bool:
        """True if somebody can stand there and get there."""
        return self.is_free(at) and any(self.sees(at, turn) for turn in self._reached)

    def nearest_free(self, at: Point) -> Point:
        """`at`, or the nearest point that we know of where somebody can stand and get to."""
        if self.is_reached(at):
            return at
        inside = _clamped(at, self._room.grown(-0.01))
        if self.is_reached(inside):
            return inside
        sides = [side for block in self._blocks for side in _sides(block.grown(0.02), inside)]
        near = sorted((*sides, *self._reached), key=lambda side: _far(side, inside))
        return next(side for side in near if self.is_reached(side))

    def zone_of(self, at: Point) -> str:
        """The zone around a point, or ''."""
        return next((name for name, zone in self.zones.items() if zone.holds(at)), "")

    def spot(self, zone: str, chance: Random) -> Point:
        """Some free point of a zone."""
        area = self.zones[zone].grown(-0.2)
        for _ in range(SPOT_TRIES):
            at = (chance.uniform(area.left, area.right), chance.uniform(area.top, area.bottom))
            if self.is_reached(at):
                return at
        return self.nearest_free(area.middle)

    def queue_place(self, till: str, place: int) -> Point:
        """Where the one stands who has `place` people before them at a till."""
        counter = self.tills[till]
        x = counter.x - TILL_W_M / 2 - 0.5
        return self.nearest_free((x, counter.y + 0.7 - QUEUE_GAP_M * place))

    def _stands(self, place: ShelfPlace) -> tuple[Point, ...]:
        """The points from which goods are taken: before the sides that face the shelf's zone, else any free one."""
        shelf = Rect(place.x, place.y, place.x + place.w, place.y + place.h)
        block = next((fixture for fixture in self.fixtures if fixture.covers(shelf)), shelf)
        fronts = [
            side
            for side in _sides(block.grown(STAND_M), shelf.middle)
            if self.is_free(side) and _far(side, _clamped(side, shelf)) <= REACH_M
        ]
        zone = self.zones.get(place.zone)
        facing = [side for side in fronts if zone is not None and zone.holds(side)]
        return tuple(facing or fronts or [self.nearest_free(shelf.middle)])


@dataclass(frozen=True, slots=True)
class Shop:
    """What the simulated world knows of a store: its own books, read as the store reads them."""

    floor: Floor
    products: Mapping[str, Product]
    members: tuple[Member, ...]


def read_shop(folder: Path) -> Shop:
    """The shop of a folder of books. Raises BooksWrong as the store does."""
    books = read_books(folder)
    values: dict[str, dict[str, Any]] = {book: {} for book in BOOKS}
    for know in books.knows:
        values[know.book][know.key] = msgspec.json.decode(know.value, type=BOOKS[know.book])
    (plan,) = values["plan"].values()
    floor = Floor(plan, values["zone"], values["scanner"], values["shelf"], values["till"])
    return Shop(floor, values["product"], books.members)


def _around(points: Iterable[Point]) -> Rect:
    xs, ys = zip(*points, strict=True)
    return Rect(min(xs), min(ys), max(xs), max(ys))


def _way_in(plan: Plan) -> Point:
    """The middle of the first open wall's gap; a plan without one is entered in the middle of its lower side."""
    for wall in plan.walls:
        if len(wall) > 2 and wall[0] != wall[-1]:
            return ((wall[0][0] + wall[-1][0]) / 2, (wall[0][1] + wall[-1][1]) / 2)
    return (plan.width_m / 2, plan.height_m)


def _corners(block: Rect) -> tuple[Point, ...]:
    wide = block.grown(TURN_M)
    return (
        (wide.left, wide.top),
        (wide.right, wide.top),
        (wide.right, wide.bottom),
        (wide.left, wide.bottom),
    )


def _sides(block: Rect, at: Point) -> tuple[Point, ...]:
    """The point of each side that is nearest to `at`."""
    x, y = _clamped(at, block)
    return ((block.left, y), (block.right, y), (x, block.top), (x, block.bottom))


def _clamped(at: Point, area: Rect) -> Point:
    return (min(max(at[0], area.left), area.right), min(max(at[1], area.top), area.bottom))


def _far(a: Point, b: Point) -> float:
    return hypot(a[0] - b[0], a[1] - b[1])


def _all_ways(
    turns: Sequence[Point], sees: Callable[[Point, Point], bool]
) -> tuple[list[list[float]], list[list[int]]]:
    """Lengths between all turning points, and the next one on each way (Floyd and Warshall)."""
    count = range(len(turns))
    far = [[_far(a, b) if sees(a, b) else inf for b in turns] for a in turns]
    following = [list(count) for _ in count]
    for through in count:
        row = far[through]
        for one in count:
            there = far[one][through]
            if there == inf:
                continue
            ours, next_one = far[one], following[one]
            for other in count:
                if there + row[other] < ours[other]:
                    ours[other] = there + row[other]
                    next_one[other] = next_one[through]
    return far, following
