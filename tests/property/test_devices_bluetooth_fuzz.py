"""Bluetooth gateways under fire: raw advertisements, Minew, room trackers, Aruba, Cisco Spaces.

Whatever bytes come, whatever hostile values stand in a message of the right shape, and wherever it is cut: readings
within their bounds and not more of them than the format's named limit, or `Nonsense`. Never another exception.
"""

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import devices
from protocols.devices import (
    Located,
    Reading,
    ScannerSeen,
    Sighting,
    adverts,
    aruba,
    bthome,
    cisco_spaces,
    minew,
    mqtt_room,
    openmqttgateway,
    packets,
    raddec,
)
from protocols.errors import Nonsense
from protocols.ids import is_safe_id
from tests.property.test_devices_fuzz import AT, NUMBERS, TOPICS, check

IBEACON = "0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000000000c5"
ALTBEACON = "1bff1801beac2f234454cf6d4a0fadf2f4911ba9ffa600010002c509"
UID = "0303aafe1716aafe00e700112233445566778899aabbccddeeff0000"
EID = "0d16aafe30e70102030405060708"
TLM = "1116aafe20000bb8158000000010000001ff"
SCALE = "0b16d2fc400009065e1f0161"
KNOWN = [IBEACON, ALTBEACON, UID, EID, TLM, SCALE]

UUID = "e2c56db5dffb48d2b060d0f5a71096e0"


class Format(NamedTuple):
    """A format, a topic of it, a message as its devices send it, and the most readings that one may make."""

    read: Callable[[str, bytes, int], tuple[Reading, ...]]
    topic: str
    sane: Any
    limit: int


MINEW_ROWS = [
    {"type": "Gateway", "mac": "AC233FC0BC43", "timestamp": "2022-01-20T13:22:49.434Z", "gatewayFree": 23},
    {
        "type": "iBeacon",
        "mac": "AC233F8C7CEE",
        "ibeaconUuid": UUID,
        "ibeaconMajor": 0,
        "ibeaconMinor": 0,
        "rssi": -38,
        "ibeaconTxPower": -59,
        "timestamp": AT - 500,
    },
    {"type": "Unknown", "mac": "AC233FA03208", "rssi": -79, "rawData": IBEACON + SCALE},
]
MINEW_V3 = {
    "tm": "2026-05-19T06:14:56.110Z",
    "gw": "ac233fc21106",
    "adv": [
        {
            "type": "uid",
            "namespace": "00112233445566778899",
            "instance": "000000000001",
            "rssi": -40,
            "mac": "c300002a772a",
        },
        {"type": "ib", "uuid": UUID, "major": 1, "minor": 1, "rssi": -41, "mac": "c300002a772b"},
    ],
}
ROOM = {
    "id": f"{UUID}-20-1",
    "uuid": UUID,
    "major": 20,
    "minor": 1,
    "rssi": -70,
    "distance": "1.5",
    "txPower": -59,
}
ARUBA = {
    "reporter": {"mac": "186472c086e8", "name": "ap", "swVersion": "8", "time": AT // 1000},
    "reported": [
        {
            "mac": "689e1907dfe3",
            "lastSeen": str(AT // 1000 - 2),
            "rssi": {"avg": -46, "history": [{"time": 1, "rssi": -50}]},
            "beacons": [
                {"ibeacon": {"uuid": UUID, "major": 0, "minor": 7, "power": -56}},
                {"eddystone": {"power": -18, "uid": {"nid": "00112233445566778899", "bid": "aabbccddeeff"}}},
            ],
        }
    ],
    "bleData": [{"mac": "689e1907dfe3", "data": "AgEG", "rssi": -70, "apbMac": "aabbccddeeff"}],
}
CISCO_RSSI = {
    "recordTimestamp": str(AT - 1000),
    "eventType": "BLE_RSSI_UPDATE",
    "bleRssiUpdate": {
        "rssiNotification": {
            "macAddress": "10:35:97:15:b3:33",
            "apRssiMeasurements": [{"apMacAddress": "34:5D:A8:00:00:01", "rssi": -61, "timestamp": AT - 500}],
            "blePayload": {"data": IBEACON + SCALE},
        }
    },
}
CISCO_TAG = {
    "recordTimestamp": AT - 1000,
    "eventType": "IOT_TELEMETRY",
    "iotTelemetry": {
        "deviceInfo": {"deviceId": "10:35:97:15:b3:33"},
        "detectedPosition": {"xPos": 241.9, "yPos": 250.9, "confidenceFactor": 3.1},
    },
}
CISCO_MOVED = {
    "recordTimestamp": AT - 1000,
    "eventType": "DEVICE_LOCATION_UPDATE",
    "deviceLocationUpdate": {
        "device": {"macAddress": "AA:BB:CC:DD:EE:01", "deviceId": "d"},
        "lastSeen": AT - 900,
        "xPos": 1,
        "yPos": 2,
        "confidenceFactor": 30,
    },
}
OMG = {"id": "45:e1:74:12:6e:00", "rssi": -80, "servicedatauuid": "0xfeaa", "servicedata": UID[16:]}
RADDEC = {
    "transmitterId": "fee150bada55",
    "transmitterIdType": 3,
    "rssiSignature": [{"receiverId": "001bc50940810000", "rssi": -83}],
    "packets": ["421e55daba50e1fe" + IBEACON],
}

MINEW_MAX = 1 + 2 * minew.PACKETS_MAX
"""The gateway, and of each packet a sighting and a weight."""

FORMATS = {
    "minew": Format(minew.read, "/gw/ac233fc0bc43/status", MINEW_ROWS, MINEW_MAX),
    "minew-v3": Format(minew.read, "gw/gw1/status", MINEW_V3, MINEW_MAX),
    "mqtt_room": Format(mqtt_room.read, "room_presence/dairy", ROOM, 1),
    "aruba": Format(aruba.read, "aruba/x/telemetry", ARUBA, 1 + 3 * aruba.REPORTED_MAX),
    "cisco-rssi": Format(cisco_spaces.read, "cisco-spaces/x", CISCO_RSSI, cisco_spaces.MEASUREMENTS_MAX + 1),
    "cisco-tag": Format(cisco_spaces.read, "cisco-spaces/x", CISCO_TAG, 1),
    "cisco-moved": Format(cisco_spaces.read, "cisco-spaces/x", CISCO_MOVED, 1),
    "omg-raw": Format(openmqttgateway.read, "home/g/BTtoMQTT/45E174126E00", OMG, 2),
    "raddec-raw": Format(raddec.read, "raddec/x", RADDEC, raddec.RECEIVERS_MAX + 1),
}

HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(max_size=20),
    st.sampled_from(KNOWN),
    st.sampled_from(
        [
            *(
                "",
                "0",
                "zz",
                "AgEG",
                "=" * 8,
                "AC233F8C7CEE",
                "ac:23:3f:8c:7c:ee",
                UUID,
                "a b",
                "\x00",
                "é" * 12,
            ),
            *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-01-01", "1e400", "nan", "-1"),
            *("Gateway", "BLE_RSSI_UPDATE", "0xfeaa", "0xfcd2", "f" * 5000, "99999999999999999999"),
        ]
    ),
    st.lists(st.integers(-200, 200), max_size=3),
    st.just({}),
)


def bent(value: Any, data: st.DataObject) -> Any:
    """A message of the right shape with some of its parts, at any depth, replaced, doubled or taken out."""
    how = data.draw(st.sampled_from("....!"))
    if how == "!":
        return data.draw(HOSTILE)
    if isinstance(value, dict) and value:
        key = data.draw(st.sampled_from(sorted(value)))
        rest = {name: part for name, part in value.items() if name != key}
        return rest if data.draw(st.sampled_from("...x")) == "x" else {**rest, key: bent(value[key], data)}
    if isinstance(value, list) and value:
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], *[bent(value[at], data)] * data.draw(st.integers(1, 3)), *value[at + 1 :]]
    return data.draw(HOSTILE)


