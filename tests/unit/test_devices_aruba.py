"""Telemetry of Aruba access points as a store reads it, in each way that JSON has for protobuf."""

import base64
import json
from typing import Any

import pytest

from protocols import devices
from protocols.devices import RawWeight, Reading, ScannerSeen, Sighting, aruba
from protocols.errors import Nonsense, TooLarge
from protocols.ids import DeviceId, ScannerId

AT = 1_499_197_393_500
NOW_S = 1_499_197_393
AP = ScannerId("186472c086e8")
UUID = "4152554e-f99b-4a3b-86d0-947070693a78"
BEACON = f"iBeacon:{UUID}-0-7"

REPORTER: dict[str, Any] = {
    "name": "AP 225",
    "mac": "18:64:72:c0:86:e8",
    "ipv4": "10.0.0.7",
    "hwType": "AP-225",
    "swVersion": "8.11.0.0",
    "time": NOW_S,
}
BEACON_ROW: dict[str, Any] = {
    "mac": "68:9e:19:07:df:e3",
    "deviceClass": ["iBeacon", "arubaBeacon"],
    "model": "BT-AL3",
    "lastSeen": NOW_S - 2,
    "bevent": {"event": "update"},
    "rssi": {"last": -46},
    "beacons": [{"ibeacon": {"uuid": UUID, "major": 0, "minor": 7, "power": -56}}],
    "txpower": 14,
    "stats": {"frame_cnt": 3},
}


def report(*reported: object, **more: object) -> tuple[Reading, ...]:
    """The readings of one report."""
    told = {"meta": {"version": 1}, "reporter": REPORTER, "reported": list(reported)} | more
    return aruba.read("aruba/centre/telemetry", json.dumps(told).encode(), AT)


def heard(device: str, rssi: float, age_ms: int = 0, ref: float | None = None, *also: str) -> Sighting:
    """A device heard by the access point of these tests."""
    return Sighting(AP, DeviceId(device), rssi, AT, None, ref, age_ms, tuple(DeviceId(name) for name in also))


def test_a_beacon_is_known_by_its_identity_and_aged_by_the_access_points_own_clock() -> None:
    assert report(BEACON_ROW) == (
        ScannerSeen(AP, AT, firmware="8.11.0.0"),
        heard(BEACON, -46, 2000, -56.0, "689e1907dfe3"),
    )


def test_bytes_may_be_hex_or_base64_and_long_numbers_text() -> None:
    def b64(text: str) -> str:
        return base64.b64encode(bytes.fromhex(text)).decode()

    told = json.loads(json.dumps(BEACON_ROW))
    told |= {"mac": b64("689e1907dfe3"), "lastSeen": str(NOW_S - 2), "deviceClass": [1, 2]}
    told["beacons"][0]["ibeacon"]["uuid"] = b64(UUID.replace("-", ""))
    reporter = REPORTER | {"mac": b64("186472c086e8"), "time": str(NOW_S)}
    assert report(told, reporter=reporter) == report(BEACON_ROW)


def test_an_eddystone_sends_its_power_at_zero_metres() -> None:
    uid = {"nid": "00112233445566778899", "bid": "aabbccddeeff"}
    row = {
        "mac": "689e1907dfe3",
        "rssi": {"avg": -60},
        "beacons": [{"eddystone": {"power": -18, "uid": uid}}],
    }
    device = "eddy:00112233445566778899-aabbccddeeff"
    assert report(row)[1:] == (heard(device, -60, 0, -59.0, "689e1907dfe3"),)


def test_an_eddystone_url_names_nobody() -> None:
    url = {"prefix": 1, "encodedUrl": "Z29vZ2xl"}
    row = {
        "mac": "689e1907dfe3",
        "rssi": {"last": -60},
        "beacons": [{"eddystone": {"power": -18, "url": url}}],
    }
    assert report(row)[1:] == (heard("689e1907dfe3", -60),)


@pytest.mark.parametrize(
    ("rssi", "dbm"),
    [
        ({"last": -46, "avg": -50, "max": -40}, -46),
        ({"avg": -50, "max": -40, "smooth": -51}, -50),
        ({"max": -40, "smooth": -51}, -51),
        ({"max": -40}, -40),
        ({"max": -40, "history": [{"time": 7, "rssi": -61}, {"time": "9", "rssi": -63}]}, -63),
        ({"last": -46, "history": [{"time": 7, "rssi": -61}]}, -46),
        (-48, -48),
    ],
)
def test_the_newest_single_strength_counts_before_a_mean_and_a_mean_before_a_maximum(
    rssi: object, dbm: float
) -> None:
    assert report({"mac": "689e1907dfe3", "rssi": rssi})[1:] == (heard("689e1907dfe3", dbm),)


