"""`endcap-sim presence`: scores presence on recorded walks beside the methods that others use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from protocols.errors import Nonsense

WIDTH = 190
"""Columns of the tables where the output is no terminal."""

Walks = Annotated[
    list[Path] | None, typer.Option("--walk", help="A walk (.mbd or .mbd.gz); may be repeated.")
]
Dead = Annotated[
    list[str] | None,
    typer.Option("--dead", help="NAME@SECONDS: this gateway falls silent then; may be repeated."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE of the floor's section presence; may be repeated."),
]


def presence(
    gateways: Annotated[Path | None, typer.Option(help="Where the gateways hang (gateways.txt).")] = None,
    survey: Annotated[Path | None, typer.Option(help="The survey: counts by place, CSV or .csv.gz.")] = None,
    walk: Walks = None,
    grid: Annotated[str, typer.Option(help="Zones: COLUMNSxROWS over the floor.")] = "3x3",
    floor: Annotated[str, typer.Option(help="The floor: WIDTHxHEIGHT in metres.")] = "20.7x17.6",
    events: Annotated[
        Path | None, typer.Option(help="Write what ours says at each packet to this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    dead: Dead = None,
    dead_random: Annotated[int, typer.Option(help="So many gateways, by chance, fall silent half-way.")] = 0,
    seed: Annotated[int, typer.Option(help="Which ones by chance; or of the synthetic walks.")] = 1,
    smoothed: Annotated[
        float, typer.Option(help="Gateways report means with this time constant, in s.")
    ] = 0.0,
    speed: Annotated[float, typer.Option(help="The carrier goes so many times as fast.")] = 1.0,
    anew: Annotated[
        float, typer.Option(help="It is somebody else, never heard before, every so many seconds.")
    ] = 0.0,
    backwards: Annotated[
        bool, typer.Option("--backwards", help="From the last packet to the first.")
    ] = False,
    no_survey: Annotated[
        bool, typer.Option("--no-survey", help="Without a survey, even if one is given.")
    ] = False,
    mutual: Annotated[
        bool,
        typer.Option(
            "--mutual", help="Without a survey, but gateways hear each other: its points beside them."
        ),
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave the shifted grids out.")] = False,
    only: Annotated[bool, typer.Option("--ours", help="Leave the other methods out.")] = False,
    settings: Settings = None,
    scenario: Annotated[
        Path | None, typer.Option(help="Score ESPresense companion's simulated scenario instead of walks.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Draws of the scenario's noise beside the published one.")
    ] = 20,
    synthesise: Annotated[
        Path | None,
        typer.Option(help="Write gateways, survey and walks of a made-up floor into this folder."),
    ] = None,
) -> None:
    """Scores the store's presence on walks whose truth is known, beside the methods that others use."""
    console = Console(highlight=False, width=None if Console().is_terminal else WIDTH)
    try:
        if synthesise is not None:
            from sim.presence.synthesise import write

            write(synthesise, seed, console)
        elif scenario is not None:
            from sim.presence.score_scenario import score_scenario

            score_scenario(scenario, seeds, settings or [], json, console)
        else:
            from sim.presence.score_walks import Wanted, score_walks

            wanted = Wanted(
                gateways=gateways,
                survey=None if no_survey else survey,
                walks=tuple(walk or ()),
                grid=grid,
                floor=floor,
                events=events,
                json=json,
                dead=tuple(dead or ()),
                dead_random=dead_random,
                seed=seed,
                smoothed_s=smoothed,
                speed=speed,
                anew_s=anew,
                backwards=backwards,
                quick=quick,
                ours_only=only,
                settings=tuple(settings or ()),
                no_survey=no_survey,
                mutual=mutual,
            )
            score_walks(wanted, console)
    except Nonsense as error:
        console.print(f"[bold red]Not scored:[/] {error.reason}", markup=True)
        raise typer.Exit(2) from None
    except OSError as error:
        console.print(f"[bold red]Not scored:[/] {error.filename}: {error.strerror}")
        raise typer.Exit(2) from None
