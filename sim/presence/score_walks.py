"""What `endcap-sim presence` does with walks: reads them, runs every contender over them, shows and writes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.book_survey import write_survey
from protocols.errors import Nonsense
from sim.presence import fingerprints, ours, ranging
from sim.presence.baselines import nearest_scanner
from sim.presence.grids import Grid, read_floor, read_grid
from sim.presence.methods import Contender, Site
from sim.presence.mutual import heard_of_each_other
from sim.presence.play import Conditions, Played, play
from sim.presence.report import introduce, show, to_json, write_events
from sim.presence.run import Outcome, run, runs_of
from sim.presence.walks import Walk, read_gateways, read_points, read_walk, survey_text


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line, as it was typed."""

    gateways: Path | None
    survey: Path | None
    walks: tuple[Path, ...]
    grid: str = "3x3"
    floor: str = "20.7x17.6"
    events: Path | None = None
    json: bool = False
    dead: tuple[str, ...] = ()
    dead_random: int = 0
    seed: int = 1
    smoothed_s: float = 0.0
    speed: float = 1.0
    anew_s: float = 0.0
    backwards: bool = False
    quick: bool = False
    ours_only: bool = False
    settings: tuple[str, ...] = ()
    no_survey: bool = False
    mutual: bool = False


def score_walks(wanted: Wanted, console: Console) -> list[Outcome]:
    """Scores walks and prints the tables, or JSON. Raises Nonsense for what cannot be scored, OSError for no file."""
    site, grid, walks = read(wanted)
    conditions = read_conditions(wanted)
    played = [play(walk, site.floor, conditions) for walk in walks]
    settings = ours.read_settings(wanted.settings)
    told = Console(stderr=True, highlight=False) if wanted.json else console
    introduce(told, walks, played, site, grid)
    contenders = contenders_of(site, grid, settings, wanted.ours_only)
    outcomes = run_all(contenders, played, grid, not wanted.quick, told)
    if wanted.events is not None:
        of_ours = next(outcome for outcome in outcomes if outcome.contender.ours)
        count = write_events(wanted.events, played, of_ours)
        told.print(f"Wrote {count:,} events to {wanted.events}.")
    if wanted.json:
        sys.stdout.write(to_json(outcomes, site, grid, conditions, settings).decode() + "\n")
    else:
        show(console, outcomes, grid)
    return outcomes


def read(wanted: Wanted) -> tuple[Site, Grid, list[Walk]]:
    """The site, the grid of zones, and the walks."""
    if wanted.gateways is None or not wanted.walks:
        raise Nonsense("give --gateways and at least one --walk; or --scenario, or --synthesise")
    if wanted.survey is None and not wanted.no_survey:
        raise Nonsense("give --survey, or say --no-survey")
    floor = read_floor(wanted.floor)
    grid = read_grid(wanted.grid, floor)
    listed = read_gateways(wanted.gateways)
    walks = [read_walk(path, listed) for path in wanted.walks]
    names = [walk.name for walk in walks]
    if len(set(names)) < len(names):
        raise Nonsense(
            f"two walks are called {max(names, key=names.count)}; events would not tell them apart"
        )
    gateways = dict(listed.values())
    points = () if wanted.survey is None else read_points(wanted.survey)
    text = b"" if wanted.survey is None else survey_text(wanted.survey)
    if wanted.mutual and points:
        points = heard_of_each_other(points, gateways)
        text = write_survey(points)
    site = Site(floor, gateways, points, text, wanted.smoothed_s)
    return site, grid, walks


def read_conditions(wanted: Wanted) -> Conditions:
    """How the walks are heard."""
    dead: dict[str, float] = {}
    for text in wanted.dead:
        name, _, seconds = text.rpartition("@")
        try:
            dead[name] = float(seconds)
        except ValueError:
            raise Nonsense(
                f"--dead {text}: it is NAME@SECONDS of the walk, for example sensor10@20"
            ) from None
    if wanted.smoothed_s < 0:
        raise Nonsense("--smoothed is a time constant in seconds, 0 for readings as they are")
    return Conditions(
        dead,
        wanted.dead_random,
        wanted.seed,
        wanted.smoothed_s,
        wanted.speed,
        wanted.anew_s,
        wanted.backwards,
    )


def contenders_of(
    site: Site, grid: Grid, settings: dict[str, Any], ours_only: bool = False
) -> list[Contender]:
    """Everything that is scored, ours first."""
    of_ours = ours.contenders(site, grid, settings)
    if ours_only:
        return of_ours
    return [*of_ours, *nearest_scanner(site), *ranging.by_distance(site), *fingerprints.by_survey(site)]


def run_all(
    contenders: list[Contender], played: list[Played], grid: Grid, shifted: bool, console: Console
) -> list[Outcome]:
    """Runs each in turn, and shows how far it is."""
    outcomes: list[Outcome] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(runs_of(one, played, grid, shifted) for one in contenders))
        for contender in contenders:
            progress.update(task, description=contender.name)
            outcomes.append(run(contender, played, grid, shifted, lambda: progress.advance(task)))
    return outcomes
