"""What goes up to head office: numbered, chained records, positional in MessagePack, versioned by schema.

Fields are only ever appended, with defaults, so a cloud reads stores two major versions behind.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from protocols.codec import RECORD_BYTES_MAX, to_msgpack
from protocols.errors import TooLarge

SCHEMA = 1
CHAIN_BYTES = 8


class _Record(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of every record: an array whose first element is the record's name."""


class SaleLine(msgspec.Struct, frozen=True, array_like=True):
    """One line of a sale: quantity in thousandths, money in minor units."""

    sku: str
    quantity: int
    price_minor: int
    discount_minor: int = 0


class SaleRecorded(_Record, frozen=True):
    """A sale was closed and earned `points`, the account's points entry number `entry` in this store (0: none)."""

    operation: str
    sale: str
    till: str
    account: str
    total_minor: int
    currency: str
    points: int
    entry: int
    closed_at_ms: int
    business_day: str
    lines: tuple[SaleLine, ...] = ()


class StockMoved(_Record, frozen=True):
    """Pieces left (negative) or came to a shelf; `pieces` are there now; p in whole per cent."""

    operation: str
    shelf: str
    sku: str
    by: int
    pieces: int
    reason: str
    p: int
    at_ms: int


class OfferIssued(_Record, frozen=True):
    """An offer was issued to an account, or refused there."""

    offer: str
    account: str
    campaign: str
    zone: str
    at_ms: int


class Stay(msgspec.Struct, frozen=True, array_like=True):
    """A stay in one zone, from the turn that entered it to the one that left it. `left_at_ms` 0: it still lasts."""

    zone: str
    entered_at_ms: int
    left_at_ms: int = 0


class VisitClosed(_Record, frozen=True):
    """A visit ended: how long and through which zones. The account is a pseudonym.

    `stays` is the journey: the zones again, with when each was entered and left.
    """

    visit: str
    account: str
    entered_at_ms: int
    left_at_ms: int
    zones: tuple[str, ...] = ()
    stays: tuple[Stay, ...] = ()


class Hello(_Record, frozen=True):
    """First record of a life of a store's database."""

    store: str
    incarnation: str
    at_ms: int


Record = SaleRecorded | StockMoved | OfferIssued | VisitClosed | Hello

decode_record = msgspec.msgpack.Decoder(Record).decode


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What stands beside a record: which life of which store, which stream, which number, and the chain."""

    store: str
    incarnation: str
    stream: str
    sequence: int
    chain: bytes
    schema: int = SCHEMA
    operation: str = ""
    key_id: str = ""


def encode_record(record: Record) -> bytes:
    """The record's bytes. Raises `TooLarge` above `RECORD_BYTES_MAX`: a bigger one would stop its stream."""
    value = to_msgpack(record)
    if len(value) > RECORD_BYTES_MAX:
        raise TooLarge(f"a record of {len(value)} bytes; the limit is {RECORD_BYTES_MAX}")
    return value


def chain(key: bytes, before: bytes, sequence: int, value: bytes) -> bytes:
    """The link of one record: HMAC-SHA256 (RFC 2104) over the chain before, its number and its bytes, cut to 8."""
    message = before + sequence.to_bytes(8, "big") + value
    return hmac.new(key, message, hashlib.sha256).digest()[:CHAIN_BYTES]
