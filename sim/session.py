"""A session with a broker that is lost with an error of its own, except where whoever holds it was cancelled.

A cancelled client says goodbye first. Where the broker does not take that, aiomqtt raises MqttError in place of the
cancellation, and a caller that connects again after every loss would go on for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt


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
