"""The ledger's rows: entries are written by type, points always as two rows that sum to zero."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from edge.db.bulk import Bulk, Row, insert
from edge.db.rows import SaleRow, Totals
from protocols.codec import to_json
from protocols.effects import (
    BalancePosted,
    CapCounted,
    Entry,
    MemberPosted,
    OfferPosted,
    PointsPosted,
    PoolSpent,
    SalePosted,
)
from protocols.inputs import Given

POINTS = "points"
"""The one points currency of today."""

ISSUED = "programme:issued"
"""The programme's side of points that were earned."""

# In the order in which they are written.
_TABLES: dict[str, Bulk] = {
    "member": insert(
        "member",
        "account, name, tier, consent, segments",
        "ON CONFLICT (account) DO UPDATE SET name = excluded.name, tier = excluded.tier, "
        "consent = excluded.consent, segments = excluded.segments",
    ),
    "cloud_balance": insert(
        "cloud_balance",
        "account, points, as_of_ms, as_of_entry",
        "ON CONFLICT (account) DO UPDATE SET points = excluded.points, as_of_ms = excluded.as_of_ms, "
        "as_of_entry = excluded.as_of_entry",
    ),
    "points_entry": insert("points_entry", "seq, account, number, currency, points, why"),
    "offer": insert(
        "offer",
        "offer, account, campaign, state, grants, zone, issued_at_ms, until_ms, say",
        "ON CONFLICT (offer) DO UPDATE SET account = excluded.account, campaign = excluded.campaign, "
        "state = excluded.state, grants = excluded.grants, zone = excluded.zone, "
        "issued_at_ms = excluded.issued_at_ms, until_ms = excluded.until_ms, say = excluded.say",
    ),
    "cap_count": insert(
        "cap_count",
        "account, campaign, day, count",
        "ON CONFLICT (account, campaign, day) DO UPDATE SET count = count + excluded.count",
    ),
    "sale": insert(
        "sale", "seq, sale, till, account, day, total_minor, currency, points, closed_at_ms, at_ms"
    ),
    "sale_line": insert("sale_line", "seq, line, sku, name, category, quantity, price_minor, discount_minor"),
    "pool": insert(
        "pool",
        "pool, amount, spent",
        "ON CONFLICT (pool) DO UPDATE SET amount = excluded.amount, spent = spent + excluded.spent",
    ),
}


