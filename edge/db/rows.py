"""What is read from the database, as values; and how an input stands in columns, the same in every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from protocols.cells import Load
from protocols.codec import to_json
from protocols.ids import Key
from protocols.inputs import Cause, Given, Input, Local

GIVEN_COLUMNS = (
    "key, id, input, arrived_us, cause_operation, scanner, subject, more, at_ms, day, minute, weekday, "
    "operation, payload_hash"
)
"""An input's columns, in the order of `given_columns`; the tables turn, tell and parked share them."""

GIVEN_WIDTH = 14

_decode_input = msgspec.json.Decoder(Input).decode


def given_columns(given: Given) -> tuple[Any, ...]:
    """An input as columns. What is empty is NULL, which costs one byte and stays out of partial indexes."""
    cause = given.cause
    local = given.local
    return (
        given.key,
        given.id,
        to_json(given.input).decode(),
        cause.arrived_us,
        cause.operation or None,
        cause.scanner or None,
        cause.subject or None,
        cause.more or None,
        given.at_ms,
        local.day,
        local.minute,
        local.weekday,
        given.operation or None,
        given.payload_hash or None,
    )


def read_given(columns: tuple[Any, ...], row: int = 0) -> Given:
    """The input that `given_columns` wrote."""
    key, ident, given, arrived, operation, scanner, subject, more, at, day, minute, weekday, own, hashed = (
        columns
    )
    return Given(
        key=Key(key),
        id=ident,
        input=_decode_input(given),
        cause=Cause(arrived, operation or "", scanner or "", subject or "", more or 0),
        at_ms=at,
        local=Local(day, minute, weekday),
        operation=own or "",
        payload_hash=hashed or b"",
        row=row,
    )


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One turn as the journal keeps it. `loaded` is set if the turn loaded its entity: a replay begins there."""

    seq: int
    lane: str
    given: Given
    facts_version: int
    pools: dict[str, int]
    loaded: Load | None
    outcome: str
    reply: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One numbered record on its way to head office."""

    incarnation: str
    stream: str
    sequence: int
    chain: bytes
    schema: int
    type: str
    operation: str
    value: bytes


@dataclass(frozen=True, slots=True)
class OutboxCursor:
    """How far one stream of one life has come: numbered, in Kafka, applied by head office."""

    incarnation: str
    stream: str
    head: int
    acked: int
    applied: int


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """An input whose step threw, as a person needs it."""

    reference: int
    given: Given
    state: bytes
    trace: str


@dataclass(frozen=True, slots=True)
class SaleRow:
    """One closed sale. `lines` as (sku, quantity, price_minor, discount_minor)."""

    seq: int
    sale: str
    till: str
    account: str
    operation: str
    day: str
    total_minor: int
    currency: str
    points: int
    at_ms: int
    lines: tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the whole database, for checkers and the console."""

    sales: int
    total_minor: dict[str, int]
    points_issued: int
    points_off_by: int
    offers: dict[str, int]
    turns: int
    last_seq: int
    tells_waiting: int
    parked: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Which life of which store this is, and how far it has come."""

    store: str
    incarnation: str
    epoch: int
    last_seq: int
    facts_version: int
    chain_key_id: str
