"""A real Kafka: one KRaft broker, controller and all, in one small JVM for the whole run.

It has two doors, because a Kafka client goes where the broker *says* it is: `bootstrap` leads straight in,
and `wan_bootstrap` is an address that a `FaultProxy` has to listen on (the fixture `kafka_wan` does) and that
the broker advertises as its own, so that every connection of such a client passes the WAN switch.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from sim.servers import NotInstalled, format_kafka, kafka_command, kafka_config
from tests.servers.faults import FaultProxy
from tests.servers.process import Process, absent, accepts, free_port, started


class Kafka:
    """A running broker. Its topics live until somebody deletes them: see `fresh_topics`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.host = "127.0.0.1"
        self.port = free_port()
        self.wan_port = free_port()  # what clients of the WAN are told; a proxy listens here
        self.wan_port_behind = free_port()  # where that proxy leads
        config = folder / "server.properties"
        try:
            start = kafka_command("kafka.Kafka", str(config))
        except NotInstalled:
            absent("kafka")
        config.write_text(kafka_config(folder, free_port(), self.port, (self.wan_port, self.wan_port_behind)))
        log = folder / "kafka.log"
        format_kafka(config, log)
        self.process = Process(
            "kafka",
            start,
            log,
            lambda: accepts(self.port) and accepts(self.wan_port_behind),
        )

    @property
    def bootstrap(self) -> str:
        """The address for clients that no test cuts off."""
        return f"{self.host}:{self.port}"

    @property
    def wan_bootstrap(self) -> str:
        """The address for clients behind the WAN switch; needs a proxy listening on `wan_port`."""
        return f"{self.host}:{self.wan_port}"

    def start(self) -> None:
        """After `kill` or `stop`: the same ports and data."""
        self.process.start()

    def stop(self) -> None:
        """A polite end."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL: what was acknowledged is kept, because the page cache is the machine's."""
        self.process.kill()

    def restart(self) -> None:
        """A polite stop and a start."""
        self.process.restart()

    async def create_topics(self, partitions: dict[str, int]) -> None:
        """Makes topics with so many partitions; a topic that exists is an error."""
        async with self._admin() as admin:
            await admin.create_topics([NewTopic(name, count, 1) for name, count in partitions.items()])

    async def fresh_topics(self, partitions: dict[str, int]) -> None:
        """Deletes every topic but Kafka's own and makes these: what an earlier test wrote is gone."""
        async with self._admin() as admin:
            old = [name for name in await admin.list_topics() if not name.startswith("__")]
            if old:
                await admin.delete_topics(old)
            await admin.create_topics([NewTopic(name, count, 1) for name, count in partitions.items()])

    @contextlib.asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


@contextlib.contextmanager
def kafka_running(folder: Path) -> Iterator[Kafka]:
    """A broker in `folder`: some two seconds to its first answer."""
    broker = Kafka(folder)
    with started(broker.process):
        yield broker


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The run's one broker; a test that kills it must start it again."""
    with kafka_running(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
async def kafka_wan(kafka: Kafka) -> AsyncIterator[FaultProxy]:
    """The WAN switch in front of `kafka.wan_bootstrap`."""
    async with FaultProxy(kafka.wan_port_behind, listen_port=kafka.wan_port) as wan:
        yield wan
