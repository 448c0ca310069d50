"""Kafka as head office needs it: read owned partitions from one's own offsets, write mail, make the topics.

Every wait has a limit and after any error the client is thrown away: aiokafka 0.14 waits for ever on a silent
line, and its own `stop()` does too. Sends are not idempotent on Kafka's side, because stores drop mail that
they have by its number.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from cloud.ports import Delivered, LinkDown, NoSuchTopic, Place, Posted

CONNECT_S = 10.0
"""Finding a broker and its topics, or asking it one thing."""

SEND_S = 30.0
"""One batch and its acknowledgement."""

DROP_S = 1.0
"""Closing politely."""

SILENCE_S = 5.0
"""With nothing fetched for so long, the broker is asked where its logs end."""

FETCH_BYTES = 8_000_000
"""Most that one fetch brings from a broker; of one partition a quarter."""

BATCH_BYTES = 900_000

PROVISION_S = 30.0

T = TypeVar("T")

# The client reports each attempt of each outage; our own links say once that they went and once that they came.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class KafkaFeed:
    """Some partitions, read by assign and seek. Soft: offsets live in the database."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[Place, int] = {}
        self._silent_s = 0.0

    async def open(self, positions: Mapping[Place, int]) -> None:
        """Reads on from these offsets. One that the log does not have begins at the log's beginning."""
        await self.drop()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES // 4,
            request_timeout_ms=int(CONNECT_S * 1000),
        )
        await self._boxed(self._consumer.start(), CONNECT_S)
        places = [TopicPartition(*place) for place in positions]
        self._consumer.assign(places)
        first = await self._boxed(self._consumer.beginning_offsets(places), CONNECT_S)
        end = await self._boxed(self._consumer.end_offsets(places), CONNECT_S)
        for place, wanted in positions.items():
            at = TopicPartition(*place)
            self._next[place] = wanted if first[at] <= wanted <= end[at] else first[at]
            self._consumer.seek(at, self._next[place])

    async def fetch(self, records_max: int, wait_s: float) -> Mapping[Place, Sequence[Delivered]]:
        """What has come, in order within a place; empty after `wait_s`. Also notices a log that was replaced."""
        if self._consumer is None:
            raise LinkDown("not open")
        fetched = await self._boxed(
            self._consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=records_max), wait_s + CONNECT_S
        )
        if not fetched:
            await self._look(wait_s)
            return {}
        self._silent_s = 0.0
        brought: dict[Place, list[Delivered]] = {}
        for at, records in fetched.items():
            place = Place(at.topic, at.partition)
            brought[place] = [Delivered(r.offset, r.value or b"", r.headers) for r in records]
            self._next[place] = records[-1].offset + 1
        return brought

    def lag(self) -> Mapping[Place, int]:
        """How many messages lie between what was fetched and the log's end, as of the last fetch."""
        if self._consumer is None:
            return {}
        ends = {place: self._consumer.highwater(TopicPartition(*place)) for place in self._next}
        return {place: max(0, (end or 0) - self._next[place]) for place, end in ends.items()}

    async def drop(self) -> None:
        """Closes at once, whatever is under way."""
        consumer, self._consumer = self._consumer, None
        self._next.clear()
        if consumer is not None:
            await _abandon(consumer)

    async def _look(self, wait_s: float) -> None:
        """A silent line looks like an idle one, and a log made anew like one without news: so ask."""
        self._silent_s += wait_s
        if self._silent_s < SILENCE_S or self._consumer is None:
            return
        self._silent_s = 0.0
        places = [TopicPartition(*place) for place in self._next]
        ends = await self._boxed(self._consumer.end_offsets(places), CONNECT_S)
        behind = [place for place in self._next if ends[TopicPartition(*place)] < self._next[place]]
        if behind:
            await self.drop()
            raise LinkDown(f"{behind[0].topic}/{behind[0].partition} is another log than before")

    async def _boxed(self, awaitable: Awaitable[T], limit_s: float) -> T:
        return await _boxed(self, awaitable, limit_s)


