"""A store that lives: people, radio, scales and tills, through the store's public doors and nothing else.

    crowd ─► sightings, weights ─► MQTT        visitor ─► demo/walk, demo/take ─► crowd
          ─► sales, baskets, counts ─► HTTP

`python -m sim.world <settings.json>` runs it until SIGTERM. Time moves in steps of `STEP_S`; the crowd itself knows
no other clock, so the same seed and the same steps give the same people.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import aiomqtt
import msgspec
import numpy as np

from protocols import topics
from protocols.ids import is_safe_id
from sim.devices import TELEMETRY_S, Beacons, Message, Radio, Scales, sighting, status, telemetry
from sim.door import Door
from sim.floor import Shop, read_shop
from sim.goods import Goods
from sim.habits import crowd_of
from sim.people import Crowd, Event, Filled, Rings, Took
from sim.session import ended, session
from sim.tills import Phones, Staff, Tills

STEP_S = 0.1

BEHIND_S_MAX = 2.0
"""A world further behind the clock than this (the machine slept) goes on from now: it does not run after it."""

RECONNECT_S = 1.0

TOLD_S = 60.0
"""How often the log says what happened."""


class WorldSettings(msgspec.Struct, frozen=True):
    """Where the store is, and which people it has."""

    store: str
    books: str
    mqtt_port: int
    http_port: int
    people: int = 60
    seed: int = 7
    host: str = "127.0.0.1"


class _Walk(msgspec.Struct, frozen=True):
    x: float
    y: float


class _Take(msgspec.Struct, frozen=True):
    pieces: int = 1


class World:
    """The simulated people and things of one store. What it sends goes to `outbox`, to be published."""

    def __init__(self, settings: WorldSettings, shop: Shop, run: str) -> None:
        self.settings = settings
        self.floor = shop.floor
        habits = crowd_of(shop.members, shop.products, settings.people, settings.seed)
        self.goods = Goods(shop.floor.shelves, settings.seed)
        self.crowd = Crowd(shop.floor, shop.products, self.goods, habits, settings.seed)
        self.radio = Radio(shop.floor, [habit.louder_db for habit in habits], settings.seed)
        self.beacons = Beacons(len(habits), settings.seed)
        self.scales = Scales(settings.store, self.goods, settings.seed)
        door = Door(settings.host, settings.http_port)
        self.tills = Tills(door, shop.products, run)
        self.phones = Phones(door)
        self.staff = Staff(door, self.goods, run, self._touched)
        self.ringing: list[Rings] = []
        self.sightings = 0
        self._telemetry_s = 0.0

    @property
    def now_s(self) -> float:
        """Seconds since the world began."""
        return self.crowd.now_s

    def step(self) -> list[Message]:
        """One step of everybody; gives what scanners and scales say of it."""
        for event in self.crowd.step(STEP_S):
            self._happened(event)
        return [*self._heard(), *self.scales.readings(self.now_s), *self._reports()]

    def asked(self, topic: str, payload: bytes) -> None:
        """What a visitor of the demo asks for. Nonsense is dropped: it came through the store's own checks."""
        *_, verb, who = topic.split("/")
        with contextlib.suppress(msgspec.DecodeError, msgspec.ValidationError):
            if verb == "walk":
                to = msgspec.json.decode(payload, type=_Walk)
                person = self.crowd.person(who)
                if person is not None:
                    self.crowd.lead(person, (to.x, to.y))
            elif verb == "take" and who in self.goods.stocks:
                pieces = msgspec.json.decode(payload, type=_Take).pieces
                if self.goods.take(who, pieces, self.now_s):
                    self._touched(who)

    def _happened(self, event: Event) -> None:
        match event:
            case Took(_, shelf, _):
                self._touched(shelf)
            case Filled(person):
                self.phones.changed(person)
            case Rings():
                self.ringing.append(event)

    def _touched(self, shelf: str) -> None:
        self.scales.moved(shelf, self.now_s)

    def _heard(self) -> Iterable[Message]:
        people = self.crowd.people
        inside = (n for n, person in enumerate(people) if person.inside)
        due = self.beacons.due(inside, self.now_s)
        if not due:
            return
        levels = self.radio.hear(due, [people[n].at for n in due], self.now_s)
        for row, column in np.argwhere(~np.isnan(levels)):
            habit = people[due[row]].habit
            self.sightings += 1
            yield sighting(self.radio.rooms[column], habit.device, "", float(levels[row, column]))

    def _reports(self) -> Iterable[Message]:
        if self.now_s < self._telemetry_s:
            return
        self._telemetry_s = self.now_s + TELEMETRY_S
        for room in self.radio.rooms:
            yield telemetry(room, int(self.now_s), self.sightings // len(self.radio.rooms))


async def run_world(settings: WorldSettings, stop: asyncio.Event) -> None:
    """Runs a world until `stop`. A broker or a store that is away is waited for."""
    run = f"{time.time_ns() // 1_000_000:x}"
    world = World(settings, read_shop(Path(settings.books)), run)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(world.phones.run(), name="phones"),
            tasks.create_task(_sell(world), name="tills"),
            tasks.create_task(_fill(world), name="staff"),
            tasks.create_task(_tell(world), name="log"),
            tasks.create_task(_stay_connected(world), name="world"),
        ]
        await stop.wait()
        await ended(*running)


