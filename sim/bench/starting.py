"""How soon a store serves: from the process's start to a till's first verdict, and after its cell was killed."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from edge.cells.home import home_of
from edge.cells.processes import ours
from sim.bench.match import matched
from sim.bench.rates import Load, our_store
from sim.bench.report import Result, Sheet, plain, spread, told
from sim.bench.rig import Rig, StoreProcess
from sim.bench.shop import account_name
from sim.bench.tills import ring, sale_body
from sim.processes import READY_S

KILL_RATE = 500.0
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
    """After SIGKILL of the cell: the first answer to a later sighting, the slowest one around it, what was lost."""

    first_answer_ms: float
    slowest_ms: float
    answered: float
    exact: bool


def first_verdict_s(store: StoreProcess, within_s: float = READY_S) -> float:
    """From starting the process to the first sale answered 200, which is tried over and over."""
    store.rig.children.add(store.child).spawn()
    body = sale_body(0, "till-1", account_name(0))
    while time.monotonic() - store.child.started_at < within_s:
        connection = http.client.HTTPConnection("127.0.0.1", store.http, timeout=2)
        status = ring(connection, body)
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
            at_us: list[int] = []
            seconds = plan.load.warm_s + plan.load.measured_s / 2
            timer = threading.Timer(seconds + 1.0, lambda: at_us.append(_kill_cell(system.store)))
            rig.send(system.walk.arrive(), KILL_RATE)
            walking = system.walk.walk(int(KILL_RATE * (plan.load.warm_s + plan.load.measured_s)), every=True)
            timer.start()
            observed = rig.observed(walking, KILL_RATE, int(KILL_RATE * plan.load.warm_s))
            timer.join()
            kinds = matched(observed.sent, observed.messages())
            later = [one.at_us for one in observed.messages() if one.cause.arrived_us > at_us[0]]
            one = Killed(
                round((min(later) - at_us[0]) / 1e3, 2),
                max(kinds["screen"].max_ms, kinds["phone"].max_ms),
                min(kinds["screen"].answered, kinds["phone"].answered),
                kinds["phone"].exact and kinds["screen"].exact,
            )
            console.print(f"  cell killed: {one}", highlight=False)
            return one


def _kill_cell(store: StoreProcess | None) -> int:
    """SIGKILL to the process that hosts the floor cell; when, in microseconds."""
    assert store is not None
    for pid in ours(home_of(str(store.folder / "data"))):
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            if title.startswith(CELL_MARK) and b"IDLE" not in title:
                now_us = time.time_ns() // 1_000
                os.kill(pid, signal.SIGKILL)
                return now_us
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
        f"Ray cell killed (SIGKILL) at {KILL_RATE:,.0f} changes/s",
        ("kills", "first later sighting answered ms", "slowest answer ms", "causes answered"),
    )
    sheet.rows.append(
        (
            str(len(killed)),
            told(spread(one.first_answer_ms for one in killed)),
            told(spread(one.slowest_ms for one in killed)),
            f"{min(one.answered for one in killed):.2%}",
        )
    )
    return sheet
