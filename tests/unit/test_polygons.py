"""Shares of cells within polygons, and the steps between cells that a wall stops."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from actors.presence.polygons import Flags, Point, centres, far_from, holds, shares, stopped

SQUARE = ((1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0))
ELL = ((0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (1.0, 1.0), (1.0, 4.0), (0.0, 4.0))
"""Concave: along the top, and down the left."""


def test_cells_within_count_whole_and_cells_without_not_at_all() -> None:
    assert shares(SQUARE, 4, 4, 1.0).tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_a_border_through_the_middle_of_cells_leaves_halves_and_quarters() -> None:
    share = shares(((0.5, 0.5), (2.5, 0.5), (2.5, 1.5), (0.5, 1.5)), 2, 3, 1.0)
    assert share.tolist() == [[0.25, 0.5, 0.25], [0.25, 0.5, 0.25]]


def test_a_triangle_cuts_the_cells_along_its_slope_in_half() -> None:
    share = shares(((0.0, 0.0), (4.0, 0.0), (0.0, 4.0)), 4, 4, 1.0)
    assert share[0, 0] == 1.0
    assert share[3, 3] == share[2, 2] == 0.0
    assert np.diag(np.fliplr(share)) == pytest.approx(0.5, abs=0.125)
    assert share.sum() == pytest.approx(8.0, abs=0.5)


@pytest.mark.parametrize("cell_m", [0.25, 0.5, 1.0])
def test_shares_of_all_cells_add_up_to_the_area(cell_m: float) -> None:
    side = round(6 / cell_m)
    area = (
        float(shares(((0.7, 0.9), (5.3, 1.1), (4.9, 4.7), (1.3, 5.1)), side, side, cell_m).sum()) * cell_m**2
    )
    assert area == pytest.approx(16.04, rel=0.03)  # by the shoelace formula


def test_a_concave_polygon_does_not_hold_what_it_goes_around() -> None:
    share = shares(ELL, 4, 4, 1.0)
    assert share.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]


def test_the_direction_in_which_a_polygon_is_drawn_does_not_matter() -> None:
    assert np.array_equal(shares(ELL, 8, 8, 0.5), shares(ELL[::-1], 8, 8, 0.5))


def test_zones_that_share_a_border_share_no_part_of_a_cell() -> None:
    left = ((0.0, 0.0), (2.3, 0.0), (2.3, 4.0), (0.0, 4.0))
    right = ((2.3, 0.0), (5.0, 0.0), (5.0, 4.0), (2.3, 4.0))
    both = shares(left, 4, 5, 1.0) + shares(right, 4, 5, 1.0)
    assert both.tolist() == [[1.0] * 5] * 4


def test_a_polygon_grown_reaches_beyond_its_border_and_one_shrunk_stays_within() -> None:
    side = 24
    plain, grown, shrunk = (shares(SQUARE, side, side, 0.25, by) for by in (0.0, 0.5, -0.5))
    area = [float(one.sum()) / 16 for one in (plain, grown, shrunk)]
    assert area[0] == 4.0
    assert area[1] == pytest.approx(4 + 4 * 2 * 0.5 + np.pi * 0.5**2, abs=0.15)  # corners grow round
    assert area[2] == pytest.approx(1.0, abs=0.1)
    assert (grown >= plain).all()
    assert (shrunk <= plain).all()


def test_a_zone_shrunk_by_more_than_half_its_width_holds_nothing() -> None:
    assert shares(SQUARE, 8, 8, 0.5, -1.1).sum() == 0.0


def test_what_lies_beyond_the_floor_is_left_out() -> None:
    over = shares(((-2.0, -2.0), (1.5, -2.0), (1.5, 1.0), (-2.0, 1.0)), 3, 3, 1.0)
    assert over.tolist() == [[1, 0.5, 0], [0, 0, 0], [0, 0, 0]]
    for beyond in (((10.0, 0.0), (12.0, 0.0), (12.0, 3.0)), ((-9.0, -9.0), (-8.0, -9.0), (-8.0, -8.0))):
        assert shares(beyond, 3, 3, 1.0).sum() == 0.0
    assert shares(((-5.0, -5.0), (50.0, -5.0), (50.0, 50.0), (-5.0, 50.0)), 3, 3, 1.0).sum() == 9.0


def test_a_polygon_without_an_area_holds_nothing_and_still_can_be_grown() -> None:
    line: tuple[Point, ...] = ((0.0, 2.0), (4.0, 2.0), (4.0, 2.0), (0.0, 2.0))
    assert shares(line, 4, 4, 1.0).sum() == 0.0
    point: tuple[Point, ...] = ((2.0, 2.0),) * 3
    assert shares(point, 8, 8, 0.5).sum() == 0.0
    assert float(shares(point, 16, 16, 0.25, 1.0).sum()) / 16 == pytest.approx(np.pi, rel=0.05)


def test_a_point_is_as_far_from_a_polygon_as_from_its_nearest_edge_or_corner() -> None:
    x, y = np.array([2.0, 0.0, 2.0, 4.0]), np.array([1.25, 2.0, 2.0, 4.0])
    assert far_from(SQUARE, x, y) == pytest.approx([0.25, 1.0, 1.0, np.sqrt(2)])
    assert holds(SQUARE, x, y).tolist() == [True, False, True, False]


# --- walls


def test_a_wall_between_two_columns_stops_the_steps_across_it_and_no_other() -> None:
    right, down = stopped([((2.0, 0.0), (2.0, 3.0))], 3, 4, 1.0)
    assert right.tolist() == [[False, True, False]] * 3
    assert not down.any()


def test_a_wall_between_two_rows_stops_the_steps_down() -> None:
    right, down = stopped([((0.0, 1.0), (4.0, 1.0))], 3, 4, 1.0)
    assert down.tolist() == [[True] * 4, [False] * 4]
    assert not right.any()


def test_a_gap_in_a_wall_lets_through() -> None:
    right, _ = stopped([((2.0, 0.0), (2.0, 1.0)), ((2.0, 2.0), (2.0, 4.0))], 4, 4, 1.0)
    assert right[:, 1].tolist() == [True, False, True, True]


def test_a_wall_that_ends_within_a_cell_stops_the_step_only_if_it_reaches_the_middle() -> None:
    for end, stops in ((1.4, False), (1.6, True)):
        right, _ = stopped([((2.0, 0.0), (2.0, end))], 3, 4, 1.0)
        assert right[:, 1].tolist() == [True, stops, False]


def test_a_floor_without_walls_stops_nothing() -> None:
    right, down = stopped([], 3, 4, 1.0)
    assert (right.shape, down.shape) == ((3, 3), (2, 4))
    assert not right.any()
    assert not down.any()


def reached(
    walls: list[tuple[Point, ...]], rows: int, columns: int, cell_m: float, x: float, y: float
) -> Flags:
    """The cells that one who starts at x, y can walk to."""
    right, down = stopped(walls, rows, columns, cell_m)
    seen = np.zeros((rows, columns), dtype=np.bool_)
    todo = deque([(int(y / cell_m), int(x / cell_m))])
    while todo:
        row, column = todo.popleft()
        if seen[row, column]:
            continue
        seen[row, column] = True
        if column + 1 < columns and not right[row, column]:
            todo.append((row, column + 1))
        if column > 0 and not right[row, column - 1]:
            todo.append((row, column - 1))
        if row + 1 < rows and not down[row, column]:
            todo.append((row + 1, column))
        if row > 0 and not down[row - 1, column]:
            todo.append((row - 1, column))
    return seen


@pytest.mark.parametrize(
    "outline",
    [
        ((2.0, 2.0), (6.0, 2.0), (6.0, 6.0), (2.0, 6.0)),  # between cells
        ((2.5, 2.5), (6.5, 2.5), (6.5, 6.5), (2.5, 6.5)),  # through the very middles of cells
        ((2.5, 2.0), (6.0, 2.5), (5.5, 6.5), (2.0, 6.0)),
        ((4.5, 1.5), (7.5, 4.5), (4.5, 7.5), (1.5, 4.5)),  # through the middles of a diagonal
        ((2.1, 2.3), (6.4, 1.7), (4.4, 3.9), (6.9, 6.2), (2.2, 6.8)),
    ],
)
@pytest.mark.parametrize("cell_m", [0.5, 1.0])
def test_nobody_slips_out_of_a_closed_room(outline: tuple[Point, ...], cell_m: float) -> None:
    side = round(9 / cell_m)
    inside = reached([(*outline, outline[0])], side, side, cell_m, 4.0, 4.0)
    x, y = centres(side, side, cell_m)
    within = holds(outline, x, y) | (
        far_from(outline, x, y) < 1e-3
    )  # cells whose middles the wall runs through
    assert not (inside & ~within).any()
    assert inside.sum() > 0.9 * holds(outline, x, y).sum()


def test_somebody_gets_out_by_the_door() -> None:
    walls: list[tuple[Point, ...]] = [
        ((4.5, 6.5), (2.5, 6.5), (2.5, 2.5), (6.5, 2.5), (6.5, 6.5), (5.5, 6.5))
    ]
    assert reached(walls, 9, 9, 1.0, 4.0, 4.0).all()
