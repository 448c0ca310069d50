"""From a store's outbox through Kafka into head office's database and back by mail, while things are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from cloud.bootstrap import open_database, run_cloud
from cloud.db import reads
from cloud.members import Member, import_members
from cloud.provisioning import NewStore, provision
from cloud.settings import Settings, read_settings
from edge.db import StoreDb, open_db
from edge.db.lives import chain_key
from edge.links.kafka import KafkaLine
from edge.ports import Group
from edge.sync.down import Down
from edge.sync.link import Link
from edge.sync.up import Up
from protocols.effects import Emit
from protocols.mail import BalanceMailed, Envelope, MemberMailed
from protocols.records import OfferIssued, Stay, VisitClosed
from tests.servers.faults import FaultProxy
from tests.servers.kafka import Kafka
from tests.servers.process import Process, free_port
from tests.store_values import NOW_MS, given, group, sale, taken

WITHIN_S = 60.0


@dataclass
class Store:
    """A store's database and its two ways, over a real Kafka; the engine's part is a commit of the number."""

    name: str
    folder: Path
    bootstrap: str
    db: StoreDb = field(init=False)
    mail: list[Envelope] = field(default_factory=list)
    sold: int = 0

    def open(self) -> None:
        self.db = open_db(self.folder, store=self.name)
        self.link = Link(lambda: KafkaLine(self.bootstrap, f"store-{self.name}"))
        key_id = self.db.identity().chain_key_id
        self.up = Up(self.name, key_id, self.db, self.db, self.link)
        self.down = Down(self.name, self.db, self.db, self.db, self.link, self.up, self._apply)
        self._tasks = [asyncio.create_task(self.up.run()), asyncio.create_task(self.down.run())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.db.close()

    async def sell(self, count: int, account: str = "ana") -> None:
        for _ in range(count):
            self.sold += 1
            await self.db.commit(group(sale(account, self.sold, entry=self.sold)))
            self.up.nudge()
            await asyncio.sleep(0.001)

    async def issue(self, count: int) -> None:
        emits = [Emit("telemetry", OfferIssued(f"o-{n}", "ana", "milk", "dairy", 1)) for n in range(count)]
        await self.db.commit(group(taken(given("account:ana"), emits)))
        self.up.nudge()

    def applied(self) -> bool:
        return all(cursor.head == cursor.applied for cursor in self.db.outbox_cursors())

    def balance(self, account: str = "ana") -> BalanceMailed | None:
        found = [
            one.mail
            for one in self.mail
            if isinstance(one.mail, BalanceMailed) and one.mail.account == account
        ]
        return found[-1] if found else None

    async def _apply(self, envelope: Envelope) -> None:
        await self.db.commit(Group(NOW_MS, mail_number=envelope.number))
        self.mail.append(envelope)


@dataclass
class Office:
    """Head office as a process of its own, so that it can be killed."""

    settings: Settings
    file: Path
    folder: Path
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        argv = [sys.executable, "-m", "cloud.cli", "run", "--settings", str(self.file)]
        self.process = Process("endcap-cloud", argv, self.folder / "cloud.log", self._answers)

    def ask(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.settings.http.port}{path}", timeout=5)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.ask("/api/v1/health").status_code == 200
        return False


async def until(true: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        await asyncio.sleep(0.05)


@pytest.fixture(params=["postgresql", "sqlite"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, kafka: Kafka) -> Settings:
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    else:
        url = f"sqlite:///{tmp_path}/cloud.db"
    return make_settings(tmp_path, url, kafka.bootstrap)


def make_settings(folder: Path, url: str, bootstrap: str) -> Settings:
    (folder / "cloud.toml").write_text(
        f'[database]\nurl = "{url}"\n[kafka]\nbootstrap = "{bootstrap}"\npartitions = 4\n'
        f"[http]\nport = {free_port()}\n"
    )
    return read_settings(folder / "cloud.toml", {})


@pytest.fixture
def office(settings: Settings, tmp_path: Path) -> Iterator[Office]:
    made = Office(settings, tmp_path / "cloud.toml", tmp_path)
    yield made
    made.process.stop()


def key_of(folder: Path, name: str) -> bytes:
    """The store makes its key with its database; head office is given it."""
    open_db(folder, store=name).close()
    return chain_key(folder)


async def provisioned(settings: Settings, name: str, folder: Path) -> None:
    engine = open_database(settings)
    await provision(settings, engine, [NewStore(name, name, key_of(folder, name))])
    engine.dispose()


@pytest.fixture
async def store(settings: Settings, tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(f"s-{uuid.uuid4().hex[:6]}", tmp_path / "store", settings.kafka.bootstrap)
    await provisioned(settings, made.name, made.folder)
    made.open()
    yield made
    await made.close()


async def test_every_sale_has_one_effect_whatever_is_killed(
    settings: Settings, store: Store, office: Office, kafka: Kafka
) -> None:
    office.process.start()
    selling = asyncio.create_task(store.sell(600))
    await until(lambda: store.balance() is not None, "the first balance came back")
    await asyncio.to_thread(office.process.kill)
    await asyncio.to_thread(office.process.start)
    await asyncio.to_thread(kafka.kill)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(kafka.start)
    await asyncio.to_thread(office.process.kill)
    await store.close()
    selling.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await selling
    store.open()
    # What was committed when the store ended counts; the number after it was never given.
    store.sold = store.db.totals().sales
    await store.issue(50)
    await store.sell(100)
    await asyncio.to_thread(office.process.start)
    await until(store.applied, "every record is applied, and the store knows it")
    totals = store.db.totals()
    engine = open_database(settings)
    found = next(one for one in reads.totals(engine).stores if one.store == store.name)
    assert (found.sales, found.offers) == (totals.sales, 50)
    assert found.total_minor == totals.total_minor["EUR"]
    assert found.points == totals.points_issued == 12 * totals.sales
    assert reads.totals(engine).books_minus_zero == 0
    view = next(one for one in reads.stores(engine) if one.store == store.name)
    assert view.parked == 0 and all(stream.state == "open" for stream in view.streams)
    await until(lambda: store.balance().points == found.points, "the last balance came back")  # type: ignore[union-attr]
    assert store.balance().as_of_entry == totals.sales  # type: ignore[union-attr]
    assert [one.number for one in store.mail] == list(range(1, len(store.mail) + 1))
    engine.dispose()


async def test_the_read_api_says_what_the_database_says(store: Store, office: Office) -> None:
    office.process.start()
    await store.sell(3)
    await until(store.applied, "applied")

    def mine() -> dict[str, Any]:
        return next(
            one for one in office.ask("/api/v1/stores").json()["stores"] if one["store"] == store.name
        )

    await until(lambda: mine()["lag"] == 0, "what waits is counted after what was applied")
    assert (mine()["sales"], mine()["total_minor"]) == (3, 3750)
    assert office.ask("/api/v1/accounts/ana").json()["points"] == 36
    unknown = office.ask("/api/v1/accounts/nobody")
    assert unknown.status_code == 404 and unknown.json()["code"] == "unknown"
    totals = office.ask("/api/v1/totals").json()
    assert totals["books_minus_zero"] == 0
    assert 'endcap_cloud_records_total{outcome="applied"} 4.0' in office.ask("/metrics").text
    assert office.ask("/api/v1/accounts/" + "x" * 300).status_code == 400


async def test_a_visits_journey_is_summed_by_zone_at_head_office(store: Store, office: Office) -> None:
    office.process.start()
    left_ms = int(time.time() * 1_000)
    stays = (Stay("dairy", left_ms - 60_000, left_ms - 20_000), Stay("tills", left_ms - 20_000, left_ms))
    visit = VisitClosed(store.name, "ana", left_ms - 60_000, left_ms, ("dairy", "tills"), stays)
    await store.db.commit(group(taken(given("account:ana"), [Emit("telemetry", visit)])))
    store.up.nudge()
    await until(store.applied, "applied")

    def zones(days: str) -> dict[str, Any]:
        found = office.ask(f"/api/v1/zones?days={days}").json()["zones"]
        return {one["zone"]: one for one in found if one["store"] == store.name}

    assert {zone: one["mean_s"] for zone, one in zones("1").items()} == {"dairy": 40.0, "tills": 20.0}
    assert zones("7")["dairy"] | {"store": ""} == {
        "store": "", "zone": "dairy", "stays": 1, "visits": 1, "mean_s": 40.0, "longest_s": 40.0,
    }  # fmt: skip
    assert office.ask("/api/v1/zones?days=0").status_code == 400


async def test_members_who_are_brought_in_reach_their_store_with_their_balance(
    settings: Settings, store: Store, office: Office
) -> None:
    office.process.start()
    engine = open_database(settings)
    ben = Member("ben", "Ben", "gold", ("offers",), devices=("tag-1",), points=500, stores=(store.name,))
    for _ in range(2):  # the second time changes no points
        import_members(engine, [ben])
    await until(lambda: store.balance("ben") is not None, "ben's balance came")
    assert any(isinstance(one.mail, MemberMailed) and one.mail.tier == "gold" for one in store.mail)
    await store.sell(1, "ben")
    await until(lambda: store.balance("ben").points == 512, "ben earned on top")  # type: ignore[union-attr]
    engine.dispose()


async def test_a_cut_line_loses_nothing_and_is_shown(
    tmp_path: Path, kafka: Kafka, kafka_wan: FaultProxy, postgres_url: str
) -> None:
    settings = make_settings(tmp_path, postgres_url, kafka.bootstrap)
    store = Store(f"s-{uuid.uuid4().hex[:6]}", tmp_path / "store", kafka.wan_bootstrap)
    await provisioned(settings, store.name, store.folder)
    store.open()
    stop = asyncio.Event()
    running = asyncio.create_task(run_cloud(settings, stop))
    try:
        await store.sell(5)
        await until(store.applied, "applied")
        assert store.up.state().state == "up" and store.up.state().last_rtt_ms is not None
        await store.link.cut()
        await until(lambda: kafka_wan.connections == 0, "nothing stays connected", 5)
        accepted = kafka_wan.accepted
        await store.sell(20)
        state = store.up.state()
        assert (state.state, state.up, state.backlog) == ("cut", False, 20)
        await asyncio.sleep(0.5)
        assert kafka_wan.accepted == accepted, "a line that is cut must not try to connect"
        await store.link.heal()
        await until(store.applied, "the backlog is drained")
        await until(lambda: store.up.state().state == "up", "up again")
        assert store.balance().points == 25 * 12  # type: ignore[union-attr]
    finally:
        stop.set()
        await store.close()
        await asyncio.wait_for(running, 10)


async def test_a_kafka_that_lost_what_it_acknowledged_is_sent_it_again(
    tmp_path: Path, kafka: Kafka, postgres_url: str
) -> None:
    """The records went to a topic that is deleted before head office saw them."""
    settings = make_settings(tmp_path, postgres_url, kafka.bootstrap)
    store = Store(f"s-{uuid.uuid4().hex[:6]}", tmp_path / "store", kafka.bootstrap)
    await provisioned(settings, store.name, store.folder)
    key = chain_key(store.folder)
    store.open()
    stop = asyncio.Event()
    running: asyncio.Task[None] | None = None
    try:
        await store.sell(10)
        await until(lambda: all(c.acked == c.head for c in store.db.outbox_cursors()), "in Kafka")
        await kafka.fresh_topics({})
        engine = open_database(settings)
        await provision(settings, engine, [NewStore(store.name, store.name, key)])
        running = asyncio.create_task(run_cloud(settings, stop))
        await store.sell(1)  # head office sees a gap before it, and orders the rest
        await until(store.applied, "applied")
        found = next(one for one in reads.totals(engine).stores if one.store == store.name)
        assert (found.sales, found.points) == (11, 132)
        engine.dispose()
    finally:
        stop.set()
        await store.close()
        if running is not None:
            await asyncio.wait_for(running, 10)


def descendants(marked: str) -> list[int]:
    """Processes below this one whose command line holds `marked`."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(folder.name)
            if marked.encode() in (folder / "cmdline").read_bytes() and os.getpid() in ancestors(pid):
                found.append(pid)
    return found


