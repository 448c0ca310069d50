"""Minew gateways as a store reads them: JSON of each firmware, and the two binary forms."""

import json
from typing import Any

import pytest

from protocols import devices
from protocols.devices import RawWeight, Reading, ScannerSeen, Sighting, minew
from protocols.errors import Nonsense, TooLarge
from protocols.facts import ShelfPlace
from protocols.ids import DeviceId, ScannerId, Sku, ZoneId

AT = 1_642_684_970_000  # 2022-01-20T13:22:50Z
TOPIC = "/gw/ac233fc0bc43/status"
GATEWAY = ScannerId("ac233fc0bc43")
BEACON = DeviceId("iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-0-0")

LONG_JSON: list[dict[str, Any]] = [
    {
        "timestamp": "2022-01-20T13:22:49.434Z",
        "type": "Gateway",
        "mac": "AC233FC0BC43",
        "gatewayFree": 23,
        "gatewayLoad": 1.34,
    },
    {
        "timestamp": "2022-01-20T13:22:49.519Z",
        "type": "iBeacon",
        "mac": "AC233F8C7CEE",
        "bleName": "",
        "ibeaconUuid": "E2C56DB5DFFB48D2B060D0F5A71096E0",
        "ibeaconMajor": 0,
        "ibeaconMinor": 0,
        "rssi": -38,
        "ibeaconTxPower": -59,
        "battery": 0,
    },
    {
        "timestamp": "2022-01-20T13:22:49.431Z",
        "type": "S1",
        "mac": "AC233FA018E7",
        "bleName": "S1",
        "rssi": -40,
        "battery": 100,
        "temperature": 27.34,
        "humidity": 63.04,
    },
    {
        "timestamp": "2022-01-20T13:22:49.531Z",
        "type": "Unknown",
        "mac": "AC233FA03208",
        "bleName": "",
        "rssi": -79,
        "rawData": "0201060303E1FF0D16E1FFA10264000832A03F23AC",
    },
]

RECORDED_G1 = bytes.fromhex(
    "BB0100000371AC233FC02F87000C032E4A1AA95A00011F1EFF060001"
    "09200235EEAEEBD2CFD9330452E2AC9FE743D46EFC3EACBEAE2A06CF"
    "068B332CECE200021F1EFF06000109200253439AFB696A05586197E9"
    "F66EE6CB86DBBA155695877C06D21F1EFF06000109200253439AFB69"
    "6A05586197E9F66EE6CB86DBBA155695877C06D12018111677120002"
    "1E0201061AFF4C0002154C2B0000000100010001012B010002C90001"
    "0001C500D91B020A000303F1FF0E16F1FF6400010001201811167712"
    "04094C2B4201D920200529091300011D0201060303AAFE1516AAFE00"
    "E80011223344556677889900000000000000CF2FCDA8E1A7A600031F"
    "1EFF0600010920020BBCB084E1CE7776FADBE60253E3E9657D33DC5A"
    "05C62506D21F1EFF0600010920020BBCB084E1CE7776FADBE60253E3"
    "E9657D33DC5A05C62506D01F1EFF0600010920020BBCB084E1CE7776"
    "FADBE60253E3E9657D33DC5A05C62506D2393F7BA3A03600031F1EFF"
    "06000109200200F8DA4B31DDF0B8959217A0E4459D2C9773F26E6199"
    "9006D31F1EFF06000109200200F8DA4B31DDF0B8959217A0E4459D2C"
    "9773F26E61999006D41F1EFF06000109200200F8DA4B31DDF0B89592"
    "17A0E4459D2C9773F26E61999006D250ECECE1AEF000020005CF1102"
    "011A020A0C0AFF4C001005031CF7B75E04CF67C7750A58FC00041202"
    "011A020A080BFF4C001006311A4851464904D00005D51202011A020A"
    "080BFF4C001006311A4851464904D20005D06D24188177A400021102"
    "011A020A0C0AFF4C0010054B1CDB112704D11102011A020A0C0AFF4C"
    "0010054B1CDB112704CFACAC2233000400021F0201061BFF3906CA00"
    "04003322ACAC5F6000000000000001000000CBC6B86600CF1D020106"
    "19FF3906CA011700000000B4B63000C500000000000130632BC000CF"
    "C2005900038E00011E0201061AFF4C000215FDA50693A4E24FB1AFCF"
    "C6EB0764782527114CB9C502D4DC234D08C8EA00051C020106030201"
    "A20C1601A200616D6673716F7873000000000000000000CF1E030954"
    "5919FFD007000300000100A06C720DA47914B1A9D5900447373C5501"
    "CF1C020106030201A20C1601A200616D6673716F7873000000000000"
    "000000CF1E0309545919FFD007000300000100A06C720DA47914B1A9"
    "D5900447373C5501CF1C020106030201A20C1601A200616D6673716F"
    "7873000000000000000000CFDD"
)


