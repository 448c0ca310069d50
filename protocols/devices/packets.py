"""Packets that one gateway heard, each with the address of its sender, as readings.

A tag sends frames of several kinds in turn: an iBeacon, then its battery, then a temperature. Only some of them name
it, but all come from one address. So a packet is a sighting by every id that its address has in the same message,
and by the strength at one metre that any of its frames tells.
"""

from __future__ import annotations

import msgspec

from protocols.devices import bthome
from protocols.devices.adverts import NOTHING, Advert
from protocols.devices.readings import RawWeight, Reading, Sighting, scanner_id
from protocols.ids import DeviceId, ScannerId

IDS_MAX = 8
"""Ids that one address may have in a message. An address with more is no tag; further ones are passed over."""

COUNTS_PER_KG = 1000
"""A scale that broadcasts its load needs no calibration: its counts are grams."""


class Packet(msgspec.Struct, frozen=True, gc=False):
    """One packet as a gateway tells it. No strength: it says nothing of where its sender is."""

    address: DeviceId
    rssi_dbm: float | None
    found: Advert = NOTHING
    age_ms: int = 0


def readings(scanner: ScannerId, packets: list[Packet], at_ms: int) -> tuple[Reading, ...]:
    """A sighting for each packet that has a strength, and a weight for each that a scale sent, as they came."""
    ids: dict[DeviceId, tuple[DeviceId, ...]] = {}
    refs: dict[DeviceId, float] = {}
    for packet in packets:
        known = ids.get(packet.address, ())
        ids[packet.address] = tuple(dict.fromkeys((*known, *packet.found.ids)))[:IDS_MAX]
        if packet.found.ref_dbm is not None:
            refs.setdefault(packet.address, packet.found.ref_dbm)
    told: list[Reading] = []
    for packet in packets:
        if packet.rssi_dbm is not None:
            device, *also = dict.fromkeys((*ids[packet.address], packet.address))
            ref_dbm = packet.found.ref_dbm
            if ref_dbm is None:
                ref_dbm = refs.get(packet.address)
            told.append(
                Sighting(scanner, device, packet.rssi_dbm, at_ms, None, ref_dbm, packet.age_ms, tuple(also))
            )
        told += weights(packet.address, packet.found, at_ms)
    return tuple(told)


def weights(scale: DeviceId, found: Advert, at_ms: int) -> tuple[RawWeight, ...]:
    """What a scale broadcast, as the load cell of its own address: a shelf names that as its `scale`."""
    grams = bthome.grams(found.measures)
    return () if grams is None else (RawWeight(scanner_id(scale), grams, at_ms, COUNTS_PER_KG),)
