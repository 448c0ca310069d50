"""The radio map: how strongly each scanner is expected to hear the surveyed device from each cell of the floor.

    survey, or what scanners hear of each other ─► levels ─► fields fitted by marginal likelihood ─► map a scanner

A level is the mean of power at one place, not of decibels: fading then averages out instead of biasing low. Each
scanner's levels are a Gaussian process over the floor: path loss with its own offset and exponent, plus a field
that is alike at near places and one that is alike in like directions from the scanner (what stands in the way).
Made where the store's files are read, and handed to cells as facts; nothing here is on the path of a sighting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log10, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from actors.presence import polygons
from actors.presence.fields import PRIOR_DB, PRIOR_EXPONENT, Fields, Levels, distances, fitted, predicted
from actors.presence.ground import DOUBT_UNIT_DB, LEVEL_UNIT_DB, cell_side_m, frame
from protocols.errors import Nonsense
from protocols.facts import Plan, PresenceSettings, Radio, Scanner, SignalMap, SurveyPoint

Doubles = NDArray[np.float64]

RSSI_MAX_DBM = -20
"""Louder readings are a receiver's error codes; one of +62 dBm would be the whole of a mean of power."""

READINGS_MIN = 3
"""Readings of one scanner at one point below which the level is left out."""

READING_SD_DB = 4.0
"""Scatter of readings at one spot where no survey says: indoor fading of a narrow band, 3 to 5 dB in print."""

UNHEARD_DBM, UNHEARD_SD_DB = -97.0, 6.0
"""What a point says of a scanner that heard nothing there: below the weakest reading of usual receivers."""

UNSURVEYED_SD_DB = 4.5
"""How wrong path loss alone is, over some metres: the spread of shadowing indoors, 3 to 6 dB in print."""

UNLEARNED_SD_DB = 0.5
"""Without a survey a scanner's slow error is not learned on the way: that would explain a wrong place just as well as
the right one, and such beliefs lock on to a far corner."""

PLAN_EXPONENT = 2.7
"""Path loss among shelves, where nobody measured: what ESPresense takes by default, and mid-way of those in print."""

OFFSET_SD_DB = 4.0
"""How far apart receivers, and the powers of scanners' own beacons, are from model to model."""

Source = Literal["survey", "scanners", "plan"]


MAP_CELLS_MAX = 2_000_000
"""Cells of all scanners' maps together: 8 MB of facts, and a cell that starts gets every fact at once. A floor with
more needs a larger `cell_m`."""


@dataclass(frozen=True)
class _Level:
    """What one scanner made of one point: mean power in dBm, mean of dB less that, variance in dB², readings."""

    dbm: float
    lower_db: float
    variance: float
    readings: int


def fit(
    plan: Plan,
    scanners: Mapping[str, Scanner],
    settings: PresenceSettings,
    points: Sequence[SurveyPoint],
    digest: str = "",
) -> tuple[Radio, dict[str, SignalMap]]:
    """The map of a floor. Without points it is path loss by the plan alone. Raises Nonsense for too many cells."""
    cell_m = cell_side_m(plan, settings.cell_m)
    rows, columns = frame(plan, cell_m)
    if rows * columns * len(scanners) > MAP_CELLS_MAX:
        raise Nonsense(
            f"{len(scanners)} scanners over {rows * columns:,} cells of {cell_m:g} m make more than {MAP_CELLS_MAX:,}; "
            "set a larger cell_m"
        )
    x, y = polygons.centres(rows, columns, cell_m)
    cells = np.stack([x.ravel(), y.ravel(), np.full(x.size, settings.carried_z_m)], axis=1)
    surveyed = [point for point in points if not point.by]
    mutual = [point for point in points if point.by in scanners]
    source: Source = "survey" if surveyed else "scanners" if mutual else "plan"
    condensed = [{name: _condensed(counts) for name, counts in point.heard.items()} for point in points]
    powers = _powers(points, condensed, scanners)
    levels = {
        name: _levels(name, scanner, points, condensed, powers, scanners)
        for name, scanner in scanners.items()
    }
    fields = fitted([one for one in levels.values() if one is not None]) if points else Fields()
    lower_db, reading_sd_db = _scatter(condensed)
    signals: dict[str, SignalMap] = {}
    doubts: list[float] = []
    for name, scanner in scanners.items():
        level = levels[name]
        if level is None or len(level.dbm) == 0:
            mean, sd = _path_loss(scanner, cells), np.full(len(cells), UNSURVEYED_SD_DB)
        else:
            mean, sd = predicted(level, fields, cells)
        signals[name] = _packed(mean + lower_db, sd)
        doubts.append(float(np.sqrt(np.mean(sd**2))))
    radio = Radio(
        cell_m=cell_m,
        rows=rows,
        columns=columns,
        reading_sd_db=round(reading_sd_db, 3),
        source=source,
        points=len(points),
        digest=digest,
        near_sd_db=round(fields.near_sd_db, 3),
        map_sd_db=round(sqrt(float(np.mean(np.square(doubts)))), 3) if surveyed else UNLEARNED_SD_DB,
    )
    return radio, signals


