"""Reading the journal: verdicts, windows for replay, an entity's turns since it was loaded, decisions."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from edge.db.rows import GIVEN_COLUMNS, GIVEN_WIDTH, JournalRow, read_given
from edge.ports import Stored
from protocols.api import DecisionView
from protocols.cells import Load
from protocols.decisions import Decision
from protocols.ids import Key
from protocols.inputs import Cause

_TURN = (
    f"SELECT {GIVEN_COLUMNS}, seq, lane, facts_version, pools, loaded_version, loaded_state, "
    "coalesce(outcome, ''), coalesce(reply, ''), digest FROM turn"
)
_OF_WINDOW = f"{_TURN} WHERE seq > ? AND input IS NOT NULL ORDER BY seq LIMIT ?"
_OF_KEY = f"{_TURN} WHERE key = ? AND seq > ? AND input IS NOT NULL ORDER BY seq LIMIT ?"
_FROM_LOAD = f"""{_TURN} WHERE key = (SELECT key FROM turn WHERE seq = ?1) AND seq <= ?1 AND seq >= (
    SELECT max(seq) FROM turn
    WHERE key = (SELECT key FROM turn WHERE seq = ?1) AND seq <= ?1 AND loaded_version IS NOT NULL)
    ORDER BY seq"""
_DECISIONS = """
    SELECT d.seq, d.at_ms, d.took_us, d.decision,
           t.arrived_us, t.cause_operation, t.scanner, t.subject, t.more
    FROM decision d LEFT JOIN turn t USING (seq)"""

_decode_decision = msgspec.json.Decoder(Decision).decode
_decode_pools = msgspec.json.Decoder(dict[str, int]).decode


def verdict(reader: sqlite3.Connection, operation: str) -> Stored | None:
    """The verdict that stands for an operation id."""
    rows = reader.execute(
        "SELECT payload_hash, outcome, reply, seq FROM turn WHERE operation = ?", (operation,)
    ).fetchall()
    if not rows:
        return None
    hashed, outcome, reply, seq = rows[0]
    return Stored(hashed or b"", outcome, reply.encode(), seq)


def window(reader: sqlite3.Connection, after_seq: int, limit: int) -> list[JournalRow]:
    """Turns after a number, in order; those of which only the verdict is kept are left out."""
    return [_row(row) for row in reader.execute(_OF_WINDOW, (after_seq, limit)).fetchall()]


def rows_of(reader: sqlite3.Connection, key: Key, after_seq: int, limit: int) -> list[JournalRow]:
    """One entity's turns, in the order in which it took them."""
    return [_row(row) for row in reader.execute(_OF_KEY, (key, after_seq, limit)).fetchall()]


def from_load(reader: sqlite3.Connection, seq: int) -> list[JournalRow]:
    """The turns of that turn's entity from its last load up to it, enough to make it again.

    Empty if there is no such turn, or if its load was pruned.
    """
    return [_row(row) for row in reader.execute(_FROM_LOAD, (seq,)).fetchall()]


def last_cause(reader: sqlite3.Connection, key: Key) -> tuple[int, Cause] | None:
    """The number and the cause of the newest turn of an entity: what its present state answers."""
    rows = reader.execute(
        "SELECT seq, arrived_us, cause_operation, scanner, subject, more FROM turn "
        "WHERE key = ? ORDER BY seq DESC LIMIT 1",
        (key,),
    ).fetchall()
    return (rows[0][0], _cause(rows[0][1:])) if rows else None


def decisions(reader: sqlite3.Connection, limit: int, before_seq: int | None) -> list[DecisionView]:
    """Decisions, the newest first; before a turn's number to page on."""
    where = "" if before_seq is None else " WHERE d.seq < ?"
    values: tuple[int, ...] = (limit,) if before_seq is None else (before_seq, limit)
    rows = reader.execute(f"{_DECISIONS}{where} ORDER BY d.seq DESC, d.place DESC LIMIT ?", values).fetchall()
    return [_decision(row) for row in rows]


def decisions_of(reader: sqlite3.Connection, seq: int) -> list[DecisionView]:
    """What one turn decided, in order."""
    rows = reader.execute(f"{_DECISIONS} WHERE d.seq = ? ORDER BY d.place", (seq,)).fetchall()
    return [_decision(row) for row in rows]


def decisions_for(reader: sqlite3.Connection, offer: str) -> list[DecisionView]:
    """The decision that made an offer. Decisions carry few offers, so the newest ten thousand are looked through."""
    rows = reader.execute(
        f"{_DECISIONS} WHERE d.seq > (SELECT max(seq) - 10000 FROM decision) AND EXISTS "
        "(SELECT 1 FROM json_each(d.decision, '$.offers') WHERE value = ?) ORDER BY d.seq DESC LIMIT 10",
        (offer,),
    ).fetchall()
    return [_decision(row) for row in rows]


def _decision(row: tuple[Any, ...]) -> DecisionView:
    return DecisionView(row[0], row[1], row[2], _decode_decision(row[3]), _cause(row[4:]))


def _cause(columns: tuple[Any, ...]) -> Cause:
    arrived, operation, scanner, subject, more = columns
    return Cause(arrived or 0, operation or "", scanner or "", subject or "", more or 0)


def _row(row: tuple[Any, ...]) -> JournalRow:
    given = read_given(row[:GIVEN_WIDTH])
    seq, lane, version, pools, loaded_version, loaded_state, outcome, reply, digest = row[GIVEN_WIDTH:]
    loaded = None
    if loaded_version is not None:
        loaded = Load(given.key, loaded_version, (loaded_state or "").encode())
    read = _decode_pools(pools) if pools else {}
    return JournalRow(seq, lane, given, version, read, loaded, outcome, reply.encode(), digest)
