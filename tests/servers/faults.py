"""A TCP proxy on loopback that does to a connection what a bad line does.

Each fault is a setter named for it and lasts until `heal()`. A fault acts on the connections that are open
and on those to come. The proxy lives on the loop of the test that opened it and holds no thread.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Protocol, Self

import pytest

CHUNK_BYTES = 64 * 1024
IN_FLIGHT_CHUNKS = (
    256  # chunks that a delayed direction holds; past that it stops reading, as a full pipe does
)


class FaultProxy:
    """`async with FaultProxy(port) as wan:` connect to `wan.port` instead of `port`.

    cut()                  resets what is open and refuses what comes: the line is known to be down
    black_hole()           accepts and keeps connections, and moves no byte: the line is silent. Bytes already
                           sent are not lost, they come through after `heal()`, as TCP would send them again
    delay_ms = 300         holds every byte so long, each way: a round trip takes twice that
    cut_after_bytes(n)     lets n more bytes through to the server and cuts in the middle of whatever that is
    heal()                 none of these any more
    """

    def __init__(self, target_port: int, *, listen_port: int = 0, target_host: str = "127.0.0.1") -> None:
        self.host = "127.0.0.1"
        self.port = listen_port
        self.delay_ms = 0.0
        self.accepted = 0  # connections since the start, for tests that count reconnects
        self._target = (target_host, target_port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._bytes_left: int | None = None
        self._is_cut = False

    @property
    def address(self) -> str:
        """`127.0.0.1:<port>`."""
        return f"{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many clients are connected through it now."""
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._deafen()
        self._reset()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self) -> None:
        """Resets every open connection and refuses new ones."""
        self._is_cut = True
        self._deafen()
        self._reset()

    def black_hole(self) -> None:
        """Stops every byte, both ways, without closing anything."""
        self._flows.clear()

    def cut_after_bytes(self, count: int) -> None:
        """Cuts once `count` more bytes have gone to the server, over all connections together."""
        assert count > 0
        self._bytes_left = count

    async def heal(self) -> None:
        """Ends every fault; the port is the same as before."""
        self.delay_ms = 0.0
        self._bytes_left = None
        self._flows.set()
        if self._is_cut:
            self._is_cut = False
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _reset(self) -> None:
        for writer in list(self._open):
            _abort(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            if self._is_cut:  # It was in the listener's queue when the line went.
                raise ConnectionResetError("cut")
            back, onward = await asyncio.open_connection(*self._target)
            self._open.add(onward)
            for end in (writer, onward):
                end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, onward, counted=True), name="proxy up")
                pumps.create_task(self._pump(back, writer, counted=False), name="proxy down")
        except* OSError:
            # Either end may go at any time, and the other one is reset, which is what it would see.
            for end in filter(None, (writer, onward)):
                _abort(end)
        finally:
            for end in filter(None, (writer, onward)):
                end.close()
                self._open.discard(end)
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        """Moves one direction until its sender says goodbye, then says goodbye to its receiver."""
        loop = asyncio.get_running_loop()
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT_CHUNKS)

        async def read() -> None:
            chunk = b"first"
            while chunk:
                await self._flows.wait()
                chunk = await reader.read(CHUNK_BYTES)
                await held.put((loop.time() + self.delay_ms / 1000, chunk))

        async def write() -> None:
            while True:
                due, chunk = await held.get()
                await asyncio.sleep(due - loop.time())
                await self._flows.wait()
                if counted:
                    chunk = await self._count(chunk, writer)
                if not chunk:
                    break
                writer.write(chunk)
                await writer.drain()
            with contextlib.suppress(OSError):
                writer.write_eof()

        async with asyncio.TaskGroup() as both:
            both.create_task(read(), name="proxy read")
            both.create_task(write(), name="proxy write")

    async def _count(self, chunk: bytes, writer: asyncio.StreamWriter) -> bytes:
        """What of the chunk may still go; when the count runs out, that part goes and the line is cut."""
        if self._bytes_left is None or len(chunk) < self._bytes_left:
            if self._bytes_left is not None:
                self._bytes_left -= len(chunk)
            return chunk
        writer.write(chunk[: self._bytes_left])
        self._bytes_left = None
        await writer.drain()
        self.cut()
        raise ConnectionResetError("cut after so many bytes")


def _abort(writer: asyncio.StreamWriter) -> None:
    """Closes with a reset, not a goodbye, and throws away what was not sent."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()


class Wan(Protocol):
    """The type of the fixture `wan`."""

    async def __call__(self, target_port: int, listen_port: int = 0) -> FaultProxy:
        """A proxy before a loopback port, closed when the test ends."""
        ...


@pytest.fixture
async def wan() -> AsyncIterator[Wan]:
    """Puts the WAN switch before any loopback port: `line = await wan(broker.port)`, then use `line.port`."""
    async with contextlib.AsyncExitStack() as stack:

        async def before(target_port: int, listen_port: int = 0) -> FaultProxy:
            return await stack.enter_async_context(FaultProxy(target_port, listen_port=listen_port))

        yield before
