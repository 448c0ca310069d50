"""Raw SQLite as a floor: the rows that a store really wrote, written again by a bare loop, with its schema and pragmas.

Per decision: the three turns (shopper, account, sign), the decision, the new offer and the older one withdrawn, the
cap, the record for head office, three entities at their versions, two zones' occupancy with the values before.
Nothing is computed, encoded or checked. Single commits each decision alone, grouped commits `GROUP` together.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.db.connections import open_checkpointer, open_writer
from edge.db.schema import LEDGER_TABLES, STORE_TABLES

GROUP = 32
"""Decisions in one transaction: about what a busy store commits at once."""

DECISIONS_MAX = 20_000
SECONDS = 2.0
CHECKPOINT_S = 0.25
CHECKPOINT_BYTES = 4 * 1024 * 1024
"""The store's own rhythm (edge/db/care.py): the WAL is moved into the file beside the writer from this size on."""

OLDER = 1_000
"""The older offer of the same campaign lies about so many offers back."""

Row = tuple[Any, ...]
Work = list[tuple[str, list[Row]]]


@dataclass(frozen=True, slots=True)
class Raw:
    """Decisions a second, each alone in its transaction, and in groups; and the bytes of one decision's rows."""

    single_per_s: float
    grouped_per_s: float
    group: int
    bytes_per_decision: int


@dataclass(frozen=True, slots=True)
class Rows:
    """What a store wrote: rows by table, those of one decision at the same place in each list."""

    shopper_turns: list[Row]
    account_turns: list[Row]
    sign_turns: list[Row]
    decisions: list[Row]
    offers: list[Row]
    outbox: list[Row]
    shoppers: list[Row]
    signs: list[Row]
    accounts: list[Row]
    zones: list[Row]

    def __len__(self) -> int:
        lists = (
            self.shopper_turns,
            self.account_turns,
            self.sign_turns,
            self.decisions,
            self.offers,
            self.outbox,
        )
        return min(len(rows) for rows in lists)

    def bytes_per_decision(self) -> int:
        """Text and blobs of the new rows of one decision, on average over the first ones."""
        lists = (
            self.shopper_turns,
            self.account_turns,
            self.sign_turns,
            self.decisions,
            self.offers,
            self.outbox,
        )
        rows = [row for one in lists for row in one[:100]]
        lengths = sum(len(cell) if isinstance(cell, str | bytes) else 8 for row in rows for cell in row)
        return lengths // min(100, len(self))


def read_rows(database: Path) -> Rows:
    """The newest rows of a store's database; it may be running."""
    reader = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:

        def newest(table: str, where: str = "1", order: str = "seq") -> list[Row]:
            query = f"SELECT * FROM {table} WHERE {where} ORDER BY {order} DESC LIMIT {DECISIONS_MAX}"
            return reader.execute(query).fetchall()[::-1]

        return Rows(
            newest("turn", "key LIKE 'shopper:%' AND input LIKE '%\"ZoneEntered\"%'"),
            newest("turn", "key LIKE 'account:%' AND input LIKE '%\"OfferProposed\"%'"),
            newest("turn", "key LIKE 'sign:%' AND input LIKE '%\"CreativeProposed\"%'"),
            newest("decision"),
            newest("offer", order="issued_at_ms"),
            newest("outbox", "type = 'OfferIssued'", order="row"),
            reader.execute("SELECT * FROM entity WHERE kind = 'shopper'").fetchall(),
            reader.execute("SELECT * FROM entity WHERE kind = 'sign'").fetchall(),
            reader.execute("SELECT * FROM account").fetchall(),
            reader.execute("SELECT * FROM fact WHERE book = 'occupancy'").fetchall(),
        )
    finally:
        reader.close()


def measure(rows: Rows, folder: Path, seconds: float = SECONDS) -> Raw:
    """Writes the rows single and grouped, each into a database of its own."""
    assert len(rows), "the store wrote no decisions"
    return Raw(
        round(_rate(rows, folder / "raw-single.db", 1, seconds), 1),
        round(_rate(rows, folder / "raw-grouped.db", GROUP, seconds), 1),
        GROUP,
        rows.bytes_per_decision(),
    )


def _rate(rows: Rows, path: Path, group: int, seconds: float) -> float:
    connection = open_writer(path)
    try:
        connection.executescript(STORE_TABLES + LEDGER_TABLES)
        _fill(connection, rows)
        with _checkpoints(path):
            done, began = 0, time.perf_counter()
            for work in _transactions(rows, group):
                connection.execute("BEGIN IMMEDIATE")
                for statement, values in work:
                    connection.executemany(statement, values)
                connection.execute("COMMIT")
                done += group
                if time.perf_counter() - began > seconds:
                    break
            return done / (time.perf_counter() - began)
    finally:
        connection.close()
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)


