"""From the wire to the inbox: whom a device belongs to, what is refused and counted, strangers only counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.facts import Facts
from actors.presence.identity import Irk, cipher, random_hash
from edge import hearing as hearings
from edge.hearing import Hearing
from edge.inbox import Work
from edge.links import Incoming
from edge.ports import Enrolled
from edge.roster import Roster, token_of
from protocols.cells import Heard, Weighed
from protocols.devices.sparkplug import rebirth
from protocols.facts import Scanner, ShelfPlace, Zone
from protocols.ids import Key, Sku, ZoneId
from protocols.inputs import Cause, ZoneEntered, ZoneLeft
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import Life
from sim.virtual import VirtualLoop
from tests.edge_nodes import INT32, EdgeNode, metric
from tests.unit.playbook import facts_of

SALT = b"salt of the store"
PHONE = "AA:BB:CC:DD:EE:01"
BEACON = "iBeacon:11111111-2222-3333-4444-555555555555-1-2"
ROWS = [
    Enrolled(token_of(SALT, "aabbccddee01"), "ana", "A-ana", member=True),
    Enrolled(token_of(SALT, BEACON), "ben", "A-ben", member=True),
    Enrolled(token_of(SALT, "owntracks:ana:phone"), "ana", "A-ana", member=True),
    Enrolled(token_of(SALT, "pozyx:7"), "ana", "A-ana", member=True),
]


class Door:
    """A hearing over a real engine that does not run: what it hands on waits in the real inboxes."""

    def __init__(self, life: Life, facts: Facts) -> None:
        self.life = life
        self.published: list[tuple[str, bytes]] = []
        self.roster = Roster(SALT, ROWS)
        self.hearing = Hearing(life.engine, self.roster, life.clock, lambda: facts, self.publish)

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))

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
        scanner={"north": Scanner(ZoneId("dairy")), "south": Scanner(ZoneId("tills"))},
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


def test_a_stranger_is_in_the_zone_of_the_scanner_that_hears_it_best_and_counts_once(door: Door) -> None:
    for scanner, rssi in (("north", -80), ("south", -60), ("north", -78), ("gateway-of-nobody", -90)):
        door.take(f"espresense/devices/ffffffffff01/{scanner}", {"rssi": rssi})
    door.take("espresense/devices/ffffffffff02/gateway-of-nobody", {"rssi": -50})
    assert door.hearing.passers() == 2
    assert door.hearing.passers_by_zone() == {"tills": 1}


def test_a_stranger_whom_gateways_call_by_several_names_is_one(door: Door) -> None:
    door.take("espresense/devices/apple:1005:9-26/north", {"rssi": -60, "mac": "ffffffffff01"})
    door.take("home/north/BTtoMQTT/FFFFFFFFFF01", {"id": "FF:FF:FF:FF:FF:01", "rssi": -60})
    assert door.hearing.passers() == 1
    assert door.hearing.passers_by_zone() == {"dairy": 1}


# --- devices that change their ids


def private(random: int) -> str:
    """An address of Zoe's phone."""
    prand = (0x400000 | random).to_bytes(3, "big")
    return (prand + random_hash(cipher(b"z" * 16), prand)).hex()


def enrol_zoe(door: Door, *consent: str) -> None:
    zoe = Enrolled(b"", "zoe", "A-zoe", member=True, consent=consent)
    door.roster.add([door.roster.keyed(zoe, Irk(b"z" * 16))])


def test_a_phone_is_its_owners_under_each_of_its_addresses_and_a_stranger_to_nobody(door: Door) -> None:
    enrol_zoe(door, "location")
    for random in range(3):
        door.take(f"espresense/devices/{private(random)}/north", {"rssi": -61})
        assert [one.key for one in door.waits().heard] == ["shopper:zoe"]
    assert door.hearing.passers() == 0


