"""What synchronising needs from others: the store's outbox and mailbox cursor, and a line to Kafka.

Reads of the database are plain calls that see committed data only; writes are awaited and done by its one
writer. `Line` is one connection to the backbone: whoever meets an error on it throws it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from protocols.headers import Headers


class LineDown(Exception):
    """Nothing is known of what was under way; the line is to be thrown away and tried again later."""


class Refused(Exception):
    """The backbone will never take this batch as it is. A smaller one may pass."""


class OffsetLost(Exception):
    """The log has nothing at this offset any more, or not yet: it was pruned, or is another log."""


class OutboxRow(Protocol):
    """One numbered record, its bytes as they were chained."""

    @property
    def incarnation(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def chain(self) -> bytes: ...
    @property
    def schema(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def value(self) -> bytes: ...


class OutboxCursor(Protocol):
    """How far one stream of one life has come: numbered, in Kafka, applied by head office."""

    @property
    def incarnation(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def head(self) -> int: ...
    @property
    def acked(self) -> int: ...
    @property
    def applied(self) -> int: ...


class OutboxPort(Protocol):
    """The outbox of the store's database. Numbers run per life and stream, from 1 and without holes."""

    def outbox_cursors(self) -> Sequence[OutboxCursor]:
        """Every stream of every life that still has something to send or to hear of, the oldest life first."""

    def outbox_page(self, incarnation: str, stream: str, after: int, bytes_max: int) -> Sequence[OutboxRow]:
        """The records of a stream that follow number `after`, in order: at least one if there is any."""

    async def mark_acked(self, incarnation: str, stream: str, sequence: int) -> object:
        """Kafka has everything up to `sequence`. A lower one than before changes nothing."""

    async def mark_applied(self, incarnation: str, stream: str, sequence: int) -> object:
        """Head office has everything up to `sequence`. A lower one than before changes nothing."""


class MailboxPort(Protocol):
    """Where the store's database stands in its mailbox."""

    def mail_number(self) -> int:
        """The number of the newest mail that was committed, 0 if none."""


class NotesPort(Protocol):
    """Small texts kept across starts: the stored partition, and where in the mailbox's log to read on."""

    def noted(self, name: str) -> str | None:
        """What was kept under this name."""

    async def note(self, name: str, value: str) -> None:
        """Keeps a small text."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to Kafka."""

    key: bytes
    value: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message from Kafka."""

    offset: int
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Line(Protocol):
    """One connection to the backbone. Every call is time-boxed and raises LineDown when it fails."""

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has. Raises LineDown too while there is no such topic."""

    async def send(self, topic: str, partition: int, messages: Sequence[Outgoing]) -> int:
        """Sends one batch and returns how many of the messages, from the first on, it held: all are kept now.

        After LineDown any of them may be kept. Raises Refused if the broker will never take the batch.
        """

    async def fetch(self, topic: str, partition: int, offset: int | None, wait_s: float) -> list[Arrived]:
        """What the log has from `offset` on (None: from its beginning), or nothing after `wait_s`.

        Raises OffsetLost if the log has no such offset.
        """

    async def ping(self, topic: str, partition: int) -> int:
        """The end of the log, asked of the broker: an empty fetch does not tell a silent line from an idle one."""

    async def drop(self) -> None:
        """Closes every connection at once, whatever is under way. The line may be used again: it reconnects."""
