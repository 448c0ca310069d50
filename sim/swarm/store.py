"""One life of a store in virtual time: its database, its engine, and an outward side that only records."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.db import StoreDb, open_db
from edge.engine import Engine
from edge.inbox import Beside
from edge.ports import CommitFailed, Committed, DiskFull, Group
from edge.roster import Roster
from protocols.cells import Crowd, Position, ScannerHealth
from protocols.effects import Notify, Show
from protocols.ids import Key, key
from protocols.inputs import Local
from sim.swarm.books import SECRET, books, enrolled
from sim.swarm.cells import SimCells
from sim.swarm.faults import Faults

EPOCH_S = 1_767_600_000
"""2026-01-05 08:00 UTC, a Monday: when every simulation begins."""


class SimClock:
    """The loop's virtual time as a store's clock, in UTC."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now_us(self) -> int:
        return int((EPOCH_S + self._loop.time()) * 1_000_000)

    def now_ms(self) -> int:
        return self.now_us() // 1_000

    def local(self, at_ms: int) -> Local:
        at = datetime.fromtimestamp(at_ms / 1_000, UTC)
        return Local(at.date().isoformat(), at.hour * 60 + at.minute, at.weekday())


class SimDb:
    """The real database, with commits that take time, fail, or find the disk full."""

    def __init__(self, db: StoreDb, faults: Faults) -> None:
        self._db, self._faults = db, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def commit(self, group: Group) -> Committed:
        plan = self._faults.plan
        await asyncio.sleep(self._faults.latency_s(plan.commit_s) / 2)
        if self._faults.strikes(plan.disk_full):
            raise DiskFull("simulated")
        if self._faults.strikes(plan.commit_refused):
            raise CommitFailed("simulated", by_turn=True)
        committed = await self._db.commit(group)
        await asyncio.sleep(self._faults.latency_s(plan.commit_s) / 2)
        return committed


class Recorder:
    """The outward side: remembers who was told that something is newer, and how big the groups were."""

    def __init__(self) -> None:
        self.shown: dict[str, bytes] = {}
        self.notified: set[str] = set()
        self.groups: list[int] = []

    def committed(self, group: Group, committed: Committed, stepped_us: int, commit_us: int) -> None:
        self.groups.append(len(group.turns))
        for taken in group.turns:
            for effect in taken.turn.effects:
                if type(effect) is Show:
                    self.shown[effect.sign] = taken.turn.state or b""
                elif type(effect) is Notify:
                    self.notified.add(effect.account)

    def positions(self, positions: Sequence[Position]) -> None:
        """Soft, and of no interest here."""

    def judged(self, cell: str, crowds: Sequence[Crowd], scanners: Sequence[ScannerHealth]) -> None:
        """Soft, and of no interest here."""


class Life:
    """A store from its start to its end or its crash. `close` is for both: the file is all that remains."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop, faults: Faults) -> None:
        self.clock = SimClock(loop)
        self.db = open_db(
            folder,
            store="sim",
            chain_key=b"k" * 32,
            now_us=self.clock.now_us,
            threaded=False,
        )
        self.faults = faults
        self.cells = SimCells(faults)
        self.outward = Recorder()
        self.roster = Roster(SECRET, enrolled())
        self.engine = Engine(
            SimDb(self.db, faults),
            self.cells,
            self.clock,
            self.outward,
            place=_place,
            cell_names=("floor", "account"),
            births=self.roster.births,
        )

    async def begin(self) -> None:
        """What a store does before anything else: its files into the books, its signs on."""
        while not self.db.facts()[1]:
            with contextlib.suppress(CommitFailed):
                await self.engine.record(Beside(known=tuple(books()), enrolled=tuple(enrolled())))

    def close(self) -> None:
        self.db.close()


def _place(entity: Key) -> str:
    return "account" if entity.startswith("account:") else "floor"


SIGN = key("sign", "screen-1")
