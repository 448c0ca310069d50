"""Mailbox to the engine: mail in order and once, by its number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import structlog

from edge.sync.link import Link
from edge.sync.ports import (
    Arrived,
    Line,
    LineDown,
    MailboxPort,
    NotesPort,
    OffsetLost,
    OutboxCursor,
    OutboxPort,
    Refused,
)
from edge.sync.up import Up
from protocols.codec import MsgpackDecoder
from protocols.errors import Nonsense, NotNow
from protocols.headers import number_of
from protocols.mail import Envelope, Receipt, ReplayOrdered
from protocols.topics import down

WAIT_S = 1.0
"""How long one fetch waits for mail."""

PING_S = 3.0
"""With no mail for so long the broker is asked for a sign of life, so that a silent line is noticed."""

MAILBOX_PARTITION = 0

OFFSET = "mail_offset"
"""The note that says where in the log to read on."""

_decode: MsgpackDecoder[Envelope] = MsgpackDecoder(Envelope)


class Down:
    """Reads this store's mailbox and hands each envelope to `apply` once, in order of its number.

    `apply` commits the envelope's number together with what the mail changed; until it returns, the mail is not
    taken, and after a crash it comes again. The offset kept beside the number is a short cut only.
    """

    def __init__(
        self,
        store: str,
        mailbox: MailboxPort,
        outbox: OutboxPort,
        notes: NotesPort,
        link: Link,
        up: Up,
        apply: Callable[[Envelope], Awaitable[None]],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = down(store)
        self._outbox = outbox
        self._notes = notes
        self._link = link
        self._apply = apply
        self._up = up
        self._monotonic_s = monotonic_s
        self._number = mailbox.mail_number()
        self._offset: int | None = None
        self._from_start = False
        self._heard_s = 0.0
        self.taken = 0
        self.repeated = 0
        self.missed = 0
        self.nonsense = 0
        self._log = structlog.get_logger("edge.sync.down")

    async def run(self) -> NoReturn:
        """Reads for ever; ends only when cancelled."""
        noted = self._notes.noted(OFFSET)
        self._offset = int(noted) if noted else None
        line = self._link.line()
        try:
            while True:
                await self._link.until_open()
                try:
                    await self._once(line)
                except (LineDown, Refused) as error:
                    await line.drop()
                    await asyncio.sleep(self._link.failed(str(error)))
                except OffsetLost as error:
                    await line.drop()
                    self._restart(str(error))
        finally:
            await line.drop()

    async def _once(self, line: Line) -> None:
        """One fetch, and all that it brought."""
        arrived = await self._link.guarded(line.fetch(self._topic, MAILBOX_PARTITION, self._offset, WAIT_S))
        now_s = self._monotonic_s()
        if not arrived:
            if now_s - self._heard_s > PING_S:
                await self._link.guarded(line.ping(self._topic, MAILBOX_PARTITION))
                self._heard_s = self._monotonic_s()
                self._link.worked((self._heard_s - now_s) * 1000)
            return
        self._heard_s = now_s
        self._link.worked()
        envelopes = [envelope for message in arrived if (envelope := self._open(message)) is not None]
        await self._receive(envelopes)
        for envelope in envelopes:
            await self._take(envelope)
        self._offset = arrived[-1].offset + 1
        await self._notes.note(OFFSET, str(self._offset))

    def _open(self, message: Arrived) -> Envelope | None:
        """One message, unless it is a repeat: the usual case after a restart on either side."""
        number = number_of(message.headers)
        if number and number <= self._number:
            self.repeated += 1
            return None
        try:
            return _decode(message.value)
        except Nonsense as error:
            # Head office's fault; nothing here can mend it, and later mail must not wait for it.
            self.nonsense += 1
            self._log.error("mail that cannot be read", offset=message.offset, reason=str(error))
            return None

    async def _take(self, envelope: Envelope) -> None:
        """Applies numbered mail that is new. Unnumbered mail is receipts alone, which were taken already."""
        if not envelope.number:
            return
        if envelope.number <= self._number:
            self.repeated += 1
            return
        if envelope.number > self._number + 1:
            if not self._from_start:
                raise OffsetLost(f"mail {self._number + 1} is missing before {envelope.number}")
            # Read from the beginning already: this mail is gone from the log. Each kind of mail is whole.
            self.missed += envelope.number - self._number - 1
            self._log.error("mail is missing", number=self._number + 1, next=envelope.number)
        if isinstance(envelope.mail, ReplayOrdered):
            self._up.replay(envelope.mail.incarnation, envelope.mail.stream, envelope.mail.sequence)
        await self._until_applied(envelope)
        self._number = envelope.number
        self.taken += 1

    async def _until_applied(self, envelope: Envelope) -> None:
        """The engine may be full for a moment: mail waits, it is in the log."""
        while True:
            try:
                await self._apply(envelope)
                return
            except NotNow as refusal:
                await asyncio.sleep(refusal.retry_after_s)

    async def _receive(self, envelopes: Sequence[Envelope]) -> None:
        """Receipts are cumulative, so of all that came together the highest count, once."""
        highest: dict[tuple[str, str], int] = {}
        for envelope in envelopes:
            receipts = (
                [*envelope.receipts, envelope.mail]
                if isinstance(envelope.mail, Receipt)
                else envelope.receipts
            )
            for receipt in receipts:
                key = (receipt.incarnation, receipt.stream)
                highest[key] = max(receipt.applied, highest.get(key, 0))
        for (life, stream), applied in highest.items():
            cursor = self._cursor(life, stream)
            # One of another life than this database had, or of a newer release's stream, is not ours to mark.
            if cursor is not None and cursor.applied < applied:
                await self._outbox.mark_applied(life, stream, applied)

    def _cursor(self, life: str, stream: str) -> OutboxCursor | None:
        for cursor in self._outbox.outbox_cursors():
            if (cursor.incarnation, cursor.stream) == (life, stream):
                return cursor
        return None

    def _restart(self, reason: str) -> None:
        """The log is not the one that the cursor belongs to, or lost its beginning: read all of it."""
        self._log.warning("the mailbox is read from its beginning", reason=reason)
        self._offset = None
        self._from_start = True
