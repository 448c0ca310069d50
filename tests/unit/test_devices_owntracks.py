"""OwnTracks phones and our own scales, as a store reads them; and which format reads which topic."""

import json

import pytest

from protocols import devices, topics
from protocols.devices import RegionCrossed, Sighting, Weight, endcap, owntracks
from protocols.errors import Nonsense
from protocols.ids import DeviceId, ScannerId

AT = 1_790_000_000_000
PHONE = DeviceId("owntracks:ana:phone")
BEACON = ScannerId("iBeacon:ca271eae-5fa8-4e80-8f08-2a302a95a959-1-2")


def beacon(**more: object) -> bytes:
    """A beacon that a phone ranged half a second ago."""
    told = {"_type": "beacon", "uuid": "CA271EAE-5FA8-4E80-8F08-2A302A95A959", "major": 1, "minor": 2}
    return json.dumps(told | {"tst": AT // 1000 - 2, "acc": 1.25, "rssi": -71, "prox": 2} | more).encode()


def transition(**more: object) -> bytes:
    """A phone that entered a region two seconds ago."""
    told = {
        "_type": "transition",
        "event": "enter",
        "desc": "Harbour Street",
        "t": "b",
        "wtst": 1_425_042_603,
    }
    return json.dumps(told | {"tst": AT // 1000 - 2, "lat": 53.3, "lon": -6.2, "acc": 65} | more).encode()


def test_a_ranged_beacon_is_the_scanner_that_hears_the_phone() -> None:
    assert owntracks.read("owntracks/ana/phone/beacon", beacon(), AT) == (
        Sighting(BEACON, PHONE, -71.0, AT, 1.25, None, 2000),
    )


def test_a_beacon_lost_for_a_moment_is_no_sighting() -> None:
    assert owntracks.read("owntracks/ana/phone/beacon", beacon(rssi=0, acc=-1), AT) == ()


def test_an_unknown_distance_is_none() -> None:
    [seen] = owntracks.read("owntracks/ana/phone/beacon", beacon(acc=-1), AT)
    assert isinstance(seen, Sighting)
    assert seen.distance_m is None


def test_a_reading_that_waited_for_the_network_is_refused() -> None:
    with pytest.raises(Nonsense, match="3600 s old"):
        owntracks.read("owntracks/ana/phone/beacon", beacon(tst=AT // 1000 - 3600), AT)


@pytest.mark.parametrize("tst", [0, 5, AT // 1000 + 86_400])
def test_a_stamp_of_1970_or_of_the_future_makes_no_age(tst: int) -> None:
    [seen] = owntracks.read("owntracks/ana/phone/beacon", beacon(tst=tst), AT)
    assert isinstance(seen, Sighting)
    assert (seen.at_ms, seen.age_ms) == (AT, 0)


def test_a_transition_says_that_a_region_was_crossed() -> None:
    assert owntracks.read("owntracks/ana/phone/event", transition(), AT) == (
        RegionCrossed(PHONE, "Harbour Street", True, AT, True, 2000),
    )
    [left] = owntracks.read("owntracks/ana/phone/event", transition(event="leave", t="c"), AT)
    assert left == RegionCrossed(PHONE, "Harbour Street", False, AT, False, 2000)


def test_other_messages_of_a_phone_are_no_readings() -> None:
    assert owntracks.read("owntracks/ana/phone/event", b'{"_type":"location","lat":1,"lon":2}', AT) == ()


def test_an_encrypted_message_says_what_to_do() -> None:
    with pytest.raises(Nonsense, match="encryption key"):
        owntracks.read("owntracks/ana/phone/beacon", b'{"_type":"encrypted","data":"AAAA"}', AT)


@pytest.mark.parametrize(
    "topic", ["owntracks/a:b/c/beacon", "owntracks//c/beacon", "owntracks/a/c", "owntracks/a/c/x"]
)
def test_two_phones_never_share_an_id(topic: str) -> None:
    with pytest.raises(Nonsense):
        owntracks.read(topic, beacon(), AT)


@pytest.mark.parametrize(
    "payload",
    [
        beacon(uuid="x"),
        beacon(major=65_536),
        beacon(minor=-1),
        beacon(rssi=30),
        beacon(acc=-2),
        beacon(tst=-1),
        beacon(tst=10**400),
        transition(event="near"),
        transition(desc=""),
        b'{"rssi":-70}',
        b'{"_type":7}',
    ],
)
def test_nonsense_of_a_phone_is_refused(payload: bytes) -> None:
    with pytest.raises(Nonsense):
        owntracks.read("owntracks/ana/phone/beacon", payload, AT)


@pytest.mark.parametrize(("text", "grams"), [(b"1234", 1234), (b"1234.5", 1234), (b"-12", -12), (b"0", 0)])
def test_our_own_scale_weighs_in_grams(text: bytes, grams: int) -> None:
    assert endcap.read(topics.shelf_weight("014", "dairy-2"), b'{"grams":%s}' % text, AT) == (
        Weight("dairy-2", grams, AT),
    )


@pytest.mark.parametrize("text", [b"null", b'"5"', b"true", b"1e8", b"-1e8", b"1" * 400, b"NaN"])
def test_a_weight_that_no_shelf_carries_is_refused(text: bytes) -> None:
    with pytest.raises(Nonsense):
        endcap.read(topics.shelf_weight("014", "dairy-2"), b'{"grams":%s}' % text, AT)


def matches(pattern: str, topic: str) -> bool:
    """MQTT's rule for `+`, the only wildcard that our filters use."""
    pairs = zip(pattern.split("/"), topic.split("/"), strict=False)
    return pattern.count("/") == topic.count("/") and all(want in ("+", level) for want, level in pairs)


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("espresense/devices/watch:ana/till", "espresense"),
        ("espresense/rooms/till/status", "espresense"),
        ("home/OMG_dairy/BTtoMQTT/45E174126E00", "openmqttgateway"),
        ("home/TheengsGateway/BTtoMQTT/45E174126E00", "theengs"),
        ("theengs/till/LWT", "theengs"),
        ("raddec/a/b", "raddec"),
        ("paretoanywhere/devices/a/3/raddec", "raddec"),
        ("owntracks/ana/phone/beacon", "owntracks"),
        ("endcap/v1/014/in/shelf/dairy-2/weight", "endcap"),
    ],
)
def test_every_topic_that_is_subscribed_has_its_format(topic: str, name: str) -> None:
    assert devices.format_of(topic) == name
    assert any(matches(pattern, topic) for pattern in devices.subscriptions("014"))


def test_a_store_does_not_subscribe_to_anothers_shelves() -> None:
    assert not any(
        matches(pattern, topics.shelf_weight("015", "dairy-2")) for pattern in devices.subscriptions("014")
    )


def test_a_topic_of_no_format_is_refused() -> None:
    assert devices.format_of("zigbee2mqtt/x") == ""
    with pytest.raises(Nonsense, match="no format"):
        devices.read("zigbee2mqtt/x", b"{}", AT)
