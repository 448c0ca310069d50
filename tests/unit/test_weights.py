"""A scale's readings: what is a change that has come to rest, and what is noise."""

from __future__ import annotations

import random

import pytest

from actors.concluded import Concluded
from actors.facts import Facts
from actors.shelf import Shelf
from actors.weights import GRAMS_MAX, QUIET_MS, Settling
from protocols.cells import Weighed
from protocols.facts import ShelfPlace
from protocols.ids import Key, Sku, ZoneId
from protocols.inputs import WeightSettled

NUTS = Key("shelf:nuts")
STEP_MS = 200


class Scale:
    """A stage with one shelf of 500 g pieces, read five times a second."""

    def __init__(self, at_rest_g: int | None = 10_000) -> None:
        self.facts = Facts()
        self.facts.shelves["nuts"] = ShelfPlace(
            ZoneId("nuts"), Sku("cashew"), unit_g=500, capacity=20, low_at=4
        )
        self.stage = Settling()
        self.stage.admit(NUTS, Shelf("nuts", weight_g=at_rest_g), 0)
        self.now_ms = 0

    def read(self, *grams: int) -> list[Concluded]:
        found: list[Concluded] = []
        for reading in grams:
            self.now_ms += STEP_MS
            found += self.stage.hear(Weighed(NUTS, reading, self.now_ms, self.now_ms * 1000), self.facts)
            found += self.stage.tick(self.now_ms, self.facts)
        return found


def test_a_piece_taken_settles_once() -> None:
    scale = Scale()
    found = scale.read(10_000, 9_800, 9_510, 9_500, 9_495, 9_500, 9_502)
    assert [done.input for done in found] == [WeightSettled(10_000, 9_502)]


def test_the_change_is_from_rest_to_rest() -> None:
    scale = Scale()
    scale.read(*[9_500] * 4)
    (done,) = scale.read(*[8_500] * 4)
    assert done.input == WeightSettled(9_500, 8_500)


def test_a_conclusion_names_the_reading_that_made_it() -> None:
    scale = Scale()
    (done,) = scale.read(9_500, 9_500, 9_500)
    assert done.cause.arrived_us == 600_000
    assert done.cause.scanner == "nuts"
    assert done.id == "nuts/shelf:nuts@600000/WeightSettled"


def test_noise_and_drift_conclude_nothing() -> None:
    scale, dice = Scale(), random.Random(7)
    for minute in range(2_000):
        assert scale.read(10_000 + minute // 4 + dice.randint(-40, 40)) == []


def test_what_drifted_is_the_weight_before() -> None:
    scale = Scale()
    for step in range(400):
        assert scale.read(10_000 + step // 2) == []
    (done,) = scale.read(*[9_700] * 4)
    assert isinstance(done.input, WeightSettled)
    assert 10_180 <= done.input.before_g <= 10_199


def test_spikes_conclude_nothing() -> None:
    scale = Scale()
    assert scale.read(10_000, 25_000, 10_000, 2, 10_003, 25_000, 2, 10_000, 10_000) == []


def test_a_hand_that_leans_on_the_shelf_concludes_nothing() -> None:
    scale = Scale()
    assert scale.read(12_000, 14_500, 13_100, 12_600, 13_900, 11_000, 10_001, 10_000) == []


def test_a_scale_that_speaks_only_of_changes_settles_by_keeping_quiet() -> None:
    scale = Scale()
    assert scale.read(9_000) == []
    assert scale.stage.tick(scale.now_ms + QUIET_MS - 1, scale.facts) == ()
    (done,) = scale.stage.tick(scale.now_ms + QUIET_MS, scale.facts)
    assert done.input == WeightSettled(10_000, 9_000)
    assert scale.stage.tick(scale.now_ms + QUIET_MS * 9, scale.facts) == ()


def test_the_first_rest_of_an_unknown_scale_is_no_change() -> None:
    scale = Scale(at_rest_g=None)
    (done,) = scale.read(6_000, 6_000, 6_000)
    assert done.input == WeightSettled(6_000, 6_000)


def test_a_row_that_was_lost_concludes_the_same_change_again() -> None:
    scale = Scale()
    first = scale.read(*[9_500] * 4)
    scale.stage.admit(NUTS, Shelf("nuts", weight_g=10_000), scale.now_ms)
    again = scale.read(*[9_500] * 4)
    assert [done.input for done in first] == [done.input for done in again]


@pytest.mark.parametrize("grams", [GRAMS_MAX + 1, -(2**63), 2**63])
def test_a_reading_that_is_no_weight_is_refused_and_counted(grams: int) -> None:
    scale = Scale()
    assert scale.read(grams, grams, grams) == []
    assert scale.stage.refused == 3


def test_a_shelf_that_is_not_held_or_not_on_the_floor_breaks_nothing() -> None:
    scale = Scale()
    scale.facts.shelves.clear()
    assert len(scale.read(9_500, 9_500, 9_500)) == 1
    scale.stage.forget(NUTS)
    assert scale.read(5_000, 5_000, 5_000) == []
