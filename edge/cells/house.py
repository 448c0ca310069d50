"""Where every cell lives: in this process at first, in its Ray actor when that answers, and back when it is lost.

    local ─► (its Ray cell greets) ─► life + 1, remote ─► (late, closed, dead) ─► life + 1, local ─► hold-off ─► …

A move is a new life and nothing else: the engine asks for the life before each batch, so keys move at a commit
boundary, the old home forgets by being dropped and the new one loads on demand.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog

from actors.cell import Cell
from edge.cells.home import home_of
from edge.cells.local import LocalCell, Takes
from edge.cells.orders import Ready
from edge.cells.remote import RemoteCell
from edge.cells.supervisor import Pace, Supervisor
from edge.ports import CellLost
from edge.settings import CellSettings
from protocols.cells import Answer, Batch

ACCOUNT_CELL = "account"
"""The cell of all accounts: always in the engine's process, so that a till needs no hop and no Ray."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Where one cell runs, for the console and for whoever measures from outside.

    `ray` says what its Ray cell does meanwhile: `off` (not wanted), `starting`, `ready` (it serves),
    `held_off` (lost a moment ago), `refused` (Ray would have been exposed).
    """

    where: Literal["here", "ray"]
    ray: Literal["off", "starting", "ready", "held_off", "refused"]
    pid: int
    life: int
    losses: int
    note: str = ""


@dataclass(slots=True)
class _Room:
    """One cell's place. Exactly one of `here` and `remote` serves."""

    name: str
    life: int
    here: LocalCell
    remote: RemoteCell | None = None
    offer: Ready | None = None
    pid: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    moved_at: float = 0.0
    hold_off_s: float = 0.0
    held_until: float = 0.0
    losses: int = 0
    note: str = ""


