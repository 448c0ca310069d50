"""How a store's database is opened: every pragma stands here, once, with its reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "store.db"
PAGE_BYTES = 4096

STATEMENTS_CACHED = 512
"""Prepared statements that a connection keeps: every text of the hot path times the sizes that it is used in."""

_EVERY = (
    "PRAGMA busy_timeout = 5000",  # a checkpoint that restarts the WAL holds the lock for a moment
    "PRAGMA cache_size = -16000",  # 16 MB: the upper levels of every index of a store stay in memory
    "PRAGMA temp_store = MEMORY",  # statement journals must not touch the disk
)
_WRITER = (
    f"PRAGMA page_size = {PAGE_BYTES}",  # the file system's block, so that a page is written as a whole
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer, and a commit is one append and one sync
    "PRAGMA synchronous = FULL",  # an acknowledged sale survives a power cut
    "PRAGMA wal_autocheckpoint = 0",  # the helper thread does it, so that no commit pays for it
    "PRAGMA foreign_keys = OFF",  # rows are pruned by age, not by reference
)
_CHECKPOINTER = ("PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 0")
_READER = ("PRAGMA query_only = ON",)  # a second guard behind mode=ro


def open_writer(path: Path) -> sqlite3.Connection:
    """The one writing connection. Transactions are begun and ended by hand."""
    return _open(f"file:{_quoted(path)}", (*_WRITER, *_EVERY))


def open_checkpointer(path: Path) -> sqlite3.Connection:
    """A connection that moves the WAL into the file and writes nothing of its own."""
    return _open(f"file:{_quoted(path)}", (*_EVERY, *_CHECKPOINTER))


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; each statement sees what is committed by then."""
    return _open(f"file:{_quoted(path)}?mode=ro", (*_EVERY, *_READER))


@contextmanager
def snapshot(reader: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Several reads that see the same commit. Keep it short: it pins the WAL."""
    reader.execute("BEGIN")
    try:
        yield reader
    finally:
        reader.execute("COMMIT")


def _open(uri: str, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )
    for pragma in pragmas:
        connection.execute(pragma).fetchall()
    return connection


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
