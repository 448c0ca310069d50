"""Presence by the nearest scanner: what it concludes from sightings and from silence."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest

from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence.nearest import LEVELS_MAX, Nearest
from actors.presence.subject import OTHERS, SETTLE_MS, STRANGERS_MAX
from protocols.cells import Heard
from protocols.facts import PresenceSettings, Scanner, Zone
from protocols.ids import Key, ZoneId
from protocols.inputs import VisitEnded, ZoneEntered, ZoneLeft

CAPTURE = Path(__file__).parents[2] / "../shared/data/espresense_capture/stationary_x7_y14.75_z1.25.jsonp"
ANA = Key("shopper:ana")
T0 = 1_700_000_000_000


class Floor:
    """A stage with one subject, and a short way to say what is heard and when (seconds from the start)."""

    def __init__(self, zones: dict[str, str] | None = None, announced: str = "unknown") -> None:
        self.facts = Facts()
        self.facts.presence = PresenceSettings()
        for scanner, zone in (zones or {"n1": "dairy", "n2": "wine", "n3": "nuts"}).items():
            self.facts.scanners[scanner] = Scanner(ZoneId(zone))
        self.stage = Nearest()
        self.stage.admit(ANA, ZoneId(announced), T0)

    def hear(self, at_s: float, **levels: float) -> list[Concluded]:
        at_ms = T0 + round(at_s * 1000)
        found: list[Concluded] = []
        for scanner, dbm in levels.items():
            found += self.stage.hear(Heard(ANA, scanner, dbm, at_ms, at_ms * 1000), self.facts)
        return found

    def tick(self, at_s: float) -> list[Concluded]:
        return list(self.stage.tick(T0 + round(at_s * 1000), self.facts))

    def stay(self, from_s: float, to_s: float, **levels: float) -> list[Concluded]:
        """Four readings a second of each scanner, and the ticks between them."""
        found: list[Concluded] = []
        for quarter in range(round(from_s * 4), round(to_s * 4)):
            found += self.hear(quarter / 4, **levels) + self.tick(quarter / 4)
        return found


def zones(found: list[Concluded]) -> list[str]:
    return [done.input.zone for done in found if isinstance(done.input, ZoneEntered)]


def test_the_loudest_scanner_after_the_hold_is_the_zone() -> None:
    floor = Floor()
    assert floor.hear(0, n1=-70, n2=-60, n3=-80) == []
    found = floor.stay(0.25, 3, n1=-70, n2=-60, n3=-80)
    assert zones(found) == ["wine"]
    (done,) = found
    assert isinstance(done.input, ZoneEntered)
    assert 85 <= done.input.p <= 95


def test_a_conclusion_names_the_sighting_that_made_it() -> None:
    floor = Floor()
    floor.hear(0, n1=-60)
    (done,) = floor.hear(1.5, n1=-60)
    assert (done.cause.scanner, done.cause.subject) == ("n1", "ana")
    assert done.cause.arrived_us == (T0 + 1500) * 1000
    assert done.id == f"n1/shopper:ana@{(T0 + 1500) * 1000}/ZoneEntered"


def test_a_single_sighting_places_a_subject_once_the_hold_is_over() -> None:
    floor = Floor()
    assert floor.hear(0, n3=-75) == []
    assert floor.tick(0.5) == []
    assert zones(floor.tick(1.2)) == ["nuts"]


def test_less_than_the_hysteresis_changes_nothing() -> None:
    floor = Floor()
    floor.stay(0, 3, n1=-60, n2=-70)
    assert floor.stay(3, 30, n1=-65, n2=-60) == []


def test_a_louder_zone_is_entered_within_a_few_seconds() -> None:
    floor = Floor()
    floor.stay(0, 5, n1=-60, n2=-75)
    assert zones(floor.stay(5, 10, n1=-75, n2=-58)) == ["wine"]


def test_a_short_burst_from_afar_changes_nothing() -> None:
    floor = Floor()
    floor.stay(0, 5, n1=-60, n2=-75)
    assert floor.stay(5, 5.5, n1=-62, n2=-50) + floor.stay(5.5, 15, n1=-60, n2=-75) == []


def test_two_scanners_of_one_zone_are_one_zone() -> None:
    floor = Floor({"n1": "dairy", "n2": "dairy", "n3": "nuts"})
    found = floor.stay(0, 3, n1=-60, n2=-75, n3=-75) + floor.stay(3, 10, n1=-75, n2=-60, n3=-75)
    assert zones(found) == ["dairy"]


def test_the_zone_whose_own_scanner_falls_silent_is_left_for_one_that_hears() -> None:
    floor = Floor()
    floor.stay(0, 5, n1=-60, n2=-75)
    assert zones(floor.stay(5, 12, n2=-75)) == ["wine"]


def test_silence_moves_nobody_to_a_scanner_that_reports_seldom() -> None:
    floor = Floor()
    found = floor.stay(0, 2, n1=-60)
    for part in range(8):  # far off, and every four seconds only: its level counts for longer
        found += floor.hear(2 + 4 * part, n3=-85)
        found += floor.stay(2 + 4 * part, 6 + 4 * part, n1=-60)
    assert zones(found) == ["dairy"]
    later = [done for tenth in range(340, 530) for done in floor.tick(tenth / 10)]
    assert later == []


def test_silence_leaves_the_zone_and_then_ends_the_visit() -> None:
    floor = Floor()
    floor.stay(0, 3, n1=-60)
    assert floor.tick(20) == []
    (left,) = floor.tick(23)
    assert left.input == ZoneLeft(ZoneId("dairy"))
    assert left.cause.scanner == "n1" and left.cause.arrived_us == (T0 + 2750) * 1000
    assert floor.tick(100) == []
    (ended,) = floor.tick(123)
    assert ended.input == VisitEnded()
    assert ended.id != left.id


def test_a_visit_whose_end_failed_to_commit_is_ended_again_later() -> None:
    floor = Floor()
    floor.hear(0, n1=-60)
    (first,) = [done for done in floor.tick(121) if isinstance(done.input, VisitEnded)]
    assert floor.tick(150) == [] or all(not isinstance(d.input, VisitEnded) for d in floor.tick(150))
    (again,) = [done for done in floor.tick(242) if isinstance(done.input, VisitEnded)]
    assert first.id != again.id


def test_a_row_loaded_with_a_zone_concludes_nothing_for_five_seconds() -> None:
    floor = Floor(announced="dairy")
    assert floor.stay(0, SETTLE_MS / 1000, n1=-80, n2=-50) == []
    assert zones(floor.stay(SETTLE_MS / 1000, 8, n1=-80, n2=-50)) == ["wine"]


def test_a_row_loaded_with_a_zone_counts_silence_from_then() -> None:
    floor = Floor(announced="dairy")
    assert floor.tick(19) == []
    assert [done.input for done in floor.tick(21)] == [ZoneLeft(ZoneId("dairy"))]


def test_a_row_that_is_heard_where_it_was_announces_nothing() -> None:
    floor = Floor(announced="dairy")
    assert floor.stay(0, 60, n1=-60, n2=-75) == []


def test_a_node_that_reports_every_fifteen_seconds_is_not_silent_in_between() -> None:
    floor = Floor()
    found: list[Concluded] = []
    for second in range(300):
        if second % 15 == 0:
            found += floor.hear(second, n1=-55)
        if second % 14 == 0:
            found += floor.hear(second, n2=-75)
        found += floor.tick(second)
    assert zones(found)[-1] == "dairy"
    assert len([done for done in found if done.cause.arrived_us > (T0 + 60_000) * 1000]) == 0


def test_a_scanner_that_the_floor_does_not_list_is_counted_and_concludes_no_zone() -> None:
    floor = Floor()
    assert floor.stay(0, 10, attic=-40) == []
    assert floor.stage.strangers() == {"attic": 40}
    assert floor.tick(100) == []  # but whoever is heard has not left the store


def test_no_more_than_so_many_strangers_are_named() -> None:
    floor = Floor()
    for number in range(STRANGERS_MAX + 10):
        floor.hear(0, **{f"s{number}": -50})
    assert len(floor.stage.strangers()) == STRANGERS_MAX + 1
    assert floor.stage.strangers()[OTHERS] == 10


def test_no_more_than_so_many_scanners_are_remembered() -> None:
    floor = Floor({f"n{number}": "dairy" for number in range(LEVELS_MAX * 2)})
    for number in range(LEVELS_MAX * 2):
        floor.hear(number / 100, **{f"n{number}": -50})
    assert len(floor.stage._tracks[ANA].levels) == LEVELS_MAX


@pytest.mark.parametrize("dbm", [math.nan, math.inf, -math.inf, 62.0, -200.0])
def test_a_reading_that_is_no_signal_is_refused_and_counted(dbm: float) -> None:
    floor = Floor()
    floor.stay(0, 3, n1=-60)
    assert floor.hear(3, n1=dbm, n2=dbm) == []
    assert floor.stage.refused == 2
    assert floor.stay(3, 6, n1=-60) == []


def test_a_scanner_of_the_unknown_zone_claims_nothing() -> None:
    floor = Floor({"n1": "dairy", "door": "unknown"})
    assert zones(floor.stay(0, 3, n1=-60)) == ["dairy"]
    assert [d.input for d in floor.stay(3, 8, n1=-80, door=-50)] == [ZoneLeft(ZoneId("dairy"))]


def test_a_scanner_that_moves_to_another_zone_takes_its_level_along() -> None:
    floor = Floor()
    floor.stay(0, 3, n1=-60)
    floor.facts.scanners["n1"] = Scanner(ZoneId("bread"))
    assert zones(floor.stay(3, 6, n1=-60)) == ["bread"]


def test_time_that_runs_back_breaks_nothing() -> None:
    floor = Floor()
    floor.stay(10, 13, n1=-60)
    assert floor.stay(0, 3, n1=-60) == []
    assert zones(floor.stay(3, 8, n1=-80, n2=-55)) == ["wine"]


def test_nothing_is_concluded_of_a_subject_that_is_not_held() -> None:
    floor = Floor()
    floor.stage.forget(ANA)
    assert floor.stay(0, 5, n1=-60) == []
    assert floor.tick(500) == []


def test_a_position_is_given_once_a_second_near_the_loudest_scanner() -> None:
    floor = Floor()
    floor.facts.scanners["n1"] = Scanner(ZoneId("dairy"), 2.0, 3.0)
    floor.facts.scanners["n2"] = Scanner(ZoneId("wine"), 12.0, 3.0)
    shown = []
    for quarter in range(12):
        floor.hear(quarter / 4, n1=-50, n2=-80)
        shown += floor.stage.positions(T0 + quarter * 250, floor.facts)
    assert len(shown) == 3
    last = shown[-1]
    assert last.zone == "dairy" and last.key == ANA
    assert math.hypot(last.x - 2, last.y - 3) < 1.0


@pytest.mark.skipif(not CAPTURE.exists(), reason="../shared/data is absent")
def test_a_real_device_at_rest_ends_at_its_nearest_scanner_with_at_most_two_changes() -> None:
    lines = [json.loads(line) for line in CAPTURE.read_text().splitlines()]
    heard = [
        (datetime.fromisoformat(line["tst"]).timestamp(), line["topic"].split("/")[-1], line["payload"])
        for line in lines
    ]
    distances: dict[str, list[float]] = defaultdict(list)
    for _, scanner, payload in heard:
        distances[scanner].append(payload["distance"])
    nearest = min(distances, key=lambda scanner: sum(distances[scanner]) / len(distances[scanner]))

    floor = Floor({scanner: scanner for scanner in distances})
    found: list[Concluded] = []
    for at_s, scanner, payload in heard:
        dbm = payload["rssi"] - payload["rssi@1m"] - 59.0
        found += floor.hear(at_s - heard[0][0], **{scanner: dbm})
        found += floor.tick(at_s - heard[0][0])
    assert zones(found)[-1] == nearest
    assert len(found) <= 1 + 2


# --- a source that works out places itself

BOXES = {
    "dairy": ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)),
    "wine": ((6.0, 0.0), (10.0, 0.0), (10.0, 4.0), (6.0, 4.0)),
}
IN_DAIRY, IN_WINE, BETWEEN = (2.0, 2.0), (8.0, 2.0), (5.0, 2.0)


class Plan(Floor):
    """The same, with zones drawn and places heard."""

    def __init__(self, announced: str = "unknown", **zones: tuple[tuple[float, float], ...]) -> None:
        super().__init__(announced=announced)
        drawn = zones or BOXES
        self.facts.zones.update({zone: Zone(zone, polygon) for zone, polygon in drawn.items()})

    def place(self, at_s: float, x: float, y: float, error_m: float = 0.3) -> list[Concluded]:
        at_ms = T0 + round(at_s * 1000)
        heard = Heard(ANA, "pozyx", 0.0, at_ms, at_ms * 1000, (x, y, error_m))
        return list(self.stage.hear(heard, self.facts))

    def stand(self, from_s: float, to_s: float, x: float, y: float) -> list[Concluded]:
        """Four places a second, and the ticks between them."""
        found: list[Concluded] = []
        for quarter in range(round(from_s * 4), round(to_s * 4)):
            found += self.place(quarter / 4, x, y) + self.tick(quarter / 4)
        return found


def test_a_place_is_the_zone_whose_polygon_holds_it_once_it_has_for_the_hold() -> None:
    floor = Plan()
    assert floor.stand(0, 1, *IN_DAIRY) == []
    (done,) = floor.stand(1, 2, *IN_DAIRY)
    assert done.input == ZoneEntered(ZoneId("dairy"), 99)
    assert done.cause.scanner == "pozyx"


def test_a_place_over_the_border_for_less_than_the_hold_changes_nothing() -> None:
    floor = Plan()
    floor.stand(0, 5, *IN_DAIRY)
    assert floor.stand(5, 5.75, *IN_WINE) + floor.stand(5.75, 10, *IN_DAIRY) == []


def test_a_hold_begins_anew_when_the_place_is_in_a_third_zone() -> None:
    floor = Plan()
    floor.stand(0, 5, *IN_DAIRY)
    assert floor.stand(5, 5.75, *BETWEEN) + floor.stand(5.75, 6.75, *IN_WINE) == []
    assert zones(floor.stand(6.75, 7.5, *IN_WINE)) == ["wine"]


def test_a_place_in_no_zone_leaves_the_zone() -> None:
    floor = Plan()
    floor.stand(0, 5, *IN_DAIRY)
    assert [done.input for done in floor.stand(5, 8, *BETWEEN)] == [ZoneLeft(ZoneId("dairy"))]


def test_a_single_place_counts_once_the_hold_is_over() -> None:
    floor = Plan()
    assert floor.place(0, *IN_DAIRY) + floor.tick(0.5) == []
    assert zones(floor.tick(1.2)) == ["dairy"]


def test_while_a_source_places_a_subject_its_sightings_decide_nothing() -> None:
    floor = Plan()
    found: list[Concluded] = []
    for quarter in range(60):
        found += floor.hear(quarter / 4, n2=-40) + floor.place(quarter / 4, *IN_DAIRY)
        found += floor.tick(quarter / 4)
    assert zones(found) == ["dairy"]
    assert floor.stay(15, 30, n2=-40) == []


def test_sightings_decide_again_once_nothing_has_placed_the_subject_for_long() -> None:
    floor = Plan()
    floor.stand(0, 5, *IN_DAIRY)
    found = floor.stay(5, 30, n2=-40)
    assert zones(found) == ["wine"]
    assert found[0].cause.arrived_us >= (T0 + 24_000) * 1000


def test_places_that_stop_leave_the_zone_and_end_the_visit() -> None:
    floor = Plan()
    floor.stand(0, 3, *IN_DAIRY)
    assert floor.tick(20) == []
    assert [done.input for done in floor.tick(23)] == [ZoneLeft(ZoneId("dairy"))]
    assert [done.input for done in floor.tick(123)] == [VisitEnded()]


def test_a_row_loaded_with_a_zone_concludes_nothing_from_places_for_five_seconds() -> None:
    floor = Plan(announced="wine")
    assert floor.stand(0, SETTLE_MS / 1000, *IN_DAIRY) == []
    assert zones(floor.stand(SETTLE_MS / 1000, 8, *IN_DAIRY)) == ["dairy"]


def test_where_zones_overlap_the_announced_one_stays_and_else_the_first_by_id_is_taken() -> None:
    square = BOXES["dairy"]
    assert zones(Plan(b=square, a=square).stand(0, 3, *IN_DAIRY)) == ["a"]
    assert Plan(announced="b", b=square, a=square).stand(0, 20, *IN_DAIRY) == []


@pytest.mark.parametrize(
    ("x", "y", "zone"), [(1, 3, ["u"]), (5, 3, ["u"]), (3, 1, []), (3, 5, ["u"]), (-1, 3, [])]
)
def test_a_place_in_the_bay_of_a_bent_zone_is_outside_of_it(x: float, y: float, zone: list[str]) -> None:
    bent = ((0.0, 0.0), (2.0, 0.0), (2.0, 4.0), (4.0, 4.0), (4.0, 0.0), (6.0, 0.0), (6.0, 6.0), (0.0, 6.0))
    assert zones(Plan(u=bent).stand(0, 3, x, y)) == zone


def test_a_zone_that_is_not_drawn_holds_nothing() -> None:
    assert Plan(dairy=()).stand(0, 5, *IN_DAIRY) == []


@pytest.mark.parametrize("place", [(math.nan, 2.0, 0.3), (2.0, math.inf, 0.3), (2.0, 2.0, math.nan)])
def test_a_place_that_is_no_number_is_refused_and_counted(place: tuple[float, float, float]) -> None:
    floor = Plan()
    assert floor.place(0, *place) + floor.tick(5) == []
    assert floor.stage.refused == 1


def test_a_place_is_shown_as_it_was_given_once_a_second() -> None:
    floor = Plan()
    shown = []
    for quarter in range(12):
        floor.hear(quarter / 4, n2=-40)
        floor.place(quarter / 4, 2.123, 3.0, 0.25 if quarter < 8 else 0.0)
        shown += floor.stage.positions(T0 + quarter * 250, floor.facts)
    assert [(one.x, one.y) for one in shown] == [(2.12, 3.0)] * 3
    assert [one.doubt_m for one in shown] == [0.25, 0.25, 1.0]  # the last one came without an error
    assert shown[-1].zone == "dairy"
