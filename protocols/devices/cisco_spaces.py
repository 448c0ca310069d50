"""Cisco Spaces (once DNA Spaces): events of its Firehose as JSON, one in a message, as a bridge brings them.

cisco-spaces/<anything>
{"recordTimestamp" ms,"eventType":"BLE_RSSI_UPDATE","bleRssiUpdate":{"rssiNotification":{"macAddress",
  "apRssiMeasurements":[{"apMacAddress","rssi","timestamp" ms,…}],"blePayload":{"timestamp","data"}},…}}
{…,"eventType":"IOT_TELEMETRY","iotTelemetry":{"deviceInfo":{"deviceType","deviceId","deviceMacAddress",…},
  "detectedPosition":{"mapId","xPos","yPos","confidenceFactor","lastLocatedTime" ms,…},…}}
{…,"eventType":"DEVICE_LOCATION_UPDATE","deviceLocationUpdate":{"device":{"deviceId","macAddress",…},"lastSeen" ms,
  "mapId","xPos","yPos","confidenceFactor",…}}

An access point is a scanner by its address; a device that Cisco itself located is `Located` by the source
`cisco-spaces`. Positions are in feet (points of one event, in feet, are as far apart as their latitudes and
longitudes say), and the confidence factor is the radius that holds the device with 95 %, in feet too (CMX). They are
taken as metres on the store's plan: the map in Cisco Spaces must have its origin and axes (top left, y downwards),
and the bridge must pass on the events of this store's map alone. A Firehose goes on where it was left, so an event
that says it is old is refused. Other events say nothing here.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices import adverts
from protocols.devices.adverts import NOTHING
from protocols.devices.packets import weights
from protocols.devices.readings import (
    Located,
    Reading,
    Rssi,
    Sighting,
    Text,
    device_id,
    each,
    fresh_age_ms,
    is_address,
    scanner_id,
)
from protocols.errors import Nonsense
from protocols.ids import DeviceId, is_safe_id

SUBSCRIPTIONS = ("cisco-spaces/+",)

EVENT_BYTES_MAX = 64 * 1024
"""An event with all of its device's details. A larger message is refused before decoding."""

MEASUREMENTS_MAX = 64
"""Access points and antennas that heard one packet. More is refused."""

SOURCE = scanner_id("cisco-spaces")

METRES_PER_FOOT = 0.3048
FEET_MAX = 10_000.0
"""Three kilometres from the origin either way: no shop reaches further."""

RADIUS_95 = 2.4477
"""Standard errors in the radius that holds 95 % of a round normal distribution: the root of -2 ln 0.05."""

Feet = Annotated[float, msgspec.Meta(ge=-FEET_MAX, le=FEET_MAX)]
Radius = Annotated[float, msgspec.Meta(ge=0, le=FEET_MAX)]
Stamp = Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}\Z")]
"""In ms. Protobuf writes 64-bit numbers as text in JSON."""


class _Measured(msgspec.Struct, rename="camel"):
    ap_mac_address: Text
    rssi: Rssi
    timestamp: Stamp = 0


class _Payload(msgspec.Struct):
    data: str = ""


class _Notification(msgspec.Struct, rename="camel"):
    mac_address: Text
    ap_rssi_measurements: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MEASUREMENTS_MAX)]
    ble_payload: _Payload | None = None


class _Heard(msgspec.Struct, rename="camel"):
    rssi_notification: _Notification


class _Device(msgspec.Struct, rename="camel"):
    device_id: Text = ""
    mac_address: Text = ""
    device_mac_address: Text = ""


class _Position(msgspec.Struct, rename="camel"):
    x_pos: Feet
    y_pos: Feet
    confidence_factor: Radius = 0.0
    last_located_time: Stamp = 0
    last_seen: Stamp = 0


class _Moved(_Position, rename="camel"):
    device: _Device = msgspec.field(default_factory=_Device)


class _Telemetry(msgspec.Struct, rename="camel"):
    device_info: _Device
    detected_position: _Position | None = None


class _Event(msgspec.Struct, rename="camel"):
    event_type: Text
    record_timestamp: Stamp = 0
    ble_rssi_update: _Heard | None = None
    iot_telemetry: _Telemetry | None = None
    device_location_update: _Moved | None = None


_event = JsonDecoder[_Event](_Event, EVENT_BYTES_MAX)
_measured = JsonDecoder[_Measured](_Measured, EVENT_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """What one event says of where a device is, or Nonsense. Another kind of event is no reading."""
    match topic.split("/"):
        case ["cisco-spaces", _]:
            pass
        case _:
            raise Nonsense("no topic of Cisco Spaces")
    event = _event(payload)
    sent_ms = int(event.record_timestamp)
    match event.event_type:
        case "BLE_RSSI_UPDATE" if event.ble_rssi_update is not None:
            return _sightings(event.ble_rssi_update.rssi_notification, sent_ms, at_ms)
        case "IOT_TELEMETRY" if event.iot_telemetry is not None:
            told = event.iot_telemetry
            return _located(told.device_info, told.detected_position, sent_ms, at_ms)
        case "DEVICE_LOCATION_UPDATE" if event.device_location_update is not None:
            moved = event.device_location_update
            return _located(moved.device, moved, sent_ms, at_ms)
    return ()


def _sightings(told: _Notification, sent_ms: int, at_ms: int) -> tuple[Reading, ...]:
    if not is_address(told.mac_address):
        raise Nonsense("macAddress must be 12 hex digits")
    address = device_id(told.mac_address)
    found = NOTHING if told.ble_payload is None else adverts.advert(adverts.octets(told.ble_payload.data))
    device, *also = dict.fromkeys((*found.ids, address))

    def sighting(raw: msgspec.Raw) -> Sighting:
        heard = _measured(bytes(raw))
        scanner = scanner_id(device_id(heard.ap_mac_address))
        age_ms = fresh_age_ms(int(heard.timestamp) or sent_ms, at_ms)
        return Sighting(scanner, device, heard.rssi, at_ms, None, found.ref_dbm, age_ms, tuple(also))

    return (*each(told.ap_rssi_measurements, sighting), *weights(address, found, at_ms))


def _located(told: _Device, position: _Position | None, sent_ms: int, at_ms: int) -> tuple[Reading, ...]:
    if position is None or (position.x_pos == 0 and position.y_pos == 0):  # not computed yet
        return ()
    device, *also = _ids(told)
    stamp_ms = int(position.last_located_time) or int(position.last_seen) or sent_ms
    return (
        Located(
            source=SOURCE,
            device=device,
            x=position.x_pos * METRES_PER_FOOT,
            y=position.y_pos * METRES_PER_FOOT,
            at_ms=at_ms,
            error_m=position.confidence_factor * METRES_PER_FOOT / RADIUS_95,
            age_ms=fresh_age_ms(stamp_ms, at_ms),
            also=tuple(also),
        ),
    )


def _ids(told: _Device) -> list[DeviceId]:
    """Every id of a device, its address first: Cisco's own id is known to no other gateway."""
    names = (told.mac_address, told.device_mac_address, told.device_id)
    ids = list(dict.fromkeys(device_id(name) for name in names if is_safe_id(name)))
    if not ids:
        raise Nonsense("neither macAddress nor deviceId names a device")
    return ids
