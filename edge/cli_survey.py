"""`endcap-store survey`: walk a floor once, import fingerprints, or let scanners calibrate each other."""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge.cli_shared import SettingsFile, say, settings_of
from edge.settings import Settings
from protocols.errors import EndcapError

survey = typer.Typer(
    help="What scanners hear from place to place: walked, imported, or heard by scanners of each other.",
    no_args_is_help=True,
)

LOOK_EVERY_S = 1.0
"""How often the running store is asked how far a survey is."""

Quiet = Annotated[bool, typer.Option("--once", help="Say how it is now, and do not follow it.")]


@survey.command("import")
def take_in(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="survey.csv or fingerprints, also gzipped.")],
    names: Annotated[
        Path | None, typer.Option(help="The gateways' ids by name: lines Dongles:{id: [[x, y, z], …, name]}.")
    ] = None,
    settings: SettingsFile = None,
) -> None:
    """Adds the points of a file to the survey. A point that is there already is replaced."""
    from edge.survey import file
    from edge.survey.imported import fingerprints, read_names
    from edge.survey.shown import strangers, totals

    read = settings_of(settings)
    with _told():
        points = fingerprints(source, read_names(names) if names is not None else {})
        whole = file.put(Path(read.store.books), points)
    _print(f"{totals(points)} taken in from {source}.")
    _print(f"survey.csv in {read.store.books} has {totals(whole)} now.")
    if unknown := strangers(read, points):
        _print(f"floor.yaml does not list {unknown}. Readings of a scanner that has no place are of no use.")


@survey.command()
def show(settings: SettingsFile = None) -> None:
    """Shows the points, how each scanner hears them, and weak spots."""
    from edge.survey import file
    from edge.survey.shown import tables

    read = settings_of(settings)
    with _told():
        points = file.read(Path(read.store.books))
    if not points:
        _print("No survey yet. Walk one: endcap-store survey walk. Or: endcap-store survey import FILE")
        raise typer.Exit(1)
    console = Console()
    for one in tables(read, points):
        console.print(one, highlight=False, markup=False)


@survey.command()
def export(
    into: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Leave out for standard output.")
    ] = None,
    published: Annotated[
        bool, typer.Option(help="In the form of published fingerprints: sensor,x,y,z,rssi,count.")
    ] = False,
    settings: SettingsFile = None,
) -> None:
    """Writes the survey to a file; one that ends in .gz is compressed."""
    from edge.book_survey import write_fingerprints, write_survey
    from edge.survey import file

    read = settings_of(settings)
    with _told():
        points = file.read(Path(read.store.books))
        body = write_fingerprints(points) if published else write_survey(points)
        if into is None:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
        else:
            file.replace(into, gzip.compress(body, mtime=0) if into.suffix == ".gz" else body)


@survey.command()
def walk(
    device: Annotated[
        str, typer.Option(help="Id of the beacon or phone to carry; else it is chosen on the phone.")
    ] = "",
    once: Quiet = False,
    settings: SettingsFile = None,
) -> None:
    """Says where a phone finds the survey's page, and follows the walk here."""
    from edge.qr import drawn
    from edge.survey.remote import Remote
    from edge.survey.shown import Follower
    from edge.web.survey_views import SurveyStart, SurveyView

    remote = Remote(settings_of(settings))
    with _told():
        now = remote.ask(SurveyView, "GET", "/api/v1/survey")
        if device:
            now = remote.ask(SurveyView, "POST", "/api/v1/survey", SurveyStart(device=device))
        address, hint = remote.page()
        _print(f"Open {address}")
        if hint:
            _print(hint)
        elif picture := drawn(address):
            Console().print(picture, style="black on white", highlight=False, markup=False)
        follower = Follower(Console())
        follower.tell(now)
        with follower, _leaving("The survey goes on without this window. Points so far are in survey.csv."):
            while not once and not follower.is_over:
                time.sleep(LOOK_EVERY_S)
                follower.tell(remote.ask(SurveyView, "GET", f"/api/v1/survey?since={follower.version}"))


@survey.command()
def scanners(
    seconds: Annotated[int, typer.Option(min=1, max=24 * 3600, help="How long to listen.")] = 300,
    stop: Annotated[bool, typer.Option("--stop", help="Stop listening.")] = False,
    once: Quiet = False,
    settings: SettingsFile = None,
) -> None:
    """Lets scanners listen to each other's own beacons, and follows that here. Replaces what they heard before."""
    from edge.survey.remote import Remote
    from edge.survey.shown import pairs_table
    from edge.web.survey_views import ScannersView, SurveyListen

    remote = Remote(settings_of(settings))
    path = "/api/v1/survey/scanners"
    with _told(), _leaving("The store goes on listening. Stop it: endcap-store survey scanners --stop"):
        asked = SurveyListen(0 if stop else seconds)
        now = remote.ask(ScannersView, "POST", path, asked)
        _print(now.say)
        while not once and now.left_s > 0:
            time.sleep(min(LOOK_EVERY_S, now.left_s))
            now = remote.ask(ScannersView, "GET", path)
        if not once:
            _print(now.say)
            if now.pairs:
                Console().print(pairs_table(now), highlight=False, markup=False)


@survey.command()
def clear(
    yes: Annotated[bool, typer.Option("--yes", help="Really remove it.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Removes the survey. Presence goes back to the nearest scanner."""
    from edge.survey import file
    from edge.survey.shown import several

    read: Settings = settings_of(settings)
    if not yes:
        _print("This removes every point. Keep a copy first (survey export FILE), then say --yes.")
        raise typer.Exit(2)
    with _told():
        count = file.clear(Path(read.store.books))
    _print("The survey is removed." if count < 0 else f"The survey is removed: {several(count, 'point')}.")


def _print(words: str) -> None:
    Console().print(words, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _told() -> Iterator[None]:
    """What is refused is said in its own words, and ends the command."""
    try:
        yield
    except EndcapError as error:
        say.print(error.reason, highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


@contextmanager
def _leaving(words: str) -> Iterator[None]:
    """Ctrl-C only ends the looking."""
    try:
        yield
    except KeyboardInterrupt:
        _print(words)
