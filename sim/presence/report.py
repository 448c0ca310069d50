"""What a run printed and wrote: a table of contenders, ours by walk, its calibration; the same as JSON; events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from sim.presence.grids import Grid
from sim.presence.methods import Site
from sim.presence.play import Conditions, Played
from sim.presence.run import Outcome
from sim.presence.score import CORE_M, SURE_P, Figures, figures
from sim.presence.walks import Walk


def introduce(
    console: Console, walks: Sequence[Walk], played: Sequence[Played], site: Site, grid: Grid
) -> None:
    """Says what is scored."""
    for walk, one in zip(walks, played, strict=True):
        left_out = [
            f"{count:,} {what}"
            for count, what in ((walk.refused, "error codes"), (walk.unlisted, "by unlisted gateways"))
            if count
        ]
        line = f"{walk.name}: {len(one.at_s):,} packets in {float(one.at_s[-1]):.1f} s"
        line += f", left out {' and '.join(left_out)}" if left_out else ""
        line += f"; silent: {', '.join(one.dead)}" if one.dead else ""
        console.print(line)
    survey = f"a survey of {len(site.survey)} points" if site.survey else "no survey"
    console.print(
        f"{len(site.gateways)} gateways, {survey}, a floor of {site.floor.width_m:g} × {site.floor.height_m:g} m, "
        f"{grid.columns} × {grid.rows} zones."
    )


def show(console: Console, outcomes: Sequence[Outcome], grid: Grid) -> None:
    """Prints the tables and what their words mean."""
    console.print(_contenders(outcomes))
    for outcome in outcomes:
        if outcome.contender.ours:
            console.print(_by_walk(outcome))
            console.print(_calibration(outcome))
    copies = len(outcomes[0].shifted)
    shifted = f"averaged over {copies} grids shifted by fifths of a cell" if copies else "left out by --quick"
    console.print(
        f"[dim]Time-weighted: what is said at a packet holds until the next one. core: truth over {CORE_M:g} m from "
        f"any line between zones. shifted: all, {shifted}. entry: seconds from entering a zone until it is said while "
        "still inside, missed ones with the whole stay (a lower bound). position: per packet. unknown: share of time "
        "without a zone, and how often the likeliest one would then have been wrong. sure, wrong: share of time wrong "
        f"at p ≥ {SURE_P:g}. p off: mean difference of p and the share right. µs: process time a packet on this "
        "machine, one subject alone.[/]"
    )


def to_json(
    outcomes: Iterable[Outcome], site: Site, grid: Grid, conditions: Conditions, settings: dict[str, Any]
) -> bytes:
    """Everything that is printed, and more."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "floor_m": [site.floor.width_m, site.floor.height_m],
                "grid": [grid.columns, grid.rows],
                "gateways": len(site.gateways),
                "survey_points": len(site.survey),
                "conditions": conditions,
                "settings": settings,
                "methods": [_as_json(outcome) for outcome in outcomes],
            }
        )
    )


def write_events(path: Path, played: Iterable[Played], outcome: Outcome) -> int:
    """Writes one line a packet, `{"walk", "t", "zone", "p", "x", "y"}`; gives how many. `t` is the file's time."""
    count = 0
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as opened:
        for walk in played:
            for unix_s, said in zip(walk.unix_s.tolist(), outcome.said[walk.name], strict=True):
                there = said.x == said.x
                event = {
                    "walk": walk.name,
                    "t": unix_s,
                    "zone": said.zone,
                    "p": round(said.p, 4),
                    "x": round(said.x, 3) if there else None,
                    "y": round(said.y, 3) if there else None,
                }
                opened.write(encode(event) + b"\n")
                count += 1
    return count


def _as_json(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": outcome.contender.name,
        "about": outcome.contender.about,
        "ours": outcome.contender.ours,
        "pooled": figures(outcome.pooled),
        "shifted": outcome.shifted_all,
        "shifted_calibration": None,
        "walks": {name: figures(walk) for name, walk in outcome.walks.items()},
    }
    if outcome.shifted:
        pooled = figures(_sum(outcome.shifted))
        found["shifted_calibration"] = {"ranges": pooled.calibration, "error": pooled.calibration_error}
    if outcome.cost_us is not None:
        found["cost_us"] = round(outcome.cost_us, 2)
    return found


def _contenders(outcomes: Iterable[Outcome]) -> Table:
    table = Table(title="Methods, all walks together", title_justify="left")
    table.add_column("method", no_wrap=True)
    for name in (
        "all %",
        "core %",
        "shifted %",
        "changes",
        "entry s, median / p95",
        "missed",
        "position m, median / p95",
    ):
        table.add_column(name, justify="right")
    for name in ("unknown %", "then wrong %", "sure, wrong %", "p off %", "µs"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        of = figures(outcome.pooled)
        style = "bold" if outcome.contender.ours else ""
        table.add_row(outcome.contender.name, *_row(of, outcome), style=style)
    return table


def _row(of: Figures, outcome: Outcome) -> list[str]:
    states_p = of.calibration_error is not None
    return [
        _percent(of.all),
        _percent(of.core),
        _percent(outcome.shifted_all),
        f"{of.changes} ({of.true_changes})",
        f"{_number(of.delay_median_s)} / {_number(of.delay_p95_s)}",
        f"{of.missed} of {of.entries}",
        f"{_number(of.position_median_m)} / {_number(of.position_p95_m)}",
        _percent(of.unknown),
        _percent(of.unknown_wrong),
        _percent(of.sure_wrong) if states_p else "–",
        _percent(of.calibration_error),
        "" if outcome.cost_us is None else f"{outcome.cost_us:.0f}",
    ]


def _by_walk(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.contender.name}, by walk", title_justify="left")
    table.add_column("walk", no_wrap=True)
    for name in (
        "all %",
        "core %",
        "changes",
        "entry s, median / p95",
        "missed",
        "position m, median / p95",
        "unknown %",
    ):
        table.add_column(name, justify="right")
    for name, walk in outcome.walks.items():
        of = figures(walk)
        table.add_row(
            name,
            _percent(of.all),
            _percent(of.core),
            f"{of.changes} ({of.true_changes})",
            f"{_number(of.delay_median_s)} / {_number(of.delay_p95_s)}",
            f"{of.missed} of {of.entries}",
            f"{_number(of.position_median_m)} / {_number(of.position_p95_m)}",
            _percent(of.unknown),
        )
    return table


def _calibration(outcome: Outcome) -> Table:
    """p against the share of time right, on the grid asked for and, with more to go by, on all of them."""
    table = Table(title=f"{outcome.contender.name}: what its p is worth", title_justify="left")
    table.add_column("p said")
    sources = [("", figures(outcome.pooled).calibration)]
    if outcome.shifted:
        sources.append((", shifted", figures(_sum(outcome.shifted)).calibration))
    for name, _ in sources:
        for column in (f"mean p %{name}", f"right %{name}", f"time s{name}"):
            table.add_column(column, justify="right")
    by_start = [{one.from_p: one for one in ranges} for _, ranges in sources]
    for start in sorted({from_p for found in by_start for from_p in found}):
        cells: list[str] = []
        for found in by_start:
            one = found.get(start)
            cells += [_percent(one.mean_p), _percent(one.right), f"{one.time_s:.1f}"] if one else ["", "", ""]
        table.add_row(f"{start:.1f}–{start + 0.1:.1f}", *cells)
    return table


def _sum(tallies: Sequence[Any]) -> Any:
    total = tallies[0]
    for one in tallies[1:]:
        total = total + one
    return total


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