class CellHouse:
    """The cells of one store: `edge.ports.Cells`. Soft state only; no cell holds anything that is not in the database.

    `floor` names the cells that may live on Ray. `moved` is called with a cell's name after each move.
    """

    def __init__(
        self,
        floor: Sequence[str],
        settings: CellSettings,
        store_data: str,
        *,
        make: Callable[[], Takes] = Cell,
        moved: Callable[[str], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._make = make
        self._moved = moved or (lambda cell: None)
        self._deadline_s = settings.deadline_ms / 1_000
        self._pace = pace or Pace()
        self._lives = itertools.count(1)
        self._floor = tuple(floor)
        names = dict.fromkeys((ACCOUNT_CELL, *floor))
        self._rooms = {name: _Room(name, next(self._lives), LocalCell(make())) for name in names}
        self._supervisor: Supervisor | None = None
        if settings.ray:
            self._supervisor = Supervisor(
                home_of(store_data), self._floor, self._offered, self._withdrawn, self._pace
            )
        self._tasks: list[asyncio.Task[None]] = []

    # --- the engine's port

    def life(self, cell: str) -> int:
        """A number that is another one after each move and each loss."""
        return self._rooms[cell].life

    async def take(self, cell: str, life: int, batch: Batch) -> Answer:
        """Hands the batch to that life. Raises CellLost if it is over or ends meanwhile: another serves by then."""
        room = self._rooms[cell]
        if room.life != life:
            raise CellLost(f"cell {cell} has moved")
        if room.remote is not None:
            return await room.remote.take(batch)  # `_lost` has moved the cell home when this raises
        try:
            return await room.here.take(batch)
        except CellLost as error:
            log.error("cell_threw", cell=cell, why=str(error))
            self._move_home(room, str(error))
            raise

    # --- life

    async def start(self) -> None:
        """Begins to bring the floor's cells to Ray, and returns at once: every cell serves already."""
        if self._supervisor is not None:
            self._tasks = [asyncio.create_task(self._supervisor.run(), name="ray supervisor")]
            self._tasks += [
                asyncio.create_task(self._keep(self._rooms[name]), name=f"cell {name}")
                for name in self._floor
            ]

    async def stop(self) -> None:
        """Brings every cell home and ends Ray. No process of ours is left when it returns."""
        for task in self._tasks:
            task.cancel()
        for room in self._rooms.values():
            if room.remote is not None:
                room.remote.close("the store stops")
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    # --- for people

    def places(self) -> dict[str, Place]:
        """Where each cell runs now."""
        return {name: self._place(room) for name, room in self._rooms.items()}

    def ray_processes(self) -> dict[str, int]:
        """The child that drives Ray, Ray's own processes and the cells', by name, as far as they run."""
        if self._supervisor is None:
            return {}
        found = {"child": self._supervisor.child_pid, **self._supervisor.processes}
        found |= {f"cell:{room.name}": room.pid for room in self._rooms.values()}
        return {name: pid for name, pid in found.items() if pid}

    def kill_ray(self) -> list[int]:
        """For demos and chaos: SIGKILL to every process of our own Ray. Gives their pids."""
        return self._supervisor.kill_ray() if self._supervisor is not None else []

    def _place(self, room: _Room) -> Place:
        if room.remote is not None:
            return Place("ray", "ready", room.pid, room.life, room.losses)
        pid = os.getpid()
        if self._supervisor is None or room.name not in self._floor:
            return Place("here", "off", pid, room.life, room.losses, room.note)
        if self._supervisor.refused:
            return Place("here", "refused", pid, room.life, room.losses, self._supervisor.note)
        held = self._supervisor.state == "waiting" or room.held_until > time.monotonic()
        note = room.note or self._supervisor.note
        return Place("here", "held_off" if held else "starting", pid, room.life, room.losses, note)

    # --- moving

    def _offered(self, ready: Ready) -> None:
        room = self._rooms[ready.cell]
        room.offer = ready
        room.news.set()

    def _withdrawn(self, cell: str, why: str) -> None:
        room = self._rooms[cell]
        room.offer = None
        if room.remote is not None:
            room.remote.close(why)  # usually its socket told long before
        room.pid = 0

    async def _keep(self, room: _Room) -> None:
        """Moves the cell to Ray whenever its Ray cell is offered and the hold-off has passed."""
        while True:
            await room.news.wait()
            room.news.clear()
            while room.offer is not None and room.remote is None:
                await asyncio.sleep(max(0.0, room.held_until - time.monotonic()))
                if room.offer is not None:
                    await self._move_out(room, room.offer)

    async def _move_out(self, room: _Room, offer: Ready) -> None:
        try:
            remote = await RemoteCell.connect(
                offer.address, room.name, self._deadline_s, lambda _, why: self._lost(room, why)
            )
        except CellLost as error:
            self._hold_off(room, str(error))
            if room.offer is offer:
                # It listens and does not greet: its thread is stuck in a step, or the process is stopped.
                room.offer = None
                assert self._supervisor is not None
                await self._supervisor.restart(room.name, offer.pid)
            return
        room.remote, room.pid = remote, offer.pid
        room.here = LocalCell(self._make())  # what it held is dropped; it stands ready for the way back
        self._moved_now(room, "ray", "")

    def _lost(self, room: _Room, why: str) -> None:
        """The remote cell is gone. At once, also when no batch was out, the local one serves."""
        if room.remote is None:
            return
        room.remote = None
        room.losses += 1
        if time.monotonic() - room.moved_at > self._pace.steady_s:
            room.hold_off_s = 0.0
        self._hold_off(room, why)
        self._move_home(room, why)
        room.news.set()

    def _move_home(self, room: _Room, why: str) -> None:
        room.here = LocalCell(self._make())
        self._moved_now(room, "here", why)

    def _moved_now(self, room: _Room, where: str, why: str) -> None:
        room.life = next(self._lives)
        room.moved_at, room.note = time.monotonic(), why
        log.info("cell_moved", cell=room.name, to=where, why=why, life=room.life)
        self._moved(room.name)

    def _hold_off(self, room: _Room, why: str) -> None:
        room.note = why
        pace = self._pace
        room.hold_off_s = min(max(room.hold_off_s * 2, pace.hold_off_first_s), pace.hold_off_max_s)
        room.held_until = time.monotonic() + room.hold_off_s
