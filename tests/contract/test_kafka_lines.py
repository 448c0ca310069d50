"""The line to Kafka keeps its contract over the embedded broker of the demo and over a real one."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from cloud.links.kafka import KafkaFeed, KafkaPost, provision, topic_partitions
from cloud.ports import NoSuchTopic, Place, Posted
from edge.links.kafka import BATCH_BYTES, KafkaLine
from edge.sync.ports import LineDown, OffsetLost, Outgoing, Refused
from tests.servers.faults import FaultProxy
from tests.servers.kafka import Kafka

pytest.importorskip("confluent_kafka")
from sim.embedded_kafka import EmbeddedKafka


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as broker:
        yield broker


@pytest.fixture(params=["embedded", "real"])
def bootstrap(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("embedded" if request.param == "embedded" else "kafka").bootstrap)


@pytest.fixture
async def topic(bootstrap: str) -> str:
    name = f"endcap.test.{uuid.uuid4().hex[:8]}"
    made = await provision(bootstrap, {name: (4, {"message.timestamp.type": "LogAppendTime"})}, 1)
    assert made == {name: 4}
    return name


@pytest.fixture
async def line(bootstrap: str) -> AsyncIterator[KafkaLine]:
    made = KafkaLine(bootstrap, "store-014")
    yield made
    await made.drop()


def messages(count: int, size: int = 10, first: int = 0) -> list[Outgoing]:
    return [
        Outgoing(b"014", (b"%d" % n).ljust(size, b"."), [("sequence", b"%d" % n), ("chain", bytes(range(8)))])
        for n in range(first, first + count)
    ]


async def drained(line: KafkaLine, topic: str, partition: int, count: int, offset: int | None = None):
    got = []
    while len(got) < count:
        more = await line.fetch(topic, partition, offset, 5.0)
        assert more, f"only {len(got)} of {count} came"
        got += more
        offset = more[-1].offset + 1
    return got


async def test_a_batch_goes_to_the_partition_that_was_named_in_order(line: KafkaLine, topic: str) -> None:
    assert await line.send(topic, 2, messages(100)) == 100
    got = await drained(line, topic, 2, 100)
    assert [dict(one.headers)["sequence"] for one in got] == [b"%d" % n for n in range(100)]
    assert got[0].value == b"0.........".ljust(10, b".") and dict(got[0].headers)["chain"] == bytes(range(8))
    assert await line.fetch(topic, 0, None, 0.3) == []


async def test_reading_goes_on_from_the_readers_own_offset(line: KafkaLine, topic: str) -> None:
    await line.send(topic, 0, messages(10))
    got = await line.fetch(topic, 0, 7, 5.0)
    assert [one.offset for one in got] == [7, 8, 9]
    assert await line.fetch(topic, 0, 10, 0.3) == []
    await line.send(topic, 0, messages(1, first=10))
    assert [one.offset for one in await line.fetch(topic, 0, 10, 5.0)] == [10]
    assert await line.ping(topic, 0) == 11


async def test_an_offset_beyond_the_log_is_told_and_not_waited_for(line: KafkaLine, topic: str) -> None:
    await line.send(topic, 0, messages(3))
    with pytest.raises(OffsetLost):
        await line.fetch(topic, 0, 1000, 5.0)
    assert len(await drained(line, topic, 0, 3)) == 3


async def test_what_does_not_fit_one_batch_is_left_for_the_next(line: KafkaLine, topic: str) -> None:
    big = messages(12, size=250_000)
    sent = await line.send(topic, 0, big)
    assert 1 <= sent < 12 and sent * 250_000 <= BATCH_BYTES
    assert await line.send(topic, 0, big[sent:]) >= 1


async def test_a_record_that_the_broker_will_never_take_is_refused_and_the_next_one_passes(
    kafka: Kafka,
) -> None:
    name = f"endcap.test.{uuid.uuid4().hex[:8]}"
    await provision(kafka.bootstrap, {name: (1, {})}, 1)
    line = KafkaLine(kafka.bootstrap, "store-014")
    with pytest.raises(Refused):
        await line.send(name, 0, [Outgoing(b"014", os.urandom(1_200_000), [])])
    assert await line.send(name, 0, messages(1)) == 1
    await line.drop()


async def test_a_dropped_line_connects_again(line: KafkaLine, topic: str) -> None:
    await line.send(topic, 0, messages(1))
    await line.drop()
    await line.drop()
    await line.send(topic, 0, messages(1, first=1))
    assert len(await drained(line, topic, 0, 2)) == 2


async def test_nobody_there_is_line_down_at_once() -> None:
    began = time.monotonic()
    line = KafkaLine("127.0.0.1:1", "store-014")
    with pytest.raises(LineDown):
        await line.send("topic", 0, messages(1))
    with pytest.raises(LineDown):
        await line.fetch("topic", 0, 0, 1.0)
    assert time.monotonic() - began < 5


async def test_head_office_reads_on_where_its_database_says(
    bootstrap: str, line: KafkaLine, topic: str
) -> None:
    await line.send(topic, 1, messages(10))
    feed = KafkaFeed(bootstrap, "cloud")
    places = {Place(topic, n): 0 for n in range(4)} | {Place(topic, 1): 6, Place(topic, 3): 999}
    try:
        await feed.open(places)
        got = await feed.fetch(100, 5.0)
        assert [one.offset for one in got[Place(topic, 1)]] == [6, 7, 8, 9]
        assert feed.lag()[Place(topic, 1)] == 0
        await line.send(topic, 3, messages(1))  # its cursor was beyond the log: it begins at the beginning
        got = await feed.fetch(100, 5.0)
        assert [one.offset for one in got[Place(topic, 3)]] == [0]
    finally:
        await feed.drop()


async def test_mail_goes_to_partition_0_and_parts_that_fit(
    bootstrap: str, line: KafkaLine, topic: str
) -> None:
    post = KafkaPost(bootstrap, "cloud")
    try:
        sent = await post.publish(
            topic, [Posted(b"", bytes(200_000), [("number", b"%d" % n)]) for n in range(9)]
        )
        assert 1 <= sent < 9
        got = await drained(line, topic, 0, sent)
        assert dict(got[-1].headers) == {"number": b"%d" % (sent - 1)}
    finally:
        await post.drop()


async def test_provisioning_twice_changes_nothing(bootstrap: str, topic: str) -> None:
    assert await provision(bootstrap, {topic: (9, {})}, 1) == {topic: 4}
    assert await topic_partitions(bootstrap, [topic]) == {topic: 4}


async def test_a_topic_that_was_never_made_is_named_as_such(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.links.kafka.CONNECT_S", 2.0)
    post = KafkaPost(kafka.bootstrap, "cloud")
    try:
        with pytest.raises(NoSuchTopic):
            await post.publish("endcap.down.never", [Posted(b"", b"x", [])])
    finally:
        await post.drop()


async def test_topics_take_the_brokers_time_and_not_the_senders(kafka: Kafka) -> None:
    """With the sender's time, retention deletes a backlog of last month as soon as it arrives."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    name = f"endcap.test.{uuid.uuid4().hex[:8]}"
    await provision(kafka.bootstrap, {name: (1, {"message.timestamp.type": "LogAppendTime"})}, 1)
    line = KafkaLine(kafka.bootstrap, "store-014")
    await line.send(name, 0, messages(1))
    await line.drop()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="none")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(name, 0)])
        consumer.seek(TopicPartition(name, 0), 0)
        assert (await asyncio.wait_for(consumer.getone(), 10)).timestamp_type == 1
    finally:
        await consumer.stop()


