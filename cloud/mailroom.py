"""Publishes numbered mail in order to each store's mailbox, receipts, and parked messages to their topic.

A crash after a send and before its mark sends again: stores drop mail that they have by its number. So two
mailrooms at once are harmless too; mail n+1 leaves nowhere before Kafka had mail n.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import NoReturn

import msgspec
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.db import mail
from cloud.ports import LinkDown, NoSuchTopic, Post, Posted
from cloud.worker import Backoff
from protocols.codec import to_msgpack
from protocols.headers import NUMBER
from protocols.mail import Envelope, Mail, Receipt
from protocols.topics import PARKED, down

LOOK_S = 0.5
"""Without a nudge, as when workers are other processes, mail is looked for this often."""

RECEIPT_S = 1.0
"""A store hears of its receipts at most this often, unless mail goes to it anyway."""

CLOSED_S = 60.0
"""A mailbox that was never made is left alone for so long, so that the others are not kept waiting."""

_decode_mail = msgspec.msgpack.Decoder(Mail).decode


class Mailroom:
    """Hard state: which mail is published, in the database. Soft: the receipts that were told."""

    def __init__(self, engine: Engine, post: Post) -> None:
        self._engine = engine
        self._post = post
        self._nudged = asyncio.Event()
        self._told: dict[str, tuple[Receipt, ...]] = {}
        self._told_at_s = 0.0
        self._closed_until_s: dict[str, float] = {}
        self._backoff = Backoff("the mailroom")
        self.published = 0

    def nudge(self) -> None:
        """There is new mail."""
        self._nudged.set()

    async def run(self) -> NoReturn:
        """Publishes until cancelled."""
        try:
            while True:
                try:
                    await self._round()
                    self._backoff.worked()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self._nudged.wait()
                except (LinkDown, SQLAlchemyError) as error:
                    await self._backoff.failed(f"{type(error).__name__}: {error}".partition("\n")[0])
        finally:
            await self._post.drop()

    async def _round(self) -> None:
        self._nudged.clear()
        receipts = await asyncio.to_thread(mail.receipts, self._engine)
        for store in await asyncio.to_thread(mail.stores_with_mail, self._engine):
            await self._deliver(store, receipts.get(store, ()))
        if time.monotonic() - self._told_at_s >= RECEIPT_S:
            self._told_at_s = time.monotonic()
            for store, some in receipts.items():
                if some == self._told.get(store):
                    continue
                if await self._publish(store, [Posted(b"", to_msgpack(Envelope(0, some[0], some)), [])]):
                    self._told[store] = some
        await self._publish_parked()

    async def _deliver(self, store: str, receipts: tuple[Receipt, ...]) -> None:
        """All of one store's mail. The receipts were read before it, so they may be old, never too new."""
        while waiting := await asyncio.to_thread(mail.waiting, self._engine, store):
            messages = [
                Posted(
                    b"",
                    to_msgpack(Envelope(one.number, _decode_mail(one.value), receipts)),
                    [(NUMBER, b"%d" % one.number)],
                )
                for one in waiting
            ]
            sent = await self._publish(store, messages)
            if not sent:
                return
            await asyncio.to_thread(mail.mark_published, self._engine, store, waiting[sent - 1].number)
            self._told[store] = receipts
            self.published += sent

    async def _publish(self, store: str, messages: list[Posted]) -> int:
        """Sends to one mailbox. One that was never made waits alone."""
        if self._closed_until_s.get(store, 0.0) > time.monotonic():
            return 0
        try:
            return await self._post.publish(down(store), messages)
        except NoSuchTopic as error:
            if store not in self._closed_until_s:
                structlog.get_logger("cloud").error("a store has no mailbox", store=store, reason=str(error))
            self._closed_until_s[store] = time.monotonic() + CLOSED_S
            return 0

    async def _publish_parked(self) -> None:
        for reference, reason, value in await asyncio.to_thread(mail.parked_to_publish, self._engine):
            headers = [("reason", reason.encode()), ("reference", b"%d" % reference)]
            await self._post.publish(PARKED, [Posted(b"", value, headers)])
            await asyncio.to_thread(mail.mark_parked_published, self._engine, reference)
