"""The highest steady rate: p99 below a quarter of a second, every phone's cause answered, nothing shed.

A sighting that a newer one of the same subject and scanner replaced is not shed, and where a backlog was taken in
another order two shoppers of one class may follow each other, whose second entry changes no screen: hence a share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from sim.bench.path import IN_PROCESS, ON_RAY, system_of
from sim.bench.rates import BARE, NODE_RED, Load, Run
from sim.bench.report import Result, Sheet, plain, spread, told
from sim.bench.rig import Missing, Rig

P99_MS_MAX = 250.0
STEP = 1.25
"""The rate grows by this much until a run fails; then the gap is halved until it is below `CLOSE`."""

CLOSE = 1.07
RATE_MAX = 60_000.0
REACHED_MIN = 0.98
SCREENS_MIN = 0.999


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    systems: tuple[str, ...] = (BARE, NODE_RED, IN_PROCESS, ON_RAY)
    rounds: int = 3
    start: float = 5_000.0
    load: Load = field(default_factory=lambda: Load(warm_s=1.5, measured_s=4.0))


@dataclass(slots=True)
class Climb:
    """One search: the highest rate that held, the run at it, and the first that failed."""

    system: str
    held: Run | None = None
    failed: Run | None = None
    runs: list[Run] = field(default_factory=list)


def holds(run: Run) -> bool:
    """Whether a run was sustained, and really sent at its rate."""
    reached = run.sent_per_s >= REACHED_MIN * run.per_second
    answered = run.phone.answered >= 1.0 and run.screen.answered >= SCREENS_MIN
    return reached and answered and run.worst_p99_ms < P99_MS_MAX and not run.shed


def climb(run_at: Callable[[float], Run], start: float, found: Climb) -> None:
    """Searches upward, each rate tried twice before it counts as failed."""
    rate = start
    while rate <= RATE_MAX:
        run = run_at(rate)
        if not holds(run):
            run = run_at(rate)
        found.runs.append(run)
        if holds(run):
            found.held = run
        else:
            found.failed = run
        low = found.held.per_second if found.held else 0.0
        high = found.failed.per_second if found.failed else 0.0
        if not high:
            rate = low * STEP
        elif not low:
            rate = high / STEP / STEP
            if rate < 50:
                return
        elif high / low > CLOSE:
            rate = (low * high) ** 0.5
        else:
            return


def bench_sustained(plan: Plan, folder: Path, cache: Path, console: Console) -> Result:
    """Climbs with every system, each started anew in each round."""
    found: dict[str, list[Climb]] = {}
    notes: list[str] = []
    for number in range(1, plan.rounds + 1):
        console.print(f"Round {number} of {plan.rounds}", highlight=False)
        for name in plan.systems:
            try:
                one = _climbed(name, plan, folder, cache, console)
            except Missing as missing:
                notes.append(str(missing))
                continue
            found.setdefault(name, []).append(one)
    return Result("sustained", _figures(found), [_sheet(found, sorted(set(notes)))])


def _climbed(name: str, plan: Plan, folder: Path, cache: Path, console: Console) -> Climb:
    one = Climb(name)
    with Rig(folder / "sustained") as rig:
        rig.broker()
        with system_of(name, rig, plan.load, cache) as system:

            def run_at(rate: float) -> Run:
                run = system.run(rate, plan.load, every=False)
                verdict = "held" if holds(run) else "not held"
                console.print(
                    f"  {name}, {rate:,.0f}/s (sent {run.sent_per_s:,.0f}): p99 {run.worst_p99_ms} ms, "
                    f"answered {run.answered:.3%}, {verdict}",
                    highlight=False,
                )
                return run

            climb(run_at, plan.start, one)
    return one


def _rates(climbs: list[Climb]) -> list[float]:
    return [one.held.per_second for one in climbs if one.held]


def _figures(found: dict[str, list[Climb]]) -> dict[str, Any]:
    return {"p99_ms_max": P99_MS_MAX, "climbs": plain(found)}


def _sheet(found: dict[str, list[Climb]], notes: list[str]) -> Sheet:
    sheet = Sheet(
        f"Sustained sightings/s: p99 < {P99_MS_MAX:g} ms, every offer answered, nothing shed",
        ("system", "sightings/s", "turns/s", "÷ bare loop", "÷ Node-RED"),
        notes=notes,
    )
    for name, climbs in found.items():
        turns = spread(one.held.turns_per_s for one in climbs if one.held and one.held.turns_per_s)
        ratios = []
        for against in (BARE, NODE_RED):
            pairs = zip(_rates(climbs), _rates(found.get(against, [])), strict=False)
            ratios.append(told(spread(ours / theirs for ours, theirs in pairs)))
        sheet.rows.append((name, told(spread(_rates(climbs))), told(turns), *ratios))
    sheet.notes.append(
        "One sighting in five changes a zone; 500 subjects; each rate is tried twice before it fails."
    )
    return sheet
