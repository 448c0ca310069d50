"""Sparkplug B 3.0: its payload as a plain value, and the one payload that a host sends.

spBv1.0/<group>/NBIRTH|NDATA|NDEATH/<node>            what an edge node says of itself
spBv1.0/<group>/DBIRTH|DDATA|DDEATH/<node>/<device>   what it says of a device behind it
spBv1.0/<group>/NCMD/<node>                           what a host asks of it

The payload is protobuf (Eclipse Tahu's `sparkplug_b.proto`), of which the few fields that are read here stand below
by number; the rest is stepped over, never entered, so nothing here is recursive. What a message means depends on
what its node said before: `edge.sparkplug` keeps that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from protocols.errors import Nonsense, TooLarge

SUBSCRIPTIONS = (
    *(f"spBv1.0/+/{kind}/+" for kind in ("NBIRTH", "NDATA", "NDEATH")),
    *(f"spBv1.0/+/{kind}/+/+" for kind in ("DBIRTH", "DDATA", "DDEATH")),
)

PAYLOAD_BYTES_MAX = 256 * 1024
"""Largest payload: the birth of a node with some thousand metrics. A larger one is refused before decoding."""

METRICS_MAX = 2_000
"""Metrics in one payload. A birth with more is refused; put some of its metrics into devices of their own."""

FIELDS_MAX = 24_000
"""Fields in one payload, those of its metrics included. More is refused, so that small fields cost no time."""

REBIRTH = "Node Control/Rebirth"
BOOLEAN = 11
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED_BITS = {5: 8, 6: 16, 7: 32, 8: 64, 13: 64}
_FLOAT, _DOUBLE = 9, 10

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_U32, _U64 = 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF

Value = int | float | bool | str


class Metric(msgspec.Struct, frozen=True, gc=False):
    """One metric as sent: integers are still without sign, `number_of` gives it to them.

    `value` is None for null, for nothing, and for kinds that are not read here (bytes, data sets, templates).
    """

    name: str = ""
    alias: int | None = None
    timestamp_ms: int = 0
    datatype: int = 0
    historical: bool = False
    value: Value | None = None


class Payload(msgspec.Struct, frozen=True, gc=False):
    """One payload. `seq` is None in a death, which a broker sends."""

    timestamp_ms: int = 0
    seq: int | None = None
    metrics: tuple[Metric, ...] = ()


def decode(payload: bytes) -> Payload:
    """The payload, or Nonsense. A field of another wire type than its own is stepped over, as protobuf does."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise TooLarge(f"{len(payload)} bytes; the limit is {PAYLOAD_BYTES_MAX}")
    timestamp_ms, seq = 0, None
    metrics: list[Metric] = []
    left = FIELDS_MAX
    for number, wire, value in _fields(payload):
        left -= 1
        if (number, wire) == (1, _VARINT):
            timestamp_ms = _whole(value)
        elif (number, wire) == (2, _BYTES):
            if len(metrics) >= METRICS_MAX:
                raise TooLarge(f"more than {METRICS_MAX} metrics; put some into devices of their own")
            metric, used = _metric(_part(value), left)
            metrics.append(metric)
            left -= used
        elif (number, wire) == (3, _VARINT):
            seq = _whole(value)
        if left < 0:
            raise TooLarge(f"more than {FIELDS_MAX} fields")
    return Payload(timestamp_ms, seq, tuple(metrics))


def number_of(value: Value | None, datatype: int) -> float | None:
    """A metric's value as a number by its datatype, which a birth gives; None if it is none, or not of its type."""
    if value is None or isinstance(value, bool | str):
        return None
    if isinstance(value, float):
        return value if datatype in (_FLOAT, _DOUBLE) else None
    if bits := _SIGNED_BITS.get(datatype):
        # Some senders put the sign into as many bits as the type has, others into all 32 or 64.
        low = value & ((1 << bits) - 1)
        return low - (1 << bits) if low >> (bits - 1) else low
    return value if datatype in _UNSIGNED_BITS else None


def rebirth(at_ms: int) -> bytes:
    """The NCMD that asks a node for its births: by name, since its aliases are what is not known, and without seq."""
    stamp = _varint_bytes(at_ms)
    name = REBIRTH.encode()
    metric = b"".join(
        (
            b"\x0a", _varint_bytes(len(name)), name,  # 1, name
            b"\x18", stamp,  # 3, timestamp
            b"\x20", _varint_bytes(BOOLEAN),  # 4, datatype
            b"\x70\x01",  # 14, boolean_value: true
        )
    )  # fmt: skip
    return b"".join((b"\x08", stamp, b"\x12", _varint_bytes(len(metric)), metric))


def _metric(part: bytes, left: int) -> tuple[Metric, int]:
    """One metric, and how many fields it has."""
    name, alias, timestamp_ms, datatype, historical, null = "", None, 0, 0, False, False
    value: Value | None = None
    used = 0
    for number, wire, raw in _fields(part):
        used += 1
        if used > left:
            break  # the caller refuses it
        match number, wire:
            case 1, 2:
                name = _text(raw)
            case 2, 0:
                alias = _whole(raw)
            case 3, 0:
                timestamp_ms = _whole(raw)
            case 4, 0:
                datatype = _whole(raw) & _U32
            case 5, 0:
                historical = bool(raw)
            case 7, 0:
                null = bool(raw)
            case 10, 0:
                value = _whole(raw) & _U32
            case 11, 0:
                value = _whole(raw)
            case 12, 5:
                (value,) = struct.unpack("<f", _part(raw))
            case 13, 1:
                (value,) = struct.unpack("<d", _part(raw))
            case 14, 0:
                value = bool(raw)
            case 15, 2:
                value = _text(raw)
            case ((16 | 17 | 18 | 19), 2):
                value = None  # the last one counts, also if it is of a kind that is not read
    if not name and alias is None:
        raise Nonsense("a metric needs a name or an alias")
    return Metric(name, alias, timestamp_ms, datatype, historical, None if null else value), used


def _fields(part: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field: varints as integers, the rest as their bytes."""
    at, end = 0, len(part)
    while at < end:
        tag, at = _varint(part, at)
        number, wire = tag >> 3, tag & 7
        if not number or tag > _U32:
            raise Nonsense("no field number")
        if wire == _VARINT:
            value, at = _varint(part, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(part, at)
        elif wire == _FIXED64:
            size = 8
        elif wire == _FIXED32:
            size = 4
        else:
            raise Nonsense("groups are not read")
        if size > end - at:
            raise Nonsense("cut short")
        yield number, wire, part[at : at + size]
        at += size


def _varint(part: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(part):
            raise Nonsense("cut short")
        byte = part[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > _U64:
                break
            return value, at
    raise Nonsense("a number of more than 64 bits")


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _whole(raw: int | bytes) -> int:
    assert isinstance(raw, int)  # by its wire type
    return raw


def _part(raw: int | bytes) -> bytes:
    assert isinstance(raw, bytes)  # by its wire type
    return raw


def _text(raw: int | bytes) -> str:
    try:
        return _part(raw).decode()
    except UnicodeDecodeError:
        raise Nonsense("text must be UTF-8") from None
