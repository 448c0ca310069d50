"""OpenMQTTGateway, Theengs Gateway and raddec, as a store reads them."""

import json

import pytest

from protocols.devices import RawWeight, ScannerSeen, Sighting, openmqttgateway, raddec, theengs
from protocols.errors import Nonsense
from protocols.ids import DeviceId, ScannerId

AT = 1_790_000_000_000
UUID = "1de4b189115e45f6b44e509352269977"
BEACON = DeviceId("iBeacon:1de4b189-115e-45f6-b44e-509352269977-3-7")


def test_a_plain_device_of_openmqttgateway_is_known_by_its_address() -> None:
    payload = b'{"id":"45:e1:74:12:6e:00","rssi":-89,"distance":21.51847,"txpower":12,"servicedata":"fe00"}'
    assert openmqttgateway.read("home/OMG_dairy/BTtoMQTT/45E174126E00", payload, AT) == (
        Sighting(ScannerId("OMG_dairy"), DeviceId("45e174126e00"), -89.0, AT, 21.51847),
    )


def test_a_beacon_is_known_by_its_own_id_because_phones_change_their_address() -> None:
    payload = {"id": "60:87:57:4C:9B:C2", "mac_type": 1, "rssi": -78, "uuid": UUID, "major": 3, "minor": 7}
    payload |= {"model_id": "IBEACON", "txpower": -66, "mfid": "4c00"}
    [seen] = openmqttgateway.read("home/OMG_dairy/BTtoMQTT/6087574C9BC2", json.dumps(payload).encode(), AT)
    assert seen == Sighting(
        ScannerId("OMG_dairy"), BEACON, -78.0, AT, None, -66.0, 0, (DeviceId("6087574c9bc2"),)
    )


def test_a_beacon_published_under_its_uuid_is_the_same_device() -> None:
    payload = {"id": UUID, "mac": "60:87:57:4C:9B:C2", "rssi": -78, "uuid": UUID, "major": 3, "minor": 7}
    [seen] = openmqttgateway.read(f"home/OMG_dairy/BTtoMQTT/{UUID}", json.dumps(payload).encode(), AT)
    assert isinstance(seen, Sighting)
    assert (seen.device, seen.also) == (BEACON, ("6087574c9bc2",))


def test_a_message_without_an_id_is_of_the_address_in_its_topic() -> None:
    [seen] = openmqttgateway.read("home/OMG_dairy/BTtoMQTT/45E174126E00", b'{"rssi":-80}', AT)
    assert isinstance(seen, Sighting)
    assert seen.device == "45e174126e00"
    with pytest.raises(Nonsense, match="names a device"):
        openmqttgateway.read("home/OMG_dairy/BTtoMQTT/undecoded", b'{"rssi":-80}', AT)


def test_a_sensors_values_are_no_sighting() -> None:
    payload = b'{"hum":"52.6","tempc":"19.2","tempf":"66.56"}'
    assert openmqttgateway.read("home/OMG_dairy/BTtoMQTT/4C33A6603C79", payload, AT) == ()


@pytest.mark.parametrize(
    ("raw", "device", "ref"),
    [
        (
            {"servicedatauuid": "0xfeaa", "servicedata": "00e700112233445566778899aabbccddeeff0000"},
            "eddy:00112233445566778899-aabbccddeeff",
            -66.0,
        ),
        ({"servicedatauuid": "feaa", "servicedata": "30e70102030405060708"}, "eid:0102030405060708", -66.0),
        (
            {"manufacturerdata": "1801beac2f234454cf6d4a0fadf2f4911ba9ffa600010002c509"},
            "altBeacon:2f234454-cf6d-4a0f-adf2-f4911ba9ffa6-1-2",
            -59.0,
        ),
    ],
)
def test_a_beacon_that_the_gateway_does_not_know_is_read_out_of_its_raw_data(
    raw: dict[str, str], device: str, ref: float
) -> None:
    payload = json.dumps({"id": "45:e1:74:12:6e:00", "rssi": -80, "txpower": 12} | raw).encode()
    [seen] = openmqttgateway.read("home/OMG_dairy/BTtoMQTT/45E174126E00", payload, AT)
    assert seen == Sighting(
        ScannerId("OMG_dairy"), DeviceId(device), -80.0, AT, None, ref, 0, (DeviceId("45e174126e00"),)
    )


@pytest.mark.parametrize(
    "raw",
    [
        {"servicedata": "fe00"},
        {"servicedatauuid": "0xfeaa", "servicedata": "xyz"},
        {"servicedatauuid": "what", "servicedata": "30e7"},
        {"manufacturerdata": "0"},
        {"manufacturerdata": "00" * 3500},
    ],
)
def test_raw_data_that_is_nonsense_leaves_the_device_its_address(raw: dict[str, str]) -> None:
    payload = json.dumps({"id": "45:e1:74:12:6e:00", "rssi": -80} | raw).encode()
    assert theengs.read("theengs/till/BTtoMQTT/45E174126E00", payload, AT) == (
        Sighting(ScannerId("till"), DeviceId("45e174126e00"), -80.0, AT),
    )


def test_a_scale_of_bthome_weighs_with_or_without_a_strength() -> None:
    raw = {"id": "a4:c1:38:11:22:33", "servicedatauuid": "0xfcd2", "servicedata": "4006e803"}
    weighed = RawWeight(ScannerId("a4c138112233"), 10_000, AT, 1000)
    topic = "home/OMG_dairy/BTtoMQTT/A4C138112233"
    assert openmqttgateway.read(topic, json.dumps(raw).encode(), AT) == (weighed,)
    seen = Sighting(ScannerId("OMG_dairy"), DeviceId("a4c138112233"), -80.0, AT)
    assert openmqttgateway.read(topic, json.dumps(raw | {"rssi": -80}).encode(), AT) == (seen, weighed)


