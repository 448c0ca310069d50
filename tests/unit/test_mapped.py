"""Presence by a radio map: what it concludes of people who walk, stand, fall silent, or are heard wrongly."""

from __future__ import annotations

import math

import pytest

from actors.presence import mapped
from actors.presence.subject import SETTLE_MS
from protocols.ids import ZoneId
from protocols.inputs import VisitEnded, ZoneEntered, ZoneLeft
from tests.unit.small_floor import ANA, T0, Shop, box, floor

IN_A, IN_B, BORDER = (2.0, 4.0), (10.0, 4.0), (6.0, 4.0)
AISLE = {"a": box(0, 0, 4, 8), "b": box(8, 0, 12, 8)}
"""Two zones with an aisle between them that is none."""


def test_one_who_walks_from_one_zone_to_another_enters_the_one_and_then_the_other_and_nothing_else() -> None:
    shop = Shop(floor())
    until_s = shop.walk(IN_A, IN_B)
    shop.stay(IN_B, until_s, until_s + 10)
    assert shop.zones == ["a", "b"]
    assert len(shop.found) == 2


def test_a_conclusion_names_the_last_reading_of_the_burst_that_made_it() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 5)
    shop.found.clear()
    for second in range(5, 15):
        levels = shop.readings(IN_B)
        shop.hear(second, levels)
        if found := shop.tick(second + 0.01):
            (done,) = found
            assert done.cause.subject == "ana"
            assert done.cause.scanner == list(levels)[-1]
            assert done.cause.arrived_us == (T0 + second * 1_000) * 1_000 + len(levels) - 1
            assert isinstance(done.input, ZoneEntered)
            assert 50 <= done.input.p <= 99
            return
    pytest.fail("nothing was concluded")


def test_two_bursts_that_wait_for_one_tick_conclude_as_two_with_ids_of_their_own() -> None:
    shop = Shop(floor(), noise_db=0.0)
    shop.stay(IN_A, 0, 3)
    for second in range(3, 13):
        shop.hear(second, shop.readings(IN_B))
    for second in range(13, 23):
        shop.hear(second, shop.readings(IN_A))
    found = shop.tick(24)
    assert shop.zones == ["a", "b", "a"]
    assert len({done.id for done in found}) == 2
    first, second = (done.cause.arrived_us // 1_000_000 - T0 // 1_000 for done in found)
    assert 3 <= first < 13 <= second < 23


def test_somebody_is_located_within_a_metre_on_a_map_that_is_exact() -> None:
    shop = Shop(floor())
    shop.walk((2.0, 2.0), (10.0, 2.0), (10.0, 6.0), (3.0, 6.0))
    shop.stay((3.0, 6.0), 40, 60)
    assert shop.error_m((3.0, 6.0)) < 1.0
    assert shop.position().doubt_m < 2.0
    assert shop.position().p > 90


# --- thresholds, margins, unknown


def test_a_zone_is_entered_at_the_p_that_is_set() -> None:
    """Near the border both hold some: a low threshold changes the zone to and fro, a high one hardly ever."""
    changes = []
    for enter_p in (0.51, 0.95):
        count = 0
        for seed in range(6):
            shop = Shop(floor(enter_p=enter_p, leave_p=0.05), seed=seed)
            shop.stay(IN_A, 0, 6)
            shop.stay(BORDER, 6, 60)
            count += len(shop.zones) - 1
        changes.append(count)
    assert changes[0] >= 6
    assert changes[1] <= 1


def test_a_zone_is_left_at_the_p_that_is_set() -> None:
    """In the aisle neither zone holds the subject: it is out at once or, where hardly any p will do, not at all."""
    left_after = []
    for leave_p in (0.4, 0.001):
        shop = Shop(floor(AISLE, leave_p=leave_p))
        shop.stay(IN_A, 0, 6)
        shop.stay(BORDER, 6, 20)
        left_after.append(shop.zones)
    assert left_after == [["a", "-"], ["a"]]


def test_one_who_stands_between_the_zones_is_in_neither() -> None:
    shop = Shop(floor(AISLE))
    shop.stay(BORDER, 0, 20)
    assert shop.zones == []
    until_s = shop.walk(BORDER, IN_B, from_s=20)
    assert shop.zones == ["b"]
    shop.walk(IN_B, BORDER, BORDER, from_s=until_s)
    shop.stay(BORDER, until_s + 8, until_s + 18)
    assert shop.zones == ["b", "-"]
    assert shop.said[-1] == ZoneLeft(ZoneId("b"))


def changes_on_the_border(margin_m: float) -> int:
    """Zones announced of people who sway about the border for a minute."""
    zones = {"a": box(0, 0, 6, 8, margin_m), "b": box(6, 0, 12, 8, margin_m)}
    count = 0
    for seed in range(5):
        shop = Shop(floor(zones), seed=seed, noise_db=4.0)
        shop.stay((5.5, 4.0), 0, 5)
        for second in range(5, 65):
            shop.burst(second, (6.0 + 0.4 * math.sin(second / 2.5), 4.0))
        count += len(shop.zones) - 1
    return count


def test_a_margin_keeps_the_zone_of_one_who_stands_on_a_border() -> None:
    without, within = changes_on_the_border(0.0), changes_on_the_border(2.0)
    assert without >= 10
    assert within <= without / 3


def test_whoever_came_from_within_keeps_the_zone_while_it_stands_in_the_band() -> None:
    for came_from, zone in ((IN_A, "a"), (IN_B, "b")):
        shop = Shop(floor({"a": box(0, 0, 6, 8, 3.0), "b": box(6, 0, 12, 8, 3.0)}))
        until_s = shop.walk(came_from, BORDER)
        shop.stay(BORDER, until_s, until_s + 30)
        assert shop.zones == [zone]


def test_a_zone_with_a_margin_is_entered_and_left_all_the_same() -> None:
    shop = Shop(floor({"a": box(0, 0, 6, 8, 1.0), "b": box(6, 0, 12, 8, 1.0)}))
    until_s = shop.walk(IN_A, IN_B)
    shop.walk(IN_B, IN_A, from_s=until_s)
    assert shop.zones == ["a", "b", "a"]


def test_where_the_belief_is_flat_the_zone_is_unknown() -> None:
    """Nine zones; then a single reading now and again, from which somebody may have walked anywhere."""
    zones = {
        f"z{column}{row}": box(column * 4, row * 8 / 3, column * 4 + 4, (row + 1) * 8 / 3)
        for column in range(3)
        for row in range(3)
    }
    shop = Shop(floor(zones))
    shop.stay((6.0, 4.0), 0, 6)
    assert shop.zones == ["z11"]
    for second in range(20, 80, 15):
        shop.hear(second, {"s1": -80.0})
        shop.tick(second + 0.25)
        shop.tick(second + 0.5)
    assert shop.zones == ["z11", "-"]


# --- silence


def test_silence_leaves_the_zone_and_then_ends_the_visit() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 5)
    shop.wait(5, 23.5)
    assert shop.zones == ["a"]
    shop.wait(23.5, 25)
    assert shop.zones == ["a", "-"]
    shop.wait(25, 123.5)
    assert len(shop.found) == 2
    shop.wait(123.5, 126)
    assert shop.said[-1] == VisitEnded()
    assert len(shop.found) == 3
    assert len({done.id for done in shop.found}) == 3


