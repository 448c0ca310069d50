"""Tills that sell while everything breaks: each sale is sent under its operation id until a verdict comes.

Some tills speak HTTP, some MQTT at QoS 1. What is repeated, at once or later, must be told the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from protocols import topics
from sim.chaos.asking import Answer, Asking, NoAnswer
from sim.chaos.sales import Sale, Sales, Shop, otherwise
from sim.session import ended, session

HTTP_WAIT_S = 1.0
MQTT_WAIT_S = 3.0
"""A till that heard nothing for so long sends again."""

AGAIN_S = (0.05, 0.3)
PAUSE_S = (0.05, 0.35)
MQTT_TIMEOUT_S = 3.0
KEEPALIVE_S = 5

Told = dict[str, Any]
"""An answer over MQTT: a receipt or a problem."""


class Tills:
    """All tills of a run. `stop_selling` lets each finish the sale that it has in hand."""

    def __init__(
        self, store: str, http_port: int, broker_port: int, shop: Shop, sales: Sales, seed: int
    ) -> None:
        self._store, self._http_port, self._broker_port = store, http_port, broker_port
        self._shop, self._sales = shop, sales
        self._dice = random.Random(f"tills {seed}")
        self._stopping = False
        self._began_s = time.monotonic()
        self._wire = _Wire(store, broker_port)

    async def run(self, http: int, mqtt: int) -> None:
        """Sells until `stop_selling`, and returns when every sale that was begun has its verdict."""
        wire = asyncio.create_task(self._wire.run(), name="tills' broker")
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(http):
                    tasks.create_task(self._http_till(), name=f"till {number} over http")
                for number in range(mqtt):
                    tasks.create_task(self._mqtt_till(), name=f"till {number} over mqtt")
        finally:
            await ended(wire)

    def stop_selling(self) -> None:
        """No sale is begun any more."""
        self._stopping = True

    def _begin(self) -> Sale:
        sale = self._shop.next()
        self._sales.sent[sale.operation] = sale
        return sale

    # --- HTTP

    async def _http_till(self) -> None:
        line, other = Asking(self._http_port), Asking(self._http_port)
        try:
            while not self._stopping:
                sale = self._begin()
                if sale.habit == "twice":
                    await asyncio.gather(self._ring(line, sale), self._ring(other, sale, measured=False))
                else:
                    await self._ring(line, sale)
                if sale.habit == "again":
                    await self._ring(line, sale, measured=False, repeated=True)
                if sale.habit == "otherwise":
                    await self._claim(line, sale)
                await asyncio.sleep(self._dice.uniform(*PAUSE_S))
        finally:
            line.close()
            other.close()

    async def _ring(self, line: Asking, sale: Sale, *, measured: bool = True, repeated: bool = False) -> None:
        """Sends a sale until its verdict."""
        began_s = time.monotonic()
        attempts = 0
        while True:
            attempts += 1
            answer = await self._asked(line, sale.body)
            if answer is not None and answer.status == 200:
                self._sales.verdict(sale, answer.body)
                if repeated and not answer.body.get("replayed"):
                    self._sales.tell("contradicted", sale.operation, "a repeat was not called replayed")
                if measured:
                    self._waited(began_s, attempts)
                return
            if self._is_final(sale, answer):
                return
            await asyncio.sleep(self._dice.uniform(*AGAIN_S))

    async def _claim(self, line: Asking, sale: Sale) -> None:
        """Sends something else under the id of a sale that has its verdict: it must be refused."""
        while True:
            answer = await self._asked(line, otherwise(sale))
            if answer is not None and answer.status == 409:
                return
            if answer is not None and answer.status < 500:
                self._sales.tell("contradicted", sale.operation, f"another payload got {answer}")
                return
            await asyncio.sleep(self._dice.uniform(*AGAIN_S))

    async def _asked(self, line: Asking, body: bytes) -> Answer | None:
        try:
            answer = await line.post("/api/v1/sales", body, HTTP_WAIT_S)
        except NoAnswer:
            self._sales.answers["no answer"] += 1
            return None
        self._sales.answers[_named(answer.status, answer.body)] += 1
        return answer

    def _is_final(self, sale: Sale, answer: Answer | None) -> bool:
        """Whether sending it again is of no use; then something is wrong, and it is told."""
        if answer is None:
            return False
        code = _code(answer.body)
        if code == "parked":
            self._sales.tell("parked", sale.operation, f"{answer.body}")
            return True
        if answer.status < 500:
            self._sales.tell("refused", sale.operation, f"{answer.status} {answer.body}")
            return True
        return False

    # --- MQTT

    async def _mqtt_till(self) -> None:
        while not self._stopping:
            sale = self._begin()
            began_s = time.monotonic()
            attempts = await self._send_until_told(sale)
            if sale.operation in self._sales.acknowledged:
                self._waited(began_s, attempts)
            if sale.habit == "again":
                await self._send_until_told(sale)
            await asyncio.sleep(self._dice.uniform(*PAUSE_S))

    async def _send_until_told(self, sale: Sale) -> int:
        attempts = 0
        while True:
            attempts += 1
            copies = 2 if sale.habit == "twice" else 1
            told = await self._wire.ask(sale, copies)
            if told is None:
                self._sales.answers["mqtt: no answer"] += 1
                await asyncio.sleep(self._dice.uniform(*AGAIN_S))  # a dead connection refuses at once
                continue
            self._sales.answers[_named(0, told)] += 1
            if "outcome" in told:
                self._sales.verdict(sale, told)
                return attempts
            if self._is_final(sale, Answer(int(told.get("status", 500)), told)):
                return attempts
            await asyncio.sleep(self._dice.uniform(*AGAIN_S))

    def _waited(self, began_s: float, attempts: int) -> None:
        now_s = time.monotonic()
        self._sales.waits.append((began_s - self._began_s, now_s - began_s, attempts))


class _Wire:
    """The tills' session with the broker: made again whenever it is lost; answers find who waits for them."""

    def __init__(self, store: str, port: int) -> None:
        self._store, self._port = store, port
        self._client: aiomqtt.Client | None = None
        self._there = asyncio.Event()
        self._asked: dict[str, asyncio.Future[Told]] = {}

    async def run(self) -> None:
        """Holds the session until cancelled."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                async with session(
                    "127.0.0.1",
                    self._port,
                    protocol=aiomqtt.ProtocolVersion.V5,
                    timeout=MQTT_TIMEOUT_S,
                    keepalive=KEEPALIVE_S,
                    max_queued_outgoing_messages=100,
                ) as client:
                    await client.subscribe(f"{topics.ROOT}/{self._store}/till/+/reply/chaos", qos=1)
                    self._client = client
                    self._there.set()
                    async for message in client.messages:
                        self._heard(message)
            self._client = None
            self._there.clear()
            await asyncio.sleep(0.2)

    async def ask(self, sale: Sale, copies: int) -> Told | None:
        """Sends a sale and gives what was answered, or None if nothing was in time."""
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._asked[sale.operation] = answer
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = f"{topics.till_reply(self._store, sale.till)}/chaos"
        properties.CorrelationData = sale.operation.encode()
        try:
            async with asyncio.timeout(MQTT_WAIT_S):
                await self._there.wait()
                client = self._client
                for _ in range(copies if client is not None else 0):
                    assert client is not None
                    await client.publish(
                        topics.till_request(self._store, sale.till), sale.body, qos=1, properties=properties
                    )
                return await answer
        except (aiomqtt.MqttError, OSError, TimeoutError):
            return None
        finally:
            self._asked.pop(sale.operation, None)

    def _heard(self, message: aiomqtt.Message) -> None:
        correlation = getattr(message.properties, "CorrelationData", b"") if message.properties else b""
        waiting = self._asked.get(correlation.decode(errors="replace"))
        with contextlib.suppress(ValueError):
            told = json.loads(bytes(message.payload))
            if waiting is not None and not waiting.done() and isinstance(told, dict):
                waiting.set_result(told)


def _code(body: object) -> str:
    return str(body.get("code", "")) if isinstance(body, dict) else ""


def _named(status: int, body: object) -> str:
    code = _code(body)
    if code:
        return f"{'mqtt: ' if not status else ''}{code}"
    return "mqtt: verdict" if not status else f"{status}"