def read(told: object, topic: str = TOPIC) -> tuple[Reading, ...]:
    """The readings of one message in JSON."""
    return minew.read(topic, json.dumps(told).encode(), AT)


def sighting(device: str, rssi: float, age_ms: int = 0, ref: float | None = None, *also: str) -> Sighting:
    """A device heard by the gateway of these tests."""
    names = tuple(DeviceId(name) for name in also)
    return Sighting(GATEWAY, DeviceId(device), rssi, AT, None, ref, age_ms, names)


def test_json_of_the_gateway_is_one_sighting_for_each_packet() -> None:
    assert read(LONG_JSON) == (
        ScannerSeen(GATEWAY, AT),
        sighting(BEACON, -38, 481, -59.0, "ac233f8c7cee"),
        sighting("ac233fa018e7", -40, 569),
        sighting("ac233fa03208", -79, 469),
    )


@pytest.mark.parametrize("topic", ["gw/AC:23:3F:C0:BC:43/status", "/gw/gw1/status"])
def test_a_gateway_is_named_by_its_own_address_whatever_the_topic_says(topic: str) -> None:
    assert {seen.scanner for seen in read(LONG_JSON, topic) if isinstance(seen, Sighting)} == {GATEWAY}


def test_a_gateway_that_tells_no_address_is_named_by_the_topic() -> None:
    told = [{"type": "S1", "mac": "AC233FA2495C", "rssi": -55}]
    assert read(told, "/gw/gw1/status") == (
        ScannerSeen(ScannerId("gw1"), AT),
        Sighting(ScannerId("gw1"), DeviceId("ac233fa2495c"), -55.0, AT),
    )
    assert read(told)[0] == ScannerSeen(GATEWAY, AT)


def test_a_gateway_that_hears_nobody_is_seen_all_the_same() -> None:
    assert read(LONG_JSON[:1]) == (ScannerSeen(GATEWAY, AT),)


def test_the_raw_form_names_the_gateway_in_its_first_row() -> None:
    told = [
        {"gateway": "AC233FC0BC43"},
        {"mac": "AC233F8C7CEE", "no": 37, "rssi": -61, "timestamp": AT - 250},
    ]
    assert read(told, "/gw/x/status") == (ScannerSeen(GATEWAY, AT), sighting("ac233f8c7cee", -61, 250))


def test_the_third_form_has_its_packets_in_a_field() -> None:
    told = {
        "tm": "2022-01-20T13:22:48.110Z",
        "gw": "ac233fc0bc43",
        "seq": 14398,
        "adv": [
            {"type": "tlm", "battery": 3171, "temperature": None, "rssi": -40, "mac": "c300002a772a"},
            {
                "type": "uid",
                "namespace": "00112233445566778899",
                "instance": "000000000001",
                "rssi": -42,
                "mac": "c300002a772a",
            },
            {
                "type": "ib",
                "uuid": "e2c56db5dffb48d2b060d0f5a71096e0",
                "major": 101,
                "minor": 1,
                "rssi": -41,
                "mac": "c300002a772b",
            },
        ],
    }
    uid = "eddy:00112233445566778899-000000000001"
    assert read(told, "/gw/x/status") == (
        ScannerSeen(GATEWAY, AT),
        # The frame of the battery names nobody, but it comes from the address of one that does.
        sighting(uid, -40, 1890, None, "c300002a772a"),
        sighting(uid, -42, 1890, None, "c300002a772a"),
        sighting("iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-101-1", -41, 1890, None, "c300002a772b"),
    )


def test_a_packet_that_the_gateway_did_not_decode_is_decoded_here() -> None:
    raw = "0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000000000c5"
    told = [{"mac": "AC233F8C7CEE", "rssi": -61, "rawData": raw}]
    assert read(told)[1:] == (sighting(BEACON, -61, 0, -59.0, "ac233f8c7cee"),)


def test_a_scale_of_bthome_weighs_for_the_shelf_that_names_its_address() -> None:
    [_, seen, weighed] = read([{"mac": "A4C138112233", "rssi": -61, "rawData": "0716d2fc4006e803"}])
    assert seen == sighting("a4c138112233", -61)
    assert weighed == RawWeight(ScannerId("a4c138112233"), 10_000, AT, 1000)
    place = ShelfPlace(ZoneId("dairy"), Sku("milk"), 1030, 24, 6, scale="a4c138112233")
    assert isinstance(weighed, RawWeight)
    assert devices.grams_of(weighed, place) == 10_000


