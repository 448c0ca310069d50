"""Home Assistant's room trackers as a store reads them."""

import json

import pytest

from protocols import devices
from protocols.devices import Sighting, mqtt_room
from protocols.errors import Nonsense
from protocols.ids import DeviceId, ScannerId

AT = 1_790_000_000_000
BEACON = DeviceId("iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-20-1")


def heard(**told: object) -> Sighting:
    """The sighting in one message from the room `dairy`."""
    [seen] = mqtt_room.read("room_presence/dairy", json.dumps(told).encode(), AT)
    assert isinstance(seen, Sighting)
    return seen


def test_a_tracker_that_tells_its_strength_is_read_as_it_is() -> None:
    told = {"id": "58b1294494d3", "uuid": "58b1294494d3", "rssi": -70, "name": "watch", "distance": 1.86}
    assert heard(**told) == Sighting(ScannerId("dairy"), DeviceId("58b1294494d3"), -70.0, AT, 1.86)


def test_a_beacon_of_a_tracker_is_the_same_device_as_at_every_gateway() -> None:
    uuid = "e2c56db5dffb48d2b060d0f5a71096e0"
    told = {"id": f"{uuid}-20-1", "uuid": uuid, "major": 20, "minor": 1, "rssi": -70, "txPower": -62}
    assert heard(**told, distance=1.2) == Sighting(ScannerId("dairy"), BEACON, -70.0, AT, 1.2, -62.0)
    assert heard(id=f"{uuid}-20-1", rssi=-70).device == BEACON


def test_the_power_of_another_device_is_no_strength_at_one_metre() -> None:
    assert heard(id="58b1294494d3", rssi=-70, txPower=-12).ref_dbm is None
    assert heard(id="x", uuid=BEACON[8:44], major=20, minor=1, rssi=-70, txPower=12).ref_dbm is None


@pytest.mark.parametrize(
    ("distance", "rssi"), [(1, -59.0), (10, -86.0), (0.1, -32.0), (0, -32.0), (100, -113.0), (1000, -127.0)]
)
def test_a_distance_becomes_the_strength_that_path_loss_expects_there(distance: float, rssi: float) -> None:
    seen = heard(id="123testid", name="Test Device", distance=distance)
    assert (seen.device, seen.distance_m, seen.ref_dbm) == ("123testid", distance, -59.0)
    assert seen.rssi_dbm == pytest.approx(rssi)


def test_a_distance_may_be_written_as_text() -> None:
    assert heard(id="123testid", distance="5.678").distance_m == 5.678


@pytest.mark.parametrize(
    "told",
    [
        {"distance": 1.5},
        {"id": "", "distance": 1.5},
        {"id": "a/b", "distance": 1.5},
        {"id": "x"},
        {"id": "x", "distance": None},
        {"id": "x", "distance": -1},
        {"id": "x", "distance": "-1"},
        {"id": "x", "distance": "near"},
        {"id": "x", "distance": "nan"},
        {"id": "x", "distance": "inf"},
        {"id": "x", "distance": "1" * 25},
        {"id": "x", "distance": 1e9},
        {"id": "x", "rssi": 127},
        {"id": "x", "rssi": -70, "uuid": "x", "major": 1, "minor": 2},
    ],
)
def test_a_message_that_says_nothing_of_nearness_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(Nonsense):
        mqtt_room.read("room_presence/dairy", json.dumps(told).encode(), AT)


@pytest.mark.parametrize("topic", ["room_presence", "room_presence/", "room_presence/a/b", "presence/a"])
def test_another_topic_is_refused(topic: str) -> None:
    with pytest.raises(Nonsense):
        mqtt_room.read(topic, b'{"id":"x","distance":1}', AT)


def test_the_default_topic_of_home_assistant_is_subscribed() -> None:
    assert "room_presence/+" in devices.SUBSCRIPTIONS
    assert devices.format_of("room_presence/dairy") == "mqtt_room"