def checked(readings: tuple[Reading, ...], limit: int) -> None:
    """What the rest of the store relies on."""
    assert isinstance(readings, tuple)
    assert len(readings) <= limit
    for reading in readings:
        check(reading)
        match reading:
            case Sighting():
                assert len(reading.also) <= packets.IDS_MAX
                assert reading.ref_dbm is None or -127 <= reading.ref_dbm <= 20
            case Located():
                assert is_safe_id(reading.source) and is_safe_id(reading.device)
                assert math.hypot(reading.x, reading.y) < 5_000
                assert 0 <= reading.error_m < 1_300 and 0 <= reading.age_ms <= 60_000
            case ScannerSeen():
                assert is_safe_id(reading.scanner)


def tried(one: Format, topic: str, payload: bytes) -> None:
    """Reads one message by its own parser and by the choice of the topic, which must agree."""
    said: list[object] = []
    for read in (one.read, devices.read):
        try:
            said.append(read(topic, payload, AT))
        except Nonsense as refused:
            assert refused.reason
            said.append("refused")
            continue
        checked(said[-1], one.limit)  # type: ignore[arg-type]
    assert topic != one.topic or said[0] == said[1]


@pytest.mark.parametrize("name", FORMATS)
def test_a_sane_message_is_read(name: str) -> None:
    one = FORMATS[name]
    readings = one.read(one.topic, json.dumps(one.sane).encode(), AT)
    assert any(isinstance(reading, (Sighting, Located)) for reading in readings)
    checked(readings, one.limit)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=400)
