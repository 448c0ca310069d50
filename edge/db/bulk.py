"""Many rows by few statements.

Each step of a statement lets go of the interpreter lock and has to win it back from the loop's thread, so a
group is written in a handful of statements with many rows, not in many statements with one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

ROWS_MAX = 64
"""Most rows in one statement."""

STEP = 8
"""Sizes are 1 to 8 and the multiples of 8: any group is at most two statements a table up to 64 rows, and no
table needs more than 15 prepared texts."""

Row = tuple[Any, ...]


class Bulk:
    """One statement text with room for `columns` values a row, between `head` and `tail`, in every size."""

    __slots__ = ("_texts",)

    def __init__(self, head: str, columns: int, tail: str = "") -> None:
        one = "(" + ",".join("?" * columns) + ")"
        sizes = (*range(1, STEP), *range(STEP, ROWS_MAX + 1, STEP))
        self._texts = {size: f"{head} {','.join([one] * size)} {tail}" for size in sizes}

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Writes the rows in their order and returns how many were changed."""
        changed = 0
        done = 0
        left = len(rows)
        while left:
            size = min(left, ROWS_MAX)
            if size > STEP:
                size -= size % STEP
            values = list(chain.from_iterable(rows[done : done + size]))
            changed += connection.execute(self._texts[size], values).rowcount
            done += size
            left -= size
        return changed


def insert(table: str, columns: str, tail: str = "") -> Bulk:
    """An INSERT of rows with the comma-separated `columns`, and what stands behind them, such as ON CONFLICT."""
    return Bulk(f"INSERT INTO {table} ({columns}) VALUES", columns.count(",") + 1, tail)
