"""What keeps the file well: checkpoints, the sidecar, the ballast, the integrity check, backups.

A helper thread does it, so that no commit waits for it. It writes nothing of its own into the database.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from edge.db.connections import FILE_NAME, PAGE_BYTES, open_checkpointer, open_reader
from edge.db.lives import Sidecar, write_sidecar

BALLAST_NAME = "store.ballast"
MEGABYTE = 1024 * 1024

CARE_PERIOD_S = 0.25
CARES_PER_SIDECAR = 4

WAL_PASSIVE_BYTES = 4 * MEGABYTE
"""From this size on the WAL is moved into the file, beside running commits."""

WAL_RESTART_BYTES = 64 * MEGABYTE
"""From this size on commits wait for a moment, so that the WAL begins at its start again."""

IDLE_CARES = 20
"""Rounds without a commit after which the WAL file is cut to nothing: five seconds."""

CHECK_AT_START_BYTES = 32 * MEGABYTE
"""A larger database is checked beside the running engine, because a till must not wait for it."""

BALLAST_SPARE = 4
"""A released ballast is laid down again once this many times its size is free."""


class Damaged(Exception):
    """SQLite's own check found the file damaged. Restore a backup; `detail` is what it found."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"the database is damaged: {detail}; restore a backup")
        self.detail = detail


class Ballast:
    """A file of no use, deleted when the disk is full so that the store can go on selling for a while."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._path = folder / BALLAST_NAME
        self._bytes = megabytes * MEGABYTE
        self.lay()

    @property
    def released(self) -> bool:
        """True while the disk has had no room for it."""
        return self._bytes > 0 and not self._path.exists()

    def release(self) -> None:
        """Gives the space back. Called by the writer at the moment when the disk is full."""
        release_ballast(self._path.parent)

    def lay(self) -> None:
        """Takes the space, if there is plenty of it."""
        if self._bytes == 0 or self._path.exists():
            return
        if shutil.disk_usage(self._path.parent).free < BALLAST_SPARE * self._bytes:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._bytes)
        except OSError:
            self._path.unlink(missing_ok=True)


def release_ballast(folder: Path) -> None:
    """Gives the ballast's space back, if there is one."""
    (folder / BALLAST_NAME).unlink(missing_ok=True)


class Care:
    """The helper thread. `look` is one round, and may be called by hand where there is no thread."""

    def __init__(
        self,
        folder: Path,
        incarnation: str,
        ballast: Ballast,
        transactions: Callable[[], int],
        *,
        checked: bool,
        threaded: bool,
    ) -> None:
        self._folder = folder
        self._wal = folder / f"{FILE_NAME}-wal"
        self._incarnation = incarnation
        self._ballast = ballast
        self._transactions = transactions
        self._connection = open_checkpointer(folder / FILE_NAME)
        self._seen = -1
        self._idle = 0
        self._written: Sidecar | None = None
        self._stop = threading.Event()
        self._checked = checked
        self.damage = ""
        self.keep_sidecar()
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._run, name="store-db-care", daemon=True)
            self._thread.start()

    def look(self) -> None:
        """One round: moves, restarts or cuts the WAL, as its size and the traffic ask for."""
        count = self._transactions()
        self._idle = self._idle + 1 if count == self._seen else 0
        self._seen = count
        size = self._wal.stat().st_size if self._wal.exists() else 0
        if self._idle >= IDLE_CARES and size:
            self.checkpoint("TRUNCATE")
        elif size >= WAL_PASSIVE_BYTES and not self._idle:
            in_use = self.checkpoint("PASSIVE") * PAGE_BYTES  # the file itself never shrinks meanwhile
            if in_use >= WAL_RESTART_BYTES:
                self.checkpoint("RESTART")

    def checkpoint(self, how: str) -> int:
        """Moves the WAL into the file and returns the pages that it held. A reader in the way: next round again."""
        pages: int = self._connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall()[0][1]
        return pages

    def keep_sidecar(self) -> None:
        """Rewrites the sidecar if there were turns since. Only committed numbers stand in it."""
        seq = self._connection.execute("SELECT last_seq FROM meta").fetchall()[0][0]
        now = Sidecar(self._incarnation, seq)
        if now == self._written:
            return
        try:
            write_sidecar(self._folder, now)
        except OSError:
            return  # a full disk: a sidecar that is behind says nothing wrong, and the next round tries again
        self._written = now

    def close(self) -> None:
        """Stops the thread, cuts the WAL, and leaves an exact sidecar, as far as the disk has room."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        # On a full disk the WAL stays as it is, and whoever opens the database next reads on from it.
        with contextlib.suppress(sqlite3.OperationalError):
            self.checkpoint("TRUNCATE")
        self.keep_sidecar()
        self._connection.close()

    def _run(self) -> None:
        rounds = 0
        while not self._stop.wait(CARE_PERIOD_S):
            rounds += 1
            try:
                if not self._checked:
                    self._checked = True
                    self.damage = check(self._connection)
                self.look()
                if rounds % CARES_PER_SIDECAR == 0:
                    self.keep_sidecar()
                    self._ballast.lay()
            except (OSError, sqlite3.OperationalError):
                continue  # a full disk or a held lock: the writer reports it, the next round tries again


def check_at_start(connection: sqlite3.Connection, path: Path) -> bool:
    """Checks a database that is small enough to wait for. Raises Damaged; False: it is still to be checked."""
    if path.stat().st_size > CHECK_AT_START_BYTES:
        return False
    if damage := check(connection):
        raise Damaged(damage)
    return True


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """True for what SQLite says of a file that is damaged, or is no database."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.DatabaseError) -> bool:
    """True if the disk had no room."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def check(connection: sqlite3.Connection) -> str:
    """SQLite's quick check: nothing if all is well, else what it found first."""
    try:
        found: str = connection.execute("PRAGMA quick_check(1)").fetchall()[0][0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else found


def back_up(folder: Path, target: Path) -> None:
    """Copies the committed database into one file, marked inside: whoever opens it begins a new life.

    It reads one snapshot, which keeps the WAL from restarting meanwhile. The target appears when it is whole.
    """
    draft = target.with_name(f"{target.name}.new")
    draft.unlink(missing_ok=True)
    source = open_reader(folder / FILE_NAME)
    copy = sqlite3.connect(draft, isolation_level=None)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, with nothing beside it
        copy.execute("UPDATE meta SET is_copy = 1")
        if damage := check(copy):
            raise Damaged(damage)
    finally:
        copy.close()
        source.close()
    draft.replace(target)