async def _stay_connected(world: World) -> None:
    lost_at: float | None = None
    while True:
        try:
            async with session(
                world.settings.host,
                world.settings.mqtt_port,
                identifier=f"endcap-world-{world.settings.store}",
                protocol=aiomqtt.ProtocolVersion.V311,
            ) as client:
                if lost_at is not None:
                    print(f"broker is back after {time.monotonic() - lost_at:.1f} s", flush=True)
                    lost_at = None
                await _live(world, client)
        except aiomqtt.MqttError as error:
            if lost_at is None:
                lost_at = time.monotonic()
                print(f"broker is away: {error}; trying every {RECONNECT_S:g} s", flush=True)
        await asyncio.sleep(RECONNECT_S)


async def _live(world: World, client: aiomqtt.Client) -> None:
    """Steps with the clock and publishes, until cancelled or the broker goes."""
    store = world.settings.store
    await client.subscribe([(topics.demo_walk(store, "+"), 1), (topics.demo_take(store, "+"), 1)])
    for room in world.radio.rooms:
        topic, payload = status(room, True)
        await client.publish(topic, payload, retain=True)
    print("people walk", flush=True)
    listening = asyncio.create_task(_listen(world, client), name="visitors")
    try:
        due_s = time.monotonic()
        while not listening.done():
            for topic, payload in world.step():
                await client.publish(topic, payload)
            due_s += STEP_S
            ahead_s = due_s - time.monotonic()
            if ahead_s < -BEHIND_S_MAX:
                due_s = time.monotonic()
            await asyncio.sleep(max(0.0, ahead_s))
        await listening  # it ended: raises what it met
    finally:
        listening.cancel()
        with contextlib.suppress(aiomqtt.MqttError):
            for room in world.radio.rooms:
                topic, payload = status(room, False)
                await client.publish(topic, payload, retain=True)


async def _listen(world: World, client: aiomqtt.Client) -> None:
    async for message in client.messages:
        if isinstance(message.payload, bytes):
            world.asked(str(message.topic), message.payload)


async def _sell(world: World) -> None:
    """Hands each customer to their till. A till has one at a time: nobody leaves before the verdict."""
    async with asyncio.TaskGroup() as sales:
        while True:
            for rings in world.ringing:
                sales.create_task(world.tills.ring(rings.person, rings.till), name=f"sale {rings.till}")
            world.ringing.clear()
            await asyncio.sleep(STEP_S)


async def _fill(world: World) -> None:
    while True:
        shelf = world.goods.wanting(world.now_s)
        if shelf is not None:
            await world.staff.fill(shelf)
        await asyncio.sleep(2.0)


async def _tell(world: World) -> None:
    while True:
        await asyncio.sleep(TOLD_S)
        inside = sum(person.inside for person in world.crowd.people)
        counts = world.tills.counts
        print(
            f"{inside} inside, {world.sightings} sightings, {counts['sales']} sales"
            f" ({counts['again']} sent again, {counts['refused']} refused), {world.tills.total_minor / 100:,.2f}",
            flush=True,
        )


async def _main(settings: WorldSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    assert is_safe_id(settings.store), "the store's id stands in topics"
    await run_world(settings, stop)


if __name__ == "__main__":
    asyncio.run(_main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=WorldSettings)))
