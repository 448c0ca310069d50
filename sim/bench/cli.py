"""`endcap-sim bench`: what is measured, one verb each, and all of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from sim.bench.report import Result, markdown, show, write_json
from sim.bench.rig import Missing

if TYPE_CHECKING:
    from sim.bench.path import Plan as PathPlan
    from sim.bench.walking import Plan as WalkingPlan

Measured = Callable[[Path, Console], Result]
"""A bench with its plan: given the folder and where to say how it goes."""

bench = typer.Typer(
    help="Measures a store beside floors and peers that do the same job, on this machine, in the same run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Quick = Annotated[
    bool, typer.Option("--quick", help="A small version, to see that it runs; its figures say nothing.")
]
Json = Annotated[str, typer.Option("--json", help="Write the figures to this file; - is standard output.")]
Folder = Annotated[
    Path, typer.Option(help="On a real disk: databases while it runs, and Node-RED, once installed.")
]
Rounds = Annotated[
    int, typer.Option(help="How often each is repeated; figures are medians with their range.")
]
Ray = Annotated[bool, typer.Option(help="Also with the floor cells on Ray.")]

WIDTH = 170
CACHE = Path(".cache/bench")


@bench.callback()
def about() -> None:
    """Every figure is for the machine and the minute in which it was taken: what counts are the ratios."""


@bench.command()
def path(
    quick: Quick = False,
    json: Json = "",
    folder: Folder = CACHE,
    ray: Ray = True,
    rounds: Rounds = 3,
    seconds: Annotated[float, typer.Option(help="Measured seconds of each run, after 3 of warm-up.")] = 10.0,
    rate: Annotated[list[int] | None, typer.Option(help="Sightings a second; may be repeated.")] = None,
) -> None:
    """Sighting to screen command and to phone offer, at 200, 1,000 and 5,000 sightings/s from 500 subjects."""
    from sim.bench import path as bench_of

    plan = _path_plan(quick, ray, rounds, seconds, rate)
    _measure(json, folder, [lambda console: bench_of.bench_path(plan, folder, folder, console)])


@bench.command()
def sustained(
    quick: Quick = False,
    json: Json = "",
    folder: Folder = CACHE,
    ray: Ray = True,
    rounds: Rounds = 3,
) -> None:
    """The highest steady rate: p99 below 250 ms, every cause answered, nothing shed; beside both peers."""
    plan = _plans(quick, ray, rounds)["sustained"]
    _measure(json, folder, [lambda console: plan(folder, console)])


@bench.command()
def decisions(
    quick: Quick = False, json: Json = "", folder: Folder = CACHE, ray: Ray = True, rounds: Rounds = 3
) -> None:
    """Durable decisions a second, one at a time and grouped, beside raw SQLite writing the same rows."""
    plan = _plans(quick, ray, rounds)["decisions"]
    _measure(json, folder, [lambda console: plan(folder, console)])


@bench.command()
def memory(
    quick: Quick = False, json: Json = "", folder: Folder = CACHE, ray: Ray = True, rounds: Rounds = 3
) -> None:
    """Memory of all processes of a store with 5,000 live shoppers, and kilobytes for each."""
    plan = _plans(quick, ray, rounds)["memory"]
    _measure(json, folder, [lambda console: plan(folder, console)])


@bench.command()
def start(
    quick: Quick = False, json: Json = "", folder: Folder = CACHE, ray: Ray = True, rounds: Rounds = 3
) -> None:
    """From a process's start to a till's first verdict; and from a killed cell to the next answer."""
    plan = _plans(quick, ray, rounds)["start"]
    _measure(json, folder, [lambda console: plan(folder, console)])


@bench.command()
def till(
    quick: Quick = False, json: Json = "", folder: Folder = CACHE, ray: Ray = True, rounds: Rounds = 3
) -> None:
    """Sales beside 1,000 sightings/s: as it is, with the WAN cut, and with Ray killed."""
    plan = _plans(quick, ray, rounds)["till"]
    _measure(json, folder, [lambda console: plan(folder, console)])


@bench.command()
def campaigns(
    quick: Quick = False, json: Json = "", folder: Folder = CACHE, ray: Ray = True, rounds: Rounds = 3
) -> None:
    """A decision over 100 live campaigns, explained; and 300 rules, beside json-rules-engine."""
    plan = _plans(quick, ray, rounds)["campaigns"]
    _measure(json, folder, [lambda console: plan(folder, console)])


@bench.command()
def walking(
    quick: Quick = False,
    json: Json = "",
    folder: Folder = CACHE,
    ray: Ray = True,
    rounds: Rounds = 3,
    people: Annotated[
        list[int] | None, typer.Option(help="Who walk about, 12 sightings/s each; may be repeated.")
    ] = None,
) -> None:
    """Sighting to screen and phone while people really walk: by the radio map, beside the nearest scanner."""
    from sim.bench import walking as bench_of

    plan = _walking_plan(quick, ray, rounds, people)
    _measure(json, folder, [lambda console: bench_of.bench_walking(plan, folder, console)])


@bench.command()
def presence(
    quick: Quick = False, json: Json = "", folder: Folder = CACHE, ray: Ray = True, rounds: Rounds = 3
) -> None:
    """Presence by a radio map in one cell: 500 people × 12 scanners, on a small floor and on 50 × 80 m."""
    plan = _plans(quick, ray, rounds)["presence"]
    _measure(json, folder, [lambda console: plan(folder, console)])


@bench.command()
def all(
    quick: Quick = False,
    json: Json = "",
    folder: Folder = CACHE,
    ray: Ray = True,
    rounds: Rounds = 3,
    only: Annotated[list[str] | None, typer.Option(help="Only this bench; may be repeated.")] = None,
) -> None:
    """Everything, into one JSON file and a Markdown page beside it. Takes more than an hour; --quick a few minutes."""
    plans = _plans(quick, ray, rounds)
    if unknown := set(only or ()) - plans.keys():
        raise typer.BadParameter(
            f"{', '.join(sorted(unknown))}; there are {', '.join(plans)}", param_hint="--only"
        )
    runs = [_run(plan, folder) for name, plan in plans.items() if not only or name in only]
    _measure(json or str(folder / "bench.json"), folder, runs, page=True)


def _run(plan: Measured, folder: Path) -> Callable[[Console], Result]:
    return lambda console: plan(folder, console)


def _plans(quick: bool, ray: bool, rounds: int) -> dict[str, Measured]:
    """Every bench, with its plan filled in. What a quick one leaves out is said in its own plan."""
    from sim.bench import deciding, memory, starting, sustained, till, walking
    from sim.bench import decisions as deciding_durably
    from sim.bench import path as bench_of
    from sim.bench import presence as following
    from sim.bench.rates import BARE, Load
    from sim.bench.shop import subjects_fitting

    rounds = 1 if quick else rounds
    ray = ray and not quick
    short = Load(warm_s=1.0, measured_s=2.0)
    all_systems = sustained.Plan().systems
    climbing = sustained.Plan(
        systems=(BARE, bench_of.IN_PROCESS)
        if quick
        else tuple(s for s in all_systems if ray or s != bench_of.ON_RAY),
        rounds=rounds,
        load=short if quick else sustained.Plan().load,
    )
    path_plan = _path_plan(quick, ray, rounds, 10.0, None)
    durable = deciding_durably.Plan(rounds, 1.0 if quick else 4.0, ray=ray)
    weighed = memory.Plan(subjects_fitting(500 if quick else 5_000), rounds, ray)
    started = starting.Plan(
        1 if quick else 5, 1 if quick else 3, ray, short if quick else starting.Plan().load
    )
    rung = till.Plan(rounds, 3.0 if quick else 10.0, ray)
    pure = deciding.Plan(500 if quick else 5_000, rounds)
    crowded = (
        following.Plan(subjects=60, warm_s=2, measured_s=2, rounds=1)
        if quick
        else following.Plan(rounds=rounds)
    )
    walked = _walking_plan(quick, ray, rounds, None)
    return {
        "path": lambda folder, console: bench_of.bench_path(path_plan, folder, folder, console),
        "sustained": lambda folder, console: sustained.bench_sustained(climbing, folder, folder, console),
        "decisions": lambda folder, console: deciding_durably.bench_decisions(durable, folder, console),
        "memory": lambda folder, console: memory.bench_memory(weighed, folder, console),
        "start": lambda folder, console: starting.bench_start(started, folder, console),
        "till": lambda folder, console: till.bench_till(rung, folder, console),
        "campaigns": lambda folder, console: deciding.bench_campaigns(pure, folder, console),
        "presence": lambda folder, console: following.bench_presence(crowded, console),
        "walking": lambda folder, console: walking.bench_walking(walked, folder, console),
    }


def _path_plan(quick: bool, ray: bool, rounds: int, seconds: float, rate: list[int] | None) -> PathPlan:
    from sim.bench import path as bench_of
    from sim.bench.rates import NODE_RED, Load

    left_out = ({NODE_RED} if quick else set()) | (set() if ray and not quick else {bench_of.ON_RAY})
    return bench_of.Plan(
        rates=tuple(rate) if rate else ((500,) if quick else (200, 1_000, 5_000)),
        rounds=1 if quick else rounds,
        load=Load(warm_s=1.0, measured_s=2.0) if quick else Load(measured_s=seconds),
        systems=tuple(one for one in bench_of.Plan().systems if one not in left_out),
    )


def _walking_plan(quick: bool, ray: bool, rounds: int, people: list[int] | None) -> WalkingPlan:
    from sim.bench import walking as bench_of

    given = bench_of.Plan(rounds=rounds, ray=ray)
    if quick:
        given = bench_of.Plan(subjects=(40,), rounds=1, warm_s=3, measured_s=4, ray=False)
    return replace(given, subjects=tuple(sorted(people))) if people else given


def _measure(json: str, folder: Path, runs: list[Callable[[Console], Result]], *, page: bool = False) -> None:
    """Runs benches, prints their tables, and writes their figures with the machine they were taken on."""
    from sim.bench.machine import facts

    console = _console(json)
    machine = facts(folder, folder)
    _told_machine(console, machine)
    results: list[Result] = []
    for run in runs:
        try:
            results.append(run(console))
        except Missing as missing:
            console.print(str(missing), highlight=False)
            raise typer.Exit(1) from None
        show(console, results[-1])
    figures = {result.bench: result.figures for result in results}
    if json and page:
        write_json(json, {"machine": machine, "benches": figures}, console)
    elif json:
        write_json(json, {"bench": results[0].bench, "machine": machine, **results[0].figures}, console)
    if page:
        told = (folder if json == "-" else Path(json).parent) / "bench.md"
        told.write_text(markdown(results, machine))
        console.print(f"Tables: {told}", highlight=False)


def _console(json: str) -> Console:
    """Where tables go: beside JSON on standard output they go to standard error. Files take whole rows."""
    console = Console(stderr=json == "-")
    return console if console.is_terminal else Console(stderr=json == "-", width=WIDTH)


def _told_machine(console: Console, machine: dict[str, Any]) -> None:
    sync = machine["fsync_us"]
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}, "
        f"SQLite {machine['sqlite']}, Mosquitto {machine['mosquitto']}, Ray {machine['ray']}, "
        f"Node-RED {machine['node_red']}; fsync {sync['p50']} µs (p99 {sync['p99']}); "
        f"load {machine['load_1_min']}",
        highlight=False,
    )
    if machine["load_1_min"] > 0.5 * (os.cpu_count() or 1):
        console.print("This machine is busy with something else: the figures will say less.", highlight=False)


if __name__ == "__main__":
    bench()
