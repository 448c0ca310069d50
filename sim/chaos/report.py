"""What a chaos run came to: as a table for people, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from sim.chaos.sales import Wrong
from sim.chaos.victims import VICTIMS

WRONG_SHOWN = 40


@dataclass(slots=True)
class Result:
    """Everything that is reported. `minutes` are (minute, sales, p50, p99, max) of the waits in milliseconds."""

    seed: int
    took_s: float = 0.0
    with_ray: bool = False
    kafka: str = ""
    database: str = ""
    kills: dict[str, int] = field(default_factory=dict)
    stops: dict[str, int] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    acknowledged: int = 0
    in_store: int = 0
    in_cloud: int = 0
    total_minor: int = 0
    points: int = 0
    records: int = 0
    records_twice: int = 0
    sightings: int = 0
    turns: int = 0
    replayed: int = 0
    digest: str = ""
    offers: int = 0
    minutes: list[tuple[int, int, float, float, float]] = field(default_factory=list)
    tried_again: int = 0
    serving_s: list[float] = field(default_factory=list)
    longest_outage_s: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    drained_s: float = 0.0
    wrong: list[Wrong] = field(default_factory=list)
    folder: str = ""

    @property
    def good(self) -> bool:
        """Nothing was lost, doubled, unequal or stuck."""
        return not self.wrong


def minutes_of(waits: Sequence[tuple[float, float, int]]) -> list[tuple[int, int, float, float, float]]:
    """How long tills waited for their verdicts, outages included, by the minute in which the sale was begun."""
    by_minute: dict[int, list[float]] = {}
    for at_s, waited_s, _ in waits:
        by_minute.setdefault(int(at_s // 60), []).append(waited_s * 1_000)
    return [
        (minute, len(some), quantile(some, 0.5), quantile(some, 0.99), max(some))
        for minute, some in sorted(by_minute.items())
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def as_json(result: Result) -> str:
    """The whole result."""
    return json.dumps({**asdict(result), "good": result.good}, indent=2)


def print_result(result: Result, console: Console) -> None:
    """Tables: what was hit, what became of the sales, how long tills waited; and what is wrong."""
    console.print(_victims(result))
    console.print(_counts(result))
    console.print(_minutes(result))
    if result.wrong:
        console.print(_wrong(result))
        console.print(
            f"[bold red]{len(result.wrong)} things are wrong.[/] Logs and databases: {result.folder}"
        )
    else:
        console.print("[bold green]Nothing was lost, nothing doubled, nothing is stuck.[/]")


def _victims(result: Result) -> Table:
    table = Table(title=f"{_total(result.kills)} kills and {_total(result.stops)} stops, seed {result.seed}")
    for column in ("victim", "killed", "stopped", "started again"):
        table.add_column(column, justify="left" if column == "victim" else "right")
    for name in VICTIMS:
        if name in result.kills or name in result.stops:
            counts: list[Any] = [result.kills.get(name, 0), result.stops.get(name, 0)]
            table.add_row(name, *map(str, counts), str(result.starts.get(name, "by the store")))
    return table


def _counts(result: Result) -> Table:
    table = Table(title="What became of it")
    for column in ("what", "figure", "must be"):
        table.add_column(column, justify="right" if column == "figure" else "left")
    must = f"{result.in_store:,}"
    for what, figure, wanted in (
        ("sales sent", result.sent, ""),
        ("sales acknowledged", result.acknowledged, f"{result.sent:,}"),
        ("sales in the store, each once", result.in_store, f"{result.sent:,}"),
        ("sales at head office, each once", result.in_cloud, must),
        ("total, in minor units, equal in both", result.total_minor, ""),
        ("points, equal in both", result.points, ""),
        ("offers, equal in both", result.offers, ""),
        ("records in Kafka, every link verified", result.records, ""),
        ("of them sent twice, applied once", result.records_twice, ""),
        ("attempts that tills had to repeat", result.tried_again, ""),
        ("readings sent by scanners and scales", result.sightings, ""),
        ("turns in the journal", result.turns, ""),
        ("turns replayed to the same digest", result.replayed, f"{result.turns:,}"),
    ):
        table.add_row(what, f"{figure:,}", wanted)
    table.add_row("seconds until all was drained", f"{result.drained_s:.1f}", "")
    if result.serving_s:
        half, worst = quantile(result.serving_s, 0.5), max(result.serving_s)
        table.add_row(
            "engine killed until tills are served, s", f"{half:.2f}", f"median of {len(result.serving_s)}"
        )
        table.add_row("", f"{worst:.2f}", "the longest")
        table.add_row(
            "longest outage of the tills, killed again and again, s", f"{result.longest_outage_s:.2f}", ""
        )
    return table


def _minutes(result: Result) -> Table:
    table = Table(title="How long a till waited for its verdict, outages included, in ms")
    for column in ("minute", "sales", "p50", "p99", "longest"):
        table.add_column(column, justify="right")
    for minute, count, half, most, longest in result.minutes:
        table.add_row(str(minute + 1), f"{count:,}", f"{half:,.1f}", f"{most:,.0f}", f"{longest:,.0f}")
    return table


def _wrong(result: Result) -> Table:
    table = Table(title="Wrong")
    for column in ("kind", "what", "detail"):
        table.add_column(column, overflow="fold")
    for one in result.wrong[:WRONG_SHOWN]:
        table.add_row(one.kind, one.what, one.detail)
    if len(result.wrong) > WRONG_SHOWN:
        table.add_row("…", f"{len(result.wrong) - WRONG_SHOWN} more", "")
    return table


def _total(counts: dict[str, int]) -> int:
    return sum(counts.values())
