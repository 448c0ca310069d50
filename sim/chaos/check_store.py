"""Checks the store's database against what the tills hold: each sale once, the books even, nothing left over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.db import facts, journal
from edge.db.rows import JournalRow
from edge.replay import journal_digest, replay
from sim.chaos.sales import Sales, Wrong

WAKE_LATE_MS = 10_000
"""A wake that is overdue by more than this, on the store's own clock, was forgotten."""

PAGE = 20_000


@dataclass(frozen=True, slots=True)
class Booked:
    """One sale in a database."""

    operation: str
    sale: str
    account: str
    total_minor: int
    points: int


@dataclass(frozen=True, slots=True)
class StoreFound:
    """What the store's database holds: sales in the order of their turns, and the ends of its streams."""

    sales: tuple[Booked, ...]
    seqs: dict[str, int]
    incarnations: tuple[str, ...]
    heads: dict[tuple[str, str], tuple[int, bytes]]
    balances: dict[str, int]
    offers: frozenset[str]
    turns: int
    replayed: int
    digest: str


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def check_store(path: Path, sales: Sales, wrong: list[Wrong]) -> StoreFound:
    """Reads the database and adds what is wrong with it."""
    with reading(path) as db:
        found = _found(db, wrong)
        check_sales(found.sales, "the store", sales, wrong)
        _check_seqs(found, sales, wrong)
        _check_points(db, wrong)
        _check_nothing_is_stuck(db, wrong)
    return found


def _found(db: sqlite3.Connection, wrong: list[Wrong]) -> StoreFound:
    rows = db.execute(
        "SELECT coalesce(t.operation, ''), s.sale, s.account, s.total_minor, s.points, s.seq "
        "FROM sale s LEFT JOIN turn t USING (seq) ORDER BY s.seq"
    ).fetchall()
    lives = tuple(row[0] for row in db.execute("SELECT incarnation FROM life ORDER BY life").fetchall())
    if len(lives) != 1:
        why = db.execute("SELECT why FROM life ORDER BY life DESC LIMIT 1").fetchall()[0][0]
        wrong.append(Wrong("unequal", "life", f"a killed store began a new life: {why}"))
    heads = {
        (incarnation, stream): (head, bytes(link))
        for incarnation, stream, head, link in db.execute(
            "SELECT l.incarnation, c.stream, c.head, c.head_chain FROM outbox_cursor c JOIN life l USING (life)"
        ).fetchall()
    }
    turns, replayed, digest = _replayed(db, wrong)
    return StoreFound(
        sales=tuple(Booked(*row[:5]) for row in rows),
        seqs={row[0]: row[5] for row in rows},
        incarnations=lives,
        heads=heads,
        balances=dict(db.execute("SELECT account, points FROM balances WHERE name IS NOT NULL").fetchall()),
        offers=frozenset(row[0] for row in db.execute("SELECT offer FROM offer").fetchall()),
        turns=turns,
        replayed=replayed,
        digest=digest,
    )


def check_sales(found: tuple[Booked, ...], where: str, sales: Sales, wrong: list[Wrong]) -> None:
    """Every acknowledged sale exactly once, as it was acknowledged; none that nobody sent."""
    by_operation: dict[str, list[Booked]] = {}
    by_number: dict[str, list[Booked]] = {}
    for one in found:
        by_operation.setdefault(one.operation, []).append(one)
        by_number.setdefault(one.sale, []).append(one)
    for operation, verdict in sales.acknowledged.items():
        booked = by_operation.get(operation, [])
        if not booked:
            wrong.append(Wrong("lost", operation, f"acknowledged, and not in {where}"))
        elif (booked[0].total_minor, booked[0].points, booked[0].account) != (
            verdict.total_minor,
            verdict.points,
            verdict.account,
        ):
            wrong.append(Wrong("unequal", operation, f"acknowledged as {verdict}, in {where} {booked[0]}"))
    for number, booked in by_number.items():
        if len(booked) > 1:
            named = ", ".join(one.operation or "no operation" for one in booked)
            wrong.append(Wrong("doubled", booked[0].operation, f"{where} has {number} as {named}"))
    for operation, booked in by_operation.items():
        if operation not in sales.sent:
            wrong.append(Wrong("invented", operation, f"{where} has {booked[0]}, which no till sent"))


