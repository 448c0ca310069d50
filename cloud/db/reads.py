"""What people and checkers ask of head office's database, as typed values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Engine, case, func, select

from cloud.db import schema
from cloud.ledger import available


class StreamView(msgspec.Struct, frozen=True):
    """One stream of one life: how far it is applied, and whether it waits."""

    incarnation: str
    stream: str
    applied: int
    state: str
    reason: str
    missing: int


class StoreView(msgspec.Struct, frozen=True):
    """One store as head office sees it. `lag` is what waits in Kafka in the store's partition, None if unknown."""

    store: str
    name: str
    partition: int
    incarnation: str
    last_seen_ms: int
    sales: int
    total_minor: int
    streams: tuple[StreamView, ...]
    mail_waiting: int
    parked: int
    lag: int | None = None


class AccountView(msgspec.Struct, frozen=True):
    """One account: its spendable points, and who carries it."""

    account: str
    points: int
    name: str
    tier: str
    stores: tuple[str, ...]
    sales: int


class ZoneView(msgspec.Struct, frozen=True):
    """How a store's zone was walked through: stays, the visits that they belong to, and how long they took."""

    store: str
    zone: str
    stays: int
    visits: int
    mean_s: float
    longest_s: float


class StoreTotals(msgspec.Struct, frozen=True):
    """What one store reported, in all."""

    store: str
    sales: int
    total_minor: int
    points: int
    stock_moves: int
    offers: int
    visits: int


class Totals(msgspec.Struct, frozen=True):
    """Sums to compare with the stores'. `books_minus_zero` is 0, or points appeared from nowhere."""

    stores: tuple[StoreTotals, ...]
    points_available: int
    books_minus_zero: int
    parked: int


def stores(engine: Engine) -> list[StoreView]:
    """Every store, by id."""
    with engine.connect() as connection:
        sales = _by_store(
            connection.execute(
                select(schema.sale.c.store, func.count(), func.sum(schema.sale.c.total_minor)).group_by(
                    schema.sale.c.store
                )
            ).all()
        )
        mail = _by_store(
            connection.execute(
                select(schema.mail.c.store, func.count())
                .where(~schema.mail.c.published)
                .group_by(schema.mail.c.store)
            ).all()
        )
        parked = _by_store(
            connection.execute(
                select(schema.parked_count.c.store, func.sum(schema.parked_count.c.count)).group_by(
                    schema.parked_count.c.store
                )
            ).all()
        )
        streams: dict[str, list[StreamView]] = {}
        table = schema.stream
        for row in connection.execute(
            select(table).order_by(table.c.store, table.c.incarnation, table.c.stream)
        ):
            view = StreamView(row.incarnation, row.stream, row.known, row.state, row.reason, row.missing)
            streams.setdefault(row.store, []).append(view)
        return [
            StoreView(
                store=row.store,
                name=row.name,
                partition=row.partition,
                incarnation=row.incarnation,
                last_seen_ms=row.last_seen_ms,
                sales=int(sales.get(row.store, (0, 0))[0]),
                total_minor=int(sales.get(row.store, (0, 0))[1]),
                streams=tuple(streams.get(row.store, ())),
                mail_waiting=int(mail.get(row.store, (0,))[0]),
                parked=int(parked.get(row.store, (0,))[0]),
            )
            for row in connection.execute(select(schema.store).order_by(schema.store.c.store))
        ]


def account(engine: Engine, name: str) -> AccountView | None:
    """One account, or None if no sale and no import ever named it."""
    with engine.connect() as connection:
        member = connection.execute(select(schema.member).where(schema.member.c.account == name)).first()
        if member is None:
            return None
        points = connection.scalar(
            select(schema.balance.c.points).where(schema.balance.c.book == available(name))
        )
        stores = connection.scalars(
            select(schema.account_store.c.store)
            .where(schema.account_store.c.account == name)
            .order_by(schema.account_store.c.store)
        ).all()
        sales = connection.scalar(select(func.count()).where(schema.sale.c.account == name))
        return AccountView(name, points or 0, member.name, member.tier, tuple(stores), sales or 0)


def zones(engine: Engine, since_ms: int) -> list[ZoneView]:
    """Every zone that somebody entered since then, by store and zone."""
    stay = schema.stay
    long_ms = stay.c.left_at_ms - stay.c.entered_at_ms
    with engine.begin() as connection:
        rows = connection.execute(
            select(
                stay.c.store,
                stay.c.zone,
                func.count(),
                func.count(stay.c.visit.distinct()),
                func.sum(long_ms),
                func.max(long_ms),
            )
            .where(stay.c.entered_at_ms >= since_ms)
            .group_by(stay.c.store, stay.c.zone)
            .order_by(stay.c.store, stay.c.zone)
        ).all()
    return [
        ZoneView(
            store, zone, stays, visits, round(int(all_ms) / stays / 1_000, 1), round(int(most_ms) / 1_000, 1)
        )
        for store, zone, stays, visits, all_ms, most_ms in rows
    ]


def totals(engine: Engine) -> Totals:
    """Sums over the whole database, from one moment."""
    with engine.begin() as connection:
        sale = schema.sale
        sales = connection.execute(
            select(
                sale.c.store, func.count(), func.sum(sale.c.total_minor), func.sum(sale.c.points)
            ).group_by(sale.c.store)
        ).all()
        counts = {
            table.name: _by_store(
                connection.execute(select(table.c.store, func.count()).group_by(table.c.store)).all()
            )
            for table in (schema.stock_move, schema.offer, schema.visit)
        }
        spendable = case((schema.balance.c.book.like("account:%"), schema.balance.c.points), else_=0)
        books, available_points = connection.execute(
            select(func.sum(schema.balance.c.points), func.sum(spendable))
        ).one()
        parked = connection.scalar(select(func.sum(schema.parked_count.c.count)))
    by_store = {row[0]: row for row in sales}
    names = sorted({*by_store, *(name for found in counts.values() for name in found)})
    return Totals(
        stores=tuple(
            StoreTotals(
                store=name,
                sales=int(by_store[name][1]) if name in by_store else 0,
                total_minor=int(by_store[name][2]) if name in by_store else 0,
                points=int(by_store[name][3]) if name in by_store else 0,
                stock_moves=counts["stock_move"].get(name, (0,))[0],
                offers=counts["offer"].get(name, (0,))[0],
                visits=counts["visit"].get(name, (0,))[0],
            )
            for name in names
        ),
        points_available=int(available_points or 0),
        books_minus_zero=int(books or 0),
        parked=int(parked or 0),
    )


def _by_store(rows: Iterable[Any]) -> dict[str, tuple[int, ...]]:
    return {row[0]: tuple(row[1:]) for row in rows}
