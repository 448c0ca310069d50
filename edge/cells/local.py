"""A cell in this process: the same `take` as over a socket, without one."""

from __future__ import annotations

import time
from typing import Protocol

import msgspec

from edge.ports import CellLost
from protocols.cells import Answer, Batch


class Takes(Protocol):
    """What is hosted: `actors.cell.Cell`, pure and synchronous."""

    def take(self, batch: Batch) -> Answer:
        """One batch, answered at once."""


class LocalCell:
    """Hosts a cell in the engine's own process. Soft state only.

    There is no deadline: the engine's loop is what steps. A batch that throws as a whole empties the cell.
    """

    def __init__(self, cell: Takes) -> None:
        self._cell = cell

    async def take(self, batch: Batch) -> Answer:
        """The answer, at once. Raises CellLost if the cell threw: drop it, whatever it held is in doubt."""
        try:
            return timed(self._cell, batch)
        except Exception as error:
            raise CellLost(f"the cell threw: {type(error).__name__}: {error}") from error


def timed(cell: Takes, batch: Batch) -> Answer:
    """The cell's answer with the time that it took, which a pure cell cannot know."""
    started_ns = time.perf_counter_ns()
    answer = cell.take(batch)
    return msgspec.structs.replace(answer, took_us=(time.perf_counter_ns() - started_ns) // 1_000)