def _check_seqs(found: StoreFound, sales: Sales, wrong: list[Wrong]) -> None:
    """The turn that the till was told of is the one that booked its sale."""
    for operation, verdict in sales.acknowledged.items():
        seq = found.seqs.get(operation)
        if seq is not None and seq != verdict.seq:
            wrong.append(Wrong("unequal", operation, f"told of turn {verdict.seq}, booked by turn {seq}"))


def _check_points(db: sqlite3.Connection, wrong: list[Wrong]) -> None:
    for currency, off_by in db.execute("SELECT currency, off_by FROM ledger_unbalanced").fetchall():
        wrong.append(Wrong("ledger", currency, f"the store's books are off by {off_by}"))
    for account, entries, highest in db.execute(
        "SELECT account, count(*), max(number) FROM points_entry WHERE number IS NOT NULL GROUP BY account "
        "HAVING count(*) <> max(number)"
    ).fetchall():
        wrong.append(Wrong("ledger", account, f"{entries} points entries, the last is number {highest}"))
    for seq, sold, posted in db.execute(
        "SELECT s.seq, s.points, coalesce((SELECT sum(e.points) FROM points_entry e WHERE e.seq = s.seq "
        "AND e.number IS NOT NULL), 0) AS posted FROM sale s WHERE s.points <> posted"
    ).fetchall():
        wrong.append(Wrong("ledger", f"turn {seq}", f"a sale of {sold} points posted {posted}"))


def _check_nothing_is_stuck(db: sqlite3.Connection, wrong: list[Wrong]) -> None:
    for row, key in db.execute("SELECT row, key FROM tell LIMIT 20").fetchall():
        wrong.append(Wrong("stuck", key, f"Tell row {row} was never taken"))
    for reference, key, operation, trace in db.execute(
        "SELECT reference, key, coalesce(operation, ''), trace FROM parked LIMIT 20"
    ).fetchall():
        last = trace.strip().splitlines()[-1] if trace.strip() else ""
        wrong.append(Wrong("parked", operation or key, f"reference {reference}: {last}"))
    for stream, head, acked, applied in db.execute(
        "SELECT stream, head, acked, applied FROM outbox_cursor WHERE applied < head"
    ).fetchall():
        wrong.append(
            Wrong("stuck", stream, f"{head} records, {acked} in Kafka, {applied} applied by head office")
        )
    for (left,) in db.execute("SELECT count(*) FROM outbox HAVING count(*) > 0").fetchall():
        wrong.append(Wrong("stuck", "outbox", f"{left} rows are left"))
    for key, late_ms in db.execute(
        "SELECT key, clock_ms - wake_at_ms FROM entity, meta WHERE wake_at_ms < clock_ms - ?1 UNION ALL "
        "SELECT 'account:' || account, clock_ms - wake_at_ms FROM account, meta WHERE wake_at_ms < clock_ms - ?1",
        (WAKE_LATE_MS,),
    ).fetchall():
        wrong.append(Wrong("stuck", key, f"its wake is overdue by {late_ms / 1000:.1f} s"))


def _replayed(db: sqlite3.Connection, wrong: list[Wrong]) -> tuple[int, int, str]:
    """Replays the whole journal in this process. Gives turns written, turns replayed, and the digest."""
    rows: list[JournalRow] = []
    while page := journal.window(db, rows[-1].seq if rows else 0, PAGE):
        rows += page
    again = replay(rows, facts.history(db))
    for one in again.differences[:20]:
        wrong.append(Wrong("replay", f"turn {one.seq}", f"{one.key} replays to something else"))
    if again.skipped:
        wrong.append(Wrong("replay", "journal", f"{again.skipped} turns have no load before them"))
    written = journal_digest(rows)
    if again.digest != written:
        wrong.append(Wrong("replay", "journal", f"digest {written}, replayed {again.digest}"))
    return len(rows), again.turns, again.digest
