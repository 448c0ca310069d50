"""Grids of zones over a floor: which cell a point is in, and how far from a line between two cells.

A grid is moved by a part of a cell to ask the same question again: a method that is right on one grid by luck is not
right on all of them. Cells at the border are then cut, and what sticks out is one more row or column.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from protocols.errors import Nonsense

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHIFTS = 5
"""A grid is shifted by so many parts of a cell, each way: 25 grids, the plain one among them."""

CELLS_MAX = 40
"""Rows, and columns, of a grid. A finer one is refused: nobody draws 1,600 zones, and the radio cannot tell them."""

SIDE_MAX_M = 1_000.0


@dataclass(frozen=True)
class Floor:
    """The extent in metres, from the origin. What is outside counts to the border."""

    width_m: float
    height_m: float

    def clamp(self, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
        """The points on the floor: tracking systems place a carrier a few centimetres behind a wall."""
        return np.clip(xs, 0.0, self.width_m), np.clip(ys, 0.0, self.height_m)


@dataclass(frozen=True)
class Grid:
    """`columns` × `rows` equal cells, named `r0c0` from the origin; shifts are parts of a cell, 0 to below 1."""

    floor: Floor
    columns: int
    rows: int
    shift_x: float = 0.0
    shift_y: float = 0.0

    @cached_property
    def lines_x(self) -> Floats:
        """Where one column ends and the next begins."""
        return _lines(self.floor.width_m, self.columns, self.shift_x)

    @cached_property
    def lines_y(self) -> Floats:
        """Where one row ends and the next begins."""
        return _lines(self.floor.height_m, self.rows, self.shift_y)

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """Names of all cells, row by row."""
        across = range(len(self.lines_x) + 1)
        return tuple(f"r{row}c{column}" for row in range(len(self.lines_y) + 1) for column in across)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each name in `zones`."""
        return {zone: place for place, zone in enumerate(self.zones)}

    def cells(self, xs: Floats, ys: Floats) -> Ints:
        """The cell of each point, as a place in `zones`. A point on a line belongs to the cell behind it."""
        columns = np.searchsorted(self.lines_x, xs, side="right")
        rows = np.searchsorted(self.lines_y, ys, side="right")
        return (rows * (len(self.lines_x) + 1) + columns).astype(np.int64)

    def zone_of(self, x: float, y: float) -> str:
        """The name of the cell around a point; what is outside the floor counts to its border."""
        return self.zones[int(self.cells(np.array([x]), np.array([y]))[0])]

    def edge_m(self, xs: Floats, ys: Floats) -> Floats:
        """How far each point is from the nearest line between two cells; infinite on a grid of one cell."""
        away = np.full(len(xs), np.inf)
        for at, lines in ((xs, self.lines_x), (ys, self.lines_y)):
            if len(lines):
                away = np.minimum(away, np.abs(at[:, None] - lines[None, :]).min(axis=1))
        return away

    def box(self, zone: str) -> tuple[float, float, float, float]:
        """The cell's left, top, right and bottom."""
        row, column = divmod(self.places[zone], len(self.lines_x) + 1)
        xs = (0.0, *self.lines_x, self.floor.width_m)
        ys = (0.0, *self.lines_y, self.floor.height_m)
        return float(xs[column]), float(ys[row]), float(xs[column + 1]), float(ys[row + 1])

    def shifted(self) -> tuple[Grid, ...]:
        """This grid moved by fifths of a cell both ways; the first is this one."""
        parts = [part / SHIFTS for part in range(SHIFTS)]
        return tuple(replace(self, shift_x=x, shift_y=y) for y in parts for x in parts)


def _lines(length_m: float, cells: int, shift: float) -> Floats:
    ends: Floats = (np.arange(cells, dtype=np.float64) + shift) * (length_m / cells)
    return ends[ends > 0.0]


def read_floor(text: str) -> Floor:
    """`20.7x17.6` in metres, or Nonsense."""
    width, height = _pair(text, "a floor is WIDTHxHEIGHT in metres, for example 20.7x17.6")
    if not (1.0 <= width <= SIDE_MAX_M and 1.0 <= height <= SIDE_MAX_M):
        raise Nonsense(f"a floor is 1 to {SIDE_MAX_M:,g} m wide and high, not {text[:40]}")
    return Floor(width, height)


def read_grid(text: str, floor: Floor) -> Grid:
    """`3x3`: columns and rows over the floor, or Nonsense."""
    columns, rows = _pair(text, "a grid is COLUMNSxROWS, for example 3x3")
    if not all(one == int(one) and 1 <= one <= CELLS_MAX for one in (columns, rows)):
        raise Nonsense(f"a grid has 1 to {CELLS_MAX} columns and rows, not {text[:40]}")
    return Grid(floor, int(columns), int(rows))


def _pair(text: str, wanted: str) -> tuple[float, float]:
    parts = text.lower().replace("×", "x").split("x")
    try:
        first, second = (float(part) for part in parts)
    except ValueError:
        raise Nonsense(f"'{text[:40]}': {wanted}") from None
    if not (np.isfinite(first) and np.isfinite(second)):
        raise Nonsense(f"'{text[:40]}': {wanted}")
    return first, second
