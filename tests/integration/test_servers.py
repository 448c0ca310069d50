"""The servers under the other integration tests, each asked one real question."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import psycopg
import pytest
import sqlalchemy
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from playwright.async_api import Page
from prometheus_client import CollectorRegistry, Counter, start_http_server

from tests.servers.faults import FaultProxy, Wan
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.postgres import Postgres
from tests.servers.process import free_port, wait_until
from tests.servers.prometheus import Prometheus

SOON_S = 10.0


async def test_mosquitto_carries_a_message(mosquitto: Mosquitto) -> None:
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        await client.subscribe("endcap/#", qos=1)
        await client.publish("endcap/aisle/7", b"heard", qos=1)
        message = await asyncio.wait_for(anext(aiter(client.messages)), SOON_S)
    assert (str(message.topic), message.payload) == ("endcap/aisle/7", b"heard")


async def test_mosquitto_keeps_a_session_over_a_restart(mosquitto: Mosquitto) -> None:
    def session() -> aiomqtt.Client:
        return aiomqtt.Client(
            mosquitto.host,
            mosquitto.port,
            identifier="engine",
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=False,
        )

    async with session() as client:
        await client.subscribe("money/#", qos=1)
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as till:
        await till.publish("money/sale", b"1", qos=1)

    mosquitto.restart()

    async with session() as client:
        message = await asyncio.wait_for(anext(aiter(client.messages)), SOON_S)
    assert message.payload == b"1"


async def test_mosquitto_that_is_killed_comes_back_on_its_port(tmp_path: Path) -> None:
    with mosquitto_running(tmp_path) as broker:
        port = broker.port
        broker.kill()
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client(broker.host, port):
                pass
        broker.start()
        async with aiomqtt.Client(broker.host, port) as client:
            await client.publish("back", b"", qos=1)


async def test_kafka_carries_a_record_and_stamps_it(kafka: Kafka) -> None:
    await kafka.fresh_topics({"endcap.servers": 2})
    assert await _round_trip(kafka.bootstrap, b"sale") == b"sale"


async def test_kafka_through_the_wan_is_cut_and_healed(kafka: Kafka, kafka_wan: FaultProxy) -> None:
    await kafka.fresh_topics({"endcap.servers": 2})
    producer = AIOKafkaProducer(bootstrap_servers=kafka.wan_bootstrap, request_timeout_ms=2_000)
    await producer.start()
    try:
        await producer.send_and_wait("endcap.servers", b"before", partition=1)
        kafka_wan.cut()
        during = await producer.send("endcap.servers", b"during", partition=1)
        await asyncio.sleep(0.3)
        assert not during.done()
        await kafka_wan.heal()
        await asyncio.wait_for(during, SOON_S)
    finally:
        await producer.stop()
    assert kafka_wan.accepted > 2


async def test_postgres_gives_each_test_an_empty_database(postgres: Postgres, postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE lease (id integer)")
        tables = sqlalchemy.inspect(connection).get_table_names()
    engine.dispose()
    assert tables == ["lease"]
    with psycopg.connect(postgres.dsn()) as other:
        row = other.execute("SELECT to_regclass('lease')").fetchone()
    assert row == (None,)


async def test_prometheus_scrapes_and_evaluates_rules(
    start_prometheus: Callable[..., Prometheus], tmp_path: Path
) -> None:
    registry = CollectorRegistry()
    Counter("endcap_sales", "Sales.", registry=registry).inc(3)
    port = free_port()
    metrics, thread = start_http_server(port, "127.0.0.1", registry)
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: t, rules: [{alert: Sold, expr: endcap_sales_total > 2}]}]")
    try:
        prometheus = start_prometheus([f"127.0.0.1:{port}"], [rules])
        wait_until(lambda: bool(prometheus.alerts()), "the alert fires", SOON_S)
        assert [one["value"][1] for one in prometheus.query("endcap_sales_total")] == ["3"]
        assert [rule["health"] for rule in prometheus.rules()] == ["ok"]
        assert prometheus.alerts()[0]["labels"]["alertname"] == "Sold"
    finally:
        metrics.shutdown()
        metrics.server_close()
        thread.join()


async def test_chromium_opens_a_page_and_knows_no_other_host(page: Page) -> None:
    await page.goto("data:text/html,<title>Endcap</title><h1>Aisle 7</h1>")
    assert await page.title() == "Endcap"
    assert await page.get_by_role("heading").inner_text() == "Aisle 7"
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://elsewhere.example/")


async def test_a_wan_delay_is_felt_each_way(wan: Wan) -> None:
    async with _echo() as port:
        line = await wan(port)
        reader, writer = await asyncio.open_connection(line.host, line.port)
        line.delay_ms = 100
        started = time.monotonic()
        writer.write(b"x")
        assert await asyncio.wait_for(reader.read(1), SOON_S) == b"x"
        assert 0.2 <= time.monotonic() - started < 2
        writer.close()


async def test_a_black_hole_holds_bytes_until_it_is_healed(wan: Wan) -> None:
    async with _echo() as port:
        line = await wan(port)
        reader, writer = await asyncio.open_connection(line.host, line.port)
        line.black_hole()
        writer.write(b"held")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(4), 0.2)
        await line.heal()
        assert await asyncio.wait_for(reader.readexactly(4), SOON_S) == b"held"
        writer.close()


async def test_a_cut_line_resets_and_refuses_until_it_is_healed(wan: Wan) -> None:
    async with _echo() as port:
        line = await wan(port)
        reader, _ = await asyncio.open_connection(line.host, line.port)
        line.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), SOON_S)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(line.host, line.port)
        await line.heal()
        reader, writer = await asyncio.open_connection(line.host, line.port)
        writer.write(b"x")
        assert await asyncio.wait_for(reader.read(1), SOON_S) == b"x"
        writer.close()


async def test_a_line_can_be_cut_in_the_middle_of_a_message(wan: Wan) -> None:
    arrived = bytearray()

    async def gather(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(100):
                arrived.extend(chunk)
        except OSError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(gather, "127.0.0.1", 0) as server:
        line = await wan(server.sockets[0].getsockname()[1])
        line.cut_after_bytes(7)
        reader, writer = await asyncio.open_connection(line.host, line.port)
        writer.write(b"0123456789")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), SOON_S)
    assert arrived == b"0123456"


def test_a_server_that_is_stopped_is_gone(tmp_path: Path) -> None:
    with mosquitto_running(tmp_path) as broker:
        pid = broker.process.pid
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()


async def _round_trip(bootstrap: str, value: bytes) -> bytes:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="zstd")
    consumer = AIOKafkaConsumer("endcap.servers", bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    try:
        sent = await producer.send_and_wait("endcap.servers", value, key=b"store", timestamp_ms=1)
        record = await asyncio.wait_for(consumer.getone(), SOON_S)
    finally:
        await consumer.stop()
        await producer.stop()
    assert sent.timestamp_type == 1, "the broker stamps, not the producer"
    assert record.timestamp > 1
    assert isinstance(record.value, bytes)
    return record.value


class _echo:
    """A loopback server that sends back what it hears."""

    async def __aenter__(self) -> int:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1024):
                writer.write(chunk)
        except OSError:
            pass
        finally:
            writer.close()
