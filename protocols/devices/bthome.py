"""BTHome v2: what a sensor or a scale broadcasts in the service data of 0xFCD2, when it is not encrypted.

One byte of device information (bit 0: encrypted; bits 5 to 7: version), then objects in rising order of their ids:
one byte of id, then as many bytes of value as the id has, little-endian. An id that is not known here has no length,
so it ends the reading, as the format demands; what stood before it counts. The table is that of bthome.io/format.
"""

from __future__ import annotations

import msgspec

SERVICE = 0xFCD2
VERSION = 2
ENCRYPTED = 0x01

BUTTON, DIMMER = 0x3A, 0x3C
TEXT, RAW = 0x53, 0x54

TURNS = {1: -1, 2: 1}
"""Which way a dimmer's event turns: to the left, to the right."""

GRAMS = {"mass_kg": 1000.0, "mass_lb": 453.59237}
"""What one of each unit weighs."""


class Measure(msgspec.Struct, frozen=True, gc=False):
    """One value that a device broadcast, by the name that its format has for it. A true state is 1, a false one 0."""

    name: str
    value: float


_OBJECTS: dict[int, tuple[str, int, float]] = {
    # id: name, bytes of its value (negative: with sign), what one step is worth
    0x00: ("packet", 1, 1),
    0x01: ("battery", 1, 1),
    0x02: ("temperature", -2, 0.01),
    0x03: ("humidity", 2, 0.01),
    0x04: ("pressure", 3, 0.01),
    0x05: ("illuminance", 3, 0.01),
    0x06: ("mass_kg", 2, 0.01),
    0x07: ("mass_lb", 2, 0.01),
    0x08: ("dew_point", -2, 0.01),
    0x09: ("count", 1, 1),
    0x0A: ("energy", 3, 0.001),
    0x0B: ("power", 3, 0.01),
    0x0C: ("voltage", 2, 0.001),
    0x0D: ("pm2_5", 2, 1),
    0x0E: ("pm10", 2, 1),
    0x0F: ("generic", 1, 1),
    0x10: ("powered", 1, 1),
    0x11: ("opening", 1, 1),
    0x12: ("co2", 2, 1),
    0x13: ("tvoc", 2, 1),
    0x14: ("moisture", 2, 0.01),
    0x15: ("battery_low", 1, 1),
    0x16: ("battery_charging", 1, 1),
    0x17: ("carbon_monoxide", 1, 1),
    0x18: ("cold", 1, 1),
    0x19: ("connectivity", 1, 1),
    0x1A: ("door", 1, 1),
    0x1B: ("garage_door", 1, 1),
    0x1C: ("gas_alarm", 1, 1),
    0x1D: ("heat", 1, 1),
    0x1E: ("light", 1, 1),
    0x1F: ("lock", 1, 1),
    0x20: ("wet", 1, 1),
    0x21: ("motion", 1, 1),
    0x22: ("moving", 1, 1),
    0x23: ("occupancy", 1, 1),
    0x24: ("plug", 1, 1),
    0x25: ("presence", 1, 1),
    0x26: ("problem", 1, 1),
    0x27: ("running", 1, 1),
    0x28: ("safety", 1, 1),
    0x29: ("smoke", 1, 1),
    0x2A: ("sound", 1, 1),
    0x2B: ("tamper", 1, 1),
    0x2C: ("vibration", 1, 1),
    0x2D: ("window", 1, 1),
    0x2E: ("humidity", 1, 1),
    0x2F: ("moisture", 1, 1),
    BUTTON: ("button", 1, 1),  # 1 press, 2 double, 3 triple, 4 long, 5 long double, 6 long triple, 128 held
    DIMMER: ("dimmer", 2, 1),  # steps, to the left below zero
    0x3D: ("count", 2, 1),
    0x3E: ("count", 4, 1),
    0x3F: ("rotation", -2, 0.1),
    0x40: ("distance_mm", 2, 1),
    0x41: ("distance_m", 2, 0.1),
    0x42: ("duration", 3, 0.001),
    0x43: ("current", 2, 0.001),
    0x44: ("speed", 2, 0.01),
    0x45: ("temperature", -2, 0.1),
    0x46: ("uv_index", 1, 0.1),
    0x47: ("volume", 2, 0.1),
    0x48: ("volume_ml", 2, 1),
    0x49: ("volume_flow", 2, 0.001),
    0x4A: ("voltage", 2, 0.1),
    0x4B: ("gas", 3, 0.001),
    0x4C: ("gas", 4, 0.001),
    0x4D: ("energy", 4, 0.001),
    0x4E: ("volume", 4, 0.001),
    0x4F: ("water", 4, 0.001),
    0x50: ("timestamp", 4, 1),
    0x51: ("acceleration", 2, 0.001),
    0x52: ("gyroscope", 2, 0.001),
    0x55: ("volume_storage", 4, 0.001),
    0x56: ("conductivity", 2, 1),
    0x57: ("temperature", -1, 1),
    0x58: ("temperature", -1, 0.35),
    0x59: ("count", -1, 1),
    0x5A: ("count", -2, 1),
    0x5B: ("count", -4, 1),
    0x5C: ("power", -4, 0.01),
    0x5D: ("current", -2, 0.001),
    0x5E: ("direction", 2, 0.01),
    0x5F: ("precipitation", 2, 0.1),
    0x60: ("channel", 1, 1),
    0x61: ("rotational_speed", 2, 1),
    0x62: ("speed", -4, 0.000001),
    0x63: ("acceleration", -4, 0.000001),
    0x64: ("light_level", 1, 1),
    0xF0: ("device_type", 2, 1),
    0xF1: ("firmware", 4, 1),
    0xF2: ("firmware", 3, 1),
}


def measures(data: bytes) -> tuple[Measure, ...] | None:
    """What service data of BTHome measures, in its own order; None if it is encrypted, or of another version."""
    if not data or data[0] >> 5 != VERSION or data[0] & ENCRYPTED:
        return None
    found: list[Measure] = []
    at = 1
    while at < len(data):
        ident = data[at]
        if ident in (TEXT, RAW):  # they carry their length, and are no measure
            at += 2 + (data[at + 1] if at + 1 < len(data) else 0)
            continue
        if ident not in _OBJECTS:
            break
        name, size, step = _OBJECTS[ident]
        value = data[at + 1 : at + 1 + abs(size)]
        if len(value) < abs(size):
            break
        at += 1 + abs(size)
        if ident == DIMMER:
            found.append(Measure(name, float(TURNS.get(value[0], 0) * value[1])))
        else:
            steps = int.from_bytes(value, "little", signed=size < 0)
            found.append(Measure(name, round(steps * step, 6)))
    return tuple(found)


def is_encrypted(data: bytes) -> bool:
    """True for service data that only its owner's key opens."""
    return bool(data) and data[0] >> 5 == VERSION and bool(data[0] & ENCRYPTED)


def grams(found: tuple[Measure, ...]) -> int | None:
    """What a scale that broadcast this carries, by its first mass, ties to even; None if it broadcast none."""
    for measure in found:
        if measure.name in GRAMS:
            return round(measure.value * GRAMS[measure.name])
    return None
