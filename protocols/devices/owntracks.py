"""OwnTracks on a phone: the beacons that it ranges, and the regions that it enters and leaves.

owntracks/<user>/<phone>/beacon   {"_type":"beacon","uuid","major","minor","rssi","acc" m,"tst" s,"desc",…}
owntracks/<user>/<phone>/event    {"_type":"transition","event":"enter"|"leave","desc","t","tst" s,"wtst",…}

Here the roles are turned round: the phone is the device, and the fixed beacon that it hears is the scanner,
by its id `iBeacon:<uuid>-<major>-<minor>`. A phone keeps messages while it has no network, and its clock is
set by the network: so a message that says it is old is believed, and refused: nobody stands there any more.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices.readings import (
    DISTANCE_MAX_M,
    MESSAGE_BYTES_MAX,
    U16,
    Reading,
    RegionCrossed,
    Rssi,
    Sighting,
    Text,
    beacon_id,
    fresh_age_ms,
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId, is_safe_id

SUBSCRIPTIONS = ("owntracks/+/+/beacon", "owntracks/+/+/event")

RSSI_UNKNOWN = 0
"""iOS reports 0 dBm, and an accuracy of -1 m, for a beacon that it has lost for a moment."""

Accuracy = Annotated[float, msgspec.Meta(ge=-1, le=DISTANCE_MAX_M)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=2**40)]


class _Kind(msgspec.Struct):
    type: Text = msgspec.field(name="_type")


class _Beacon(msgspec.Struct):
    uuid: str
    major: U16
    minor: U16
    rssi: Rssi
    acc: Accuracy = -1.0
    tst: Seconds = 0.0


class _Transition(msgspec.Struct):
    event: Literal["enter", "leave"]
    desc: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    t: Text = "c"
    tst: Seconds = 0.0


_kind = JsonDecoder[_Kind](_Kind, MESSAGE_BYTES_MAX)
_beacon = JsonDecoder[_Beacon](_Beacon, MESSAGE_BYTES_MAX)
_transition = JsonDecoder[_Transition](_Transition, MESSAGE_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """Readings of one OwnTracks message, or Nonsense. Another `_type` is no reading."""
    match topic.split("/"):
        case ["owntracks", user, phone, "beacon" | "event"]:
            device = _device(user, phone)
        case _:
            raise Nonsense("no OwnTracks topic")
    match _kind(payload).type:
        case "beacon":
            return _sighting(device, _beacon(payload), at_ms)
        case "transition":
            return (_crossed(device, _transition(payload), at_ms),)
        case "encrypted":
            raise Nonsense("encrypted: take the encryption key out of the phone's OwnTracks settings")
    return ()


def _device(user: str, phone: str) -> DeviceId:
    # With a colon inside, two phones could have one id.
    name = f"owntracks:{user}:{phone}"
    if not user or not phone or ":" in user or ":" in phone or not is_safe_id(name):
        raise Nonsense("user and phone must be names without white space, ':', '/', '+' or '#'")
    return DeviceId(name)


def _sighting(device: DeviceId, told: _Beacon, at_ms: int) -> tuple[Reading, ...]:
    scanner = scanner_id(beacon_id(told.uuid, told.major, told.minor))
    age_ms = fresh_age_ms(told.tst * 1000, at_ms)
    if told.rssi == RSSI_UNKNOWN:
        return ()
    distance_m = told.acc if told.acc >= 0 else None
    return (Sighting(scanner, device, told.rssi, at_ms, distance_m, None, age_ms),)


def _crossed(device: DeviceId, told: _Transition, at_ms: int) -> RegionCrossed:
    age_ms = fresh_age_ms(told.tst * 1000, at_ms)
    return RegionCrossed(device, told.desc, told.event == "enter", at_ms, told.t == "b", age_ms)
