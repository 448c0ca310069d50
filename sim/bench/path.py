"""From a sighting to the screen command and the phone's offer, beside the floors and the peers, in the same run.

In each round every system is started anew, warmed up and taken through every rate, first with one sighting in five
changing a zone, then with each. A ratio is formed within a round; the table tells its median and range over rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from sim.bench import rates, rawsql
from sim.bench.rates import BARE, ECHO, NODE_RED, Load, Run, System
from sim.bench.report import Result, Sheet, Spread, plain, spread, told
from sim.bench.rig import Missing, Rig
from sim.bench.shop import Walk

IN_PROCESS = "endcap in process"
ON_RAY = "endcap on Ray"
PEERS = (BARE, NODE_RED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    rates: tuple[int, ...] = (200, 1_000, 5_000)
    rounds: int = 3
    load: Load = field(default_factory=Load)
    systems: tuple[str, ...] = (ECHO, BARE, NODE_RED, IN_PROCESS, ON_RAY)
    raw: bool = True


@dataclass(slots=True)
class Found:
    """Every run: by system, rate and whether each sighting changes a zone, one run a round."""

    runs: dict[tuple[str, int, bool], list[Run | None]]
    raw: list[rawsql.Raw]
    notes: list[str]

    def add(self, system: str, rate: int, every: bool, run: Run | None) -> None:
        """One more run; None keeps the place of one that could not be made."""
        self.runs.setdefault((system, rate, every), []).append(run)


def bench_path(plan: Plan, folder: Path, cache: Path, console: Console) -> Result:
    """Runs the plan and tells what was found."""
    found = Found({}, [], [])
    for number in range(1, plan.rounds + 1):
        console.print(f"Round {number} of {plan.rounds}", highlight=False)
        for system in plan.systems:
            try:
                _take_through(system, plan, found, folder, cache, console)
            except Missing as missing:
                if number == 1:
                    console.print(f"  {missing}", highlight=False)
                    found.notes.append(str(missing))
    sheets = [_sheet(plan, found, every) for every in (False, True)]
    if found.raw:
        sheets.append(_raw_sheet(found.raw))
    return Result("path", {"plan": plain(plan), "rows": _rows(found), "raw_sqlite": plain(found.raw)}, sheets)


def _take_through(name: str, plan: Plan, found: Found, folder: Path, cache: Path, console: Console) -> None:
    with Rig(folder / "path") as rig:
        rig.broker()
        if name == ECHO:
            for rate in plan.rates:
                run = rates.echo(rig, Walk(plan.load.subjects), rate, plan.load)
                found.add(name, rate, False, run)
                _said(console, name, run)
            return
        with system_of(name, rig, plan.load, cache) as system:
            for rate, every in _passes(plan):
                run = system.run(rate, plan.load, every=every)
                found.add(name, rate, every, run)
                _said(console, name, run)
            if plan.raw and name == IN_PROCESS and system.store is not None:
                found.raw.append(rawsql.measure(rawsql.read_rows(system.store.database), rig.folder))
        found.notes.extend(system.notes)


def _passes(plan: Plan) -> Iterator[tuple[int, bool]]:
    for every in (False, True):
        for rate in plan.rates:
            yield rate, every


def system_of(name: str, rig: Rig, load: Load, cache: Path) -> AbstractContextManager[System]:
    """A system by its name, started and warm inside the context. Raises Missing."""
    makers: dict[str, Callable[[], AbstractContextManager[System]]] = {
        BARE: lambda: rates.bare_loop(rig, load),
        NODE_RED: lambda: rates.node_red(rig, load, cache),
        IN_PROCESS: lambda: rates.our_store(rig, load, ray=False),
        ON_RAY: lambda: rates.our_store(rig, load, ray=True),
    }
    return makers[name]()


def _said(console: Console, name: str, run: Run) -> None:
    changes = "each changes" if run.every else "one in five"
    console.print(
        f"  {name}, {run.per_second:,.0f}/s, {changes}: p50 {run.screen.p50_ms} ms, p99 {run.worst_p99_ms} ms, "
        f"answered {run.answered:.1%}",
        highlight=False,
    )


# --- telling


def _sheet(plan: Plan, found: Found, every: bool) -> Sheet:
    sheet = Sheet(
        f"Sighting → screen and phone, {'each sighting' if every else 'one sighting in five'} changes a zone",
        ("system", "sightings/s", "screen p50 ms", "screen p99 ms", "phone p50 ms", "phone p99 ms",
         "answered", "turns/s", "p99 ÷ bare loop", "p99 ÷ Node-RED"),
    )  # fmt: skip
    for rate in plan.rates:
        for system in plan.systems:
            runs = _runs(found, system, rate, every)
            if runs:
                sheet.rows.append(_row(found, system, rate, every, runs))
    sheet.notes = [
        "Milliseconds from sending at the load to receipt at the observer, of the oldest cause that a message answers;"
        " median over rounds, and range. Ratios take the slower of screen and phone, within each round.",
        *_warnings(plan, found, every),
    ]
    return sheet


def _row(found: Found, system: str, rate: int, every: bool, runs: list[Run]) -> tuple[str, ...]:
    mark = "" if all(run.screen.exact and run.phone.exact for run in runs) else "≥ "
    turns = spread(run.turns_per_s for run in runs if run.turns_per_s is not None)
    return (
        system,
        f"{rate:,}",
        mark + told(spread(run.screen.p50_ms for run in runs)),
        mark + told(spread(run.screen.p99_ms for run in runs)),
        mark + told(spread(run.phone.p50_ms for run in runs)),
        mark + told(spread(run.phone.p99_ms for run in runs)),
        f"{min(run.answered for run in runs):.2%}",
        told(turns.median if turns else None),
        *(
            mark + told(one) if (one := ratio(found, system, against, rate, every)) else told(one)
            for against in PEERS
        ),
    )


def _warnings(plan: Plan, found: Found, every: bool) -> list[str]:
    notes = sorted(set(found.notes))
    late = [
        f"{system} at {rate:,}/s"
        for system in plan.systems
        for rate in plan.rates
        if any(not run.in_time for run in _runs(found, system, rate, every))
    ]
    if late:
        notes.append(f"The load was more than {rates.LATE_MS_MAX:g} ms late at p99: {', '.join(late)}.")
    if any(
        not run.phone.exact for (_, _, one), runs in found.runs.items() if one == every for run in runs if run
    ):
        notes.append(
            "≥: not every cause was answered, so latencies are lower bounds (see sim/bench/match.py)."
        )
    return notes


def _runs(found: Found, system: str, rate: int, every: bool) -> list[Run]:
    return [run for run in found.runs.get((system, rate, every), []) if run is not None]


def ratio(found: Found, system: str, against: str, rate: int, every: bool) -> Spread | None:
    """p99 over the other one's p99, formed within each round."""
    ours = found.runs.get((system, rate, every), [])
    theirs = found.runs.get((against, rate, every), [])
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=False) if one and other]
    return spread(one.worst_p99_ms / other.worst_p99_ms for one, other in pairs if other.worst_p99_ms > 0)


def _rows(found: Found) -> list[dict[str, Any]]:
    return [
        {
            "system": system,
            "per_second": rate,
            "each_changes_a_zone": every,
            "p99_to_bare_loop": plain(ratio(found, system, BARE, rate, every)),
            "p99_to_node_red": plain(ratio(found, system, NODE_RED, rate, every)),
            "runs": plain([run for run in runs if run is not None]),
        }
        for (system, rate, every), runs in found.runs.items()
    ]


def _raw_sheet(raw: list[rawsql.Raw]) -> Sheet:
    sheet = Sheet("Raw SQLite: the same rows and indexes, FULL", ("commits", "decisions/s", "µs a decision"))
    for name, values in (
        ("each decision alone", [one.single_per_s for one in raw]),
        (f"{raw[0].group} decisions together", [one.grouped_per_s for one in raw]),
    ):
        sheet.rows.append((name, told(spread(values)), told(spread(1e6 / value for value in values))))
    sheet.notes = [f"About {raw[0].bytes_per_decision:,} bytes of new rows a decision."]
    return sheet
