"""`endcap-sim bench`: what is measured, one verb each, and all of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from sim.bench.report import Result, show, write_json
from sim.bench.rig import Missing

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
    rounds: Annotated[int, typer.Option(help="Each system is started anew in each round.")] = 3,
    seconds: Annotated[float, typer.Option(help="Measured seconds of each run, after 3 of warm-up.")] = 10.0,
    rate: Annotated[list[int] | None, typer.Option(help="Sightings a second; may be repeated.")] = None,
) -> None:
    """Sighting to screen command and to phone offer, at 200, 1,000 and 5,000 sightings/s from 500 subjects."""
    from sim.bench import path as bench_of
    from sim.bench.rates import NODE_RED, Load

    load = Load(warm_s=1.0, measured_s=2.0) if quick else Load(measured_s=seconds)
    systems = bench_of.Plan().systems
    left_out = ({NODE_RED} if quick else set()) | (set() if ray and not quick else {bench_of.ON_RAY})
    plan = bench_of.Plan(
        rates=tuple(rate) if rate else ((500,) if quick else (200, 1_000, 5_000)),
        rounds=1 if quick else rounds,
        load=load,
        systems=tuple(one for one in systems if one not in left_out),
    )
    _measure(json, folder, lambda console: bench_of.bench_path(plan, folder, folder, console))


def _measure(json: str, folder: Path, run: Callable[[Console], Result]) -> None:
    """Runs one bench, prints its tables, and writes its figures with the machine they were taken on."""
    from sim.bench.machine import facts

    console = _console(json)
    machine = facts(folder, folder)
    _told_machine(console, machine)
    try:
        result = run(console)
    except Missing as missing:
        console.print(str(missing), highlight=False)
        raise typer.Exit(1) from None
    show(console, result)
    if json:
        write_json(json, {"bench": result.bench, "machine": machine, **result.figures}, console)


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
