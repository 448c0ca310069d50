"""Presence in a cell: by the map or by the nearest scanner, and swapped while people are inside."""

from __future__ import annotations

import msgspec
import pytest

from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence.mapped import Mapped
from actors.presence.nearest import Nearest
from actors.presence.stage import TELL_MS, Presence
from actors.presence.subject import SETTLE_MS
from protocols.cells import Heard
from protocols.codec import to_json
from protocols.facts import Fact, PresenceSettings, ShelfPlace, SurveyPoint, Zone
from protocols.ids import UNKNOWN_ZONE, Sku, ZoneId
from protocols.inputs import ZoneEntered, ZoneLeft
from tests.unit.small_floor import ANA, SIX, T0, Place, box, floor, level

IN_A, IN_B = (2.0, 4.0), (10.0, 4.0)
SURVEYED = [
    SurveyPoint(x, y, 1.2, "", {name: {round(level(scanner, (x, y))): 30} for name, scanner in SIX.items()})
    for x in (2.0, 4.0, 6.0, 8.0, 10.0)
    for y in (1.0, 3.0, 5.0, 7.0)
]
BEACONS = [
    SurveyPoint(at.x, at.y, at.z, by, {name: {-75: 30} for name in SIX if name != by})
    for by, at in SIX.items()
]


class Floor:
    """A stage with one subject on a floor whose books may change. Times are seconds from the start."""

    def __init__(self, facts: Facts, announced: str = UNKNOWN_ZONE) -> None:
        self.facts = facts
        self.stage = Presence()
        self.stage.look(facts, T0)
        self.stage.admit(ANA, ZoneId(announced), T0)
        self.found: list[Concluded] = []

    def stay(self, at: Place, from_s: int, to_s: int) -> list[Concluded]:
        """A burst a second of exact readings, and the ticks between; what it concludes."""
        found: list[Concluded] = []
        for second in range(from_s, to_s):
            at_ms = T0 + second * 1_000
            for number, (name, scanner) in enumerate(SIX.items()):
                heard = Heard(ANA, name, round(level(scanner, at), 1), at_ms, at_ms * 1_000 + number)
                found += self.stage.hear(heard, self.facts)
            for part in (0, 300, 700):
                found += self.stage.tick(at_ms + part, self.facts)
        self.found += found
        return found

    def change(self, now_s: float, **books: object) -> None:
        """Other books, as a cell takes them in: with the next version."""
        facts = [
            Fact(*name.split("__", 1), 1, b"null" if value is None else to_json(value))
            for name, value in books.items()
        ]
        self.facts.apply(facts, self.facts.version + 1)
        self.stage.look(self.facts, T0 + round(now_s * 1_000))

    def set(self, now_s: float, **settings: object) -> None:
        self.change(now_s, presence__store=msgspec.structs.replace(self.facts.presence, **settings))

    @property
    def zones(self) -> list[str]:
        said = [done.input for done in self.found]
        return [
            one.zone if isinstance(one, ZoneEntered) else "-"
            for one in said
            if isinstance(one, ZoneEntered | ZoneLeft)
        ]


def settled(facts: Facts, method: str) -> Facts:
    facts.presence = msgspec.structs.replace(facts.presence, method=method)
    return facts


@pytest.mark.parametrize(
    ("method", "points", "by_map"),
    [
        ("auto", SURVEYED, True),
        ("auto", BEACONS, True),
        ("auto", [], False),  # path loss alone is no map to rely on unless somebody asks for it
        ("radio", [], True),
        ("radio", SURVEYED, True),
        ("nearest", SURVEYED, False),
    ],
)
def test_the_way_is_that_of_the_settings_and_of_what_the_map_was_made_from(
    method: str, points: list[SurveyPoint], by_map: bool
) -> None:
    stage = Presence()
    stage.look(settled(floor(points=points), method), T0)
    assert stage.by_map is by_map


@pytest.mark.parametrize("method", ["auto", "radio"])
def test_a_store_without_a_map_goes_by_the_nearest_scanner(method: str) -> None:
    facts = settled(floor(points=SURVEYED), method)
    facts.radio = None
    here = Floor(facts)
    assert not here.stage.by_map
    here.stay(IN_A, 0, 4)
    assert here.zones == ["a"]
    assert here.stage.told(T0) == ([], [])


@pytest.mark.parametrize(("before", "after"), [("nearest", "radio"), ("radio", "nearest")])
def test_a_swap_keeps_the_zone_and_concludes_nothing_for_five_seconds(before: str, after: str) -> None:
    here = Floor(settled(floor(points=SURVEYED), before))
    here.stay(IN_A, 0, 6)
    assert here.zones == ["a"]
    here.set(6, method=after)
    assert here.stage.by_map is (after == "radio")
    settle_s = SETTLE_MS // 1_000
    assert here.stay(IN_B, 6, 6 + settle_s) == []
    here.stay(IN_B, 6 + settle_s, 16)
    assert here.zones == ["a", "b"]


@pytest.mark.parametrize(("before", "after"), [("nearest", "radio"), ("radio", "nearest")])
def test_somebody_who_stays_where_it_is_notices_no_swap(before: str, after: str) -> None:
    here = Floor(settled(floor(points=SURVEYED), before))
    here.stay(IN_A, 0, 6)
    here.set(6, method=after)
    here.stay(IN_A, 6, 30)
    assert here.zones == ["a"]


