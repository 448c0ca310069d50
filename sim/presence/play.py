"""A walk as a method hears it: in its own time, and, if asked for, with gateways dead, smoothing, or a faster carrier.

What is scored never changes with what is heard: a packet that nobody hears is still an instant at which the truth is
known, and at which the method says what it said before.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import exp

import numpy as np

from protocols.errors import Nonsense
from sim.presence.grids import Floats, Floor
from sim.presence.walks import Walk

BURST_GAP_S = 0.1
"""Packets closer than this are one advertisement, heard by many gateways and on up to three channels."""

DEAD_FROM = 0.5
"""Gateways that die by chance fall silent at this part of the walk."""

ANEW_S_MIN = 0.5
"""Nobody is in a shop for less."""


@dataclass(frozen=True)
class Conditions:
    """How walks are heard. `dead` is when a gateway falls silent, in seconds of the walk.

    `smoothed_s`: each gateway reports an exponential mean with this time constant instead of readings. `speed`: the
    carrier goes so many times as fast past the same beacon, so only every so-manieth advertisement is left. `anew_s`:
    every so many seconds it is somebody else, of whom nothing was heard before; 0 for never. `backwards`: from the last
    packet to the first, as somebody would be heard who walks the same way backwards.
    """

    dead: Mapping[str, float] = field(default_factory=dict)
    dead_random: int = 0
    seed: int = 1
    smoothed_s: float = 0.0
    speed: float = 1.0
    anew_s: float = 0.0
    backwards: bool = False


@dataclass(frozen=True)
class Played:
    """One walk, packet by packet: `at_s` from its first packet, where the beacon was, and what is heard.

    `scanner` None: that packet is not heard. `unix_s` is the time in the file, moved as `speed` says. `anew` are the
    packets with which somebody else begins.
    """

    name: str
    unix_s: Floats
    at_s: Floats
    x: Floats
    y: Floats
    scanner: tuple[str | None, ...]
    dbm: tuple[float, ...]
    dead: tuple[str, ...] = ()
    anew: frozenset[int] = frozenset()


def play(walk: Walk, floor: Floor, conditions: Conditions) -> Played:
    """The walk under these conditions, its truth clamped to the floor. Raises Nonsense for a gateway unknown."""
    if conditions.backwards:
        walk = _backwards(walk)
    began_s = walk.rows[0].unix_s
    kept = _kept(walk, conditions.speed)
    # The clock runs back by microseconds in places; a method is never handed a time before the last one.
    times = np.maximum.accumulate(
        np.array([max(0.0, walk.rows[at].unix_s - began_s) for at in kept]) / conditions.speed
    )
    x, y = floor.clamp(np.array([walk.rows[at].x for at in kept]), np.array([walk.rows[at].y for at in kept]))
    dead = _dead(walk, conditions)
    scanners: list[str | None] = []
    for at, at_s in zip(kept, times, strict=True):
        scanner = walk.scanners[at]
        scanners.append(None if scanner is None or at_s >= dead.get(scanner, np.inf) else scanner)
    readings = [float(walk.rows[at].dbm) for at in kept]
    if conditions.smoothed_s > 0:
        readings = _smoothed(times, scanners, readings, conditions.smoothed_s)
    unix_s = np.array([walk.rows[at].unix_s for at in kept])
    return Played(
        walk.name,
        unix_s if conditions.speed == 1.0 else began_s + times,
        times,
        x,
        y,
        tuple(scanners),
        tuple(readings),
        tuple(sorted(dead)),
        _anew(times, conditions.anew_s),
    )


def bursts(times_s: Iterable[float]) -> list[int]:
    """The number of each packet's advertisement: a new one begins after a gap."""
    numbers: list[int] = []
    before_s = -np.inf
    number = -1
    for at_s in times_s:
        if at_s - before_s > BURST_GAP_S:
            number += 1
        before_s = at_s
        numbers.append(number)
    return numbers


def _backwards(walk: Walk) -> Walk:
    ends_s = walk.rows[0].unix_s + walk.rows[-1].unix_s
    rows = tuple(replace(row, unix_s=ends_s - row.unix_s) for row in reversed(walk.rows))
    return replace(walk, rows=rows, scanners=walk.scanners[::-1])


def _anew(times: Floats, every_s: float) -> frozenset[int]:
    if every_s == 0:
        return frozenset()
    if not every_s >= ANEW_S_MIN:
        raise Nonsense(f"--anew is {ANEW_S_MIN:g} seconds or more, or 0 for one carrier all the way")
    lives = np.floor(times / every_s)
    return frozenset((np.flatnonzero(lives[1:] > lives[:-1]) + 1).tolist())


def _kept(walk: Walk, speed: float) -> list[int]:
    if not speed >= 1.0:
        raise Nonsense(
            "--speed is 1 or more: a slower carrier would need advertisements that nobody recorded"
        )
    numbers = bursts(row.unix_s for row in walk.rows)
    # Of bursts 0, 1, 2, … those at which the count of whole intervals of the faster beacon goes up.
    return [
        at
        for at, number in enumerate(numbers)
        if int(number / speed) != int((number - 1) / speed) or not number
    ]


def _dead(walk: Walk, conditions: Conditions) -> dict[str, float]:
    for name in conditions.dead:
        if name not in walk.listed:
            raise Nonsense(
                f"--dead {name}: there is no such gateway; there are {', '.join(walk.listed)[:400]}"
            )
    names = sorted({name for name in walk.scanners if name is not None})
    dead = dict(conditions.dead)
    if conditions.dead_random:
        if not 0 < conditions.dead_random < len(names):
            raise Nonsense(f"--dead-random: {walk.name} has {len(names)} gateways, and one must be left")
        chance = random.Random(f"{conditions.seed} {walk.name}")
        half_s = DEAD_FROM * walk.lasts_s / conditions.speed
        dead |= dict.fromkeys(chance.sample(names, conditions.dead_random), half_s)
    return dead


def _smoothed(
    times: Floats, scanners: Iterable[str | None], readings: Iterable[float], constant_s: float
) -> list[float]:
    """Each gateway's exponential mean of its readings, as it would report it with each of them."""
    means: dict[str, tuple[float, float]] = {}
    told: list[float] = []
    for at_s, scanner, dbm in zip(times, scanners, readings, strict=True):
        if scanner is None:
            told.append(dbm)
            continue
        before_s, mean = means.get(scanner, (float(at_s), dbm))
        mean += (1.0 - exp(-(at_s - before_s) / constant_s)) * (dbm - mean)
        means[scanner] = (float(at_s), mean)
        told.append(mean)
    return told
