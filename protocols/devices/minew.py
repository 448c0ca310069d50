"""Minew gateways (G1, G2, MG3, MG4): every packet they heard in an interval, in JSON or in binary.

/gw/<gateway>/status   the topic as it is set at the factory, slash in front included
gw/<gateway>/status    the same without the slash

"JSON-LONG", G1 to MG4:
[{"timestamp","type":"Gateway","mac","gatewayFree","gatewayLoad"},
 {"timestamp","type":"iBeacon","mac","bleName","ibeaconUuid","ibeaconMajor","ibeaconMinor","rssi","ibeaconTxPower",…},
 {"timestamp","type":"S1"|…,"mac","rssi","battery","temperature",…},
 {"timestamp","type":"Unknown"|…,"mac","bleName","rssi","rawData" hex}]   stamps as ISO text or in ms
"JSON-RAW", G2: the same rows with `gateway` in the first and neither type nor rawData
"Connect V3", G1 from 4.x:
{"tm","gw","seq","adv":[{"type":"ib","uuid","major","minor",…}|{"type":"uid","namespace","instance",…}|…,"mac","rssi"]}

"BINARY-LONG", G1 from 3.1.3: BB 01, length of all (4), gateway (6), devices (2); of each device address (6),
    packets (2); of each packet length (1), advertisement, flags (1), strength (1, with sign); at the end DD
"Minew-Connect", G2: BB 02, 4 bytes, length of all (4), of the body (4), 84 3E, length of what follows (4);
    of each packet length of what follows (2), antenna (1), flags (1), address (6), strength (1), length (1),
    advertisement, and what it knows of the angle
BINARY-LONG is big-endian, Minew-Connect little-endian but for addresses. Minew publishes no description of either
form; they are read as reelyActive's barnowl-minew reads them, whose recording of a G1 (2022) is a test here.

A gateway is named by the address in the message where it tells one, else by the topic. The short binary form is not
read. The gateway's upload interval must be short enough that a message stays within the limits below.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices import adverts
from protocols.devices.adverts import NOTHING, Advert
from protocols.devices.packets import Packet, readings
from protocols.devices.readings import (
    RSSI_MAX_DBM,
    RSSI_MIN_DBM,
    U16,
    Reading,
    Rssi,
    ScannerSeen,
    Text,
    beacon_id,
    device_id,
    each,
    eddystone_id,
    gateway_age_ms,
    is_address,
    scanner_id,
)
from protocols.errors import Nonsense, TooLarge
from protocols.ids import ScannerId

SUBSCRIPTIONS = ("/gw/+/status", "gw/+/status")

MINEW_BYTES_MAX = 64 * 1024
"""A message of a second in a full shop. A larger one is refused before decoding."""

PACKETS_MAX = 1024
"""Packets of one message. More is refused: no radio hears as many in the second that a gateway should wait."""

ROW_BYTES_MAX = 4096
"""One packet as JSON, an extended advertisement included. A longer row is refused, and only that row."""

BINARY, LONG, CONNECT = b"\xbb", b"\xbb\x01", b"\xbb\x02"
LONG_HEAD, LONG_TAIL = 14, 0xDD
CONNECT_HEAD, CONNECT_BODY = 20, b"\x84\x3e"
CONNECT_PACKET = 10
"""Bytes of a packet in Minew-Connect beside its advertisement, its own length left out."""

Stamp = float | Annotated[str, msgspec.Meta(max_length=40)] | None


class _Row(msgspec.Struct):
    mac: Text = ""
    type: Text = ""
    rssi: Rssi | None = None
    timestamp: Stamp = None
    gateway: Text = ""
    raw: str = msgspec.field(name="rawData", default="")
    ib_uuid: Text = msgspec.field(name="ibeaconUuid", default="")
    ib_major: U16 = msgspec.field(name="ibeaconMajor", default=0)
    ib_minor: U16 = msgspec.field(name="ibeaconMinor", default=0)
    ib_ref: float | None = msgspec.field(name="ibeaconTxPower", default=None)
    uuid: Text = ""
    major: U16 = 0
    minor: U16 = 0
    namespace: Text = ""
    instance: Text = ""


Rows = Annotated[list[msgspec.Raw], msgspec.Meta(max_length=PACKETS_MAX)]


class _Connected(msgspec.Struct):
    adv: Rows
    gw: Text = ""
    tm: Stamp = None


_message = JsonDecoder[list[msgspec.Raw] | _Connected](Rows | _Connected, MINEW_BYTES_MAX)
_row = JsonDecoder[_Row](_Row, ROW_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """The gateway and every packet in one message, or Nonsense. A row of JSON that is odd costs only itself."""
    match topic.removeprefix("/").split("/"):
        case ["gw", name, "status"]:
            named = scanner_id(device_id(name))
        case _:
            raise Nonsense("no topic of a Minew gateway")
    if not payload.startswith(BINARY):
        return _json(named, payload, at_ms)
    if len(payload) > MINEW_BYTES_MAX:
        raise TooLarge(f"{len(payload)} bytes; the limit is {MINEW_BYTES_MAX}")
    if payload.startswith(LONG):
        scanner, packets = _long(payload)
    elif payload.startswith(CONNECT):
        scanner, packets = named, list(_connect(payload))
    else:
        raise Nonsense("a binary form that is not read: set the data format to BINARY-LONG or JSON-LONG")
    return (ScannerSeen(scanner, at_ms), *readings(scanner, packets, at_ms))


def _json(named: ScannerId, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    told = _message(payload)
    sent: Stamp = None
    if isinstance(told, _Connected):
        sent, named = told.tm, _gateway(told.gw, named)
    rows = each(told.adv if isinstance(told, _Connected) else told, lambda raw: _row(bytes(raw)))
    for row in rows:
        named = _gateway(row.gateway or (row.mac if row.type == "Gateway" else ""), named)
    heard = [row for row in rows if row.type != "Gateway" and not row.gateway]
    packets = each(heard, lambda row: _packet(row, sent, at_ms))
    return (ScannerSeen(named, at_ms), *readings(named, packets, at_ms))


def _gateway(mac: str, named: ScannerId) -> ScannerId:
    return scanner_id(device_id(mac)) if is_address(mac) else named


def _packet(row: _Row, sent: Stamp, at_ms: int) -> Packet:
    if not is_address(row.mac):
        raise Nonsense("mac must be 12 hex digits")
    stamp = sent if row.timestamp is None else row.timestamp
    return Packet(device_id(row.mac), row.rssi, _found(row), gateway_age_ms(_ms(stamp), at_ms))


def _found(row: _Row) -> Advert:
    """What a row says of its sender: by its own fields if the gateway decoded the packet, else by the packet."""
    if row.ib_uuid:
        ident = beacon_id(row.ib_uuid, row.ib_major, row.ib_minor)
        return Advert((ident,), adverts.reference(row.ib_ref), "iBeacon")
    if row.uuid:
        return Advert((beacon_id(row.uuid, row.major, row.minor),), None, "iBeacon")
    if row.namespace:
        return Advert((eddystone_id(row.namespace, row.instance),), None, "eddystone-uid")
    return adverts.advert(adverts.octets(row.raw)) if row.raw else NOTHING


def _ms(stamp: Stamp) -> float:
    """A stamp in ms; 0 for one that says nothing. Text without a zone is UTC, as the gateway's clock is."""
    if not isinstance(stamp, str):
        return stamp or 0.0
    try:
        when = datetime.fromisoformat(stamp)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError):
        return 0.0


