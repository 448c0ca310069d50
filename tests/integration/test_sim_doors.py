"""What a simulated world talks through: brokers that need no setting up, tills that send until they are heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Literal

import aiomqtt
import pytest

from sim.door import Door, OutOfReach
from sim.embedded_broker import embedded_broker
from sim.floor import read_shop
from sim.habits import Habit
from sim.people import Line, Person
from sim.processes import Child, ChildFailed, free_port, program, wait_until
from sim.session import ended, session
from sim.tills import Phones, Tills

GROCERY = Path(__file__).resolve().parents[2] / "sim/grocery"
SHOP = read_shop(GROCERY)
RECEIPT = {"outcome": "done", "body": {"total_minor": 878}}


class Scripted:
    """A store's door that answers what it was told to, in order, and keeps what it was asked."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        length = next(
            (int(line.split(":")[1]) for line in head.splitlines() if line.startswith("Content-Length")), 0
        )
        body = json.loads(await reader.readexactly(length)) if length else None
        self.asked.append((method, path, body))
        status = self.answers.pop(0) if self.answers else 200
        if status:  # 0: the line is cut before an answer
            sent = json.dumps(RECEIPT).encode()
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def door_that(*answers: int) -> AsyncIterator[tuple[Door, Scripted]]:
    scripted = Scripted(*answers)
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    async with server:
        yield Door("127.0.0.1", server.sockets[0].getsockname()[1]), scripted


def customer(**habit: Any) -> Person:
    person = Person(Habit("zoe", "phone-zoe", "stranger", **habit), Random(1), (1.0, 1.0))
    person.basket = [Line("coffee-250", 2000)]
    return person


async def test_a_sale_is_sent_again_unchanged_until_there_is_a_verdict() -> None:
    async with door_that(0, 503, 408, 200) as (door, asked):
        tills, person = Tills(door, SHOP.products, "run"), customer()
        await tills.ring(person, "till-1")
    assert person.served
    assert len(asked.asked) == 4
    assert all(one == asked.asked[0] for one in asked.asked)
    method, path, sale = asked.asked[0]
    assert (method, path, sale["till"], sale["operation"]) == (
        "POST",
        "/api/v1/sales",
        "till-1",
        "till-1-run-1",
    )
    assert tills.counts == {"again": 3, "sales": 1}
    assert tills.total_minor == 878


async def test_each_sale_has_an_operation_of_its_own() -> None:
    async with door_that() as (door, asked):
        tills = Tills(door, SHOP.products, "run")
        for till in ("till-1", "till-1", "till-2"):
            await tills.ring(customer(), till)
    assert len({sale["operation"] for _, _, sale in asked.asked}) == 3


async def test_a_refused_sale_is_counted_and_lets_the_customer_go() -> None:
    async with door_that(400) as (door, asked):
        tills, person = Tills(door, SHOP.products, "run"), customer()
        await tills.ring(person, "till-1")
    assert person.served
    assert (len(asked.asked), tills.counts["refused"], tills.total_minor) == (1, 1, 0)


async def test_only_the_newest_basket_of_somebody_who_scans_is_sent() -> None:
    async with door_that() as (door, asked):
        phones, person = Phones(door), customer(scans=True)
        phones.changed(person)
        person.put(Line("tea-80", 1000))
        phones.changed(person)
        phones.changed(customer())  # does not scan
        running = asyncio.create_task(phones.run())
        await asyncio.sleep(0.3)
        running.cancel()
    assert asked.asked == [
        (
            "PUT",
            "/api/v1/subjects/zoe/basket",
            {"lines": [{"sku": "coffee-250", "quantity": 2000}, {"sku": "tea-80", "quantity": 1000}]},
        )
    ]


async def test_a_door_that_nobody_opens_is_out_of_reach() -> None:
    with pytest.raises(OutOfReach):
        await Door("127.0.0.1", free_port()).call("GET", "/api/v1/health")


@pytest.mark.parametrize("which", ["mosquitto", "amqtt"])
async def test_an_embedded_broker_carries_messages(
    tmp_path: Path, which: Literal["mosquitto", "amqtt"]
) -> None:
    if which == "mosquitto" and program("mosquitto") is None:
        pytest.skip("server not available: mosquitto (tests/servers/setup.sh brings it)")
    broker = embedded_broker(tmp_path, free_port(), which)
    assert broker.version == (5 if which == "mosquitto" else 4)
    broker.start()
    try:
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.subscribe("a/+", qos=1)
            await client.publish("a/b", b"here", qos=1, retain=True)
            async for message in client.messages:
                assert message.payload == b"here"
                break
    finally:
        broker.stop()
    assert broker.child.returncode == 0


async def test_whoever_is_cancelled_while_a_broker_hears_nothing_does_not_connect_again() -> None:
    heard_all = asyncio.Event()
    greeted = 0

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        await reader.read(100)
        greeted += 1
        writer.write(b"\x20\x02\x00\x00")  # CONNACK of MQTT 3.1.1, and from here on nothing is read
        await heard_all.wait()
        writer.close()

    async def stay() -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with session("127.0.0.1", port, timeout=0.3) as client:
                    for _ in range(100):
                        with contextlib.suppress(aiomqtt.MqttError):
                            await client.publish("a", bytes(1_000_000))  # more than the system buffers
            await asyncio.sleep(0.01)

    async with await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1_000) as server:
        port = server.sockets[0].getsockname()[1]
        staying = asyncio.create_task(stay())
        await asyncio.sleep(1)
        staying.cancel()
        done, _ = await asyncio.wait((staying,), timeout=20)
        heard_all.set()
        assert done and staying.cancelled() and greeted == 1


async def test_a_task_that_loses_one_cancellation_is_ended_all_the_same() -> None:
    lost = 0

    async def deaf_once() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    await ended(task)
    assert task.cancelled() and lost == 2


def test_a_child_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = Child(
        "brief",
        [sys.executable, "-c", "print('no such port'); raise SystemExit(3)"],
        tmp_path / "log",
        lambda: False,
    )
    with pytest.raises(ChildFailed, match=r"(?s)brief ended with 3.*no such port"):
        child.start(10)


def test_children_end_with_the_one_who_started_them(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from sim.processes import Child;"
        "child = Child('sleeper', ['sleep', '60'], Path(sys.argv[1]), apart=True);"
        "child.spawn(); print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        assert _lives(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        wait_until(lambda: not _lives(pid), "the child has ended", 10)
    finally:
        parent.stdout.close()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
