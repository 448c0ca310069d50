"""What is told of people, zones and gateways: values from the store as it is, bounds that hold, nothing of a name."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.shopper import Shopper
from edge import homeassistant, published
from edge.now import CROWD_FRESH_MS, Moved, Now
from edge.published import SILENT_MS, bounds
from protocols.cells import Crowd, Position, ScannerHealth
from protocols.facts import Occupancy, Plan, PresenceSettings, Radio, Scanner, Zone
from protocols.ids import AccountId, Key, SubjectId, ZoneId
from protocols.inputs import Cause
from tests.unit.playbook import T0, facts_of

ANA = Key("shopper:ana")
DAIRY, WINE = ZoneId("dairy"), ZoneId("wine")
CAUSE = Cause(T0 * 1_000, scanner="north", subject="ana")
HERE = Position(ANA, 3.456, 2.2, "dairy", 1.234, T0 + 9_000, 91)


def ana(**fields: object) -> Shopper:
    shown = {"visit": f"ana.{T0}", "account": AccountId("A-1"), "name": "Ana Lind", "member": True}
    stays = {"zone": DAIRY, "zone_p": 87, "zone_entered_at_ms": T0 + 5_000, "entered_at_ms": T0}
    return Shopper(SubjectId("ana"), **{**shown, **stays, "consent": ("location",), **fields})  # type: ignore[arg-type]


def store(*, by_map: bool = True, **books: dict[str, object]) -> Now:
    now = Now()
    given = {
        "plan": {"plan": Plan("Harbour Street", 10, 8)},
        "presence": {"presence": PresenceSettings()},
        "zone": {"dairy": Zone("Dairy"), "wine": Zone("Wine")},
        "scanner": {"north": Scanner(DAIRY), "south": Scanner(WINE)},
    }
    if by_map:
        given["radio"] = {"radio": Radio(1.0, 10, 8, 4.0, "survey")}
    now.facts = facts_of(**{**given, **books})
    return now


class Ears:
    def __init__(self, *silent: str, **heard_ms: int) -> None:
        self.scanners, self.silent = dict(heard_ms), set(silent)


# --- people


def test_presence_has_the_place_beside_the_zone() -> None:
    view = published.presence_view(ana(), HERE, CAUSE)
    assert (view.zone, view.p, view.since_ms) == ("dairy", 91, T0 + 5_000)
    assert (view.x, view.y, view.doubt_m, view.at_ms) == (3.46, 2.2, 1.23, T0 + 9_000)


def test_the_p_of_another_zone_than_the_announced_one_is_not_taken() -> None:
    elsewhere = Position(ANA, 3.4, 2.2, "wine", 1.2, T0 + 9_000, 55)
    assert published.presence_view(ana(), elsewhere, CAUSE).p == 87
    nearest = Position(ANA, 3.4, 2.2, "dairy", 1.2, T0 + 9_000)  # nothing was worked out
    assert published.presence_view(ana(), nearest, CAUSE).p == 87


def test_a_member_who_does_not_allow_it_is_told_without_a_place_and_a_tag_with_it() -> None:
    assert published.presence_view(ana(consent=("offers",)), HERE, CAUSE).x is None
    tag = ana(account=AccountId(""), name="", consent=())
    assert published.presence_view(tag, HERE, CAUSE).x == 3.46


def test_a_place_in_great_doubt_is_none() -> None:
    nowhere = Position(ANA, 0.0, 0.0, "dairy", 99.0, T0)
    assert published.place(nowhere) is None
    assert published.place(HERE) is HERE


def test_going_from_zone_to_zone_is_an_event_in_each() -> None:
    moved = Moved(ANA, ana(), ana(zone=WINE, zone_p=70), T0 + 65_500, CAUSE)
    left, entered = [(topic, json.loads(body)) for topic, body in published.zone_events("014", moved)]
    assert (left[0], entered[0]) == ("endcap/v1/014/zone/dairy", "endcap/v1/014/zone/wine")
    assert (left[1]["event"], left[1]["dwell_s"], left[1]["p"]) == ("left", 60, 87)
    assert (entered[1]["event"], entered[1]["dwell_s"], entered[1]["p"]) == ("entered", None, 70)
    assert {one["subject"] for _, one in (left, entered)} == {"ana"}
    assert left[1]["cause"]["scanner"] == "north" and left[1]["at_ms"] == T0 + 65_500


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (None, ana(zone=ZoneId("unknown")), []),
        (None, ana(), ["entered"]),
        (ana(), ana(zone=ZoneId("unknown")), ["left"]),
        (ana(zone=ZoneId("unknown")), ana(), ["entered"]),
        (ana(), None, ["left"]),
        (ana(zone=ZoneId("unknown")), None, []),
    ],
)
def test_there_is_no_event_of_the_unknown_zone(
    before: Shopper | None, after: Shopper | None, events: list[str]
) -> None:
    moved = Moved(ANA, before, after, T0 + 65_000, CAUSE)
    assert [json.loads(body)["event"] for _, body in published.zone_events("014", moved)] == events


def test_companion_s_shape_has_the_room_by_name_and_the_place() -> None:
    facts = store().facts
    state, room = published.companion_state("014", ana(), facts)
    topic, body = published.companion_attributes("014", ana(), HERE, facts)
    assert (state, room) == ("espresense/companion/endcap-014-ana", b"Dairy")
    assert topic == "espresense/companion/endcap-014-ana/attributes"
    assert json.loads(body) == {
        "source_type": "bluetooth_le",
        "x": 3.46,
        "y": 2.2,
        "z": 1.2,
        "doubt_m": 1.23,
        "confidence": 91,
        "best_scenario": "Endcap",
        "last_seen": "2023-11-14T22:13:29.000Z",
        "zone": "dairy",
        "room": "Dairy",
        "since": "2023-11-14T22:13:25.000Z",
        "in_zones": ["zone.home"],
    }


def test_in_no_zone_the_room_is_the_floor_as_companion_has_it() -> None:
    nowhere, facts = ana(zone=ZoneId("unknown")), store().facts
    assert published.companion_state("014", nowhere, facts)[1] == b"Harbour Street"
    assert "x" not in json.loads(published.companion_attributes("014", nowhere, None, facts)[1])


# --- zones


def exactly(ps: list[float]) -> list[float]:
    """The Poisson-binomial distribution, by convolution."""
    distribution = [1.0]
    for p in ps:
        more = [0.0, *(one * p for one in distribution)]
        distribution = [one * (1 - p) + other for one, other in zip([*distribution, 0.0], more, strict=True)]
    return distribution


@given(st.lists(st.floats(0, 1), max_size=40))
def test_bounds_hold_nine_times_in_ten_against_the_exact_distribution(ps: list[float]) -> None:
    low, high = bounds(sum(ps), sum(p * (1 - p) for p in ps), len(ps))
    assert 0 <= low <= high <= len(ps)
    assert sum(exactly(ps)[low : high + 1]) >= 0.9


def test_bounds_are_no_wider_than_they_need_be() -> None:
    chance = random.Random(4)
    for count in (1, 3, 10, 40):
        for _ in range(50):
            ps = [chance.random() for _ in range(count)]
            low, high = bounds(sum(ps), sum(p * (1 - p) for p in ps), count)
            distribution = exactly(ps)
            tails = (sum(distribution[:low]), sum(distribution[high + 1 :]))
            assert max(tails) < 0.08
            if high - low >= 2:  # one step less on both sides would leave out too much
                assert sum(distribution[low + 1 : high]) < 0.93


@pytest.mark.parametrize(
    ("ps", "expected"),
    [([], (0, 0)), ([1.0, 1.0], (2, 2)), ([0.98], (1, 1)), ([0.5], (0, 1)), ([0.02], (0, 0))],
)
def test_bounds_of_few_people(ps: list[float], expected: tuple[int, int]) -> None:
    assert bounds(sum(ps), sum(p * (1 - p) for p in ps), len(ps)) == expected


def test_a_zone_s_crowd_is_summed_over_cells_while_they_say_it() -> None:
    now = store(occupancy={"dairy": Occupancy(3, 1)})
    now.shoppers = {Key(f"shopper:{number}"): ana() for number in range(9)}
    now.judge("floor-1", [Crowd("dairy", 1.5, 0.5), Crowd("wine", 0.5, 0.25)], [], T0)
    now.judge("floor-2", [Crowd("dairy", 2.0, 0.4)], [], T0)
    view = published.occupancy_view(now, "dairy", T0 + CROWD_FRESH_MS, 4, CAUSE, 17)
    assert (view.shoppers, view.members, view.seq, view.passers) == (3, 1, 17, 4)
    assert (view.expected, view.low, view.high) == (3.5, 2, 5)
    assert published.occupancy_view(now, "wine", T0, None, CAUSE).expected == 0.5
    now.judge("floor-2", [Crowd("dairy", 0.0, 0.0)], [], T0 + 1)
    assert published.occupancy_view(now, "dairy", T0 + 1, None, CAUSE).expected == 1.5
    late = published.occupancy_view(now, "dairy", T0 + CROWD_FRESH_MS + 2, None, CAUSE)
    assert (late.expected, late.low, late.high) == (3.0, None, None)


def test_without_a_map_nobody_knows_bounds() -> None:
    now = store(by_map=False, occupancy={"dairy": Occupancy(3, 1)})
    view = published.occupancy_view(now, "dairy", T0, None, CAUSE)
    assert (view.expected, view.low, view.high, view.passers) == (3.0, None, None, None)


def test_an_empty_store_with_a_map_is_surely_empty() -> None:
    view = published.occupancy_view(store(), "dairy", T0, None, CAUSE)
    assert (view.shoppers, view.expected, view.low, view.high) == (0, 0.0, 0, 0)


# --- gateways


def test_a_gateway_is_as_its_broker_says_then_as_cells_judge_then_as_it_was_heard() -> None:
    now = store()
    now.shoppers = {ANA: ana()}
    heard = Ears(north=T0)

    def state(ears: Ears, at_ms: int = T0) -> str:
        return published.scanner_view(now, ears, "north", at_ms).state

    assert state(Ears()) == "unknown"
    assert state(heard) == "ok"
    assert state(heard, T0 + SILENT_MS + 1) == "silent"
    now.judge("floor", [], [ScannerHealth("north", "deaf", T0, -11.4)], T0)
    view = published.scanner_view(now, heard, "north", T0)
    assert (view.state, view.since_ms, view.off_db, view.zone) == ("deaf", T0, -11.0, "dairy")
    assert state(Ears("north", north=T0)) == "silent"
    now.judge("floor", [], [ScannerHealth("north", "ok", T0)], T0)
    assert state(heard, T0 + SILENT_MS + 1) == "silent"


def test_an_empty_store_says_nothing_of_gateways_that_nobody_could_be_heard_by() -> None:
    assert published.scanner_view(store(), Ears(north=T0), "north", T0 + 3_600_000).state == "ok"


def test_a_cell_that_hears_a_gateway_knows_more_than_one_that_does_not() -> None:
    now = store()
    now.judge("floor-1", [], [ScannerHealth("north", "silent", T0)], T0)
    now.judge("floor-2", [], [ScannerHealth("north", "ok", T0)], T0)
    assert published.scanner_view(now, Ears(north=T0), "north", T0).state == "ok"
    now.judge("floor-1", [], [ScannerHealth("north", "moved", T0, 12.0)], T0)
    assert published.scanner_view(now, Ears(north=T0), "north", T0).state == "moved"


def test_what_a_map_made_of_gateways_counts_no_more_when_the_store_goes_by_the_nearest() -> None:
    now = store(presence={"presence": PresenceSettings(method="nearest")})
    now.judge("floor", [], [ScannerHealth("north", "moved", T0, 12.0)], T0)
    assert published.scanner_view(now, Ears(north=T0), "north", T0).state == "ok"


# --- Home Assistant's ids


def test_ids_that_discovery_topics_cannot_hold_stay_apart() -> None:
    names = ["dairy", "Käse", "K_se", "wine&more", "wine+more".replace("+", "."), "x" * 128, "x" * 127]
    slugs = [homeassistant.slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert slugs[0] == "dairy"
    for one in slugs:
        assert one.isascii() and one.replace("_", "").replace("-", "").isalnum()


def test_a_person_has_a_name_only_if_the_member_allows_it() -> None:
    def name(shopper: Shopper) -> str:
        return str(json.loads(homeassistant.person("homeassistant", "014", shopper)[1])["device"]["name"])

    assert name(ana()) == "ana"
    assert name(ana(consent=("location", "profile"))) == "Ana Lind"
    assert b"Ana" not in homeassistant.person("homeassistant", "014", ana())[1]
