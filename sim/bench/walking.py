"""From a sighting to the screen and the phone while people really walk: by the radio map, beside the nearest scanner.

One shop, one crowd, one sequence of messages, played to two stores that differ in `presence.method` alone. In each
round both are started anew and taken through every number of subjects; ratios are formed within a round.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from actors.concluded import is_timed
from protocols.inputs import Cause
from sim.bench.match import KINDS
from sim.bench.memory import processes_of
from sim.bench.observe import Seen, read_seen
from sim.bench.rates import COALESCED, LATE_MS_MAX, SHED
from sim.bench.report import Result, Sheet, Spread, plain, spread, told
from sim.bench.rig import Rig, StoreProcess
from sim.bench.shop import subject_name
from sim.bench.strollers import Played, Strollers, Way, write_books

Ints = NDArray[np.int64]

WAYS: tuple[Way, ...] = ("nearest", "radio")
NAMES = {"nearest": "nearest scanner", "radio": "radio map"}

LOOK_S = 0.1
"""How often a store's use of the processor is read."""

RATIO_MAX = 1.5
"""What the map may cost: p99 over the nearest scanner's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. 88, 440 and 530 subjects are about 1,000, 5,000 and 6,000 sightings/s."""

    subjects: tuple[int, ...] = (88, 440, 530)
    rounds: int = 3
    warm_s: int = 5
    measured_s: int = 15
    ray: bool = True


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds from one instant to the receipt of a message."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def took_of(us: Sequence[int] | Ints) -> Took:
    """Percentiles of what it took."""
    if not len(us):
        return Took(0, *(float("nan"),) * 3)
    p50, p99, most = (round(float(one) / 1e3, 3) for one in np.percentile(us, (50, 99, 100)))
    return Took(len(us), p50, p99, most)


@dataclass(frozen=True, slots=True)
class Run:
    """One way with so many people.

    `screen` and `phone` count from the arrival of the reading that decided, `beacon` from when the first reading of
    the same packet was sent. `waited` are the messages about what time alone concluded (a silence, a packet that some
    scanner lost): they are in none of these. `engine_core` and `all_cores` are shares of a core: of the engine, and
    of all processes.
    """

    way: Way
    where: str
    subjects: int
    sent_per_s: float
    late_p99_ms: float
    screen: Took
    phone: Took
    beacon: Took
    waited: Took
    changes_per_s: float
    moves_per_s: float
    turns_per_s: float
    engine_core: float
    all_cores: float
    shed: int
    coalesced: int

    @property
    def worst_p99_ms(self) -> float:
        """The slower of the two kinds."""
        return max(self.screen.p99_ms, self.phone.p99_ms)


def bench_walking(plan: Plan, folder: Path, console: Console) -> Result:
    """Runs the plan and tells what was found."""
    runs: list[Run] = []
    notes: list[str] = []
    for number in range(1, plan.rounds + 1):
        console.print(f"Round {number} of {plan.rounds}", highlight=False)
        crowd = Strollers(max(plan.subjects), number)
        played = [(one, crowd.play(one, plan.warm_s, plan.measured_s)) for one in plan.subjects]
        for ray in (False, True) if plan.ray else (False,):
            for way in WAYS:
                runs.extend(_taken_through(way, ray, played, folder, console, notes))
    places = list(dict.fromkeys(run.where for run in runs))
    sheet = _sheet(plan, runs, places)
    sheet.notes += sorted(set(notes))
    return Result("walking", {"plan": plain(plan), "rows": _rows(plan, runs, places)}, [sheet])


def _taken_through(
    way: Way,
    ray: bool,
    played: list[tuple[int, Played]],
    folder: Path,
    console: Console,
    notes: list[str],
) -> list[Run]:
    runs = []
    with Rig(folder / "walking") as rig:
        rig.broker()
        most = max(subjects for subjects, _ in played)
        store = StoreProcess(rig, most, ray, books=partial(write_books, way=way))
        store.start()
        try:
            for subjects, walk in played:
                runs.append(_run(rig, store, way, subjects, walk))
                _said(console, runs[-1])
            if ray and not store.is_on_ray():
                notes.append("A floor cell left Ray during the runs.")
        finally:
            store.stop()
    return runs