class Postings:
    """The entries of one group, gathered by table and written in a few statements."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}

    def post(self, seq: int, given: Given, entry: Entry) -> None:
        """Adds one entry of turn `seq`. Entries of one table keep their order."""
        _HOW[type(entry)](self, seq, given, entry)

    def write(self, connection: sqlite3.Connection) -> None:
        """Writes them. A CHECK or a unique number that does not hold raises sqlite3.IntegrityError."""
        if self._rows:
            for table, bulk in _TABLES.items():
                bulk.run(connection, self._rows.get(table, ()))

    def _add(self, table: str, *row: Any) -> None:
        self._rows.setdefault(table, []).append(row)

    def _points(self, seq: int, _: Given, entry: PointsPosted) -> None:
        self._add("points_entry", seq, entry.account, entry.entry, POINTS, entry.points, entry.why)
        self._add("points_entry", seq, ISSUED, None, POINTS, -entry.points, entry.why)

    def _offer(self, seq: int, _: Given, entry: OfferPosted) -> None:
        grants = to_json(entry.grants).decode()
        times = (entry.issued_at_ms, entry.until_ms)
        row = (entry.offer, entry.account, entry.campaign, entry.state, grants, entry.zone, *times, entry.say)
        self._add("offer", *row)

    def _sale(self, seq: int, given: Given, entry: SalePosted) -> None:
        sums = (entry.total_minor, entry.currency, entry.points)
        times = (entry.closed_at_ms, given.at_ms)
        self._add("sale", seq, entry.sale, entry.till, entry.account, given.local.day, *sums, *times)
        for place, line in enumerate(entry.lines):
            goods = (line.sku, line.name, line.category, line.quantity)
            self._add("sale_line", seq, place, *goods, line.price_minor, line.discount_minor)

    def _cap(self, seq: int, _: Given, entry: CapCounted) -> None:
        self._add("cap_count", entry.account, entry.campaign, entry.day, entry.times)

    def _pool(self, seq: int, _: Given, entry: PoolSpent) -> None:
        self._add("pool", entry.pool, entry.of, entry.amount)

    def _member(self, seq: int, _: Given, entry: MemberPosted) -> None:
        consent, segments = to_json(entry.consent).decode(), to_json(entry.segments).decode()
        self._add("member", entry.account, entry.name, entry.tier, consent, segments)

    def _balance(self, seq: int, _: Given, entry: BalancePosted) -> None:
        self._add("cloud_balance", entry.account, entry.points, entry.as_of_ms, entry.as_of_entry)


_HOW: dict[type[Any], Callable[[Postings, int, Given, Any], None]] = {
    PointsPosted: Postings._points,
    OfferPosted: Postings._offer,
    SalePosted: Postings._sale,
    CapCounted: Postings._cap,
    PoolSpent: Postings._pool,
    MemberPosted: Postings._member,
    BalancePosted: Postings._balance,
}


def pools(reader: sqlite3.Connection) -> dict[str, int]:
    """What is spent of each pool."""
    return dict(reader.execute("SELECT pool, spent FROM pool ORDER BY pool").fetchall())


_SALES = (
    "SELECT s.seq, s.sale, s.till, s.account, coalesce(t.operation, ''), s.day, s.total_minor, s.currency, "
    "s.points, s.at_ms FROM sale s LEFT JOIN turn t USING (seq)"
)


def sales_between(reader: sqlite3.Connection, from_ms: int, to_ms: int, limit: int) -> list[SaleRow]:
    """Sales taken from `from_ms` until before `to_ms`, the oldest first, with their lines."""
    return _sales(
        reader, "s.at_ms >= ? AND s.at_ms < ? ORDER BY s.at_ms, s.seq LIMIT ?", from_ms, to_ms, limit
    )


def sales_of(reader: sqlite3.Connection, account: str, limit: int) -> list[SaleRow]:
    """An account's sales, the newest first, with their lines."""
    return _sales(reader, "s.account = ? ORDER BY s.seq DESC LIMIT ?", account, limit)


def _sales(reader: sqlite3.Connection, which: str, *values: str | int) -> list[SaleRow]:
    rows = reader.execute(f"{_SALES} WHERE {which}", values).fetchall()
    return [SaleRow(*(*row, _lines(reader, row[0]))) for row in rows]


def totals(reader: sqlite3.Connection) -> Totals:
    """Sums over everything. Call it inside a snapshot; it reads every sale."""

    def one(query: str) -> int:
        value: int = reader.execute(query).fetchall()[0][0]
        return value

    return Totals(
        sales=one("SELECT count(*) FROM sale"),
        total_minor=dict(reader.execute("SELECT currency, sum(total_minor) FROM sale GROUP BY 1").fetchall()),
        points_issued=one("SELECT coalesce(sum(points), 0) FROM points_entry WHERE number IS NOT NULL"),
        points_off_by=one("SELECT coalesce(sum(abs(off_by)), 0) FROM ledger_unbalanced"),
        offers=dict(reader.execute("SELECT state, count(*) FROM offer GROUP BY 1").fetchall()),
        turns=one("SELECT count(*) FROM turn"),
        last_seq=one("SELECT last_seq FROM meta"),
        tells_waiting=one("SELECT count(*) FROM tell WHERE parked IS NULL"),
        parked=one("SELECT count(*) FROM parked"),
    )


def _lines(reader: sqlite3.Connection, seq: int) -> tuple[tuple[str, int, int, int], ...]:
    return tuple(
        reader.execute(
            "SELECT sku, quantity, price_minor, discount_minor FROM sale_line WHERE seq = ? ORDER BY line",
            (seq,),
        ).fetchall()
    )
