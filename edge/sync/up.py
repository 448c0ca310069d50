"""Outbox to Kafka: one task a stream, money strictly first, one batch in flight."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

import structlog

from edge.sync.link import Link, LinkState
from edge.sync.ports import Line, LineDown, NotesPort, OutboxCursor, OutboxPort, OutboxRow, Outgoing, Refused
from protocols.headers import partition_of, to_headers
from protocols.records import Header
from protocols.topics import UP

PAGE_BYTES = 900_000
"""Records of one batch. A single record is at most 256 KiB, so a page always holds some."""

IDLE_S = 5.0
"""Without a nudge the outbox is looked at this often: a lost nudge costs seconds, not a record."""

RESEND_S = 30.0
RESEND_LONGEST_S = 3600.0
"""Kafka has records which head office does not report: after this long, doubled each time, they are sent again.

That heals a backbone which lost what it had acknowledged, where nothing newer would show head office the gap.
"""

REFUSED_S = 5.0
"""A record that the broker refuses is offered again this often: somebody may have raised the broker's limit."""

STREAMS = ("money", "telemetry")

PARTITION = "partition"
"""The note that keeps this store's partition."""


class Up:
    """Sends what the outbox holds. Hard state is the outbox's two cursors; the rest here is soft."""

    def __init__(
        self,
        store: str,
        key_id: str,
        outbox: OutboxPort,
        notes: NotesPort,
        link: Link,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._key_id = key_id
        self._outbox = outbox
        self._notes = notes
        self._link = link
        self._monotonic_s = monotonic_s
        self._money_idle = asyncio.Event()
        self._money_idle.set()
        self._streams = {name: _Stream(name, self) for name in STREAMS}

    def nudge(self) -> None:
        """There may be something new in the outbox. Called after each commit, costs next to nothing."""
        for stream in self._streams.values():
            stream.nudged.set()

    def replay(self, incarnation: str, stream: str, sequence: int) -> None:
        """Head office misses records from `sequence` on: send them again. Of an unknown stream: does nothing."""
        if stream in self._streams:
            self._streams[stream].rewind(incarnation, sequence - 1)

    def state(self) -> LinkState:
        """What the console shows; the backlog is what Kafka does not have, of all lives and streams."""
        return self._link.state(sum(cursor.head - cursor.acked for cursor in self._outbox.outbox_cursors()))

    def counts(self) -> dict[str, int]:
        """Running totals for metrics."""
        counts: dict[str, int] = {}
        for name, stream in self._streams.items():
            counts[f"{name}_sent"] = stream.sent
            counts[f"{name}_sent_again"] = stream.sent_again
            counts[f"{name}_refused"] = stream.refused  # in a row: 0 while the stream moves
        return counts

    async def run(self) -> None:
        """Holds both streams until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, stream in self._streams.items():
                tasks.create_task(stream.run(), name=f"up {name}")

    async def partition(self, line: Line, topic: str) -> int:
        """The partition of this store: chosen once, then kept, whatever becomes of the topic."""
        noted = self._notes.noted(PARTITION)
        if noted is not None:
            return int(noted)
        partition = partition_of(self._store, await self._link.guarded(line.partitions(topic)))
        await self._notes.note(PARTITION, str(partition))
        return partition

    def outgoing(self, row: OutboxRow) -> Outgoing:
        """A row as Kafka carries it: its bytes as they were chained, and beside them what they are."""
        header = Header(
            store=self._store,
            incarnation=row.incarnation,
            stream=row.stream,
            sequence=row.sequence,
            chain=row.chain,
            schema=row.schema,
            operation=row.operation,
            key_id=self._key_id,
        )
        # `type` is for people and stream processors that filter without decoding.
        return Outgoing(self._store.encode(), row.value, [*to_headers(header), ("type", row.type.encode())])


class _Stream:
    """One stream's way up, over all lives of the database. Soft: where this process has sent each life to."""

    def __init__(self, name: str, up: Up) -> None:
        self.name = name
        self.nudged = asyncio.Event()
        self.sent = 0
        self.sent_again = 0
        self.refused = 0
        self._up = up
        self._topic = UP[name]
        self._positions: dict[str, int] = {}
        self._rewound: dict[str, int] = {}
        self._page_bytes = PAGE_BYTES
        self._waits: dict[str, _Wait] = {}
        self._log = structlog.get_logger("edge.sync.up").bind(stream=name)

    def rewind(self, incarnation: str, position: int) -> None:
        """Everything after `position` is to be sent again. Takes effect before the next batch."""
        lower = min(position, self._rewound.get(incarnation, position))
        self._rewound[incarnation] = max(0, lower)
        self.nudged.set()

    async def run(self) -> NoReturn:
        """Sends for ever; ends only when cancelled."""
        line = self._up._link.line()
        try:
            while True:
                await self._up._link.until_open()
                try:
                    if not await self._once(line):
                        await self._until_nudged()
                except LineDown as error:
                    await line.drop()
                    await asyncio.sleep(self._up._link.failed(str(error)))
                except Refused as error:
                    await line.drop()
                    await self._shrink(str(error))
        finally:
            await line.drop()

    async def _once(self, line: Line) -> bool:
        """Sends one batch if there is one. False if there is nothing to send."""
        self.nudged.clear()
        page = self._next_page()
        if self.name == "money":
            self._tell_telemetry(idle=not page)
        elif page and not self._up._money_idle.is_set():
            await self._up._money_idle.wait()
            return True  # What was read may be old by now.
        if not page:
            return False
        partition = await self._up.partition(line, self._topic)
        began_s = self._up._monotonic_s()
        outgoing = [self._up.outgoing(row) for row in page]
        count = await self._up._link.guarded(line.send(self._topic, partition, outgoing))
        self._up._link.worked((self._up._monotonic_s() - began_s) * 1000)
        await self._sent(page[:count])
        return True

    def _next_page(self) -> Sequence[OutboxRow]:
        """The next records of the oldest life that has some."""
        for cursor in self._up._outbox.outbox_cursors():
            if cursor.stream != self.name:
                continue
            life = cursor.incarnation
            position = self._positions.get(life, cursor.acked)
            if self._wait(life).is_over(cursor.applied, position, self._up._monotonic_s()):
                self._log.warning("sent again: head office has not reported it", after=cursor.applied)
                position = cursor.applied
            # What is applied is gone from the outbox.
            position = max(cursor.applied, self._rewound.pop(life, position))
            self._positions[life] = position
            if cursor.head > position:
                page = self._up._outbox.outbox_page(life, self.name, position, self._page_bytes)
                if page:
                    return page
        return ()

    async def _sent(self, rows: Sequence[OutboxRow]) -> None:
        """Kafka has these. What was sent before and is sent again moves no cursor."""
        life, last = rows[-1].incarnation, rows[-1].sequence
        known = max((c.acked for c in self._cursors() if c.incarnation == life), default=0)
        self.sent += len(rows)
        self.sent_again += sum(1 for row in rows if row.sequence <= known)
        self._up._link.moved(len(rows))
        self._positions[life] = last
        self._page_bytes = PAGE_BYTES
        self.refused = 0
        if last > known:
            await self._up._outbox.mark_acked(life, self.name, last)

    async def _shrink(self, reason: str) -> None:
        """Halves the page until the record that the broker refuses stands alone; then the stream is stuck.

        Only a broker with a limit below ours refuses at all: record sizes are bounded when they are written.
        """
        if self._page_bytes > 1:
            self._page_bytes //= 2
            return
        if not self.refused:
            self._log.error(
                "head office's Kafka refuses a record; raise its max.message.bytes", reason=reason
            )
        self.refused += 1
        if self.name == "money":
            self._tell_telemetry(idle=True)  # It does not wait for a stream that cannot go on.
        await asyncio.sleep(REFUSED_S)

    async def _until_nudged(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await self.nudged.wait()

    def _tell_telemetry(self, *, idle: bool) -> None:
        if idle:
            self._up._money_idle.set()
        else:
            self._up._money_idle.clear()

    def _cursors(self) -> list[OutboxCursor]:
        return [cursor for cursor in self._up._outbox.outbox_cursors() if cursor.stream == self.name]

    def _wait(self, life: str) -> _Wait:
        return self._waits.setdefault(life, _Wait())


class _Wait:
    """How long head office has not reported a stream that Kafka has. Doubles after each time that it was over."""

    def __init__(self) -> None:
        self._applied = -1
        self._since_s = 0.0
        self._limit_s = RESEND_S

    def is_over(self, applied: int, position: int, now_s: float) -> bool:
        """True if what lies between `applied` and `position` should be sent again."""
        if applied != self._applied:
            self._limit_s = RESEND_S
        if applied != self._applied or applied >= position:
            self._applied, self._since_s = applied, now_s
            return False
        if now_s - self._since_s <= self._limit_s:
            return False
        self._since_s = now_s
        self._limit_s = min(RESEND_LONGEST_S, self._limit_s * 2)
        return True
