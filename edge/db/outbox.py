"""The outbox: records numbered and chained inside the transaction of their turn, kept until they are applied.

Numbers run per life and stream. The chain before a life's first record is empty. Rows are deleted only below
`applied`, so a backbone that loses data can ask for a replay of what it acknowledged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from edge.db.bulk import Row, insert
from edge.db.rows import OutboxCursor, OutboxRow
from protocols.effects import Emit
from protocols.records import SCHEMA, chain, encode_record

_ROWS = insert("outbox", "life, stream, sequence, chain, schema, type, operation, value")
_HEAD = insert(
    "outbox_cursor",
    "life, stream, head, head_chain",
    "ON CONFLICT (life, stream) DO UPDATE SET head = excluded.head, head_chain = excluded.head_chain",
)

PAGE_ROWS_MAX = 10_000
"""Most rows in one page of the outbox: small records must not make a page of a million rows."""

_PAGE = f"""
    SELECT o.stream, o.sequence, o.chain, o.schema, o.type, o.operation, o.value
    FROM outbox o WHERE o.stream = ? AND o.life = ? AND o.sequence > ? ORDER BY o.sequence LIMIT {PAGE_ROWS_MAX}"""

Heads = dict[str, tuple[int, bytes]]
"""By stream: the last number given in this life, and its chain."""


class Numbering:
    """Gives numbers and links, continuing from `heads`; the caller keeps the new heads once they are committed."""

    def __init__(self, life: int, key: bytes, heads: Heads) -> None:
        self._life = life
        self._key = key
        self._rows: list[Row] = []
        self._touched: set[str] = set()
        self.heads = dict(heads)

    def add(self, emit: Emit) -> None:
        """Numbers one record. Raises TooLarge above the largest record."""
        record = emit.record
        value = encode_record(record)
        sequence, before = self.heads.get(emit.stream, (0, b""))
        sequence += 1
        link = chain(self._key, before, sequence, value)
        self.heads[emit.stream] = (sequence, link)
        self._touched.add(emit.stream)
        operation = getattr(record, "operation", "")
        self._rows.append(
            (self._life, emit.stream, sequence, link, SCHEMA, type(record).__name__, operation, value)
        )

    def write(self, connection: sqlite3.Connection) -> None:
        """Writes the rows, and the heads that they moved."""
        if self._rows:
            _ROWS.run(connection, self._rows)
            _HEAD.run(
                connection, [(self._life, stream, *self.heads[stream]) for stream in sorted(self._touched)]
            )


def read_heads(connection: sqlite3.Connection, life: int) -> Heads:
    """The heads of a life as they were committed."""
    rows = connection.execute("SELECT stream, head, head_chain FROM outbox_cursor WHERE life = ?", (life,))
    return {stream: (head, link) for stream, head, link in rows.fetchall()}


def page(
    reader: sqlite3.Connection, incarnation: str, stream: str, after: int, bytes_max: int
) -> list[OutboxRow]:
    """The next records of a stream, at least one if there is one, up to `bytes_max` of values."""
    rows: list[OutboxRow] = []
    size = 0
    cursor = reader.execute(_PAGE, (stream, _life_of(reader, incarnation), after))
    for row in cursor:
        size += len(row[6])
        if rows and size > bytes_max:
            break
        rows.append(OutboxRow(incarnation, *row))
    cursor.close()  # ends the read: an open one would pin the WAL
    return rows


def cursors(reader: sqlite3.Connection) -> list[OutboxCursor]:
    """Every stream that is not applied to its end, and those of this life; the oldest life first, money first."""
    rows = reader.execute(
        "SELECT l.incarnation, c.stream, c.head, c.acked, c.applied FROM outbox_cursor c JOIN life l USING (life) "
        "WHERE c.applied < c.head OR c.life = (SELECT life FROM meta) ORDER BY c.life, c.stream"
    ).fetchall()
    return [OutboxCursor(*row) for row in rows]


def mark_acked(connection: sqlite3.Connection, incarnation: str, stream: str, sequence: int) -> None:
    """Kafka has everything up to `sequence`. A smaller number than before changes nothing."""
    connection.execute(
        "UPDATE outbox_cursor SET acked = max(acked, min(?, head)) WHERE stream = ? AND life = ?",
        (sequence, stream, _life_of(connection, incarnation)),
    )


def mark_applied(connection: sqlite3.Connection, incarnation: str, stream: str, sequence: int) -> int:
    """Head office's database has everything up to `sequence`: those rows go. Returns how many went.

    What is applied was also acknowledged, whatever became of the acknowledgement.
    """
    life = _life_of(connection, incarnation)
    connection.execute(
        "UPDATE outbox_cursor SET applied = max(applied, min(?1, head)), acked = max(acked, min(?1, head)) "
        "WHERE stream = ?2 AND life = ?3",
        (sequence, stream, life),
    )
    deleted = connection.execute(
        "DELETE FROM outbox WHERE stream = ?1 AND life = ?2 AND sequence <= "
        "(SELECT applied FROM outbox_cursor WHERE stream = ?1 AND life = ?2)",
        (stream, life),
    )
    return deleted.rowcount


def rewind_acked(connection: sqlite3.Connection, incarnation: str, stream: str, sequence: int) -> None:
    """Head office misses records from `sequence` on: they count as not sent, down to what is applied."""
    connection.execute(
        "UPDATE outbox_cursor SET acked = min(acked, max(applied, ? - 1)) WHERE stream = ? AND life = ?",
        (sequence, stream, _life_of(connection, incarnation)),
    )


def emit_first(connection: sqlite3.Connection, life: int, key: bytes, emits: Iterable[Emit]) -> None:
    """Writes the first records of a life, in the caller's transaction."""
    numbering = Numbering(life, key, {})
    for emit in emits:
        numbering.add(emit)
    numbering.write(connection)


def _life_of(connection: sqlite3.Connection, incarnation: str) -> int:
    rows = connection.execute("SELECT life FROM life WHERE incarnation = ?", (incarnation,)).fetchall()
    if not rows:
        raise KeyError(f"this database had no life '{incarnation}'")
    life: int = rows[0][0]
    return life
