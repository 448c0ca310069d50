"""The command `endcap-cloud`, as an operator meets it, and the demo's own Kafka under the whole way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from cloud.bootstrap import open_database, run_cloud
from cloud.db import reads
from cloud.links.kafka import topic_partitions
from protocols.topics import PARKED, UP_MONEY, UP_TELEMETRY, down
from tests.integration.test_head_office import Store, make_settings, provisioned, until
from tests.servers.kafka import Kafka


def endcap_cloud(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "cloud.cli", *words, "--settings", str(folder / "cloud.toml")]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


async def test_provision_makes_what_is_missing_and_doctor_then_finds_nothing(
    tmp_path: Path, kafka: Kafka
) -> None:
    await kafka.fresh_topics({})
    make_settings(tmp_path, f"sqlite:///{tmp_path}/cloud.db", kafka.bootstrap)
    before = endcap_cloud("doctor", folder=tmp_path)
    assert before.returncode == 1 and "run endcap-cloud provision" in before.stdout
    store, key = f"s-{uuid.uuid4().hex[:6]}", tmp_path / "keys" / "chain.key"
    for _ in range(2):
        made = endcap_cloud("provision", "--store", store, "--key-file", str(key), folder=tmp_path)
        assert made.returncode == 0 and "partition" in made.stdout, made.stderr
    assert len(key.read_bytes()) == 32 and key.stat().st_mode & 0o077 == 0
    topics = await topic_partitions(kafka.bootstrap, [UP_MONEY, UP_TELEMETRY, PARKED, down(store)])
    assert topics == {UP_MONEY: 4, UP_TELEMETRY: 4, PARKED: 1, down(store): 1}
    after = endcap_cloud("doctor", folder=tmp_path)
    assert after.returncode == 0 and "BAD" not in after.stdout


def test_members_come_in_from_a_file(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path}/cloud.db", "127.0.0.1:1")
    (tmp_path / "members.json").write_text(
        '[{"account": "ana", "name": "Ana", "points": 120, "stores": ["014"]}]'
    )
    for _ in range(2):
        done = endcap_cloud("members", str(tmp_path / "members.json"), folder=tmp_path)
        assert done.stdout.strip() == "1 members", done.stderr
    engine = open_database(settings)
    found = reads.account(engine, "ana")
    assert found is not None and (found.points, found.name) == (120, "Ana")
    engine.dispose()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("members", "nowhere.json"), "nowhere.json"),
        (("provision", "--store", "0 14", "--key-file", "key"), "store '0 14'"),
    ],
)
def test_a_mistake_is_one_line_and_no_trace(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    make_settings(tmp_path, f"sqlite:///{tmp_path}/cloud.db", "127.0.0.1:1")
    words = tuple(str(tmp_path / word) if word in ("nowhere.json", "key") else word for word in words)
    failed = endcap_cloud(*words, folder=tmp_path)
    assert failed.returncode != 0 and says in failed.stderr
    assert "Traceback" not in failed.stderr


def test_kafka_that_is_away_is_named(tmp_path: Path) -> None:
    make_settings(tmp_path, f"sqlite:///{tmp_path}/cloud.db", "127.0.0.1:1")
    found = endcap_cloud("doctor", folder=tmp_path)
    assert found.returncode == 1 and "Kafka at 127.0.0.1:1" in found.stdout


async def test_the_demos_own_kafka_carries_the_whole_way(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka")
    from sim.embedded_kafka import EmbeddedKafka

    with EmbeddedKafka() as broker:
        settings = make_settings(tmp_path, f"sqlite:///{tmp_path}/cloud.db", broker.bootstrap)
        store = Store("014", tmp_path / "store", broker.bootstrap)
        await provisioned(settings, "014", store.folder)
        store.open()
        stop = asyncio.Event()
        running = asyncio.create_task(run_cloud(settings, stop))
        try:
            await store.sell(50)
            await until(store.applied, "applied")
            await store.link.cut()
            await store.sell(50)
            await store.link.heal()
            await until(store.applied, "the backlog is drained")
            await until(lambda: store.balance().points == 1200, "the balance came back")  # type: ignore[union-attr]
        finally:
            stop.set()
            await store.close()
            await asyncio.wait_for(running, 10)
        engine = open_database(settings)
        assert reads.totals(engine).stores[0].sales == 100
        engine.dispose()


async def test_a_second_head_office_takes_over_and_the_first_one_ends(tmp_path: Path, kafka: Kafka) -> None:
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path}/cloud.db", kafka.bootstrap)
    store = Store(f"s-{uuid.uuid4().hex[:6]}", tmp_path / "store", kafka.bootstrap)
    await provisioned(settings, store.name, store.folder)
    store.open()
    first_stop, second_stop = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(run_cloud(settings, first_stop))
    try:
        await store.sell(3)
        await until(store.applied, "applied by the first")
        (tmp_path / "second").mkdir()
        other = make_settings(tmp_path / "second", settings.database.url, kafka.bootstrap)
        second = asyncio.create_task(run_cloud(other, second_stop))
        await asyncio.sleep(1)
        await store.sell(3)
        await until(store.applied, "applied by the second")
        await until(first.done, "the first one noticed")
        assert "Fenced" in repr(first.exception())
        engine = open_database(settings)
        assert next(one for one in reads.totals(engine).stores if one.store == store.name).sales == 6
        engine.dispose()
        second_stop.set()
        await asyncio.wait_for(second, 10)
    finally:
        first_stop.set()
        await store.close()
