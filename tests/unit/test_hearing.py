"""From the wire to the inbox: whom a device belongs to, what is refused and counted, strangers only counted."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.facts import Facts
from edge import hearing as hearings
from edge.hearing import Hearing
from edge.inbox import Work
from edge.links import Incoming
from edge.ports import Enrolled
from edge.roster import Roster, token_of
from protocols.cells import Heard, Weighed
from protocols.facts import Scanner, ShelfPlace, Zone
from protocols.ids import Key, Sku, ZoneId
from protocols.inputs import Cause, ZoneEntered, ZoneLeft
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import Life
from sim.virtual import VirtualLoop
from tests.unit.playbook import facts_of

SALT = b"salt of the store"
PHONE = "AA:BB:CC:DD:EE:01"
BEACON = "iBeacon:11111111-2222-3333-4444-555555555555-1-2"
ROWS = [
    Enrolled(token_of(SALT, "aabbccddee01"), "ana", "A-ana", member=True),
    Enrolled(token_of(SALT, BEACON), "ben", "A-ben", member=True),
    Enrolled(token_of(SALT, "owntracks:ana:phone"), "ana", "A-ana", member=True),
]


class Door:
    """A hearing over a real engine that does not run: what it hands on waits in the real inboxes."""

    def __init__(self, life: Life, facts: Facts) -> None:
        self.life = life
        self.hearing = Hearing(life.engine, Roster(SALT, ROWS), life.clock, lambda: facts, SALT)

    def take(self, topic: str, body: object, *, retained: bool = False) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.hearing.arrived(Incoming(topic, payload, 0, retained))

    def waits(self) -> Work:
        """What waits for the floor's cell, taken out."""
        return self.life.engine.seats["floor"].inbox.take(10_000)

    def now_us(self) -> int:
        return self.life.clock.now_us()


def shelf(sku: str, **more: Any) -> ShelfPlace:
    return ShelfPlace(ZoneId("dairy"), Sku(sku), 1_000, 12, 3, **more)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    life = Life(tmp_path, VirtualLoop(), Faults(FaultPlan()))
    facts = facts_of(
        zone={"dairy": Zone("Dairy"), "tills": Zone("The tills")},
        scanner={"north": Scanner(ZoneId("dairy"))},
        shelf={
            "milk": shelf("milk"),
            "raw": shelf("eggs", scale="cell-1", zero_counts=100, counts_per_kg=500),
            "bare": shelf("tea", scale="cell-2"),
        },
    )
    yield Door(life, facts)
    life.close()


# --- sightings


