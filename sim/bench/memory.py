"""What a store weighs: proportional memory of all its processes, empty and with thousands of people in it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from edge.cells.home import home_of
from edge.cells.processes import ours, pss_kb
from sim.bench.report import Result, Sheet, plain, spread, told
from sim.bench.rig import Rig, StoreProcess
from sim.bench.shop import Walk, subjects_fitting

SETTLE_S = 3.0
ARRIVALS_PER_S = 1_000.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    subjects: int = subjects_fitting(5_000)
    rounds: int = 3
    ray: bool = True


@dataclass(frozen=True, slots=True)
class Weight:
    """Megabytes of PSS, and kilobytes for each shopper of what came with them."""

    where: str
    shoppers: int
    empty_mb: float
    full_mb: float
    engine_mb: float
    processes: int

    @property
    def kb_a_shopper(self) -> float:
        """What one visit with its account and offers weighs."""
        return (self.full_mb - self.empty_mb) * 1024 / self.shoppers


def processes_of(store: StoreProcess) -> list[int]:
    """The engine, its descendants, and every process of its Ray."""
    found = {store.child.pid, *ours(str(home_of(str(store.folder / "data"))))}
    parents = _parents()
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def bench_memory(plan: Plan, folder: Path, console: Console) -> Result:
    """Weighs a store in process and on Ray."""
    weights: list[Weight] = []
    for number in range(1, plan.rounds + 1):
        console.print(f"Round {number} of {plan.rounds}", highlight=False)
        for ray in (False, True) if plan.ray else (False,):
            with Rig(folder / "memory") as rig:
                rig.broker()
                weights.append(_weighed(rig, plan, ray=ray))
            one = weights[-1]
            console.print(f"  {one.where}: {one.empty_mb} MB empty, {one.full_mb} MB full", highlight=False)
    figures = {"weights": plain(weights), "kb_a_shopper": [round(one.kb_a_shopper, 2) for one in weights]}
    return Result("memory", figures, [_sheet(plan, weights)])


def _weighed(rig: Rig, plan: Plan, *, ray: bool) -> Weight:
    store = StoreProcess(rig, plan.subjects, ray)
    store.start()
    try:
        time.sleep(SETTLE_S)
        empty = _mb(processes_of(store))
        rig.send(Walk(plan.subjects).arrive(), ARRIVALS_PER_S)
        visits = int(store.metrics()["endcap_visits"])
        assert visits == plan.subjects, f"{visits} of {plan.subjects} people are in the store"
        time.sleep(SETTLE_S)
        pids = processes_of(store)
        return Weight(
            f"endcap {store.where}", plan.subjects, empty, _mb(pids), _mb([store.child.pid]), len(pids)
        )
    finally:
        store.stop()


def _mb(pids: list[int]) -> float:
    return round(pss_kb(pids) / 1024, 1)


def _parents() -> dict[int, int]:
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_bytes()
            except OSError:
                continue
            parents[int(name)] = int(stat.rpartition(b")")[2].split()[1])
    return parents


def _sheet(plan: Plan, weights: list[Weight]) -> Sheet:
    sheet = Sheet(
        f"Memory (PSS of all processes) with {plan.subjects:,} live shoppers",
        ("system", "processes", "empty MB", "full MB", "of it the engine MB", "KB a shopper"),
    )
    for where in dict.fromkeys(one.where for one in weights):
        of = [one for one in weights if one.where == where]
        sheet.rows.append(
            (
                where,
                str(of[-1].processes),
                told(spread(one.empty_mb for one in of)),
                told(spread(one.full_mb for one in of)),
                told(spread(one.engine_mb for one in of)),
                told(spread(one.kb_a_shopper for one in of)),
            )
        )
    sheet.notes = [
        "Each shopper is a member with a wallet, two open offers and a visit; the roster is in both columns."
    ]
    return sheet
