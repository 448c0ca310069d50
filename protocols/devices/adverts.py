"""Raw Bluetooth advertisements: who sends them, how strong they are at one metre, and what they measure.

An advertisement is a chain of structures: length, type, data (Core 5.4, vol 3, part C, 11). Read are:

iBeacon       manufacturer data of Apple: 02 15, uuid, major, minor, strength at 1 m
AltBeacon     manufacturer data of anybody: BE AC, 20 bytes of id, strength at 1 m
Eddystone     service data of FEAA. UID: power at 0 m, namespace, instance; EID: power at 0 m, 8 bytes that change;
              TLM and URL frames are understood and name nobody
BTHome v2     service data of FCD2, which names nobody: `protocols.devices.bthome`

An id is the same that ESPresense gives, so that a tag enrolled once is known to every gateway. (ESPresense takes for
an AltBeacon only one whose company is BEAC too; any other it calls `md:…`, and sends its address beside that.)
Whatever else a device says is passed over: it is known by its address. Gateways cut long advertisements, so a
structure that runs past the end ends the reading, and what stood before it counts.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

import msgspec

from protocols.devices import bthome
from protocols.devices.bthome import Measure
from protocols.devices.readings import beacon_id, eddystone_id
from protocols.errors import Nonsense
from protocols.ids import DeviceId

ADVERT_BYTES_MAX = 1650
"""The longest chain of extended advertisements (Core 5.4, vol 4, part E, 7.8.57). A longer one is refused."""

TEXT_MAX = 4 * ADVERT_BYTES_MAX
"""An advertisement as text, with separators. A longer one is refused before decoding."""

SERVICE_DATA, MANUFACTURER_DATA = 0x16, 0xFF
APPLE = 0x004C
IBEACON = b"\x02\x15"
ALTBEACON = b"\xbe\xac"
EDDYSTONE = 0xFEAA
UID, URL, TLM, EID = 0x00, 0x10, 0x20, 0x30

METRE_DB = 41.0
"""What the first metre costs: Eddystone sends its power at 0 m (Eddystone-UID, "Tx Power")."""

REF_MIN_DBM, REF_MAX_DBM = -100.0, -20.0
"""What a beacon can have at one metre. Another value is a setting that nobody measured: it would shift every
reading, so it counts as not said."""

TLM_PLAIN = 0x00
NO_TEMPERATURE = -0x8000

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z")
_SEPARATORS = str.maketrans("", "", " :-")
_SHORT_UUID = re.compile(
    r"(?:0x|0000)?([0-9A-Fa-f]{4})(?:-0000-1000-8000-00805[Ff]9[Bb]34[Ff][Bb])?\Z",
)


class Advert(msgspec.Struct, frozen=True, gc=False):
    """What one advertisement says. No ids: only its address tells who sent it. `ref_dbm`: its strength at 1 m.

    `kind` is the first format in it that was understood, or empty. `encrypted`: only its owner's key opens it.
    """

    ids: tuple[DeviceId, ...] = ()
    ref_dbm: float | None = None
    kind: str = ""
    measures: tuple[Measure, ...] = ()
    encrypted: bool = False


NOTHING = Advert()


def advert(data: bytes) -> Advert:
    """What a raw advertisement says, or Nonsense if it is longer than any."""
    if len(data) > ADVERT_BYTES_MAX:
        raise Nonsense(f"an advertisement of {len(data)} bytes; the longest has {ADVERT_BYTES_MAX}")
    found = []
    for kind, body in _structures(data):
        if kind == MANUFACTURER_DATA:
            found.append(manufacturer(body))
        elif kind == SERVICE_DATA and len(body) >= 2:
            found.append(service(int.from_bytes(body[:2], "little"), body[2:]))
    return joined(found)


def manufacturer(data: bytes) -> Advert:
    """What manufacturer data says, the company's two bytes included."""
    if len(data) < 25 or (data[2:4] != ALTBEACON and not _is_ibeacon(data)):
        return NOTHING
    kind = "iBeacon" if _is_ibeacon(data) else "altBeacon"
    major, minor = int.from_bytes(data[20:22]), int.from_bytes(data[22:24])
    return Advert((beacon_id(data[4:20].hex(), major, minor, kind),), reference(_signed(data[24])), kind)


