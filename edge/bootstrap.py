"""The composition root: a store's parts, built in one flat list and tied together here and nowhere else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from edge.cells.house import CellHouse
from edge.clock import WallClock
from edge.db import StoreDb, open_db
from edge.door import StoreDoor
from edge.engine import Engine, EngineLimits
from edge.hearing import Hearing
from edge.links import Incoming, MqttLink, MqttOptions, Will
from edge.links.kafka import KafkaLine
from edge.links.mqtt import Mqtt5Link
from edge.links.mqtt311 import Mqtt311Link
from edge.measures import Measures
from edge.now import Now
from edge.outward import StoreOutward
from edge.roster import Roster
from edge.settings import Settings
from edge.sparkplug_state import SparkplugState
from edge.sync.down import Down
from edge.sync.link import Link
from edge.sync.up import Up
from edge.tellers import MoneyWire, SyncMail
from edge.web.channels import Channels
from protocols import devices, topics
from protocols.ids import Key, kind_of

ACCOUNT_CELL = "account"

CORES_FOR_MORE_CELLS = 4
"""Below so many cores one floor cell is quicker and steadier than any two (DESIGN measured it)."""

SESSION_S = 7 * 24 * 3600
"""How long the broker keeps a till's QoS 1 messages for a store that is down: a week."""


@dataclass(slots=True)
class Sync:
    """The way up and down, if there is a head office."""

    link: Link
    up: Up
    down: Down


@dataclass(slots=True)
class Store:
    """A store's parts, built and not yet running."""

    settings: Settings
    db: StoreDb
    clock: WallClock
    roster: Roster
    cells: CellHouse
    engine: Engine
    now: Now
    outward: StoreOutward
    hearing: Hearing
    money: MoneyWire
    telemetry_link: MqttLink
    money_link: MqttLink
    sparkplug_state: SparkplugState | None
    sync: Sync | None
    channels: Channels
    measures: Measures
    door: StoreDoor


def build(settings: Settings) -> Store:
    """Opens the database and builds everything on it. Nothing listens or connects yet."""
    store = settings.store.id
    # Whose database this is; a second engine on it is refused here.
    db = open_db(settings.store.data, store=store, keep=settings.journal, chain_key=_chain_key(settings))
    # Time, from no earlier than what was committed.
    clock = WallClock(settings.store.timezone, settings.store.closing_hour, db.now_high_water_ms())
    # Who carries what; the secret never leaves the store's folder.
    secret = roster_secret(Path(settings.store.data))
    roster = Roster(secret, db.roster())
    # What anybody may look at.
    now, channels, measures = Now(), Channels(), Measures(CollectorRegistry())
    outward = StoreOutward(store, now, clock, channels, measures, settings.publish)
    # Where entities live.
    floor = floor_cells(settings.cells.floor_cells, os.cpu_count() or 1)
    cells = CellHouse(floor, settings.cells, settings.store.data)
    # The turn.
    engine = Engine(
        db,
        cells,
        clock,
        outward,
        place=placing(floor),
        cell_names=(*floor, ACCOUNT_CELL),
        births=roster.births,
        limits=EngineLimits(
            settings.inbox.money_max, settings.inbox.telemetry_max, settings.cells.entities_max
        ),
        account_cell=ACCOUNT_CELL,
    )
    # The wire: telemetry and everything outward on one session, money on another that the broker keeps.
    hearing = Hearing(
        engine,
        roster,
        clock,
        lambda: now.facts,
        lambda topic, body: telemetry_link.publish(topic, body),
    )
    dashboards = outward.dashboards
    dashboards.ears, dashboards.passers = hearing, hearing.passers_by_zone

    def arrived(message: Incoming) -> None:
        if not dashboards.arrived(message):
            hearing.arrived(message)

    filters = (*devices.subscriptions(store), *dashboards.subscriptions())
    will = Will(topics.engine_state(store), b"offline")
    telemetry_link = _link(settings, "telemetry", arrived, outward.link_state, filters, will)
    outward.link = telemetry_link
    money = MoneyWire(store)
    money_link = _link(settings, "money", money.arrived, None, (topics.till_request(store, "+"),))
    # A third session for Sparkplug's STATE, if we are anybody's primary host.
    sparkplug_state = _sparkplug_state(settings, clock) if settings.mqtt.sparkplug_host else None
    # Head office, if there is one.
    sync = _sync(settings, db, engine, clock, roster) if settings.kafka.bootstrap else None
    if sync is not None:
        outward.nudge = sync.up.nudge
    # People's screens.
    door = StoreDoor(
        settings,
        db,
        clock,
        roster,
        cells,
        engine,
        now,
        hearing,
        channels,
        measures,
        sync.link if sync else None,
        sync.up if sync else None,
    )
    door.demo_link = telemetry_link
    hearing.survey = door.survey_desk.heard
    money.door, money.link = door, money_link
    return Store(
        settings,
        db,
        clock,
        roster,
        cells,
        engine,
        now,
        outward,
        hearing,
        money,
        telemetry_link,
        money_link,
        sparkplug_state,
        sync,
        channels,
        measures,
        door,
    )


