"""ESPresense messages, today's and the older ones, as a store reads them."""

import json

import pytest

from protocols import devices
from protocols.devices import RawWeight, ScannerSeen, Sighting, espresense
from protocols.errors import Nonsense, TooLarge
from protocols.facts import ShelfPlace
from protocols.ids import DeviceId, ScannerId, Sku, ZoneId

AT = 1_790_000_000_000
BEACON = "iBeacon:426c7565-4368-6172-6d42-6561636f6e73-3838-4949"


def test_todays_payload_is_a_sighting_with_distance_and_reference() -> None:
    payload = (
        b'{"mac":"dd8800003777","id":"' + BEACON.encode() + b'","rssi@1m":-59,"rssi":-81.10,"rxAdj":0,'
        b'"rssiVar":7.42,"distance":6.58,"var":4.00,"int":2028}'
    )
    assert espresense.read(f"espresense/devices/{BEACON}/dairy", payload, AT) == (
        Sighting(
            scanner=ScannerId("dairy"),
            device=DeviceId(BEACON),
            rssi_dbm=-81.1,
            at_ms=AT,
            distance_m=6.58,
            ref_dbm=-59.0,
            also=(DeviceId("dd8800003777"),),
        ),
    )


@pytest.mark.parametrize(
    "extra",
    [
        '"idType":250,"raw":5.24,"int":588',
        '"disc":"341a3cf77222","raw":1,"speed":0',
        '"close":true,"mV":3000',
    ],
)
def test_older_payloads_give_the_same_sighting(extra: str) -> None:
    payload = f'{{"id":"watch:ana","rssi@1m":-65,"rssi":-70,"distance":1.5,{extra}}}'.encode()
    [seen] = espresense.read("espresense/devices/watch:ana/till", payload, AT)
    assert isinstance(seen, Sighting)
    assert (seen.device, seen.rssi_dbm, seen.distance_m, seen.ref_dbm) == ("watch:ana", -70.0, 1.5, -65.0)


def test_an_old_node_that_publishes_by_room_is_read_too() -> None:
    [seen] = espresense.read("espresense/rooms/till", b'{"id":"watch:ana","rssi":-70,"distance":1.5}', AT)
    assert seen == Sighting(ScannerId("till"), DeviceId("watch:ana"), -70.0, AT, 1.5)


def test_a_reading_without_a_strength_says_nothing() -> None:
    assert (
        espresense.read("espresense/devices/watch:ana/till", b'{"id":"watch:ana","distance":1.5}', AT) == ()
    )


def test_topic_and_payload_must_name_one_device() -> None:
    with pytest.raises(Nonsense, match="two devices"):
        espresense.read("espresense/devices/watch:ana/till", b'{"id":"watch:ben","rssi":-70}', AT)


def test_an_address_has_one_form() -> None:
    [seen] = espresense.read(
        "espresense/devices/58:B1:29:44:94:D3/till", b'{"id":"58b1294494d3","rssi":-70}', AT
    )
    assert isinstance(seen, Sighting)
    assert (seen.device, seen.also) == ("58b1294494d3", ())


@pytest.mark.parametrize(("payload", "online"), [(b"online", True), (b"offline", False)])
def test_status_says_whether_a_node_is_there(payload: bytes, online: bool) -> None:
    assert espresense.read("espresense/rooms/till/status", payload, AT) == (
        ScannerSeen(ScannerId("till"), AT, online),
    )


def test_telemetry_says_how_a_node_does() -> None:
    payload = (
        b'{"ip":"10.0.0.7","uptime":4711,"firm":"esp32","rssi":-61,"ver":"v4.0.1","adverts":900,"seen":12,'
        b'"reported":40,"freeHeap":120000,"maxHeap":80000,"scanStack":1200}'
    )
    assert espresense.read("espresense/rooms/till/telemetry", payload, AT) == (
        ScannerSeen(ScannerId("till"), AT, True, 4711, -61.0, 120_000, 900, 40, "esp32 v4.0.1"),
    )


@pytest.mark.parametrize(
    ("text", "counts"),
    [(b"83412", 83_412), (b"4294883884", -83_412), (b"-83412", -83_412), (b"8388607", 8_388_607)],
)
def test_the_load_cells_sign_survives_its_unsigned_print(text: bytes, counts: int) -> None:
    assert espresense.read("espresense/rooms/till/raw_weight", text, AT) == (
        RawWeight(ScannerId("till"), counts, AT),
    )


@pytest.mark.parametrize(
    "text",
    [b"", b"-", b"12.5", b"nan", b"0x10", b"\xb2", b"9" * 400, b"8388608", b"1 2", b"--1", b"99999999999"],
)
def test_a_load_cell_that_sends_no_count_is_refused(text: bytes) -> None:
    with pytest.raises(Nonsense):
        espresense.read("espresense/rooms/till/raw_weight", text, AT)


def test_counts_become_grams_by_the_shelfs_calibration() -> None:
    place = ShelfPlace(ZoneId("dairy"), Sku("milk"), 1030, 24, 6, zero_counts=-2000, counts_per_kg=-4000)
    assert devices.grams_of(RawWeight(ScannerId("dairy"), -10_000, AT), place) == 2000


def test_a_load_cell_without_calibration_says_what_to_do() -> None:
    place = ShelfPlace(ZoneId("dairy"), Sku("milk"), 1030, 24, 6)
    with pytest.raises(Nonsense, match="counts_per_kg"):
        devices.grams_of(RawWeight(ScannerId("dairy"), 1, AT), place)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b'{"rssi":NaN}',
        b'{"rssi":Infinity}',
        b'{"rssi":-1e999}',
        b'{"rssi":-' + b"9" * 400 + b"}",
        b'{"rssi":127}',
        b'{"rssi":-128}',
        b'{"rssi":true}',
        b'{"rssi":"-70"}',
        b'{"rssi":-70,"distance":-1}',
        b'{"rssi":-70,"distance":1e6}',
        b'{"rssi":-70,"id":7}',
        b'{"rssi":-70,"mac":"a b"}',
        b'{"rssi":-70} {"rssi":-70}',
        b'{"rssi":-70,"x":' + b"[" * 40 + b"]" * 40 + b"}",
    ],
)
def test_nonsense_is_refused_with_a_reason(payload: bytes) -> None:
    with pytest.raises(Nonsense) as refused:
        espresense.read("espresense/devices/watch:ana/till", payload, AT)
    assert refused.value.reason


def test_an_oversized_message_is_refused_before_decoding() -> None:
    payload = json.dumps({"rssi": -70, "name": "x" * 9000}).encode()
    with pytest.raises(TooLarge):
        espresense.read("espresense/devices/watch:ana/till", payload, AT)


def test_of_a_repeated_key_the_last_one_counts() -> None:
    [seen] = espresense.read("espresense/devices/watch:ana/till", b'{"rssi":-70,"rssi":-71}', AT)
    assert isinstance(seen, Sighting)
    assert seen.rssi_dbm == -71.0


@pytest.mark.parametrize(
    "topic",
    [
        "espresense",
        "espresense/devices/watch:ana",
        "espresense/devices//till",
        "espresense/devices/watch:ana/",
        "espresense/devices/watch ana/till",
        "espresense/devices/watch:ana/till/more",
        "espresense/rooms/till/absorption",
        "espresense/devices/" + "w" * 129 + "/till",
        "espresense/devices/w\x00/till",
    ],
)
def test_a_topic_that_names_no_device_and_scanner_is_refused(topic: str) -> None:
    with pytest.raises(Nonsense):
        espresense.read(topic, b'{"rssi":-70}', AT)
