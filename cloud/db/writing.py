"""The statements of a fetch's transaction: records and ledger in, each row once whatever comes twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select, tuple_

from cloud.db import schema
from cloud.db.engine import insert_many
from cloud.ingest import Taken
from cloud.ledger import Folded, Transfer
from protocols.codec import to_json
from protocols.records import Header, Hello, OfferIssued, SaleRecorded, StockMoved, VisitClosed

Row = dict[str, Any]

IN_MAX = 500
"""Values of one IN list; more are asked for in pieces."""


def insert_new(
    connection: Connection, table: Table, rows: Sequence[Row], *returned: str
) -> set[tuple[Any, ...]]:
    """Inserts what is not there yet; gives the named columns of the rows that were new."""
    if not rows:
        return set()
    statement, values = insert_many(connection, table, rows)
    statement = statement.on_conflict_do_nothing()
    if not returned:
        connection.execute(statement, values)
        return set()
    result = connection.execute(statement.returning(*(table.c[name] for name in returned)), values)
    return {tuple(row) for row in result}


def replace(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Writes rows whole, over what stands under their keys."""
    if not rows:
        return
    statement, values = insert_many(connection, table, rows)
    keys = [column.name for column in table.primary_key]
    others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), values)


def write_records(
    connection: Connection, taken: Sequence[Taken]
) -> list[tuple[str, str, SaleRecorded, bool]]:
    """Writes what stores reported, and gives the sales for the ledger: each with whether it is new."""
    sales: list[tuple[Header, SaleRecorded]] = []
    rows: dict[str, list[Row]] = {name: [] for name in ("stock_move", "offer", "visit", "stay")}
    for one in taken:
        match one.record:
            case SaleRecorded():
                sales.append((one.header, one.record))
            case StockMoved():
                rows["stock_move"].append(_stock_row(one.header, one.record))
            case OfferIssued():
                rows["offer"].append(_offer_row(one.header, one.record))
            case VisitClosed():
                rows["visit"].append(_visit_row(one.header, one.record))
                rows["stay"].extend(_stay_rows(one.header, one.record))
            case Hello():
                _begin_life(connection, one.record)
    sale_rows = [_sale_row(header, record) for header, record in sales]
    new = insert_new(connection, schema.sale, sale_rows, "store", "operation", "incarnation", "sequence")
    for name, found in rows.items():
        insert_new(connection, schema.metadata.tables[name], found)
    return [
        (h.store, h.incarnation, sale, (h.store, sale.operation, h.incarnation, h.sequence) in new)
        for h, sale in sales
    ]


def write_ledger(connection: Connection, folded: Folded, shard: int) -> dict[str, int]:
    """Moves points, in the order in which all owners lock. Gives the new balance of every book touched."""
    insert_new(connection, schema.transfer, [_transfer_row(transfer) for transfer in folded.transfers])
    balances = add_to_balances(connection, folded.balances, shard)
    known_at = [{"account": account, "store": store} for account, store in sorted(folded.known_at)]
    insert_new(
        connection,
        schema.member,
        [unnamed(name) for name in dict.fromkeys(row["account"] for row in known_at)],
    )
    insert_new(connection, schema.account_store, known_at)
    _raise_entries(connection, folded.entries)
    return balances


def add_to_balances(connection: Connection, moved: Mapping[str, int], shard: int) -> dict[str, int]:
    """Adds to balances, locking them by name. The programme's books have a row a shard; members' have one."""
    if not moved:
        return {}
    rows = [
        {"book": book, "shard": shard if book.startswith("programme:") else 0, "points": points}
        for book, points in sorted(moved.items())
    ]
    statement, values = insert_many(connection, schema.balance, rows)
    statement = statement.on_conflict_do_update(
        index_elements=["book", "shard"], set_={"points": schema.balance.c.points + statement.excluded.points}
    ).returning(schema.balance.c.book, schema.balance.c.points)
    return {row.book: row.points for row in connection.execute(statement, values)}


def unnamed(account: str) -> Row:
    """The row of an account that only sales know of."""
    return {
        "account": account,
        "name": "",
        "tier": "base",
        "consent": "[]",
        "segments": "[]",
        "devices": "[]",
        "cards": "[]",
        "imported": False,
    }


