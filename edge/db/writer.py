"""The one writer: a thread with a queue, which holds the only writing connection.

    commit(group) ─► queue ─► thread: BEGIN IMMEDIATE ─ group ─ group ─ … ─ COMMIT ─► futures on the loop

Groups that wait together commit together, each behind its own savepoint, so that one that fails takes nobody
with it. Other writes (cursors, pruning) are jobs in the same queue, each in a transaction of its own.

Hard state: the database. Soft state: the numbers to count on from, read when the writer starts.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from edge.db import outbox
from edge.db.connections import PAGE_BYTES, open_writer
from edge.db.facts import Seen
from edge.db.turns import Numbers, Owner, write_group
from edge.ports import CommitFailed, Committed, DiskFull, Fenced, Group

T = TypeVar("T")

FOLDED_MAX = 8
"""Most groups in one transaction. More would only make the first of them wait."""

_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT)
_FRAME_BYTES = PAGE_BYTES + 24


@dataclass(slots=True)
class _Job:
    """One piece of work: a group, or a function that writes in a transaction of its own."""

    work: Group | Callable[[sqlite3.Connection], Any]
    future: Future[Any]


class Writer:
    """Commits groups in order. `threaded=False` commits in the caller's thread, for a loop in virtual time."""

    def __init__(
        self,
        path: Path,
        owner: Owner,
        now_us: Callable[[], int],
        on_disk_full: Callable[[], None],
        *,
        threaded: bool = True,
    ) -> None:
        self._connection = open_writer(path)
        self._owner = owner
        self._now_us = now_us
        self._on_disk_full = on_disk_full
        self._wal = Path(f"{path}-wal")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        last_seq, version = self._connection.execute("SELECT last_seq, facts_version FROM meta").fetchall()[0]
        self.numbers = Numbers(last_seq, version, outbox.read_heads(self._connection, owner.life))
        self._seen: Seen = {}
        self.transactions = 0
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._run, name="store-db-writer", daemon=True)
            self._thread.start()

    async def commit(self, group: Group) -> Committed:
        """Durable when it returns. Cancelling the caller does not undo what is under way."""
        committed: Committed = await self._submit(group)
        return committed

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` in the writer, in a transaction of its own."""
        result: T = await self._submit(work)
        return result

    def close(self) -> None:
        """Finishes what is queued, then closes the connection."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        self._connection.close()

    async def _submit(self, work: Group | Callable[[sqlite3.Connection], Any]) -> Any:
        job = _Job(work, Future())
        if self._thread is None:
            self._take([job])
            return job.future.result()
        self._jobs.put(job)
        return await asyncio.wrap_future(job.future)

    def _run(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while len(jobs) < FOLDED_MAX and jobs[-1] is not None:
                try:
                    jobs.append(self._jobs.get_nowait())
                except queue.Empty:
                    break
            last = jobs[-1] is None
            self._take([job for job in jobs if job is not None])
            if last:
                return

    def _take(self, jobs: list[_Job]) -> None:
        """Runs of groups become one transaction; everything else has its own. The order is kept."""
        groups: list[_Job] = []
        for job in jobs:
            if not job.future.set_running_or_notify_cancel():
                continue  # cancelled while it waited: nothing of it was written
            if isinstance(job.work, Group):
                groups.append(job)
                continue
            self._commit_groups(groups)
            groups = []
            self._commit_work(job, job.work)
        self._commit_groups(groups)

    def _commit_work(self, job: _Job, work: Callable[[sqlite3.Connection], Any]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            job.future.set_exception(self._failure(error) if isinstance(error, sqlite3.Error) else error)
        else:
            self.transactions += 1
            job.future.set_result(result)

    def _commit_groups(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        before = self.numbers
        done: list[tuple[_Job, Committed]] = []
        failed: list[tuple[_Job, BaseException]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                try:
                    done.append((job, self._write(job, alone=len(jobs) == 1)))
                except Exception as error:
                    failure = self._failure(error)
                    if len(jobs) == 1 or isinstance(failure, Fenced) or not _of_turn(failure):
                        raise failure from error
                    self._seen.clear()
                    self._connection.execute("ROLLBACK TO one_group")
                    self._connection.execute("RELEASE one_group")
                    failed.append((job, failure))
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            self._seen.clear()
            self.numbers = before
            failure = self._failure(error)
            for job in jobs:
                job.future.set_exception(failure)
            return
        self.transactions += 1
        pages = self._wal_pages()
        for job, committed in done:
            job.future.set_result(replace(committed, wal_pages=pages))
        for job, reason in failed:
            job.future.set_exception(reason)

    def _write(self, job: _Job, *, alone: bool) -> Committed:
        assert isinstance(job.work, Group)
        if not alone:
            self._connection.execute("SAVEPOINT one_group")
        committed, self.numbers = write_group(
            self._connection, self._owner, self.numbers, self._seen, job.work, self._now_us()
        )
        if not alone:
            self._connection.execute("RELEASE one_group")
        return committed

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _failure(self, error: BaseException) -> Exception:
        """What the engine is told. Only a full or failing disk is nobody's fault."""
        if isinstance(error, CommitFailed | Fenced):
            return error
        if isinstance(error, sqlite3.OperationalError):
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                self._on_disk_full()
                return DiskFull(f"the disk is full: {error}")
            if code in _DISK or code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return CommitFailed(f"the database could not be written: {error}", by_turn=False)
        if isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK:
            return CommitFailed(f"the database could not be written: {error}", by_turn=False)
        return CommitFailed(f"{type(error).__name__}: {error}", by_turn=True)

    def _wal_pages(self) -> int:
        try:
            return os.stat(self._wal).st_size // _FRAME_BYTES
        except FileNotFoundError:
            return 0


def _of_turn(failure: Exception) -> bool:
    return isinstance(failure, CommitFailed) and failure.by_turn
