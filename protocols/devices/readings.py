"""What a device can tell a store in any format: values, their bounds, and the forms of their ids.

One device has one id in every format, so a tag enrolled once is known to every gateway. The forms are ESPresense's:

<12 hex digits>                     a Bluetooth address
iBeacon:<uuid>-<major>-<minor>      altBeacon:<uuid>-<major>-<minor>
eddy:<20 digits>-<12 digits>        Eddystone-UID: namespace and instance
eid:<16 digits>                     Eddystone-EID, which ESPresense does not read: whose it is, its key's owner knows

All digits are lower-case hex. ESPresense writes the fifth byte of a namespace twice; `device_id` puts that right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

import msgspec

from protocols.errors import Nonsense
from protocols.ids import DeviceId, ScannerId, is_safe_id

MESSAGE_BYTES_MAX = 8 * 1024
"""Largest message of one device. Gateways stay far below; a larger one is refused before decoding."""

RSSI_MIN_DBM = -127.0
RSSI_MAX_DBM = 20.0
"""What a Bluetooth controller can report (Core 5.4, vol 4, part E, 7.7.65.2); 127 means "not available"."""

DISTANCE_MAX_M = 1_000.0
"""No Bluetooth radio in a shop hears further. A larger estimate comes from a broken formula."""

GRAMS_MAX = 10_000_000
"""Ten tonnes: no shelf carries more."""

AGE_MAX_MS = 60_000
"""The age that a gateway may claim for a reading. An older stamp is a clock that is off."""

CLOCK_SET_MS = 1_420_070_400_000
"""2015-01-01. A device whose clock says earlier has no clock."""

Rssi = Annotated[float, msgspec.Meta(ge=RSSI_MIN_DBM, le=RSSI_MAX_DBM)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=DISTANCE_MAX_M)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
U16 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """A scanner heard a device. `at_ms` is the arrival; `age_ms` is how long ago the gateway says it was.

    `ref_dbm` is the strength expected at one metre. `also` are the other ids that this message gives it.
    """

    scanner: ScannerId
    device: DeviceId
    rssi_dbm: float
    at_ms: int
    distance_m: float | None = None
    ref_dbm: float | None = None
    age_ms: int = 0
    also: tuple[DeviceId, ...] = ()


class Located(msgspec.Struct, frozen=True, gc=False):
    """A positioning system says where a device is: metres on the store's plan, and the standard error it claims.

    `source` names the system; 0 for `error_m`: it did not say.
    """

    source: ScannerId
    device: DeviceId
    x: float
    y: float
    at_ms: int
    error_m: float = 0.0
    age_ms: int = 0
    also: tuple[DeviceId, ...] = ()


class Weight(msgspec.Struct, frozen=True, gc=False):
    """A shelf's scale reads so many grams."""

    shelf: str
    grams: int
    at_ms: int


class RawWeight(msgspec.Struct, frozen=True, gc=False):
    """A load cell at a scanner reads so many counts; the shelf's own calibration makes grams of them.

    `counts_per_kg` is what the sender itself says of its counts; 0: only the shelf's calibration knows.
    """

    scanner: ScannerId
    counts: int
    at_ms: int
    counts_per_kg: int = 0


class ScannerSeen(msgspec.Struct, frozen=True, gc=False):
    """A gateway says that it is there, or its last will that it is gone. None: it did not say."""

    scanner: ScannerId
    at_ms: int
    online: bool = True
    uptime_s: int | None = None
    wifi_dbm: float | None = None
    free_bytes: int | None = None
    heard: int | None = None
    reported: int | None = None
    firmware: str = ""


class RegionCrossed(msgspec.Struct, frozen=True, gc=False):
    """A phone says that it entered or left a region of its own, by the region's name."""

    device: DeviceId
    region: str
    entered: bool
    at_ms: int
    by_beacon: bool = False
    age_ms: int = 0


Reading = Sighting | Located | Weight | RawWeight | ScannerSeen | RegionCrossed

