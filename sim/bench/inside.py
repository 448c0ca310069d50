"""A whole store in this process, with sightings handed straight to its hearing: what it can do without a broker's hops.

    python -m sim.bench.inside SETTINGS.toml SUBJECTS SECONDS

Prints JSON: decisions made durable a second, one at a time (the next sighting when the wallet of the one before is
out), and with many waiting.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from edge.bootstrap import Store, build
from edge.links import MqttLink
from edge.runtime import Runtime
from edge.settings import read_settings
from sim.bench.shop import Walk, sighting_payload, sighting_topic

WAITING = 256
"""Sightings under way at once in the second measurement; the engine groups them as it sees fit."""


ANSWER_S = 10.0


class Tap:
    """Stands before the store's link: counts wallets that go out, and tells. Everything is sent on."""

    def __init__(self, link: MqttLink) -> None:
        self._link = link
        self.wallets = 0
        self.on_wallet: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def publish(self, topic: str, payload: bytes, **options: Any) -> bool:
        """As the link's own; a wallet is counted with the causes that it answers."""
        sent = self._link.publish(topic, payload, **options)
        if topic.endswith("/wallet"):
            place = payload.rfind(b'"more":')
            more = int(payload[place + 7 :].split(b"}")[0].split(b",")[0]) if place > 0 else 0
            self.wallets += 1 + more
            self.on_wallet()
        return sent


class Feed:
    """Changes of zone, one after the other, straight into the store's hearing."""

    def __init__(self, store: Store, subjects: int) -> None:
        self._hearing = store.hearing
        self._walk = Walk(subjects)
        self._payloads = [sighting_payload(one) for one in range(subjects)]
        self._next: list[tuple[int, int]] = []

    def arrive(self) -> int:
        """Everybody comes in; how many changes that is."""
        home = self._walk.arrive()
        self._next = list(zip(home.subject.tolist(), home.zone.tolist(), strict=True))[::-1]
        return len(self._next)

    def one(self) -> None:
        """The next change."""
        if not self._next:
            more = self._walk.walk(len(self._payloads), every=True)
            self._next = list(zip(more.subject.tolist(), more.zone.tolist(), strict=True))[::-1]
        subject, zone = self._next.pop()
        self._hearing.take(sighting_topic(subject, zone), self._payloads[subject])


async def _kept_busy(tap: Tap, feed: Feed, waiting: int, seconds: float) -> float:
    """Decisions a second with so many under way, by wallets answered."""
    enough = asyncio.Event()
    tap.on_wallet = enough.set
    first = sent = tap.wallets
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        enough.clear()
        while sent - tap.wallets < waiting:
            feed.one()
            sent += 1
        async with asyncio.timeout(ANSWER_S):  # a change without a wallet would stop the measurement for ever
            await enough.wait()
    return (tap.wallets - first) / (time.perf_counter() - began)


async def measure(settings: Path, subjects: int, seconds: float) -> dict[str, float]:
    """Starts the store, lets everybody in, measures both ways, and stops it."""
    store = build(read_settings(settings))
    tap = Tap(store.telemetry_link)
    store.outward.link = tap
    runtime = Runtime(store)
    running = asyncio.create_task(runtime.run(), name="store")
    await asyncio.wait({running, asyncio.create_task(runtime.ready.wait())}, return_when="FIRST_COMPLETED")
    if running.done():
        await running
    feed = Feed(store, subjects)
    for _ in range(feed.arrive()):
        feed.one()
        await asyncio.sleep(0.001)
    await asyncio.sleep(1.0)
    await _kept_busy(tap, feed, 1, 1.0)
    single = await _kept_busy(tap, feed, 1, seconds)
    await asyncio.sleep(0.5)
    await _kept_busy(tap, feed, WAITING, 1.0)
    grouped = await _kept_busy(tap, feed, WAITING, seconds)
    await asyncio.sleep(1.0)
    groups = store.engine.counts.groups
    runtime.stop.set()
    await running
    return {"single_per_s": round(single, 1), "grouped_per_s": round(grouped, 1), "groups": groups}


def main(settings: str, subjects: str, seconds: str) -> None:
    """Measures and prints."""
    print(json.dumps(uvloop.run(measure(Path(settings), int(subjects), float(seconds)))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
