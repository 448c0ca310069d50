"""The port `Cells` in the simulation: real cells, real bytes, and cells that are lost in the middle."""

from __future__ import annotations

import asyncio

from actors.cell import Cell
from edge.ports import CellLost
from protocols.cells import Answer, Batch, decode_answer, decode_batch
from protocols.codec import to_msgpack
from sim.swarm.faults import Faults


class SimCells:
    """Each name has a life; losing it empties the cell, and the next batch finds another life."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._cells: dict[str, Cell] = {}
        self._lives: dict[str, int] = {}
        self.lost = 0

    def life(self, cell: str) -> int:
        return self._lives.setdefault(cell, 0)

    def lose(self, cell: str) -> None:
        """The process behind this name is gone, and another one stands there, empty."""
        self._lives[cell] = self.life(cell) + 1
        self._cells.pop(cell, None)
        self.lost += 1

    async def take(self, cell: str, life: int, batch: Batch) -> Answer:
        plan = self._faults.plan
        await asyncio.sleep(self._faults.latency_s(plan.cell_s) / 2)
        if self._faults.strikes(plan.cell_lost_before):
            self.lose(cell)
        if self.life(cell) != life:
            raise CellLost(f"{cell} is another life now")
        held = self._cells.setdefault(cell, Cell())
        answer = decode_answer(to_msgpack(held.take(decode_batch(to_msgpack(batch)))))
        if self._faults.strikes(plan.cell_lost_after):
            self.lose(cell)  # it stepped, and nobody will hear of it
        await asyncio.sleep(self._faults.latency_s(plan.cell_s) / 2)
        if self.life(cell) != life:
            raise CellLost(f"{cell} was lost with the batch")
        return answer
