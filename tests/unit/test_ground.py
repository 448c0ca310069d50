"""The floor as presence sees it: where one can stand, which steps are open, and what zones hold of the cells."""

from __future__ import annotations

import numpy as np
import pytest

from actors.presence.ground import CELLS_MAX, WINDOW_M, Ground, cell_side_m, frame
from protocols.errors import Nonsense
from protocols.facts import Plan, Scanner, ShelfPlace, Zone
from protocols.ids import Sku, ZoneId
from tests.unit.small_floor import HALVES, SIX, Place, box, floor, ground_of

OUTLINE = ((0.0, 0.0), (12.0, 0.0), (12.0, 8.0), (0.0, 8.0), (0.0, 0.0))
ISLAND = ((4.0, 3.0), (6.0, 3.0), (6.0, 5.0), (4.0, 5.0), (4.0, 3.0))


def walled(*walls: tuple[Place, ...]) -> Ground:
    return ground_of(floor(plan=Plan("Walled", 12.0, 8.0, walls), cell_m=0.5))


def test_nobody_stands_in_a_closed_wall_unless_it_is_the_shops_own() -> None:
    assert walled(OUTLINE).walkable.all()
    ground = walled(OUTLINE, ISLAND)
    assert (ground.walkable == 0).sum() == 4 * 4
    assert (ground.walkable[6:10, 8:12] == 0).all()
    assert walled(ISLAND[:-1]).walkable.all()  # an open line is a wall, and nothing stands within it


def test_no_step_leads_into_a_fixture_or_over_a_wall() -> None:
    ground = walled(ISLAND, ((8.0, 0.0), (8.0, 2.0)))
    assert (ground.opens_right[6:10, 7:12] == 0).all()
    assert (ground.opens_down[5:10, 8:12] == 0).all()
    assert (ground.opens_right[0:4, 15] == 0).all()
    assert ground.opens_right[4, 15] == 1
    assert ground.opens_right.shape == (16, 23)
    assert ground.opens_down.shape == (15, 24)


def test_a_shelf_is_a_fixture() -> None:
    rack = ShelfPlace(ZoneId("a"), Sku("x"), 1, 1, 0, 2.0, 1.0, 3.0, 0.5)
    ground = ground_of(floor(shelves={"rack": rack}))
    assert np.argwhere(ground.walkable == 0).tolist() == [[2, column] for column in range(4, 10)]


def test_cells_beyond_a_plan_that_is_no_whole_number_of_them_are_no_floor() -> None:
    ground = ground_of(floor(plan=Plan("Odd", 11.2, 7.6), cell_m=0.5))
    assert (ground.rows, ground.columns) == (16, 23)
    assert ground.walkable[:, :22].sum() == 15 * 22
    assert ground.walkable[15].sum() == 0  # its middle is beyond


def test_a_floor_that_fixtures_fill_is_taken_to_be_free() -> None:
    block = ShelfPlace(ZoneId("a"), Sku("x"), 1, 1, 0, -1.0, -1.0, 20.0, 20.0)
    assert ground_of(floor(shelves={"block": block})).walkable.all()


def test_a_zone_is_entered_within_its_band_and_left_beyond_it() -> None:
    ground = ground_of(floor({"a": box(2, 2, 8, 6, 1.0)}, cell_m=0.5))
    inside, around = ground.inside[0] * 0.25, ground.around[0] * 0.25
    assert inside.sum() == pytest.approx(5 * 3, abs=0.5)  # square metres
    assert around.sum() == pytest.approx(7 * 5, abs=0.5)


def test_a_zone_that_is_not_drawn_holds_nothing_and_a_floor_may_have_none() -> None:
    ground = ground_of(floor({"a": HALVES["a"], "later": Zone("Later")}))
    assert ground.zones == ("a",)
    ground = ground_of(floor({}))
    assert ground.inside.shape == (0, 16, 24)


def test_scanners_keep_their_smoothing() -> None:
    smoothed = {
        name: Scanner(one.zone, one.x, one.y, smoothing_s=float(n))
        for n, (name, one) in enumerate(SIX.items())
    }
    ground = ground_of(floor(scanners=smoothed))
    assert {name: ground.smoothing_s[at] for name, at in ground.scanners.items()} == {
        name: one.smoothing_s for name, one in smoothed.items()
    }


def test_a_window_is_as_large_as_is_needed_and_no_larger_than_the_floor() -> None:
    assert ground_of(floor()).window == (16, 24)
    wide = ground_of(floor(plan=Plan("Wide", 40.0, 60.0)))
    assert wide.window == (WINDOW_M / wide.cell_m, WINDOW_M / wide.cell_m)


def test_the_side_of_a_cell_is_as_wanted_or_by_the_floor() -> None:
    assert cell_side_m(Plan("", 12.0, 8.0), 0.0) == 0.5
    assert cell_side_m(Plan("", 50.0, 80.0), 0.0) == 1.0
    assert cell_side_m(Plan("", 50.0, 80.0), 0.7) == 0.7
    assert frame(Plan("", 0.3, 0.3), 1.0) == (2, 2)
    with pytest.raises(Nonsense, match=f"{CELLS_MAX:,}"):
        frame(Plan("", 1_000.0, 1_000.0), 1.0)