def _long(data: bytes) -> tuple[ScannerId, list[Packet]]:
    if len(data) <= LONG_HEAD or int.from_bytes(data[2:6]) != len(data) or data[-1] != LONG_TAIL:
        raise Nonsense("a message of BINARY-LONG must have the length that it says and end with DD")
    packets: list[Packet] = []
    at = LONG_HEAD
    for _ in range(int.from_bytes(data[12:14])):
        address = device_id(_taken(data, at, 6).hex())
        count = int.from_bytes(_taken(data, at + 6, 2))
        at += 8
        for _ in range(count):
            if len(packets) == PACKETS_MAX:
                raise Nonsense(f"more than {PACKETS_MAX} packets")
            size = _taken(data, at, 1)[0]
            body = _taken(data, at + 1, size + 2)
            packets.append(Packet(address, _strength(body[size + 1]), adverts.advert(body[:size])))
            at += size + 3
    if at != len(data) - 1:
        raise Nonsense("a message of BINARY-LONG holds more than its devices")
    return scanner_id(data[6:12].hex()), packets


def _connect(data: bytes) -> Iterator[Packet]:
    lengths = (data[6:10], data[10:14], data[16:20])
    expected = (len(data), len(data) - 14, len(data) - CONNECT_HEAD)
    if data[14:16] != CONNECT_BODY or tuple(int.from_bytes(one, "little") for one in lengths) != expected:
        raise Nonsense("a message of Minew-Connect must have the lengths that it says")
    at, count = CONNECT_HEAD, 0
    while at < len(data):
        size = int.from_bytes(_taken(data, at, 2), "little")
        body = _taken(data, at + 2, size)
        if size < CONNECT_PACKET or size < CONNECT_PACKET + body[9]:
            raise Nonsense("a packet of Minew-Connect is shorter than what it holds")
        count += 1
        if count > PACKETS_MAX:
            raise Nonsense(f"more than {PACKETS_MAX} packets")
        found = adverts.advert(body[CONNECT_PACKET : CONNECT_PACKET + body[9]])
        yield Packet(device_id(body[2:8].hex()), _strength(body[8]), found)
        at += 2 + size


def _taken(data: bytes, at: int, size: int) -> bytes:
    taken = data[at : at + size]
    if len(taken) < size:
        raise Nonsense("a message that ends before what it announces")
    return taken


def _strength(byte: int) -> float | None:
    """A strength with its sign; None for 127, which a controller sends where it has none."""
    dbm = float(byte - 256 if byte > 127 else byte)
    return dbm if RSSI_MIN_DBM <= dbm <= RSSI_MAX_DBM else None