def test_a_shelf_may_calibrate_a_scale_that_weighs_by_itself() -> None:
    place = ShelfPlace(ZoneId("dairy"), Sku("milk"), 1030, 24, 6, zero_counts=500, counts_per_kg=950)
    assert devices.grams_of(RawWeight(ScannerId("x"), 2400, AT, 1000), place) == 2000


def test_an_odd_row_costs_only_itself() -> None:
    odd: list[Any] = [
        {"mac": "AABBCCDDEE02", "rssi": "strong"},
        {"mac": 112233445566, "rssi": -50},
        "not an object",
        {"mac": "AABBCCDDEE03", "rssi": -40, "rawData": "xyz"},
        {"mac": "AABBCCDDEE04", "rssi": 127},
        {"mac": "", "rssi": -40},
        {"mac": "AABBCCDDEE05", "rssi": -40, "type": "iBeacon", "ibeaconUuid": "e2c5"},
    ]
    assert read([*odd, *LONG_JSON]) == read(LONG_JSON)


def test_a_message_without_a_row_that_makes_sense_is_refused() -> None:
    with pytest.raises(Nonsense, match="mac"):
        read([LONG_JSON[0], {"mac": "x", "rssi": -40}, {"mac": "y", "rssi": -40}])


def test_a_row_without_a_strength_says_nothing() -> None:
    assert read([LONG_JSON[0], {"mac": "AABBCCDDEE02"}]) == (ScannerSeen(GATEWAY, AT),)


@pytest.mark.parametrize(
    "stamp", [None, 0, -1, 1e300, "", "yesterday", "2022-01-20T12:00:00Z", "9999-12-31T23:59:59-23:59"]
)
def test_a_stamp_that_says_nothing_makes_no_age(stamp: object) -> None:
    [_, seen] = read([{"mac": "AABBCCDDEE02", "rssi": -40, "timestamp": stamp}])
    assert seen == sighting("aabbccddee02", -40)


@pytest.mark.parametrize("stamp", ["2022-01-20T13:22:49", "2022-01-20T14:22:49+01:00", AT - 1000])
def test_a_stamp_is_read_in_every_form(stamp: object) -> None:
    [_, seen] = read([{"mac": "AABBCCDDEE02", "rssi": -40, "timestamp": stamp}])
    assert seen == sighting("aabbccddee02", -40, 1000)


def test_an_address_with_more_ids_than_a_tag_has_cannot_make_a_message_explode() -> None:
    rows = [
        {"mac": "AABBCCDDEE02", "rssi": -40, "uuid": "e2c56db5dffb48d2b060d0f5a71096e0", "major": major}
        for major in range(400)
    ]
    [_, *seen] = read(rows)
    assert len(seen) == 400
    assert all(isinstance(one, Sighting) and len(one.also) <= 8 for one in seen)


def test_the_recording_of_a_g1_is_read_to_its_last_byte() -> None:
    [gateway, *seen] = minew.read("/gw/AC233FC02F87/status", RECORDED_G1, AT)
    scanner = ScannerId("ac233fc02f87")
    assert gateway == ScannerSeen(scanner, AT)
    assert len(seen) == 28
    assert seen[0] == Sighting(scanner, DeviceId("032e4a1aa95a"), -49.0, AT)
    beacon = DeviceId("iBeacon:4c2b0000-0001-0001-0001-012b010002c9-1-1")
    # The second packet is of the beacon's battery, the third an Eddystone's: its 0 m is -24 dBm.
    expected = Sighting(scanner, beacon, -39.0, AT, None, -59.0, 0, (DeviceId("201811167712"),))
    assert seen[3:5] == [expected, expected]
    uid = DeviceId("eddy:00112233445566778899-000000000000")
    assert seen[5] == Sighting(scanner, uid, -49.0, AT, None, -65.0, 0, (DeviceId("202005290913"),))


def test_the_recording_cut_anywhere_or_with_a_byte_more_is_refused() -> None:
    for cut in range(2, len(RECORDED_G1)):
        with pytest.raises(Nonsense):
            minew.read(TOPIC, RECORDED_G1[:cut], AT)
    with pytest.raises(Nonsense):
        minew.read(TOPIC, RECORDED_G1 + b"\xdd", AT)


def long_form(*device: bytes) -> bytes:
    """A message of BINARY-LONG around some devices."""
    body = bytes.fromhex("AC233FC0BC43") + len(device).to_bytes(2) + b"".join(device) + b"\xdd"
    return b"\xbb\x01" + (len(body) + 6).to_bytes(4) + body