def test_a_phone_whose_owner_says_no_is_a_stranger_from_the_next_sighting_on(door: Door) -> None:
    enrol_zoe(door, "offers", "location")
    door.take(f"espresense/devices/{private(1)}/north", {"rssi": -61})
    assert door.waits()
    enrol_zoe(door, "offers")
    for told in (private(1), private(2), f"irk:{(b'z' * 16).hex()}"):
        door.take(f"espresense/devices/{told}/north", {"rssi": -61, "mac": private(2)})
    assert not door.waits()
    assert door.hearing.passers() == 2  # private(1), which is remembered a minute, and private(2)


def test_tags_on_goods_are_no_strangers(door: Door) -> None:
    event = {"antennaPort": 1, "peakRssiCdbm": -6000}
    door.take("impinj/north/events", {"tagInventoryEvent": {"epcHex": "30AB", "tidHex": "E280", **event}})
    door.take("impinj/north/events", {"tagInventoryEvent": {"tidHex": "E280", **event}})
    assert door.hearing.passers() == 0
    assert set(door.hearing.scanners) == {"north-1"}


# --- places that a source works out itself


def tag(number: int) -> list[dict[str, Any]]:
    place = {"coordinates": {"x": 2_500, "y": 1_250, "z": 900}}
    return [{"version": "2.0", "tagId": str(number), "success": True, "data": place}]


def test_a_place_of_an_enrolled_tag_waits_for_its_subjects_cell(door: Door) -> None:
    door.take("tags", tag(7))
    now_us = door.now_us()
    assert door.waits().heard == [
        Heard(Key("shopper:ana"), "pozyx", 0.0, now_us // 1_000, now_us, (2.5, 1.25, 0.3))
    ]
    assert (door.hearing.sightings, set(door.hearing.scanners)) == (1, {"pozyx"})


def test_a_tag_that_nobody_enrolled_is_a_number_wherever_it_is_placed(door: Door) -> None:
    door.take("tags", tag(8))
    assert not door.waits()
    assert door.hearing.passers() == 1


# --- Sparkplug nodes


def test_a_node_whose_birth_was_missed_is_asked_for_it_and_then_heard(door: Door) -> None:
    node = EdgeNode()
    strength = metric("rssi/aabbccddee01", -60, INT32, alias=5)
    node.birth(strength)
    door.take(*node.data(metric(alias=5, int_value=2**32 - 71)))
    assert not door.waits()
    assert door.published == [("spBv1.0/shop/NCMD/gw-1", rebirth(door.now_us() // 1_000))]
    assert dict(door.hearing.refused) == {("sparkplug", "birth_missed"): 1}
    door.take(*node.birth(strength))
    door.take(*node.data(metric(alias=5, int_value=2**32 - 71)))
    assert [(one.key, one.scanner, one.rssi_dbm) for one in door.waits().heard] == [
        ("shopper:ana", "gw-1", -71.0)
    ]
    door.take(*node.death())
    assert door.hearing.silent == {"gw-1"}


def test_a_retained_birth_is_an_old_one_and_is_not_taken(door: Door) -> None:
    node = EdgeNode()
    topic, payload = node.birth(metric("weight_g/milk", 4_000, INT32, alias=1))
    door.take(topic, payload, retained=True)
    door.take(*node.data(metric(alias=1, int_value=4_000)))
    assert not door.waits()
    assert len(door.published) == 1


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
        ("tags", b'[{"tagId": "a b", "success": true, "data": {"coordinates": {"x": 1, "y": 1}}}]',
         ("pozyx", "nonsense")),
        ("impinj/north/events", b'{"tagInventoryEvent": {"epcHex": "3"}}', ("impinj", "nonsense")),
        ("homie/5/north/aabbccddee01/rssi", b"loud", ("homie", "nonsense")),
        ("spBv1.0/shop/NDATA/gw-1", b"\xff", ("sparkplug", "nonsense")),
        ("spBv1.0/STATE/scada", b"ONLINE", ("sparkplug", "nonsense")),
        ("spBv1.0/shop/NDATA/gw-1", bytes(300_000), ("sparkplug", "too_large")),
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
     "endcap", "v1", "in", "shelf", "milk", "weight", "raw_weight", "status", "LWT", "aabbccddee01", "north",
     "spBv1.0", "NDATA", "homie", "5", "$state", "tags", "impinj", "events"]
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