def _run(rig: Rig, store: StoreProcess, way: Way, subjects: int, walk: Played) -> Run:
    """One walk, played to a store."""
    before = _not_taken(store)
    with Cores(store) as cores:
        sent, out = rig.played(partial(walk.write_plan, port=rig.port), walk.seconds)
    with np.load(sent) as read:
        at_us, late_us = read["at_us"], read["late_us"][walk.first :]
    after = _not_taken(store)
    began_us, ended_us = int(at_us[walk.first]), int(at_us[-1])
    seconds = (ended_us - began_us) / 1e6
    journal = Journal(store.database, began_us, ended_us)
    counted = counted_of(read_seen(out), walk, at_us, journal.timed)
    engine, everything = cores.between(began_us, ended_us)
    return Run(
        way,
        store.where,
        subjects,
        round((len(at_us) - walk.first) / seconds, 1),
        round(float(np.percentile(late_us, 99)) / 1e3, 3),
        took_of(counted.screen),
        took_of(counted.phone),
        took_of(counted.beacon),
        took_of(counted.waited),
        round(journal.changes / seconds, 2),
        round(walk.moves / (walk.seconds - walk.warm_s), 2),
        round(journal.turns / seconds, 1),
        engine,
        everything,
        after[0] - before[0],
        after[1] - before[1],
    )


@dataclass(slots=True)
class Counted:
    """What was seen of the measured part, in microseconds."""

    screen: list[int] = field(default_factory=list)
    phone: list[int] = field(default_factory=list)
    beacon: list[int] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)


def counted_of(seen: Sequence[Seen], walk: Played, at_us: Ints, timed: frozenset[Cause]) -> Counted:
    """How long each message took, from the arrival of its oldest cause and from the packet behind that."""
    counted = Counted()
    bursts = _bursts(walk, at_us)
    began_us = int(at_us[walk.first])
    for one in seen:
        cause = one.cause
        if not cause.scanner or cause.arrived_us < began_us:
            continue
        if _bare(cause) in timed:
            counted.waited.append(one.at_us - cause.arrived_us)
            continue
        getattr(counted, one.kind).append(one.at_us - cause.arrived_us)
        sent_us = bursts.get(cause.subject, [])
        if place := bisect_right(sent_us, cause.arrived_us):
            counted.beacon.append(one.at_us - sent_us[place - 1])
    return counted


def _bursts(walk: Played, at_us: Ints) -> dict[str, list[int]]:
    """When the first reading of each packet was sent, by subject."""
    _, first = np.unique(walk.burst, return_index=True)
    found: dict[str, list[int]] = {}
    for subject, sent_us in zip(walk.subject[first].tolist(), at_us[first].tolist(), strict=True):
        found.setdefault(subject_name(subject), []).append(sent_us)
    return {name: sorted(sent_us) for name, sent_us in found.items()}


def _bare(cause: Cause) -> Cause:
    """The cause without what further ones a message answers."""
    return Cause(cause.arrived_us, scanner=cause.scanner, subject=cause.subject)


