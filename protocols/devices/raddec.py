"""reelyActive raddec: one radio decoding, heard by one or more receivers at once, as JSON.

raddec/<anything>[/<anything>]              where a user publishes them
paretoanywhere/devices/<id>/<type>/raddec   where barnacles-mqtt publishes them
{"transmitterId","transmitterIdType","rssiSignature":[{"receiverId","receiverIdType","rssi","numberOfDecodings"}],
 "timestamp" in ms, "packets": [hex: header (2), address (6), advertisement], "events", "position"}

A transmitter with an address is known by what its packets name, too: an iBeacon is the same device at every gateway.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices import adverts
from protocols.devices.adverts import NOTHING, Advert
from protocols.devices.packets import IDS_MAX, weights
from protocols.devices.readings import (
    Reading,
    Rssi,
    Sighting,
    device_id,
    gateway_age_ms,
    is_address,
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId

SUBSCRIPTIONS = ("raddec/+", "raddec/+/+", "paretoanywhere/devices/+/+/raddec")

RADDEC_BYTES_MAX = 32 * 1024
"""A raddec carries the packets that were heard; a transmitter that sends a lot fills some kilobytes."""

RECEIVERS_MAX = 64
"""Receivers of one decoding. More is refused, so that one message cannot become thousands of sightings."""

PACKETS_MAX = 64
"""Distinct packets of one transmitter. More is refused."""

HEADER_BYTES = 8
"""The packet's header and its sender's address, before the advertisement."""

EUI48_TYPES = (2, 3)
"""Identifier types of a 48-bit address: public and random."""


class _Receiver(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]+\Z")] = msgspec.field(name="receiverId")
    rssi: Rssi


class _Raddec(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]+\Z")] = msgspec.field(name="transmitterId")
    id_type: Annotated[int, msgspec.Meta(ge=0, le=255)] = msgspec.field(name="transmitterIdType")
    receivers: Annotated[list[_Receiver], msgspec.Meta(min_length=1, max_length=RECEIVERS_MAX)] = (
        msgspec.field(name="rssiSignature")
    )
    timestamp: float = 0.0
    packets: Annotated[list[str], msgspec.Meta(max_length=PACKETS_MAX)] = []


_raddec = JsonDecoder[_Raddec](_Raddec, RADDEC_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """One sighting a receiver, the strongest first as sent, and its scale's weight; or Nonsense."""
    match topic.split("/"):
        case ["raddec", _] | ["raddec", _, _] | ["paretoanywhere", "devices", _, _, "raddec"]:
            pass
        case _:
            raise Nonsense("no raddec topic")
    told = _raddec(payload)
    address, found = _device(told), _found(told)
    device, *also = dict.fromkeys((*found.ids[:IDS_MAX], address))
    age_ms = gateway_age_ms(told.timestamp, at_ms)
    sightings = tuple(
        Sighting(
            scanner=scanner_id(receiver.id.lower()),
            device=device,
            rssi_dbm=receiver.rssi,
            at_ms=at_ms,
            ref_dbm=found.ref_dbm,
            age_ms=age_ms,
            also=tuple(also),
        )
        for receiver in told.receivers
    )
    return (*sightings, *weights(address, found, at_ms))


def _device(told: _Raddec) -> DeviceId:
    if told.id_type in EUI48_TYPES:
        if not is_address(told.id):
            raise Nonsense("transmitterId must be 12 hex digits for a 48-bit address")
        return device_id(told.id)
    # Another type of identifier may have the same digits and be another device.
    return device_id(f"raddec:{told.id.lower()}-{told.id_type}")


def _found(told: _Raddec) -> Advert:
    """What the packets say. One that is nonsense says nothing: the transmitter has its address all the same."""
    found = []
    for packet in told.packets if told.id_type in EUI48_TYPES else ():
        try:
            found.append(adverts.advert(adverts.octets(packet)[HEADER_BYTES:]))
        except Nonsense:
            found.append(NOTHING)
    return adverts.joined(found)
