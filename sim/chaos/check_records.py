"""Checks what travelled: reads the topics from their beginning and verifies every number and every link."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from cloud.links.kafka import topic_partitions
from protocols.codec import MsgpackDecoder
from protocols.errors import Nonsense
from protocols.headers import from_headers
from protocols.records import Header, Record, SaleRecorded, chain
from protocols.topics import UP
from sim.chaos.sales import Sales, Wrong

READ_S = 60.0

_decode: MsgpackDecoder[Record] = MsgpackDecoder(Record)


@dataclass(frozen=True, slots=True)
class Travelled:
    """One record as Kafka has it."""

    header: Header
    value: bytes


async def travelled(bootstrap: str, wrong: list[Wrong]) -> list[Travelled]:
    """Everything on the topics that go up, in the order of the log."""
    found: list[Travelled] = []
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with asyncio.timeout(READ_S):
        await consumer.start()
        try:
            for topic, count in (await topic_partitions(bootstrap, list(UP.values()))).items():
                await _read(
                    consumer, [TopicPartition(topic, number) for number in range(count)], found, wrong
                )
        finally:
            await consumer.stop()
    return found


async def _read(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], found: list[Travelled], wrong: list[Wrong]
) -> None:
    if not places:
        return
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    ends = await consumer.end_offsets(places)
    while any([await consumer.position(place) < ends[place] for place in places]):
        for messages in (await consumer.getmany(timeout_ms=500)).values():
            for message in messages:
                try:
                    found.append(Travelled(from_headers(message.headers), message.value or b""))
                except Nonsense as error:
                    wrong.append(Wrong("chain", message.topic, f"offset {message.offset}: {error.reason}"))


def check_records(
    records: Sequence[Travelled],
    key: bytes,
    heads: dict[tuple[str, str], tuple[int, bytes]],
    sales: Sales,
    wrong: list[Wrong],
) -> int:
    """Each stream is whole, numbered without a gap, linked by the store's key up to its head, and says one thing.

    A record may have travelled twice: the same number with the same bytes. Gives how many did.
    """
    streams: dict[tuple[str, str], dict[int, Travelled]] = {}
    repeated = 0
    for one in records:
        numbers = streams.setdefault((one.header.incarnation, one.header.stream), {})
        before = numbers.setdefault(one.header.sequence, one)
        if before is one:
            continue
        repeated += 1
        if (before.value, before.header.chain) != (one.value, one.header.chain):
            wrong.append(
                Wrong("chain", one.header.operation, f"number {one.header.sequence} says two things")
            )
    for place, (head, link) in heads.items():
        _check_stream(place, streams.pop(place, {}), head, link, key, wrong)
    for place in streams:
        wrong.append(Wrong("invented", place[1], f"Kafka has a stream {place} that the store has not"))
    _check_operations(records, sales, wrong)
    return repeated


def _check_stream(
    place: tuple[str, str],
    numbers: dict[int, Travelled],
    head: int,
    link: bytes,
    key: bytes,
    wrong: list[Wrong],
) -> None:
    before = b""
    for sequence in range(1, head + 1):
        one = numbers.get(sequence)
        if one is None:
            wrong.append(Wrong("chain", place[1], f"record {sequence} of {head} is not in Kafka"))
            return
        if chain(key, before, sequence, one.value) != one.header.chain:
            wrong.append(Wrong("chain", one.header.operation or place[1], f"record {sequence} is not linked"))
            return
        before = one.header.chain
    if before != link:
        wrong.append(Wrong("chain", place[1], f"ends in {before.hex()}, the store in {link.hex()}"))
    if numbers and max(numbers) > head:
        wrong.append(Wrong("chain", place[1], f"Kafka has record {max(numbers)}, the store ends at {head}"))


def _check_operations(records: Sequence[Travelled], sales: Sales, wrong: list[Wrong]) -> None:
    """No sale stands under two numbers."""
    numbers: dict[str, tuple[str, int]] = {}
    for one in records:
        try:
            record = _decode(one.value)
        except Nonsense as error:
            wrong.append(Wrong("chain", one.header.operation, f"cannot be read: {error.reason}"))
            continue
        if not isinstance(record, SaleRecorded):
            continue
        place = (one.header.incarnation, one.header.sequence)
        if numbers.setdefault(record.operation, place) != place:
            wrong.append(
                Wrong("doubled", record.operation, f"travelled as {numbers[record.operation]} and as {place}")
            )
        if record.operation not in sales.sent:
            wrong.append(Wrong("invented", record.operation, "a record of a sale that no till sent"))