class KafkaPost:
    """Writes to partition 0 of topics that exist. Soft: connected at its first use."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, topic: str, messages: Sequence[Posted]) -> int:
        """Sends to partition 0, as one batch, how many fit (at least one). Returns after Kafka has them."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client_id,
                acks="all",
                enable_idempotence=False,
                compression_type="zstd",
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=int(CONNECT_S * 1000),
                linger_ms=0,
            )
            await self._boxed(self._producer.start(), CONNECT_S)
        producer = self._producer
        assert producer is not None
        batch = producer.create_batch()
        count = 0
        for message in messages:
            if not batch.append(
                key=message.key, value=message.value, timestamp=None, headers=message.headers
            ):
                break
            count += 1
        assert count, "a message of head office is far smaller than a batch"
        batch.close()

        async def delivered() -> None:
            await (await producer.send_batch(batch, topic, partition=0))

        await self._boxed(delivered(), SEND_S)
        return count

    async def drop(self) -> None:
        """Closes at once, whatever is under way."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _abandon(producer)

    async def _boxed(self, awaitable: Awaitable[T], limit_s: float) -> T:
        return await _boxed(self, awaitable, limit_s)


async def provision(
    bootstrap: str, topics: Mapping[str, tuple[int, dict[str, str]]], replication: int
) -> dict[str, int]:
    """Makes the topics that are missing, by name: partitions and settings. Gives the partitions of each.

    A broker that cannot be asked to make topics (the demo's) makes one when it is first mentioned, with as
    many partitions as it likes: so what counts is what the broker then says that it has.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(CONNECT_S * 1000))
    try:
        async with asyncio.timeout(PROVISION_S):
            await admin.start()
            for name, (partitions, settings) in topics.items():
                wanted = NewTopic(name, partitions, replication, topic_configs=settings)
                # A topic that exists stays as it is; a broker without a controller fails with AttributeError.
                with contextlib.suppress(TopicAlreadyExistsError, AttributeError):
                    await admin.create_topics([wanted])
            return await _partitions(admin, list(topics))
    except TimeoutError:
        raise LinkDown(f"no answer within {PROVISION_S:g} s") from None
    except (KafkaError, OSError) as error:
        raise LinkDown(f"{type(error).__name__}: {error}") from None
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(DROP_S):
                await admin.close()


async def topic_partitions(bootstrap: str, topics: Sequence[str]) -> dict[str, int]:
    """How many partitions each of these topics has; one that does not exist is left out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(CONNECT_S * 1000))
    try:
        async with asyncio.timeout(CONNECT_S):
            await admin.start()
            return await _described(admin, topics)
    except TimeoutError:
        raise LinkDown(f"no answer within {CONNECT_S:g} s") from None
    except (KafkaError, OSError) as error:
        raise LinkDown(f"{type(error).__name__}: {error}") from None
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(DROP_S):
                await admin.close()


async def _partitions(admin: Any, topics: Sequence[str]) -> dict[str, int]:
    """Waits until every topic has its leaders: a topic that was just made has none for a moment."""
    while True:
        found = await _described(admin, topics)
        if len(found) == len(topics):
            return found
        await asyncio.sleep(0.1)


async def _described(admin: Any, topics: Sequence[str]) -> dict[str, int]:
    found = {}
    for topic in await admin.describe_topics(list(topics)):
        leaders = [part["leader"] for part in topic["partitions"]]
        if topic["error_code"] == 0 and leaders and min(leaders) >= 0:
            found[topic["topic"]] = len(leaders)
    return found


async def _boxed(link: KafkaFeed | KafkaPost, awaitable: Awaitable[T], limit_s: float) -> T:
    """Waits no longer than `limit_s`. Whatever goes wrong, or a cancellation, costs the client its life."""
    try:
        async with asyncio.timeout(limit_s):
            return await awaitable
    except TimeoutError:
        await link.drop()
        raise LinkDown(f"no answer within {limit_s:g} s") from None
    except OffsetOutOfRangeError as error:
        await link.drop()
        raise LinkDown(f"the log lost what was to be read next: {error}") from None
    except UnknownTopicOrPartitionError:
        await link.drop()
        raise NoSuchTopic("no such topic; endcap-cloud provision makes it") from None
    except (KafkaError, OSError, AssertionError) as error:
        await link.drop()
        raise LinkDown(f"{type(error).__name__}: {error}") from None
    except asyncio.CancelledError:
        await link.drop()
        raise


async def _abandon(client: Any) -> None:
    """Ends a client without its own `stop()`, which waits for ever on a silent line.

    Its sockets are reset and its tasks, which would connect again, cancelled, before anything is waited for.
    """
    inner = client.client if isinstance(client, AIOKafkaProducer) else client._client
    tasks = [inner._sync_task]
    if (sender := getattr(client, "_sender", None)) is not None:
        tasks.append(sender._sender_task)
    if (fetcher := getattr(client, "_fetcher", None)) is not None:
        tasks += [fetcher._fetch_task, *fetcher._pending_tasks]
    if (coordinator := getattr(client, "_coordinator", None)) is not None:
        tasks.append(coordinator._reset_committed_task)
    tasks = [task for task in tasks if task is not None]
    for task in tasks:
        task.cancel()
    for connection in list(inner._conns.values()):
        if connection._writer is not None:
            connection._writer.transport.abort()
        connection.close()
    client._closed = True  # else it warns, when collected, that nobody closed it
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DROP_S):
            await asyncio.gather(*tasks, return_exceptions=True)