@contextmanager
def _checkpoints(path: Path) -> Iterator[None]:
    """Moves the WAL into the file beside the writer, as a store's helper thread does."""
    over = threading.Event()

    def run() -> None:
        connection = open_checkpointer(path)
        wal = Path(f"{path}-wal")
        while not over.wait(CHECKPOINT_S):
            if wal.stat().st_size >= CHECKPOINT_BYTES:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        connection.close()

    thread = threading.Thread(target=run, name="checkpoints")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _fill(connection: sqlite3.Connection, rows: Rows) -> None:
    connection.execute("BEGIN")
    connection.execute("INSERT INTO meta VALUES (1, 'bench', 1, 1, 0, 0, 0, '', 0, 0, 0, 0)")
    connection.execute("INSERT INTO outbox_cursor VALUES (1, 'telemetry', 0, x'00', 0, 0)")
    for statement, values in (
        ("entity", rows.shoppers + rows.signs),
        ("account", rows.accounts),
        ("fact", rows.zones),
        ("offer", rows.offers[:OLDER]),
    ):
        marks = ",".join("?" * len(values[0]))
        connection.executemany(f"INSERT OR IGNORE INTO {statement} VALUES ({marks})", values)
    connection.execute("COMMIT")


def _insert(table: str, width: int, tail: str = "") -> str:
    return f"INSERT INTO {table} VALUES ({','.join('?' * width)}) {tail}"


def _transactions(rows: Rows, group: int) -> Iterator[Work]:
    """The work of each transaction, over and over with new numbers until nobody wants more."""
    turn = _insert("turn", len(rows.shopper_turns[0]))
    decision = _insert("decision", len(rows.decisions[0]))
    offer = _insert("offer", len(rows.offers[0]), "ON CONFLICT (offer) DO UPDATE SET state = excluded.state")
    cap = _insert("cap_count", 4, "ON CONFLICT (account, campaign, day) DO UPDATE SET count = count + 1")
    outbox = _insert("outbox", len(rows.outbox[0]))
    entity = "UPDATE entity SET version = version + 1, state = ?, wake_at_ms = ? WHERE key = ?"
    account = "UPDATE account SET version = version + 1, wake_at_ms = ? WHERE account = ?"
    fact = "UPDATE fact SET version = ?, value = ? WHERE book = ? AND key = ?"
    past = _insert("fact_past", 5)
    seq = number = 0
    offer_fields = rows.offers[0]
    assert len(offer_fields) == 9
    while True:
        turns: list[Row] = []
        decisions: list[Row] = []
        offers: list[Row] = []
        caps: list[Row] = []
        records: list[Row] = []
        entities: list[Row] = []
        accounts: list[Row] = []
        for _ in range(group):
            at = number % len(rows)
            number += 1
            for kind in (rows.shopper_turns, rows.account_turns, rows.sign_turns):
                seq += 1
                turns.append((seq, *kind[at][1:]))
            decisions.append((seq, *rows.decisions[at][1:]))
            new = rows.offers[at]
            offers.append((f"{new[0]}.{number}", *new[1:3], "issued", *new[4:]))
            older = rows.offers[at - OLDER] if number > OLDER else rows.offers[at]
            offers.append((f"{older[0]}.{number - OLDER}", *older[1:3], "withdrawn", *older[4:]))
            caps.append((new[1], new[2], "2026-01-01", 1))
            records.append((number, *rows.outbox[at][1:3], number, *rows.outbox[at][4:]))
            for kind in (rows.shoppers, rows.signs):
                one = kind[number % len(kind)]
                entities.append((one[3], one[4], one[0]))
            accounts.append((rows.accounts[number % len(rows.accounts)][2], new[1]))
        places = [
            rows.zones[(number + step) % len(rows.zones)] for step in range(min(2 * group, len(rows.zones)))
        ]
        yield [
            (turn, turns),
            (entity, entities),
            (account, accounts),
            (offer, offers),
            (cap, caps),
            (decision, decisions),
            (outbox, records),
            ("UPDATE outbox_cursor SET head = ?, head_chain = ? WHERE life = 1", [(number, records[-1][4])]),
            (past, [(place[0], place[1], seq - 1, seq, place[3]) for place in places]),
            (fact, [(seq, place[3], place[0], place[1]) for place in places]),
            ("UPDATE meta SET last_seq = ?, facts_version = ?", [(seq, seq)]),
        ]
