"""Facts as rows: set or counted in the writer, one version a group, the replaced value kept in the past."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from edge.db.bulk import insert
from protocols.codec import to_json
from protocols.effects import Know
from protocols.errors import Nonsense
from protocols.facts import BOOKS, Fact

GONE = "null"
"""The value that takes a key out of its book."""

_DECODE: dict[str, Callable[[bytes | str], Any]] = {
    book: msgspec.json.Decoder(kind).decode for book, kind in BOOKS.items()
}
_SET = insert(
    "fact",
    "book, key, version, value",
    "ON CONFLICT (book, key) DO UPDATE SET version = excluded.version, value = excluded.value",
)
_PAST = insert("fact_past", "book, key, from_version, until_version, value")
_NOW = "SELECT version, value FROM fact WHERE book = ? AND key = ?"
_AT = """
    SELECT book, key, version, value FROM fact WHERE version <= ?1
    UNION ALL
    SELECT book, key, from_version, value FROM fact_past WHERE from_version <= ?1 AND until_version > ?1
    ORDER BY 1, 2"""

_HISTORY = """
    SELECT version, book, key, value FROM fact
    UNION ALL
    SELECT from_version, book, key, value FROM fact_past
    UNION ALL
    SELECT gone.until_version, gone.book, gone.key, 'null' FROM fact_past gone
    WHERE NOT EXISTS (SELECT 1 FROM fact_past next WHERE next.book = gone.book AND next.key = gone.key
                      AND next.from_version = gone.until_version)
      AND NOT EXISTS (SELECT 1 FROM fact now WHERE now.book = gone.book AND now.key = gone.key
                      AND now.version = gone.until_version)
    ORDER BY 1, 2, 3"""


Seen = dict[tuple[str, str], tuple[int, str]]
"""Version and value of facts that the writer has touched, so that a count costs no read. Soft: it is emptied
whenever a group fails, and holds no more than the facts that turns write."""


class Learning:
    """What one group learns. Several changes of a key are one: nobody can see what stood between them."""

    def __init__(self, connection: sqlite3.Connection, seen: Seen) -> None:
        self._connection = connection
        self._before = seen
        self._after: dict[tuple[str, str], str] = {}

    def learn(self, know: Know) -> None:
        """Sets the fact, or adds to it. Raises Nonsense for a book or a value that does not exist."""
        decode = _DECODE.get(know.book)
        if decode is None:
            raise Nonsense(f"there is no book '{know.book}'")
        place = (know.book, know.key)
        value = self._after.get(place)
        if value is None:
            value = self._value_before(place)
        if know.add is None:
            value = bytes(know.value).decode()
            if value != GONE:
                _checked(decode, place, value)
        else:
            value = _added(decode, place, value, know.field, know.add)
        self._after[place] = value

    def write(self, version: int) -> list[Fact]:
        """Writes what really changed under `version`, and returns it."""
        changed = [(place, value) for place, value in self._after.items() if value != self._before[place][1]]
        past = [
            (*place, self._before[place][0], version, self._before[place][1])
            for place, _ in changed
            if self._before[place][1] != GONE
        ]
        _PAST.run(self._connection, past)
        _SET.run(self._connection, [(*place, version, value) for place, value in changed if value != GONE])
        for place, value in changed:
            if value == GONE:
                self._connection.execute("DELETE FROM fact WHERE book = ? AND key = ?", place)
        for place, value in changed:
            self._before[place] = (version, value)
        return [Fact(book, key, version, value.encode()) for (book, key), value in changed]

    def _value_before(self, place: tuple[str, str]) -> str:
        before = self._before.get(place)
        if before is None:
            rows = self._connection.execute(_NOW, place).fetchall()
            before = self._before[place] = rows[0] if rows else (0, GONE)
        return before[1]


def _checked(decode: Callable[[bytes | str], Any], place: tuple[str, str], value: str) -> Any:
    try:
        return decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Nonsense(f"fact {place[0]} '{place[1]}': {error}") from None


def _added(
    decode: Callable[[bytes | str], Any], place: tuple[str, str], value: str, field: str, by: int
) -> str:
    counted = _checked(decode, place, "{}" if value == GONE else value)
    before = getattr(counted, field, None)
    if type(before) is not int:
        raise Nonsense(f"fact {place[0]} '{place[1]}' has no count '{field}'")
    return to_json(msgspec.structs.replace(counted, **{field: before + by})).decode()


def current(reader: sqlite3.Connection) -> tuple[int, list[Fact]]:
    """Every current fact, and the newest version. Call it inside a snapshot."""
    rows = reader.execute("SELECT book, key, version, value FROM fact ORDER BY book, key").fetchall()
    newest: int = reader.execute("SELECT facts_version FROM meta").fetchall()[0][0]
    return newest, [Fact(book, key, version, value.encode()) for book, key, version, value in rows]


def at_version(reader: sqlite3.Connection, version: int) -> list[Fact]:
    """The facts as a turn at that version saw them. What was pruned from the past is missing."""
    rows = reader.execute(_AT, (version,)).fetchall()
    return [Fact(book, key, since, value.encode()) for book, key, since, value in rows]


def history(reader: sqlite3.Connection) -> list[Fact]:
    """Every value that is known, past and present, in the order of its version; `null` where a key was taken out."""
    rows = reader.execute(_HISTORY).fetchall()
    return [Fact(book, key, version, value.encode()) for version, book, key, value in rows]
