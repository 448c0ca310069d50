"""Homie 5: the state of a device, and the few properties whose names say what they are."""

import pytest

from protocols import devices
from protocols.devices import RawWeight, ScannerSeen, Sighting, Weight
from protocols.devices.readings import GRAMS_MAX
from protocols.errors import Nonsense
from protocols.ids import DeviceId, ScannerId

AT = 1_790_000_000_000


def read(path: str, payload: bytes) -> tuple[devices.Reading, ...]:
    return devices.read(f"homie/5/{path}", payload, AT)


@pytest.mark.parametrize(
    ("state", "online"),
    [
        (b"init", True),
        (b"ready", True),
        (b"sleeping", True),
        (b"disconnected", False),
        (b"lost", False),
        (b"", False),
    ],
)
def test_a_devices_state_says_whether_it_is_there(state: bytes, online: bool) -> None:
    assert read("door-1/$state", state) == (ScannerSeen(ScannerId("door-1"), AT, online),)


@pytest.mark.parametrize(
    ("node", "device"),
    [
        ("aabbccddee01", "aabbccddee01"),
        ("aa-bb-cc-dd-ee-01", "aabbccddee01"),
        ("tag-17", "tag-17"),
        (
            "ibeacon-11111111-2222-3333-4444-555555555555-1-65535",
            "iBeacon:11111111-2222-3333-4444-555555555555-1-65535",
        ),
        (
            "ibeacon-11111111222233334444555555555555-1-2",
            "iBeacon:11111111-2222-3333-4444-555555555555-1-2",
        ),
    ],
)
def test_a_property_rssi_is_a_sighting_of_its_node(node: str, device: str) -> None:
    assert read(f"door-1/{node}/rssi", b"-71.5") == (
        Sighting(ScannerId("door-1"), DeviceId(device), -71.5, AT),
    )


@pytest.mark.parametrize(
    ("kind", "payload", "grams"),
    [
        ("weight-g", b"1234", 1234),
        ("weight-g", b"-2.5", -2),
        ("weight-g", b"1e3", 1000),
        ("weight-kg", b"1.2345", 1234),
        ("weight-kg", b".5", 500),
    ],
)
def test_the_unit_of_a_weight_stands_in_its_name(kind: str, payload: bytes, grams: int) -> None:
    assert read(f"scales/dairy-1/{kind}", payload) == (Weight("dairy-1", grams, AT),)


def test_counts_are_of_the_scale_that_the_device_is() -> None:
    assert read("cell-1/load/raw-weight", b"-8388608") == (RawWeight(ScannerId("cell-1"), -8_388_608, AT),)


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("door-1/$description", b'{"homie":"5.0","version":1,"nodes":{}}'),
        ("door-1/$log/warn", b"hot"),
        ("door-1/$alert/battery", b"low"),
        ("lamp/light/power", b"true"),
        ("lamp/light/power/set", b"false"),
        ("lamp/light/power/$target", b"false"),
        ("$broadcast/alert", b"fire"),
        ("scales/dairy-1/weight", b"12"),
    ],
)
def test_everything_else_of_homie_is_understood_and_says_nothing(path: str, payload: bytes) -> None:
    assert read(path, payload) == ()


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("door-1/$state", b"READY"),
        ("door-1/$state", b"alert"),
        ("a b/$state", b"ready"),
        ("door-1/aabbccddee01/rssi", b""),
        ("door-1/aabbccddee01/rssi", b"NaN"),
        ("door-1/aabbccddee01/rssi", b"inf"),
        ("door-1/aabbccddee01/rssi", b"-1e999"),
        ("door-1/aabbccddee01/rssi", b"1_0"),
        ("door-1/aabbccddee01/rssi", b" -70"),
        ("door-1/aabbccddee01/rssi", b"-70\n"),
        ("door-1/aabbccddee01/rssi", b"0x1"),
        ("door-1/aabbccddee01/rssi", b"-"),
        ("door-1/aabbccddee01/rssi", "−70".encode()),
        ("door-1/aabbccddee01/rssi", b"-128"),
        ("door-1/aabbccddee01/rssi", b"-70." + b"0" * 40),
        ("door-1/a b/rssi", b"-70"),
        ("door-1/ibeacon-11111111-2222-3333-4444-555555555555-1-65536/rssi", b"-70"),
        ("door-1/ibeacon-1111111122223333444455555555555-555-1-6/rssi", b"-70"),
        ("scales/dairy-1/weight-g", str(GRAMS_MAX + 1).encode()),
        ("scales/dairy-1/weight-kg", str(GRAMS_MAX // 1000 + 1).encode()),
        ("cell-1/load/raw-weight", b"8388608"),
    ],
)
def test_a_value_that_is_none_is_nonsense(path: str, payload: bytes) -> None:
    with pytest.raises(Nonsense):
        read(path, payload)


@pytest.mark.parametrize("topic", ["homie", "homie/5/x", "homie/door-1/$state", "homie/4/door-1/$state"])
def test_an_older_homie_is_refused(topic: str) -> None:
    with pytest.raises(Nonsense):
        devices.read(topic, b"ready", AT)
