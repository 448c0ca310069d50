"""A real `endcap-store run` for tests: a process of its own with the example store's files, and ways to speak to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.settings import Settings, read_settings
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import ROOT, Process, free_port, wait_until

BOOKS = ROOT / "sim" / "grocery"
STORE = "014"
COMMAND = [sys.executable, "-m", "edge.cli"]
FIRST_TURNS_S = 20.0  # on two busy cores; an idle machine needs one


class Answer:
    """An HTTP answer, whatever its status."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:500]!r}"


class RunningStore:
    """A store in `folder`: its settings, its books (a copy, to be edited), its data, its process."""

    def __init__(
        self, folder: Path, mqtt_port: int, *, http_port: int = 0, **sections: dict[str, Any]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.books = folder / "books"
        if not self.books.exists():
            shutil.copytree(BOOKS, self.books)
        self.port = http_port or free_port()
        self.file = folder / "store.toml"
        given: dict[str, dict[str, Any]] = {
            "store": {"id": STORE, "books": "books", "data": "var"},
            "http": {"port": self.port},
            "mqtt": {"port": mqtt_port},
            "cells": {"ray": False},
            "log": {"json": True},
        }
        for name, section in sections.items():
            given.setdefault(name, {}).update(section)
        self.file.write_text(_toml(given))
        self.linked = True
        self.log = folder / "store.log"
        self.process = Process(
            "endcap-store", [*COMMAND, "run", "--settings", str(self.file)], self.log, self._is_begun
        )

    @property
    def settings(self) -> Settings:
        """As the store reads them."""
        return read_settings(self.file, {})

    @property
    def data(self) -> Path:
        """The folder of the database."""
        return self.folder / "var"

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        """`ws://127.0.0.1:<port>`."""
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it says that it is ready and, unless its broker is away, hears that."""
        self._said = len(self.logged("ready"))
        self.process.start(FIRST_TURNS_S)
        if self.linked:
            wait_until(lambda: self.figure("endcap_link_up") >= 2, "both links are up", FIRST_TURNS_S)

    def stop(self) -> float:
        """SIGTERM; gives how long the end took, in seconds."""
        began = time.monotonic()
        self.process.stop()
        return time.monotonic() - began

    def verb(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Another command on the same settings."""
        argv = [*COMMAND, arguments[0], "--settings", str(self.file), *arguments[1:]]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, cwd=ROOT)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's lines about one thing, oldest first."""
        if not self.log.exists():
            return []
        lines = self.log.read_text(errors="replace").splitlines()
        found = (json.loads(line) for line in lines if line.startswith("{"))
        return [line for line in found if line.get("event") == event]

    def call(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, kind: str = ""
    ) -> Answer:
        """One HTTP request."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        if data is not None:
            request.add_header("Content-Type", kind or "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path: str) -> Any:
        """The JSON at a path that must be there."""
        answer = self.call("GET", path)
        assert answer.status == 200, f"{path}: {answer}"
        return answer.json

    def sell(self, operation: str, card: str = "", **more: Any) -> Answer:
        """A sale of a loaf for 3.20 at the first till."""
        return self.call("POST", "/api/v1/sales", sale(operation, card, **more))

    def figure(self, name: str, **labels: str) -> float:
        """A figure of /metrics, summed over whatever labels are not named; 0 if there is none."""
        total = 0.0
        for line in self.call("GET", "/metrics").body.decode().splitlines():
            series, _, value = line.rpartition(" ")
            found, _, rest = series.partition("{")
            if found == name and all(f'{key}="{wanted}"' in rest for key, wanted in labels.items()):
                total += float(value)
        return total

    def _is_begun(self) -> bool:
        return len(self.logged("ready")) > self._said


def sale(operation: str, card: str = "", **more: Any) -> dict[str, Any]:
    """The body of a sale."""
    lines = [{"sku": "sourdough"}]
    return {"operation": operation, "sale": operation, "till": "till-1", "card": card, "lines": lines, **more}


@contextlib.contextmanager
def store_running(
    folder: Path, broker: Mosquitto, *, linked: bool = True, **sections: Any
) -> Iterator[RunningStore]:
    """A store that runs inside the block and is gone after it; not `linked` if its broker is away at first."""
    store = RunningStore(folder, broker.port, **sections)
    store.linked = linked
    store.start()
    try:
        yield store
    finally:
        if store.process.running:
            store.process.kill()


def _toml(sections: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


class Ear:
    """A client of the broker that nobody here wrote: it publishes, and keeps what it hears with the time."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[tuple[float, aiomqtt.Message]] = []
        self._more = asyncio.Event()

    async def say(
        self, topic: str, body: object, *, qos: int = 0, retain: bool = False, **properties: Any
    ) -> None:
        """Publishes bytes as they are, anything else as JSON. `properties` are MQTT 5's, by paho's names."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        wanted = None
        if properties:
            wanted = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            for name, value in properties.items():
                setattr(wanted, name, value)
        await self.client.publish(topic, payload, qos, retain, properties=wanted)

    async def until(
        self, topic: str, true: Callable[[Any], bool] = lambda _: True, within_s: float = 20.0
    ) -> Any:
        """The first JSON heard on this topic of which that is true, with `heard_us` beside it. Waits for it."""
        place = 0
        async with asyncio.timeout(within_s):
            while True:
                for at_s, message in self.heard[place:]:
                    if message.topic.value == topic and message.payload:
                        body = json.loads(bytes(message.payload))
                        if true(body):
                            return {**body, "heard_us": int(at_s * 1e6)}
                place = len(self.heard)
                self._more.clear()
                await self._more.wait()

    def topics(self) -> set[str]:
        """Every topic that anything was heard on."""
        return {message.topic.value for _, message in self.heard}

    async def listen(self) -> None:
        """Keeps what comes until cancelled."""
        async for message in self.client.messages:
            self.heard.append((time.time(), message))
            self._more.set()


@contextlib.asynccontextmanager
async def ear(port: int, *filters: str) -> AsyncIterator[Ear]:
    """A client that hears everything that a store says, or what is named."""
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        for name in filters or (f"endcap/v1/{STORE}/#",):
            await client.subscribe(name, qos=1)
        made = Ear(client)
        listening = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


def sighting(rssi: float = -55.0) -> dict[str, float]:
    """What an ESPresense node says of a device close by."""
    return {"rssi": rssi, "rssi@1m": -59}
