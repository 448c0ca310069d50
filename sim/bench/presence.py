"""Presence by a radio map in one cell: what a sighting costs one core, while a shop full of people walks about.

Production's `Cell.take` in this process, handed batches as an engine hands them, already decoded: each device sends
once a second, the scanners around it hear it, and devices are spread evenly over the second. Time is process time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from actors.cell import Cell
from actors.presence.ground import LEVEL_UNIT_DB
from actors.presence.radio import fit
from edge.cells.processes import pss_kb
from protocols import facts as books_of
from protocols.cells import Answer, Batch, Heard, Load
from protocols.codec import to_json
from protocols.facts import Fact, PresenceSettings, Radio, Scanner, SignalMap, Zone
from protocols.ids import Key, SubjectId, ZoneId, key
from protocols.inputs import Local
from sim.bench.report import Result, Sheet, plain, spread, told

Doubles = NDArray[np.float64]

TUESDAY = Local("2026-11-24", 14 * 60 + 32, 1)
BEGAN_MS = 1_795_000_000_000
SEED = 4

WANTED_PER_S = 6_000
"""What one cell on one core is to keep up with: 500 shoppers, each heard by 12 scanners once a second."""

READING_DB = 4.0
"""Scatter of the readings made here."""

SPEEDS_MPS = (0.3, 1.2)
"""People walk to one place after the other, each at a speed between these."""


@dataclass(frozen=True, slots=True)
class Site:
    """A floor: metres, the side of its cells, scanners and zones as columns × rows of them."""

    name: str
    width_m: float
    height_m: float
    cell_m: float
    scanners: tuple[int, int]
    zones: tuple[int, int]


SMALL = Site("20.7 × 17.6 m", 20.7, 17.6, 0.5, (4, 3), (3, 3))
LARGE = Site("50 × 80 m", 50.0, 80.0, 1.0, (5, 8), (4, 6))


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. Subjects, scanners that hear each, seconds of it, milliseconds of sightings in a batch."""

    sites: tuple[Site, ...] = (SMALL, LARGE)
    subjects: int = 500
    heard_by: int = 12
    warm_s: int = 5
    measured_s: int = 10
    batch_ms: int = 25
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Took:
    """One run: process time a sighting, what follows from it, and whether people were where they were said to be."""

    site: str
    scanners: int
    cell_m: float
    sightings: int
    us_a_sighting: float
    per_core_s: float
    core_share: float
    take_p50_ms: float
    take_p99_ms: float
    take_max_ms: float
    kb_a_subject: float
    error_p50_m: float
    turns: int


def bench_presence(plan: Plan, console: Console) -> Result:
    """Measures each floor, round by round, each in a process of its own: memory used before would hide some."""
    runs: list[Took] = []
    for number in range(1, plan.rounds + 1):
        for site in plan.sites:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
                one = fresh.submit(run, plan, site).result()
            runs.append(one)
            console.print(
                f"  round {number}, {site.name}: {one.us_a_sighting} µs a sighting", highlight=False
            )
    figures = {"wanted_per_s": WANTED_PER_S, "runs": plain(runs)}
    return Result("presence", figures, [_sheet(plan, runs)])


def run(plan: Plan, site: Site) -> Took:
    """One floor with everybody on it, from an empty cell."""
    facts, level = books(site)
    people = People(plan, site, level)
    cell = Cell()
    before_kb = pss_kb([os.getpid()])
    loads = [Load(name, 0) for name in people.keys]
    cell.take(Batch(0, BEGAN_MS, TUESDAY, 1, load=loads, facts=facts, fresh=True))
    seen = Seen()
    for batch in people.seconds(plan.warm_s):
        seen.take(cell, batch)
    seen = Seen()
    for batch in people.seconds(plan.measured_s):
        seen.take(cell, batch)
        seen.errors += [people.far(one.key, one.x, one.y) for one in seen.answer.positions]
    us = seen.cpu_s / seen.sightings * 1e6
    p50_ms, p99_ms, max_ms = np.percentile(seen.took_ms, (50, 99, 100))
    return Took(
        site=site.name,
        scanners=len(level),
        cell_m=site.cell_m,
        sightings=seen.sightings,
        us_a_sighting=round(us, 1),
        per_core_s=round(1e6 / us),
        core_share=round(us * WANTED_PER_S / 1e6, 3),
        take_p50_ms=round(float(p50_ms), 2),
        take_p99_ms=round(float(p99_ms), 2),
        take_max_ms=round(float(max_ms), 2),
        kb_a_subject=round((pss_kb([os.getpid()]) - before_kb) / plan.subjects, 1),
        error_p50_m=round(float(np.median(seen.errors)), 2),
        turns=seen.turns,
    )


@dataclass(slots=True)
class Seen:
    """What the takes of one stretch came to."""

    cpu_s: float = 0.0
    sightings: int = 0
    turns: int = 0
    took_ms: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: Answer(0))

    def take(self, cell: Cell, batch: Batch) -> None:
        """Hands one batch to the cell and takes the time."""
        began, cpu = time.perf_counter_ns(), time.process_time_ns()
        self.answer = cell.take(batch)
        self.cpu_s += (time.process_time_ns() - cpu) / 1e9
        self.took_ms.append((time.perf_counter_ns() - began) / 1e6)
        self.sightings += len(batch.heard)
        self.turns += len(self.answer.turns)


