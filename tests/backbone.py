"""A Kafka in memory, for tests of what stands on a line: it keeps the contract, and fails when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from edge.sync.ports import Arrived, LineDown, OffsetLost, Outgoing, Refused


class Backbone:
    """Logs by topic and partition. Faults are setters named for what they do."""

    def __init__(self, partitions: int = 4) -> None:
        self.count = partitions
        self.logs: dict[tuple[str, int], list[Outgoing]] = {}
        self.down = False
        self.lose_acks = 0
        self.batch_max = 1_000
        self.poison: bytes | None = None
        self.hang = False
        self.connected = 0
        self.arrived = asyncio.Event()

    def line(self) -> MemoryLine:
        """One more connection."""
        return MemoryLine(self)

    def log(self, topic: str, partition: int) -> list[Outgoing]:
        """What a partition holds."""
        return self.logs.setdefault((topic, partition), [])

    def put(self, topic: str, partition: int, messages: Sequence[Outgoing]) -> None:
        """Appends, as another writer would."""
        self.log(topic, partition).extend(messages)
        self.arrived.set()


class MemoryLine:
    """One connection to a Backbone."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self._connected = False
        self.drops = 0

    async def partitions(self, topic: str) -> int:
        await self._connect()
        return self._backbone.count

    async def send(self, topic: str, partition: int, messages: Sequence[Outgoing]) -> int:
        await self._connect()
        taken = list(messages[: self._backbone.batch_max])
        if self._backbone.poison is not None and any(m.value == self._backbone.poison for m in taken):
            raise Refused("the broker does not take this record")
        self._backbone.put(topic, partition, taken)
        if self._backbone.lose_acks:
            self._backbone.lose_acks -= 1
            raise LineDown("the acknowledgement was lost")
        return len(taken)

    async def fetch(self, topic: str, partition: int, offset: int | None, wait_s: float) -> list[Arrived]:
        await self._connect()
        log = self._backbone.log(topic, partition)
        start = 0 if offset is None else offset
        if start > len(log):
            raise OffsetLost(f"the log ends at {len(log)}")
        if start == len(log):
            self._backbone.arrived.clear()
            try:
                await asyncio.wait_for(self._backbone.arrived.wait(), wait_s)
            except TimeoutError:
                return []
        return [Arrived(n, m.value, m.headers) for n, m in list(enumerate(log))[start : start + 500]]

    async def ping(self, topic: str, partition: int) -> int:
        await self._connect()
        return len(self._backbone.log(topic, partition))

    async def drop(self) -> None:
        self.drops += 1
        if self._connected:
            self._connected = False
            self._backbone.connected -= 1

    async def _connect(self) -> None:
        if self._backbone.hang:
            await asyncio.Event().wait()
        if self._backbone.down:
            await self.drop()
            raise LineDown("nobody there")
        if not self._connected:
            self._connected = True
            self._backbone.connected += 1
        await asyncio.sleep(0)