def test_a_device_that_has_gone_is_passed_over_though_it_is_reported_on() -> None:
    gone = BEACON_ROW | {"lastSeen": NOW_S - 61}
    assert report(gone, BEACON_ROW) == report(BEACON_ROW)
    assert report(gone) == (ScannerSeen(AP, AT, firmware="8.11.0.0"),)


def test_a_clock_that_is_not_set_ages_right_all_the_same() -> None:
    [_, seen] = report(BEACON_ROW | {"lastSeen": 100}, reporter=REPORTER | {"time": 103})
    assert isinstance(seen, Sighting)
    assert seen.age_ms == 3000
    [_, seen] = report(BEACON_ROW | {"lastSeen": 105}, reporter=REPORTER | {"time": 103})
    assert isinstance(seen, Sighting)
    assert seen.age_ms == 0


def test_a_device_without_a_strength_says_nothing() -> None:
    assert report({"mac": "689e1907dfe3"}, {"mac": "689e1907dfe3", "rssi": {}})[1:] == ()


def test_raw_packets_are_decoded_and_belong_to_the_radio_that_heard_them() -> None:
    ibeacon = "0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000000000c5"
    data = base64.b64encode(bytes.fromhex(ibeacon)).decode()
    packets = [
        {"mac": "689e1907dfe3", "frameType": "adv_ind", "data": data, "rssi": -70, "addrType": 1},
        {"mac": "689e1907dfe3", "frameType": 4, "data": "", "rssi": -72, "apbMac": "aabbccddeeff"},
    ]
    device = "iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-0-0"
    other = Sighting(ScannerId("aabbccddeeff"), DeviceId("689e1907dfe3"), -72.0, AT)
    assert report(bleData=packets)[1:] == (heard(device, -70, 0, -59.0, "689e1907dfe3"), other)


def test_a_scale_weighs() -> None:
    packets = [{"mac": "a4c138112233", "data": "0716d2fc4006e803"}]
    assert report(bleData=packets)[1:] == (RawWeight(ScannerId("a4c138112233"), 10_000, AT, 1000),)


def test_an_access_point_without_an_address_is_named_by_its_name() -> None:
    [seen] = report(reporter={"name": "till-3"})
    assert seen == ScannerSeen(ScannerId("till-3"), AT)


@pytest.mark.parametrize("reporter", [{}, {"name": "AP 225"}, {"mac": "1864"}, {"mac": "zz"}, None])
def test_an_access_point_that_cannot_be_named_is_refused(reporter: object) -> None:
    with pytest.raises(Nonsense):
        report(BEACON_ROW, reporter=reporter)


def test_an_odd_device_costs_only_itself() -> None:
    odd: list[Any] = [
        7,
        {"rssi": {"last": -46}},
        {"mac": "689e19", "rssi": -46},
        {"mac": "689e1907dfe3", "rssi": {"last": 99}},
        {"mac": "689e1907dfe3", "rssi": -46, "lastSeen": -1},
        {
            "mac": "689e1907dfe3",
            "rssi": -46,
            "beacons": [{"ibeacon": {"uuid": "00", "major": 0, "minor": 0}}],
        },
        {"mac": "689e1907dfe3", "rssi": -46, "beacons": [{}] * 9},
    ]
    assert report(*odd, BEACON_ROW) == report(BEACON_ROW)
    with pytest.raises(Nonsense):
        report(*odd)


def test_more_devices_than_the_limit_are_refused() -> None:
    with pytest.raises(Nonsense, match="512"):
        report(*[{}] * 513)


def test_a_message_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        aruba.read("aruba/x/telemetry", b"{" + b" " * 70_000, AT)


@pytest.mark.parametrize("topic", ["aruba/telemetry", "aruba/a/b", "aruba/a/b/telemetry"])
def test_another_topic_is_refused(topic: str) -> None:
    with pytest.raises(Nonsense):
        aruba.read(topic, b'{"reporter":{"name":"x"}}', AT)


def test_the_telemetry_is_subscribed_and_has_its_format() -> None:
    assert "aruba/+/telemetry" in devices.SUBSCRIPTIONS
    assert devices.format_of("aruba/centre/telemetry") == "aruba"
