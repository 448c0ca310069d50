"""Plane geometry on a grid of cells: what share of each cell lies in a polygon, and which steps a wall stops.

Coordinates are metres, x to the right, y downwards; arrays are [row, column], the first cell at the origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

SAMPLES = 4
"""Points along each side of a cell that are looked at: a share is a multiple of 1/16."""

NUDGE_M = (1.3e-6, 0.7e-6)
"""Walls are taken to stand so far to the right and below: one that is drawn through cells' very middles is then on one
side of each, and people do not slip through where it turns."""


def shares(polygon: Sequence[Point], rows: int, columns: int, cell_m: float, grown_m: float = 0.0) -> Floats:
    """The share of each cell within the polygon, grown (or, negative, shrunk) by `grown_m`: [rows, columns], 0 to 1."""
    share = np.zeros((rows, columns), dtype=np.float32)
    reach = max(grown_m, 0.0)
    left, right = (_cell(at, cell_m, columns) for at in _extent([x for x, _ in polygon], reach))
    top, bottom = (_cell(at, cell_m, rows) for at in _extent([y for _, y in polygon], reach))
    high, wide = bottom - top + 1, right - left + 1
    x, y = centres(high * SAMPLES, wide * SAMPLES, cell_m / SAMPLES)
    x, y = x + left * cell_m, y + top * cell_m
    within = holds(polygon, x, y)
    if grown_m:
        near = far_from(polygon, x, y) < abs(grown_m)
        within = within | near if grown_m > 0 else within & ~near
    folded = within.reshape(high, SAMPLES, wide, SAMPLES).mean(axis=(1, 3), dtype=np.float32)
    share[top : bottom + 1, left : right + 1] = folded
    return share


def centres(rows: int, columns: int, cell_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of every cell's middle, each [rows, columns]."""
    x, y = np.meshgrid((np.arange(columns) + 0.5) * cell_m, (np.arange(rows) + 0.5) * cell_m)
    return x, y


def holds(polygon: Sequence[Point], x: NDArray[np.float64], y: NDArray[np.float64]) -> Flags:
    """Which points lie inside, by counting the edges that a ray to the right crosses (Shimrat, 1962)."""
    inside = np.zeros(x.shape, dtype=np.bool_)
    for (ax, ay), (bx, by) in _edges(polygon):
        if ay == by:
            continue
        crosses = (ay > y) != (by > y)
        inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def far_from(polygon: Sequence[Point], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each point is from the polygon's border, in metres."""
    least = np.full(x.shape, np.inf)
    for (ax, ay), (bx, by) in _edges(polygon):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / length, 0.0, 1.0) if length else np.zeros(x.shape)
        np.minimum(least, np.hypot(x - ax - along * dx, y - ay - along * dy), out=least)
    return least


def stopped(walls: Iterable[Sequence[Point]], rows: int, columns: int, cell_m: float) -> tuple[Flags, Flags]:
    """Which steps between neighbouring cells' middles a wall crosses: to the right [rows, columns - 1], and down."""
    x, y = centres(rows, columns, cell_m)
    right = np.zeros((rows, columns - 1), dtype=np.bool_)
    down = np.zeros((rows - 1, columns), dtype=np.bool_)
    for wall in walls:
        for (ax, ay), (bx, by) in pairwise((wx + NUDGE_M[0], wy + NUDGE_M[1]) for wx, wy in wall):
            right |= _crossed(ay, by, ax, bx, y[:, :-1], x[:, :-1], cell_m)
            down |= _crossed(ax, bx, ay, by, x[:-1, :], y[:-1, :], cell_m)
    return right, down


def _crossed(
    a_across: float,
    b_across: float,
    a_along: float,
    b_along: float,
    across: NDArray[np.float64],
    along: NDArray[np.float64],
    cell_m: float,
) -> Flags:
    """Whether the segment a-b crosses the step that begins at (across, along) and goes one cell along."""
    spans = (a_across > across) != (b_across > across)
    if a_across == b_across:
        return np.zeros(across.shape, dtype=np.bool_)
    at = a_along + (b_along - a_along) * (across - a_across) / (b_across - a_across)
    crossed: Flags = spans & (at >= along) & (at < along + cell_m)
    return crossed


def _extent(along: Sequence[float], reach: float) -> tuple[float, float]:
    return min(along) - reach, max(along) + reach


def _cell(at: float, cell_m: float, count: int) -> int:
    return min(max(int(at / cell_m), 0), count - 1)


def _edges(polygon: Sequence[Point]) -> Iterable[tuple[Point, Point]]:
    return zip(polygon, (*polygon[1:], polygon[0]), strict=True)
