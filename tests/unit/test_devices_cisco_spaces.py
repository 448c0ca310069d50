"""Events of Cisco Spaces as a store reads them, by the examples of its Firehose."""

import base64
import json
import math
from typing import Any

import pytest

from protocols import devices
from protocols.devices import Located, RawWeight, Reading, Sighting, cisco_spaces
from protocols.errors import Nonsense, TooLarge
from protocols.ids import DeviceId, ScannerId

AT = 1_714_450_002_000
SENT = 1_714_450_000_000
FOOT = 0.3048

ENVELOPE: dict[str, Any] = {
    "recordUid": "evt-001",
    "recordTimestamp": SENT,
    "spacesTenantId": "tenant-abc-123",
    "spacesTenantName": "Acme Corp",
    "partnerTenantId": "partner-xyz-456",
}
DEVICE: dict[str, Any] = {
    "deviceId": "dev-abc-12345",
    "userId": "user-xyz-67890",
    "macAddress": "AA:BB:CC:DD:EE:01",
    "os": "iOS",
}
MOVED: dict[str, Any] = {
    "device": DEVICE,
    "ssid": "Acme",
    "lastSeen": SENT - 1000,
    "mapId": "map-1",
    "xPos": 100.0,
    "yPos": 50.0,
    "confidenceFactor": 32.0,
    "latitude": 52.3438,
    "longitude": 4.8883,
}
TAG: dict[str, Any] = {
    "deviceInfo": {"deviceType": "IOT_UWB_TAG", "deviceId": "10:35:97:15:b3:33"},
    "detectedPosition": {
        "xPos": 241.9,
        "yPos": 250.9,
        "latitude": 52.343854314911354,
        "longitude": 4.888463023889718,
        "confidenceFactor": 3.134392499923706,
        "computeType": "CT_RSSI",
    },
}
IBEACON = "0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000000000c5"
HEARD: dict[str, Any] = {
    "rssiNotification": {
        "macAddress": "10:35:97:15:b3:33",
        "apRssiMeasurements": [
            {"apMacAddress": "34:5D:A8:00:00:01", "ifSlotId": 2, "bandId": 3, "antennaId": 0, "rssi": -61},
            {"apMacAddress": "34:5D:A8:00:00:02", "rssi": -77, "timestamp": str(SENT - 500)},
        ],
        "blePayload": {"timestamp": SENT, "data": IBEACON},
    },
    "location": {"locationId": "l1"},
}


def event(kind: str, **body: object) -> tuple[Reading, ...]:
    """The readings of one event."""
    told = ENVELOPE | {"eventType": kind} | body
    return cisco_spaces.read("cisco-spaces/store-014", json.dumps(told).encode(), AT)


def test_a_device_that_cisco_located_is_placed_in_metres_with_its_standard_error() -> None:
    [seen] = event("DEVICE_LOCATION_UPDATE", deviceLocationUpdate=MOVED)
    assert isinstance(seen, Located)
    assert (seen.source, seen.device, seen.also) == ("cisco-spaces", "aabbccddee01", ("dev-abc-12345",))
    assert (seen.x, seen.y) == (100 * FOOT, 50 * FOOT)
    assert seen.error_m == pytest.approx(32 * FOOT / math.sqrt(-2 * math.log(0.05)), rel=1e-4)
    assert (seen.at_ms, seen.age_ms) == (AT, 3000)


def test_positions_are_in_feet_for_two_of_one_tag_are_as_far_apart_as_their_latitudes_say() -> None:
    """The same tag, located in two ways by one event: 11.45 m apart by latitude and longitude."""
    other = TAG["detectedPosition"] | {"xPos": 227.6, "yPos": 216.2}
    [first] = event("IOT_TELEMETRY", iotTelemetry=TAG)
    [second] = event("IOT_TELEMETRY", iotTelemetry=TAG | {"detectedPosition": other})
    assert isinstance(first, Located) and isinstance(second, Located)
    north = (52.343854314911354 - 52.343822990155495) * 111_320
    east = (4.888463023889718 - 4.888302625302908) * 111_320 * math.cos(math.radians(52.34))
    assert math.dist((first.x, first.y), (second.x, second.y)) == pytest.approx(
        math.hypot(north, east), rel=0.01
    )


def test_a_tag_that_cisco_located_is_known_by_its_address() -> None:
    [seen] = event("IOT_TELEMETRY", iotTelemetry=TAG)
    assert isinstance(seen, Located)
    assert (seen.device, seen.also, seen.age_ms) == ("10359715b333", (), 2000)