def ancestors(pid: int) -> set[int]:
    above: set[int] = set()
    while pid > 1:
        pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        above.add(pid)
    return above


async def test_workers_on_ray_apply_the_same_and_outlive_a_kill(
    tmp_path: Path, kafka: Kafka, postgres_url: str
) -> None:
    import ray

    settings = make_settings(tmp_path, postgres_url, kafka.bootstrap)
    settings = msgspec.structs.replace(settings, workers=msgspec.structs.replace(settings.workers, ray=True))
    store = Store(f"s-{uuid.uuid4().hex[:6]}", tmp_path / "store", kafka.bootstrap)
    await provisioned(settings, store.name, store.folder)
    store.open()
    stop = asyncio.Event()
    running = asyncio.create_task(run_cloud(settings, stop))
    try:
        await store.sell(20)
        await until(store.applied, "applied by actors")
        actors = await asyncio.to_thread(descendants, "ray::IngestActor")
        assert len(actors) == settings.workers.count
        for pid in actors:
            os.kill(pid, signal.SIGKILL)
        await store.sell(20)
        await until(store.applied, "applied by actors that Ray started again")
        engine = open_database(settings)
        found = next(one for one in reads.totals(engine).stores if one.store == store.name)
        assert (found.sales, found.points) == (40, 480)
        engine.dispose()
    finally:
        stop.set()
        await store.close()
        await asyncio.wait_for(running, 30)
        ray.shutdown()
