"""What can go wrong on a cell's socket, and the one consequence that each of it has: CellLost, and it is closed."""

import asyncio
import contextlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from edge.cells.frames import HEADER_BYTES, BadAddress, FrameTooLarge, Hello, framed, length_of, tcp_place
from edge.cells.remote import RemoteCell
from edge.cells.server import CellServer
from edge.ports import CellLost
from protocols.cells import FRAME_BYTES_MAX, Answer, Batch
from protocols.facts import Fact
from protocols.inputs import Local

LOCAL = Local("2026-03-02", 600, 0)
DEADLINE_S = 0.2
SOON_S = 5.0

# The other way to choose a loop is a hook for the whole folder, and only this file's tests need both.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy. fixture")


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Both loops that an engine may run on: their timers and transports differ."""
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


class Numbers:
    """A cell that answers with the batch's number, and does to batch 13 what the test wants."""

    def __init__(self, unlucky: Callable[[], None] = lambda: None) -> None:
        self._unlucky = unlucky

    def take(self, batch: Batch) -> Answer:
        if batch.number == 13:
            self._unlucky()
        return Answer(batch.number)


def batch(number: int) -> Batch:
    return Batch(number, 1_000, LOCAL, 0)


class Losses(list[str]):
    """What `on_lost` was called with."""

    def __call__(self, _: RemoteCell, why: str) -> None:
        self.append(why)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ec-") as name:
        yield Path(name)


@contextlib.contextmanager
def serving(folder: Path, unlucky: Callable[[], None] = lambda: None) -> Iterator[str]:
    server = CellServer("floor", lambda: Numbers(unlucky), f"unix:{folder}/c.sock")
    server.start()
    try:
        yield server.address
    finally:
        server.close()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def impostor(folder: Path, talk: Talk) -> AsyncIterator[str]:
    """Something that is not our server, at the other end of the socket."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_unix_server(answered, f"{folder}/i.sock")
    async with server:
        yield f"unix:{folder}/i.sock"


def greeted(reply: bytes, then_wait_s: float = 0.0) -> Talk:
    """Greets rightly, reads one batch, and sends `reply`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(Hello("floor", 1)))
        await reader.readexactly(length_of(await reader.readexactly(HEADER_BYTES)))
        writer.write(reply)
        await writer.drain()
        await asyncio.sleep(then_wait_s)

    return talk


async def opened(address: str, lost: Losses, deadline_s: float = DEADLINE_S) -> RemoteCell:
    return await RemoteCell.connect(address, "floor", deadline_s, lost, greeting_s=0.5)


# --- the deadline


async def test_past_the_deadline_the_cell_is_lost_and_the_socket_closed(folder: Path) -> None:
    release = threading.Event()
    lost = Losses()
    with serving(folder, lambda: release.wait(SOON_S) and None) as address:
        cell = await opened(address, lost)
        started = time.monotonic()
        with pytest.raises(CellLost, match="no answer within 200 ms"):
            await cell.take(batch(13))
        took_s = time.monotonic() - started
        with pytest.raises(CellLost):
            await cell.take(batch(14))
        release.set()
    assert DEADLINE_S <= took_s < DEADLINE_S + 0.5
    assert lost == ["no answer within 200 ms"]


async def test_a_stall_of_our_own_loop_is_not_held_against_the_cell(folder: Path) -> None:
    lost = Losses()
    with serving(folder) as address:
        cell = await opened(address, lost)
        taking = asyncio.ensure_future(cell.take(batch(1)))
        await asyncio.sleep(0)
        time.sleep(DEADLINE_S * 2)  # noqa: ASYNC251  the stall is the test
        assert (await taking).number == 1
        cell.close("the test is over")
    assert lost == ["the test is over"]


async def test_work_of_ours_before_a_batch_does_not_shorten_its_deadline(folder: Path) -> None:
    with serving(folder, lambda: time.sleep(DEADLINE_S * 0.7)) as address:
        cell = await opened(address, Losses())
        await asyncio.sleep(0.01)  # the loop reads its clock here
        time.sleep(DEADLINE_S * 0.7)  # noqa: ASYNC251  and does not see this pass
        assert (await cell.take(batch(13))).number == 13
        cell.close("the test is over")


async def test_a_batch_that_was_given_up_closes_the_socket_so_that_its_answer_meets_no_other(
    folder: Path,
) -> None:
    release = threading.Event()
    lost = Losses()
    with serving(folder, lambda: release.wait(SOON_S) and None) as address:
        cell = await opened(address, lost)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cell.take(batch(13)), 0.05)
        release.set()
        with pytest.raises(CellLost):
            await cell.take(batch(14))
    assert lost == ["the engine gave the batch up"]


# --- nonsense from the cell


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"\xff\xff\xff\xff", "sent nonsense: a frame of 4294967295 bytes"),
        ((FRAME_BYTES_MAX + 1).to_bytes(4, "big"), "sent nonsense: a frame of"),
        (b"\x00\x00\x00\x05GET /", "sent nonsense"),
        (b"\x00\x00\x00\x00", "sent nonsense"),
        (b"\x00\x00\x00\x02\x91\xc0", "sent nonsense"),
        (framed(Answer(8)), "answered batch 8 instead of 7"),
        (framed(Answer(7)) * 2, "sent what nobody asked for"),
        (framed(Answer(7))[:-1], "closed its socket"),
        (framed(Answer(7))[:2], "closed its socket"),
        (b"", "closed its socket"),
    ],
)
async def test_an_answer_that_is_none_loses_the_cell(folder: Path, reply: bytes, why: str) -> None:
    lost = Losses()
    async with impostor(folder, greeted(reply)) as address:
        cell = await opened(address, lost, deadline_s=SOON_S)
        with pytest.raises(CellLost, match=why):
            await cell.take(batch(7))
    assert len(lost) == 1


