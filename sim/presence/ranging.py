"""Methods by distance: a path loss for each scanner, the place that fits all of them, a filter over places.

ESPresense companion's locator stands here as its source describes it; with the generator of its own harness it gives
the numbers that it publishes, digit for digit (`endcap-sim presence --scenario`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, hypot, sqrt

import numpy as np

from protocols.facts import SurveyPoint
from sim.presence.baselines import LONG_S, SHORT_S, Smooth, WeightedMean, Window, by_place
from sim.presence.grids import Floor
from sim.presence.methods import NOWHERE, Contender, Site
from sim.presence.simplex import minimise
from sim.presence.walks import Place

CEILING_M = 3.0
"""How high the companion looks for a device."""

CARRIED_M = 1.2
"""How high a device is carried if no survey says."""

NEAREST_M = 0.5
"""Below this distance path loss says nothing: the near field, and who carries it."""


@dataclass(frozen=True, slots=True)
class PathLoss:
    """The strength at one metre, and by how many tenths of decades it falls: level = at_1m - 10 n log10(d)."""

    at_1m_dbm: float
    n: float

    def distance_m(self, dbm: float) -> float:
        """How far a device of this strength is."""
        return float(10.0 ** ((self.at_1m_dbm - dbm) / (10.0 * self.n)))


DEFAULT = PathLoss(-59.0, 3.0)
"""What ESPresense's firmware takes if nobody calibrates."""


def surveyed(gateways: Mapping[str, Place], points: Sequence[SurveyPoint]) -> dict[str, PathLoss]:
    """The path loss of each gateway by least squares over a survey's means; the default where it has too few."""
    fitted: dict[str, PathLoss] = {}
    for name, place in gateways.items():
        far, level = [], []
        for point in points:
            heard = point.heard.get(name)
            if heard and not point.by:
                across = hypot(point.x - place.x, point.y - place.y)
                far.append(np.log10(max(NEAREST_M, hypot(across, point.z - place.z))))
                level.append(sum(dbm * count for dbm, count in heard.items()) / sum(heard.values()))
        if len(far) < 3 or np.ptp(far) < 0.1:
            fitted[name] = DEFAULT
            continue
        n = float(np.clip(-np.polyfit(far, level, 1)[0] / 10.0, 1.0, 5.0))
        fitted[name] = PathLoss(float(np.mean(level) + 10.0 * n * np.mean(far)), n)
    return fitted


