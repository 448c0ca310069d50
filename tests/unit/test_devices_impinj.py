"""Impinj readers: a tag at an antenna is a sighting by it, and a reader says when it reads nothing."""

import json
from typing import Any

import pytest

from protocols import devices
from protocols.devices import ScannerSeen, Sighting, impinj
from protocols.devices.impinj import EVENTS_BYTES_MAX, EVENTS_MAX
from protocols.errors import Nonsense, TooLarge
from protocols.ids import DeviceId, ScannerId

AT = 1_687_937_040_300

# As an R700 publishes it with everything switched on.
EVENT = b"""{"timestamp":"2023-06-28T07:24:00.277766184Z","hostname":"impinj-14-2f-f4","eventType":"tagInventory",
"tagInventoryEvent":{"epc":"4sRRo6UBH6APNUaT","epcHex":"E2C451A3A5011FA00F354693","tid":"4sRRoyAAJpN5qv0A",
"tidHex":"E2C451A32000269379AAFD00","pc":"NAA=","antennaPort":2,"antennaName":"Portal","peakRssiCdbm":-5750,
"frequency":921625,"transmitPowerCdbm":1000,"lastSeenTime":"2023-06-28T07:24:00.225324Z","phaseAngle":208.82}}"""


def read(*events: object, topic: str = "impinj/door/events") -> tuple[devices.Reading, ...]:
    body = events[0] if len(events) == 1 else list(events)
    return devices.read(topic, json.dumps(body).encode(), AT)


def tag(**more: Any) -> dict[str, Any]:
    return {"tagInventoryEvent": {"epcHex": "30AB", "antennaPort": 1, "peakRssiCdbm": -6000} | more}


def test_a_tag_is_a_sighting_by_its_antenna_under_both_its_numbers() -> None:
    assert impinj.read("impinj/door/events", EVENT, AT) == (
        Sighting(
            ScannerId("impinj-14-2f-f4-2"),
            DeviceId("epc:e2c451a3a5011fa00f354693"),
            -57.5,
            AT,
            age_ms=75,
            also=(DeviceId("tid:e2c451a32000269379aafd00"),),
        ),
    )


def test_a_reader_that_sends_no_hostname_has_its_name_from_the_topic() -> None:
    [seen] = read({"timestamp": "2023-06-28T07:24:00Z", "eventType": "tagInventory", **tag()})
    assert isinstance(seen, Sighting)
    assert (seen.scanner, seen.device, seen.age_ms) == ("door-1", "epc:30ab", 300)


@pytest.mark.parametrize("form", ["4oARYGAAAgpmgfI_", "4oARYGAAAgpmgfI/"])
def test_a_number_in_base64_is_the_same_tag_in_either_alphabet(form: str) -> None:
    [seen] = read(tag(epcHex="", epc=form))
    assert isinstance(seen, Sighting)
    assert seen.device == "epc:e28011606000020a6681f23f"


def test_a_tag_without_an_epc_goes_by_its_chips_number() -> None:
    [seen] = read(tag(epcHex="", tidHex="E2801160"))
    assert isinstance(seen, Sighting)
    assert (seen.device, seen.also) == ("tid:e2801160", ())


def test_an_array_is_each_of_its_events() -> None:
    found = read(tag(), tag(epcHex="31"), {"eventType": "gpiTransition", "gpiTransitionEvent": {"gpi": 1}})
    assert [one.device for one in found if isinstance(one, Sighting)] == ["epc:30ab", "epc:31"]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("event", "scanner", "online"),
    [
        ({"inventoryStatusEvent": {"inventoryStatus": "idle"}}, "door", False),
        ({"inventoryStatusEvent": {"inventoryStatus": "running"}}, "door", True),
        ({"inventoryStatusEvent": {"status": "armed"}}, "door", True),
        ({"antennaDisconnectedEvent": {"antennaPort": 3}}, "door-3", False),
        ({"antennaConnectedEvent": {"antennaPort": 3}}, "door-3", True),
    ],
)
def test_a_reader_says_whether_it_and_its_antennas_read(
    event: dict[str, Any], scanner: str, online: bool
) -> None:
    assert read(event) == (ScannerSeen(ScannerId(scanner), AT, online),)


@pytest.mark.parametrize(
    ("payload", "online"),
    [
        (b"connected", True),
        (b"online", True),
        (b"connection lost", False),
        (b"offline", False),
        (b"disconnected", False),
    ],
)
def test_a_readers_last_will_says_that_it_is_gone(payload: bytes, online: bool) -> None:
    assert devices.read("impinj/door/status", payload, AT) == (ScannerSeen(ScannerId("door"), AT, online),)


@pytest.mark.parametrize("event", [{"eventType": "overflow", "overflowEvent": {}}, {}, {"hostname": "x"}])
def test_other_events_say_nothing(event: dict[str, Any]) -> None:
    assert read(event) == ()


@pytest.mark.parametrize(
    "event",
    [
        tag(peakRssiCdbm=None),
        tag(antennaPort=None),
        tag(epcHex=""),
        tag(epcHex="30A"),
        tag(epcHex="zz"),
        tag(epcHex="30" * 63),
        tag(epcHex="", epc="not base64!"),
        tag(epcHex="", epc="A"),
        tag(epcHex="", epc="A" * 100),
        tag(antennaPort=0),
        tag(antennaPort=65),
        tag(peakRssiCdbm=-20_000),
        tag(peakRssiCdbm=2_100),
        tag(lastSeenTime="yesterday"),
        {"hostname": "a/b", **tag()},
        {"hostname": "x" * 201, **tag()},
        {"inventoryStatusEvent": {"inventoryStatus": "dancing"}},
        {"antennaDisconnectedEvent": {}},
        7,
    ],
)
def test_another_shape_is_nonsense(event: object) -> None:
    with pytest.raises(Nonsense):
        read(event)


@pytest.mark.parametrize("topic", ["impinj", "impinj/door", "impinj/a b/events", "impinj/door/events/x"])
def test_another_topic_is_nonsense(topic: str) -> None:
    with pytest.raises(Nonsense):
        read(tag(), topic=topic)
    with pytest.raises(Nonsense):
        devices.read("impinj/door/status", b"maybe", AT)


@pytest.mark.parametrize(
    "stamp",
    ["1970-01-01T00:00:00Z", "2023-06-28T07:34:00Z", "2023-06-28T07:00:00Z", "0001-01-01T00:00:00+23:59"],
)
def test_a_readers_clock_that_is_off_makes_no_age(stamp: str) -> None:
    [seen] = read(tag(lastSeenTime=stamp))
    assert isinstance(seen, Sighting)
    assert (seen.at_ms, seen.age_ms) == (AT, 0)


def test_a_stamp_without_a_zone_is_universal_time() -> None:
    [seen] = read(tag(lastSeenTime="2023-06-28T07:24:00"))
    assert isinstance(seen, Sighting)
    assert seen.age_ms == 300


def test_a_message_has_a_limit_in_events_and_in_bytes() -> None:
    assert len(read(*[tag()] * EVENTS_MAX)) == EVENTS_MAX
    with pytest.raises(Nonsense):
        read(*[tag()] * (EVENTS_MAX + 1))
    with pytest.raises(TooLarge):
        impinj.read("impinj/door/events", b" " * (EVENTS_BYTES_MAX + 1), AT)