def test_one_who_comes_back_from_silence_is_found_where_it_is_by_then() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 5)
    shop.wait(5, 40)
    shop.stay(IN_B, 40, 43)
    assert shop.zones == ["a", "-", "b"]
    assert shop.error_m(IN_B) < 1.5


def test_a_row_loaded_with_a_zone_concludes_nothing_for_five_seconds() -> None:
    shop = Shop(floor(), announced="a")
    settle_s = SETTLE_MS // 1_000
    shop.stay(IN_B, 0, settle_s)
    assert shop.found == []
    shop.stay(IN_B, settle_s, settle_s + 2)
    assert shop.zones == ["b"]


def test_a_row_loaded_with_a_zone_counts_silence_from_then() -> None:
    shop = Shop(floor(), announced="a")
    shop.wait(0, 19.5)
    assert shop.found == []
    shop.wait(19.5, 21)
    assert shop.said == [ZoneLeft(ZoneId("a"))]


def test_a_row_that_is_heard_where_it_was_announces_nothing() -> None:
    shop = Shop(floor(), announced="a")
    shop.stay(IN_A, 0, 60)
    assert shop.found == []


# --- readings that are wrong


@pytest.mark.parametrize("dbm", [math.nan, math.inf, -math.inf, 62.0, -200.0])
def test_a_reading_that_is_no_signal_changes_nothing_and_is_counted(dbm: float) -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 5)
    before = shop.position()
    shop.hear(6, {"s0": dbm, "s1": dbm})
    assert shop.tick(6.01) == []
    assert shop.stage.refused == 2
    assert shop.position() == before
    shop.hear(24, {"s0": dbm})
    assert [done.input for done in shop.tick(24.1)] == [
        ZoneLeft(ZoneId("a"))
    ]  # nor does it count as being heard


@pytest.mark.parametrize("place", [(math.nan, 1.0), (1.0, math.inf), (-math.inf, 1.0)])
def test_a_place_that_is_no_place_changes_nothing_and_is_counted(place: tuple[float, float]) -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 5)
    before = shop.position()
    shop.place(6, place)
    shop.tick(6.01)
    assert shop.stage.refused == 1
    assert shop.position() == before


