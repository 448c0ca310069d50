"""StoreDb: the store's database as the engine, sync, the web and the tools see it."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database

from edge.db import accounts, care, entities, facts, inbound, journal, ledger, lives, outbox, pruning
from edge.db.connections import FILE_NAME, open_reader, open_writer, snapshot
from edge.db.migrations import migrate
from edge.db.rows import Identity, JournalRow, OutboxCursor, OutboxRow, ParkedRow, SaleRow, Totals
from edge.db.turns import Owner
from edge.db.writer import Writer
from edge.ports import Committed, DiskFull, Enrolled, Group, Stored
from edge.settings import JournalSettings
from protocols.api import DecisionView
from protocols.cells import Load
from protocols.facts import Fact
from protocols.ids import Key, ident_of, kind_of
from protocols.inputs import Cause, Given

OUTBOX_PAGE_BYTES_MAX = 900_000
"""Values in one page of the outbox: just under a Kafka batch of 1 MB."""


def _wall_us() -> int:
    return time.time_ns() // 1_000


def _random_incarnation() -> str:
    return secrets.token_hex(8)


def open_db(
    folder: Path | str,
    *,
    store: str = "014",
    keep: JournalSettings | None = None,
    chain_key: bytes | None = None,
    now_us: Callable[[], int] = _wall_us,
    new_incarnation: Callable[[], str] = _random_incarnation,
    threaded: bool = True,
) -> StoreDb:
    """Opens or makes the database in `folder`, brings it to this release, and takes it over.

    Raises AlreadyOpen, WrongStore, SchemaTooNew, Damaged or DiskFull. With `threaded=False` commits happen in the
    caller's thread and nothing runs beside it: for a loop in virtual time.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = lives.FolderLock(folder)

    def prepared() -> tuple[Owner, bool]:
        return _prepare(folder, store, chain_key, now_us() // 1_000, new_incarnation)

    try:
        try:
            owner, checked = prepared()
        except sqlite3.OperationalError as error:
            if not care.is_full(error):
                raise
            care.release_ballast(folder)  # a store must start on a full disk too, if only to be pruned
            owner, checked = prepared()
        return StoreDb(
            folder, lock, owner, keep or JournalSettings(), now_us, checked=checked, threaded=threaded
        )
    except sqlite3.DatabaseError as error:
        lock.release()
        if care.is_damage(error):
            raise care.Damaged(str(error)) from error
        if care.is_full(error):
            raise DiskFull(f"{folder}: the disk is full; make room and start again") from error
        raise
    except BaseException:
        lock.release()
        raise


def _prepare(
    folder: Path, store: str, chain_key: bytes | None, now_ms: int, new_incarnation: Callable[[], str]
) -> tuple[Owner, bool]:
    """Checks, migrates and takes over. Also says whether the file was small enough to be checked by now."""
    connection = open_writer(folder / FILE_NAME)
    try:
        checked = care.check_at_start(connection, folder / FILE_NAME)
        migrate(connection)
        sidecar = lives.read_sidecar(folder)
        key = chain_key or lives.chain_key(folder)
        return lives.take_over(connection, store, sidecar, key, now_ms, new_incarnation), checked
    finally:
        connection.close()


def open_for_reading(folder: Path | str) -> Database:
    """The database for people's queries, by sqlite-utils, read-only and beside a running engine."""
    path = Path(folder) / FILE_NAME
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no store database here")
    return Database(open_reader(path), recursive_triggers=False)


class StoreDb:
    """Reads are plain calls on the loop's own connection; what is awaited is written by the one writer.

    Read from the loop's thread only. A thread of its own opens its own reader: `open_for_reading`.

    Hard state: the file. Soft: the writer's numbers and the identity, read when it was opened.
    """

    def __init__(
        self,
        folder: Path,
        lock: lives.FolderLock,
        owner: Owner,
        keep: JournalSettings,
        now_us: Callable[[], int],
        *,
        checked: bool,
        threaded: bool,
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._owner = owner
        self._keep = keep
        self._reader = open_reader(folder / FILE_NAME)
        self._ballast = care.Ballast(folder, keep.ballast_mb)
        self._writer = Writer(folder / FILE_NAME, owner, now_us, self._ballast.release, threaded=threaded)
        incarnation = self.identity().incarnation
        self._care = care.Care(
            folder,
            incarnation,
            self._ballast,
            lambda: self._writer.transactions,
            checked=checked,
            threaded=threaded,
        )

    # --- the engine's port

    def load(self, key: Key) -> Load | None:
        """The entity's committed state, or None if there is none. An account is assembled from its rows."""
        if kind_of(key) == "account":
            with snapshot(self._reader):
                return accounts.load(self._reader, ident_of(key))
        return entities.load(self._reader, key)

    def verdict(self, operation: str) -> Stored | None:
        """The verdict that stands for this operation id, or None."""
        return journal.verdict(self._reader, operation)

    def owed(self, after_row: int, limit: int) -> list[Given]:
        """Tell rows not yet taken, in row order; parked ones are stepped over."""
        return inbound.owed(self._reader, after_row, limit)

    def due(self, now_ms: int, limit: int) -> list[Key]:
        """Entities whose wake has passed, the longest overdue first."""
        return entities.due(self._reader, now_ms, limit)

    def next_wake_ms(self) -> int | None:
        """When the next entity wants to be woken, or None."""
        return entities.next_wake_ms(self._reader)

    def facts(self) -> tuple[int, list[Fact]]:
        """Every current fact, and the newest version."""
        with snapshot(self._reader):
            return facts.current(self._reader)

    def pools(self) -> dict[str, int]:
        """What is spent of each pool."""
        return ledger.pools(self._reader)

    def roster(self) -> list[Enrolled]:
        """Every enrolled device and card."""
        with snapshot(self._reader):
            return inbound.roster(self._reader)

    def now_high_water_ms(self) -> int:
        """The latest `now_ms` that was committed: the clock starts no earlier."""
        clock: int = self._reader.execute("SELECT clock_ms FROM meta").fetchall()[0][0]
        return clock

    async def commit(self, group: Group) -> Committed:
        """Writes the group in one transaction, or raises CommitFailed, DiskFull or Fenced and writes nothing."""
        return await self._writer.commit(group)

    # --- sync

    def outbox_cursors(self) -> list[OutboxCursor]:
        """Streams with something to send or to hear of, and this life's own; the oldest life first."""
        return outbox.cursors(self._reader)

    def outbox_page(
        self, incarnation: str, stream: str, after: int, bytes_max: int = OUTBOX_PAGE_BYTES_MAX
    ) -> list[OutboxRow]:
        """The records that follow number `after`, in order: at least one if there is any."""
        with snapshot(self._reader):
            return outbox.page(self._reader, incarnation, stream, after, bytes_max)

    async def mark_acked(self, incarnation: str, stream: str, sequence: int) -> None:
        """Kafka has everything up to `sequence`. A lower one than before changes nothing."""
        await self._writer.run(
            lambda connection: outbox.mark_acked(connection, incarnation, stream, sequence)
        )

    async def mark_applied(self, incarnation: str, stream: str, sequence: int) -> int:
        """Head office has everything up to `sequence`: those rows go. Returns how many went."""
        return await self._writer.run(
            lambda connection: outbox.mark_applied(connection, incarnation, stream, sequence)
        )

    async def rewind_acked(self, incarnation: str, stream: str, sequence: int) -> None:
        """Head office misses records from `sequence` on: they count as not sent."""
        await self._writer.run(
            lambda connection: outbox.rewind_acked(connection, incarnation, stream, sequence)
        )

    def backlog(self) -> dict[str, int]:
        """Records by stream that head office has not applied yet, over all lives."""
        counts: dict[str, int] = {}
        for cursor in self.outbox_cursors():
            counts[cursor.stream] = counts.get(cursor.stream, 0) + cursor.head - cursor.applied
        return counts

    def mail_number(self) -> int:
        """The number of the newest mail that was committed, 0 if none."""
        return inbound.mail_number(self._reader)

    def noted(self, name: str) -> str | None:
        """The small text that a link kept under this name."""
        return inbound.noted(self._reader, name)

    async def note(self, name: str, value: str) -> None:
        """Keeps a small text across starts."""
        await self._writer.run(lambda connection: inbound.note(connection, name, value))

    # --- journal and replay

    def journal(self, after_seq: int, limit: int) -> list[JournalRow]:
        """Turns after a number, in order."""
        return journal.window(self._reader, after_seq, limit)

    def rows_of(self, key: Key, after_seq: int = 0, limit: int = 100_000) -> list[JournalRow]:
        """One entity's turns, in the order in which it took them."""
        return journal.rows_of(self._reader, key, after_seq, limit)

    def turns_of_entity_from_load(self, seq: int) -> list[JournalRow]:
        """What explains turn `seq`: its entity's turns from the last load up to it. Empty if that was pruned."""
        return journal.from_load(self._reader, seq)

    def facts_at(self, version: int) -> list[Fact]:
        """The facts as a turn at that version saw them."""
        return facts.at_version(self._reader, version)

    def facts_history(self) -> list[Fact]:
        """Every known value in the order of its version; `null` where a key was taken out."""
        return facts.history(self._reader)

    def decisions(self, limit: int = 100, before_seq: int | None = None) -> list[DecisionView]:
        """Decisions, the newest first."""
        return journal.decisions(self._reader, limit, before_seq)

    def decisions_of(self, seq: int) -> list[DecisionView]:
        """What one turn decided."""
        return journal.decisions_of(self._reader, seq)

    def decisions_for(self, offer: str) -> list[DecisionView]:
        """The decision that made an offer."""
        return journal.decisions_for(self._reader, offer)

    def last_cause(self, key: Key) -> tuple[int, Cause] | None:
        """The newest turn of an entity and its cause: what the present state answers."""
        return journal.last_cause(self._reader, key)

    # --- people and checkers

    def keys(self, kind: str) -> list[Key]:
        """Every entity of one kind."""
        return entities.keys(self._reader, kind)

    def count_by_kind(self) -> dict[str, int]:
        """How many entities of each kind there are."""
        return entities.count_by_kind(self._reader)

    def sales_between(self, from_ms: int, to_ms: int, limit: int = 1_000) -> list[SaleRow]:
        """Sales taken from `from_ms` until before `to_ms`, the oldest first."""
        return ledger.sales_between(self._reader, from_ms, to_ms, limit)

    def sales_of(self, account: str, limit: int) -> list[SaleRow]:
        """An account's sales, the newest first."""
        return ledger.sales_of(self._reader, account, limit)

    def totals(self) -> Totals:
        """Sums over the whole database."""
        with snapshot(self._reader):
            return ledger.totals(self._reader)

    def parked(self, limit: int = 100) -> list[ParkedRow]:
        """Inputs whose step threw, the newest first."""
        return inbound.parked(self._reader, limit)

    def identity(self) -> Identity:
        """Which life of which store this is, and how far it has come."""
        row = self._reader.execute(
            "SELECT m.store, l.incarnation, m.epoch, m.last_seq, m.facts_version, m.chain_key_id "
            "FROM meta m JOIN life l USING (life)"
        ).fetchall()[0]
        return Identity(*row)

    # --- care

    @property
    def damage(self) -> str:
        """What the integrity check found, or nothing."""
        return self._care.damage

    @property
    def ballast_released(self) -> bool:
        """True since the disk was full, until there is room again."""
        return self._ballast.released

    async def prune(self, limit: int = 100) -> pruning.Pruned:
        """Forgets what is older than the journal's settings, about `limit` rows. Call it when the store is idle."""
        now_ms = self.now_high_water_ms()
        return await self._writer.run(lambda connection: pruning.prune(connection, self._keep, now_ms, limit))

    def backup(self, target: Path | str) -> None:
        """Copies the committed database into one marked file. It blocks: call it in a thread."""
        care.back_up(self._folder, Path(target))

    def checkpoint(self) -> None:
        """One round of care by hand, for a database without threads."""
        self._care.look()
        self._care.keep_sidecar()

    def close(self) -> None:
        """Finishes what is queued, cuts the WAL and lets another engine in."""
        self._writer.close()
        self._reader.close()
        self._care.close()
        self._lock.release()
