"""How well what was said follows the truth: sums that add up over walks, and the figures made of them.

Time is weighed: what is said at a packet, and the truth of that packet, hold until the next one; the last weighs
nothing. Every figure is causal by that. What each means:

all, core     share of time in which the zone said is the true one; `core` where the truth is over a metre from any
              line between zones. Unknown is not right.
changes       how often another zone is named than the one named last; falling to unknown and back is none.
entry delay   from the first packet in a zone until that zone is said, while still inside; 0 if it was said before. An
              entry never told counts with the whole stay, as missed: its delay is at least that (censored).
position      distance between place said and truth, per packet; packets without a place are counted apart.
unknown       share of time without a zone; and, where it had one to offer, how often the likeliest would be wrong.
sure, wrong   share of time in which a zone is named with p of 0.6 or more and is wrong.
calibration   for zones named with a p: by ranges of p, the mean p and the share of time right; the error is the mean
              difference of the two, weighed by time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.presence.grids import Floats, Grid, Ints
from sim.presence.play import Played

CORE_M = 1.0
"""A truth nearer than this to a line between zones is at the edge."""

SURE_P = 0.6
"""At this p a zone is entered: to be wrong above it is to be wrong with confidence."""

BINS = 10
"""Ranges of p, equally wide."""

NOBODY = -1
"""The cell of `unknown`."""


@dataclass(frozen=True, slots=True)
class Stay:
    """The carrier was in a zone from `from_s` until `until_s`."""

    zone: str
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One stay, and how long it took to be told. A missed one has its whole length as delay."""

    zone: str
    delay_s: float
    missed: bool


@dataclass(frozen=True, slots=True)
class Announced:
    """A zone said, and from when on: it holds until the next one."""

    zone: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Followed:
    """A walk against what was announced of it. `entries` are all stays, the first one too.

    `false` were never true while they held. `delay_s` is the median of stays that were told; None if none was.
    """

    entries: tuple[Entry, ...]
    false: tuple[Announced, ...]
    delay_s: float | None


@dataclass(frozen=True)
class Told:
    """What a method said at each packet of a walk: cells as places in a grid's zones, `NOBODY` for unknown."""

    cells: Ints
    likeliest: Ints
    p: Floats
    x: Floats
    y: Floats


@dataclass(frozen=True)
class Tally:
    """Sums over one or more walks on one or more grids. They add up."""

    time_s: float
    right_s: float
    core_s: float
    core_right_s: float
    unknown_s: float
    unknown_guess_s: float
    unknown_wrong_s: float
    sure_wrong_s: float
    changes: int
    true_changes: int
    entries: tuple[Entry, ...]
    errors_m: Floats
    unplaced: int
    bins: Floats
    """Three rows of BINS: time, p × time, time right."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.time_s + other.time_s,
            self.right_s + other.right_s,
            self.core_s + other.core_s,
            self.core_right_s + other.core_right_s,
            self.unknown_s + other.unknown_s,
            self.unknown_guess_s + other.unknown_guess_s,
            self.unknown_wrong_s + other.unknown_wrong_s,
            self.sure_wrong_s + other.sure_wrong_s,
            self.changes + other.changes,
            self.true_changes + other.true_changes,
            self.entries + other.entries,
            np.concatenate([self.errors_m, other.errors_m]),
            self.unplaced + other.unplaced,
            self.bins + other.bins,
        )


@dataclass(frozen=True, slots=True)
class Range:
    """Time spent naming a zone with a p of this range: the mean p, and the share of it that was right."""

    from_p: float
    time_s: float
    mean_p: float
    right: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What is printed of a tally. Shares are 0 to 1; None where nothing of the kind happened."""

    time_s: float
    all: float
    core: float | None
    changes: int
    true_changes: int
    entries: int
    missed: int
    delay_median_s: float | None
    delay_p95_s: float | None
    position_median_m: float | None
    position_p95_m: float | None
    unplaced: int
    unknown: float
    unknown_wrong: float | None
    sure_wrong: float
    calibration: tuple[Range, ...]
    calibration_error: float | None


def tally(played: Played, told: Told, grid: Grid) -> Tally:
    """Scores one walk on one grid."""
    truth = grid.cells(played.x, played.y)
    weight = np.append(np.diff(played.at_s), 0.0)
    right = told.cells == truth
    unknown = told.cells == NOBODY
    guess = told.likeliest != NOBODY
    core = grid.edge_m(played.x, played.y) > CORE_M
    sure = ~unknown & (told.p >= SURE_P)
    errors = np.hypot(told.x - played.x, told.y - played.y)
    stays = stays_of(played.at_s, [grid.zones[cell] for cell in truth])
    said = _announced(played.at_s, told.cells, grid)
    named = [one.zone for one in said if one.zone]
    return Tally(
        time_s=float(weight.sum()),
        right_s=float(weight[right].sum()),
        core_s=float(weight[core].sum()),
        core_right_s=float(weight[core & right].sum()),
        unknown_s=float(weight[unknown].sum()),
        unknown_guess_s=float(weight[unknown & guess].sum()),
        unknown_wrong_s=float(weight[unknown & guess & (told.likeliest != truth)].sum()),
        sure_wrong_s=float(weight[sure & ~right].sum()),
        changes=sum(one != other for one, other in pairwise(named)),
        true_changes=len(stays) - 1,
        entries=entries(stays[1:], said),
        errors_m=errors[~np.isnan(errors)],
        unplaced=int(np.isnan(errors).sum()),
        bins=_bins(weight, told.p, right, ~unknown & (told.p > 0)),
    )