async def test_an_answer_that_comes_byte_by_byte_is_an_answer(folder: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for frame in (framed(Hello("floor", 1)), framed(Answer(7))):
            for place in range(len(frame)):
                writer.write(frame[place : place + 1])
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read(1)

    lost = Losses()
    async with impostor(folder, talk) as address:
        cell = await opened(address, lost, deadline_s=SOON_S)
        assert (await cell.take(batch(7))).number == 7
        cell.close("the test is over")


async def test_a_cell_that_dies_while_no_batch_is_out_is_noticed_at_once(folder: Path) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(Hello("floor", 1)))
        await writer.drain()

    gone = asyncio.Event()
    async with impostor(folder, talk) as address:
        cell = await RemoteCell.connect(address, "floor", DEADLINE_S, lambda *_: gone.set(), 0.5)
        await asyncio.wait_for(gone.wait(), SOON_S)
        with pytest.raises(CellLost, match="closed its socket"):
            await cell.take(batch(1))


# --- the greeting


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        (framed(Hello("sign", 1)), "greeted as cell 'sign'"),
        (framed(Hello("floor", 1, version=999)), "version 999"),
        (b"", "no greeting"),
        (b"SSH-2.0-x\r\n", "sent nonsense"),
        (framed(Hello("floor", 1)) * 2, "sent what nobody asked for"),
    ],
)
async def test_whoever_does_not_greet_as_this_cell_is_not_connected_to(
    folder: Path, greeting: bytes, why: str
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    async with impostor(folder, talk) as address:
        with pytest.raises(CellLost, match=why):
            await opened(address, Losses())


async def test_an_address_where_nobody_listens_is_a_lost_cell(folder: Path) -> None:
    with pytest.raises(CellLost, match="no greeting"):
        await opened(f"unix:{folder}/nobody.sock", Losses())


@pytest.mark.parametrize("address", ["", "udp:1:2", "tcp:host", "tcp::1", "tcp:host:port", "tcp:h:70000"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        tcp_place(address)


# --- nonsense from the engine's side


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x05GET /",
        b"\x00\x00\x00\x00",
        framed(batch(1))[:-3],
        b"\x00",
    ],
)
async def test_a_server_closes_on_nonsense_and_serves_the_next(folder: Path, sent: bytes) -> None:
    with serving(folder) as address:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(SOON_S)
            line.connect(f"{folder}/c.sock")
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
            while line.recv(4_096):
                pass
        cell = await opened(address, Losses())
        assert (await cell.take(batch(5))).number == 5
        cell.close("the test is over")


async def test_a_server_reads_batches_that_come_byte_by_byte_or_together(folder: Path) -> None:
    with serving(folder), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SOON_S)
        line.connect(f"{folder}/c.sock")
        for byte in framed(batch(1)):
            line.sendall(bytes([byte]))
        line.sendall(framed(batch(2)) + framed(batch(3)))
        frames = line.makefile("rb")
        sizes = []
        for _ in range(4):
            sizes.append(length_of(frames.read(HEADER_BYTES)))
            frames.read(sizes[-1])
    assert len(sizes) == 4, "the greeting and three answers"


async def test_a_cell_that_throws_is_lost_and_an_empty_one_serves_next(folder: Path) -> None:
    def throw() -> None:
        raise ZeroDivisionError

    lost = Losses()
    with serving(folder, throw) as address:
        cell = await opened(address, lost)
        with pytest.raises(CellLost, match="closed its socket"):
            await cell.take(batch(13))
        again = await opened(address, lost)
        assert (await again.take(batch(14))).number == 14
        again.close("the test is over")


async def test_one_connection_is_served_at_a_time(folder: Path) -> None:
    with serving(folder) as address:
        first = await opened(address, Losses())
        with pytest.raises(CellLost, match="no greeting"):
            await opened(address, Losses())
        first.close("the test is over")
        second = await opened(address, Losses())
        assert (await second.take(batch(2))).number == 2
        second.close("the test is over")


# --- bounds


async def test_a_batch_above_the_limit_is_not_sent(folder: Path) -> None:
    huge = Batch(1, 1_000, LOCAL, 0, facts=[Fact("plan", "floor", 1, bytes(FRAME_BYTES_MAX))])
    with pytest.raises(FrameTooLarge):
        framed(huge)
    lost = Losses()
    with serving(folder) as address:
        cell = await opened(address, lost)
        with pytest.raises(CellLost, match="the limit is"):
            await cell.take(huge)
    assert len(lost) == 1


def test_a_length_above_the_limit_is_refused_before_it_is_read() -> None:
    assert length_of(FRAME_BYTES_MAX.to_bytes(4, "big")) == FRAME_BYTES_MAX
    with pytest.raises(FrameTooLarge):
        length_of((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))


async def test_over_tcp_neither_side_waits_to_fill_a_packet() -> None:
    server = CellServer("floor", Numbers, "tcp:127.0.0.1:0")
    server.start()
    try:
        cell = await opened(server.address, Losses())
        assert (await cell.take(batch(1))).number == 1
        ours = [
            line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for line in _tcp_sockets_connected_to(tcp_place(server.address)[1])
        ]
        cell.close("the test is over")
    finally:
        server.close()
    assert len(ours) == 2
    assert all(ours)


def _tcp_sockets_connected_to(port: int) -> list[socket.socket]:
    """Both ends of the one connection, found among this process's own descriptors."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            line = socket.socket(fileno=os.dup(int(name)))
            ends = (line.getsockname(), line.getpeername())
            if line.family == socket.AF_INET and any(end[1] == port for end in ends):
                found.append(line)
            else:
                line.close()
    return found
