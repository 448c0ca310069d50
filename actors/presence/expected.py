"""How far off presence will be where, and which zones the radio cannot tell apart: worked out from the map alone.

For somebody who strolls about cell c for ten seconds, another cell c' stays as likely as

    exp(-1/2 sum over scanners (M(c) - M(c'))² / s²)       s² = reading² / bursts + near² / steps + map(c)² + map(c')²

so the expected error at c is the mean distance over these weights, and what of them lies in another zone is how
often that zone will be taken for c's. The device's unknown power is taken out by the weighted mean of differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actors.presence.ground import DOUBT_UNIT_DB, Ground
from protocols.facts import Radio, SignalMap
from protocols.ids import ZoneId

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

BURSTS, STEPS = 10.0, 3.0
"""What the filter remembers of the last ten seconds: bursts, one a second, and places with errors of their own."""

SPOTS_MAX = 1_600
"""Cells that are looked at. A larger floor is looked at in coarser steps: every pair of spots is compared."""

APART_P = 0.7
"""A zone whose own share is below this is drawn finer than the radio can tell."""

HEARD_DBM = -92.0
"""Below this a scanner hardly hears the device, so it tells nothing."""


@dataclass(frozen=True)
class Apart:
    """How well one zone is told from the others: the share of its own, and the zone it is most often taken for."""

    own_p: float
    confused_with: ZoneId | None
    other_p: float


@dataclass(frozen=True)
class Expected:
    """Expected error in metres by spots of `spot_m`: [rows, columns], -1 where nobody can stand; and each zone."""

    spot_m: float
    error_m: Floats
    zones: dict[ZoneId, Apart]


def expected(ground: Ground, radio: Radio, signals: dict[str, SignalMap]) -> Expected:
    """Works it out: some tenths of a second for a usual floor."""
    step = 1
    while -(-ground.rows // step) * -(-ground.columns // step) > SPOTS_MAX:
        step += 1
    above, before = np.arange(0, ground.rows, step), np.arange(0, ground.columns, step)
    rows = np.minimum(above + step // 2, ground.rows - 1)
    columns = np.minimum(before + step // 2, ground.columns - 1)
    at = np.ix_(rows, columns)
    free = _pooled(np.maximum, ground.walkable, above, before).ravel() > 0
    level = np.stack([one[at].ravel()[free] for one in ground.level])
    doubt = np.stack([_doubt(signals[name], ground)[at].ravel()[free] for name in ground.scanners])
    x, y = ground.x[at].ravel()[free], ground.y[at].ravel()[free]
    # What a spot stands for: a zone smaller than the steps would else fall between them.
    summed = _pooled(np.add, ground.inside, above, before)
    inside = summed.reshape(len(ground.zones), -1)[:, free] / np.float32(step**2)
    steady = radio.reading_sd_db**2 / BURSTS + radio.near_sd_db**2 / STEPS
    error = np.zeros(len(x), dtype=np.float32)
    shares = np.zeros((len(ground.zones), len(x)), dtype=np.float32)
    for spot in range(len(x)):
        weight = _alike(level, doubt, spot, steady)
        weight /= weight.sum()
        error[spot] = float((weight * np.hypot(x - x[spot], y - y[spot])).sum())
        shares[:, spot] = inside @ weight
    shown = np.full(free.shape, -1.0, dtype=np.float32)
    shown[free] = error
    return Expected(
        spot_m=ground.cell_m * step,
        error_m=shown.reshape(len(rows), len(columns)),
        zones={
            zone: _apart(number, inside, shares, ground.zones) for number, zone in enumerate(ground.zones)
        },
    )


def _pooled(how: np.ufunc, cells: Floats, above: Ints, before: Ints) -> Floats:
    """The blocks of cells that begin at these rows and columns, each taken together: [..., rows, columns]."""
    pooled: Floats = how.reduceat(how.reduceat(cells, above, axis=-2), before, axis=-1)
    return pooled


def _alike(level: Floats, doubt: Floats, spot: int, steady: float) -> Floats:
    """How likely each spot stays when somebody stands at this one."""
    off = level - level[:, spot, None]
    heard = (np.maximum(level, level[:, spot, None]) >= HEARD_DBM).astype(np.float32)
    weight = heard / (steady + doubt**2 + doubt[:, spot, None] ** 2)
    total = np.maximum(weight.sum(axis=0), 1e-9)
    shift = (weight * off).sum(axis=0) / total  # what the device's unknown power can explain
    apart = (weight * (off - shift) ** 2).sum(axis=0)
    alike: Floats = np.exp(-0.5 * apart).astype(np.float32)
    return alike


def _apart(zone: int, inside: Floats, shares: Floats, names: tuple[ZoneId, ...]) -> Apart:
    own = inside[zone]
    if own.sum() <= 0:
        return Apart(0.0, None, 0.0)
    mean = (shares * own).sum(axis=1) / own.sum()
    others = mean.copy()
    others[zone] = -1.0
    other = int(others.argmax())
    if len(names) < 2:
        return Apart(float(mean[zone]), None, 0.0)
    return Apart(float(mean[zone]), names[other], float(others[other]))


def _doubt(signal: SignalMap, ground: Ground) -> Floats:
    doubt = np.frombuffer(signal.doubt, dtype=np.uint8).reshape(ground.rows, ground.columns)
    return (doubt * DOUBT_UNIT_DB).astype(np.float32)
