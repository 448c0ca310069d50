"""What waits for one cell: money in order and never dropped, telemetry coalesced and shed with a count.

Lane A (money) is a queue with a limit; at the limit the sender is told "not now" and nothing is lost. Lane B
(telemetry) keeps the newest reading per subject and scanner; at its limit the oldest waiting pair is shed, and
`shed` counts it. Tell rows stand before both: they were committed before anything that waits here arrived.
Soft: what waits here was not acknowledged to anyone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from edge.ports import Enrolled
from protocols.cells import Heard, Weighed
from protocols.effects import Know
from protocols.errors import EndcapError, NotNow, Verdict
from protocols.ids import Key
from protocols.inputs import Given

Done = Callable[[Verdict | EndcapError | None], None]
"""Told once what became of an input: a verdict, an error, or None for a turn that replied nothing."""

ROWS_PER_BATCH_MAX = 256
"""Tell rows in one batch. The keys of the others are named in the batch as owed."""

MONEY_PER_BATCH_MAX = 128
"""Inputs of lane A in one batch: bounds a commit at a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Rows that commit with an input: facts and roster rows from mail or from the store's files, and mail's number."""

    known: tuple[Know, ...] = ()
    enrolled: tuple[Enrolled, ...] = ()
    mail_number: int | None = None


@dataclass(slots=True)
class Item:
    """One input of lane A, who wants to know what became of it, and how often it was taken in vain."""

    given: Given
    done: Done | None = None
    beside: Beside | None = None
    alone: bool = False
    tries: int = 0

    def finish(self, result: Verdict | EndcapError | None) -> None:
        """Tells whoever asked, once."""
        done, self.done = self.done, None
        if done is not None:
            done(result)


@dataclass(slots=True)
class Work:
    """What one batch will hold."""

    items: list[Item] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    weighed: list[Weighed] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.items or self.heard or self.weighed)


class Inbox:
    """The two lanes of one cell, and the Tell rows that are owed to its entities."""

    def __init__(self, money_max: int, telemetry_max: int) -> None:
        self._money_max = money_max
        self._telemetry_max = telemetry_max
        self._rows: deque[Item] = deque()
        self._owed: dict[Key, int] = {}
        self._money: deque[Item] = deque()
        self._again: deque[Item] = deque()
        self._heard: dict[tuple[Key, str], Heard] = {}
        self._weighed: dict[Key, Weighed] = {}
        self.shed = 0
        self.coalesced = 0
        self.arrived = asyncio.Event()

    def put(self, item: Item) -> None:
        """Lane A. Raises NotNow at the limit; nothing is queued then."""
        if len(self._money) >= self._money_max:
            raise NotNow(f"{self._money_max} operations are waiting; nothing was charged, send it again")
        self._money.append(item)
        self.arrived.set()

    def put_rows(self, rows: Iterable[Given]) -> None:
        """Tell rows that were just committed, or found at start, in row order."""
        for given in rows:
            self._rows.append(Item(given))
            self._owed[given.key] = self._owed.get(given.key, 0) + 1
            self.arrived.set()

    def put_again(self, items: Iterable[Item]) -> None:
        """Items that were taken in vain go back to where they stood: before everything newer."""
        for item in reversed(list(items)):
            self._again.appendleft(item)
            if item.given.row:
                self._owed[item.given.key] = self._owed.get(item.given.key, 0) + 1
        self.arrived.set()

    def hear(self, heard: Heard) -> None:
        """Lane B: the newest reading of each (subject, scanner) waits, with the arrival of the oldest it stands for."""
        place = (heard.key, heard.scanner)
        waiting = self._heard.get(place)
        if waiting is not None:
            self.coalesced += 1
            heard = msgspec.structs.replace(heard, arrived_us=waiting.arrived_us)
        elif len(self._heard) >= self._telemetry_max:
            del self._heard[next(iter(self._heard))]
            self.shed += 1
        self._heard[place] = heard
        self.arrived.set()

    def hear_again(self, readings: Iterable[Heard]) -> None:
        """Readings that were taken in vain wait again, unless a newer one of their pair does."""
        for heard in readings:
            if (heard.key, heard.scanner) not in self._heard:
                self.hear(heard)

    def weigh(self, weighed: Weighed) -> None:
        """Lane B: the newest reading of each scale waits."""
        if self._weighed.pop(weighed.key, None) is not None:
            self.coalesced += 1
        self._weighed[weighed.key] = weighed
        self.arrived.set()

    def weigh_again(self, readings: Iterable[Weighed]) -> None:
        """Readings that were taken in vain wait again, unless a newer one of their scale does."""
        for weighed in readings:
            if weighed.key not in self._weighed:
                self.weigh(weighed)

    def take(self, telemetry_max: int) -> Work:
        """The next batch: what is taken again, then owed rows, then money, then up to `telemetry_max` readings."""
        work = Work()
        while self._again and len(work.items) < MONEY_PER_BATCH_MAX:
            if self._again[0].alone and work.items:
                return work
            item = self._again.popleft()
            self._settle_row(item)
            work.items.append(item)
            if item.alone:
                return work
        if self._again:
            return work
        for _ in range(min(len(self._rows), ROWS_PER_BATCH_MAX)):
            item = self._rows.popleft()
            self._settle_row(item)
            work.items.append(item)
        # A key that is still owed takes nothing newer: its money waits behind its rows.
        held_back: list[Item] = []
        while self._money and len(work.items) < MONEY_PER_BATCH_MAX + ROWS_PER_BATCH_MAX:
            item = self._money.popleft()
            (held_back if item.given.key in self._owed else work.items).append(item)
        self._money.extendleft(reversed(held_back))
        for _ in range(min(telemetry_max, len(self._heard))):
            place = next(iter(self._heard))
            work.heard.append(self._heard.pop(place))
        for _ in range(min(telemetry_max, len(self._weighed))):
            work.weighed.append(self._weighed.pop(next(iter(self._weighed))))
        return work

    def is_owed(self, key: Key) -> bool:
        """True if a Tell row for this entity waits: nothing newer may be stepped before it."""
        return key in self._owed

    def owed_keys(self) -> list[Key]:
        """The entities with Tell rows that wait here."""
        return list(self._owed)

    @property
    def is_empty(self) -> bool:
        """True if nothing waits."""
        return not (self._again or self._rows or self._money or self._heard or self._weighed)

    @property
    def waiting(self) -> int:
        """How many inputs and readings wait."""
        lanes = len(self._again) + len(self._rows) + len(self._money)
        return lanes + len(self._heard) + len(self._weighed)

    def fail_all(self, error: EndcapError) -> None:
        """Tells everybody who waits in lane A that nothing was done. For the end of an engine."""
        for lane in (self._again, self._money):
            while lane:
                lane.popleft().finish(error)

    def _settle_row(self, item: Item) -> None:
        if item.given.row:
            key = item.given.key
            left = self._owed.get(key, 0) - 1
            if left > 0:
                self._owed[key] = left
            else:
                self._owed.pop(key, None)
