"""Raw advertisements as devices send them, by the examples of their specifications."""

import pytest

from protocols.devices import adverts, bthome, packets
from protocols.devices.adverts import NOTHING, Advert
from protocols.devices.bthome import Measure
from protocols.devices.readings import RawWeight, device_id
from protocols.errors import Nonsense
from protocols.ids import DeviceId, ScannerId

FLAGS = "020106"
AIRLOCATE = "1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000000000c5"
ALTBEACON = "1bff1801beac2f234454cf6d4a0fadf2f4911ba9ffa600010002c509"
EDDYSTONE_UID = "0303aafe1716aafe00e700112233445566778899aabbccddeeff0000"
EDDYSTONE_EID = "0303aafe0d16aafe30e70102030405060708"
BTHOME = "0b094449592d73656e736f720a16d2fc4002c40903bf13"


def heard(text: str) -> Advert:
    """What an advertisement in hex says."""
    return adverts.advert(bytes.fromhex(text))


def test_an_ibeacon_is_known_by_its_three_parts_and_says_its_strength_at_one_metre() -> None:
    assert heard(FLAGS + AIRLOCATE) == Advert(
        (DeviceId("iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-0-0"),), -59.0, "iBeacon"
    )


@pytest.mark.parametrize("company", ["1801", "4c00", "0000", "acbe"])
def test_an_altbeacon_is_known_whatever_company_made_it(company: str) -> None:
    assert heard("02011a" + ALTBEACON.replace("1801", company)) == Advert(
        (DeviceId("altBeacon:2f234454-cf6d-4a0f-adf2-f4911ba9ffa6-1-2"),), -59.0, "altBeacon"
    )


def test_the_frame_of_an_ibeacon_by_another_company_is_none() -> None:
    assert heard(AIRLOCATE.replace("4c00", "1801")) == NOTHING


def test_an_eddystone_sends_its_power_at_zero_metres_and_loses_41_db_to_the_first() -> None:
    assert heard(FLAGS + EDDYSTONE_UID) == Advert(
        (DeviceId("eddy:00112233445566778899-aabbccddeeff"),), -25.0 - 41.0, "eddystone-uid"
    )


def test_an_eddystone_without_its_reserved_bytes_is_the_same_beacon() -> None:
    short = EDDYSTONE_UID.replace("1716aafe", "1516aafe").removesuffix("0000")
    assert heard(short) == heard(EDDYSTONE_UID)


def test_an_ephemeral_id_is_told_as_it_is_and_whose_it_is_only_its_key_knows() -> None:
    assert heard(FLAGS + EDDYSTONE_EID) == Advert((DeviceId("eid:0102030405060708"),), -66.0, "eddystone-eid")


def test_an_eddystone_url_is_understood_and_names_nobody() -> None:
    assert heard("0c16aafe10ee03676f6f676c6507") == Advert(ref_dbm=-59.0, kind="eddystone-url")


def test_a_telemetry_frame_measures_and_names_nobody() -> None:
    frame = "1116aafe20000bb8158000000010000001ff"
    measures = (Measure("voltage", 3.0), Measure("temperature", 21.5))
    assert heard(frame) == Advert(kind="eddystone-tlm", measures=measures)
    assert heard(frame.replace("0bb81580", "00008000")) == Advert(kind="eddystone-tlm")
    assert heard("0316aafe") == NOTHING


def test_an_encrypted_telemetry_frame_says_that_it_is() -> None:
    assert heard("1516aafe2001" + "00" * 16) == Advert(kind="eddystone-tlm", encrypted=True)


def test_a_bthome_sensor_measures_and_names_nobody() -> None:
    measures = (Measure("temperature", 25.0), Measure("humidity", 50.55))
    assert heard(FLAGS + BTHOME) == Advert(kind="bthome", measures=measures)


def test_an_encrypted_bthome_sensor_says_that_it_is_and_no_more() -> None:
    assert adverts.service(0xFCD2, bytes.fromhex("41a47266c95f730011223378237214")) == Advert(
        kind="bthome", encrypted=True
    )


@pytest.mark.parametrize("info", ["20", "60", "00", ""])
def test_another_version_of_bthome_is_not_read(info: str) -> None:
    assert adverts.service(0xFCD2, bytes.fromhex(info and info + "0161")) == NOTHING


@pytest.mark.parametrize(
    ("object_", "name", "value"),
    [
        ("0009", "packet", 9),
        ("0161", "battery", 97),
        ("02ca09", "temperature", 25.06),
        ("03bf13", "humidity", 50.55),
        ("04138a01", "pressure", 1008.83),
        ("05138a14", "illuminance", 13460.67),
        ("065e1f", "mass_kg", 80.3),
        ("073e1d", "mass_lb", 74.86),
        ("0960", "count", 96),
        ("1100", "opening", 0),
        ("1a01", "door", 1),
        ("2101", "motion", 1),
        ("2e23", "humidity", 35),
        ("3a01", "button", 1),
        ("3a80", "button", 128),
        ("3c0103", "dimmer", -3),
        ("3c020a", "dimmer", 10),
        ("3c0000", "dimmer", 0),
        ("3d0960", "count", 24585),
        ("3e2a2c0960", "count", 1611213866),
        ("3f020c", "rotation", 307.4),
        ("451101", "temperature", 27.3),
        ("45effe", "temperature", -27.3),
        ("57ea", "temperature", -22),
        ("58ea", "temperature", -7.7),
        ("5a16ea", "count", -5610),
        ("5c02fbffff", "power", -12.78),
        ("505d396164", "timestamp", 1684093277),
        ("f100010204", "firmware", 67240192),
    ],
)
def test_every_object_of_bthome_has_its_length_its_sign_and_its_step(
    object_: str, name: str, value: float
) -> None:
    after = Measure("battery", 97)
    found = bthome.measures(bytes.fromhex("40" + object_ + "0161"))
    assert found == (Measure(name, value), after)


