"""Undoes a scanner's own smoothing, as far as that can be done.

A node that reports y' = a y + (1 - a) r, with a = exp(-t / smoothing_s), says what it heard meanwhile:
r = (y' - a y) / (1 - a). The rounding of y is blown up by that, so a reading that comes soon after the last one
says little, and one without a predecessor is as old as the mean.
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple

WHOLE_DB, FINE_DB = 0.3, 0.15
"""Error of a mean that is reported in whole decibels (their rounding: 1 / √12), and of one that is not: the node's
filter is not quite exponential."""

OLD_MEAN_SD_DB = 6.0
"""How far the mean of some seconds ago is from the level here, for somebody who walks."""

WIDEST_SD_DB = 20.0
"""A single reading that would be worse than this is left for later: the next one has more time behind it."""

FORGOTTEN = 4.0
"""After so many time constants without a report the mean begins anew."""


class Unsmoothed(NamedTuple):
    """The last mean that was used, and when it was reported."""

    dbm: float
    at_ms: int


def unsmoothed(
    before: Unsmoothed | None, dbm: float, at_ms: int, smoothing_s: float
) -> tuple[float, float, Unsmoothed]:
    """The reading behind a mean, its further variance in dB², and what to hand in with the next mean."""
    now = Unsmoothed(dbm, at_ms)
    elapsed_s = (at_ms - before.at_ms) / 1_000 if before is not None else 0.0
    if before is None or not 0 <= elapsed_s <= FORGOTTEN * smoothing_s:  # or the clock was set back
        return dbm, OLD_MEAN_SD_DB**2, now
    keeps = exp(-max(elapsed_s, 1e-3) / smoothing_s)
    rounding_db = WHOLE_DB if dbm == round(dbm) else FINE_DB
    wider = rounding_db**2 * (1 + keeps * keeps) / (1 - keeps) ** 2
    if wider > WIDEST_SD_DB**2:
        return dbm, OLD_MEAN_SD_DB**2 + WIDEST_SD_DB**2, before
    return (dbm - keeps * before.dbm) / (1 - keeps), wider, now
