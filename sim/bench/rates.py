"""Runs at a rate: the same stretch of the walk for the echo, for a peer and for the store, seen from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sim.bench.match import Latency, latency_of, matched
from sim.bench.peers.books import write_peer_books
from sim.bench.peers.nodered import nodered
from sim.bench.rig import STORE, Observed, Rig, StoreProcess
from sim.bench.shop import Walk

LATE_MS_MAX = 20.0
"""A run whose load was later than this at p99 says more about the machine than about what was measured."""

ECHO = "broker echo"
BARE = "bare asyncio loop"
NODE_RED = "Node-RED"

WARM_RATE = 800.0

SHED, COALESCED = "endcap_shed_total", "endcap_coalesced_total"
"""Sightings heard and not taken: dropped at a full inbox, or replaced by a newer one of the same pair."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many people, and how long."""

    subjects: int = 500
    warm_s: float = 3.0
    measured_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run at one rate. `turns_per_s` is None where nothing is written.

    `shed` were dropped, `coalesced` were replaced by a newer sighting of the same subject and scanner.
    """

    per_second: float
    every: bool
    late_p99_ms: float
    screen: Latency
    phone: Latency
    turns_per_s: float | None = None
    decisions_per_s: float | None = None
    shed: int | None = None
    coalesced: int | None = None
    sent_per_s: float = 0.0

    @property
    def worst_p99_ms(self) -> float:
        """The slower of the two kinds."""
        return max(self.screen.p99_ms, self.phone.p99_ms)

    @property
    def answered(self) -> float:
        """The smaller of the two shares."""
        return min(self.screen.answered, self.phone.answered)

    @property
    def in_time(self) -> bool:
        """Whether the load kept to its schedule."""
        return self.late_p99_ms <= LATE_MS_MAX


@dataclass(slots=True)
class System:
    """Something under load: its name, its walk, and where its journal is, if it has one."""

    name: str
    rig: Rig
    walk: Walk
    store: StoreProcess | None = None
    notes: list[str] = field(default_factory=list)

    def warm_up(self) -> None:
        """Everybody comes in, and walks a little, before anything is measured."""
        self.rig.send(self.walk.arrive(), WARM_RATE)

    def run(self, per_second: float, load: Load, *, every: bool) -> Run:
        """One run: warm-up and measured part in one stretch, at one rate."""
        self.rig.send(self.walk.arrive(), WARM_RATE)
        walking = self.walk.walk(int(per_second * (load.warm_s + load.measured_s)), every=every)
        before = self._not_taken()
        observed = self.rig.observed(walking, per_second, int(per_second * load.warm_s))
        kinds = matched(observed.sent, observed.messages())
        turns, decisions = self._written(observed)
        after = self._not_taken()
        return Run(
            per_second,
            every,
            _late_ms(observed),
            kinds["screen"],
            kinds["phone"],
            turns,
            decisions,
            _grown(before[0], after[0]),
            _grown(before[1], after[1]),
            sent_per_s=_sent_per_s(observed),
        )

    def _written(self, observed: Observed) -> tuple[float | None, float | None]:
        """Turns and decisions a second in the journal, in the time in which the measured part was sent."""
        if self.store is None:
            return None, None
        at_us = observed.sent.at_us
        began, ended = int(at_us[observed.sent.first]) // 1000, int(at_us[-1]) // 1000
        seconds = max(1, ended - began) / 1e3
        with sqlite3.connect(f"file:{self.store.database}?mode=ro", uri=True) as reader:
            where = "WHERE at_ms BETWEEN ? AND ?"
            turns = reader.execute(f"SELECT count(*) FROM turn {where}", (began, ended)).fetchone()[0]
            decisions = reader.execute(f"SELECT count(*) FROM decision {where}", (began, ended)).fetchone()[0]
        reader.close()
        return round(turns / seconds, 1), round(decisions / seconds, 1)

    def _not_taken(self) -> tuple[int | None, int | None]:
        """Shed and coalesced so far; None where nobody counts."""
        if self.store is None:
            return None, None
        figures = self.store.metrics()
        shed, coalesced = (
            int(sum(value for name, value in figures.items() if name.startswith(kind)))
            for kind in (SHED, COALESCED)
        )
        return shed, coalesced


def echo(rig: Rig, walk: Walk, per_second: float, load: Load) -> Run:
    """The broker alone: the same sightings, straight to an observer."""
    walking = walk.walk(int(per_second * (load.warm_s + load.measured_s)), every=False)
    first = int(per_second * load.warm_s)
    observed = rig.observed(walking, per_second, first, "espresense/devices/+/+")
    came = np.array(observed.times_us(), np.int64)
    sent = observed.sent.at_us
    all_came = len(came) == len(sent)
    took = (came - sent)[first:] if all_came else np.zeros(0, np.int64)
    latency = latency_of(took, len(came) / len(sent), all_came)
    return Run(per_second, False, _late_ms(observed), latency, latency, sent_per_s=_sent_per_s(observed))


@contextmanager
def bare_loop(rig: Rig, load: Load) -> Iterator[System]:
    """The bare asyncio loop on the rig's broker, warm."""
    books = rig.folder / "peer-books.json"
    write_peer_books(books, STORE, load.subjects)
    child = rig.python("bare", "sim.bench.peers.bare", str(rig.port), str(books))
    child.ready = lambda: "link up" in child.log_tail()
    child.start()
    try:
        system = System(BARE, rig, Walk(load.subjects))
        system.warm_up()
        yield system
    finally:
        child.stop()


@contextmanager
def node_red(rig: Rig, load: Load, cache: Path) -> Iterator[System]:
    """Node-RED on the rig's broker, warm. Raises Missing."""
    books = rig.folder / "peer-books.json"
    write_peer_books(books, STORE, load.subjects)
    child = nodered(cache, rig.folder / "node-red", rig.port, books)
    child.start(60.0)
    try:
        system = System(NODE_RED, rig, Walk(load.subjects))
        system.warm_up()
        yield system
    finally:
        child.stop()


@contextmanager
def our_store(rig: Rig, load: Load, *, ray: bool, kafka: str = "") -> Iterator[System]:
    """A store on the rig's broker, warm; with Ray, its floor cells run there."""
    store = StoreProcess(rig, load.subjects, ray, kafka=kafka)
    store.start()
    try:
        system = System(f"endcap {store.where}", rig, Walk(load.subjects), store)
        system.warm_up()
        if ray and not store.is_on_ray():
            system.notes.append("a floor cell left Ray during the warm-up")
        yield system
        if ray and not store.is_on_ray():
            system.notes.append("a floor cell left Ray during the runs")
    finally:
        store.stop()


def _late_ms(observed: Observed) -> float:
    return round(float(np.percentile(observed.sent.late_us[observed.sent.first :], 99)) / 1e3, 3)


def _sent_per_s(observed: Observed) -> float:
    """The rate that was really reached."""
    at_us = observed.sent.at_us[observed.sent.first :]
    return round((len(at_us) - 1) * 1e6 / max(1, int(at_us[-1] - at_us[0])), 1)


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