def test_a_message_of_binary_long_with_too_many_packets_is_refused() -> None:
    one = bytes.fromhex("fee150bada55") + (1025).to_bytes(2) + bytes.fromhex("0000b8") * 1025
    with pytest.raises(Nonsense, match="1024"):
        minew.read(TOPIC, long_form(one), AT)


def test_a_message_of_binary_long_that_announces_more_than_it_holds_is_refused() -> None:
    one = bytes.fromhex("fee150bada550002") + bytes.fromhex("0000b8")
    with pytest.raises(Nonsense, match="ends before"):
        minew.read(TOPIC, long_form(one), AT)


def test_a_message_of_binary_long_that_holds_more_than_it_announces_is_refused() -> None:
    one = bytes.fromhex("fee150bada550001") + bytes.fromhex("0000b8") + b"\x00"
    with pytest.raises(Nonsense, match="holds more"):
        minew.read(TOPIC, long_form(one), AT)


def test_a_strength_of_127_is_none() -> None:
    one = bytes.fromhex("fee150bada550002") + bytes.fromhex("00007f0000b8")
    assert minew.read(TOPIC, long_form(one), AT)[1:] == (sighting("fee150bada55", -72),)


def connect_form(*packet: bytes) -> bytes:
    """A message of Minew-Connect around some packets."""
    content = b"".join(len(one).to_bytes(2, "little") + one for one in packet)
    lengths = (20 + len(content), 6 + len(content), len(content))
    total, body, rest = (length.to_bytes(4, "little") for length in lengths)
    return b"\xbb\x02" + bytes(4) + total + body + b"\x84\x3e" + rest + content


IBEACON = bytes.fromhex("0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000000000c5")
CONNECTED = connect_form(
    bytes.fromhex("0102AC233F8C7CEEB8") + bytes([len(IBEACON)]) + IBEACON,
    bytes.fromhex("0202AC233F8C7CEFC000") + bytes.fromhex("0400deadbeef"),
)


def test_minew_connect_is_read_with_or_without_angles() -> None:
    assert minew.read(TOPIC, CONNECTED, AT) == (
        ScannerSeen(GATEWAY, AT),
        sighting(BEACON, -72, 0, -59.0, "ac233f8c7cee"),
        sighting("ac233f8c7cef", -64),
    )


def test_minew_connect_cut_anywhere_is_refused() -> None:
    for cut in range(2, len(CONNECTED)):
        with pytest.raises(Nonsense):
            minew.read(TOPIC, CONNECTED[:cut], AT)


@pytest.mark.parametrize("packet", [b"", b"\x01\x02", bytes.fromhex("0102AC233F8C7CEEB801")])
def test_a_packet_of_minew_connect_that_is_too_short_is_refused(packet: bytes) -> None:
    with pytest.raises(Nonsense, match="shorter"):
        minew.read(TOPIC, connect_form(packet), AT)


def test_a_message_of_minew_connect_with_too_many_packets_is_refused() -> None:
    one = bytes.fromhex("0102AC233F8C7CEEB800")
    with pytest.raises(Nonsense, match="1024"):
        minew.read(TOPIC, connect_form(*[one] * 1025), AT)


def test_the_short_binary_form_says_what_to_set() -> None:
    with pytest.raises(Nonsense, match="BINARY-LONG"):
        minew.read(TOPIC, b"\xbb\x00" + bytes(30), AT)


@pytest.mark.parametrize("payload", [b"\xbb\x01" + bytes(70_000), b"[" + b" " * 70_000 + b"]"])
def test_a_message_over_the_limit_is_refused_before_it_is_read(payload: bytes) -> None:
    with pytest.raises(TooLarge):
        minew.read(TOPIC, payload, AT)


def test_more_rows_than_the_limit_are_refused() -> None:
    with pytest.raises(Nonsense, match="1024"):
        minew.read(TOPIC, b"[" + b",".join([b"{}"] * 1025) + b"]", AT)


@pytest.mark.parametrize(
    "topic", ["/gw/a", "/gw//status", "/gw/a b/status", "//gw/a/status", "/gw/a/response"]
)
def test_another_topic_is_refused(topic: str) -> None:
    with pytest.raises(Nonsense):
        minew.read(topic, b"[]", AT)


def test_the_topic_with_the_slash_in_front_is_subscribed_and_has_its_format() -> None:
    assert "/gw/+/status" in devices.SUBSCRIPTIONS
    assert devices.format_of(TOPIC) == devices.format_of(TOPIC[1:]) == "minew"
    assert devices.read(TOPIC, json.dumps(LONG_JSON).encode(), AT) == read(LONG_JSON)
