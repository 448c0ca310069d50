"""Methods by a survey: the nearest fingerprints, and the plainest grid filter over them. Neither is ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from protocols.facts import SurveyPoint
from protocols.ids import UNKNOWN_ZONE
from sim.presence.baselines import SHORT_S, Window, by_place
from sim.presence.grids import Floats, Grid
from sim.presence.methods import NOWHERE, Contender, Said, Site

UNHEARD_DBM = -100.0
"""The level of a gateway that a point of the survey does not hear: below what a receiver reports."""


def means(points: Sequence[SurveyPoint], names: Sequence[str]) -> Floats:
    """The mean level of each gateway (columns) at each point (rows)."""
    table = np.full((len(points), len(names)), UNHEARD_DBM)
    for row, point in enumerate(points):
        for column, name in enumerate(names):
            levels = point.heard.get(name)
            if levels:
                table[row, column] = sum(dbm * count for dbm, count in levels.items()) / sum(levels.values())
    return table


def powers(points: Sequence[SurveyPoint], names: Sequence[str]) -> Floats:
    """The mean of power instead, in dBm, lowered by what the mean of dBm is lower over all: so fading averages out."""
    plain = means(points, names)
    table = plain.copy()
    for row, point in enumerate(points):
        for column, name in enumerate(names):
            levels = point.heard.get(name)
            if levels:
                power = sum(10.0 ** (dbm / 10.0) * count for dbm, count in levels.items()) / sum(
                    levels.values()
                )
                table[row, column] = 10.0 * np.log10(power)
    table += (plain - table)[plain > UNHEARD_DBM].mean()
    return table


def amid(points: Sequence[SurveyPoint], table: Floats, xs: Floats, ys: Floats, count: int = 4) -> Floats:
    """Levels at the cells, row by row: of the `count` nearest points, by 1 / (distance² + 0.25 m²)."""
    x, y = (axis.ravel() for axis in np.meshgrid(xs, ys))
    far = np.hypot(
        x[:, None] - np.array([point.x for point in points]),
        y[:, None] - np.array([point.y for point in points]),
    )
    nearest = np.argsort(far, axis=1, kind="stable")[:, :count]
    weight = 1.0 / (np.take_along_axis(far, nearest, 1) ** 2 + 0.25)
    weight /= weight.sum(axis=1, keepdims=True)
    levels: Floats = (table[nearest] * weight[:, :, None]).sum(axis=1)
    return levels


class Fingerprints:
    """The weighted mean of the survey points whose levels are most like those of the last 2 s."""

    neighbours = 3

    def __init__(self, names: Sequence[str], points: Sequence[SurveyPoint], table: Floats) -> None:
        self._columns = {name: column for column, name in enumerate(names)}
        self._x = np.array([point.x for point in points])
        self._y = np.array([point.y for point in points])
        self._table = table
        self._window = Window(SHORT_S)

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """Amid the likest points."""
        self._window.hear(at_s, scanner, rssi_dbm)
        heard = self._window.means()
        if not heard:
            return NOWHERE, NOWHERE
        columns = [self._columns[name] for name in heard]
        off = ((self._table[:, columns] - np.array(list(heard.values()))) ** 2).mean(axis=1)
        likest = np.argsort(off, kind="stable")[: self.neighbours]
        weight = 1.0 / (off[likest] + 1.0)
        return (
            float((weight * self._x[likest]).sum() / weight.sum()),
            float((weight * self._y[likest]).sum() / weight.sum()),
        )


class PlainFilter:
    """A hidden Markov model over cells of 1 m, by textbook: each cell has levels amid its nearest survey points,
    readings scatter about them by a Gaussian, the carrier diffuses; another zone is entered at p of 0.6.
    """

    cell_m = 1.0
    scatter_db = 6.0
    drift_m2_s = 1.0
    enter_p = 0.6

    def __init__(
        self, grid: Grid, columns: Mapping[str, int], levels: Floats, xs: Floats, ys: Floats
    ) -> None:
        self._columns = columns
        self._levels = levels
        self._across = len(xs)
        self._x, self._y = (axis.ravel() for axis in np.meshgrid(xs, ys))
        self._cells = grid.cells(self._x, self._y)
        self._zones = grid.zones
        self._p = np.full(len(self._x), 1.0 / len(self._x))
        self._at_s: float | None = None
        self._zone: str = UNKNOWN_ZONE

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> Said:
        """Moves, weighs by the reading, and sums over zones."""
        if self._at_s is not None:
            self._drift(at_s - self._at_s)
        self._at_s = at_s
        off = (rssi_dbm - self._levels[:, self._columns[scanner]]) / self.scatter_db
        self._p *= np.exp(-0.5 * np.minimum(off * off, 25.0))  # a floor: one odd reading must not decide
        self._p /= self._p.sum()
        shares = np.bincount(self._cells, self._p, len(self._zones))
        likeliest = int(shares.argmax())
        if shares[likeliest] >= self.enter_p:
            self._zone = self._zones[likeliest]
        p = shares[likeliest] if self._zone == UNKNOWN_ZONE else shares[self._zones.index(self._zone)]
        x, y = float(self._p @ self._x), float(self._p @ self._y)
        return Said(self._zone, float(p), x, y, self._zones[likeliest])

    def _drift(self, dt: float) -> None:
        spread = self.drift_m2_s * dt / self.cell_m**2
        p = self._p.reshape(-1, self._across)
        while spread > 1e-6:
            part = min(spread, 0.5) / 2.0
            spread -= 0.5
            for axis in (0, 1):
                padded = np.pad(p, [(1, 1) if axis == one else (0, 0) for one in (0, 1)], mode="edge")
                before, after = (padded[:-2], padded[2:]) if axis == 0 else (padded[:, :-2], padded[:, 2:])
                p = (1.0 - 2.0 * part) * p + part * (before + after)
        self._p = p.ravel()


def by_survey(site: Site) -> list[Contender]:
    """The methods by a survey; none without one."""
    points = [point for point in site.survey if not point.by]
    if not points:
        return []
    names = sorted(site.gateways)
    table = means(points, names)
    columns = {name: column for column, name in enumerate(names)}
    xs = np.arange(0.5, site.floor.width_m + 0.5) * PlainFilter.cell_m
    ys = np.arange(0.5, site.floor.height_m + 0.5) * PlainFilter.cell_m
    levels = amid(points, powers(points, names), xs, ys)
    return [
        by_place(
            "fingerprints",
            "the 3 survey points most like the means of 2 s",
            lambda: Fingerprints(names, points, table),
        ),
        Contender(
            "plain grid filter",
            "a textbook filter over cells of 1 m with levels amid the nearest survey points",
            lambda grid: PlainFilter(grid, columns, levels, xs, ys),
        ),
    ]
