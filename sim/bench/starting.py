"""How soon a store serves: from the process's start to a till's first verdict, and after its cell was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from edge.cells.home import home_of
from edge.cells.processes import ours
from sim.bench.rates import Load, our_store
from sim.bench.report import Result, Sheet, plain, spread, told
from sim.bench.rig import Rig, StoreProcess
from sim.bench.shop import account_name
from sim.bench.tills import SALES, Rang, baskets, call, connect, sale_body
from sim.processes import READY_S

KILL_RATE = 500.0
BASKETS_PER_S = 100.0
CELL_MARK = b"ray::"
"""How Ray titles its workers; an actor's title holds its class, so an idle worker is told apart."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    starts: int = 5
    kills: int = 3
    ray: bool = True
    load: Load = field(default_factory=lambda: Load(warm_s=1.0, measured_s=6.0))


@dataclass(frozen=True, slots=True)
class Killed:
    """After SIGKILL of the cell: the first answer to a basket sent later, the slowest of all, and what was lost.

    `journalled` counts the baskets in the journal: those answered, each once, or a turn was lost or doubled.
    """

    first_answer_ms: float
    slowest_ms: float
    answered: int
    refused: int
    journalled: int


def first_verdict_s(store: StoreProcess, within_s: float = READY_S) -> float:
    """From starting the process to the first sale answered 200, which is tried over and over."""
    store.rig.children.add(store.child).spawn()
    body = sale_body(0, "till-1", account_name(0))
    while time.monotonic() - store.child.started_at < within_s:
        connection = connect(store.http)
        status = call(connection, "POST", SALES, body)
        connection.close()
        if status == 200:
            return time.monotonic() - store.child.started_at
        time.sleep(0.002)
    raise TimeoutError(f"no verdict within {within_s:g} s; {store.child.log_tail()}")


def bench_start(plan: Plan, folder: Path, console: Console) -> Result:
    """Starts, starts again, and kills cells."""
    first: dict[str, list[float]] = {}
    again: dict[str, list[float]] = {}
    for ray in (False, True) if plan.ray else (False,):
        with Rig(folder / "start") as rig:
            rig.broker()
            for _ in range(plan.starts):
                store = StoreProcess(rig, plan.load.subjects, ray)
                name = f"endcap {store.where}"
                first.setdefault(name, []).append(_timed(store))
                again.setdefault(name, []).append(_timed(store))
                console.print(
                    f"  {name}: {first[name][-1]:.2f} s, again {again[name][-1]:.2f} s", highlight=False
                )
    killed = [_killed(plan, folder, console) for _ in range(plan.kills)] if plan.ray else []
    figures = {"first_start_s": first, "start_again_s": again, "cell_killed": plain(killed)}
    sheets = [_start_sheet(first, again)]
    if killed:
        sheets.append(_kill_sheet(killed))
    return Result("start", figures, sheets)


def _timed(store: StoreProcess) -> float:
    try:
        return first_verdict_s(store)
    finally:
        store.stop()


def _killed(plan: Plan, folder: Path, console: Console) -> Killed:
    with Rig(folder / "kill") as rig:
        rig.broker()
        with our_store(rig, plan.load, ray=True) as system:
            assert system.store is not None
            killed_at: list[float] = []
            timer = threading.Timer(
                plan.load.measured_s / 2, lambda: killed_at.append(_kill_cell(system.store))
            )
            timer.start()
            with baskets(system.store.http, plan.load.subjects, BASKETS_PER_S) as caller:
                rig.send(system.walk.walk(int(KILL_RATE * plan.load.measured_s), every=False), KILL_RATE, 0.5)
            timer.join()
            one = _told_killed(system.store, caller.rang, killed_at[0])
            console.print(f"  {one}", highlight=False)
            return one


def _told_killed(store: StoreProcess, rang: list[Rang], killed_at: float) -> Killed:
    later = [one for one in rang if one.sent > killed_at and one.status == 200]
    with sqlite3.connect(f"file:{store.database}?mode=ro", uri=True) as reader:
        query = "SELECT count(*) FROM turn WHERE input LIKE '%\"BasketChanged\"%'"
        journalled = int(reader.execute(query).fetchone()[0])
    reader.close()
    return Killed(
        round(min(one.sent + one.took_s for one in later) * 1e3 - killed_at * 1e3, 2),
        round(max(one.took_s for one in rang) * 1e3, 2),
        sum(one.status == 200 for one in rang),
        sum(one.status != 200 for one in rang),
        journalled,
    )


def _kill_cell(store: StoreProcess | None) -> float:
    """SIGKILL to the process that hosts the floor cell; when, in monotonic seconds."""
    assert store is not None
    for pid in ours(str(home_of(str(store.folder / "data")))):
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            if title.startswith(CELL_MARK) and b"IDLE" not in title:
                now = time.monotonic()
                os.kill(pid, signal.SIGKILL)
                return now
    raise RuntimeError("no process hosts a cell")


def _start_sheet(first: dict[str, list[float]], again: dict[str, list[float]]) -> Sheet:
    sheet = Sheet(
        "Process start → first sale answered 200", ("system", "new store s", "started again s", "starts")
    )
    for name in first:
        sheet.rows.append((name, told(spread(first[name])), told(spread(again[name])), str(len(first[name]))))
    return sheet


def _kill_sheet(killed: list[Killed]) -> Sheet:
    sheet = Sheet(
        f"Ray cell killed (SIGKILL) beside {KILL_RATE:,.0f} sightings/s and {BASKETS_PER_S:g} baskets/s",
        ("kills", "first later basket answered ms", "slowest ms", "answered", "in the journal", "refused"),
    )
    sheet.rows.append(
        (
            str(len(killed)),
            told(spread(one.first_answer_ms for one in killed)),
            told(spread(one.slowest_ms for one in killed)),
            f"{sum(one.answered for one in killed):,}",
            f"{sum(one.journalled for one in killed):,}",
            str(sum(one.refused for one in killed)),
        )
    )
    sheet.notes = [
        "A basket is a shopper's turn, so it needs the floor's cell. Presence is learned again: for five seconds a "
        "subject whose row was loaded anew concludes nothing (actors/presence/nearest.py)."
    ]
    return sheet
