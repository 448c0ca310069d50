"""How people walk, as a hidden state beside the place: standing, or one of eight headings at one of two speeds.

Standing people start and walking ones turn; a heading lasts some seconds, a pace longer. A step moves mass by a
three-point stencil per axis whose first two moments are those of the walk, so that slow walking over coarse cells
neither freezes nor leaks (a kernel taken at cell centres does both).
"""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SPEEDS_MPS = (0.45, 1.2)
"""Browsing along shelves, and crossing the shop: the two humps of published in-store walking speeds."""

HEADINGS = 8
STATES = 1 + HEADINGS * len(SPEEDS_MPS)

MOVING = 0.7
"""The share that walks, of people of whom nothing is known and of those who change to anything."""

HEADING_S = 15.0
"""Time constant of a heading: after it, half of those who changed drifted to a neighbour and half turned anywhere."""

SAME_PACE = 0.9
"""Of those who turn anywhere, the share that keeps its pace: strollers and striders are different people."""

WANDER_M = 0.1
"""Random part of a walk, in metres per square root of a second."""

STEP_S_MAX = 1.0
"""A longer time is taken in several steps."""


def _velocities() -> NDArray[np.float64]:
    """[STATES, 2]: metres per second along x and y. The first is standing."""
    turns = [2 * pi * number / HEADINGS for number in range(HEADINGS)]
    walking = [(speed * cos(turn), speed * sin(turn)) for speed in SPEEDS_MPS for turn in turns]
    return np.array([(0.0, 0.0), *walking])


def _turning() -> NDArray[np.float64]:
    """[STATES, STATES]: where one who changes goes, by column the state before."""
    paces = len(SPEEDS_MPS)
    turning = np.zeros((STATES, STATES))
    anywhere = np.array([1 - MOVING] + [MOVING / (HEADINGS * paces)] * (HEADINGS * paces))
    turning[:, 0] = anywhere
    for pace in range(paces):
        first = 1 + pace * HEADINGS
        for number in range(HEADINGS):
            column = turning[:, first + number]
            for turn in (-1, 1):
                column[first + (number + turn) % HEADINGS] += 0.25
            column[0] += 0.5 * (1 - MOVING)
            column[first : first + HEADINGS] += 0.5 * MOVING * SAME_PACE / HEADINGS
            column[1:] += 0.5 * MOVING * (1 - SAME_PACE) / (HEADINGS * paces)
    assert np.allclose(turning.sum(axis=0), 1.0)
    return turning


VELOCITIES = _velocities()
START = np.array([1 - MOVING] + [MOVING / (STATES - 1)] * (STATES - 1), dtype=np.float32)
"""[STATES]: how somebody is taken to walk of whom nothing is known."""

TURNING = _turning().astype(np.float32)
SPREAD_MPS2 = float((START[:, None] * VELOCITIES**2).sum(axis=0).mean())
"""Mean square of the speed along one axis."""


def longest_step_s(cell_m: float) -> float:
    """No walker crosses more than one cell in a step of this length."""
    return min(STEP_S_MAX, cell_m / max(SPEEDS_MPS))


def kept(step_s: NDArray[np.float64]) -> Floats:
    """The share that keeps its state through each step; the rest is mixed by `TURNING`."""
    share: Floats = np.exp(-step_s / HEADING_S).astype(np.float32)
    return share


def taps(step_s: NDArray[np.float64], cell_m: float) -> tuple[Floats, Floats]:
    """Shares that go one cell ahead and one back along x and y, for steps [n]: each [2, n, STATES].

    f = v t / g and u = max(q² t / g², |f| (1 - |f|)), at most 1 - f²: ahead (u + f² + f) / 2, back (u + f² - f) / 2.
    """
    f = VELOCITIES.T[:, None, :] * (step_s[None, :, None] / cell_m)
    wander = WANDER_M**2 * step_s[None, :, None] / cell_m**2
    u = np.minimum(np.maximum(wander, np.abs(f) * (1 - np.abs(f))), 1 - f * f)
    ahead, back = (
        np.maximum(u + f * f + way, 0.0) / 2 for way in (f, -f)
    )  # rounding must not make a share negative
    return ahead.astype(np.float32), back.astype(np.float32)
