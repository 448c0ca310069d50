"""What `endcap-sim presence --scenario` does: the published run, the locator again, and ours, in tables or JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track as progress_of
from rich.table import Table

from sim.presence.ours import known_path_loss, read_settings
from sim.presence.scenario import (
    Located,
    Published,
    Result,
    Sample,
    Scenario,
    Track,
    companion,
    ours,
    read_published,
    read_scenario,
    result,
    samples,
)
from sim.presence.walks import Place

INTERVALS_S = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Seconds between samples for which ours is scored."""

ASSUMED_S = 0.5
"""The interval of the row that is compared: about that of the device in the recorded capture, 0.6 s."""

Spread = tuple[float, float, float]
"""The median over draws, and the 5th and 95th percentile."""

FIGURES = (
    "samples",
    "median_error_m",
    "p95_error_m",
    "mean_error_m",
    "max_error_m",
    "room_misid_rate",
    "zone_wrong_rate",
)


def score_scenario(path: Path, seeds: int, settings: Sequence[str], as_json: bool, console: Console) -> None:
    """Scores a scenario and prints the tables, or JSON. Raises Nonsense, OSError."""
    scenario = read_scenario(path)
    published = read_published(path, scenario)
    given = read_settings(settings)
    told = Console(stderr=True, highlight=False) if as_json else console
    rows: dict[str, Any] = {}
    for track in progress_of(scenario.tracks, description="Tracks", console=told, transient=True):
        rows[track.name] = _score_track(scenario, published, track, seeds, given)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n")
        return
    _show(console, published, rows, seeds)


def _score_track(
    scenario: Scenario, published: Published, track: Track, seeds: int, settings: Mapping[str, Any]
) -> dict[str, Any]:
    facts = known_path_loss(
        (scenario.bounds.x_max, scenario.bounds.y_max),
        {room.name: (room.x_min, room.y_min, room.x_max, room.y_max) for room in scenario.rooms},
        {one.id: (Place(one.x, one.y, one.z), one.cal_rssi, one.absorption) for one in scenario.stations},
        settings,
    )
    draws = [
        samples(scenario, track, published.base_seed + number, published.noise) for number in range(seeds + 1)
    ]
    others = draws[1:] or draws

    def runs(locate: Callable[[Sequence[Sample]], list[Located]]) -> dict[str, Spread]:
        return _spread([result(scenario, track.name, drawn, locate(drawn)) for drawn in others])

    def again(without: str = "") -> Result:
        return result(scenario, track.name, draws[0], companion(scenario, draws[0], without))

    by_the_file = next((one for one in published.tracks if one.track == track.name), None)
    found: dict[str, Any] = {
        "published": by_the_file,
        "companion again": again(),
        "companion": runs(partial(companion, scenario)),
    }
    same = ours(scenario, facts, ASSUMED_S, draws[0])
    found[f"ours, {ASSUMED_S:g} s, same draws"] = result(scenario, track.name, draws[0], same)
    found["ours, each alone"] = runs(partial(ours, scenario, facts, None))
    for interval_s in INTERVALS_S:
        found[f"ours, {interval_s:g} s"] = runs(partial(ours, scenario, facts, interval_s))
    outages = {} if by_the_file is None else by_the_file.single_station_outage
    found["outages"] = {
        out: {
            "published": outages.get(out),
            "companion again": again(out),
            "companion": runs(partial(companion, scenario, without=out)),
            "ours": runs(partial(ours, scenario, facts, ASSUMED_S, without=out)),
        }
        for out in (station.id for station in scenario.stations)
    }
    return found


def _spread(results: Sequence[Result]) -> dict[str, Spread]:
    """Each figure over draws."""
    found: dict[str, Spread] = {}
    for name in FIGURES:
        values = [value for one in results if (value := getattr(one, name)) is not None]
        if values:
            middle, low, high = np.percentile(values, (50, 5, 95)).tolist()
            found[name] = (middle, low, high)
    return found


def _show(console: Console, published: Published, rows: Mapping[str, Any], seeds: int) -> None:
    for track, found in rows.items():
        table = Table(title=track, title_justify="left")
        for name in ("", "samples", "median m", "p95 m", "mean m", "max m", "wrong room %", "wrong zone %"):
            table.add_column(name, justify="left" if not name else "right", no_wrap=not name)
        for name, one in found.items():
            if name != "outages":
                table.add_row(name, *_cells(one))
        console.print(table)
        table = Table(title=f"{track}, one station out: median / p95, m", title_justify="left")
        for name in ("station", "published", "companion again", "companion", f"ours, {ASSUMED_S:g} s"):
            table.add_column(name, no_wrap=True)
        for station, ways in found["outages"].items():
            table.add_row(station, *(_pair(one) for one in ways.values()))
        console.print(table)
    console.print(
        f"[dim]published: {published.locator}, seed {published.base_seed}. companion again: our own writing of that "
        "locator on the same draws of .NET's generator. companion, ours: medians over "
        f"{max(1, seeds)} other seeds, 5th to 95th percentile. ours takes the interval between samples that stands "
        "there, since the scenario has none; alone: it forgets everything before each sample, as the companion does. "
        "wrong room goes by the place, as published; wrong zone by what ours says, which holds a zone until another is "
        "likely; unknown is wrong. Both know where stations hang, the level at one metre and the absorption.[/]"
    )


def _cells(one: Any) -> list[str]:
    """A row of the table: one run, or the spread over many."""
    cells = []
    for name in FIGURES:
        scale, digits = (100, 1) if name.endswith("_rate") else (1, 0) if name == "samples" else (1, 3)
        found = getattr(one, name, None) if isinstance(one, Result) else (one or {}).get(name)
        values = found if isinstance(found, tuple) else (found,)
        texts = ["–" if value is None else f"{value * scale:.{digits}f}" for value in values]
        spread = len(texts) == 3 and name != "samples"
        cells.append(f"{texts[0]} ({texts[1]}–{texts[2]})" if spread else texts[0])
    return cells


def _pair(one: Any) -> str:
    if one is None:
        return "–"
    if isinstance(one, Mapping):
        return f"{one['median_error_m'][0]:.3f} / {one['p95_error_m'][0]:.3f}"
    return f"{one.median_error_m:.3f} / {one.p95_error_m:.3f}"
