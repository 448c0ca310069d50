"""A Kafka that needs no installing: the mock cluster inside confluent-kafka's wheel. For the demo alone.

It speaks Kafka's own protocol to any client, keeps everything in memory and at most 5 MiB a partition, and has
no controller: a topic is made by mentioning it, with four partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

START_S = 10.0


class EmbeddedKafka:
    """A broker inside this process, gone with everything in it when it stops.

    It cannot be restarted on the same port: whoever was connected needs the new `bootstrap`.
    """

    def __init__(self) -> None:
        self._client: Any = None
        self.bootstrap = ""

    def start(self) -> str:
        """Starts the broker and gives its address."""
        from confluent_kafka import Producer  # an extra that only the demo installs

        # The cluster belongs to the client that asked for it, and lives as long as it does.
        self._client = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
        brokers = self._client.list_topics(timeout=START_S).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self.bootstrap

    def make_topics(self, topics: Sequence[str]) -> dict[str, int]:
        """Makes topics by mentioning them; gives how many partitions each has."""
        made = {}
        for topic in topics:
            found = self._client.list_topics(topic, timeout=START_S).topics[topic]
            made[topic] = len(found.partitions)
        return made

    def stop(self) -> None:
        """Ends the broker. What is in it is gone."""
        self._client = None
        self.bootstrap = ""

    def __enter__(self) -> EmbeddedKafka:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