class Trilateration:
    """The place whose distances explain the means of a short window best, by damped Gauss-Newton, then smoothed.

    Residuals are in decibels: there the noise is alike near and far, so this is the likeliest place.
    """

    rounds = 8
    place_sd_m = 2.0
    accelerates = 1.0

    def __init__(
        self, floor: Floor, gateways: Mapping[str, Place], losses: Mapping[str, PathLoss], carried_m: float
    ) -> None:
        self._floor = floor
        self._gateways = gateways
        self._losses = losses
        self._carried_m = carried_m
        self._window = Window(SHORT_S)
        self._smooth = Smooth(self.accelerates)
        self._last: tuple[float, float] | None = None

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """The smoothed place; nowhere while fewer than three scanners hear it."""
        self._window.hear(at_s, scanner, rssi_dbm)
        means = self._window.means()
        if len(means) < 3:
            return NOWHERE, NOWHERE
        self._last = self._solve(means)
        # A window's readings make one place between them, so each of them brings its part of that certainty.
        x, y = self._smooth.take(at_s, *self._last, self.place_sd_m**2 * len(self._window))
        return min(max(x, 0.0), self._floor.width_m), min(max(y, 0.0), self._floor.height_m)

    def _solve(self, means: Mapping[str, float]) -> tuple[float, float]:
        names = list(means)
        places = [self._gateways[name] for name in names]
        xs, ys = np.array([at.x for at in places]), np.array([at.y for at in places])
        up = np.array([(at.z - self._carried_m) ** 2 for at in places])
        at_1m = np.array([self._losses[name].at_1m_dbm for name in names])
        n = np.array([self._losses[name].n for name in names])
        levels = np.array([means[name] for name in names])

        def misfit(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
            square = np.maximum((xs - x) ** 2 + (ys - y) ** 2 + up, NEAREST_M**2)
            return levels - (at_1m - 5.0 * n * np.log10(square)), square

        power = 10.0 ** (levels / 10.0)
        starts = [(float((power * xs).sum() / power.sum()), float((power * ys).sum() / power.sum()))]
        if self._last is not None:
            starts.append(self._last)
        x, y = min(starts, key=lambda at: float((misfit(*at)[0] ** 2).sum()))
        left, square = misfit(x, y)
        damping = 1.0
        for _ in range(self.rounds):
            pull = 10.0 / np.log(10.0) * n / square
            jx, jy = pull * (xs - x), pull * (ys - y)
            a, b, c = (jx * jx).sum() + damping, (jx * jy).sum(), (jy * jy).sum() + damping
            gx, gy = (jx * left).sum(), (jy * left).sum()
            det = a * c - b * b
            to_x = min(max(x + float((c * gx - b * gy) / det), 0.0), self._floor.width_m)
            to_y = min(max(y + float((a * gy - b * gx) / det), 0.0), self._floor.height_m)
            tried, wide = misfit(to_x, to_y)
            if (tried**2).sum() < (left**2).sum():
                moved = hypot(to_x - x, to_y - y)
                x, y, left, square, damping = to_x, to_y, tried, wide, damping / 4.0
                if moved < 0.01:
                    break
            else:
                damping *= 8.0
        return x, y


def nelder_mead(
    heard: Sequence[tuple[Place, float]], low: Sequence[float], high: Sequence[float], sigma: float = 0.3
) -> tuple[float, float]:
    """The companion's Nelder-Mead locator: a place and a scale of all distances, from (scanner, metres).

    Scanners weigh by their order of distance, a Gaussian over ranks; the scale is held near one. It begins amid the
    two nearest scanners and needs three.
    """
    order = sorted(heard, key=lambda one: one[1])
    count = len(order)
    weights = [exp(-((rank / (count - 1)) ** 2) / (2 * sigma**2)) for rank in range(count)]
    total = sum(weights)
    low4, high4 = (*low, 0.5), (*high, 1.5)
    nodes = [(at.x, at.y, at.z, far, weight) for (at, far), weight in zip(order, weights, strict=True)]

    def cost(to: list[float]) -> float:
        x, y, z, scale = to
        out = sqrt(sum(max(lo - at, at - hi, 0.0) ** 2 for at, lo, hi in zip(to, low4, high4, strict=True)))
        fit = 0.0
        for node_x, node_y, node_z, far, weight in nodes:
            off = sqrt((x - node_x) ** 2 + (y - node_y) ** 2 + (z - node_z) ** 2) * scale - far
            fit += weight * off * off
        return (5.0 ** (1.0 + out) if out > 0 else 0.0) + (5.0 * (1.0 - scale)) ** 2 + fit / total

    places = [at for at, _ in order]
    first, second = places[0], places[1]
    guess = [
        min(max((one + other) / 2, lo), hi)
        for one, other, lo, hi in zip(
            (first.x, first.y, first.z), (second.x, second.y, second.z), low, high, strict=True
        )
    ]
    near = places[:3]
    middle = [sum(axis) / len(near) for axis in zip(*((at.x, at.y, at.z) for at in near), strict=True)]
    towards = [at - of for at, of in zip(middle, guess, strict=True)]
    length = sqrt(sum(one * one for one in towards)) or 1.0
    found = minimise(cost, [*guess, 1.0], [*(one / length for one in towards), 0.05], 1e-7)
    if found is None:
        return guess[0], guess[1]
    x, y = (min(max(one, lo), hi) for one, lo, hi in zip(found[:2], low, high, strict=False))
    return x, y


class Companion:
    """ESPresense companion by default: distances by the firmware's window and path loss, its locator, its filter.

    The filter is a Kalman filter with constant velocity; a place further off than a carrier of `fastest_ms` could
    have gone is trusted less, by the square of how much further.
    """

    every_s = 0.5
    process_noise, place_noise, fastest_ms = 0.01, 0.1, 0.5

    def __init__(self, floor: Floor, gateways: Mapping[str, Place]) -> None:
        self._high = (floor.width_m, floor.height_m, CEILING_M)
        self._gateways = gateways
        self._window = Window(LONG_S)
        self._smooth = Smooth(sqrt(self.process_noise))
        self._solved_s = -self.every_s
        self._at = (NOWHERE, NOWHERE)

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """The filtered place, worked out twice a second."""
        self._window.hear(at_s, scanner, rssi_dbm)
        means = self._window.means()
        dt = at_s - self._solved_s
        if dt < self.every_s or len(means) < 3:
            return self._at
        self._solved_s = at_s
        heard = [(self._gateways[name], DEFAULT.distance_m(dbm)) for name, dbm in means.items()]
        x, y = nelder_mead(heard, (0.0, 0.0, 0.0), self._high)
        noise = self.place_noise
        if self._at[0] == self._at[0]:
            excess = hypot(x - self._at[0], y - self._at[1]) / (self.fastest_ms * dt)
            noise *= max(1.0, excess) ** 2
        self._at = self._smooth.take(at_s, x, y, noise)
        return self._at


def by_distance(site: Site) -> list[Contender]:
    """The methods by distance."""
    floor, gateways = site.floor, site.gateways
    heights = [point.z for point in site.survey if not point.by]
    carried_m = float(np.median(heights)) if heights else CARRIED_M
    default = dict.fromkeys(gateways, DEFAULT)
    found = [
        by_place(
            "companion, Nadaraya-Watson",
            "the mean of scanners' places by 1 / distance², 15 s window, default path loss",
            lambda: WeightedMean(gateways, DEFAULT.distance_m),
        ),
        by_place(
            "companion, Nelder-Mead",
            "its solver and its filter, 15 s window, default path loss",
            lambda: Companion(floor, gateways),
        ),
        by_place(
            "trilateration, default",
            f"Gauss-Newton on 2 s means and a Kalman filter; {DEFAULT.at_1m_dbm:g} dBm at 1 m, n {DEFAULT.n:g}",
            lambda: Trilateration(floor, gateways, default, CARRIED_M),
        ),
    ]
    if site.survey:
        losses = surveyed(gateways, site.survey)
        found.append(
            by_place(
                "trilateration, surveyed",
                "the same with each gateway's path loss fitted to the survey",
                lambda: Trilateration(floor, gateways, losses, carried_m),
            )
        )
    return found
