"""One WebSocket: what is newer goes out, heartbeats come in, and anything else closes it with a reason.

A heartbeat names the version that the page shows; a page that is behind is sent the current message again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from edge.web.bodies import decoded
from edge.web.channels import Subscription
from edge.web.refusals import Counts
from protocols.codec import JsonDecoder
from protocols.errors import EndcapError, Nonsense, TooLarge

FRAME_BYTES_MAX = 4 * 1024
"""Largest frame that a page may send. A heartbeat has forty bytes."""

BEATS_MAX = 30
"""Heartbeats within `BEATS_WINDOW_S`. A page sends one in five seconds; more is no page of ours."""

BEATS_WINDOW_S = 10.0

CLOSE_HOSTILE = 1008
CLOSE_NOT_NOW = 1013


class Beat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page sends: the version that it shows."""

    version: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0


_beat: JsonDecoder[Beat] = JsonDecoder(Beat, bytes_max=FRAME_BYTES_MAX)

Behind = Callable[[Beat], Sequence[bytes]]
"""What to send a page that shows this version: nothing when it is up to date."""


async def attend(
    socket: WebSocket[Any, Any, Any],
    page: str,
    counts: Counts,
    listen: Callable[[], Subscription],
    behind: Behind,
) -> None:
    """Serves one page until it goes. `behind` gives the first messages too."""
    if not same_origin(socket):
        counts.frames_refused.labels("origin").inc()
        await socket.close(code=CLOSE_HOSTILE, reason="open this page from the store itself")
        return
    await socket.accept()
    try:
        subscription = listen()
    except EndcapError as error:
        counts.frames_refused.labels(error.code).inc()
        await socket.close(code=CLOSE_NOT_NOW, reason=error.reason)
        return
    counts.pages_open.labels(page).inc()
    try:
        await _serve(socket, counts, subscription, behind)
    finally:
        counts.pages_open.labels(page).dec()
        subscription.close()


async def _serve(
    socket: WebSocket[Any, Any, Any], counts: Counts, subscription: Subscription, behind: Behind
) -> None:
    again: asyncio.Queue[Beat] = asyncio.Queue(1)
    again.put_nowait(Beat())
    async with asyncio.TaskGroup() as tasks:
        out = [
            tasks.create_task(_send_newer(socket, subscription), name="ws newer"),
            tasks.create_task(_send_behind(socket, again, behind), name="ws behind"),
        ]
        try:
            await _hear(socket, again)
        except EndcapError as error:
            counts.frames_refused.labels(error.code).inc()
            with contextlib.suppress(
                Exception
            ):  # the other side may be gone already: nothing is left to tell
                await socket.close(code=CLOSE_HOSTILE, reason=error.reason[:120])
        finally:
            for task in out:
                task.cancel()


async def _send_newer(socket: WebSocket[Any, Any, Any], subscription: Subscription) -> None:
    async for _, message in subscription:
        if not await _sent(socket, message):
            return


async def _send_behind(socket: WebSocket[Any, Any, Any], again: asyncio.Queue[Beat], behind: Behind) -> None:
    while True:
        for message in behind(await again.get()):
            if not await _sent(socket, message):
                return


async def _sent(socket: WebSocket[Any, Any, Any], message: bytes) -> bool:
    """False once the page is gone; the listener learns that too and ends the rest."""
    try:
        await socket.send_data(message, mode="text")
    except Exception as error:
        if isinstance(error, (WebSocketDisconnect, RuntimeError, OSError)) or "closed" in str(error).lower():
            return False
        raise
    return True


async def _hear(socket: WebSocket[Any, Any, Any], again: asyncio.Queue[Beat]) -> None:
    """Takes heartbeats until the page goes. Raises what a hostile frame deserves."""
    heard: list[float] = []
    while True:
        try:
            frame = await socket.receive_data(mode="text")
        except WebSocketDisconnect:
            return
        except (KeyError, UnicodeDecodeError):
            raise Nonsense("send text frames") from None
        if not isinstance(frame, str):
            raise Nonsense("send text frames")
        if len(frame) > FRAME_BYTES_MAX:
            raise TooLarge(f"a frame is at most {FRAME_BYTES_MAX} bytes")
        now = monotonic()
        heard = [at for at in heard if at > now - BEATS_WINDOW_S] + [now]
        if len(heard) > BEATS_MAX:
            raise Nonsense(f"at most {BEATS_MAX} messages in {BEATS_WINDOW_S:g} s")
        beat = decoded(frame.encode("utf-8", "surrogatepass"), _beat)
        if not again.full():  # one asks already: its answer will be as new
            again.put_nowait(beat)


def same_origin(socket: WebSocket[Any, Any, Any]) -> bool:
    """True unless a browser says that another site's page opened this."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host", "")
