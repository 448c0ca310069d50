"""Who is told that something is newer: a slot a channel for each listener, newest wins.

A slow page costs one message a channel, never a queue: what it missed is what it no longer needs.
Soft state; a page that reconnects is sent the current message first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocols.errors import NotNow

LISTENERS_MAX = 2_000
"""Pages that may listen at once. Above it a new one is told "not now" and tries again."""


class Subscription:
    """One listener. `async for channel, message in subscription` gives the newest of each channel once."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._waiting: dict[str, bytes] = {}
        self._something = asyncio.Event()
        self._close = close
        self.replaced = 0

    def offer(self, channel: str, message: bytes) -> None:
        """Puts a message in the channel's slot; one that still lies there is replaced and counted."""
        if channel in self._waiting:
            self.replaced += 1
        self._waiting[channel] = message
        self._something.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> tuple[str, bytes]:
        await self._something.wait()
        channel = next(iter(self._waiting))
        message = self._waiting.pop(channel)
        if not self._waiting:
            self._something.clear()
        return channel, message

    def close(self) -> None:
        """Stops listening. Closing twice is fine."""
        self._close()


class Channels:
    """The store's side: `publish` never waits."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Subscription]] = {}
        self._count = 0

    def subscribe(self, *channels: str) -> Subscription:
        """Listens to these channels until closed. Raises NotNow when too many pages are open."""
        if self._count >= LISTENERS_MAX:
            raise NotNow(f"{LISTENERS_MAX} pages are open; close some", retry_after_s=5)
        subscription = Subscription(lambda: self._drop(subscription, channels))
        for channel in channels:
            self._listeners.setdefault(channel, set()).add(subscription)
        self._count += 1
        return subscription

    def publish(self, channel: str, message: bytes) -> None:
        """Hands the newest message of a channel to whoever listens."""
        for subscription in self._listeners.get(channel, ()):
            subscription.offer(channel, message)

    def listened(self, channel: str) -> bool:
        """True if anybody listens: what nobody reads need not be encoded."""
        return channel in self._listeners

    def listeners(self) -> int:
        """Pages that listen now."""
        return self._count

    def _drop(self, subscription: Subscription, channels: tuple[str, ...]) -> None:
        gone = False
        for channel in channels:
            among = self._listeners.get(channel)
            if among is None or subscription not in among:
                continue
            among.discard(subscription)
            gone = True
            if not among:
                del self._listeners[channel]
        if gone:
            self._count -= 1
