"""Belief by places that a positioning system works out: they count by their error, and however far off they are."""

from __future__ import annotations

from math import dist

import numpy as np
import pytest

from actors.presence import motion
from tests.unit.small_floor import HALVES, ground_of
from tests.unit.test_belief import ONE, SCATTER, believing, held, middle, put, walled, wide


def test_one_who_is_begun_at_a_place_is_about_there_and_walks_as_people_do() -> None:
    beliefs = believing(ground_of(wide()))
    beliefs.begin_at(0, 30.0, 50.0)
    assert middle(beliefs) == pytest.approx((30.0, 50.0), abs=1.0)
    assert beliefs.p[0].sum(axis=(1, 2)) == pytest.approx(motion.START, abs=1e-5)
    assert beliefs.o_var[0] == SCATTER.device**2
    beliefs.begin_at(0, -5.0, 1e6)  # beyond the floor: the window at its edge
    assert held(beliefs).sum() == pytest.approx(1.0, abs=1e-4)
    assert [one.start for one in beliefs.window(0)] == [80 - 16, 0]


def test_a_place_counts_by_its_error() -> None:
    spread = []
    for error_m in (0.3, 1.0, 3.0):
        beliefs = believing(walled())
        beliefs.begin_at(0, 6.0, 4.0)
        beliefs.stand(ONE, np.array([4.0]), np.array([3.0]), np.array([error_m]))
        mass, ground = held(beliefs), beliefs.ground
        spread.append(float((mass * ((ground.x - 4.0) ** 2 + (ground.y - 3.0) ** 2)).sum()) ** 0.5)
        assert mass.sum() == pytest.approx(1.0, abs=1e-4)
    assert spread == sorted(spread)
    assert spread[0] < 1.0 < 2.0 < spread[2]


def test_places_from_elsewhere_can_be_far_from_all_belief() -> None:
    beliefs = believing(ground_of(wide()))
    put(beliefs, (5.0, 5.0))
    for _ in range(30):
        beliefs.walk(ONE, np.array([1.0]))
        beliefs.stand(ONE, np.array([49.0]), np.array([79.0]), np.array([0.3]))
        assert np.isfinite(beliefs.p).all()
        assert beliefs.p.sum() == pytest.approx(1.0, abs=1e-4)
    assert dist(middle(beliefs), (5.0, 5.0)) > 20.0  # as fast as it can


def test_a_floor_smaller_than_a_window_is_one() -> None:
    beliefs = believing(walled())
    assert beliefs.ground.window == (16, 24)
    assert HALVES.keys() == set(beliefs.ground.zones)
    beliefs.begin_at(0, 1.0, 1.0)
    beliefs.walk(ONE, np.array([20.0]))
    assert [one.start for one in beliefs.window(0)] == [0, 0]