def _condensed(counts: Mapping[int, int]) -> _Level | None:
    """The level of one scanner at one point, or None for too few readings that are signals."""
    kept = [(dbm, count) for dbm, count in counts.items() if dbm <= RSSI_MAX_DBM and count > 0]
    readings = sum(count for _, count in kept)
    if readings < READINGS_MIN:
        return None
    power = sum(count * 10 ** (dbm / 10) for dbm, count in kept) / readings
    mean = sum(count * dbm for dbm, count in kept) / readings
    variance = sum(count * (dbm - mean) ** 2 for dbm, count in kept) / readings
    level = 10 * log10(power)
    return _Level(level, mean - level, variance, readings)


def _scatter(condensed: Iterable[Mapping[str, _Level | None]]) -> tuple[float, float]:
    """How far a mean of dB lies below a mean of power, and the scatter of readings at one spot, over the survey."""
    found = [level for point in condensed for level in point.values() if level is not None]
    if not found:
        return 0.0, READING_SD_DB
    lower = float(np.mean([level.lower_db for level in found]))
    return lower, max(1.0, float(np.sqrt(np.mean([level.variance for level in found]))))


def _powers(
    points: Sequence[SurveyPoint],
    condensed: Sequence[Mapping[str, _Level | None]],
    scanners: Mapping[str, Scanner],
) -> dict[str, float]:
    """How much louder each scanner's own beacon is than the usual one: least squares with priors, in dB.

    level = A + receiver + power - 10 n log10(d), with A, n, receivers and powers about their priors.
    """
    receivers = {name: 2 + place for place, name in enumerate(scanners)}
    senders = {name: 2 + len(receivers) + place for place, name in enumerate(scanners)}
    rows: list[tuple[dict[int, float], float]] = []
    for point, heard in zip(points, condensed, strict=True):
        if point.by not in senders:
            continue
        for name, level in heard.items():
            if level is not None and name in receivers and name != point.by:
                far = log10(max(1.0, _far(scanners[name], point)))
                rows.append(({0: 1.0, 1: -10 * far, receivers[name]: 1.0, senders[point.by]: 1.0}, level.dbm))
    if not rows:
        return {}
    size = 2 + 2 * len(receivers)
    design = np.zeros((len(rows), size))
    for number, (row, _) in enumerate(rows):
        for place, value in row.items():
            design[number, place] = value
    prior = np.full(size, 0.0)
    prior[:2] = PRIOR_DB[0], PRIOR_EXPONENT[0]
    sd = np.full(size, OFFSET_SD_DB)
    sd[:2] = PRIOR_DB[1], PRIOR_EXPONENT[1]
    wanted = np.array([dbm for _, dbm in rows]) - design @ prior
    weight = UNSURVEYED_SD_DB**2
    solved = prior + np.linalg.solve(design.T @ design / weight + np.diag(sd**-2), design.T @ wanted / weight)
    return {name: float(solved[place]) for name, place in senders.items()}


def _levels(
    name: str,
    scanner: Scanner,
    points: Sequence[SurveyPoint],
    condensed: Sequence[Mapping[str, _Level | None]],
    powers: Mapping[str, float],
    scanners: Mapping[str, Scanner],
) -> Levels | None:
    """One scanner's levels for the fit; a surveyed point that it did not hear counts as below what it can hear."""
    places: list[tuple[float, float, float]] = []
    dbm: list[float] = []
    noise: list[float] = []
    for point, heard in zip(points, condensed, strict=True):
        level = heard.get(name)
        if level is not None and (not point.by or (point.by != name and point.by in scanners)):
            dbm.append(level.dbm - powers.get(point.by, 0.0))
            noise.append(level.variance / level.readings)
        elif level is None and not point.by and name not in heard:
            dbm.append(UNHEARD_DBM)
            noise.append(UNHEARD_SD_DB**2)
        else:
            continue
        places.append((point.x, point.y, point.z))
    if not any(one > UNHEARD_DBM for one in dbm):
        return None
    at = np.array((scanner.x, scanner.y, scanner.z))
    return Levels(at, np.array(places), np.array(dbm), np.array(noise))


def _path_loss(scanner: Scanner, cells: Doubles) -> Doubles:
    """A - 10 n log10(d), as nobody measured it."""
    far = distances(cells, np.array((scanner.x, scanner.y, scanner.z)))
    mean: Doubles = PRIOR_DB[0] - 10 * PLAN_EXPONENT * np.log10(far)
    return mean


def _far(scanner: Scanner, point: SurveyPoint) -> float:
    return sqrt((scanner.x - point.x) ** 2 + (scanner.y - point.y) ** 2 + (scanner.z - point.z) ** 2)


def _packed(mean: Doubles, sd: Doubles) -> SignalMap:
    level = np.clip(np.round(mean / LEVEL_UNIT_DB), -32_768, 32_767).astype("<i2")
    doubt = np.clip(np.round(sd / DOUBT_UNIT_DB), 0, 255).astype(np.uint8)
    return SignalMap(level.tobytes(), doubt.tobytes())
