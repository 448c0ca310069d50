"""The Bluetooth object that OpenMQTTGateway and Theengs Gateway share: they stand on one decoder.

{"id": address or uuid, "rssi", "distance", "mac_type", "txpower", "uuid", "major", "minor", "mac",
 "manufacturerdata" hex, "servicedata" hex, "servicedatauuid": "0xfeaa" or "feaa", …}
A message without `rssi` (a sensor's values, a tracker that timed out) does not say where the device is. What the
gateway's decoder does not know it passes on raw, if told to (`pubadvdata`; `--publish_advdata 1`): AltBeacons,
Eddystones and the scales of BTHome are read out of that.
"""

from __future__ import annotations

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices import adverts
from protocols.devices.adverts import NOTHING, Advert
from protocols.devices.packets import weights
from protocols.devices.readings import (
    MESSAGE_BYTES_MAX,
    U16,
    Metres,
    Reading,
    Rssi,
    Sighting,
    beacon_id,
    device_id,
    is_address,
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId


class _Device(msgspec.Struct):
    id: str = ""
    mac: str = ""
    rssi: Rssi | None = None
    distance: Metres | None = None
    txpower: Rssi | None = None
    uuid: str | None = None
    major: U16 | None = None
    minor: U16 | None = None
    manufacturer: str = msgspec.field(name="manufacturerdata", default="")
    service: str = msgspec.field(name="servicedata", default="")
    service_uuid: str = msgspec.field(name="servicedatauuid", default="")


_device = JsonDecoder[_Device](_Device, MESSAGE_BYTES_MAX)


def sighting(gateway: str, last: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """The sighting in one message of `gateway`, and its scale's weight; `last` is the topic's last level."""
    scanner = scanner_id(gateway)
    told = _device(payload)
    names = [device_id(name) for name in (told.id, told.mac) if name]
    if not names and is_address(last):
        names = [device_id(last)]
    address = next((name for name in names if is_address(name)), None)
    found = _found(told)
    ref_dbm = None
    if told.uuid is not None and told.major is not None and told.minor is not None:
        # A beacon on a phone changes its address every quarter of an hour, so its own id comes first. Its
        # `txpower` is the strength at one metre; any other device's is the power at the antenna.
        names = [beacon_id(told.uuid, told.major, told.minor), *(name for name in names if is_address(name))]
        ref_dbm = told.txpower
    elif found.ids:
        names = [*found.ids, *names]
        ref_dbm = found.ref_dbm
    if not names:
        raise Nonsense("neither id, mac nor topic names a device")
    weighed = () if address is None else weights(address, found, at_ms)
    if told.rssi is None:
        return weighed
    also: tuple[DeviceId, ...] = tuple(dict.fromkeys(name for name in names[1:] if name != names[0]))
    return (Sighting(scanner, names[0], told.rssi, at_ms, told.distance, ref_dbm, 0, also), *weighed)


def _found(told: _Device) -> Advert:
    """What the raw parts say. Parts that are nonsense say nothing: the device has its address all the same."""
    try:
        return adverts.parts(told.manufacturer, told.service_uuid, told.service)
    except Nonsense:
        return NOTHING