_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(?:([:-]?)[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\Z")
_BEACON = re.compile(r"(?:(iBeacon|altBeacon):)?([0-9A-Fa-f-]{32,36})-([0-9]{1,5})-([0-9]{1,5})\Z")
_EDDYSTONE = re.compile(r"eddy:([0-9a-f]{8})([0-9a-f]{2})\2?([0-9a-f]{10})-([0-9a-f]{12})\Z")

BEACON_CHARACTERS_MIN = 36
"""No beacon's id is shorter, so shorter ones need no look: 32 digits of a uuid, `-`, major, `-`, minor."""

T = TypeVar("T")
R = TypeVar("R")


def scanner_id(text: str) -> ScannerId:
    """A gateway's id, or Nonsense."""
    if not is_safe_id(text):
        raise Nonsense("a gateway's name must be 1 to 128 characters without white space, '/', '+' or '#'")
    return ScannerId(text)


def device_id(text: str) -> DeviceId:
    """A device's id in the one form it has in every format, or Nonsense."""
    if _ADDRESS.match(text):
        return DeviceId(text.replace(":", "").replace("-", "").lower())
    if not is_safe_id(text):
        raise Nonsense("a device's id must be 1 to 128 characters without white space, '/', '+' or '#'")
    return DeviceId(text) if len(text) < BEACON_CHARACTERS_MIN else _beacon_in(text)


def is_address(text: str) -> bool:
    """True for a Bluetooth address, with or without separators."""
    return _ADDRESS.match(text) is not None


def beacon_id(uuid: str, major: int, minor: int, kind: str = "iBeacon") -> DeviceId:
    """The id of an iBeacon (or, by `kind`, an AltBeacon), or Nonsense if `uuid` is none."""
    if not _UUID.match(uuid):
        raise Nonsense("uuid must be 32 hex digits, with or without hyphens")
    digits = uuid.replace("-", "").lower()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return DeviceId(f"{kind}:{'-'.join(parts)}-{major}-{minor}")


def eddystone_id(namespace: str, instance: str) -> DeviceId:
    """The id of an Eddystone-UID beacon from hex digits, or Nonsense."""
    ident = f"eddy:{namespace}-{instance}".lower()
    if not _EDDYSTONE.match(ident):
        raise Nonsense("an Eddystone's namespace must be 20 hex digits, its instance 12")
    return _beacon_in(ident)


def claimed_age_ms(said_ms: float, at_ms: int) -> int:
    """How old a reading is by its sender's stamp: 0 for a clock that is not set, or ahead of ours."""
    if not CLOCK_SET_MS <= said_ms <= at_ms:
        return 0
    return at_ms - int(said_ms)


def fresh_age_ms(said_ms: float, at_ms: int) -> int:
    """The same for a sender that may keep its messages and has a clock set by a network: too old is Nonsense."""
    age_ms = claimed_age_ms(said_ms, at_ms)
    if age_ms > AGE_MAX_MS:
        raise Nonsense(
            f"said to be {age_ms // 1000} s old; after {AGE_MAX_MS // 1000} s it says nothing of now"
        )
    return age_ms


def gateway_age_ms(said_ms: float, at_ms: int) -> int:
    """The same for a gateway, which sends at once: an age above `AGE_MAX_MS` is its clock's, so 0."""
    age_ms = claimed_age_ms(said_ms, at_ms)
    return age_ms if age_ms <= AGE_MAX_MS else 0


def online(payload: bytes) -> bool:
    """Reads a gateway's retained status or last will."""
    if payload == b"online":
        return True
    if payload == b"offline":
        return False
    raise Nonsense("status must be 'online' or 'offline'")


def each(rows: Iterable[R], read: Callable[[R], T | None]) -> list[T]:
    """What `read` makes of the rows of one message; a row that it refuses costs only itself.

    Gateways send hundreds of strangers' devices in one message: one odd neighbour must not blind a store. Only if
    no row makes sense is the message refused, with the first reason.
    """
    made: list[T] = []
    refused: Nonsense | None = None
    for row in rows:
        try:
            one = read(row)
        except Nonsense as error:
            refused = refused or error
            continue
        if one is not None:
            made.append(one)
    if refused is not None and not made:
        raise refused
    return made


def _beacon_in(text: str) -> DeviceId:
    """A beacon's id in its one form: iBeacons named without their kind, and Eddystones as ESPresense names them."""
    if (found := _BEACON.match(text)) and _UUID.match(found[2]):
        major, minor = int(found[3]), int(found[4])
        if major <= 0xFFFF and minor <= 0xFFFF:
            return beacon_id(found[2], major, minor, found[1] or "iBeacon")
    if text.startswith("eddy:") and (found := _EDDYSTONE.match(text.lower())):
        return DeviceId(f"eddy:{found[1]}{found[2]}{found[3]}-{found[4]}")
    return DeviceId(text)
