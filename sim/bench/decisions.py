"""Durable decisions a second: the store in one process, a store behind the broker at overload, and raw SQLite."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sim.bench import rawsql
from sim.bench.rates import Load, our_store
from sim.bench.report import Result, Sheet, plain, spread, told
from sim.bench.rig import Rig, StoreProcess

OFFERED = (3_000.0, 5_000.0, 8_000.0)
"""Changes of zone a second that are offered over the broker: more than can be taken, so that it is never idle."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    rounds: int = 3
    seconds: float = 4.0
    subjects: int = 500
    ray: bool = True


@dataclass(frozen=True, slots=True)
class Round:
    """Decisions a second, as each way of counting found them."""

    raw: rawsql.Raw
    single_per_s: float
    grouped_per_s: float
    over_broker_per_s: float
    over_broker_on_ray_per_s: float | None


def bench_decisions(plan: Plan, folder: Path, console: Console) -> Result:
    """Runs the plan and tells what was found."""
    rounds = []
    for number in range(1, plan.rounds + 1):
        console.print(f"Round {number} of {plan.rounds}", highlight=False)
        with Rig(folder / "decisions") as rig:
            rig.broker()
            rounds.append(_round(rig, plan, console))
    return Result("decisions", {"rounds": plain(rounds)}, [_sheet(rounds)])


def _round(rig: Rig, plan: Plan, console: Console) -> Round:
    inside, database = _inside(rig, plan)
    raw = rawsql.measure(rawsql.read_rows(database), rig.folder, plan.seconds / 2)
    console.print(
        f"  in one process {inside}, raw {raw.single_per_s:,.0f} and {raw.grouped_per_s:,.0f}",
        highlight=False,
    )
    over = _over_broker(rig, plan, ray=False)
    on_ray = _over_broker(rig, plan, ray=True) if plan.ray else None
    console.print(f"  over the broker {over:,.0f}, on Ray {on_ray or 0:,.0f}", highlight=False)
    return Round(raw, inside["single_per_s"], inside["grouped_per_s"], over, on_ray)


def _inside(rig: Rig, plan: Plan) -> tuple[dict[str, float], Path]:
    store = StoreProcess(rig, plan.subjects, ray=False)
    settings = store.folder / "store.toml"
    child = rig.python("inside", "sim.bench.inside", str(settings), str(plan.subjects), str(plan.seconds))
    rig.children.add(child).spawn()
    if child.wait(120 + 4 * plan.seconds):
        raise RuntimeError(f"the store in one process failed: {child.log_tail()}")
    return json.loads(child.log.read_text().splitlines()[-1]), store.database


def _over_broker(rig: Rig, plan: Plan, *, ray: bool) -> float:
    load = Load(plan.subjects, 1.0, plan.seconds)
    with our_store(rig, load, ray=ray) as system:
        return max(system.run(rate, load, every=True).decisions_per_s or 0.0 for rate in OFFERED)


def _sheet(rounds: list[Round]) -> Sheet:
    sheet = Sheet(
        "Durable decisions a second (each three turns, an offer, a screen; synchronous=FULL)",
        ("what", "decisions/s", "÷ raw, alone", "÷ raw, grouped"),
    )
    group = rounds[0].raw.group
    rows: list[tuple[str, list[tuple[float, rawsql.Raw]]]] = [
        ("raw SQLite, each alone", [(one.raw.single_per_s, one.raw) for one in rounds]),
        (f"raw SQLite, {group} together", [(one.raw.grouped_per_s, one.raw) for one in rounds]),
        ("endcap, one at a time", [(one.single_per_s, one.raw) for one in rounds]),
        ("endcap, many waiting", [(one.grouped_per_s, one.raw) for one in rounds]),
        ("endcap over the broker, at overload", [(one.over_broker_per_s, one.raw) for one in rounds]),
        (
            "endcap over the broker, on Ray",
            [(one.over_broker_on_ray_per_s, one.raw) for one in rounds if one.over_broker_on_ray_per_s],
        ),
    ]
    for name, pairs in rows:
        if pairs:
            alone = spread(rate / raw.single_per_s for rate, raw in pairs)
            grouped = spread(rate / raw.grouped_per_s for rate, raw in pairs)
            sheet.rows.append((name, told(spread(rate for rate, _ in pairs)), told(alone), told(grouped)))
    sheet.notes = [
        "Raw SQLite writes the rows that the store wrote and computes nothing; "
        f"about {rounds[0].raw.bytes_per_decision:,} bytes a decision."
    ]
    return sheet