@given(data=st.data())
def test_hostile_values_in_the_right_shape_are_readings_or_nonsense(name: str, data: st.DataObject) -> None:
    one = FORMATS[name]
    told = one.sane
    for _ in range(data.draw(st.integers(1, 3))):
        told = bent(told, data)
    tried(one, one.topic, json.dumps(told).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes_on_any_topic_are_readings_or_nonsense(name: str, data: st.DataObject) -> None:
    one = FORMATS[name]
    topic = data.draw(st.just(one.topic) | TOPICS, "topic")
    payload = st.binary(max_size=120) | st.sampled_from([b"", b"[]", b"{}", b"[[" * 900, b'{"adv":[' * 50])
    tried(one, topic, data.draw(payload, "payload"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_message_cut_short_anywhere_is_refused(name: str) -> None:
    one = FORMATS[name]
    whole = json.dumps(one.sane).encode()
    for cut in range(len(whole)):
        with pytest.raises(Nonsense):
            one.read(one.topic, whole[:cut], AT)


ADVERTISEMENTS = st.one_of(
    st.binary(max_size=80),
    st.lists(st.sampled_from(KNOWN), max_size=4).map(lambda parts: bytes.fromhex("".join(parts))),
)


@settings(max_examples=500)
@given(whole=ADVERTISEMENTS, at=st.integers(0, 200), byte=st.integers(0, 255), cut=st.integers(0, 200))
def test_an_advertisement_is_what_it_says_or_nothing(whole: bytes, at: int, byte: int, cut: int) -> None:
    changed = bytearray(whole)
    if at < len(changed):
        changed[at] = byte
    told = adverts.advert(bytes(changed[:cut]))
    assert all(is_safe_id(ident) for ident in told.ids)
    assert len(told.ids) <= len(whole) // 11
    assert told.ref_dbm is None or -100 <= told.ref_dbm <= -20
    assert all(math.isfinite(measure.value) for measure in told.measures)
    assert len(told.measures) <= len(whole)
    grams = bthome.grams(told.measures)
    assert grams is None or 0 <= grams <= 655_350


@given(part=st.sampled_from(KNOWN), cut=st.integers(0, 60))
def test_an_advertisement_cut_short_says_less_and_nothing_else(part: str, cut: int) -> None:
    whole = bytes.fromhex(SCALE + part)
    told, all_told = adverts.advert(whole[:cut]), adverts.advert(whole)
    assert set(told.ids) <= set(all_told.ids)
    assert told.measures == all_told.measures[: len(told.measures)]


@given(st.text(max_size=60) | st.binary(max_size=40).map(bytes.hex))
def test_raw_bytes_as_text_are_bytes_or_nonsense(text: str) -> None:
    try:
        assert len(adverts.octets(text)) <= len(text)
    except Nonsense as refused:
        assert refused.reason


LONG_PACKETS = st.lists(
    st.tuples(ADVERTISEMENTS.filter(lambda data: len(data) < 256), st.integers(0, 255), st.integers(0, 255)),
    max_size=4,
)


@settings(max_examples=300)
@given(
    told=st.lists(st.tuples(st.binary(min_size=6, max_size=6), LONG_PACKETS), max_size=4),
    at=st.integers(0, 400),
    byte=st.integers(0, 255),
    cut=st.integers(0, 2000),
)
def test_a_binary_message_is_readings_or_nonsense(
    told: list[tuple[bytes, list[tuple[bytes, int, int]]]], at: int, byte: int, cut: int
) -> None:
    body = b"".join(
        address
        + len(heard).to_bytes(2)
        + b"".join(bytes([len(data)]) + data + bytes([flags, rssi]) for data, flags, rssi in heard)
        for address, heard in told
    )
    whole = bytes.fromhex("ac233fc0bc43") + len(told).to_bytes(2) + body + b"\xdd"
    whole = b"\xbb\x01" + (len(whole) + 6).to_bytes(4) + whole
    one = FORMATS["minew"]
    strong = sum(rssi <= 20 or rssi >= 129 for _, heard in told for _, _, rssi in heard)
    readings = one.read(one.topic, whole, AT)
    assert sum(isinstance(reading, Sighting) for reading in readings) == strong
    checked(readings, one.limit)
    changed = bytearray(whole)
    if at < len(changed):
        changed[at] = byte
    tried(one, one.topic, bytes(changed))
    tried(one, one.topic, whole[:cut])


@settings(max_examples=200)
@given(
    told=st.lists(
        st.tuples(ADVERTISEMENTS.filter(lambda data: len(data) < 256), st.integers(0, 255)), max_size=4
    ),
    at=st.integers(0, 400),
    byte=st.integers(0, 255),
    cut=st.integers(0, 2000),
)
def test_a_connected_message_is_readings_or_nonsense(
    told: list[tuple[bytes, int]], at: int, byte: int, cut: int
) -> None:
    content = b"".join(
        (10 + len(data)).to_bytes(2, "little")
        + bytes.fromhex("0100ac233f8c7cee")
        + bytes([rssi, len(data)])
        + data
        for data, rssi in told
    )
    sizes = [length.to_bytes(4, "little") for length in (20 + len(content), 6 + len(content), len(content))]
    whole = b"\xbb\x02" + bytes(4) + sizes[0] + sizes[1] + b"\x84\x3e" + sizes[2] + content
    one = FORMATS["minew"]
    checked(one.read(one.topic, whole, AT), one.limit)
    changed = bytearray(whole)
    if at < len(changed):
        changed[at] = byte
    tried(one, one.topic, bytes(changed))
    tried(one, one.topic, whole[:cut])
