"""Home Assistant's `mqtt_room`: what its room trackers (ESP32-mqtt-room, room-assistant 1, ESPHome) publish by room.

room_presence/<room>   {"id","distance" m,"name"} at least; most add "rssi","uuid","major","minor","txPower"

The room is the scanner. `id` is an address without separators, for an iBeacon `<uuid>-<major>-<minor>`, or a name of
the user's. A tracker that sends no `rssi` has made a distance of it, and with a formula of its own. It is turned back
by the one of path loss: rssi = -59 - 27 log10(distance), that is, free of walls, 2.7 as exponent, and Apple's -59 dBm
at one metre. What it cannot give back is the tracker's smoothing.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices import adverts
from protocols.devices.readings import (
    DISTANCE_MAX_M,
    MESSAGE_BYTES_MAX,
    RSSI_MIN_DBM,
    U16,
    Metres,
    Reading,
    Rssi,
    Sighting,
    beacon_id,
    device_id,
    scanner_id,
)
from protocols.errors import Nonsense

SUBSCRIPTIONS = ("room_presence/+",)

REFERENCE_DBM = -59.0
"""The strength at one metre that a distance is turned back with."""

EXPONENT = 2.7
"""How fast it falls: 10 times this many decibels for ten times the distance (ESPresense's default)."""

NEAREST_M = 0.1
"""A smaller distance is a phone that lies on the tracker."""


class _Heard(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    # Home Assistant takes a number that is written as text too, so there are trackers that send one.
    distance: Metres | Annotated[str, msgspec.Meta(max_length=24)] | None = None
    rssi: Rssi | None = None
    uuid: str = ""
    major: U16 | None = None
    minor: U16 | None = None
    power: float | None = msgspec.field(name="txPower", default=None)


_heard = JsonDecoder[_Heard](_Heard, MESSAGE_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """The sighting in one message of a room tracker, or Nonsense."""
    match topic.split("/"):
        case ["room_presence", room]:
            scanner = scanner_id(room)
        case _:
            raise Nonsense("no topic of a room tracker")
    heard = _heard(payload)
    device, ref_dbm = device_id(heard.id), None
    if heard.major is not None and heard.minor is not None:
        device = beacon_id(heard.uuid, heard.major, heard.minor)
        # Only a beacon's power is its strength at one metre.
        ref_dbm = adverts.reference(heard.power)
    distance_m = _metres(heard.distance)
    if heard.rssi is not None:
        return (Sighting(scanner, device, heard.rssi, at_ms, distance_m, ref_dbm),)
    if distance_m is None:
        raise Nonsense("neither rssi nor distance says how near it is")
    return (Sighting(scanner, device, rssi_at(distance_m), at_ms, distance_m, REFERENCE_DBM),)


def rssi_at(distance_m: float) -> float:
    """The strength that path loss expects at a distance, in dBm."""
    rssi_dbm = REFERENCE_DBM - 10 * EXPONENT * math.log10(max(distance_m, NEAREST_M))
    return max(rssi_dbm, RSSI_MIN_DBM)


def _metres(told: float | str | None) -> float | None:
    if not isinstance(told, str):
        return told
    try:
        distance_m = float(told)
    except ValueError:
        raise Nonsense("distance must be a number of metres") from None
    if not 0 <= distance_m <= DISTANCE_MAX_M:
        raise Nonsense(f"distance must be within 0 and {DISTANCE_MAX_M:.0f} m")
    return distance_m
