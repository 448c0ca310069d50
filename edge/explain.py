"""What people ask of the journal: why a decision, what a parked input was, whether everything replays.

Reads the database beside a running engine and changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge.db import facts as fact_rows
from edge.db import inbound, journal, open_for_reading
from edge.db.rows import JournalRow
from edge.replay import THREW, journal_digest, replay
from edge.settings import Settings
from protocols.decisions import Checked, Considered, Decision

PAGE = 10_000
"""Turns read at once."""


def show_decision(settings: Settings, seq: int, console: Console) -> int:
    """Prints every campaign that was considered in turn `seq`; without one, the newest decisions."""
    connection = _open(settings, console)
    if connection is None:
        return 2
    if seq <= 0:
        return _show_newest(connection, console)
    views = journal.decisions_of(connection, seq)
    rows = journal.from_load(connection, seq)
    if not views or not rows:
        console.print(f"No decision {seq} in the journal. See: endcap-store explain")
        return 1
    found = replay(rows, fact_rows.history(connection), frozenset((seq,)))
    whole = (found.decisions.get(seq) or [views[0].decision])[0]
    cause = views[0].cause
    # Names are strangers' words: they are printed as they are, never as markup.
    console.print(f"[bold]{escape(whole.summary)}[/bold]")
    console.print(
        f"turn {seq}, {whole.trigger.replace('_', ' ')}, {whole.where}", highlight=False, markup=False
    )
    named = cause.operation or f"{cause.scanner} heard {cause.subject}"
    console.print(f"cause: {named}, {cause.arrived_us} µs", highlight=False, markup=False)
    console.print(_table(whole))
    console.print(f"{whole.considered_count} considered, {whole.could_not_fire} could not fire")
    same = not any(one.seq == seq for one in found.differences)
    console.print("The replay has the journal's digest." if same else "[bold]The replay differs.[/bold]")
    return 0 if same else 1


def show_parked(settings: Settings, reference: int, console: Console) -> int:
    """Prints an input whose step threw: what it was, the state before it, and the trace."""
    connection = _open(settings, console)
    if connection is None:
        return 2
    for row in inbound.parked(connection, 10_000):
        if row.reference == reference:
            console.print(
                f"[bold]{escape(row.given.key)}[/bold] could not take {type(row.given.input).__name__}"
            )
            console.print(repr(row.given.input), highlight=False, markup=False)
            console.print(row.state.decode(errors="replace"), highlight=False, markup=False)
            console.print(row.trace, highlight=False, markup=False)
            return 0
    console.print(f"Nothing is parked under {reference}.")
    return 1


def replay_journal(settings: Settings, after: int, limit: int, console: Console) -> int:
    """Replays the journal and prints both digests. Exit code 1 if any turn differs."""
    connection = _open(settings, console)
    if connection is None:
        return 2
    began = perf_counter()
    rows: list[JournalRow] = []
    while len(rows) < limit:
        page = journal.window(connection, rows[-1].seq if rows else after, min(PAGE, limit - len(rows)))
        if not page:
            break
        rows += page
    found = replay(rows, fact_rows.history(connection))
    console.print(f"{found.turns} turns replayed in {perf_counter() - began:.2f} s, {found.differing} differ")
    if found.skipped:
        console.print(f"{found.skipped} turns skipped: their entity was loaded before turn {after + 1}")
    for one in found.differences[:20]:
        became = "an error" if one.replayed == THREW else one.replayed.hex()
        console.print(f"  turn {one.seq} of {one.key}: {one.journal.hex()} became {became}", markup=False)
    if not found.skipped:
        console.print(f"journal {journal_digest(rows)}", highlight=False)
    console.print(f"replay  {found.digest}", highlight=False)
    return 1 if found.differing else 0


def _open(settings: Settings, console: Console):  # type: ignore[no-untyped-def]
    try:
        return open_for_reading(Path(settings.store.data)).conn
    except FileNotFoundError as error:
        console.print(
            f"{error}. Start the store once, or name its settings with --settings.",
            markup=False,
            soft_wrap=True,
        )
        return None


def _show_newest(connection, console: Console) -> int:  # type: ignore[no-untyped-def]
    table = Table("turn", "trigger", "decision", box=None, pad_edge=False)
    for view in journal.decisions(connection, 20, None):
        table.add_row(str(view.seq), view.decision.trigger.replace("_", " "), escape(view.decision.summary))
    console.print(table)
    console.print("Why: endcap-store explain TURN")
    return 0


def _table(decision: Decision) -> Table:
    table = Table("campaign", "condition", "saw", "wanted", box=None, pad_edge=False)
    for one in decision.considered:
        table.add_row(*map(escape, _row(one, is_nearest=one == decision.nearest_miss)))
    return table


def _row(one: Considered, *, is_nearest: bool) -> tuple[str, str, str, str]:
    name = f"{one.name}  (nearest miss)" if is_nearest else one.name
    if one.failed is None:
        return name, one.outcome.replace("_", " "), f"{one.held} of {one.of} hold", ""
    failed: Checked = one.failed
    return name, failed.say, str(failed.saw), f"{failed.relation.replace('_', ' ')} {failed.want}"
