"""Checks head office's database against the store's and the tills': each sale once, the same sums, books at zero."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, create_engine, func, or_, select

from cloud.db import schema
from cloud.ledger import EARNED, ISSUED, available
from sim.chaos.check_store import Booked, StoreFound, check_sales
from sim.chaos.sales import Sales, Wrong


@dataclass(frozen=True, slots=True)
class CloudFound:
    """What head office holds of one store."""

    sales: tuple[Booked, ...]
    offers: frozenset[str]


def check_cloud(url: str, store: str, from_store: StoreFound, sales: Sales, wrong: list[Wrong]) -> CloudFound:
    """Reads the database and adds what is wrong with it."""
    engine = create_engine(url)
    try:
        with engine.connect() as db:
            found = _found(db, store)
            check_sales(found.sales, "head office", sales, wrong)
            _check_sums(found, from_store, wrong)
            _check_ledger(db, store, found, wrong)
            _check_balances(db, from_store, wrong)
            _check_streams(db, store, from_store, wrong)
            _check_nothing_is_stuck(db, store, wrong)
    finally:
        engine.dispose()
    return found


def _found(db: Connection, store: str) -> CloudFound:
    sale = schema.sale
    rows = db.execute(
        select(sale.c.operation, sale.c.sale, sale.c.account, sale.c.total_minor, sale.c.points)
        .where(sale.c.store == store)
        .order_by(sale.c.incarnation, sale.c.sequence)
    )
    offers = db.scalars(select(schema.offer.c.offer).where(schema.offer.c.store == store))
    return CloudFound(tuple(Booked(*row) for row in rows), frozenset(offers))


def _check_sums(found: CloudFound, from_store: StoreFound, wrong: list[Wrong]) -> None:
    """Totals are equal: how many, how much, how many points; and so are the offers."""
    for name, ours, theirs in (
        ("sales", len(from_store.sales), len(found.sales)),
        ("total_minor", _sum(from_store, "total_minor"), _sum(found, "total_minor")),
        ("points", _sum(from_store, "points"), _sum(found, "points")),
    ):
        if ours != theirs:
            wrong.append(Wrong("unequal", name, f"{ours} in the store, {theirs} at head office"))
    by_operation = {one.operation: one for one in found.sales}
    for one in from_store.sales:
        other = by_operation.get(one.operation)
        if other is None:
            wrong.append(Wrong("lost", one.operation, "in the store, and not at head office"))
        elif other != one:
            wrong.append(Wrong("unequal", one.operation, f"in the store {one}, at head office {other}"))
    for offer in sorted(from_store.offers - found.offers)[:20]:
        wrong.append(Wrong("lost", offer, "an offer of the store that head office never heard of"))
    for offer in sorted(found.offers - from_store.offers)[:20]:
        wrong.append(Wrong("invented", offer, "head office has an offer that the store has not"))


def _check_ledger(db: Connection, store: str, found: CloudFound, wrong: list[Wrong]) -> None:
    """Every sale's points moved once; each book is the sum of its moves; all books together are zero."""
    moves = schema.transfer
    earned = {
        row.operation: row.points
        for row in db.execute(
            select(moves.c.operation, moves.c.points).where(moves.c.store == store, moves.c.kind == EARNED)
        )
    }
    for one in found.sales:
        if earned.pop(one.operation, 0) != one.points:
            wrong.append(Wrong("ledger", one.operation, f"a sale of {one.points} points moved others"))
    for operation in earned:
        wrong.append(Wrong("ledger", operation, "points moved without a sale"))
    books: dict[str, int] = {}
    for row in db.execute(select(moves.c.debit, moves.c.credit, moves.c.points)):
        books[row.debit] = books.get(row.debit, 0) - row.points
        books[row.credit] = books.get(row.credit, 0) + row.points
    balance = schema.balance
    held = {
        book: int(points)
        for book, points in db.execute(
            select(balance.c.book, func.sum(balance.c.points)).group_by(balance.c.book)
        )
    }
    for book in sorted({*books, *held}):
        if books.get(book, 0) != held.get(book, 0):
            wrong.append(
                Wrong("ledger", book, f"holds {held.get(book, 0)}, its moves say {books.get(book, 0)}")
            )
    if sum(held.values()):
        wrong.append(Wrong("ledger", ISSUED, "head office's books together are not zero"))


def _check_balances(db: Connection, from_store: StoreFound, wrong: list[Wrong]) -> None:
    """What a phone shows in the store is what head office says."""
    balance = schema.balance
    held = {row.book: row.points for row in db.execute(select(balance.c.book, balance.c.points))}
    for account, points in sorted(from_store.balances.items()):
        there = held.get(available(account), 0)
        if there != points:
            wrong.append(Wrong("unequal", account, f"{points} points in the store, {there} at head office"))


def _check_streams(db: Connection, store: str, from_store: StoreFound, wrong: list[Wrong]) -> None:
    """Every stream is known to its end, by the same chain, and open."""
    table = schema.stream
    known = {
        (row.incarnation, row.stream): row for row in db.execute(select(table).where(table.c.store == store))
    }
    for place, (head, link) in from_store.heads.items():
        row = known.pop(place, None)
        if row is None:
            if head:
                wrong.append(Wrong("lost", place[1], f"head office does not know stream {place}"))
        elif (row.known, row.chain) != (head, link):
            wrong.append(
                Wrong("chain", place[1], f"{head} by {link.hex()}, known {row.known} by {row.chain.hex()}")
            )
        elif row.state != "open" or row.missing:
            wrong.append(Wrong("chain", place[1], f"{row.state} {row.reason}, {row.missing} missing"))
    for place in known:
        wrong.append(
            Wrong("invented", place[1], f"head office knows a stream {place} that the store has not")
        )


def _check_nothing_is_stuck(db: Connection, store: str, wrong: list[Wrong]) -> None:
    parked = schema.parked_count
    for row in db.execute(select(parked.c.reason, parked.c.count)):
        wrong.append(Wrong("parked", "head office", f"{row.count} times: {row.reason}"))
    mail = schema.mail
    waiting = db.scalar(
        select(func.count()).where(or_(mail.c.store == store, mail.c.store == ""), ~mail.c.published)
    )
    if waiting:
        wrong.append(Wrong("stuck", "mail", f"{waiting} pieces were never published"))


def _sum(found: StoreFound | CloudFound, name: str) -> int:
    return sum(int(getattr(one, name)) for one in found.sales)
