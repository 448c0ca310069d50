"""How results are told: a table for people, JSON for machines, Markdown for documents."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(slots=True)
class Sheet:
    """One table: a title, columns, rows of text, and sentences under it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """What one bench found: figures for machines, sheets for people."""

    bench: str
    figures: dict[str, Any]
    sheets: list[Sheet]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest over runs."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return figure(self.median)
        return f"{figure(self.median)} ({figure(self.low)}–{figure(self.high)})"


def spread(values: Iterable[float]) -> Spread | None:
    """Median and range of the values that are numbers; None if there are none."""
    known = [float(value) for value in values if value is not None and not math.isnan(value)]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def told(value: Spread | float | None, unit: str = "") -> str:
    """A figure as a cell of a table."""
    if value is None:
        return "–"
    return f"{value if isinstance(value, Spread) else figure(value)}{unit}"


def figure(value: float) -> str:
    """Three digits that matter."""
    if math.isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def plain(value: Any) -> Any:
    """The value as JSON can hold it; what is no number becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def show(console: Console, result: Result) -> None:
    """Prints every table."""
    for sheet in result.sheets:
        table = Table(title=sheet.title, title_justify="left", title_style="bold")
        for place, column in enumerate(sheet.columns):
            table.add_column(column, justify="left" if place == 0 else "right")
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
        for note in sheet.notes:
            console.print(f"  {note}", highlight=False)
        console.print()


def markdown(results: Sequence[Result], machine: dict[str, Any]) -> str:
    """All tables as Markdown, with the machine above them."""
    lines = ["# Benchmarks", "", *(f"- {name}: {_said(value)}" for name, value in machine.items()), ""]
    for result in results:
        for sheet in result.sheets:
            lines += [f"## {sheet.title}", "", _row(sheet.columns)]
            lines.append("|" + "|".join(["---", *["---:"] * (len(sheet.columns) - 1)]) + "|")
            lines += [_row(row) for row in sheet.rows]
            lines += ["", *(f"{note}  " for note in sheet.notes), ""]
    return "\n".join(lines)


def write_json(target: str, content: dict[str, Any], console: Console) -> None:
    """Writes JSON to a file, or with `-` to standard output."""
    text = json.dumps(plain(content), indent=1)
    if target == "-":
        print(text)
        return
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    console.print(f"Figures: {path}", highlight=False)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _said(value: Any) -> str:
    return (
        ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else str(value)
    )
