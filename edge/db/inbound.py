"""What waits to be taken: Tell rows, parked inputs, the mailbox's cursor, notes of links; and the roster."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from edge.db import keys
from edge.db.bulk import Bulk, insert
from edge.db.rows import GIVEN_COLUMNS, GIVEN_WIDTH, ParkedRow, given_columns, read_given
from edge.ports import Enrolled, ParkedInput
from protocols.codec import to_json
from protocols.inputs import Given

PLACE_BITS = 16
"""A Tell's row number is its turn's number and its place among the turn's effects: unique, and in order."""

_TELLS = insert("tell", f"row, {GIVEN_COLUMNS}")
_DONE = Bulk("DELETE FROM tell WHERE row IN (VALUES", 1, ")")
_MARKS = ",".join("?" * (GIVEN_WIDTH + 2))
_PARKED = f"INSERT INTO parked ({GIVEN_COLUMNS}, state, trace) VALUES ({_MARKS}) RETURNING reference"
_ENROLLED = insert(
    "enrolment",
    "token, subject, account, name, member, tier, consent, segments",
    "ON CONFLICT (token) DO UPDATE SET subject = excluded.subject, account = excluded.account, "
    "name = excluded.name, member = excluded.member, tier = excluded.tier, consent = excluded.consent, "
    "segments = excluded.segments",
)
_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode


def row_number(seq: int, place: int) -> int:
    """The row number of the Tell that is the `place`-th effect of turn `seq`."""
    assert place < 1 << PLACE_BITS, "a turn has fewer effects than a Tell's row number has room for"
    return seq << PLACE_BITS | place


def write_tells(connection: sqlite3.Connection, told: Sequence[Given]) -> None:
    """Tells that were not stepped in their teller's group."""
    _TELLS.run(connection, [(given.row, *given_columns(given)) for given in told])


def delete_tells(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    """Tells that are taken now. Deleting one twice is harmless: its input's id is the same."""
    _DONE.run(connection, [(row,) for row in rows])


def park(connection: sqlite3.Connection, parked: Sequence[ParkedInput]) -> list[int]:
    """Keeps inputs whose step threw, and flags those that are Tell rows. Returns their references."""
    references: list[int] = []
    for one in parked:
        values = (*given_columns(one.given), one.state.decode(), one.trace)
        reference: int = connection.execute(_PARKED, values).fetchall()[0][0]
        references.append(reference)
        if one.given.row:
            connection.execute("UPDATE tell SET parked = ? WHERE row = ?", (reference, one.given.row))
    return references


def enrol(connection: sqlite3.Connection, enrolled: Sequence[Enrolled]) -> None:
    """Roster rows; a later one replaces the one with the same token. Their keys are kept or erased with them."""
    if not enrolled:
        return
    _ENROLLED.run(
        connection,
        [
            (
                one.token,
                one.subject,
                one.account,
                one.name,
                int(one.member),
                one.tier,
                to_json(one.consent).decode(),
                to_json(one.segments).decode(),
            )
            for one in enrolled
        ],
    )
    keys.follow(connection, enrolled)


def owed(reader: sqlite3.Connection, after_row: int, limit: int) -> list[Given]:
    """Tell rows not yet taken, in row order, parked ones left out."""
    rows = reader.execute(
        f"SELECT row, {GIVEN_COLUMNS} FROM tell WHERE row > ? AND parked IS NULL ORDER BY row LIMIT ?",
        (after_row, limit),
    ).fetchall()
    return [read_given(columns, row) for row, *columns in rows]


def parked(reader: sqlite3.Connection, limit: int) -> list[ParkedRow]:
    """Parked inputs, the newest first."""
    rows = reader.execute(
        f"SELECT reference, state, trace, {GIVEN_COLUMNS} FROM parked ORDER BY reference DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return [
        ParkedRow(reference, read_given(columns), (state or "").encode(), trace)
        for reference, state, trace, *columns in rows
    ]


def roster(reader: sqlite3.Connection) -> list[Enrolled]:
    """Every enrolled device and card, with the keys that there are."""
    rows = reader.execute(
        "SELECT token, subject, account, name, member, tier, consent, segments FROM enrolment ORDER BY token"
    ).fetchall()
    held = keys.all_keys(reader)
    return [
        Enrolled(
            token,
            subject,
            account,
            name,
            bool(member),
            tier,
            _decode_words(consent),
            _decode_words(segments),
            held.get(token),
        )
        for token, subject, account, name, member, tier, consent, segments in rows
    ]


def mail_number(reader: sqlite3.Connection) -> int:
    """The number of the newest mail that was committed, 0 if none."""
    number: int = reader.execute("SELECT number FROM mailbox").fetchall()[0][0]
    return number


def noted(reader: sqlite3.Connection, name: str) -> str | None:
    """The small text that was kept under this name."""
    rows = reader.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchall()
    return rows[0][0] if rows else None


def note(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keeps a small text in place of the one before."""
    connection.execute(
        "INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
