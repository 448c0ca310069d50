"""Entities as rows: each is written once a group, and only if it still is at the version that was loaded."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from edge.db.bulk import Bulk, insert
from edge.ports import CommitFailed, SavedEntity
from protocols.cells import Load
from protocols.ids import Key, ident_of, kind_of

_NEW = insert("entity", "key, kind, version, state, wake_at_ms")
_SAVE = Bulk(
    "UPDATE entity SET version = v.column3, state = v.column4, wake_at_ms = v.column5 FROM (VALUES",
    5,
    ") AS v WHERE entity.key = v.column1 AND entity.version = v.column2",
)
_NEW_ACCOUNT = insert("account", "account, version, wake_at_ms")
_SAVE_ACCOUNT = Bulk(
    "UPDATE account SET version = v.column3, wake_at_ms = v.column4 FROM (VALUES",
    4,
    ") AS v WHERE account.account = v.column1 AND account.version = v.column2",
)
_GONE = "DELETE FROM entity WHERE key = ? AND version = ?"

_DUE = """
    SELECT wake_at_ms, key FROM entity WHERE wake_at_ms <= ?1
    UNION ALL
    SELECT wake_at_ms, 'account:' || account FROM account WHERE wake_at_ms <= ?1
    ORDER BY 1, 2 LIMIT ?2"""
_NEXT_WAKE = """
    SELECT min(wake) FROM (
        SELECT min(wake_at_ms) AS wake FROM entity WHERE wake_at_ms IS NOT NULL
        UNION ALL
        SELECT min(wake_at_ms) FROM account WHERE wake_at_ms IS NOT NULL)"""


def save(connection: sqlite3.Connection, saved: Sequence[SavedEntity]) -> None:
    """Writes every entity of a group. Raises CommitFailed if one is not at the version that was loaded."""
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    new_accounts: list[tuple[Any, ...]] = []
    accounts: list[tuple[Any, ...]] = []
    gone: list[tuple[Any, ...]] = []
    for one in saved:
        version = one.base_version + one.turns
        if kind_of(one.key) == "account":
            ident = ident_of(one.key)
            if one.base_version:
                accounts.append((ident, one.base_version, version, one.wake_at_ms))
            else:
                new_accounts.append((ident, version, one.wake_at_ms))
        elif one.state is None:
            if one.base_version:
                gone.append((one.key, one.base_version))
        elif one.base_version:
            changed.append((one.key, one.base_version, version, one.state.decode(), one.wake_at_ms))
        else:
            new.append((one.key, kind_of(one.key), version, one.state.decode(), one.wake_at_ms))
    _NEW.run(connection, new)
    _NEW_ACCOUNT.run(connection, new_accounts)
    found = _SAVE.run(connection, changed) + _SAVE_ACCOUNT.run(connection, accounts)
    for row in gone:
        found += connection.execute(_GONE, row).rowcount
    wanted = len(changed) + len(accounts) + len(gone)
    if found != wanted:
        raise CommitFailed(
            f"{wanted - found} of {wanted} entities were changed by somebody else", by_turn=True
        )


def load(reader: sqlite3.Connection, key: Key) -> Load | None:
    """A shopper's, shelf's or sign's committed state, or None."""
    rows = reader.execute("SELECT version, state FROM entity WHERE key = ?", (key,)).fetchall()
    return Load(key, rows[0][0], rows[0][1].encode()) if rows else None


def due(reader: sqlite3.Connection, now_ms: int, limit: int) -> list[Key]:
    """Whose wake has passed, the longest overdue first."""
    return [Key(key) for _, key in reader.execute(_DUE, (now_ms, limit)).fetchall()]


def next_wake_ms(reader: sqlite3.Connection) -> int | None:
    """When the next entity wants to be woken."""
    wake: int | None = reader.execute(_NEXT_WAKE).fetchall()[0][0]
    return wake


def keys(reader: sqlite3.Connection, kind: str) -> list[Key]:
    """Every entity of one kind, in the order of their keys."""
    if kind == "account":
        rows = reader.execute("SELECT 'account:' || account FROM account ORDER BY account").fetchall()
    else:
        rows = reader.execute("SELECT key FROM entity WHERE kind = ? ORDER BY key", (kind,)).fetchall()
    return [Key(key) for (key,) in rows]


def count_by_kind(reader: sqlite3.Connection) -> dict[str, int]:
    """How many entities of each kind there are."""
    counts: dict[str, int] = dict(
        reader.execute("SELECT kind, count(*) FROM entity GROUP BY kind").fetchall()
    )
    accounts: int = reader.execute("SELECT count(*) FROM account").fetchall()[0][0]
    return {**counts, "account": accounts} if accounts else counts