def pieces(values: Iterable[Any]) -> Iterable[list[Any]]:
    """The values in lists that fit one statement."""
    every = list(values)
    for start in range(0, len(every), IN_MAX):
        yield every[start : start + IN_MAX]


def rows_by_key(
    connection: Connection, table: Table, columns: Sequence[str], keys: Iterable[Any]
) -> list[Any]:
    """Rows whose `columns` are among `keys`."""
    found: list[Any] = []
    for some in pieces(keys):
        condition = tuple_(*(table.c[name] for name in columns)).in_(some)
        found += connection.execute(select(table).where(condition)).all()
    return found


def _begin_life(connection: Connection, hello: Hello) -> None:
    """Mail goes to the youngest life. A Hello of an older one, drained late, changes nothing."""
    stores = schema.store
    connection.execute(
        stores.update()
        .where(stores.c.store == hello.store, stores.c.began_ms <= hello.at_ms)
        .values(incarnation=hello.incarnation, began_ms=hello.at_ms)
    )


def _raise_entries(connection: Connection, entries: Mapping[tuple[str, str, str], int]) -> None:
    if not entries:
        return
    table = schema.entry
    rows = [
        {"store": store, "incarnation": life, "account": account, "entry": number}
        for (store, life, account), number in sorted(entries.items())
    ]
    statement, values = insert_many(connection, table, rows)
    statement = statement.on_conflict_do_update(
        index_elements=["store", "incarnation", "account"],
        set_={"entry": statement.excluded.entry},
        where=table.c.entry < statement.excluded.entry,
    )
    connection.execute(statement, values)


def _transfer_row(transfer: Transfer) -> Row:
    return {
        "store": transfer.store,
        "operation": transfer.operation,
        "kind": transfer.kind,
        "debit": transfer.debit,
        "credit": transfer.credit,
        "points": transfer.points,
        "at_ms": transfer.at_ms,
    }


def _sale_row(header: Header, sale: SaleRecorded) -> Row:
    return {
        "store": header.store,
        "operation": sale.operation,
        "sale": sale.sale,
        "till": sale.till,
        "account": sale.account,
        "total_minor": sale.total_minor,
        "currency": sale.currency,
        "points": sale.points,
        "entry": sale.entry,
        "closed_at_ms": sale.closed_at_ms,
        "business_day": sale.business_day,
        "lines": to_json(
            [
                {
                    "sku": x.sku,
                    "quantity": x.quantity,
                    "price_minor": x.price_minor,
                    "discount_minor": x.discount_minor,
                }
                for x in sale.lines
            ]
        ).decode(),
        "incarnation": header.incarnation,
        "sequence": header.sequence,
    }


def _stock_row(header: Header, move: StockMoved) -> Row:
    return {
        "store": header.store,
        "operation": move.operation,
        "shelf": move.shelf,
        "sku": move.sku,
        "moved": move.by,
        "pieces": move.pieces,
        "reason": move.reason,
        "p": move.p,
        "at_ms": move.at_ms,
    }


def _offer_row(header: Header, offer: OfferIssued) -> Row:
    return {
        "store": header.store,
        "offer": offer.offer,
        "account": offer.account,
        "campaign": offer.campaign,
        "zone": offer.zone,
        "at_ms": offer.at_ms,
    }


def _visit_row(header: Header, visit: VisitClosed) -> Row:
    return {
        "store": header.store,
        "visit": visit.visit,
        "account": visit.account,
        "entered_at_ms": visit.entered_at_ms,
        "left_at_ms": visit.left_at_ms,
        "zones": to_json(visit.zones).decode(),
    }


def _stay_rows(header: Header, visit: VisitClosed) -> Iterator[Row]:
    for number, stay in enumerate(visit.stays, 1):
        yield {
            "store": header.store,
            "visit": visit.visit,
            "number": number,
            "zone": stay.zone,
            "entered_at_ms": stay.entered_at_ms,
            "left_at_ms": stay.left_at_ms or visit.left_at_ms,  # the visit ended in this zone
        }