def test_one_wild_reading_in_a_burst_does_not_move_anybody() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 10)
    for second in range(10, 30):
        levels = shop.readings(IN_A)
        levels[f"s{second % 6}"] = -127.0 if second % 2 else 0.0
        shop.hear(second, levels)
        shop.tick(second + 0.01)
    assert shop.zones == ["a"]
    assert shop.error_m(IN_A) < 2.0


def test_a_scanner_that_the_map_does_not_have_is_counted_and_concludes_no_zone() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 5)
    for second in range(5, 60):
        shop.hear(second, {"attic": -40.0})
        shop.tick(second + 0.01)
    assert shop.stage.strangers() == {"attic": 55}
    assert shop.zones == ["a", "-"]
    shop.wait(60, 140)
    assert VisitEnded() not in shop.said  # whoever is heard has not left the store


def test_time_that_runs_back_breaks_nothing() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 3_600, 3_605)
    shop.stay(IN_B, 0, 5)
    assert shop.zones == ["a", "b"]
    assert shop.error_m(IN_B) < 1.5
    assert shop.stage.positions(T0, shop.facts) != []


def test_scanners_that_report_at_their_own_times_make_no_endless_burst() -> None:
    """Readings 20 ms apart without a pause: people are followed all the same."""
    shop = Shop(floor())
    way = [(2.0 + 0.01 * number, 4.0) for number in range(800)]
    for number, at in enumerate(way):
        name = f"s{number % 6}"
        shop.hear(number / 50, {name: shop.readings(at)[name]})
        shop.tick(number / 50)
    assert shop.zones == ["a", "b"]
    assert shop.error_m(way[-1]) < 1.5


def test_a_burst_split_over_ticks_leads_to_the_same_belief_as_one_that_comes_at_once() -> None:
    whole, split = Shop(floor()), Shop(floor())
    for second in range(20):
        levels = whole.readings((2.0 + 0.4 * second, 4.0))
        whole.hear(second, levels)
        whole.tick(second + 0.02)
        at_ms = T0 + second * 1_000
        for number, (name, dbm) in enumerate(levels.items()):
            heard = mapped.Heard(ANA, name, dbm, at_ms + number // 2, at_ms * 1_000 + number)
            split.stage.hear(heard, split.facts)
            split.tick(second + 0.003 * number)
    one, other = whole.position(), split.position()
    assert (one.x, one.y, one.doubt_m) == pytest.approx((other.x, other.y, other.doubt_m), abs=0.01)
    assert whole.zones[-1] == split.zones[-1] == "b"


def test_the_order_of_readings_within_a_burst_hardly_matters() -> None:
    forth, back = Shop(floor()), Shop(floor())
    for second in range(20):
        levels = forth.readings((2.0 + 0.4 * second, 4.0))
        forth.hear(second, levels)
        back.hear(second, dict(reversed(levels.items())))
        forth.tick(second + 0.01)
        back.tick(second + 0.01)
    one, other = forth.position(), back.position()
    assert math.dist((one.x, one.y), (other.x, other.y)) < 0.3
    assert forth.zones == back.zones == ["a", "b"]


# --- sources that work out places


def test_places_from_elsewhere_lead_to_the_zone_that_holds_them() -> None:
    shop = Shop(floor())
    for second in range(5):
        shop.place(second, IN_A)
        shop.tick(second + 0.1)
    shop.wait(5, 6)
    assert shop.zones == ["a"]
    for second in range(5, 15):
        shop.place(second, IN_B)
        shop.tick(second + 0.1)
    shop.wait(15, 16)
    assert shop.zones == ["a", "b"]
    assert shop.error_m(IN_B) < 0.5


@pytest.mark.parametrize("far", [(-3.0, 4.0), (1e9, 4.0), (-1e308, -1e308)])
def test_a_place_beyond_the_floor_is_at_its_edge(far: tuple[float, float]) -> None:
    shop = Shop(floor())
    for second in range(5):
        shop.place(second, far)
        shop.tick(second + 0.1)
    where = shop.position()
    assert 0 <= where.x <= 12
    assert 0 <= where.y <= 8
    assert shop.error_m((min(max(far[0], 0), 12), min(max(far[1], 0), 8))) < 1.0


def test_a_place_from_elsewhere_outweighs_readings_that_disagree() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 5)
    for second in range(5, 12):
        shop.hear(second, shop.readings(IN_A))
        shop.place(second + 0.005, (4.0, 4.0))
        shop.tick(second + 0.02)
    assert shop.error_m((4.0, 4.0)) < 1.0