def test_a_sighting_of_an_enrolled_device_waits_for_its_subjects_cell(door: Door) -> None:
    door.take("espresense/devices/aabbccddee01/north", {"rssi": -61, "mac": "aabbccddee01"})
    now_us = door.now_us()
    assert door.waits().heard == [Heard(Key("shopper:ana"), "north", -61.0, now_us // 1_000, now_us)]
    assert (door.hearing.sightings, door.hearing.scanners) == (1, {"north": now_us // 1_000})


def test_any_id_that_a_message_gives_a_device_may_be_the_enrolled_one(door: Door) -> None:
    door.take("espresense/devices/irk:abc/north", {"rssi": -61, "mac": "aabbccddee01"})
    assert [heard.key for heard in door.waits().heard] == ["shopper:ana"]


def test_strengths_are_brought_to_one_reference(door: Door) -> None:
    door.take("espresense/devices/aabbccddee01/north", {"rssi": -70, "rssi@1m": -65})
    assert [heard.rssi_dbm for heard in door.waits().heard] == [-64.0]


def test_every_format_ends_in_the_same_subject(door: Door) -> None:
    door.take("home/north/BTtoMQTT/AABBCCDDEE01", {"id": PHONE, "rssi": -60})
    door.take("theengs/north/BTtoMQTT/AABBCCDDEE01", {"id": PHONE, "rssi": -60})
    receivers = [{"receiverId": "00aa", "rssi": -50}, {"receiverId": "00bb", "rssi": -70}]
    raddec = {"transmitterId": "aabbccddee01", "transmitterIdType": 2, "rssiSignature": receivers}
    door.take("raddec/anything", raddec)
    heard = door.waits().heard
    assert {one.key for one in heard} == {"shopper:ana"}
    assert {one.scanner for one in heard} == {"north", "00aa", "00bb"}


def test_a_retained_reading_is_an_old_one_and_only_a_gateways_status_is_taken_from_it(door: Door) -> None:
    door.take("espresense/devices/aabbccddee01/north", {"rssi": -61}, retained=True)
    door.take("endcap/v1/sim/in/shelf/milk/weight", {"grams": 4_000}, retained=True)
    door.take("espresense/rooms/north/status", b"offline", retained=True)
    assert not door.waits()
    assert door.hearing.silent == {"north"}
    door.take("espresense/rooms/north/status", b"online")
    assert door.hearing.silent == set()


def test_a_gateway_that_is_heard_is_not_silent_any_more(door: Door) -> None:
    door.take("espresense/rooms/north/status", b"offline")
    door.take("espresense/devices/aabbccddee01/north", {"rssi": -61})
    assert door.hearing.silent == set()


def test_gateways_are_remembered_up_to_a_limit_and_those_of_the_floor_beyond_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearings, "SCANNERS_MAX", 3)
    for number in range(20):
        door.take(f"espresense/rooms/gateway-{number}/status", b"offline")
    door.take("espresense/rooms/north/status", b"offline")
    assert len(door.hearing.scanners) == 4
    assert "north" in door.hearing.silent


# --- strangers


def test_a_stranger_is_a_number_and_makes_no_turn(door: Door) -> None:
    for _ in range(3):
        door.take("espresense/devices/ffffffffff01/north", {"rssi": -61})
    door.take("espresense/devices/ffffffffff02/north", {"rssi": -61})
    assert not door.waits()
    assert door.hearing.passers() == 2


def test_strangers_are_kept_under_a_salt_of_the_day_so_that_nobody_is_followed(door: Door) -> None:
    loop = door.life.clock._loop
    door.take("espresense/devices/ffffffffff01/north", {"rssi": -61})
    (today,) = door.hearing._passers
    day = door.life.clock.local(door.life.clock.now_ms()).day.encode()
    assert today == hmac.new(SALT + day, b"ffffffffff01", hashlib.sha256).digest()[:8]
    assert b"ffffffffff01" not in repr(door.hearing._passers).encode()
    loop.now_s += 24 * 3_600  # type: ignore[attr-defined]
    door.take("espresense/devices/ffffffffff01/north", {"rssi": -61})
    assert len(set(door.hearing._passers) - {today}) == 1


def test_a_stranger_who_is_not_heard_for_a_minute_is_not_counted_any_more(door: Door) -> None:
    door.take("espresense/devices/ffffffffff01/north", {"rssi": -61})
    door.life.clock._loop.now_s += 61  # type: ignore[attr-defined]
    assert door.hearing.passers() == 0
    assert door.hearing._passers == {}


def test_strangers_are_counted_up_to_a_limit(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearings, "PASSERS_MAX", 5)
    for number in range(20):
        door.take(f"espresense/devices/ffffffffff{number:02}/north", {"rssi": -61})
    assert door.hearing.passers() == 5


# --- scales


def test_a_weight_waits_for_its_shelf(door: Door) -> None:
    door.take("endcap/v1/sim/in/shelf/milk/weight", {"grams": 4_000})
    now_us = door.now_us()
    assert door.waits().weighed == [Weighed(Key("shelf:milk"), 4_000, now_us // 1_000, now_us)]


def test_counts_become_grams_by_the_shelfs_own_calibration(door: Door) -> None:
    door.take("espresense/rooms/cell-1/raw_weight", b"2100")
    assert [(one.key, one.grams) for one in door.waits().weighed] == [("shelf:raw", 4_000)]


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        ("endcap/v1/sim/in/shelf/nosuch/weight", {"grams": 4_000}, ("endcap", "no_such_shelf")),
        ("espresense/rooms/cell-9/raw_weight", b"2100", ("espresense", "no_such_scale")),
        ("espresense/rooms/cell-2/raw_weight", b"2100", ("espresense", "not_calibrated")),
    ],
)
def test_a_scale_of_no_shelf_makes_no_entity(
    door: Door, topic: str, body: object, reason: tuple[str, str]
) -> None:
    door.take(topic, body)
    assert not door.waits()
    assert dict(door.hearing.refused) == {reason: 1}


# --- regions of phones


def crossing(event: str, region: str, **more: object) -> dict[str, object]:
    return {"_type": "transition", "event": event, "desc": region, **more}


@pytest.mark.parametrize(("region", "zone"), [("dairy", "dairy"), ("The tills", "tills")])
def test_a_phone_that_crosses_into_a_zone_is_in_it_by_the_zones_id_or_name(
    door: Door, region: str, zone: str
) -> None:
    door.take("owntracks/ana/phone/event", crossing("enter", region))
    door.take("owntracks/ana/phone/event", crossing("leave", region))
    given = [item.given for item in door.waits().items]
    assert [one.input for one in given] == [ZoneEntered(zone, 100), ZoneLeft(zone)]  # type: ignore[arg-type]
    assert given[0].key == "shopper:ana"
    assert given[0].cause == Cause(door.now_us(), scanner=f"region {zone}", subject="ana")


@pytest.mark.parametrize("region", ["Home", "unknown", "../../till/till-1", "dairy/#"])
def test_a_region_that_is_no_zone_of_the_floor_is_none_of_our_business(door: Door, region: str) -> None:
    door.take("owntracks/ana/phone/event", crossing("enter", region))
    assert not door.waits()
    assert dict(door.hearing.refused) == {("owntracks", "no_such_zone"): 1}


def test_a_strangers_phone_crosses_nothing(door: Door) -> None:
    door.take("owntracks/zoe/phone/event", crossing("enter", "dairy"))
    assert not door.waits()
    assert not door.hearing.refused


def test_a_full_lane_refuses_a_crossing_and_counts_it(door: Door) -> None:
    door.life.engine.seats["floor"].inbox._money_max = 0
    door.take("owntracks/ana/phone/event", crossing("enter", "dairy"))
    assert dict(door.hearing.refused) == {("owntracks", "not_now"): 1}


# --- refusals


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("espresense/devices/aabbccddee01/north", b"", ("espresense", "nonsense")),
        ("espresense/devices/aabbccddee01/north", b"\xff\xfe", ("espresense", "nonsense")),
        ("espresense/devices/aabbccddee01/north", b'{"rssi": NaN}', ("espresense", "nonsense")),
        ("espresense/devices/aabbccddee01/north", b'{"rssi": -500}', ("espresense", "nonsense")),
        ("espresense/devices/aabbccddee01/north", b'{"rssi": 1e999}', ("espresense", "nonsense")),
        ("espresense/devices/aabbccddee01/north", b"[" * 2_000, ("espresense", "nonsense")),
        ("espresense/devices/aabbccddee01/north", b" " * 9_000, ("espresense", "too_large")),
        ("espresense/devices/a b/north", b'{"rssi": -60}', ("espresense", "nonsense")),
        ("espresense/devices/aabbccddee01/" + "n" * 50_000, b'{"rssi": -60}', ("espresense", "nonsense")),
        ("home/north/BTtoMQTT/x", b'{"id": "\\ud800", "rssi": -60}', ("openmqttgateway", "nonsense")),
        ("home/TheengsGateway/LWT", b"maybe", ("theengs", "nonsense")),
        ("raddec/x", b'{"transmitterId": "zz"}', ("raddec", "nonsense")),
        ("owntracks/ana/phone/event", b'{"_type": "transition", "event": "fly"}', ("owntracks", "nonsense")),
        ("owntracks/ana/phone/event", b'{"_type": "transition", "event": "enter", "desc": "dairy", "tst": 1600000000}',
         ("owntracks", "nonsense")),
        ("endcap/v1/sim/in/shelf/milk/weight", b'{"grams": 1e12}', ("endcap", "nonsense")),
        ("endcap/v1/sim/in/shelf/milk/nothing", b'{"grams": 1}', ("endcap", "nonsense")),
        ("somewhere/else", b"{}", ("unknown", "nonsense")),
        ("", b"", ("unknown", "nonsense")),
    ],
)  # fmt: skip
def test_nonsense_is_counted_by_format_and_reason_and_changes_nothing(
    door: Door, topic: str, payload: bytes, reason: tuple[str, str]
) -> None:
    door.take(topic, payload)
    assert dict(door.hearing.refused) == {reason: 1}
    assert not door.waits()
    assert door.hearing.sightings == 0


_LEVELS = st.sampled_from(
    ["espresense", "devices", "rooms", "home", "theengs", "BTtoMQTT", "raddec", "owntracks", "event", "beacon",
     "endcap", "v1", "in", "shelf", "milk", "weight", "raw_weight", "status", "LWT", "aabbccddee01", "north"]
) | st.text(max_size=6)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "mac", "rssi", "rssi@1m", "grams", "_type", "event", "desc", "uuid", "major"]
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    life = Life(tmp_path_factory.mktemp("hearing"), VirtualLoop(), Faults(FaultPlan()))
    yield Door(life, facts_of(zone={"dairy": Zone("Dairy")}))
    life.close()


@settings(max_examples=400)
@given(
    st.lists(_LEVELS, max_size=7).map("/".join),
    st.binary(max_size=64) | _JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.booleans(),
)
def test_a_strangers_bytes_are_never_fatal(shared: Door, topic: str, payload: bytes, retained: bool) -> None:
    shared.take(topic, payload, retained=retained)
    assert len(shared.hearing.refused) < 40
