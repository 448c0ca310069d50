"""How belief walks: nothing is lost on the way, and it goes as far and spreads as wide as people do."""

from __future__ import annotations

import numpy as np
import pytest

from actors.presence import motion
from actors.presence.motion import (
    HEADINGS,
    SPEEDS_MPS,
    START,
    STATES,
    TURNING,
    VELOCITIES,
    kept,
    longest_step_s,
    taps,
)

CELLS_M = (0.25, 0.5, 0.75, 1.0)
STEPS = np.linspace(0.01, 1.0, 23)


def steps_of(cell_m: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Lengths of a step in seconds, up to the longest that is taken at once."""
    return STEPS * longest_step_s(cell_m)


def test_there_is_standing_and_every_heading_at_every_pace() -> None:
    assert VELOCITIES.shape == (STATES, 2)
    assert VELOCITIES[0].tolist() == [0.0, 0.0]
    pace = np.hypot(*VELOCITIES[1:].T).reshape(len(SPEEDS_MPS), HEADINGS)
    assert pace == pytest.approx(np.repeat(SPEEDS_MPS, HEADINGS).reshape(pace.shape))
    assert VELOCITIES.sum(axis=0) == pytest.approx([0.0, 0.0], abs=1e-12)  # nobody is drawn anywhere
    assert len({(round(x, 6), round(y, 6)) for x, y in VELOCITIES.tolist()}) == STATES


def test_turning_loses_nobody_and_makes_nobody() -> None:
    assert (TURNING >= 0).all()
    assert TURNING.sum(axis=0) == pytest.approx(1.0, abs=1e-6)
    p = np.random.default_rng(1).random(STATES).astype(np.float32)
    mixed = TURNING @ p
    assert mixed.sum() == pytest.approx(p.sum(), rel=1e-6)


def test_in_the_long_run_some_stand_and_no_heading_is_preferred() -> None:
    assert START.sum() == pytest.approx(1.0)
    assert START[0] == pytest.approx(1 - motion.MOVING)
    p = START.astype(float)
    for _ in range(500):
        p = TURNING @ p
    assert 0.1 < p[0] < 1 - motion.MOVING  # who stands changes sooner than who walks
    assert p[1:] == pytest.approx(p[1], rel=1e-3)


def test_one_who_turns_takes_a_neighbouring_heading_most_often_and_seldom_another_pace() -> None:
    column = TURNING[:, 1 + 3]  # the first pace, the fourth heading
    own, other = column[1 : 1 + HEADINGS], column[1 + HEADINGS :]
    assert sorted(np.argsort(own)[-2:].tolist()) == [2, 4]
    assert own[2] == own[4] == own.max()
    assert column[0] == pytest.approx(0.5 * (1 - motion.MOVING))
    assert other.sum() < 0.05


def test_a_heading_lasts_some_seconds() -> None:
    assert kept(np.array([0.0]))[0] == 1.0
    assert kept(np.array([motion.HEADING_S]))[0] == pytest.approx(np.exp(-1))
    halves = kept(np.array([0.2, 0.3, 0.5]))
    assert halves[0] * halves[1] == pytest.approx(halves[2])


@pytest.mark.parametrize("cell_m", CELLS_M)
def test_no_share_of_a_step_is_negative_and_none_is_more_than_all(cell_m: float) -> None:
    ahead, back = taps(steps_of(cell_m), cell_m)
    assert (ahead >= 0).all()
    assert (back >= 0).all()
    assert (ahead + back <= 1 + 1e-6).all()


@pytest.mark.parametrize("cell_m", CELLS_M)
def test_a_step_goes_as_far_on_average_as_the_walk(cell_m: float) -> None:
    step_s = steps_of(cell_m)
    ahead, back = taps(step_s, cell_m)
    gone_m = (ahead.astype(float) - back) * cell_m
    for axis in (0, 1):
        assert gone_m[axis] == pytest.approx(step_s[:, None] * VELOCITIES[None, :, axis], abs=1e-6)


@pytest.mark.parametrize("cell_m", CELLS_M)
def test_a_step_spreads_by_the_wander_or_by_as_little_as_three_points_can(cell_m: float) -> None:
    step_s = steps_of(cell_m)
    ahead, back = (one.astype(float) for one in taps(step_s, cell_m))
    variance_m2 = (ahead + back - (ahead - back) ** 2) * cell_m**2
    wander_m2 = np.broadcast_to(motion.WANDER_M**2 * step_s[:, None], (len(step_s), STATES))
    for axis in (0, 1):
        f = np.abs(VELOCITIES[None, :, axis]) * step_s[:, None] / cell_m
        least = f * (1 - f) * cell_m**2  # a mean between two cells cannot have less
        most = (1 - f * f) * cell_m**2
        assert variance_m2[axis] == pytest.approx(np.minimum(np.maximum(wander_m2, least), most), abs=1e-6)
    assert variance_m2[:, :, 0] == pytest.approx(
        np.array([wander_m2[:, 0]] * 2), abs=1e-6
    )  # standing: wander alone


@pytest.mark.parametrize("cell_m", CELLS_M)
def test_a_slow_walk_over_coarse_cells_does_not_freeze(cell_m: float) -> None:
    """Half a minute of short steps: the mean is where the walker is, whatever the cells."""
    step_s, count, walker = 0.1, 300, 1  # the slow pace along x
    ahead, back = (one[0, 0, walker] for one in taps(np.array([step_s]), cell_m))
    p = np.zeros(200)
    p[20] = 1.0
    for _ in range(count):
        flow_on, flow_back = p[:-1] * ahead, p[1:] * back
        p[:-1] += flow_back - flow_on
        p[1:] += flow_on - flow_back
    mean_m = float((p * (np.arange(200) - 20)).sum()) * cell_m
    assert mean_m == pytest.approx(SPEEDS_MPS[0] * step_s * count, rel=1e-3)


@pytest.mark.parametrize("cell_m", CELLS_M)
def test_the_fastest_walker_crosses_at_most_one_cell_in_the_longest_step(cell_m: float) -> None:
    longest_s = longest_step_s(cell_m)
    assert max(SPEEDS_MPS) * longest_s <= cell_m * (1 + 1e-12)
    assert longest_s <= motion.STEP_S_MAX
    assert longest_step_s(100.0) == motion.STEP_S_MAX


def test_the_offsets_spread_is_that_of_everybodys_speed_along_one_axis() -> None:
    squares = (START[:, None] * VELOCITIES**2).sum(axis=0)
    assert squares[0] == pytest.approx(squares[1])
    assert pytest.approx(squares[0]) == motion.SPREAD_MPS2