class People:
    """Everybody on the floor: where they are, where they go, and what is heard of them."""

    def __init__(self, plan: Plan, site: Site, level: Doubles) -> None:
        self._plan, self._site, self._level = plan, site, level
        self._chance = np.random.default_rng(SEED)
        count = plan.subjects
        self.keys: list[Key] = [key("shopper", SubjectId(f"s{number}")) for number in range(count)]
        self._places = {name: number for number, name in enumerate(self.keys)}
        self.at = self._anywhere(count)
        self._to = self._anywhere(count)
        self._speed = self._chance.uniform(*SPEEDS_MPS, count)
        self._power = self._chance.normal(0.0, 3.0, count)
        self._phase_ms = np.arange(count) * 1_000 // count
        self._now_ms = BEGAN_MS
        self._number = 0

    def seconds(self, count: int) -> Iterator[Batch]:
        """The batches of so many seconds. Whoever is heard in one has walked for a second since the last time."""
        for _ in range(count * 1_000 // self._plan.batch_ms):
            phase = self._now_ms % 1_000
            due = (self._phase_ms >= phase) & (self._phase_ms < phase + self._plan.batch_ms)
            heard = [one for who in np.flatnonzero(due) for one in self._heard(int(who))]
            self._now_ms += self._plan.batch_ms
            self._number += 1
            yield Batch(self._number, self._now_ms, TUESDAY, 1, heard=heard)

    def far(self, who: Key, x: float, y: float) -> float:
        """How far a place is from where the subject is."""
        return float(np.hypot(*(self.at[self._places[who]] - (x, y))))

    def _heard(self, who: int) -> list[Heard]:
        self._walk(who)
        rows, columns = self._level.shape[1:]
        x, y = self.at[who] / self._site.cell_m
        exact = self._level[:, min(int(y), rows - 1), min(int(x), columns - 1)]
        reading = exact + self._power[who] + self._chance.normal(0.0, READING_DB, len(exact))
        loudest = np.argsort(-reading)[: self._plan.heard_by]
        at_ms = self._now_ms + int(self._phase_ms[who]) % self._plan.batch_ms
        return [
            Heard(self.keys[who], f"scanner-{one}", round(float(reading[one])), at_ms, at_ms * 1_000 + place)
            for place, one in enumerate(loudest.tolist())
        ]

    def _walk(self, who: int) -> None:
        way = self._to[who] - self.at[who]
        length, step = float(np.hypot(*way)), float(self._speed[who])
        if length <= step:
            self.at[who], self._to[who] = self._to[who], self._anywhere(1)[0]
        else:
            self.at[who] += way * (step / length)

    def _anywhere(self, count: int) -> Doubles:
        return self._chance.uniform(
            (0.3, 0.3), (self._site.width_m - 0.3, self._site.height_m - 0.3), (count, 2)
        )


def books(site: Site) -> tuple[list[Fact], Doubles]:
    """The floor as facts, and how each scanner hears each cell."""
    plan = books_of.Plan(site.name, site.width_m, site.height_m)
    settings = PresenceSettings(method="radio", cell_m=site.cell_m)
    scanners = {
        f"scanner-{number}": Scanner(ZoneId("unknown"), round(x, 2), round(y, 2))
        for number, (x, y) in enumerate(_middles(site, site.scanners))
    }
    radio, signals = fit(plan, scanners, settings, ())
    wide, high = site.width_m / site.zones[0], site.height_m / site.zones[1]
    rows: list[tuple[str, str, books_of.Plan | PresenceSettings | Radio | Scanner | SignalMap | Zone]] = [
        ("plan", "store", plan), ("presence", "store", settings), ("radio", "store", radio)
    ]  # fmt: skip
    rows += [("scanner", name, scanner) for name, scanner in scanners.items()]
    rows += [("signal", name, signal) for name, signal in signals.items()]
    for number, (x, y) in enumerate(_middles(site, site.zones)):
        left, top, right, bottom = x - wide / 2, y - high / 2, x + wide / 2, y + high / 2
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        rows.append(("zone", f"zone-{number}", Zone(f"Zone {number}", corners, 0.5)))
    level = np.stack([np.frombuffer(signal.level, "<i2") for signal in signals.values()]) * LEVEL_UNIT_DB
    facts = [Fact(book, name, 1, to_json(value)) for book, name, value in rows]
    return facts, level.reshape(-1, radio.rows, radio.columns)


def _middles(site: Site, shape: tuple[int, int]) -> list[tuple[float, float]]:
    columns, rows = shape
    return [
        ((column + 0.5) * site.width_m / columns, (row + 0.5) * site.height_m / rows)
        for row in range(rows)
        for column in range(columns)
    ]


def _sheet(plan: Plan, runs: list[Took]) -> Sheet:
    sheet = Sheet(
        f"Presence in one cell: {plan.subjects} shoppers × {plan.heard_by} scanners once a second",
        (
            "floor", "scanners", "cell m", "µs a sighting", "sightings/s a core", f"of a core at {WANTED_PER_S:,}/s",
            "take p99 ms", "longest ms", "KB a subject", "error p50 m",
        ),
    )  # fmt: skip
    for site in plan.sites:
        of = [one for one in runs if one.site == site.name]
        sheet.rows.append(
            (
                site.name,
                str(of[0].scanners),
                f"{site.cell_m:g}",
                told(spread(one.us_a_sighting for one in of)),
                told(spread(one.per_core_s for one in of)),
                told(spread(100 * one.core_share for one in of), " %"),
                told(spread(one.take_p99_ms for one in of)),
                told(spread(one.take_max_ms for one in of)),
                told(spread(one.kb_a_subject for one in of)),
                told(spread(one.error_p50_m for one in of)),
            )
        )
    sheet.notes = [
        f"Batches of {plan.batch_ms} ms, already decoded; process time of all threads, turns of zone changes included.",
        "The error is against made-up walks over the map that the cell has: it says that beliefs follow, no more.",
    ]
    return sheet
