"""The engine's side of a cell's socket: one batch out at a time, a deadline, and an end that cannot be missed.

Whatever goes wrong (late, closed, garbage, too large) has one consequence: the socket is closed, `take` raises
CellLost, and `on_lost` is called once, also when no batch was out.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, cast

import msgspec

from edge.cells.frames import (
    GREETING_VERSION,
    HEADER_BYTES,
    FrameTooLarge,
    Hello,
    decode_hello,
    framed,
    length_of,
    tcp_place,
    unix_path,
)
from edge.ports import CellLost
from protocols.cells import Answer, Batch, decode_answer

SECOND_LOOK_S = 0.005
"""When the deadline has passed, the socket is read once more: if our own loop stood still, the answer is there."""


class RemoteCell(asyncio.Protocol):
    """A cell in another process. Soft state only: nothing is resent, the engine takes the inputs again."""

    def __init__(self, cell: str, deadline_s: float, on_lost: Callable[[RemoteCell, str], None]) -> None:
        self.cell = cell
        self.hello: Hello | None = None
        self.lost = ""  # why, once it is lost
        self._deadline_s = deadline_s
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._number = 0
        self._waiter: asyncio.Future[Any] | None = None

    @classmethod
    async def connect(
        cls,
        address: str,
        cell: str,
        deadline_s: float,
        on_lost: Callable[[RemoteCell, str], None],
        greeting_s: float = 1.0,
    ) -> RemoteCell:
        """Connects and is greeted, within `greeting_s`, or raises CellLost. `on_lost` is called from then on."""
        loop = asyncio.get_running_loop()
        path = unix_path(address)
        self = cls(cell, deadline_s, _nobody)
        self._waiter = loop.create_future()
        try:
            async with asyncio.timeout(greeting_s):
                if path is not None:
                    await loop.create_unix_connection(lambda: self, path)
                else:
                    await loop.create_connection(lambda: self, *tcp_place(address))
                self.hello = await self._waiter
        except (OSError, TimeoutError) as error:
            self.close(f"no greeting at {address}: {type(error).__name__} {error}")
            raise CellLost(self.lost) from None
        finally:
            self._waiter = None
        self._on_lost = on_lost
        if self.lost:
            raise CellLost(self.lost)
        return self

    async def take(self, batch: Batch) -> Answer:
        """The cell's answer within the deadline, or CellLost and a closed socket."""
        assert self._waiter is None, "one batch in flight a cell"
        if self.lost or self._transport is None:
            raise CellLost(self.lost or "not connected")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Answer] = loop.create_future()
        self._waiter, self._number = waiter, batch.number
        timer: asyncio.TimerHandle | None = None
        try:
            self._transport.write(framed(batch))
            timer = loop.call_later(self._deadline_s, self._late, waiter, time.monotonic() + self._deadline_s)
            return await waiter
        except FrameTooLarge as error:
            self.close(str(error))
            raise CellLost(self.lost) from None
        except asyncio.CancelledError:
            self.close("the engine gave the batch up")  # its answer must not meet the next batch
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._waiter = None

    def close(self, why: str) -> None:
        """Ends the connection and tells everybody who waits. Repeated calls change nothing."""
        if self.lost:
            return
        self.lost = why
        if self._transport is not None:
            self._transport.abort()  # not close(): what a stopped process has not read must not be waited for
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(CellLost(why))
        self._on_lost(self, why)

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        # uvloop's transports are no subclass of asyncio's: they only have the same methods.
        self._transport = cast(asyncio.Transport, transport)
        if self.lost:
            self._transport.abort()
            return
        line = transport.get_extra_info("socket")
        if line is not None and line.family in (socket.AF_INET, socket.AF_INET6):
            # Without it p99 is 40 ms: Nagle on our side, delayed acknowledgements on the other.
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Gathers one frame. Anything that nobody asked for ends the connection."""
        if self.lost:
            return
        self._buffer += data
        try:
            if len(self._buffer) < HEADER_BYTES:
                return
            end = HEADER_BYTES + length_of(self._buffer)
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[HEADER_BYTES:end])
            del self._buffer[:end]
            self._frame(payload)
        except (FrameTooLarge, msgspec.DecodeError, RecursionError) as error:
            self.close(f"sent nonsense: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        """The other side closed, or died."""
        self.close(f"closed its socket{f': {error}' if error else ''}")

    def _frame(self, payload: bytes) -> None:
        if self._waiter is None or self._waiter.done() or self._buffer:
            self.close("sent what nobody asked for")
        elif self.hello is None:
            hello = decode_hello(payload)
            if hello.cell != self.cell or hello.version != GREETING_VERSION:
                self.close(f"greeted as cell '{hello.cell}', version {hello.version}")
            else:
                self.hello = hello
                self._waiter.set_result(hello)
        else:
            answer = decode_answer(payload)
            if answer.number != self._number:
                self.close(f"answered batch {answer.number} instead of {self._number}")
            else:
                self._waiter.set_result(answer)

    def _late(self, waiter: asyncio.Future[Answer], due: float | None) -> None:
        """The deadline may have passed; without `due` it has, and the socket was looked at once more."""
        if waiter.done():
            return
        loop = asyncio.get_running_loop()
        if due is None:
            self.close(f"no answer within {self._deadline_s * 1_000:.0f} ms")
        elif (left_s := due - time.monotonic()) > 0:
            # uvloop counts from when its present round began, which may have been long before the batch.
            loop.call_later(left_s, self._late, waiter, due)
        else:
            loop.call_later(SECOND_LOOK_S, self._late, waiter, None)


def _nobody(_: RemoteCell, __: str) -> None:
    """Before the greeting nobody relies on the connection: `connect` itself raises."""
