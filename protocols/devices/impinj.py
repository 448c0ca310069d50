"""Impinj RFID readers (R700 and later) over the IoT device interface: tags read, and whether an antenna listens.

impinj/<reader>/events   the reader's `eventTopic`: one event, or an array of them
impinj/<reader>/status   its `willTopic`: the connect, disconnect and will messages, as they come or as one writes
                         them: `connected` or `online`, `connection lost`, `disconnected` or `offline`
{"timestamp","hostname","eventType":"tagInventory","tagInventoryEvent":{"epcHex" | "epc" base64,"tidHex" | "tid",
 "antennaPort","peakRssiCdbm" 1/100 dBm,"lastSeenTime",…}}
{…,"eventType":"inventoryStatus","inventoryStatusEvent":{"inventoryStatus":"idle"|"running"|"armed"}}
{…,"eventType":"antennaConnected"|"antennaDisconnected","antennaDisconnectedEvent":{"antennaPort"}}

An antenna is a scanner, `<hostname>-<port>`; a reader that sends no hostname has its name from the topic. A tag is
`epc:<hex>`, and by its chip's own number `tid:<hex>`. The preset must report `antennaPort` and `peakRssiCdbm`. Other
events say nothing here. An idle reader reads nothing, so it counts as gone, under its hostname.
"""

from __future__ import annotations

import binascii
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices.readings import (
    RSSI_MAX_DBM,
    RSSI_MIN_DBM,
    Reading,
    ScannerSeen,
    Sighting,
    Text,
    device_id,
    gateway_age_ms,
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId

SUBSCRIPTIONS = ("impinj/+/events", "impinj/+/status")

EVENTS_BYTES_MAX = 64 * 1024
"""An event is some 400 bytes; a larger message is refused before decoding."""

EVENTS_MAX = 128
"""Events in one message. More is refused, so that one message cannot become thousands of sightings."""

EPC_BYTES_MAX = 62
"""The longest EPC that a tag's protocol word can announce (Gen2: 31 words)."""

ONLINE = (b"connected", b"online")
OFFLINE = (b"connection lost", b"disconnected", b"offline")

Port = Annotated[int, msgspec.Meta(ge=1, le=64)]
Cdbm = Annotated[int, msgspec.Meta(ge=int(RSSI_MIN_DBM) * 100, le=int(RSSI_MAX_DBM) * 100)]
Hex = Annotated[str, msgspec.Meta(max_length=EPC_BYTES_MAX * 2, pattern=r"^([0-9A-Fa-f]{2})*\Z")]
Base64 = Annotated[str, msgspec.Meta(max_length=(EPC_BYTES_MAX + 2) // 3 * 4)]


class _Tag(msgspec.Struct, rename="camel"):
    epc_hex: Hex = ""
    epc: Base64 = ""
    tid_hex: Hex = ""
    tid: Base64 = ""
    antenna_port: Port | None = None
    peak_rssi_cdbm: Cdbm | None = None
    last_seen_time: datetime | None = None


class _Status(msgspec.Struct, rename="camel"):
    # The interface's description says `status`; readers send `inventoryStatus`.
    inventory_status: Literal["idle", "running", "armed", ""] = ""
    status: Literal["idle", "running", "armed", ""] = ""


class _Antenna(msgspec.Struct, rename="camel"):
    antenna_port: Port


class _Event(msgspec.Struct, rename="camel"):
    timestamp: datetime | None = None
    hostname: Text = ""
    tag_inventory_event: _Tag | None = None
    inventory_status_event: _Status | None = None
    antenna_connected_event: _Antenna | None = None
    antenna_disconnected_event: _Antenna | None = None


_Events = Annotated[list[_Event], msgspec.Meta(max_length=EVENTS_MAX)]
_events = JsonDecoder[list[_Event] | _Event](_Events | _Event, EVENTS_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """Readings of one message of an Impinj reader, or Nonsense."""
    match topic.split("/"):
        case ["impinj", reader, "status"]:
            return (ScannerSeen(scanner_id(reader), at_ms, _online(payload)),)
        case ["impinj", reader, "events"]:
            told = _events(payload)
            events = told if isinstance(told, list) else [told]
            found = (_reading(event, event.hostname or reader, at_ms) for event in events)
            return tuple(reading for reading in found if reading is not None)
    raise Nonsense("no Impinj topic")


def _online(payload: bytes) -> bool:
    if payload in ONLINE:
        return True
    if payload in OFFLINE:
        return False
    raise Nonsense("the reader's connectMessage must be 'connected' or 'online', its willMessage 'offline'")


def _reading(event: _Event, reader: str, at_ms: int) -> Reading | None:
    if event.tag_inventory_event is not None:
        return _sighting(event.tag_inventory_event, event.timestamp, reader, at_ms)
    if (said := event.inventory_status_event) is not None:
        status = said.inventory_status or said.status
        return ScannerSeen(scanner_id(reader), at_ms, status != "idle") if status else None
    if (antenna := event.antenna_connected_event) is not None:
        return ScannerSeen(scanner_id(f"{reader}-{antenna.antenna_port}"), at_ms)
    if (antenna := event.antenna_disconnected_event) is not None:
        return ScannerSeen(scanner_id(f"{reader}-{antenna.antenna_port}"), at_ms, online=False)
    return None


def _sighting(tag: _Tag, sent: datetime | None, reader: str, at_ms: int) -> Sighting:
    if tag.antenna_port is None or tag.peak_rssi_cdbm is None:
        raise Nonsense("the reader's preset must report antennaPort and peakRssiCdbm; switch them on there")
    names = [
        device_id(f"{kind}:{number}")
        for kind, number in (("epc", _hex(tag.epc_hex, tag.epc)), ("tid", _hex(tag.tid_hex, tag.tid)))
        if number
    ]
    if not names:
        raise Nonsense("a tag needs epcHex, epc, tidHex or tid; switch epcHex on in the reader's preset")
    also: tuple[DeviceId, ...] = tuple(names[1:])
    seen = tag.last_seen_time or sent
    return Sighting(
        scanner=scanner_id(f"{reader}-{tag.antenna_port}"),
        device=names[0],
        rssi_dbm=tag.peak_rssi_cdbm / 100,
        at_ms=at_ms,
        age_ms=0 if seen is None else gateway_age_ms(_unix_ms(seen), at_ms),
        also=also,
    )


def _hex(as_hex: str, as_base64: str) -> str:
    """A number as lower-case hex from either form; readers write base64 with `-` and `_`."""
    if as_hex or not as_base64:
        return as_hex.lower()
    padded = as_base64.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        number = binascii.a2b_base64(padded + "=" * (-len(padded) % 4), strict_mode=True)
    except ValueError:
        raise Nonsense("epc and tid must be base64; epcHex and tidHex are safer") from None
    if len(number) > EPC_BYTES_MAX:
        raise Nonsense(f"a tag's number must be at most {EPC_BYTES_MAX} bytes")
    return number.hex()


def _unix_ms(stamp: datetime) -> float:
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp() * 1000
