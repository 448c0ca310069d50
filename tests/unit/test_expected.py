"""How far off positions will be, and which zones the radio cannot tell apart, worked out from the map alone."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from actors.facts import Facts
from actors.presence import expected as worked_out
from actors.presence.expected import APART_P, Expected, expected
from actors.presence.radio import UNSURVEYED_SD_DB
from edge.expected import ExpectedDesk
from edge.web.floor_views import ExpectedView
from protocols.facts import Plan, Scanner, ShelfPlace, SurveyPoint, Zone
from protocols.ids import Sku, ZoneId
from tests.unit.small_floor import HALVES, PLAN, SIX, T0, Shop, box, floor, ground_of

HALL = Plan("Hall", 20.0, 15.0)


def hung(columns: int, rows: int, plan: Plan = HALL) -> dict[str, Scanner]:
    return {
        f"s{row}{column}": Scanner(
            ZoneId("a"), (column + 0.5) * plan.width_m / columns, (row + 0.5) * plan.height_m / rows
        )
        for row in range(rows)
        for column in range(columns)
    }


def of(facts: Facts) -> Expected:
    assert facts.radio is not None
    return expected(ground_of(facts), facts.radio, facts.signals)


def mean_m(found: Expected) -> float:
    return float(found.error_m[found.error_m >= 0].mean())


def test_the_more_scanners_the_smaller_the_error() -> None:
    errors = [
        mean_m(of(floor(scanners=hung(*shape), plan=HALL))) for shape in ((2, 1), (2, 2), (4, 3), (6, 5))
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[1]


def test_the_error_is_that_of_people_who_are_located_by_a_map_as_wrong_as_it_says() -> None:
    """Not to the centimetre, but a floor of which 2 m is said must not be one of 1 or of 4."""
    facts, chance = floor(), np.random.default_rng(1)
    found = of(facts)
    errors = []
    for at in ((2.0, 2.0), (6.0, 4.0), (10.0, 6.0)):
        for seed in range(8):
            off_db = {name: float(chance.normal(0, UNSURVEYED_SD_DB)) for name in SIX}
            shop = Shop(facts, seed=seed, noise_db=4.0)
            for second in range(10):
                shop.burst(second, at, **off_db)
            errors.append(shop.error_m(at))
    assert mean_m(found) == pytest.approx(float(np.mean(errors)), rel=0.4)


def test_a_lone_scanner_tells_nothing_since_a_device_may_be_of_any_power() -> None:
    found = of(floor(scanners={"s": Scanner(ZoneId("a"), 10.0, 7.5)}, plan=HALL))
    x, y = np.meshgrid(np.arange(0.25, 20, 0.5), np.arange(0.25, 15, 0.5))
    for row, column in ((15, 20), (3, 4)):  # right below it, and in a corner
        anywhere = np.hypot(x - x[row, column], y - y[row, column])
        assert found.error_m[row, column] == pytest.approx(float(anywhere.mean()), rel=0.05)


def test_two_halves_of_a_floor_are_told_apart_and_strips_of_a_metre_are_not() -> None:
    wide = of(floor(HALVES))
    assert all(one.own_p > APART_P for one in wide.zones.values())
    strips = {f"z{n}": box(n, 0, n + 1, 8) for n in range(12)}
    fine = of(floor(strips))
    assert all(one.own_p < APART_P for one in fine.zones.values())
    middle = fine.zones[ZoneId("z5")]
    assert middle.confused_with in ("z4", "z6")
    assert 0.0 < middle.other_p <= middle.own_p


def test_the_shares_of_zones_that_fill_the_floor_add_up() -> None:
    found = of(floor(HALVES))
    for zone in found.zones.values():
        assert zone.own_p + zone.other_p == pytest.approx(1.0, abs=0.01)


def test_a_zone_alone_is_taken_for_no_other() -> None:
    (alone,) = of(floor({"a": box(0, 0, 3, 8)})).zones.values()
    assert alone.confused_with is None
    assert 0.3 < alone.own_p < 1.0


def test_where_nobody_can_stand_no_error_is_said() -> None:
    rack = ShelfPlace(ZoneId("a"), Sku("x"), 1, 1, 0, 4.0, 2.0, 4.0, 4.0)
    found = of(floor(shelves={"rack": rack}))
    assert (found.error_m == -1).sum() == 8 * 8
    assert (found.error_m[4:12, 8:16] == -1).all()


def test_a_large_floor_is_looked_at_in_coarser_steps_and_small_zones_are_not_lost_between_them() -> None:
    zones = {"corner": box(0, 0, 1.5, 1.5), "kiosk": box(31, 41, 32, 42), "rest": box(2, 2, 30, 40)}
    plan = Plan("Wide", 50.0, 80.0)
    found = of(floor(zones, hung(5, 8, plan), plan))
    assert found.error_m.size <= worked_out.SPOTS_MAX
    assert found.spot_m == 2.0
    assert found.error_m.shape == (40, 25)
    assert 0 < found.zones[ZoneId("kiosk")].own_p < APART_P
    assert 0 < found.zones[ZoneId("corner")].own_p < APART_P
    assert found.zones[ZoneId("rest")].own_p > APART_P


# --- as it is told to whoever draws


def looked(facts: Facts) -> ExpectedView | None:
    return asyncio.run(ExpectedDesk(lambda: facts).look())


def test_whoever_draws_a_zone_too_fine_is_told_what_to_do() -> None:
    zones = {
        "left": Zone("Milk, left", box(5, 3, 6, 5).polygon),
        "right": Zone("Milk, right", box(6, 3, 7, 5).polygon),
        "hall": Zone("Hall", box(0, 0, 5, 8).polygon),
    }
    view = looked(floor(zones))
    assert view is not None
    assert view.zones["left"].confused_with in ("right", "hall")
    assert view.zones["left"].say.startswith("Milk, left is drawn finer than the radio can tell: right ")
    assert "Join the two, make it larger, or hang a scanner there." in view.zones["left"].say
    assert view.zones["hall"].say == ""
    assert view.columns * view.rows == len(view.error_m)
    assert view.cell_m * view.columns >= PLAN.width_m


def test_a_zone_that_fixtures_fill_is_told_as_such() -> None:
    rack = ShelfPlace(ZoneId("a"), Sku("x"), 1, 1, 0, 4.0, 2.0, 4.0, 4.0)
    view = looked(
        floor({"full": Zone("Rack", box(4.5, 2.5, 7, 5).polygon), **HALVES}, shelves={"rack": rack})
    )
    assert view is not None
    assert view.zones["full"].say.startswith("Rack has no spot to stand on")
    assert view.zones["a"].say == ""


def test_the_page_says_what_the_map_was_made_from() -> None:
    view = looked(floor())
    assert view is not None
    assert view.say[0].startswith("About ")
    assert "From the plan alone" in view.say[1]
    points = [SurveyPoint(3.0, 3.0, 1.2, "", {name: {-60: 30} for name in SIX})]
    view = looked(floor(points=points))
    assert view is not None
    assert "From a survey of 1 points" in view.say[1]


def test_a_floor_without_a_map_has_no_view() -> None:
    facts = floor()
    facts.radio = None
    assert looked(facts) is None


def test_it_is_worked_out_once_for_each_state_of_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, times = floor(), []

    def counting(*given: object) -> Expected:
        times.append(T0)
        return expected(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(worked_out, "expected", counting)

    async def looks() -> None:
        desk = ExpectedDesk(lambda: facts)
        await asyncio.gather(desk.look(), desk.look(), desk.look())
        assert len(times) == 1
        facts.floor_version += 1
        await desk.look()
        assert len(times) == 2

    asyncio.run(looks())