class Journal:
    """What a store wrote in the measured time: turns, changes of zone, and the causes of what time concluded."""

    def __init__(self, database: Path, began_us: int, ended_us: int) -> None:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as reader:
            where, span = "WHERE at_ms BETWEEN ? AND ?", (began_us // 1_000, ended_us // 1_000)
            self.turns = int(reader.execute(f"SELECT count(*) FROM turn {where}", span).fetchone()[0])
            moved = reader.execute(
                "SELECT id, arrived_us, scanner, subject FROM turn WHERE arrived_us >= ? "
                "AND key LIKE 'shopper:%' AND json_extract(input, '$.type') IN ('ZoneEntered', 'ZoneLeft')",
                (began_us,),
            ).fetchall()
        reader.close()
        self.changes = sum(arrived_us <= ended_us for _, arrived_us, _, _ in moved)
        causes = [(is_timed(ident), Cause(at_us, "", room, who)) for ident, at_us, room, who in moved]
        read = {cause for is_late, cause in causes if not is_late}
        self.timed = frozenset(cause for is_late, cause in causes if is_late and cause not in read)


class Cores:
    """Reads now and then how much of the processor a store has used. Use as a context."""

    def __init__(self, store: StoreProcess) -> None:
        self._engine, self._pids = store.child.pid, processes_of(store)
        self._looks: list[tuple[int, float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cores", daemon=True)

    def __enter__(self) -> Cores:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def between(self, began_us: int, ended_us: int) -> tuple[float, float]:
        """Shares of a core between two instants: the engine's, and that of all processes of the store."""
        looks = np.array(self._looks)
        passed_s = (ended_us - began_us) / 1e6
        used = (
            np.interp(ended_us, looks[:, 0], looks[:, column])
            - np.interp(began_us, looks[:, 0], looks[:, column])
            for column in (1, 2)
        )
        engine, everything = (round(float(one) / passed_s, 3) for one in used)
        return engine, everything

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            each = {pid: _cpu_s(pid) for pid in self._pids}
            self._looks.append((time.time_ns() // 1_000, each[self._engine], sum(each.values())))


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _not_taken(store: StoreProcess) -> tuple[int, int]:
    """Shed and coalesced so far."""
    figures = store.metrics()
    shed, coalesced = (
        int(sum(value for name, value in figures.items() if name.startswith(kind)))
        for kind in (SHED, COALESCED)
    )
    return shed, coalesced


def _said(console: Console, run: Run) -> None:
    console.print(
        f"  {NAMES[run.way]} {run.where}, {run.subjects} people, {run.sent_per_s:,.0f}/s: "
        f"p50 {run.phone.p50_ms} ms, p99 {run.worst_p99_ms} ms, {run.changes_per_s:g} changes/s, "
        f"{run.engine_core:.0%} of a core, shed {run.shed}",
        highlight=False,
    )


# --- telling


def _of(runs: list[Run], way: Way, where: str, subjects: int) -> list[Run]:
    return [one for one in runs if (one.way, one.where, one.subjects) == (way, where, subjects)]


def ratio(runs: list[Run], where: str, subjects: int) -> Spread | None:
    """p99 by the map over p99 by the nearest scanner, formed within each round."""
    ours, theirs = (_of(runs, way, where, subjects) for way in ("radio", "nearest"))
    pairs = zip(ours, theirs, strict=True)
    return spread(one.worst_p99_ms / other.worst_p99_ms for one, other in pairs if other.worst_p99_ms > 0)


def _sheet(plan: Plan, runs: list[Run], places: list[str]) -> Sheet:
    sheet = Sheet(
        "Sighting → screen and phone while people walk, by the radio map and by the nearest scanner",
        ("presence", "people", "sightings/s", "screen p50 ms", "p99 ms", "phone p50 ms", "p99 ms",
         "from the beacon p99 ms", "changes/s", "turns/s", "of a core", "shed", "p99 ÷ nearest"),
    )  # fmt: skip
    for subjects in plan.subjects:
        for where in places:
            for way in WAYS:
                sheet.rows.append(_row(runs, way, where, subjects))
    sheet.notes = [
        "Milliseconds from the arrival of the reading that decided to receipt at the observer.",
        *_waited(runs),
        f"The p99 of the slower of the two, within each round, is to stay within {RATIO_MAX:g} × the nearest's."
        " The share of a core is that of the engine with its threads, on Ray of all processes.",
        f"People crossed from zone to zone {told(spread(run.moves_per_s for run in runs))} times a second.",
    ]
    late = sorted({f"{NAMES[run.way]}, {run.subjects}" for run in runs if run.late_p99_ms > LATE_MS_MAX})
    if late:
        sheet.notes.append(f"The load was more than {LATE_MS_MAX:g} ms late at p99: {'; '.join(late)}.")
    return sheet


def _waited(runs: list[Run]) -> list[str]:
    """What time alone concluded, if anything: it waited on purpose, so it stands apart."""
    of = [run for run in runs if run.waited.count]
    share = sum(run.waited.count for run in of) / max(
        1, sum(run.waited.count + run.beacon.count for run in runs)
    )
    late = told(spread(run.waited.p50_ms for run in of))
    return (
        [f"Of all messages {share:.1%} waited for time to pass (a silence, a lost packet): {late} ms."]
        if of
        else []
    )


def _row(runs: list[Run], way: Way, where: str, subjects: int) -> tuple[str, ...]:
    of = _of(runs, way, where, subjects)
    on_ray = where == "on Ray"
    return (
        f"{NAMES[way]}, {where}",
        str(subjects),
        told(spread(one.sent_per_s for one in of)),
        *(
            told(spread(getattr(getattr(one, kind), name) for one in of))
            for kind in KINDS
            for name in ("p50_ms", "p99_ms")
        ),
        told(spread(one.beacon.p99_ms for one in of)),
        told(spread(one.changes_per_s for one in of)),
        told(spread(one.turns_per_s for one in of)),
        told(spread(100 * (one.all_cores if on_ray else one.engine_core) for one in of), " %"),
        str(sum(one.shed for one in of)),
        told(ratio(runs, where, subjects)) if way == "radio" else "1",
    )


def _rows(plan: Plan, runs: list[Run], places: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "presence": way,
            "where": where,
            "subjects": subjects,
            "p99_to_nearest": plain(ratio(runs, where, subjects)),
            "runs": plain(_of(runs, way, where, subjects)),
        }
        for subjects in plan.subjects
        for where in places
        for way in WAYS
    ]
