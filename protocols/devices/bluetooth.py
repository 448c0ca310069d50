"""The Bluetooth object that OpenMQTTGateway and Theengs Gateway share: they stand on one decoder.

{"id": address or uuid, "rssi", "distance", "mac_type", "txpower", "uuid", "major", "minor", "mac", …}.
A message without `rssi` (a sensor's values, a tracker that timed out) does not say where the device is.
"""

from __future__ import annotations

import msgspec

from protocols.codec import JsonDecoder
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


_device = JsonDecoder[_Device](_Device, MESSAGE_BYTES_MAX)


def sighting(gateway: str, last: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """The sighting in one message of `gateway`; `last` is the topic's last level."""
    scanner = scanner_id(gateway)
    told = _device(payload)
    names = [device_id(name) for name in (told.id, told.mac) if name]
    if not names and is_address(last):
        names = [device_id(last)]
    ref_dbm = None
    if told.uuid is not None and told.major is not None and told.minor is not None:
        # A beacon on a phone changes its address every quarter of an hour, so its own id comes first. Its
        # `txpower` is the strength at one metre; any other device's is the power at the antenna.
        names = [beacon_id(told.uuid, told.major, told.minor), *(name for name in names if is_address(name))]
        ref_dbm = told.txpower
    if not names:
        raise Nonsense("neither id, mac nor topic names a device")
    if told.rssi is None:
        return ()
    also: tuple[DeviceId, ...] = tuple(dict.fromkeys(name for name in names[1:] if name != names[0]))
    return (Sighting(scanner, names[0], told.rssi, at_ms, told.distance, ref_dbm, 0, also),)
