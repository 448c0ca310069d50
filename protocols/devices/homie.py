"""Homie 5: whether a device is there, and values of properties that are named as below.

homie/5/<device>/$state              init, ready, sleeping; disconnected, or by last will lost; empty: removed
homie/5/<device>/<tag>/rssi          dBm, float or integer: <device> is the scanner, node <tag> what it hears
homie/5/<device>/<shelf>/weight-g    grams: node <shelf> is the shelf
homie/5/<device>/<shelf>/weight-kg   kilograms
homie/5/<device>/<node>/raw-weight   counts of a load cell; <device> is the scale that floor.yaml names

The convention is ours: Homie leaves names of nodes and properties to the device. The unit stands in the name, since
`$description` arrives once and this holds no state; it and every other property say nothing here. A Homie id has
lower-case letters, digits and hyphens alone: a Bluetooth address is twelve hex digits (or six pairs with hyphens),
an iBeacon `ibeacon-<uuid>-<major>-<minor>`. A `rssi` should be a non-retained property: it is of its moment.
A device that sleeps will be back, so it counts as there. A lost root says nothing of its children here.
"""

from __future__ import annotations

import math
import re

from protocols.devices.readings import (
    GRAMS_MAX,
    RSSI_MAX_DBM,
    RSSI_MIN_DBM,
    RawWeight,
    Reading,
    ScannerSeen,
    Sighting,
    Weight,
    beacon_id,
    device_id,
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId, is_safe_id

SUBSCRIPTIONS = (
    "homie/5/+/$state",
    "homie/5/+/+/rssi",
    "homie/5/+/+/weight-g",
    "homie/5/+/+/weight-kg",
    "homie/5/+/+/raw-weight",
)

VALUE_BYTES_MAX = 32
"""A number as Homie writes it: a double of any size has fewer digits. A longer value is refused before parsing."""

COUNTS_MAX = 0x80_0000
"""A load cell's amplifier has 24 bits with sign."""

PRESENT = (b"init", b"ready", b"sleeping")
GONE = (b"disconnected", b"lost", b"")

_NUMBER = re.compile(rb"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z")
_BEACON = re.compile(r"ibeacon-([0-9a-f-]{32,36})-([0-9]{1,5})-([0-9]{1,5})\Z")


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """Readings of one Homie message, or Nonsense."""
    match topic.split("/"):
        case ["homie", "5", device, "$state"]:
            return (ScannerSeen(scanner_id(device), at_ms, _present(payload)),)
        case ["homie", "5", device, tag, "rssi"]:
            dbm = _number(payload, RSSI_MIN_DBM, RSSI_MAX_DBM)
            return (Sighting(scanner_id(device), _tag(tag), dbm, at_ms),)
        case ["homie", "5", _, shelf, "weight-g" | "weight-kg" as kind] if is_safe_id(shelf):
            unit_g = 1 if kind == "weight-g" else 1000
            grams = unit_g * _number(payload, -GRAMS_MAX / unit_g, GRAMS_MAX / unit_g)
            return (Weight(shelf, round(grams), at_ms),)
        case ["homie", "5", device, _, "raw-weight"]:
            counts = round(_number(payload, -COUNTS_MAX, COUNTS_MAX - 1))
            return (RawWeight(scanner_id(device), counts, at_ms),)
        case ["homie", "5", _, _, *_]:
            return ()
    raise Nonsense("no topic of Homie 5; devices of Homie 3 and 4 need an update")


def _present(payload: bytes) -> bool:
    if payload in PRESENT:
        return True
    if payload in GONE:
        return False
    raise Nonsense("$state must be init, ready, sleeping, disconnected or lost")


def _number(payload: bytes, low: float, high: float) -> float:
    if len(payload) > VALUE_BYTES_MAX or not _NUMBER.match(payload):
        raise Nonsense(f"a number of at most {VALUE_BYTES_MAX} characters, as Homie writes it")
    value = float(payload)
    if not (math.isfinite(value) and low <= value <= high):
        raise Nonsense(f"a number from {low:g} to {high:g}")
    return value


def _tag(node: str) -> DeviceId:
    beacon = _BEACON.match(node)
    if beacon is None:
        return device_id(node)
    major, minor = int(beacon[2]), int(beacon[3])
    if major > 0xFFFF or minor > 0xFFFF:
        raise Nonsense("an iBeacon's major and minor must be at most 65535")
    return beacon_id(beacon[1], major, minor)
