"""What is said on a walk against the truth: every figure on small walks, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Nonsense
from sim.presence.grids import SHIFTS, Floor, Grid, read_floor, read_grid
from sim.presence.play import Played
from sim.presence.score import NOBODY, Announced, Entry, Stay, Told, entries, figures, follow, stays_of, tally

HALL = Floor(20.0, 10.0)
HALVES = Grid(HALL, 2, 1)  # r0c0 left of 10 m, r0c1 right of it


def played(at_s: list[float], x: list[float], y: float = 5.0) -> Played:
    times = np.array(at_s)
    count = len(at_s)
    return Played("made", times, times, np.array(x), np.full(count, y), ("a",) * count, (-60.0,) * count)


def told(
    cells: list[int],
    p: list[float] | None = None,
    x: list[float] | None = None,
    likeliest: list[int] | None = None,
) -> Told:
    count = len(cells)
    return Told(
        np.array(cells),
        np.array(cells if likeliest is None else likeliest),
        np.array(p or [0.0] * count),
        np.array(x or [math.nan] * count),
        np.full(count, 5.0),
    )


WALK = played([0.0, 1.0, 2.0, 4.0, 5.0], [2.0, 9.5, 11.0, 15.0, 15.0])
"""In the left half for 2 s, then in the right one for 3 s; a metre from the line or less from 1 s to 4 s."""

SAID = told([NOBODY, 0, 0, 1, 1], [0.5, 0.7, 0.9, 0.65, 0.65], [2.0, 9.0, 9.0, 12.0, 15.0], [1, 0, 0, 1, 1])


def test_time_is_weighed_by_how_long_a_packet_holds() -> None:
    of = figures(tally(WALK, SAID, HALVES))
    assert of.time_s == 5.0
    assert of.all == pytest.approx(
        2.0 / 5.0
    )  # right from 1 s to 2 s and from 4 s to 5 s; the last weighs nothing
    assert of.core == pytest.approx(1.0 / 2.0)  # from 0 s to 1 s unknown, from 4 s to 5 s right


def test_unknown_is_a_share_of_time_and_its_best_guess_is_judged() -> None:
    of = figures(tally(WALK, SAID, HALVES))
    assert of.unknown == pytest.approx(0.2)
    assert of.unknown_wrong == 1.0
    nothing_to_offer = told([NOBODY, 0, 0, 1, 1], likeliest=[NOBODY, 0, 0, 1, 1])
    assert figures(tally(WALK, nothing_to_offer, HALVES)).unknown_wrong is None


def test_changes_entries_and_delays_are_counted_from_entering() -> None:
    of = figures(tally(WALK, SAID, HALVES))
    assert (of.changes, of.true_changes) == (1, 1)
    assert (of.entries, of.missed) == (1, 0)
    assert of.delay_median_s == of.delay_p95_s == pytest.approx(2.0)  # entered at 2 s, said at 4 s


def test_falling_to_unknown_and_back_is_no_change() -> None:
    said = told([0, NOBODY, 0, NOBODY, 1])
    assert figures(tally(WALK, said, HALVES)).changes == 1


def test_an_entry_that_is_never_told_counts_with_its_whole_stay() -> None:
    of = figures(tally(WALK, told([0, 0, 0, 0, 0]), HALVES))
    assert (of.entries, of.missed) == (1, 1)
    assert of.delay_median_s == pytest.approx(3.0)


def test_position_errors_are_by_packet_and_packets_without_a_place_are_counted_apart() -> None:
    said = told([0] * 5, x=[3.0, math.nan, 14.0, 15.0, 20.0])
    of = figures(tally(WALK, said, HALVES))
    assert of.unplaced == 1
    assert of.position_median_m == pytest.approx(2.0)  # of 0, 1, 3, 5
    assert of.position_p95_m == pytest.approx(4.7)


def test_calibration_compares_p_with_the_share_of_time_right() -> None:
    of = figures(tally(WALK, SAID, HALVES))
    by_range = {one.from_p: (one.time_s, one.mean_p, one.right) for one in of.calibration}
    assert by_range == {0.6: (1.0, 0.65, 1.0), 0.7: (1.0, 0.7, 1.0), 0.9: (2.0, 0.9, 0.0)}
    assert of.calibration_error == pytest.approx((1 * 0.35 + 1 * 0.3 + 2 * 0.9) / 4)
    assert of.sure_wrong == pytest.approx(2.0 / 5.0)


def test_a_method_that_states_no_p_has_no_calibration() -> None:
    of = figures(tally(WALK, told([0] * 5), HALVES))
    assert of.calibration == ()
    assert of.calibration_error is None


def test_tallies_add_up_over_walks() -> None:
    one, other = tally(WALK, SAID, HALVES), tally(WALK, told([0] * 5, x=[0.0] * 5), HALVES)
    both = figures(one + other)
    assert both.time_s == 10.0
    assert both.all == pytest.approx((2.0 + 2.0) / 10.0)
    assert (both.entries, both.missed, both.true_changes) == (2, 1, 2)
    assert both.delay_median_s == pytest.approx(2.5)


def test_a_walk_that_never_leaves_has_no_entry_and_no_delay() -> None:
    still = played([0.0, 1.0], [2.0, 2.0])
    of = figures(tally(still, told([0, 0]), HALVES))
    assert (of.all, of.entries, of.delay_median_s, of.delay_p95_s) == (1.0, 0, None, None)


STAYS = (Stay("a", 0, 10), Stay("b", 10, 20), Stay("a", 20, 30))


def test_stays_are_made_of_the_zone_at_each_instant() -> None:
    assert stays_of([0, 5, 10, 30], ["a", "a", "b", "a"]) == (
        Stay("a", 0, 10),
        Stay("b", 10, 30),
        Stay("a", 30, 30),
    )


@pytest.mark.parametrize(
    ("said", "delay_s", "missed"),
    [
        ([("b", 8.0)], 0.0, False),
        ([("b", 12.5)], 2.5, False),
        ([("a", 0.0), ("b", 15.0), ("a", 16.0)], 5.0, False),
        ([("b", 20.0)], 10.0, True),
        ([("b", 2.0), ("a", 10.0)], 10.0, True),
        ([], 10.0, True),
    ],
    ids=["before", "after", "for a while", "on leaving", "until entering", "never"],
)
def test_an_entry_is_told_while_the_carrier_is_inside(
    said: list[tuple[str, float]], delay_s: float, missed: bool
) -> None:
    assert entries(STAYS[1:2], [Announced(*one) for one in said]) == (Entry("b", delay_s, missed),)


def test_what_was_never_true_while_it_held_is_false() -> None:
    result = follow(STAYS, [Announced("a", 1), Announced("c", 12), Announced("b", 21)])
    assert result.false == (Announced("c", 12), Announced("b", 21))
    assert [entry.missed for entry in result.entries] == [False, True, True]
    assert result.delay_s == 1.0


def test_nothing_announced_has_no_delay() -> None:
    result = follow(STAYS, [])
    assert (result.delay_s, result.false, [entry.missed for entry in result.entries]) == (
        None,
        (),
        [True] * 3,
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 40)), max_size=20))
def test_a_delay_is_never_negative_and_never_longer_than_the_stay(said: list[tuple[str, float]]) -> None:
    announced = [Announced(*one) for one in sorted(said, key=lambda one: one[1])]
    for stay, entry in zip(STAYS, follow(STAYS, announced).entries, strict=True):
        assert 0.0 <= entry.delay_s <= stay.until_s - stay.from_s
        assert not entry.missed or entry.delay_s == stay.until_s - stay.from_s


# --- grids


def test_a_grid_names_its_cells_from_the_origin_and_a_line_belongs_behind() -> None:
    grid = Grid(HALL, 4, 2)
    assert grid.zone_of(0.0, 0.0) == "r0c0"
    assert grid.zone_of(5.0, 4.99) == "r0c1"
    assert grid.zone_of(20.0, 10.0) == "r1c3"
    assert grid.zone_of(-3.0, 99.0) == "r1c0"
    assert grid.box("r1c3") == (15.0, 5.0, 20.0, 10.0)


def test_a_shifted_grid_has_cut_cells_at_its_border() -> None:
    grid = Grid(HALL, 2, 1, shift_x=0.4)
    assert grid.lines_x.tolist() == [4.0, 14.0]
    assert grid.zones == ("r0c0", "r0c1", "r0c2")
    assert grid.box("r0c0") == (0.0, 0.0, 4.0, 10.0)


def test_the_distance_to_an_edge_is_that_to_the_nearest_inner_line() -> None:
    grid = Grid(HALL, 2, 2)
    assert grid.edge_m(np.array([9.0, 1.0]), np.array([1.0, 4.8])).tolist() == pytest.approx([1.0, 0.2])
    assert np.isinf(Grid(HALL, 1, 1).edge_m(np.array([1.0]), np.array([1.0]))).all()


@given(st.integers(1, 5), st.integers(1, 5))
def test_every_shifted_grid_tiles_the_floor_and_the_first_is_the_plain_one(columns: int, rows: int) -> None:
    grid = Grid(HALL, columns, rows)
    copies = grid.shifted()
    assert copies[0] == grid
    assert len(set(copies)) == SHIFTS * SHIFTS
    for copy in copies:
        boxes = [copy.box(zone) for zone in copy.zones]
        assert sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) == pytest.approx(
            200.0
        )
        for zone, (left, top, right, bottom) in zip(copy.zones, boxes, strict=True):
            assert copy.zone_of((left + right) / 2, (top + bottom) / 2) == zone


@pytest.mark.parametrize("text", ["", "3", "3x", "axb", "3x3x3", "nanx3", "0x5", "3.5x2", "400x3"])
def test_a_grid_or_floor_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Nonsense):
        read_grid(text, HALL)
    with pytest.raises(Nonsense, match=r"20\.7x17\.6|1 to 1,000"):
        read_floor("3" if text in ("3.5x2", "400x3") else text)


def test_a_floor_may_be_written_with_a_cross() -> None:
    assert read_floor("20.7×17.6") == Floor(20.7, 17.6)