def service(uuid16: int, data: bytes) -> Advert:
    """What the service data of a 16-bit service says."""
    if uuid16 == bthome.SERVICE:
        if bthome.is_encrypted(data):
            return Advert(kind="bthome", encrypted=True)
        measures = bthome.measures(data)
        return NOTHING if measures is None else Advert(kind="bthome", measures=measures)
    if uuid16 != EDDYSTONE or len(data) < 2:
        return NOTHING
    frame, ref_dbm = data[0], reference(_signed(data[1]) - METRE_DB)
    if frame == UID and len(data) >= 18:
        return Advert((eddystone_id(data[2:12].hex(), data[12:18].hex()),), ref_dbm, "eddystone-uid")
    if frame == EID and len(data) >= 10:
        return Advert((DeviceId(f"eid:{data[2:10].hex()}"),), ref_dbm, "eddystone-eid")
    if frame == URL:
        return Advert(ref_dbm=ref_dbm, kind="eddystone-url")
    if frame == TLM:
        return Advert(kind="eddystone-tlm", measures=_telemetry(data), encrypted=data[1] != TLM_PLAIN)
    return NOTHING


def parts(manufacturer_hex: str, service_uuid: str, service_hex: str) -> Advert:
    """What the parts say that a gateway took out of an advertisement, or Nonsense. A part may be empty."""
    found = [manufacturer(octets(manufacturer_hex))]
    if service_uuid and (short := _SHORT_UUID.match(service_uuid)):
        found.append(service(int(short[1], 16), octets(service_hex)))
    return joined(found)


def joined(found: list[Advert]) -> Advert:
    """Several advertisements, or parts of one, as one: every id once, the first strength, all measures."""
    told = [one for one in found if one.kind]
    if len(told) < 2:
        return told[0] if told else NOTHING
    return Advert(
        ids=tuple(dict.fromkeys(ident for one in told for ident in one.ids)),
        ref_dbm=next((one.ref_dbm for one in told if one.ref_dbm is not None), None),
        kind=told[0].kind,
        measures=tuple(measure for one in told for measure in one.measures),
        encrypted=any(one.encrypted for one in told),
    )


def octets(text: str) -> bytes:
    """Bytes written as hex digits, with separators or without, or in base64 (JSON's form of protobuf's bytes)."""
    if len(text) > TEXT_MAX:
        raise Nonsense(f"{len(text)} characters of raw data; the limit is {TEXT_MAX}")
    digits = text.translate(_SEPARATORS)
    if _HEX.match(digits):
        return bytes.fromhex(digits)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Nonsense("raw data must be hex digits or base64") from None


def _structures(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The type and the data of each structure. A length of 0 is the end, by the specification."""
    at = 0
    while at < len(data) and (size := data[at]):
        if at + 1 + size > len(data):
            return
        yield data[at + 1], data[at + 2 : at + 1 + size]
        at += 1 + size


def _is_ibeacon(data: bytes) -> bool:
    return data[2:4] == IBEACON and int.from_bytes(data[:2], "little") == APPLE


def _telemetry(data: bytes) -> tuple[Measure, ...]:
    """Battery and temperature of a plain TLM frame; 0 V and -128 °C mean that it has no such sensor."""
    if data[1] != TLM_PLAIN or len(data) < 6:
        return ()
    millivolt, warmth = int.from_bytes(data[2:4]), int.from_bytes(data[4:6], signed=True)
    found = [Measure("voltage", millivolt / 1000)] if millivolt else []
    return (*found, *([Measure("temperature", warmth / 256)] if warmth != NO_TEMPERATURE else []))


def _signed(byte: int) -> float:
    return float(byte - 256 if byte > 127 else byte)


def reference(dbm: float | None) -> float | None:
    """A strength at one metre, or None for one that no beacon has."""
    return dbm if dbm is not None and REF_MIN_DBM <= dbm <= REF_MAX_DBM else None