def test_text_and_raw_bytes_are_stepped_over() -> None:
    data = bytes.fromhex("400161530c48656c6c6f20576f726c6421540c48656c6c6f20576f726c64215900")
    assert bthome.measures(data) == (Measure("battery", 97), Measure("count", 0))


def test_an_object_that_is_not_known_ends_the_reading_and_what_stood_before_counts() -> None:
    assert bthome.measures(bytes.fromhex("400161ef0203bf13")) == (Measure("battery", 97),)


@pytest.mark.parametrize("data", ["40016102ca", "40016153", "40016103", "4001615305"])
def test_an_object_that_is_cut_short_is_left_out(data: str) -> None:
    assert bthome.measures(bytes.fromhex(data)) == (Measure("battery", 97),)


@pytest.mark.parametrize(
    ("object_", "grams"), [("065e1f", 80_300), ("073e1d", 33_956), ("060000", 0), ("0161", None)]
)
def test_a_scale_weighs_in_grams_whatever_its_unit(object_: str, grams: int | None) -> None:
    found = bthome.measures(bytes.fromhex("40" + object_))
    assert found is not None
    assert bthome.grams(found) == grams


@pytest.mark.parametrize("power", ["00", "03", "7f", "80", "14", "9b"])
def test_a_strength_that_nobody_measured_counts_as_not_said(power: str) -> None:
    told = heard(AIRLOCATE.removesuffix("c5") + power)
    assert (told.kind, told.ref_dbm) == ("iBeacon", None)


def test_an_advertisement_with_two_identities_has_both() -> None:
    told = heard(FLAGS + EDDYSTONE_UID + AIRLOCATE + BTHOME)
    assert told.ids == (
        "eddy:00112233445566778899-aabbccddeeff",
        "iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-0-0",
    )
    assert (told.kind, told.ref_dbm, len(told.measures)) == ("eddystone-uid", -66.0, 2)


def test_a_structure_that_runs_past_the_end_ends_the_reading_and_what_stood_before_counts() -> None:
    whole = bytes.fromhex(FLAGS + EDDYSTONE_UID + AIRLOCATE)
    assert adverts.advert(whole[:-1]).ids == ("eddy:00112233445566778899-aabbccddeeff",)


def test_a_length_of_zero_is_the_end() -> None:
    assert heard(FLAGS + "00" + AIRLOCATE) == NOTHING


@pytest.mark.parametrize("text", ["", FLAGS, "02ff4c", "0116", "0216aa", "0316aafe", "ff", "1aff4c000215"])
def test_what_says_nothing_is_nothing(text: str) -> None:
    assert heard(text) == NOTHING


def test_an_advertisement_longer_than_any_is_refused() -> None:
    with pytest.raises(Nonsense, match="1650"):
        adverts.advert(bytes(1651))


@pytest.mark.parametrize("text", ["4c000215", "4C:00:02:15", "4C 00 02 15", "4C-00-02-15", "TAACFQ=="])
def test_bytes_are_read_as_hex_and_as_base64(text: str) -> None:
    assert adverts.octets(text) == b"\x4c\x00\x02\x15"


@pytest.mark.parametrize("text", ["4c0", "xyz", "é", "=", "A" * 7000])
def test_text_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Nonsense):
        adverts.octets(text)


@pytest.mark.parametrize("uuid", ["0xfeaa", "feaa", "FEAA", "0000feaa-0000-1000-8000-00805f9b34fb"])
def test_a_service_has_several_names(uuid: str) -> None:
    told = adverts.parts("", uuid, "30e70102030405060708")
    assert told.ids == ("eid:0102030405060708",)


def test_a_service_of_somebodys_own_says_nothing() -> None:
    own = "cba20d00-224d-11e6-9fb8-0002a5d5c51b"
    assert adverts.parts("", own, "30e70102030405060708") == NOTHING


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        # ESPresense writes the fifth byte of the namespace twice.
        ("eddy:0011223344445566778899-aabbccddeeff", "eddy:00112233445566778899-aabbccddeeff"),
        ("eddy:00112233445566778899-AABBCCDDEEFF", "eddy:00112233445566778899-aabbccddeeff"),
        ("eddy:00000000000000000000-000000000001", "eddy:00000000000000000000-000000000001"),
        ("eddy:0000000000000000000000-000000000001", "eddy:00000000000000000000-000000000001"),
        (
            "E2C56DB5DFFB48D2B060D0F5A71096E0-20-1",
            "iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-20-1",
        ),
        (
            "iBeacon:E2C56DB5-DFFB-48D2-B060-D0F5A71096E0-020-1",
            "iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-20-1",
        ),
        (
            "altBeacon:2f234454-cf6d-4a0f-adf2-f4911ba9ffa6-1-2",
            "altBeacon:2f234454-cf6d-4a0f-adf2-f4911ba9ffa6-1-2",
        ),
        ("E2C56DB5DFFB48D2B060D0F5A71096E0-20-65536", "E2C56DB5DFFB48D2B060D0F5A71096E0-20-65536"),
        ("eddy:0011223344556677889-aabbccddeeff00", "eddy:0011223344556677889-aabbccddeeff00"),
    ],
)
def test_a_tag_has_one_id_whoever_names_it(name: str, known_as: str) -> None:
    assert device_id(name) == known_as


def test_a_scale_is_the_load_cell_of_its_own_address() -> None:
    found = adverts.service(0xFCD2, bytes.fromhex("40065e1f"))
    assert packets.weights(DeviceId("a4c138112233"), found, 7) == (
        RawWeight(ScannerId("a4c138112233"), 80_300, 7, 1000),
    )
