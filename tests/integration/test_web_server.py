"""The web over real sockets: requests side by side, hostile frames, stopping, and no delayed small answers."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edge.settings import HttpSettings, Settings
from edge.web.app import build_app, listen, serve
from edge.web.sockets import BEATS_MAX
from protocols.errors import Verdict
from protocols.ids import Key
from protocols.inputs import Input
from tests.browser.scripted_door import ScriptedDoor

SALE = {"operation": "op-1", "sale": "1", "till": "till-1", "card": "A-1001", "lines": [{"sku": "sourdough"}]}


class SlowDoor(ScriptedDoor):
    """Holds the first asker until a second one stands beside it, as a turn under way does."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.together = asyncio.Event()

    async def ask(self, key_: Key, given: Input, operation: str, payload: object) -> Verdict:
        self.inside += 1
        if self.inside == 2:
            self.together.set()
        await asyncio.wait_for(self.together.wait(), 5)
        return await super().ask(key_, given, operation, payload)


class Running:
    """A served door."""

    def __init__(self, door: ScriptedDoor, port: int, registry: CollectorRegistry) -> None:
        self.door = door
        self.port = port
        self.registry = registry

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def refused(self, reason: str) -> float:
        """Frames refused so far for this reason."""
        return self.registry.get_sample_value("endcap_ws_refused_total", {"reason": reason}) or 0.0


@contextlib.asynccontextmanager
async def running(door: ScriptedDoor) -> AsyncIterator[Running]:
    """The web on a free port of this host."""
    registry = CollectorRegistry()
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    started = asyncio.Event()
    app = build_app(door, Settings(http=HttpSettings(demo=True)), registry)
    task = asyncio.create_task(serve(app, listening, started))
    await asyncio.wait_for(started.wait(), 10)
    try:
        yield Running(door, port, registry)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def web() -> AsyncIterator[Running]:
    async with running(ScriptedDoor()) as served:
        yield served


async def test_a_repeat_in_flight_is_answered_beside_the_first_and_sells_once() -> None:
    door = SlowDoor()
    async with running(door) as web, httpx.AsyncClient(base_url=web.http) as till:
        answers = await asyncio.gather(*(till.post("/api/v1/sales", json=SALE) for _ in range(2)))
    assert sorted(one.json()["replayed"] for one in answers) == [False, True]
    assert len(door.asked) == 1


async def test_a_console_gets_the_store_as_it_is_and_then_what_is_newer(web: Running) -> None:
    async with connect(f"{web.ws}/ws/console") as page:
        first = json.loads(await asyncio.wait_for(page.recv(), 5))
        web.door.cut()
        second = json.loads(await asyncio.wait_for(page.recv(), 5))
    assert (first["link"]["state"], second["link"]["state"]) == ("up", "cut")


async def test_a_phone_hears_of_its_own_sale_at_once_and_a_beat_of_one_behind_brings_the_wallet(
    web: Running,
) -> None:
    async with connect(f"{web.ws}/ws/phone/A-1001") as phone, httpx.AsyncClient(base_url=web.http) as till:
        store = json.loads(await asyncio.wait_for(phone.recv(), 5))
        before = json.loads(await asyncio.wait_for(phone.recv(), 5))
        await till.post("/api/v1/sales", json=SALE)
        after = json.loads(await asyncio.wait_for(phone.recv(), 5))
        await phone.send(json.dumps({"version": before["version"]}))
        again = [json.loads(await asyncio.wait_for(phone.recv(), 5)) for _ in range(2)]
    assert store["store"]["name"] == "Harbour Street"
    assert after["points"] == before["points"] + 320 // 50
    assert again[1]["version"] == after["version"]


async def test_a_screens_beat_is_heard_and_one_that_is_up_to_date_is_sent_nothing(web: Running) -> None:
    async with connect(f"{web.ws}/ws/screen/screen-1") as screen:
        command = json.loads(await asyncio.wait_for(screen.recv(), 5))
        await screen.send(json.dumps({"version": command["version"]}))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(screen.recv(), 0.3)
    assert web.door.heard["screen-1"] > 0


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        '{"version":"1"}',
        '{"version":1,"version":2}',
        '{"other":1}',
        '{"version":NaN}',
        "[" * 3000,
        "x" * 5000,
        b"\x00\x01\x02",
        "",
    ],
)
async def test_a_hostile_frame_closes_its_page_with_a_reason_and_is_counted(
    web: Running, frame: str | bytes
) -> None:
    async with connect(f"{web.ws}/ws/console") as page:
        with pytest.raises(ConnectionClosed) as closed:
            await page.send(frame)
            while True:
                await asyncio.wait_for(page.recv(), 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason
    assert web.refused("nonsense") + web.refused("too_large") == 1
    async with httpx.AsyncClient(base_url=web.http) as client:
        assert (await client.get("/api/v1/health")).status_code == 200


async def test_an_oversized_frame_is_closed_before_it_is_whole(web: Running) -> None:
    async with connect(f"{web.ws}/ws/console") as page:
        with pytest.raises(ConnectionClosed) as closed:
            await page.send("x" * 200_000)
            while True:
                await asyncio.wait_for(page.recv(), 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_page_that_beats_too_fast_is_closed(web: Running) -> None:
    async with connect(f"{web.ws}/ws/console") as page:
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(BEATS_MAX + 1):
                await page.send('{"version":1}')
            while True:
                await asyncio.wait_for(page.recv(), 5)
    assert closed.value.rcvd is not None
    assert "messages in" in closed.value.rcvd.reason


async def test_another_sites_page_may_not_listen(web: Running) -> None:
    with pytest.raises((ConnectionClosed, InvalidStatus)):
        async with connect(f"{web.ws}/ws/console", origin="http://elsewhere.example") as page:  # type: ignore[arg-type]
            await asyncio.wait_for(page.recv(), 5)
    assert web.refused("origin") == 1


async def test_a_body_that_never_ends_is_refused_at_the_limit(web: Running) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"operation":"'
        for _ in range(100):
            yield b"x" * 4096

    async with httpx.AsyncClient(base_url=web.http) as till:
        answer = await till.post(
            "/api/v1/sales", content=endless(), headers={"Content-Type": "application/json"}
        )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_accepted_sockets_do_not_wait_to_fill_a_packet() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        listening.setblocking(True)
        accepted, _ = listening.accept()
        with client, accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_the_server_stops_when_it_is_cancelled_also_with_pages_open() -> None:
    async with running(ScriptedDoor()) as web:
        page = await connect(f"{web.ws}/ws/console")
        await page.recv()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", web.port), timeout=1).close()
    await page.close()