def test_last_will_and_state_tell_of_the_gateway() -> None:
    assert openmqttgateway.read("home/OMG_dairy/LWT", b"offline", AT) == (
        ScannerSeen(ScannerId("OMG_dairy"), AT, False),
    )
    [told] = openmqttgateway.read(
        "home/OMG_dairy/SYStoMQTT",
        b'{"uptime":300,"version":"v1.7.0","freemem":90000,"rssi":-55,"SSID":"x"}',
        AT,
    )
    assert told == ScannerSeen(ScannerId("OMG_dairy"), AT, True, 300, -55.0, 90_000, None, None, "v1.7.0")


@pytest.mark.parametrize("root", ["home/TheengsGateway", "theengs/cashdesk"])
def test_theengs_is_read_under_its_own_name_and_under_the_users(root: str) -> None:
    payload = b'{"name":"F35285","id":"F3:52:85:00:11:22","rssi":-82,"brand":"BlueMaestro","tempc":24.1}'
    scanner = ScannerId(root.split("/")[1])
    assert theengs.read(f"{root}/BTtoMQTT/F35285001122", payload, AT) == (
        Sighting(scanner, DeviceId("f35285001122"), -82.0, AT),
    )
    assert theengs.read(f"{root}/LWT", b"online", AT) == (ScannerSeen(scanner, AT),)


def test_a_tracker_that_timed_out_is_no_sighting() -> None:
    payload = b'{"id":"F3:52:85:00:11:22","presence":"absent"}'
    assert theengs.read("home/TheengsGateway/BTtoMQTT/F35285001122", payload, AT) == ()


def signature(**more: object) -> bytes:
    """A raddec heard by two receivers."""
    told: dict[str, object] = {
        "transmitterId": "fee150bada55",
        "transmitterIdType": 3,
        "rssiSignature": [
            {"receiverId": "001bc50940810000", "receiverIdType": 1, "rssi": -83, "numberOfDecodings": 1},
            {"receiverId": "001BC50940810001", "receiverIdType": 1, "rssi": -91, "numberOfDecodings": 2},
        ],
        "packets": ["421655daba50e1fe0201050c097265656c79416374697665"],
        "timestamp": AT - 250,
    }
    return json.dumps(told | more).encode()


@pytest.mark.parametrize("topic", ["raddec/x", "raddec/x/y", "paretoanywhere/devices/fee150bada55/3/raddec"])
def test_a_raddec_is_a_sighting_by_each_receiver(topic: str) -> None:
    device = DeviceId("fee150bada55")
    assert raddec.read(topic, signature(), AT) == (
        Sighting(ScannerId("001bc50940810000"), device, -83.0, AT, None, None, 250),
        Sighting(ScannerId("001bc50940810001"), device, -91.0, AT, None, None, 250),
    )


IBEACON = "421e55daba50e1fe1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000000000c5"


def test_a_transmitter_is_known_by_what_its_packets_name() -> None:
    beacon = DeviceId("iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-0-0")
    packets = ["421655daba50e1fe0201050c097265656c79416374697665", IBEACON, "x", "42"]
    [seen, _] = raddec.read("raddec/x", signature(packets=packets), AT)
    also = (DeviceId("fee150bada55"),)
    assert seen == Sighting(ScannerId("001bc50940810000"), beacon, -83.0, AT, None, -59.0, 250, also)


def test_a_transmitter_without_an_address_has_no_advertisements() -> None:
    [seen, _] = raddec.read("raddec/x", signature(transmitterIdType=7, packets=[IBEACON]), AT)
    assert isinstance(seen, Sighting)
    assert (seen.device, seen.also) == ("raddec:fee150bada55-7", ())


def test_the_scale_of_a_transmitter_weighs_once_however_many_hear_it() -> None:
    [_, _, weighed] = raddec.read("raddec/x", signature(packets=["420e55daba50e1fe0716d2fc4006e803"]), AT)
    assert weighed == RawWeight(ScannerId("fee150bada55"), 10_000, AT, 1000)


def test_another_type_of_identifier_is_another_device() -> None:
    [seen, _] = raddec.read("raddec/x", signature(transmitterIdType=7), AT)
    assert isinstance(seen, Sighting)
    assert seen.device == "raddec:fee150bada55-7"


@pytest.mark.parametrize("stamp", [0, 1_343_392_496_789, AT + 3_600_000, 1e300, -5, AT - 600_000])
def test_a_gateways_clock_that_is_off_makes_no_age(stamp: float) -> None:
    [seen, _] = raddec.read("raddec/x", signature(timestamp=stamp), AT)
    assert isinstance(seen, Sighting)
    assert (seen.at_ms, seen.age_ms) == (AT, 0)


@pytest.mark.parametrize(
    "more",
    [
        {"transmitterId": "fee1"},
        {"transmitterId": "../../x"},
        {"transmitterId": "fee150bada55\n"},
        {"transmitterIdType": -1},
        {"rssiSignature": []},
        {"rssiSignature": [{"receiverId": "00", "rssi": -83}] * 65},
        {"rssiSignature": [{"receiverId": "", "rssi": -83}]},
        {"rssiSignature": [{"receiverId": "00", "rssi": 150}]},
        {"timestamp": "yesterday"},
        {"packets": ["42"] * 65},
        {"packets": 7},
    ],
)
def test_a_raddec_with_nonsense_in_it_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(Nonsense):
        raddec.read("raddec/x", signature(**more), AT)
