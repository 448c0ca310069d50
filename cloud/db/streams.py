"""Streams as the database knows them: how far, by which chain, what was parked."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from cloud.db import schema
from cloud.db.engine import upsert
from cloud.db.writing import Row, replace, rows_by_key
from cloud.ingest import Parked, Read, Remembered, Sorted, Stream, StreamKey
from cloud.ports import Place
from protocols.records import CHAIN_BYTES

BLOCK = 256
"""Chains in one row of `chain_block`."""

PARKED_MAX = 100
"""Rows kept per store and reason; further ones are counted only: a forger must not fill the disk."""

UNKNOWN_CHAIN = bytes(CHAIN_BYTES)


def remember(connection: Connection, messages: Sequence[Read]) -> Remembered:
    """Loads what sorting needs to know of the streams that a fetch mentions."""
    keys = sorted({message.key for message in messages})
    streams = {
        StreamKey(row.store, row.incarnation, row.stream): Stream(
            row.known,
            row.chain,
            row.state,
            row.reason,
            row.missing,
            row.ordered_ms,
            row.candidate,
            row.candidate_chain,
        )
        for row in rows_by_key(connection, schema.stream, ["store", "incarnation", "stream"], keys)
    }
    stores = sorted({(key.store,) for key in keys})
    known = frozenset(row.store for row in rows_by_key(connection, schema.store, ["store"], stores))
    chain_keys = {
        (row.store, row.key_id): row.key
        for row in rows_by_key(connection, schema.store_key, ["store"], stores)
    }
    return Remembered(streams, _links(connection, messages, streams), chain_keys, known)


def _links(
    connection: Connection, messages: Sequence[Read], streams: dict[StreamKey, Stream]
) -> dict[tuple[StreamKey, int], bytes]:
    """The chains remembered for every number that the fetch repeats, and for the one before it."""
    wanted: set[tuple[str, str, str, int]] = set()
    for message in messages:
        stream = streams.get(message.key)
        if stream is None or message.header.sequence > stream.known:
            continue
        for sequence in (message.header.sequence - 1, message.header.sequence):
            if sequence > 0:
                wanted.add((*message.key, (sequence - 1) // BLOCK))
    links: dict[tuple[StreamKey, int], bytes] = {}
    columns = ["store", "incarnation", "stream", "block"]
    for row in rows_by_key(connection, schema.chain_block, columns, sorted(wanted)):
        key = StreamKey(row.store, row.incarnation, row.stream)
        for place in range(len(row.chains) // CHAIN_BYTES):
            link = row.chains[place * CHAIN_BYTES : (place + 1) * CHAIN_BYTES]
            if link != UNKNOWN_CHAIN:
                links[key, row.block * BLOCK + place + 1] = link
    return links


def write_streams(connection: Connection, result: Sorted, remembered: Remembered, now_ms: int) -> None:
    rows: list[Row] = []
    for key in sorted(result.touched):
        stream = remembered.streams[key]
        rows.append(
            {
                "store": key.store,
                "incarnation": key.incarnation,
                "stream": key.stream,
                "known": stream.known,
                "chain": stream.chain,
                "state": stream.state,
                "reason": stream.reason,
                "missing": stream.missing,
                "ordered_ms": stream.ordered_ms,
                "candidate": stream.candidate,
                "candidate_chain": stream.candidate_chain,
            }
        )
        if key in result.links:
            _append_links(connection, key, result.links[key])
    replace(connection, schema.stream, rows)
    table = schema.store
    for name in sorted({key.store for key in result.links}):
        connection.execute(update(table).where(table.c.store == name).values(last_seen_ms=now_ms))
    # A life that never said Hello, because its first records are still on their way, is better than none.
    for key in sorted(result.links):
        connection.execute(
            update(table)
            .where(table.c.store == key.store, table.c.incarnation == "")
            .values(incarnation=key.incarnation)
        )


def _append_links(connection: Connection, key: StreamKey, links: list[tuple[int, bytes]]) -> None:
    """Adds chains to their blocks; a number that was skipped stays all zero, which is no chain."""
    table = schema.chain_block
    blocks: dict[int, bytearray] = {}
    first = (links[0][0] - 1) // BLOCK
    before = connection.scalar(
        select(table.c.chains).where(
            table.c.store == key.store,
            table.c.incarnation == key.incarnation,
            table.c.stream == key.stream,
            table.c.block == first,
        )
    )
    blocks[first] = bytearray(before or b"")
    for sequence, link in links:
        block, place = divmod(sequence - 1, BLOCK)
        chains = blocks.setdefault(block, bytearray())
        chains.extend(bytes(max(0, (place + 1) * CHAIN_BYTES - len(chains))))
        chains[place * CHAIN_BYTES : (place + 1) * CHAIN_BYTES] = link
    identity = {"store": key.store, "incarnation": key.incarnation, "stream": key.stream}
    replace(
        connection, table, [{**identity, "block": n, "chains": bytes(c)} for n, c in sorted(blocks.items())]
    )


def park(connection: Connection, place: Place, parked: Sequence[Parked], now_ms: int) -> None:
    """Keeps the first of a kind and counts the rest."""
    table = schema.parked_count
    for one in parked:
        store = one.header.store if one.header else ""
        statement = upsert(connection, table).values(store=store, reason=one.reason, count=1)
        statement = statement.on_conflict_do_update(
            index_elements=["store", "reason"], set_={"count": table.c.count + 1}
        ).returning(table.c.count)
        if connection.execute(statement).scalar_one() > PARKED_MAX:
            continue
        connection.execute(
            schema.parked.insert().values(
                topic=place.topic,
                partition=place.partition,
                offset=one.offset,
                store=store,
                incarnation=one.header.incarnation if one.header else "",
                stream=one.header.stream if one.header else "",
                sequence=one.header.sequence if one.header else 0,
                reason=one.reason,
                value=one.value,
                at_ms=now_ms,
                published=False,
            )
        )