def stays_of(at_s: Sequence[float] | Floats, zones: Sequence[str]) -> tuple[Stay, ...]:
    """The stays of a walk, from the zone at each of its instants. There is at least one instant."""
    stays: list[Stay] = []
    from_s, zone = float(at_s[0]), zones[0]
    for now_s, now in zip(at_s, zones, strict=True):
        if now != zone:
            stays.append(Stay(zone, from_s, float(now_s)))
            from_s, zone = float(now_s), now
    return (*stays, Stay(zone, from_s, float(at_s[-1])))


def entries(stays: Sequence[Stay], said: Sequence[Announced]) -> tuple[Entry, ...]:
    """Every stay, and when it was told. `said` is in order of time."""
    return tuple(_entry(stay, said) for stay in stays)


def follow(stays: Sequence[Stay], said: Sequence[Announced]) -> Followed:
    """Compares a walk with what was announced of it from outside."""
    told = entries(stays, said)
    delays = [entry.delay_s for entry in told if not entry.missed]
    false = tuple(
        one
        for one, until_s in _spells(said)
        if not any(_while(stay, one, until_s) for stay in stays if stay.zone == one.zone)
    )
    return Followed(told, false, float(np.median(delays)) if delays else None)


def _entry(stay: Stay, said: Sequence[Announced]) -> Entry:
    for one, until_s in _spells(said):
        if one.zone == stay.zone and _while(stay, one, until_s):
            return Entry(stay.zone, max(0.0, one.at_s - stay.from_s), False)
    return Entry(stay.zone, stay.until_s - stay.from_s, True)


def _spells(said: Sequence[Announced]) -> list[tuple[Announced, float]]:
    """Each announcement with the time until which it holds."""
    ends = [one.at_s for one in said[1:]] + [float("inf")]
    return list(zip(said, ends, strict=False))


def _while(stay: Stay, one: Announced, until_s: float) -> bool:
    """Whether it held at some time of the stay; what ends at the very instant of entering was not said inside."""
    return one.at_s < stay.until_s and until_s > stay.from_s


def figures(of: Tally) -> Figures:
    """The figures of a tally."""
    delays = np.array([entry.delay_s for entry in of.entries])
    ranges = _ranges(of.bins)
    named_s = sum(one.time_s for one in ranges)
    error = sum(one.time_s * abs(one.mean_p - one.right) for one in ranges)
    return Figures(
        time_s=of.time_s,
        all=_share(of.right_s, of.time_s) or 0.0,
        core=_share(of.core_right_s, of.core_s),
        changes=of.changes,
        true_changes=of.true_changes,
        entries=len(of.entries),
        missed=sum(entry.missed for entry in of.entries),
        delay_median_s=_percentile(delays, 50),
        delay_p95_s=_percentile(delays, 95),
        position_median_m=_percentile(of.errors_m, 50),
        position_p95_m=_percentile(of.errors_m, 95),
        unplaced=of.unplaced,
        unknown=_share(of.unknown_s, of.time_s) or 0.0,
        unknown_wrong=_share(of.unknown_wrong_s, of.unknown_guess_s),
        sure_wrong=_share(of.sure_wrong_s, of.time_s) or 0.0,
        calibration=ranges,
        calibration_error=_share(error, named_s),
    )


def _announced(at_s: Floats, cells: Ints, grid: Grid) -> list[Announced]:
    """What is said, at each change; an empty zone is unknown."""
    starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
    return [Announced(grid.zones[cells[at]] if cells[at] != NOBODY else "", float(at_s[at])) for at in starts]


def _bins(weight: Floats, p: Floats, right: Floats, stated: Floats) -> Floats:
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)[stated]
    time = weight[stated]
    rows = (time, time * p[stated], time * right[stated])
    return np.array([np.bincount(place, row, BINS) for row in rows])


def _ranges(bins: Floats) -> tuple[Range, ...]:
    return tuple(
        Range(place / BINS, float(time), float(weighed / time), float(right / time))
        for place, (time, weighed, right) in enumerate(bins.T)
        if time > 0
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _percentile(of: Floats, percent: float) -> float | None:
    """With linear interpolation between the values around it."""
    return float(np.percentile(of, percent)) if len(of) else None
