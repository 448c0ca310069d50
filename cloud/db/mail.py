"""Mail: numbered in the transaction that caused it, published in order of number, receipts added as it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, select, update

from cloud.db import schema
from cloud.db.engine import insert_many, upsert
from cloud.db.writing import rows_by_key
from cloud.ledger import available
from protocols.codec import to_msgpack
from protocols.mail import BalanceMailed, Mail, Receipt

PAGE = 500
"""Mail of one store in one batch."""

KEEP_PUBLISHED = 1_000
"""Published mail that is kept per store, for people who look; Kafka has it all."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One numbered piece of mail that Kafka does not have for certain."""

    number: int
    value: bytes


def number_mail(connection: Connection, mail: Mapping[str, Sequence[Mail]], at_ms: int) -> None:
    """Gives numbers to mail by store. The mailboxes are locked by name, after every account."""
    rows = []
    for store in sorted(mail):
        wanted = len(mail[store])
        if not wanted:
            continue
        statement = upsert(connection, schema.mailbox).values(store=store, last_number=wanted)
        statement = statement.on_conflict_do_update(
            index_elements=["store"], set_={"last_number": schema.mailbox.c.last_number + wanted}
        ).returning(schema.mailbox.c.last_number)
        first = connection.execute(statement).scalar_one() - wanted + 1
        rows += [
            {
                "store": store,
                "number": first + place,
                "value": to_msgpack(one),
                "published": False,
                "at_ms": at_ms,
            }
            for place, one in enumerate(mail[store])
        ]
    if rows:
        statement, values = insert_many(connection, schema.mail, rows)
        connection.execute(statement, values)


def balance_mail(
    connection: Connection, accounts: Sequence[str], balances: Mapping[str, int], at_ms: int
) -> dict[str, list[Mail]]:
    """The new balances, for every store that knows the account, as of that store's own entries.

    The balance rows are locked by this transaction, so neither balance nor entry moves under it.
    """
    if not accounts:
        return {}
    knowing = rows_by_key(connection, schema.account_store, ["account"], [(account,) for account in accounts])
    stores = {row.store for row in knowing}
    lives = {
        row.store: row.incarnation
        for row in rows_by_key(connection, schema.store, ["store"], [(s,) for s in stores])
    }
    keys = [(row.store, lives.get(row.store, ""), row.account) for row in knowing]
    entries = {
        (row.store, row.incarnation, row.account): row.entry
        for row in rows_by_key(connection, schema.entry, ["store", "incarnation", "account"], keys)
    }
    mail: dict[str, list[Mail]] = {}
    for key in sorted(keys):
        store, life, account = key
        points = balances.get(available(account), 0)
        mail.setdefault(store, []).append(BalanceMailed(account, points, at_ms, life, entries.get(key, 0)))
    return mail


def stores_with_mail(engine: Engine) -> list[str]:
    """Stores whose mailbox lacks something."""
    with engine.connect() as connection:
        table = schema.mail
        return list(
            connection.scalars(
                select(table.c.store).where(~table.c.published).distinct().order_by(table.c.store)
            )
        )


def waiting(engine: Engine, store: str) -> list[Waiting]:
    """The store's next mail to publish, in order."""
    table = schema.mail
    with engine.connect() as connection:
        rows = connection.execute(
            select(table.c.number, table.c.value)
            .where(table.c.store == store, ~table.c.published)
            .order_by(table.c.number)
            .limit(PAGE)
        )
        return [Waiting(row.number, row.value) for row in rows]


def mark_published(engine: Engine, store: str, number: int) -> None:
    """Kafka has the store's mail up to `number`; of what is published the newest are kept."""
    table = schema.mail
    with engine.begin() as connection:
        connection.execute(
            update(table)
            .where(table.c.store == store, ~table.c.published, table.c.number <= number)
            .values(published=True)
        )
        connection.execute(
            delete(table).where(
                table.c.store == store, table.c.published, table.c.number <= number - KEEP_PUBLISHED
            )
        )


def receipts(engine: Engine) -> dict[str, tuple[Receipt, ...]]:
    """By store, how far each of its streams is in this database."""
    table = schema.stream
    found: dict[str, list[Receipt]] = {}
    with engine.connect() as connection:
        for row in connection.execute(
            select(table).order_by(table.c.store, table.c.incarnation, table.c.stream)
        ):
            found.setdefault(row.store, []).append(Receipt(row.incarnation, row.stream, row.known))
    return {store: tuple(some) for store, some in found.items()}


def parked_to_publish(engine: Engine, limit: int = 100) -> list[tuple[int, str, bytes]]:
    """Parked messages that the topic for them lacks: reference, reason, value."""
    table = schema.parked
    with engine.connect() as connection:
        rows = connection.execute(
            select(table.c.reference, table.c.store, table.c.reason, table.c.value)
            .where(~table.c.published)
            .order_by(table.c.reference)
            .limit(limit)
        )
        return [(row.reference, f"{row.store}: {row.reason}", row.value) for row in rows]


def mark_parked_published(engine: Engine, reference: int) -> None:
    """The topic has parked messages up to this reference."""
    table = schema.parked
    with engine.begin() as connection:
        connection.execute(
            update(table).where(table.c.reference <= reference, ~table.c.published).values(published=True)
        )