async def test_a_silent_line_ends_a_fetch_and_a_drop_in_bounded_time(
    kafka: Kafka, kafka_wan: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.links.kafka.SEND_S", 1.5)
    name = f"endcap.test.{uuid.uuid4().hex[:8]}"
    await provision(kafka.bootstrap, {name: (1, {})}, 1)
    line = KafkaLine(kafka.wan_bootstrap, "store-014")
    await line.send(name, 0, messages(1))
    kafka_wan.black_hole()
    began = time.monotonic()
    with pytest.raises(LineDown, match="no answer"):
        await line.send(name, 0, messages(1, first=1))
    assert time.monotonic() - began < 6
    await kafka_wan.heal()
    await line.send(name, 0, messages(1, first=1))
    assert len(await drained(line, name, 0, 2)) >= 2
    await line.drop()


async def test_a_cut_line_is_line_down_and_nothing_stays_connected(
    kafka: Kafka, kafka_wan: FaultProxy
) -> None:
    name = f"endcap.test.{uuid.uuid4().hex[:8]}"
    await provision(kafka.bootstrap, {name: (1, {})}, 1)
    line = KafkaLine(kafka.wan_bootstrap, "store-014")
    await line.send(name, 0, messages(1))
    assert kafka_wan.connections > 0
    await line.drop()
    for _ in range(100):
        if kafka_wan.connections == 0:
            break
        await asyncio.sleep(0.02)
    assert kafka_wan.connections == 0


async def test_a_dropped_line_leaves_no_task_behind(line: KafkaLine, topic: str) -> None:
    before = asyncio.all_tasks()
    for _ in range(3):
        await line.send(topic, 0, messages(1))
        await line.fetch(topic, 0, 0, 1.0)
        await line.drop()
    await asyncio.sleep(0.2)
    left = asyncio.all_tasks() - before
    assert not left, "\n".join(str(task) for task in left)
