"""Where to stand on a floor: points some 3 m apart where one can walk, in the order of a walk; and weak points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

from protocols.errors import Nonsense
from protocols.facts import Plan, ShelfPlace, SurveyPoint

Point = tuple[float, float]

SPACING_M = 3.0

SUGGESTED_MAX = 600
"""Points suggested at once: five hours of walking. On a larger floor they stand further apart."""

STEP_M = 0.25
STEPS_MAX = 12
"""A free place is looked for in steps of so much, at most so many each way from the middle of its field."""

CLEAR_M = (0.5, 0.25)
"""How far from walls and shelves to stand, if there is room: and if there is not."""

OUTLINE_SHARE = 0.5
"""A wall around more than this share of the plan is the shop's outline; one around less stands on the floor."""

WEAK_SCANNERS = 3
"""A place is told from others by at least so many scanners."""

WEAK_DBM = -85
"""Below so much, readings are mostly noise."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """A floor as one walks on it."""

    width_m: float
    height_m: float
    outlines: tuple[Sequence[Point], ...]
    fixtures: tuple[Sequence[Point], ...]
    edges: tuple[tuple[Point, Point], ...]


def suggested(
    plan: Plan, shelves: Mapping[str, ShelfPlace], spacing_m: float = SPACING_M
) -> tuple[Point, ...]:
    """Points over the walkable floor, about `spacing_m` apart, as a walk goes. Raises Nonsense if there are none."""
    spacing_m = max(spacing_m, (plan.width_m * plan.height_m / SUGGESTED_MAX) ** 0.5)
    ground = _ground(plan, shelves)
    columns, rows = (max(1, round(side / spacing_m)) for side in (plan.width_m, plan.height_m))
    wide, high = plan.width_m / columns, plan.height_m / rows
    offsets = _offsets(wide / 2, high / 2)
    found: dict[tuple[int, int], Point] = {}
    for row in range(rows):
        for column in range(columns):
            middle = ((column + 0.5) * wide, (row + 0.5) * high)
            point = _nearest_free(ground, middle, offsets)
            if point is not None and not _crowded(point, found, (column, row), min(wide, high) / 2):
                found[column, row] = point
    if not found:
        raise Nonsense(
            "There is nowhere to stand on this plan. Look at its walls and its size in floor.yaml."
        )
    by_rows = [found[place] for place in _serpentine(found, columns, rows, across=True)]
    by_columns = [found[place] for place in _serpentine(found, columns, rows, across=False)]
    return tuple(by_rows if _effort(by_rows, ground) <= _effort(by_columns, ground) else by_columns)


def weakness(point: SurveyPoint) -> str:
    """What is weak about a point, as a sentence; empty if nothing is."""
    return said_of(point.heard)


def said_of(heard: Mapping[str, Mapping[int, int]]) -> str:
    """The same of what was heard there."""
    if len(heard) < WEAK_SCANNERS:
        few = {0: "No scanner hears", 1: "Only one scanner hears"}.get(len(heard), "Only two scanners hear")
        return f"{few} this spot."
    if (loudest := strongest(heard)) is not None and loudest < WEAK_DBM:
        return "Every scanner is far from this spot."
    return ""


def strongest(heard: Mapping[str, Mapping[int, int]]) -> int | None:
    """The mean of the scanner that hears best, in whole dBm; None if none does."""
    return max((mean_dbm(counts) for counts in heard.values() if counts), default=None)


def mean_dbm(counts: Mapping[int, int]) -> int:
    """The mean of counted readings."""
    return round(sum(dbm * count for dbm, count in counts.items()) / max(1, sum(counts.values())))


def _ground(plan: Plan, shelves: Mapping[str, ShelfPlace]) -> _Ground:
    outlines: list[Sequence[Point]] = []
    fixtures: list[Sequence[Point]] = [
        ((one.x, one.y), (one.x + one.w, one.y), (one.x + one.w, one.y + one.h), (one.x, one.y + one.h))
        for one in shelves.values()
    ]
    edges: list[tuple[Point, Point]] = []
    for wall in plan.walls:
        edges += pairwise(wall)
        if len(wall) > 2 and _area(wall) >= OUTLINE_SHARE * plan.width_m * plan.height_m:
            outlines.append(wall)
        elif len(wall) > 3 and wall[0] == wall[-1]:
            fixtures.append(wall)
    for shape in fixtures:
        edges += zip(shape, (*shape[1:], shape[0]), strict=True)
    return _Ground(plan.width_m, plan.height_m, tuple(outlines), tuple(fixtures), tuple(edges))


def _offsets(half_x: float, half_y: float) -> list[Point]:
    """Places in one field of the grid as steps from its middle, the nearest first."""
    step = max(STEP_M, max(half_x, half_y) / STEPS_MAX)
    some_x, some_y = (range(-int(half / step), int(half / step) + 1) for half in (half_x, half_y))
    return sorted(((x * step, y * step) for x in some_x for y in some_y), key=lambda one: (hypot(*one), one))


def _nearest_free(ground: _Ground, middle: Point, offsets: Sequence[Point]) -> Point | None:
    """The free place nearest to the middle of one field of the grid, with much room around if there is any."""
    reach = hypot(*offsets[-1]) + CLEAR_M[0]
    near = [edge for edge in ground.edges if _apart(middle, edge) <= reach]
    for clear_m in CLEAR_M:
        for dx, dy in offsets:
            point = (round(middle[0] + dx, 2), round(middle[1] + dy, 2))
            if _is_free(ground, point, near, clear_m):
                return point
    return None


def _is_free(ground: _Ground, point: Point, near: Iterable[tuple[Point, Point]], clear_m: float) -> bool:
    x, y = point
    if not (clear_m <= x <= ground.width_m - clear_m and clear_m <= y <= ground.height_m - clear_m):
        return False
    if any(_apart(point, edge) < clear_m for edge in near):
        return False
    if any(_inside(point, shape) for shape in ground.fixtures):
        return False
    return all(_inside(point, outline) for outline in ground.outlines)


def _crowded(
    point: Point, found: Mapping[tuple[int, int], Point], place: tuple[int, int], least_m: float
) -> bool:
    """Whether a neighbour stands so near already that this point would say the same again."""
    column, row = place
    around = ((column - 1, row), (column - 1, row - 1), (column, row - 1), (column + 1, row - 1))
    return any(
        (other := found.get(one)) is not None and hypot(point[0] - other[0], point[1] - other[1]) < least_m
        for one in around
    )


def _serpentine(
    found: Mapping[tuple[int, int], Point], columns: int, rows: int, *, across: bool
) -> Iterator[tuple[int, int]]:
    """Line by line, every second one back."""
    lines, along = (rows, columns) if across else (columns, rows)
    forth = True
    for line in range(lines):
        places = [(step, line) if across else (line, step) for step in range(along)]
        held = [place for place in places if place in found]
        yield from held if forth else reversed(held)
        forth = forth != bool(held)  # an empty line turns nobody round


def _effort(way: Sequence[Point], ground: _Ground) -> float:
    """How far one walks; a leg through a wall or a shelf counts three times, since one goes around it."""
    total = 0.0
    for one, other in pairwise(way):
        far = hypot(other[0] - one[0], other[1] - one[1])
        total += 3 * far if any(_cross(one, other, *edge) for edge in ground.edges) else far
    return total


def _area(shape: Sequence[Point]) -> float:
    pairs = zip(shape, (*shape[1:], shape[0]), strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def _inside(point: Point, shape: Sequence[Point]) -> bool:
    """By the number of edges that a ray to the right crosses; an open shape is closed."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(shape, (*shape[1:], shape[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def _apart(point: Point, edge: tuple[Point, Point]) -> float:
    """Metres from a point to a straight piece of wall."""
    (x1, y1), (x2, y2) = edge
    dx, dy = x2 - x1, y2 - y1
    long = dx * dx + dy * dy
    share = 0.0 if long == 0 else ((point[0] - x1) * dx + (point[1] - y1) * dy) / long
    share = min(1.0, max(0.0, share))
    return hypot(point[0] - x1 - share * dx, point[1] - y1 - share * dy)


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two straight pieces cross."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
