"""Which entities live where: a seat is a cell as the engine sees it, with its inbox and what it holds.

Soft state only. A seat knows of each entity in its cell the version that the cell has; when another life stands
behind the cell's name, it holds nothing, and everything is loaded again on demand.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from edge.inbox import Inbox
from protocols.cells import Load
from protocols.facts import Fact
from protocols.ids import Key

TURNS_PER_LOAD_MAX = 500
"""After so many turns an entity is loaded again, so that the journal holds its state and any window replays."""

LOAD_AGE_MAX_MS = 24 * 3_600_000
"""After a day as well, whatever it did: the journal's oldest rows are pruned, and with them old loads.

Open visits are left alone: they are shorter than the journal is long, and loading one again would make its
presence start anew.
"""

STEPPING_TARGET_US = 3_000
"""How long a batch of telemetry may be stepped: the next batch is sized by what the last ones took."""

TELEMETRY_PER_BATCH_MIN = 32
TELEMETRY_PER_BATCH_MAX = 900
"""Readings in one batch: the upper end keeps a batch below `BATCH_BYTES_MAX` at about 100 bytes a reading."""

RETURNING_MAX = 200
"""Open visits that are loaded with one batch after a cell was lost or moved."""

NO_LIFE = -1


@dataclass(slots=True)
class Resident:
    """One entity in the cell. `load` is set until a turn has journalled the state that it was loaded with."""

    version: int
    load: Load | None
    loaded_at_ms: int
    turns: int = 0


class Seat:
    """One cell: its inbox, what it holds, which facts it lacks, and whether a batch is out."""

    def __init__(self, name: str, inbox: Inbox, entities_max: int, *, spends: bool) -> None:
        self.name = name
        self.inbox = inbox
        self.spends = spends  # True for the one cell that spends from pools
        self.life = NO_LIFE
        self.residents: OrderedDict[Key, Resident] = OrderedDict()
        self.number = 0
        self.busy = False
        self.is_wanted = False
        self.lost_in_a_row = 0
        self.again_s = 0.0  # how soon the cell wants a batch though nothing arrives; 0 if that can wait
        self._free = asyncio.Event()
        self._free.set()
        self._entities_max = entities_max
        self._forget: dict[Key, None] = {}
        self._facts: dict[tuple[str, str], Fact] = {}
        self._returning: deque[Key] = deque()
        self._us_per_reading = 20.0

    async def acquire(self) -> None:
        """Waits until no batch is out, and marks one as out. Whoever waits here comes before any other group."""
        while self.busy:
            self.is_wanted = True
            await self._free.wait()
        self.is_wanted = False
        self.take_now()

    def take_now(self) -> None:
        """Marks a batch as out. Only when none is."""
        assert not self.busy
        self.busy = True
        self._free.clear()

    def release(self) -> None:
        """The batch was committed, or given up."""
        self.busy = False
        self._free.set()

    def begin(self, life: int, facts: Iterable[Fact], visits: Callable[[], Iterable[Key]]) -> bool:
        """Called before each batch. True if another life stands behind the name: it holds nothing.

        `visits` are the open ones: they return to the cell in portions, so that their silence is noticed even
        if nobody of them is ever heard again.
        """
        if life == self.life:
            return False
        self.life = life
        self.residents.clear()
        self._returning = deque(visits())
        self._forget.clear()
        self._facts = {(fact.book, fact.key): fact for fact in facts}
        return True

    @property
    def ticks(self) -> bool:
        """True if a batch must go out even when nothing arrives: somebody is there, or nobody has looked yet."""
        return bool(self.residents or self._returning) or self.life == NO_LIFE

    def returning(self) -> list[Key]:
        """The next portion of open visits that the cell does not hold yet."""
        portion: list[Key] = []
        while self._returning and len(portion) < RETURNING_MAX:
            if (key := self._returning.popleft()) not in self.residents:
                portion.append(key)
        if self._returning:
            self.inbox.arrived.set()
        return portion

    def lose(self) -> None:
        """The cell is gone."""
        self.life = NO_LIFE

    def knows(self, facts: Iterable[Fact]) -> None:
        """Facts that were just committed go out with the next batch, the newest of each key."""
        for fact in facts:
            self._facts[fact.book, fact.key] = fact

    def facts_to_send(self) -> list[Fact]:
        """Facts that the cell does not have yet."""
        return list(self._facts.values())

    def facts_sent(self, sent: Iterable[Fact]) -> None:
        """The cell has these now."""
        for fact in sent:
            if self._facts.get((fact.book, fact.key)) is fact:
                del self._facts[fact.book, fact.key]

    def touch(self, key: Key, now_ms: int) -> bool:
        """Marks an entity as used now. False if the cell does not hold it, or must load it again."""
        resident = self.residents.get(key)
        if resident is None:
            return False
        is_old = resident.turns >= TURNS_PER_LOAD_MAX or now_ms - resident.loaded_at_ms >= LOAD_AGE_MAX_MS
        if is_old and not key.startswith("shopper:"):
            self.drop((key,))
            return False
        self.residents.move_to_end(key)
        return True

    def admit(self, load: Load, now_ms: int) -> None:
        """The cell holds this entity with the next batch."""
        self.residents[load.key] = Resident(load.version, load, now_ms)

    def drop(self, keys: Iterable[Key]) -> None:
        """The cell must forget these with the next batch: what it holds of them was never committed."""
        for key in keys:
            if self.residents.pop(key, None) is not None:
                self._forget[key] = None
                if key.startswith("shopper:"):
                    # A visit that nobody hears of again must still end: it returns with the next batch.
                    self._returning.append(key)
                    self.inbox.arrived.set()

    def keys_to_forget(self, needed: set[Key]) -> list[Key]:
        """What to forget now: what was dropped, and the least recently used above the limit.

        Open visits stay above the limit too: they end by silence, which only their cell can notice.
        """
        excess = len(self.residents) - self._entities_max
        if excess > 0:
            idle = (key for key in self.residents if key not in needed and not key.startswith("shopper:"))
            self.drop(list(islice(idle, excess)))
        forget = list(self._forget)
        self._forget.clear()
        return forget

    @property
    def telemetry_per_batch(self) -> int:
        """How many readings the next batch may hold."""
        fits = int(STEPPING_TARGET_US / self._us_per_reading)
        return max(TELEMETRY_PER_BATCH_MIN, min(TELEMETRY_PER_BATCH_MAX, fits))

    def measured(self, readings: int, took_us: float) -> None:
        """A batch with so many readings took so long: a running mean over about ten batches."""
        if readings >= TELEMETRY_PER_BATCH_MIN:
            self._us_per_reading += 0.1 * (max(1.0, took_us / readings) - self._us_per_reading)