def floor_cells(wanted: int, cores: int) -> tuple[str, ...]:
    """The floor's cells: one holds everything on a small box; with more cores shoppers spread over several.

    With several, the first also holds shelves and signs.
    """
    count = wanted or (1 if cores < CORES_FOR_MORE_CELLS else cores // 2)
    return ("floor",) if count == 1 else tuple(f"floor-{number}" for number in range(1, count + 1))


def placing(floor: tuple[str, ...]):  # type: ignore[no-untyped-def]
    """Which cell an entity lives in: accounts in the engine's own, shoppers by key, the rest in the first."""

    def place(entity: Key) -> str:
        kind = kind_of(entity)
        if kind == "account":
            return ACCOUNT_CELL
        if kind == "shopper" and len(floor) > 1:
            return floor[sum(entity.encode()) % len(floor)]
        return floor[0]

    return place


def roster_secret(folder: Path) -> bytes:
    """The key under which devices are hashed: made once, readable by the store alone."""
    path = folder / "roster.key"
    if not path.exists():
        draft = path.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())  # half a key after a power cut would make strangers of everybody
        draft.replace(path)
    return path.read_bytes()


def _chain_key(settings: Settings) -> bytes | None:
    return Path(settings.kafka.key_file).read_bytes() if settings.kafka.key_file else None


def _link(  # type: ignore[no-untyped-def]
    settings: Settings, lane: str, on_message, on_state, filters: tuple[str, ...], will=None
) -> MqttLink:
    mqtt = settings.mqtt
    is_money = lane == "money"
    options = MqttOptions(
        host=mqtt.host,
        port=mqtt.port,
        client_id=f"endcap-{settings.store.id}-{lane}",
        subscriptions=tuple((topic, int(lane != "telemetry")) for topic in filters),
        username=mqtt.username,
        password=Path(mqtt.password_file).read_bytes().strip() if mqtt.password_file else b"",
        will=will,
        clean_start=not is_money,
        session_s=SESSION_S if is_money else 0,
    )
    make = Mqtt5Link if mqtt.version == 5 else Mqtt311Link
    return make(options, on_message, on_state) if on_state else make(options, on_message)


def _sparkplug_state(settings: Settings, clock: WallClock) -> SparkplugState:
    def link(state: SparkplugState) -> MqttLink:
        return _link(settings, "sparkplug", state.arrived, state.link_state, (state.topic,), state.will)

    return SparkplugState(settings.mqtt.sparkplug_host, clock, link)


def _sync(settings: Settings, db: StoreDb, engine: Engine, clock: WallClock, roster: Roster) -> Sync:
    store = settings.store.id
    link = Link(lambda: KafkaLine(settings.kafka.bootstrap, f"endcap-{store}"), clock.now_ms)
    up = Up(store, db.identity().chain_key_id, db, db, link)
    mail = SyncMail(engine, db, clock, roster)
    return Sync(link, up, Down(store, db, db, db, link, up, mail.apply))
