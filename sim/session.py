"""A session with a broker, and the end of whoever holds it: aiomqtt loses cancellations in two ways.

A cancelled client says goodbye first; where the broker does not take that, MqttError comes in place of the
cancellation. And it waits by asyncio.wait_for, which before Python 3.12 loses a cancellation that comes in the very
turn in which the wait is over. A caller that connects again after every loss would go on for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt

AGAIN_S = 1.0
"""A task that has not ended so long after it was cancelled is cancelled again."""


@contextlib.asynccontextmanager
async def session(host: str, port: int, **options: Any) -> AsyncIterator[aiomqtt.Client]:
    """An aiomqtt.Client, connected. Raises MqttError when it cannot be or no longer is, CancelledError if cancelled.

    `options` are those of aiomqtt.Client.
    """
    try:
        async with aiomqtt.Client(host, port, **options) as client:
            yield client
    except aiomqtt.MqttError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks until they have ended. What they raise is not told."""
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
