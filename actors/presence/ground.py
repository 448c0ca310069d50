"""The floor as presence sees it: walkable cells, what each zone holds of them, and how each scanner hears them.

Made from committed facts whenever one of the floor's books changed; nothing in it changes afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from actors.facts import Facts
from actors.presence import polygons
from protocols.errors import Nonsense
from protocols.facts import Plan, Radio, SignalMap
from protocols.ids import ZoneId

Floats = NDArray[np.float32]

WINDOW_M = 16.0
"""Side of the square around a subject in which its belief is kept. What drifts out of it is dropped."""

FINE_M, COARSE_M, FINE_M2_MAX = 0.5, 1.0, 1_000.0
"""Side of a cell on floors up to so many square metres, and on larger ones, where nobody says otherwise."""

CELLS_MAX = 250_000
"""Cells of a floor. A larger plan needs a larger `cell_m`."""

LEVEL_UNIT_DB, DOUBT_UNIT_DB = 0.01, 0.1
"""Units of the signal maps' integers."""


@dataclass(frozen=True)
class Ground:
    """Everything is [rows, columns] of cells of `cell_m`; a step right or down is open where 1, stopped where 0.

    `inside` and `around` are the shares of each cell within each zone less its margin band, and with it:
    [zones, rows, columns]. `level` is each scanner's expected reading: [scanners, rows, columns], in dBm.
    """

    cell_m: float
    rows: int
    columns: int
    window: tuple[int, int]
    walkable: Floats
    opens_right: Floats
    opens_down: Floats
    x: Floats
    y: Floats
    zones: tuple[ZoneId, ...]
    inside: Floats
    around: Floats
    scanners: dict[str, int]
    level: Floats
    smoothing_s: tuple[float, ...]
    reading_sd_db: float

    def differs_in_zones_alone(self, other: Ground) -> bool:
        """Whether cells, walls and what scanners hear are the same on both, so that a belief of one fits both."""
        plain = ("cell_m", "rows", "columns", "scanners", "smoothing_s", "reading_sd_db")
        arrays = ("walkable", "opens_right", "opens_down", "level")
        return all(getattr(self, name) == getattr(other, name) for name in plain) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays
        )


def cell_side_m(plan: Plan, wanted_m: float) -> float:
    """The side of a cell: as wanted, or by the size of the floor."""
    return wanted_m or (FINE_M if plan.width_m * plan.height_m <= FINE_M2_MAX else COARSE_M)


def frame(plan: Plan, cell_m: float) -> tuple[int, int]:
    """Rows and columns of a plan. Raises Nonsense for more cells than `CELLS_MAX`."""
    rows, columns = max(2, ceil(plan.height_m / cell_m)), max(2, ceil(plan.width_m / cell_m))
    if rows * columns > CELLS_MAX:
        raise Nonsense(f"the plan has more than {CELLS_MAX:,} cells of {cell_m:g} m; set a larger cell_m")
    return rows, columns


def make_ground(facts: Facts) -> Ground | None:
    """The ground, or None where there is no radio map of this plan, or none yet: files change one after the other."""
    radio, plan = facts.radio, facts.plan
    if radio is None or plan is None or (radio.rows, radio.columns) != frame(plan, radio.cell_m):
        return None
    heard = {name: facts.signals[name] for name in facts.scanners if name in facts.signals}
    if not heard or any(not _is_of(signal, radio) for signal in heard.values()):
        return None
    rows, columns, cell_m = radio.rows, radio.columns, radio.cell_m
    walkable, right, down = _walkable(plan, facts, rows, columns, cell_m)
    x, y = polygons.centres(rows, columns, cell_m)
    drawn = [(ZoneId(name), zone) for name, zone in facts.zones.items() if len(zone.polygon) >= 3]
    edge = [(zone.polygon, zone.margin_m / 2) for _, zone in drawn]
    nothing = np.zeros((0, rows, columns), dtype=np.float32)
    side = ceil(WINDOW_M / cell_m)
    return Ground(
        cell_m=cell_m,
        rows=rows,
        columns=columns,
        window=(min(rows, side), min(columns, side)),
        walkable=walkable,
        opens_right=right,
        opens_down=down,
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        zones=tuple(name for name, _ in drawn),
        inside=np.stack([polygons.shares(p, rows, columns, cell_m, -m) for p, m in edge])
        if edge
        else nothing,
        around=np.stack([polygons.shares(p, rows, columns, cell_m, m) for p, m in edge]) if edge else nothing,
        scanners={name: number for number, name in enumerate(heard)},
        level=np.stack([_levels(signal, radio) for signal in heard.values()]),
        smoothing_s=tuple(facts.scanners[name].smoothing_s for name in heard),
        reading_sd_db=radio.reading_sd_db,
    )


def _is_of(signal: SignalMap, radio: Radio) -> bool:
    cells = radio.rows * radio.columns
    return len(signal.level) == 2 * cells and len(signal.doubt) == cells


def _levels(signal: SignalMap, radio: Radio) -> Floats:
    level = np.frombuffer(signal.level, dtype="<i2")
    shaped: Floats = (level.reshape(radio.rows, radio.columns) * LEVEL_UNIT_DB).astype(np.float32)
    return shaped


def _walkable(
    plan: Plan, facts: Facts, rows: int, columns: int, cell_m: float
) -> tuple[Floats, Floats, Floats]:
    """Cells where one can stand, and the steps between them. A closed wall is a fixture; so is a shelf."""
    x, y = polygons.centres(rows, columns, cell_m)
    free = (x < plan.width_m) & (y < plan.height_m)
    for wall in plan.walls:
        # The outline of the shop itself may be drawn closed, too: it holds the middle of nothing but the floor.
        if len(wall) > 3 and wall[0] == wall[-1] and not _is_outline(wall, plan):
            free &= ~polygons.holds(wall[:-1], x, y)
    for shelf in facts.shelves.values():
        free &= ~((x > shelf.x) & (x < shelf.x + shelf.w) & (y > shelf.y) & (y < shelf.y + shelf.h))
    if not free.any():
        free[:] = True
    stops_right, stops_down = polygons.stopped(plan.walls, rows, columns, cell_m)
    right = (free[:, :-1] & free[:, 1:] & ~stops_right).astype(np.float32)
    down = (free[:-1, :] & free[1:, :] & ~stops_down).astype(np.float32)
    return free.astype(np.float32), right, down


_OUTLINE_SHARE = 0.5
"""A closed wall around more than this share of the plan is the shop's outline, not a fixture."""


def _is_outline(wall: tuple[tuple[float, float], ...], plan: Plan) -> bool:
    xs, ys = [x for x, _ in wall], [y for _, y in wall]
    return (max(xs) - min(xs)) * (max(ys) - min(ys)) > _OUTLINE_SHARE * plan.width_m * plan.height_m
