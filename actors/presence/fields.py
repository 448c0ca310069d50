"""Gaussian processes for the radio map: path loss, a field over places, a field over directions, and a nugget.

    L(p) = A - 10 n log10 max(d, 1) + f(p) + h(angle) + nugget        A ~ N(-60, 10²), n ~ N(2, 1)
    cov f = place_sd² exp(-|p - p'| / place_m)      cov h = turn_sd² exp(-|angle - angle'| / turn_rad)

(Rasmussen and Williams, Gaussian Processes for Machine Learning, 2.7 for the trend, 5.4 for the likelihood.) What
the numbers are is chosen per store by the marginal likelihood of its own survey, all scanners together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

PRIOR_DB = (-60.0, 10.0)
"""Mean and sd of the level at one metre: a beacon at about 0 dBm, with whatever it is worn on."""

PRIOR_EXPONENT = (2.0, 1.0)
"""Mean and sd of the path-loss exponent: free space is 2, corridors less, through shelves more."""

NEAREST_M = 1.0
"""Path loss is flat within this distance: there the near field and the height rule."""

LEVELS_FITTED_MAX, SCANNERS_FITTED_MAX = 120, 12
"""Points and scanners that the likelihood is taken of; a larger survey is thinned for this, never for the map."""

CELLS_AT_ONCE = 1_024
"""Cells predicted at once: with the most points of a survey that is 16 MB an array, however large the floor is."""

SWEEPS = 2
"""Times that each number is chosen in turn."""


@dataclass(frozen=True)
class Levels:
    """One scanner at `at` and the levels of a survey: places [n, 3] in metres, dBm [n], noise variance in dB² [n]."""

    at: Doubles
    places: Doubles
    dbm: Doubles
    noise: Doubles


@dataclass(frozen=True)
class Fields:
    """The numbers of the two fields and the nugget: decibels, metres, radians."""

    place_sd_db: float = 2.0
    place_m: float = 5.0
    turn_sd_db: float = 3.0
    turn_rad: float = 1.2
    near_sd_db: float = 2.8


_CHOICES: dict[str, tuple[float, ...]] = {
    "near_sd_db": (1.0, 1.5, 2.0, 2.4, 2.8, 3.2, 4.0),
    "turn_sd_db": (0.5, 1.0, 2.0, 3.0, 4.0),
    "place_sd_db": (0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 5.0),
    "place_m": (3.0, 5.0, 8.5, 14.0),
    "turn_rad": (0.4, 0.8, 1.2, 2.0),
}


def fitted(levels: Sequence[Levels]) -> Fields:
    """The numbers under which these surveys are likeliest, each chosen in turn among a few."""
    thinned = [_thinned(one) for one in levels[:SCANNERS_FITTED_MAX] if len(one.dbm) >= 8]
    fields = Fields()
    if not thinned:
        return fields
    for _ in range(SWEEPS):
        for name, choices in _CHOICES.items():
            tried = [replace(fields, **{name: choice}) for choice in choices]
            fields = max(tried, key=lambda one: sum(likelihood(some, one) for some in thinned))
    return fields


def likelihood(levels: Levels, fields: Fields) -> float:
    """The log marginal likelihood of one scanner's levels."""
    wanted = levels.dbm - _prior(levels.places, levels.at)
    factor = np.linalg.cholesky(_covariance(levels, fields))
    white = np.linalg.solve(factor, wanted)
    return float(-0.5 * white @ white - np.log(np.diag(factor)).sum())


def predicted(levels: Levels, fields: Fields, cells: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and sd of the level at `cells` [m, 3], each [m]. The sd is the map's own, without the nugget."""
    whiten = np.linalg.inv(np.linalg.cholesky(_covariance(levels, fields)))
    white = whiten @ (levels.dbm - _prior(levels.places, levels.at))
    means, sds = [], []
    for first in range(0, len(cells), CELLS_AT_ONCE):
        some = cells[first : first + CELLS_AT_ONCE]
        across = _across(some, levels.places, levels.at, fields) @ whiten.T
        own = fields.place_sd_db**2 + fields.turn_sd_db**2
        own = own + (_trend(some, levels.at) ** 2 * _TREND_VARIANCE).sum(axis=1)
        means.append(_prior(some, levels.at) + across @ white)
        sds.append(np.sqrt(np.maximum(own - (across**2).sum(axis=1), 0.0)))
    return np.concatenate(means), np.concatenate(sds)


def distances(places: Doubles, at: Doubles) -> Doubles:
    """Metres from `at` to each place [n, 3], never below `NEAREST_M`."""
    far: Doubles = np.maximum(NEAREST_M, np.linalg.norm(places - at, axis=1))
    return far


_TREND_VARIANCE = np.array((PRIOR_DB[1] ** 2, PRIOR_EXPONENT[1] ** 2))


def _trend(places: Doubles, at: Doubles) -> Doubles:
    return np.stack([np.ones(len(places)), -10 * np.log10(distances(places, at))], axis=1)


def _prior(places: Doubles, at: Doubles) -> Doubles:
    mean: Doubles = _trend(places, at) @ np.array((PRIOR_DB[0], PRIOR_EXPONENT[0]))
    return mean


def _across(some: Doubles, others: Doubles, at: Doubles, fields: Fields) -> Doubles:
    """Covariance of the levels at two lists of places, without nugget and noise: [some, others]."""
    apart = np.sqrt(
        (some[:, None, 0] - others[None, :, 0]) ** 2 + (some[:, None, 1] - others[None, :, 1]) ** 2
    )
    turn = np.abs(_angles(some, at)[:, None] - _angles(others, at)[None, :])
    turn = np.minimum(turn, 2 * np.pi - turn)
    covariance: Doubles = (
        fields.place_sd_db**2 * np.exp(-apart / fields.place_m)
        + fields.turn_sd_db**2 * np.exp(-turn / fields.turn_rad)
        + (_trend(some, at) * _TREND_VARIANCE) @ _trend(others, at).T
    )
    return covariance


def _covariance(levels: Levels, fields: Fields) -> Doubles:
    own = _across(levels.places, levels.places, levels.at, fields)
    own[np.diag_indices_from(own)] += fields.near_sd_db**2 + levels.noise
    return own


def _angles(places: Doubles, at: Doubles) -> Doubles:
    angles: Doubles = np.arctan2(places[:, 1] - at[1], places[:, 0] - at[0])
    return angles


def _thinned(levels: Levels) -> Levels:
    count = len(levels.dbm)
    if count <= LEVELS_FITTED_MAX:
        return levels
    kept = np.linspace(0, count - 1, LEVELS_FITTED_MAX).astype(int)
    return Levels(levels.at, levels.places[kept], levels.dbm[kept], levels.noise[kept])
