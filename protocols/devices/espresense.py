"""ESPresense nodes: sightings, status, telemetry and the load cell, in today's payload and the older ones.

espresense/devices/<device>/<room>   {"mac","id","name","rssi@1m","rssi","rxAdj","rssiVar","distance","var",
                                     "int"}; before v4 with `idType` and `raw`, in v1 with `disc` and `speed`
espresense/rooms/<room>              the same object, from older nodes that publish by room
espresense/rooms/<room>/status       `online`, or by last will `offline`; retained
espresense/rooms/<room>/telemetry    {"uptime","firm","ver","rssi","adverts","seen","reported","freeHeap",…}
espresense/rooms/<room>/raw_weight   counts of an HX711 as text: 24 bits with sign, printed as 32 without
"""

from __future__ import annotations

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices.readings import (
    MESSAGE_BYTES_MAX,
    Count,
    Metres,
    RawWeight,
    Reading,
    Rssi,
    ScannerSeen,
    Sighting,
    Text,
    device_id,
    online,
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId

SUBSCRIPTIONS = (
    "espresense/devices/+/+",
    "espresense/rooms/+",
    "espresense/rooms/+/status",
    "espresense/rooms/+/telemetry",
    "espresense/rooms/+/raw_weight",
)

COUNTS_TEXT_MAX = 16


class _Heard(msgspec.Struct):
    rssi: Rssi | None = None
    id: str = ""
    mac: str = ""
    ref: Rssi | None = msgspec.field(name="rssi@1m", default=None)
    distance: Metres | None = None


class _Telemetry(msgspec.Struct):
    uptime: Count | None = None
    rssi: Rssi | None = None
    free: Count | None = msgspec.field(name="freeHeap", default=None)
    adverts: Count | None = None
    reported: Count | None = None
    firm: Text = ""
    ver: Text = ""


_heard = JsonDecoder[_Heard](_Heard, MESSAGE_BYTES_MAX)
_telemetry = JsonDecoder[_Telemetry](_Telemetry, MESSAGE_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """Readings of one ESPresense message, or Nonsense."""
    match topic.split("/"):
        case ["espresense", "devices", device, room]:
            return _sighting(room, device, _heard(payload), at_ms)
        case ["espresense", "rooms", room]:
            heard = _heard(payload)
            return _sighting(room, heard.id, heard, at_ms)
        case ["espresense", "rooms", room, "status"]:
            return (ScannerSeen(scanner_id(room), at_ms, online(payload)),)
        case ["espresense", "rooms", room, "telemetry"]:
            return (_seen(room, _telemetry(payload), at_ms),)
        case ["espresense", "rooms", room, "raw_weight"]:
            return (RawWeight(scanner_id(room), _counts(payload), at_ms),)
    raise Nonsense("no ESPresense topic")


def _sighting(room: str, device: str, heard: _Heard, at_ms: int) -> tuple[Reading, ...]:
    ident = device_id(device)
    if heard.id and device_id(heard.id) != ident:
        raise Nonsense("topic and payload name two devices")
    if heard.rssi is None:  # a node leaves it out when its filter has no value yet
        return ()
    address = device_id(heard.mac) if heard.mac else ident
    also: tuple[DeviceId, ...] = () if address == ident else (address,)
    return (
        Sighting(
            scanner=scanner_id(room),
            device=ident,
            rssi_dbm=heard.rssi,
            at_ms=at_ms,
            distance_m=heard.distance,
            ref_dbm=heard.ref,
            also=also,
        ),
    )


def _seen(room: str, told: _Telemetry, at_ms: int) -> ScannerSeen:
    return ScannerSeen(
        scanner=scanner_id(room),
        at_ms=at_ms,
        uptime_s=told.uptime,
        wifi_dbm=told.rssi,
        free_bytes=told.free,
        heard=told.adverts,
        reported=told.reported,
        firmware=f"{told.firm} {told.ver}".strip(),
    )


def _counts(payload: bytes) -> int:
    if len(payload) > COUNTS_TEXT_MAX:
        raise Nonsense(f"raw_weight must be at most {COUNTS_TEXT_MAX} characters")
    digits = payload.removeprefix(b"-")
    if not digits.isdigit():
        raise Nonsense("raw_weight must be a whole number")
    counts = int(payload)
    # The node extends the 24-bit sign to 32 bits and prints that as an unsigned number.
    if counts > 0x7FFF_FFFF:
        counts -= 0x1_0000_0000
    if not -0x80_0000 <= counts <= 0x7F_FFFF:
        raise Nonsense("raw_weight must fit in 24 bits with sign")
    return counts
