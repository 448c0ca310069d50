"""What the journal forgets, a hundred rows a transaction, when the store is idle.

Floor rows go first. Of a money row that can be sent again its operation id, hash and reply are kept for longer,
so that a till's late repeat still finds its verdict; in the end that goes too. A past fact goes with the last
turn that may have seen it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge.settings import JournalSettings

DAY_MS = 86_400_000

LAG_TURNS = 4_096
"""A cell may have seen older facts than the turn before it in the journal. Its lag is less than so many turns."""

COUNTED_BOOKS = ("occupancy",)
"""Books that change with every step on the floor. Their past is kept as long as floor rows, not as money rows."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows one call took. All zero: there is nothing to do for now."""

    floor: int = 0
    money: int = 0
    verdicts: int = 0
    facts: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.floor + self.money + self.verdicts + self.facts


def prune(connection: sqlite3.Connection, keep: JournalSettings, now_ms: int, limit: int) -> Pruned:
    """Takes at most about `limit` rows, in the caller's transaction."""
    floor = _pass(connection, "floor", now_ms - keep.floor_days * DAY_MS, limit)
    money = _pass(connection, "money", now_ms - keep.money_days * DAY_MS, limit)
    verdicts = _pass(connection, "verdict", now_ms - keep.verdict_days * DAY_MS, limit)
    facts = _past_facts(connection, "floor", limit) + _past_facts(connection, "money", limit)
    return Pruned(floor, money, verdicts, facts)


def _pass(connection: sqlite3.Connection, what: str, before_ms: int, limit: int) -> int:
    """Goes on from where the last pass of this kind ended: the journal is in the order of its clock."""
    cursor = f"pruned_{what}_seq"
    after: int = connection.execute(f"SELECT {cursor} FROM meta").fetchall()[0][0]
    rows = connection.execute(
        "SELECT seq, at_ms FROM turn WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
    ).fetchall()
    old = [seq for seq, at_ms in rows if at_ms < before_ms]
    if not old:
        return 0
    connection.execute(f"UPDATE meta SET {cursor} = ?", (old[-1],))
    span = (after, old[-1])
    if what == "verdict":
        return connection.execute("DELETE FROM turn WHERE seq > ? AND seq <= ?", span).rowcount
    where = f"seq > ? AND seq <= ? AND lane = '{what}'"
    connection.execute(f"DELETE FROM decision WHERE seq IN (SELECT seq FROM turn WHERE {where})", span)
    gone = connection.execute(f"DELETE FROM turn WHERE {where} AND operation IS NULL", span).rowcount
    stripped = connection.execute(
        "UPDATE turn SET id = NULL, input = NULL, scanner = NULL, subject = NULL, pools = NULL, "
        f"loaded_version = NULL, loaded_state = NULL, digest = NULL WHERE {where} AND input IS NOT NULL",
        span,
    ).rowcount
    return gone + stripped


def _past_facts(connection: sqlite3.Connection, lane: str, limit: int) -> int:
    """Past values that no turn left in the journal can have seen."""
    counted = ",".join("?" * len(COUNTED_BOOKS))
    which = "IN" if lane == "floor" else "NOT IN"
    return connection.execute(
        "DELETE FROM fact_past WHERE (until_version, book, key) IN ("
        f"  SELECT until_version, book, key FROM fact_past WHERE book {which} ({counted}) AND until_version <= ("
        "     SELECT coalesce(min(facts_version), 0) FROM ("
        f"       SELECT facts_version FROM turn WHERE seq > (SELECT pruned_{lane}_seq FROM meta)"
        "        ORDER BY seq LIMIT ?))"
        "   ORDER BY until_version LIMIT ?)",
        (*COUNTED_BOOKS, LAG_TURNS, limit),
    ).rowcount
