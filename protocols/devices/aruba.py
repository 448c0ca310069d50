"""Aruba and HPE access points: their IoT telemetry as JSON, as a bridge brings it from HTTPS or WebSocket.

aruba/<anything>/telemetry
{"meta":{"version",…},
 "reporter":{"name","mac","hwType","swVersion","time" s,…},
 "reported":[{"mac","deviceClass":[…],"lastSeen" s,"rssi":{"last","avg","max","smooth","history":[{"time","rssi"}]},
              "beacons":[{"ibeacon":{"uuid","major","minor","power"}},
                         {"eddystone":{"power","uid":{"nid","bid"}}}],…}],
 "bleData":[{"mac","data","rssi","apbMac",…}]}

The names are those of HPE's aruba-iot-nb.proto (AOS 8.11), which the JSON of `telemetry-https` has too; `telemetry-
websocket` sends the same message in protobuf, and any of its libraries prints this. Bytes may be hex, with or without
separators, or base64; 64-bit numbers may be text. An access point is named by its address, one by one that stands in
front of it (`apbMac`) by its own. Set `rssiReporting last` in the transport profile: the mean of an interval hides
what the presence stage looks for. A device that has gone is reported on until it ages out, with its last strength: an
entry older than a minute, by the access point's own clock, is passed over.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices import adverts
from protocols.devices.adverts import METRE_DB, Advert
from protocols.devices.packets import Packet, readings
from protocols.devices.readings import (
    AGE_MAX_MS,
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
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId, ScannerId

SUBSCRIPTIONS = ("aruba/+/telemetry",)

TELEMETRY_BYTES_MAX = 64 * 1024
"""A report of one access point. A larger message is refused before decoding: shorten the reporting interval."""

REPORTED_MAX = 512
"""Devices, and as many raw packets, in one report. More is refused."""

ROW_BYTES_MAX = 8 * 1024
"""One device with its sensors and history. A longer row is refused, and only that row."""

BEACONS_MAX = 8
"""Identities of one device. No beacon sends as many."""

HISTORY_MAX = 256
"""Strengths of one device in an interval."""

Octets = Annotated[str, msgspec.Meta(max_length=64)]
Long = Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}\Z")]
Rows = Annotated[list[msgspec.Raw], msgspec.Meta(max_length=REPORTED_MAX)]


class _Reporter(msgspec.Struct):
    mac: Octets = ""
    name: Text = ""
    version: Text = msgspec.field(name="swVersion", default="")
    time: Long = 0


class _Telemetry(msgspec.Struct):
    reporter: _Reporter
    reported: Rows = []
    packets: Rows = msgspec.field(name="bleData", default_factory=list)


class _Past(msgspec.Struct):
    rssi: Rssi
    time: Long = 0


class _Levels(msgspec.Struct):
    last: Rssi | None = None
    avg: Rssi | None = None
    max: Rssi | None = None
    smooth: Rssi | None = None
    history: Annotated[list[_Past], msgspec.Meta(max_length=HISTORY_MAX)] = []


class _Ibeacon(msgspec.Struct):
    uuid: Octets
    major: U16
    minor: U16
    power: float | None = None


class _Uid(msgspec.Struct):
    nid: Octets
    bid: Octets


class _Eddystone(msgspec.Struct):
    power: float | None = None
    uid: _Uid | None = None


class _Beacon(msgspec.Struct):
    ibeacon: _Ibeacon | None = None
    eddystone: _Eddystone | None = None


class _Reported(msgspec.Struct):
    mac: Octets
    rssi: Rssi | _Levels | None = None
    seen: Long = msgspec.field(name="lastSeen", default=0)
    beacons: Annotated[list[_Beacon], msgspec.Meta(max_length=BEACONS_MAX)] = []


class _Packet(msgspec.Struct):
    mac: Octets
    data: str = ""
    rssi: Rssi | None = None
    receiver: Octets = msgspec.field(name="apbMac", default="")


_telemetry = JsonDecoder[_Telemetry](_Telemetry, TELEMETRY_BYTES_MAX)
_reported = JsonDecoder[_Reported](_Reported, ROW_BYTES_MAX)
_packet = JsonDecoder[_Packet](_Packet, ROW_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """The access point and every device in one report, or Nonsense. A device that is odd costs only itself."""
    match topic.split("/"):
        case ["aruba", _, "telemetry"]:
            pass
        case _:
            raise Nonsense("no topic of Aruba telemetry")
    told = _telemetry(payload)
    scanner = _named(told.reporter)
    now_s = int(told.reporter.time)
    seen = each(told.reported, lambda raw: _device(_reported(bytes(raw)), now_s, at_ms))
    heard: dict[ScannerId, list[Packet]] = {scanner: seen}
    for receiver, packet in each(told.packets, lambda raw: _heard(_packet(bytes(raw)), scanner)):
        heard.setdefault(receiver, []).append(packet)
    return (
        ScannerSeen(scanner, at_ms, firmware=told.reporter.version),
        *(one for receiver, packets in heard.items() for one in readings(receiver, packets, at_ms)),
    )


def _named(reporter: _Reporter) -> ScannerId:
    if reporter.mac:
        return scanner_id(_address(reporter.mac))
    if reporter.name:
        return scanner_id(reporter.name)
    raise Nonsense("reporter must have a mac or a name")


def _device(told: _Reported, now_s: int, at_ms: int) -> Packet | None:
    seen_s = int(told.seen)
    # Both stamps are the access point's own, so their difference is right even if its clock is not.
    age_ms = (now_s - seen_s) * 1000 if seen_s and now_s else gateway_age_ms(seen_s * 1000, at_ms)
    if age_ms > AGE_MAX_MS:
        return None
    return Packet(_address(told.mac), _strength(told.rssi), _identities(told.beacons), max(0, age_ms))


def _heard(told: _Packet, scanner: ScannerId) -> tuple[ScannerId, Packet]:
    receiver = scanner_id(_address(told.receiver)) if told.receiver else scanner
    return receiver, Packet(_address(told.mac), told.rssi, adverts.advert(adverts.octets(told.data)))


def _strength(told: float | _Levels | None) -> float | None:
    """The newest single strength if there is one: a mean, and more so a maximum, says less of now."""
    if not isinstance(told, _Levels):
        return told
    newest = max(told.history, key=lambda past: int(past.time), default=None)
    single = told.last if newest is None or told.last is not None else newest.rssi
    return next((one for one in (single, told.avg, told.smooth, told.max) if one is not None), None)


def _identities(beacons: list[_Beacon]) -> Advert:
    found = []
    for beacon in beacons:
        if (told := beacon.ibeacon) is not None:
            ident = beacon_id(adverts.octets(told.uuid).hex(), told.major, told.minor)
            found.append(Advert((ident,), adverts.reference(told.power), "iBeacon"))
        if (frame := beacon.eddystone) is not None and frame.uid is not None:
            ident = eddystone_id(adverts.octets(frame.uid.nid).hex(), adverts.octets(frame.uid.bid).hex())
            ref_dbm = None if frame.power is None else adverts.reference(frame.power - METRE_DB)
            found.append(Advert((ident,), ref_dbm, "eddystone-uid"))
    return adverts.joined(found)


def _address(text: str) -> DeviceId:
    octets = adverts.octets(text)
    if len(octets) != 6:
        raise Nonsense("an address must have six bytes")
    return device_id(octets.hex())
