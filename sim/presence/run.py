"""Runs every contender over every walk, on the grid asked for and on its shifted copies, and scores what was said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add

import numpy as np

from protocols.ids import UNKNOWN_ZONE
from sim.presence.grids import Grid
from sim.presence.methods import SILENT, Contender, Method, Said
from sim.presence.play import Played
from sim.presence.score import NOBODY, Tally, Told, tally


@dataclass(frozen=True)
class Outcome:
    """One contender's results. `walks` and `pooled` are of the grid asked for, `shifted` of each of its copies.

    `said` is what was said on the grid asked for, by walk; `cost_us` the process time of one packet on it, where it
    was measured.
    """

    contender: Contender
    walks: dict[str, Tally]
    pooled: Tally
    shifted: tuple[Tally, ...]
    said: dict[str, tuple[Said, ...]]
    cost_us: float | None

    @property
    def shifted_all(self) -> float | None:
        """The accuracy averaged over shifted grids; None if they were left out."""
        if not self.shifted:
            return None
        return float(np.mean([one.right_s / one.time_s if one.time_s else 0.0 for one in self.shifted]))


def run(
    contender: Contender, played: Sequence[Played], grid: Grid, shifted: bool, step: Callable[[], None]
) -> Outcome:
    """Scores one contender. `step` is called after each walk that was run, to show progress."""
    said: dict[str, tuple[Said, ...]] = {}
    for walk in played:
        said[walk.name] = follow(partial(contender.make, grid), walk)
        step()
    walks = {walk.name: tally(walk, told(said[walk.name], grid), grid) for walk in played}
    copies = tuple(_shifted(contender, played, grid, said, walks, step)) if shifted else ()
    pooled = reduce(add, walks.values())
    return Outcome(contender, walks, pooled, copies, said, _cost_us(contender, played, grid))


def runs_of(contender: Contender, played: Sequence[Played], grid: Grid, shifted: bool) -> int:
    """How often `run` will call its step."""
    return len(played) * (1 if contender.by_place or not shifted else len(grid.shifted()))


def follow(make: Callable[[], Method], walk: Played) -> tuple[Said, ...]:
    """What a method says at each packet of a walk. A new one, which knows nothing yet, is made for each carrier."""
    said: list[Said] = []
    method, last = make(), SILENT
    for at, (at_s, scanner, dbm) in enumerate(zip(walk.at_s.tolist(), walk.scanner, walk.dbm, strict=True)):
        if at in walk.anew:
            method, last = make(), SILENT
        if scanner is not None:
            last = method.hear(at_s, scanner, dbm)
        said.append(last)
    return tuple(said)


def _cost_us(contender: Contender, played: Sequence[Played], grid: Grid) -> float | None:
    """The process time of a packet that is heard, by the bare method over all walks; without that of making one."""
    if contender.bare is None:
        return None
    took_s = 0.0
    for walk in played:
        made = [contender.bare(grid)]  # before the clock is read
        one_carrier = replace(walk, anew=frozenset())
        began_s = time.process_time()
        follow(made.pop, one_carrier)
        took_s += time.process_time() - began_s
    return 1e6 * took_s / max(1, sum(scanner is not None for walk in played for scanner in walk.scanner))


def told(said: Sequence[Said], grid: Grid) -> Told:
    """What was said as arrays over a grid. A zone that the grid does not have counts as unknown."""
    x, y = np.array([one.x for one in said]), np.array([one.y for one in said])
    around = _around(x, y, grid)
    places = grid.places
    likeliest = [places.get(one.likeliest, at) for one, at in zip(said, around.tolist(), strict=True)]
    return Told(
        cells=np.array(
            [NOBODY if one.zone == UNKNOWN_ZONE else places.get(one.zone, NOBODY) for one in said]
        ),
        likeliest=np.array(likeliest),
        p=np.array([one.p for one in said]),
        x=x,
        y=y,
    )


def _shifted(
    contender: Contender,
    played: Sequence[Played],
    grid: Grid,
    said: dict[str, tuple[Said, ...]],
    walks: dict[str, Tally],
    step: Callable[[], None],
) -> Iterator[Tally]:
    yield reduce(add, walks.values())
    for copy in grid.shifted()[1:]:
        tallies = []
        for walk in played:
            if contender.by_place:
                again = _by_place(said[walk.name], copy)
            else:
                again = told(follow(partial(contender.make, copy), walk), copy)
                step()
            tallies.append(tally(walk, again, copy))
        yield reduce(add, tallies)


def _by_place(said: Sequence[Said], grid: Grid) -> Told:
    """The same places on another grid."""
    x, y = np.array([one.x for one in said]), np.array([one.y for one in said])
    cells = _around(x, y, grid)
    return Told(cells, cells, np.array([one.p for one in said]), x, y)


def _around(x: np.ndarray, y: np.ndarray, grid: Grid) -> np.ndarray:
    """The cell around each place, nobody's where there is none."""
    there = ~np.isnan(x)
    cells = grid.cells(np.where(there, x, 0.0), np.where(there, y, 0.0))
    return np.where(there, cells, NOBODY)
