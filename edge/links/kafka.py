"""Kafka as a store needs it: send one batch to one partition, read one mailbox from one's own cursor.

Sends are not idempotent on Kafka's side: every record is numbered and head office drops repeats, while the
idempotent producer of aiokafka 0.14 can wedge for good on a refused record and never times out on a silent
line. So every wait here has a limit, and after any error the client is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidMessageError,
    KafkaError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)

from edge.sync.ports import Arrived, LineDown, OffsetLost, Outgoing, Refused

CONNECT_S = 10.0
"""Finding a broker and its topics."""

SEND_S = 30.0
"""One batch and its acknowledgement: 900 KB at 300 kbit/s. Past it the batch is sent again on a new line."""

DROP_S = 1.0
"""Closing politely. Past it the client is left to its sockets, which are closed already."""

BATCH_BYTES = 1_500_000
"""Largest batch before compression; compressed it must stay under the broker's 1 MiB, else it is `Refused`."""

FETCH_BYTES = 1_000_000
"""Most that one fetch brings; a record is at most 256 KiB."""

FETCH_RECORDS = 500

REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidMessageError)

T = TypeVar("T")

# The client reports each attempt of each outage; our own links say once that they went and once that they came.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class KafkaLine:
    """One line to the backbone, connected at its first use. Soft: it remembers no more than its connections."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._reads_on: tuple[str, int, int] | None = None  # topic, partition, offset

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has. Raises LineDown too while there is no such topic."""
        producer = await self._producing()
        found = await self._boxed(producer.partitions_for(topic), CONNECT_S)
        return len(found)

    async def send(self, topic: str, partition: int, messages: Sequence[Outgoing]) -> int:
        """Sends the longest prefix that fits one batch; returns how many that was, once the broker keeps them."""
        producer = await self._producing()
        batch = producer.create_batch()
        count = 0
        for message in messages:
            added = batch.append(
                key=message.key, value=message.value, timestamp=None, headers=message.headers
            )
            if added is None:
                break
            count += 1
        batch.close()
        if count == 0:
            raise Refused(f"a record of {len(messages[0].value)} bytes does not fit a batch of {BATCH_BYTES}")

        async def delivered() -> None:
            await (await producer.send_batch(batch, topic, partition=partition))

        await self._boxed(delivered(), SEND_S)
        return count

    async def fetch(self, topic: str, partition: int, offset: int | None, wait_s: float) -> list[Arrived]:
        """What the log has from `offset` on (None: from its beginning), or nothing after `wait_s`."""
        consumer = await self._consuming()
        place = TopicPartition(topic, partition)
        if self._reads_on is None or self._reads_on[:2] != (topic, partition):
            consumer.assign([place])
            self._reads_on = None
        if offset is None:
            offset = (await self._boxed(consumer.beginning_offsets([place]), CONNECT_S))[place]
        if self._reads_on != (topic, partition, offset):
            await self._check_inside(consumer, place, offset)
            consumer.seek(place, offset)
        fetched = await self._boxed(
            consumer.getmany(place, timeout_ms=int(wait_s * 1000), max_records=FETCH_RECORDS),
            wait_s + CONNECT_S,
        )
        records = fetched.get(place, [])
        self._reads_on = (topic, partition, records[-1].offset + 1 if records else offset)
        return [Arrived(record.offset, record.value or b"", record.headers) for record in records]

    async def ping(self, topic: str, partition: int) -> int:
        """The end of the log, asked of the broker: an empty fetch does not tell a silent line from an idle one."""
        consumer = await self._consuming()
        place = TopicPartition(topic, partition)
        return int((await self._boxed(consumer.end_offsets([place]), CONNECT_S))[place])

    async def drop(self) -> None:
        """Closes every connection at once, whatever is under way. The line may be used again: it reconnects."""
        producer, self._producer = self._producer, None
        consumer, self._consumer = self._consumer, None
        self._reads_on = None
        for client in (producer, consumer):
            if client is not None:
                await _abandon(client)

    async def _check_inside(self, consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
        """A seek past the end waits for ever when the log is another one than before: look first."""
        end = (await self._boxed(consumer.end_offsets([place]), CONNECT_S))[place]
        if offset > end:
            raise OffsetLost(f"{place.topic}/{place.partition} ends at {end}, before {offset}")

    async def _producing(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client_id,
                acks="all",
                enable_idempotence=False,
                compression_type="zstd",
                max_batch_size=BATCH_BYTES,
                max_request_size=2 * BATCH_BYTES,
                request_timeout_ms=int(SEND_S * 1000),
                linger_ms=0,
            )
            await self._boxed(self._producer.start(), CONNECT_S)
        assert self._producer is not None
        return self._producer

    async def _consuming(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client_id,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=FETCH_BYTES,
                request_timeout_ms=int(CONNECT_S * 1000),
            )
            await self._boxed(self._consumer.start(), CONNECT_S)
        assert self._consumer is not None
        return self._consumer

    async def _boxed(self, awaitable: Awaitable[T], limit_s: float) -> T:
        """Waits no longer than `limit_s`. Whatever goes wrong, or a cancellation, costs the client its life."""
        try:
            async with asyncio.timeout(limit_s):
                return await awaitable
        except REFUSALS as error:
            await self.drop()
            raise Refused(str(error) or type(error).__name__) from None
        except OffsetOutOfRangeError as error:
            await self.drop()
            raise OffsetLost(str(error)) from None
        except UnknownTopicOrPartitionError:
            await self.drop()
            raise LineDown("no such topic; endcap-cloud provision makes it") from None
        except TimeoutError:
            await self.drop()
            raise LineDown(f"no answer within {limit_s:g} s") from None
        except (KafkaError, OSError, AssertionError) as error:
            await self.drop()
            raise LineDown(f"{type(error).__name__}: {error}") from None
        except asyncio.CancelledError:
            await self.drop()
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
