"""What stands beside a message on Kafka: its headers, the partition of a store, and the name of a chain key.

A header's value is short text, so that any Kafka tool shows it; only the chain is bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from zlib import crc32

from protocols.errors import Nonsense
from protocols.ids import is_safe_id
from protocols.records import CHAIN_BYTES, Header

Headers = list[tuple[str, bytes]]

SEQUENCE_MAX = 2**63 - 1
STREAMS = ("money", "telemetry")

NUMBER = "number"
"""The one header of mail: its number, so that mail which was applied already is skipped unread."""


def key_id(key: bytes) -> str:
    """The name of a chain key, which does not give it away: BLAKE2b-32 with a purpose of its own (RFC 7693)."""
    return hashlib.blake2b(key, digest_size=4, person=b"chain key").hexdigest()


def partition_of(store: str, partitions: int) -> int:
    """The partition that a store is given when it is provisioned. It is stored, and never computed again."""
    if partitions <= 0:
        raise ValueError("a topic has at least one partition")
    return crc32(store.encode()) % partitions


def to_headers(header: Header) -> Headers:
    """A record's header as Kafka carries it. What is empty is left out: the line may be thin."""
    headers: Headers = [
        ("store", header.store.encode()),
        ("incarnation", header.incarnation.encode()),
        ("stream", header.stream.encode()),
        ("sequence", b"%d" % header.sequence),
        ("chain", header.chain),
        ("schema", b"%d" % header.schema),
    ]
    if header.operation:
        headers.append(("operation", header.operation.encode()))
    if header.key_id:
        headers.append(("key", header.key_id.encode()))
    return headers


def from_headers(headers: Iterable[tuple[str, bytes]]) -> Header:
    """The header of a record from Kafka. Raises Nonsense, which names what is missing or wrong."""
    given = dict(headers)
    try:
        header = Header(
            store=given["store"].decode(),
            incarnation=given["incarnation"].decode(),
            stream=given["stream"].decode(),
            sequence=int(given["sequence"]),
            chain=given["chain"],
            schema=int(given["schema"]),
            operation=given.get("operation", b"").decode(),
            key_id=given.get("key", b"").decode(),
        )
    except KeyError as error:
        raise Nonsense(f"no header {error}") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise Nonsense(f"a header that cannot be read: {error}") from None
    if not is_safe_id(header.store) or not is_safe_id(header.incarnation):
        raise Nonsense("header store or incarnation is no identifier")
    if header.stream not in STREAMS:
        raise Nonsense(f"header stream is none of {', '.join(STREAMS)}")
    if not 1 <= header.sequence <= SEQUENCE_MAX:
        raise Nonsense("header sequence is out of range")
    if len(header.chain) != CHAIN_BYTES:
        raise Nonsense(f"header chain is not {CHAIN_BYTES} bytes")
    return header


def number_of(headers: Iterable[tuple[str, bytes]]) -> int:
    """The number of a piece of mail, 0 if it is unnumbered or cannot be read."""
    for name, value in headers:
        if name == NUMBER:
            try:
                return int(value)
            except (ValueError, TypeError):
                return 0
    return 0
