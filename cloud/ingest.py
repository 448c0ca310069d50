"""Pure: sorts what one partition brought by sequence and chain into what to apply, drop, hold and park.

    sequence <= known   dropped; another chain there than the one remembered is a fork: the stream is quarantined
    sequence == known+1 the chain is verified with the store's key, the record is read and applied
    a gap               money waits and a replay is ordered; telemetry goes on, and the gap is counted

A stream that waits keeps nothing in memory: the store has every record until it is applied, and sends it again.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from cloud.checks import check
from cloud.ports import Delivered
from protocols.codec import MsgpackDecoder
from protocols.errors import Nonsense
from protocols.headers import from_headers
from protocols.records import Header, Record, chain

ORDER_AGAIN_MS = 10_000
"""A replay that brought nothing is ordered again after this long."""

State = Literal["open", "waiting", "quarantined"]

_decode: MsgpackDecoder[Record] = MsgpackDecoder(Record)


class StreamKey(NamedTuple):
    """One stream of one life of one store."""

    store: str
    incarnation: str
    stream: str


@dataclass(slots=True)
class Stream:
    """How far a stream is known. `chain` is the link of record `known`, empty before the first.

    `candidate` is a telemetry record beyond a gap, with its chain: it is believed once the record after it
    proves, by its own link, that the store's key made it. Otherwise anybody could make a stream skip ahead.
    """

    known: int = 0
    chain: bytes = b""
    state: State = "open"
    reason: str = ""
    missing: int = 0
    ordered_ms: int = 0
    candidate: int = 0
    candidate_chain: bytes = b""


@dataclass(frozen=True, slots=True)
class Read:
    """A message whose headers could be read."""

    header: Header
    value: bytes
    offset: int

    @property
    def key(self) -> StreamKey:
        """The stream that it belongs to."""
        return StreamKey(self.header.store, self.header.incarnation, self.header.stream)


@dataclass(frozen=True, slots=True)
class Taken:
    """A record to apply."""

    header: Header
    record: Record


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that cannot be applied, with the reason. `header` is None if even that cannot be read."""

    offset: int
    reason: str
    value: bytes
    header: Header | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A replay to be ordered by mail."""

    key: StreamKey
    sequence: int


@dataclass(slots=True)
class Remembered:
    """What the database knows of the streams in a fetch.

    `links` holds the chains of past records, as far as they are kept, for the sequences that a fetch repeats
    and those before them. `keys` are chain keys by store and key id.
    """

    streams: dict[StreamKey, Stream]
    links: Mapping[tuple[StreamKey, int], bytes]
    keys: Mapping[tuple[str, str], bytes]
    stores: frozenset[str]


@dataclass(slots=True)
class Sorted:
    """What to do about a fetch. `links` are new chains to remember, `touched` the streams that changed."""

    taken: list[Taken] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    links: dict[StreamKey, list[tuple[int, bytes]]] = field(default_factory=dict)
    touched: set[StreamKey] = field(default_factory=set)
    repeated: int = 0
    held: int = 0
    forks: int = 0


def read(messages: Iterable[Delivered]) -> tuple[list[Read], list[Parked]]:
    """Reads the headers; what has none that can be read is parked."""
    good: list[Read] = []
    bad: list[Parked] = []
    for message in messages:
        try:
            good.append(Read(from_headers(message.headers), message.value, message.offset))
        except Nonsense as error:
            bad.append(Parked(message.offset, error.reason, message.value))
    return good, bad


def sort_out(messages: Iterable[Read], remembered: Remembered, now_ms: int) -> Sorted:
    """What to do about each message, in order. Changes the streams in `remembered`."""
    result = Sorted()
    for message in messages:
        if message.header.store not in remembered.stores:
            result.parked.append(_parked(message, "this store was never provisioned"))
            continue
        stream = remembered.streams.setdefault(message.key, Stream())
        if stream.state == "quarantined":
            result.held += 1
        elif message.header.sequence <= stream.known:
            _repeat(message, stream, remembered, result)
        elif message.header.sequence == stream.known + 1:
            _next(message, stream, remembered, result, now_ms)
        elif message.header.stream == "telemetry":
            _skip(message, stream, remembered, result)
        else:
            _wait(message, stream, result, now_ms, f"record {stream.known + 1} has not come")
    return result


def _repeat(message: Read, stream: Stream, remembered: Remembered, result: Sorted) -> None:
    """The usual case after any restart. A difference in the chain means that the numbers were given twice."""
    sequence = message.header.sequence
    known = _link(message.key, sequence, remembered, result)
    if known is None or hmac.compare_digest(known, message.header.chain):
        result.repeated += 1
        return
    before = b"" if sequence == 1 else _link(message.key, sequence - 1, remembered, result)
    if before is not None and not _proven(message, before, remembered):
        result.parked.append(_parked(message, "its chain was not made with the store's key"))
        return
    stream.state = "quarantined"
    stream.reason = f"record {sequence} exists twice: the store's database was restored from a copy"
    result.forks += 1
    result.touched.add(message.key)
    result.parked.append(_parked(message, stream.reason))


def _next(message: Read, stream: Stream, remembered: Remembered, result: Sorted, now_ms: int) -> None:
    """The record that is expected. One that does not prove its origin changes nothing: the true one may follow."""
    if not _proven(message, stream.chain, remembered):
        reason = "its chain was not made with a key that is known for the store"
        result.parked.append(_parked(message, reason))
        _wait(message, stream, result, now_ms, reason)
        return
    _advance(message, stream, result)
    try:
        record = _decode(message.value)
        check(record, message.header)
    except Nonsense as error:
        result.parked.append(_parked(message, error.reason))
    else:
        result.taken.append(Taken(message.header, record))


def _skip(message: Read, stream: Stream, remembered: Remembered, result: Sorted) -> None:
    """Telemetry beyond a gap: believed when the record before it links to it, and then the gap is counted."""
    sequence = message.header.sequence
    if sequence == stream.candidate + 1 and _proven(message, stream.candidate_chain, remembered):
        stream.missing += stream.candidate - stream.known
        stream.known, stream.chain = stream.candidate, stream.candidate_chain
        _next(message, stream, remembered, result, 0)
        return
    stream.candidate, stream.candidate_chain = sequence, message.header.chain
    result.touched.add(message.key)
    result.held += 1


def _wait(message: Read, stream: Stream, result: Sorted, now_ms: int, reason: str) -> None:
    result.held += 1
    if stream.state == "waiting" and now_ms - stream.ordered_ms < ORDER_AGAIN_MS:
        return
    stream.state, stream.reason, stream.ordered_ms = "waiting", reason, now_ms
    result.touched.add(message.key)
    result.orders.append(Order(message.key, stream.known + 1))


def _advance(message: Read, stream: Stream, result: Sorted) -> None:
    stream.known, stream.chain = message.header.sequence, message.header.chain
    stream.state, stream.reason, stream.ordered_ms = "open", "", 0
    stream.candidate, stream.candidate_chain = 0, b""
    result.links.setdefault(message.key, []).append((stream.known, stream.chain))
    result.touched.add(message.key)


def _link(key: StreamKey, sequence: int, remembered: Remembered, result: Sorted) -> bytes | None:
    """The chain of a record that is known: from the database, or made known by this very fetch."""
    found = remembered.links.get((key, sequence))
    if found is not None:
        return found
    fresh = result.links.get(key)
    if not fresh or not fresh[0][0] <= sequence <= fresh[-1][0]:
        return None
    # Within a fetch numbers follow each other, except over a counted gap.
    guess = fresh[min(sequence - fresh[0][0], len(fresh) - 1)]
    return guess[1] if guess[0] == sequence else None


def _proven(message: Read, before: bytes, remembered: Remembered) -> bool:
    key = remembered.keys.get((message.header.store, message.header.key_id))
    if key is None:
        return False
    return hmac.compare_digest(
        chain(key, before, message.header.sequence, message.value), message.header.chain
    )


def _parked(message: Read, reason: str) -> Parked:
    return Parked(message.offset, reason, message.value, message.header)
