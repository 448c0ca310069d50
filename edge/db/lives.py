"""Which life of which store a database is: one owner at a time, and a new life whenever the past is in doubt.

The sidecar is a small file beside the database with the incarnation and the last turn number, rewritten each
second. A database that is behind it was restored; a marked copy was restored too. Both begin a new life before
anything else, because whatever the old one did after the copy may be known elsewhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.db import outbox
from edge.db.turns import Owner
from protocols.codec import to_json
from protocols.effects import Emit
from protocols.records import Hello

SIDECAR_NAME = "store.sidecar"
LOCK_NAME = "store.lock"
KEY_NAME = "chain.key"
KEY_BYTES = 32


class AlreadyOpen(Exception):
    """Another process owns this database. Stop it first, or give this one another folder."""


class WrongStore(Exception):
    """The database belongs to another store than the settings name."""


class Sidecar(msgspec.Struct, frozen=True):
    """What stands in the file beside the database."""

    incarnation: str
    seq: int


class FolderLock:
    """One engine a folder, by a lock that the kernel drops when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / LOCK_NAME).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise AlreadyOpen(f"{folder}: another engine has this database open") from None

    def release(self) -> None:
        """Lets another engine in."""
        self._file.close()


def read_sidecar(folder: Path) -> Sidecar | None:
    """The sidecar, or None if there is none that can be read."""
    try:
        return msgspec.json.decode((folder / SIDECAR_NAME).read_bytes(), type=Sidecar)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_sidecar(folder: Path, sidecar: Sidecar) -> None:
    """Replaces the sidecar whole. `seq` must be committed already: a sidecar ahead means a restored database."""
    draft = folder / f"{SIDECAR_NAME}.new"
    with draft.open("wb") as file:
        file.write(to_json(sidecar))
        file.flush()
        os.fsync(file.fileno())  # an empty file after a power cut would begin a new life for nothing
    draft.replace(folder / SIDECAR_NAME)


def chain_key(folder: Path) -> bytes:
    """The store's own chain key, made at first sight and readable by its owner alone."""
    path = folder / KEY_NAME
    if not path.exists():
        draft = path.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return path.read_bytes()


def key_id(key: bytes) -> str:
    """A name for a key that does not give it away."""
    return hashlib.blake2b(key, digest_size=4, person=b"chain key").hexdigest()


def take_over(
    connection: sqlite3.Connection,
    store: str,
    sidecar: Sidecar | None,
    key: bytes,
    now_ms: int,
    new_incarnation: Callable[[], str],
) -> Owner:
    """Makes the caller the owner of the database, and begins a new life if one is due. One transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        owner = _take_over(connection, store, sidecar, key, now_ms, new_incarnation)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back by itself
            connection.execute("ROLLBACK")
        raise
    return owner


def _take_over(
    connection: sqlite3.Connection,
    store: str,
    sidecar: Sidecar | None,
    key: bytes,
    now_ms: int,
    new_incarnation: Callable[[], str],
) -> Owner:
    rows = connection.execute("SELECT store, life, epoch, last_seq, is_copy, clock_ms FROM meta").fetchall()
    if not rows:
        connection.execute("INSERT INTO mailbox VALUES (1, 0)")
        connection.execute(
            "INSERT INTO meta (one, store, life, epoch, last_seq, facts_version, clock_ms, chain_key_id) "
            "VALUES (1, ?, 0, 0, 0, 0, 0, '')",
            (store,),
        )
        life, epoch, last_seq, why, clock_ms = 0, 0, 0, "the database was made", 0
    else:
        owner, life, epoch, last_seq, is_copy, clock_ms = rows[0]
        if owner != store:
            raise WrongStore(f"this database belongs to store '{owner}', the settings name '{store}'")
        why = _why_new_life(connection, life, last_seq, bool(is_copy), sidecar)
    if why:
        at_ms = max(now_ms, clock_ms)
        life = _begin_life(connection, store, key, at_ms, last_seq, why, new_incarnation())
    epoch += 1
    connection.execute("UPDATE meta SET epoch = ?, chain_key_id = ?, is_copy = 0", (epoch, key_id(key)))
    return Owner(epoch, life, key)


def _why_new_life(
    connection: sqlite3.Connection, life: int, last_seq: int, is_copy: bool, sidecar: Sidecar | None
) -> str:
    """A sentence if the past is in doubt, else nothing."""
    incarnation = connection.execute("SELECT incarnation FROM life WHERE life = ?", (life,)).fetchall()[0][0]
    if is_copy:
        return "a backup was opened"
    if sidecar is None:
        return "the sidecar is missing, so nobody knows whether this database is the newest"
    if sidecar.incarnation != incarnation:
        return f"the sidecar names another life, {sidecar.incarnation}"
    if sidecar.seq > last_seq:
        return f"the sidecar knows turn {sidecar.seq}, the database ends at {last_seq}"
    return ""


def _begin_life(
    connection: sqlite3.Connection,
    store: str,
    key: bytes,
    now_ms: int,
    last_seq: int,
    why: str,
    incarnation: str,
) -> int:
    life: int = connection.execute("SELECT coalesce(max(life), 0) + 1 FROM life").fetchall()[0][0]
    connection.execute("INSERT INTO life VALUES (?, ?, ?, ?, ?)", (life, incarnation, now_ms, last_seq, why))
    connection.execute("UPDATE meta SET life = ?", (life,))
    outbox.emit_first(connection, life, key, [Emit("money", Hello(store, incarnation, now_ms))])
    return life