def test_a_packet_is_a_sighting_by_each_access_point() -> None:
    beacon = DeviceId("iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-0-0")
    also = (DeviceId("10359715b333"),)
    assert event("BLE_RSSI_UPDATE", bleRssiUpdate=HEARD) == (
        Sighting(ScannerId("345da8000001"), beacon, -61.0, AT, None, -59.0, 2000, also),
        Sighting(ScannerId("345da8000002"), beacon, -77.0, AT, None, -59.0, 2500, also),
    )


@pytest.mark.parametrize("payload", [None, {}, {"data": ""}, {"data": "020106"}])
def test_a_packet_that_names_nobody_is_of_its_address(payload: object) -> None:
    told = {"rssiNotification": HEARD["rssiNotification"] | {"blePayload": payload}}
    assert {
        one.device for one in event("BLE_RSSI_UPDATE", bleRssiUpdate=told) if isinstance(one, Sighting)
    } == {"10359715b333"}


def test_a_scale_weighs() -> None:
    data = base64.b64encode(bytes.fromhex("0716d2fc4006e803")).decode()
    told = {"rssiNotification": HEARD["rssiNotification"] | {"blePayload": {"data": data}}}
    [*_, weighed] = event("BLE_RSSI_UPDATE", bleRssiUpdate=told)
    assert weighed == RawWeight(ScannerId("10359715b333"), 10_000, AT, 1000)


def test_an_odd_measurement_costs_only_itself() -> None:
    notification = HEARD["rssiNotification"]
    measured = [7, {"apMacAddress": "x y", "rssi": -1}, {"rssi": -61}, *notification["apRssiMeasurements"]]
    told = {"rssiNotification": notification | {"apRssiMeasurements": measured}}
    assert event("BLE_RSSI_UPDATE", bleRssiUpdate=told) == event("BLE_RSSI_UPDATE", bleRssiUpdate=HEARD)


@pytest.mark.parametrize("kind", ["KEEP_ALIVE", "DEVICE_PRESENCE", "IOT_USER_ACTION", "BLE_RSSI_UPDATE"])
def test_another_event_says_nothing(kind: str) -> None:
    assert event(kind, deviceLocationUpdate=MOVED) == ()


@pytest.mark.parametrize("position", [None, {"xPos": 0, "yPos": 0, "confidenceFactor": 0}])
def test_a_tag_that_is_not_located_is_no_reading(position: object) -> None:
    assert event("IOT_TELEMETRY", iotTelemetry=TAG | {"detectedPosition": position}) == ()


def test_an_event_that_says_it_is_old_is_refused() -> None:
    with pytest.raises(Nonsense, match="3602 s old"):
        event("DEVICE_LOCATION_UPDATE", deviceLocationUpdate=MOVED | {"lastSeen": str(SENT - 3_600_000)})


@pytest.mark.parametrize(
    "body",
    [
        {"deviceLocationUpdate": MOVED | {"device": {}}},
        {"deviceLocationUpdate": MOVED | {"device": {"deviceId": "a b"}}},
        {"deviceLocationUpdate": MOVED | {"xPos": 1e9}},
        {"deviceLocationUpdate": MOVED | {"xPos": "100"}},
        {"deviceLocationUpdate": MOVED | {"confidenceFactor": -1}},
        {"deviceLocationUpdate": MOVED | {"lastSeen": -1}},
        {"deviceLocationUpdate": 7},
        {"recordTimestamp": "yesterday"},
        {"eventType": None},
    ],
)
def test_nonsense_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(Nonsense):
        event(**({"kind": "DEVICE_LOCATION_UPDATE", "deviceLocationUpdate": MOVED} | body))


def test_more_measurements_than_the_limit_are_refused() -> None:
    told = {"rssiNotification": HEARD["rssiNotification"] | {"apRssiMeasurements": [{}] * 65}}
    with pytest.raises(Nonsense, match="64"):
        event("BLE_RSSI_UPDATE", bleRssiUpdate=told)


def test_an_event_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        cisco_spaces.read("cisco-spaces/x", b"{" + b" " * 70_000, AT)


@pytest.mark.parametrize("topic", ["cisco-spaces", "cisco-spaces/a/b", "cisco/a"])
def test_another_topic_is_refused(topic: str) -> None:
    with pytest.raises(Nonsense):
        cisco_spaces.read(topic, b'{"eventType":"KEEP_ALIVE"}', AT)


def test_the_events_are_subscribed_and_have_their_format() -> None:
    assert "cisco-spaces/+" in devices.SUBSCRIPTIONS
    assert devices.format_of("cisco-spaces/store-014") == "cisco_spaces"
