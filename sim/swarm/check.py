"""What must hold after a run, whatever was cut, lost, refused or repeated. Reads the database from outside."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge.replay import journal_digest, replay
from protocols.records import SaleRecorded, chain, decode_record
from sim.swarm.books import PIECES, STORE_CAP, UNIT_G
from sim.swarm.script import Script
from sim.swarm.store import Life

NO_CHAIN = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a world's money and goods came to; the same for every schedule of one seed."""

    sales: tuple[tuple[str, str, int, int], ...]
    points: tuple[tuple[str, int], ...]
    pieces: int | None
    turns: int = 0

    def differs(self, straight: Outcome) -> list[str]:
        """How it differs from the straight run of the same seed."""
        return [
            f"{name}: {getattr(self, name)} instead of {getattr(straight, name)}"
            for name in ("sales", "points", "pieces")
            if getattr(self, name) != getattr(straight, name)
        ]


def outcome_of(life: Life) -> Outcome:
    """Reads what happened."""
    rows = _rows(life)
    return Outcome(
        sales=tuple(rows("SELECT sale, account, total_minor, points FROM sale ORDER BY sale")),
        points=tuple(
            rows(
                "SELECT account, sum(points) FROM points_entry WHERE account NOT LIKE 'programme:%' "
                "GROUP BY account ORDER BY account"
            )
        ),
        pieces=next(
            (row[0] for row in rows("SELECT json_extract(value, '$.pieces') FROM fact WHERE book = 'stock'")),
            None,
        ),
        turns=rows("SELECT count(*) FROM turn")[0][0],
    )


def broken(life: Life, script: Script) -> list[str]:
    """Every promise that does not hold, in words."""
    problems = list(script.contradictions)
    if not script.is_heard:
        problems.append("a till never heard a verdict")
    problems += _ledger(life, script)
    problems += _journal(life)
    problems += _outbox(life, script)
    problems += _leftovers(life, script)
    return problems


def _ledger(life: Life, script: Script) -> list[str]:
    rows = _rows(life)
    problems = []
    for sale in script.sales:
        count = rows("SELECT count(*) FROM sale WHERE sale = ?", sale.operation)[0][0]
        if count != 1:
            problems.append(f"sale {sale.operation} stands {count} times")
    for currency, off_by in rows("SELECT currency, off_by FROM ledger_unbalanced"):
        problems.append(f"{currency} is off by {off_by}")
    for pool, spent in rows("SELECT pool, spent FROM pool WHERE spent > ?", STORE_CAP):
        problems.append(f"pool {pool} spent {spent} of {STORE_CAP}")
    for account, campaign, count in rows(
        "SELECT account, campaign, count(*) FROM offer WHERE campaign = 'milk-now' GROUP BY 1, 2 HAVING count(*) > 1"
    ):
        problems.append(f"{account} holds {count} offers of {campaign}, capped at 1 a day")
    issued = rows("SELECT count(*) FROM offer WHERE campaign = 'milk-now'")[0][0]
    spent = rows("SELECT coalesce(sum(spent), 0) FROM pool")[0][0]
    if issued != spent:
        problems.append(f"{issued} milk offers were issued and {spent} spent from the pool")
    return problems


def _journal(life: Life) -> list[str]:
    journal = life.db.journal(0, 1_000_000)
    replayed = replay(journal, life.db.facts_history())
    problems = [f"turn {one.seq} of {one.key} replays otherwise" for one in replayed.differences]
    if replayed.skipped:
        problems.append(f"{replayed.skipped} turns have no loaded state before them")
    if not problems and replayed.digest != journal_digest(journal):
        problems.append("the journal's digest differs from its replay's")
    seqs = [row.seq for row in journal]
    if seqs != list(range(1, len(seqs) + 1)):
        problems.append("turn numbers have a gap")
    for key, state in replayed.states.items():
        if key.startswith("account:"):
            continue
        saved = _rows(life)("SELECT state FROM entity WHERE key = ?", key)
        stands = saved[0][0].encode() if saved else None
        if stands != state:
            problems.append(f"{key} is saved as {stands!r} and replays to {state!r}")
    return problems


def _outbox(life: Life, script: Script) -> list[str]:
    problems = []
    sold: dict[str, int] = {}
    for cursor in life.db.outbox_cursors():
        before, number = NO_CHAIN, 0
        for row in life.db.outbox_page(cursor.incarnation, cursor.stream, 0, 10**9):
            if row.sequence != number + 1:
                problems.append(f"{cursor.stream} jumps from {number} to {row.sequence}")
            link = chain(b"k" * 32, before, row.sequence, row.value)
            if link != row.chain:
                problems.append(f"{cursor.stream} {row.sequence} breaks the chain")
            before, number = row.chain, row.sequence
            record = decode_record(row.value)
            if isinstance(record, SaleRecorded):
                sold[record.operation] = sold.get(record.operation, 0) + 1
    for sale in script.sales:
        if sold.get(sale.operation) != 1:
            problems.append(f"sale {sale.operation} goes up {sold.get(sale.operation, 0)} times")
    return problems


def _leftovers(life: Life, script: Script) -> list[str]:
    rows = _rows(life)
    problems = [f"a Tell to {key} was never taken" for (key,) in rows("SELECT key FROM tell")]
    problems += [f"parked: {key}: {trace}" for key, trace in rows("SELECT key, trace FROM parked")]
    problems += [f"{key} never left" for (key,) in rows("SELECT key FROM entity WHERE kind = 'shopper'")]
    wanted = script.weights[-1][1] // UNIT_G if script.weights else PIECES
    pieces = outcome_of(life).pieces
    if pieces is not None and pieces != wanted:
        problems.append(f"the shelf holds {pieces} pieces and the scale says {wanted}")
    return problems


def _rows(life: Life):  # type: ignore[no-untyped-def]
    reader: sqlite3.Connection = life.db._reader

    def rows(query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        return reader.execute(query, values).fetchall()

    return rows