def test_a_map_that_comes_later_is_taken_up_and_one_that_goes_is_let_go() -> None:
    facts = settled(floor(points=SURVEYED), "auto")
    radio, signals = facts.radio, dict(facts.signals)
    facts.radio = None
    facts.signals.clear()
    here = Floor(facts)
    assert not here.stage.by_map
    here.change(1, radio__store=radio, **{f"signal__{name}": signal for name, signal in signals.items()})
    assert here.stage.by_map
    here.change(2, radio__store=None, **{f"signal__{name}": None for name in signals})
    assert not here.stage.by_map


def test_a_floor_that_is_edited_swaps_the_ground_under_whoever_stands_on_it() -> None:
    here = Floor(floor())
    here.stay(IN_A, 0, 6)
    assert here.zones == ["a"]
    here.change(6, zone__a=box(0, 0, 1, 8), zone__b=box(1, 0, 12, 8))
    crowds, _ = here.stage.told(T0 + 6_000)
    assert {one.zone: round(one.expected) for one in crowds} == {"a": 0, "b": 1}
    here.stay(IN_A, 6, 7)
    assert here.zones == ["a", "b"]  # with the next burst: where the subject stands was known all along


@pytest.mark.parametrize("vanishes", ["its zone", "all zones"])
def test_a_zone_that_is_taken_off_the_floor_is_left(vanishes: str) -> None:
    here = Floor(floor())
    here.stay(IN_A, 0, 6)
    here.change(6, **{"zone__a": None} | ({"zone__b": None} if vanishes == "all zones" else {}))
    here.stay(IN_A, 6, 10)
    assert here.zones == ["a", "-"]


@pytest.mark.parametrize(
    "changes", ["a setting of the filter", "a wall", "a scanner", "a name", "a map", "a mean"]
)
def test_a_floor_that_differs_in_more_begins_beliefs_anew(changes: str) -> None:
    here = Floor(floor())
    here.stay(IN_A, 0, 6)
    before = here.stage._way
    match changes:
        case "a setting of the filter":
            here.set(6, beacon_sd_db=here.facts.presence.beacon_sd_db + 2)
        case "a wall":
            here.change(
                6, plan__store=msgspec.structs.replace(here.facts.plan, walls=(((6.0, 0.0), (6.0, 5.0)),))
            )
        case "a scanner":
            here.change(6, scanner__s0=None)
        case "a name":
            same = here.facts.scanners["s5"], here.facts.signals["s5"]
            gone = {"scanner__s5": None, "signal__s5": None}
            here.change(6, **gone, scanner__s9=same[0], signal__s9=same[1])
        case "a map":
            here.change(6, signal__s0=here.facts.signals["s1"])
        case "a mean":
            here.change(6, scanner__s0=msgspec.structs.replace(here.facts.scanners["s0"], smoothing_s=15.0))
    assert here.stage._way is not before
    assert here.stay(IN_B, 6, 6 + SETTLE_MS // 1_000) == []


def test_a_shelf_that_is_put_up_is_walked_around() -> None:
    here = Floor(floor())
    before = here.stage._way
    here.change(1, shelf__rack=ShelfPlace(ZoneId("a"), Sku("x"), 1, 1, 0, 4.0, 2.0, 2.0, 4.0))
    after = here.stage._way
    assert isinstance(before, Mapped)
    assert isinstance(after, Mapped)
    assert before.ground.walkable.all()
    assert not after.ground.walkable.all()


def test_other_books_leave_presence_alone() -> None:
    here = Floor(floor())
    here.stay(IN_A, 0, 3)
    way, version = here.stage._way, here.facts.version
    here.facts.apply([], version + 1)
    here.stage.look(here.facts, T0 + 3_000)
    assert here.stage._way is way
    here.stay(IN_B, 3, 8)
    assert here.zones == ["a", "b"]  # at once: nothing was begun anew


def test_without_a_map_before_and_after_the_same_stage_goes_on() -> None:
    here = Floor(settled(floor(), "nearest"))
    way = here.stage._way
    here.change(1, zone__c=Zone("C", ()))
    assert here.stage._way is way
    assert isinstance(way, Nearest)


def test_crowds_and_scanners_are_told_once_a_second() -> None:
    here = Floor(floor())
    here.stay(IN_A, 0, 4)
    crowds, scanners = here.stage.told(T0 + 4_000)
    assert {one.zone: round(one.expected) for one in crowds} == {"a": 1, "b": 0}
    assert {one.scanner: one.state for one in scanners} == dict.fromkeys(SIX, "ok")
    assert here.stage.told(T0 + 4_000 + TELL_MS - 1) == ([], [])
    assert here.stage.told(T0 + 4_000 + TELL_MS) != ([], [])
    assert here.stage.told(T0) != ([], [])  # and when the clock was set back


def test_whoever_is_forgotten_is_not_taken_along() -> None:
    here = Floor(floor())
    here.stay(IN_A, 0, 3)
    here.stage.forget(ANA)
    here.set(3, method="nearest")
    assert here.stay(IN_B, 3, 10) == []
    with pytest.raises(KeyError):
        here.stage.position(ANA, T0, here.facts)


def test_silence_before_a_swap_counts_again_from_it() -> None:
    facts = floor()
    facts.presence = PresenceSettings(method="radio")
    here = Floor(facts)
    here.stay(IN_A, 0, 3)
    here.set(15, method="nearest")
    assert [done for part in range(15 * 4, 34 * 4) for done in here.stage.tick(T0 + part * 250, facts)] == []
    (left,) = (done for part in range(34 * 4, 36 * 4) for done in here.stage.tick(T0 + part * 250, facts))
    assert left.input == ZoneLeft(ZoneId("a"))
