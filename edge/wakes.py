"""Timers: each entity has at most one wake, a column of its row; whoever is overdue is woken, oldest first.

Soft state: the next wake known, and who is being woken. Early, late and repeated wakes are harmless, since a
step acts on whatever of its own deadlines has passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from edge.inbox import Item
from edge.ports import Clock, Db, SavedEntity
from protocols.errors import EndcapError, NotNow, Parked, Verdict
from protocols.ids import Key
from protocols.inputs import Cause, Given, Woken

WAKES_PER_ROUND_MAX = 256
"""Overdue wakes put into inboxes at once; after a long stop the others follow, the longest overdue first."""

ROUND_GAP_S = 0.01
"""Least time between two rounds: bounds what an entity that always wants to be woken can cost."""

LOOK_S = 1.0
LOOK_MS = 1_000
"""How often the clock is looked at while nothing is due: wall time may have been set."""


class Wakes:
    """Puts `Woken` into the inboxes of entities whose time has come."""

    def __init__(self, db: Db, clock: Clock, submit: Callable[[Item], None]) -> None:
        self._db, self._clock, self._submit = db, clock, submit
        self._waking: set[Key] = set()
        self._parked: set[Key] = set()
        self._next_ms: int | None = None
        self._changed = asyncio.Event()

    def saved(self, entities: Iterable[SavedEntity]) -> None:
        """A commit gave these entities their next wakes."""
        for entity in entities:
            self._parked.discard(entity.key)
            wake_ms = entity.wake_at_ms
            if wake_ms is not None and (self._next_ms is None or wake_ms < self._next_ms):
                self._next_ms = wake_ms
                self._changed.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        self._next_ms = self._db.next_wake_ms()
        while True:
            now_ms = self._clock.now_ms()
            if self._next_ms is None or self._next_ms > now_ms:
                await self._until_next(now_ms)
                continue
            due = self._db.due(now_ms, WAKES_PER_ROUND_MAX + len(self._parked))
            for key in due:
                self._wake(key, now_ms)
            await asyncio.sleep(ROUND_GAP_S)
            if not self._waking:
                self._next_ms = self._db.next_wake_ms()
                if self._parked.issuperset(due):
                    self._next_ms = now_ms + LOOK_MS  # nobody is due but those that a person must look at

    async def _until_next(self, now_ms: int) -> None:
        self._changed.clear()
        wait_s = None if self._next_ms is None else min(LOOK_S, (self._next_ms - now_ms) / 1000)
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            pass  # it is time, or time to look at the clock again

    def _wake(self, key: Key, now_ms: int) -> None:
        if key in self._waking or key in self._parked:
            return
        ident = f"wake/{key}@{now_ms}"
        cause = Cause(self._clock.now_us(), operation=ident)
        given = Given(key, ident, Woken(), cause, now_ms, self._clock.local(now_ms))
        try:
            self._submit(Item(given, done=lambda result: self._woken(key, result)))
        except NotNow:
            return  # still due: the next round finds it again
        self._waking.add(key)

    def _woken(self, key: Key, result: Verdict | EndcapError | None) -> None:
        self._waking.discard(key)
        if isinstance(result, Parked):
            self._parked.add(key)  # it would only be parked again, until another turn has changed it
