"""A scanner's own smoothing is undone: exactly where that can be done, with less trust where it cannot."""

from __future__ import annotations

from math import exp, isfinite

import pytest

from actors.presence.smoothing import (
    FINE_DB,
    FORGOTTEN,
    OLD_MEAN_SD_DB,
    WHOLE_DB,
    WIDEST_SD_DB,
    Unsmoothed,
    unsmoothed,
)

SMOOTHING_S = 5.0


class Node:
    """A scanner that reports an exponential mean of what it hears, with as many digits as it is asked for."""

    def __init__(self, digits: int | None = None) -> None:
        self._mean: float | None = None
        self._at_ms = 0
        self._digits = digits

    def report(self, at_ms: int, dbm: float) -> float:
        if self._mean is None:
            self._mean = dbm
        else:
            keeps = exp(-(at_ms - self._at_ms) / 1_000 / SMOOTHING_S)
            self._mean = keeps * self._mean + (1 - keeps) * dbm
        self._at_ms = at_ms
        return self._mean if self._digits is None else round(self._mean, self._digits)


def undone(readings: list[tuple[int, float]], node: Node) -> list[tuple[float, float]]:
    """What is made of a node's reports of these readings: dBm and further variance of each."""
    before: Unsmoothed | None = None
    found = []
    for at_ms, dbm in readings:
        got, wider, before = unsmoothed(before, node.report(at_ms, dbm), at_ms, SMOOTHING_S)
        found.append((got, wider))
    return found


STROLL = [(1_000 * number, -60.0 - 3 * number) for number in range(10)]


def test_the_readings_behind_an_exact_mean_are_found_again() -> None:
    found = undone(STROLL, Node())
    assert [dbm for dbm, _ in found] == pytest.approx([dbm for _, dbm in STROLL])


def test_the_first_mean_is_taken_as_it_is_and_trusted_little() -> None:
    ((dbm, wider),) = undone([(0, -60.0)], Node())
    assert (dbm, wider) == (-60.0, OLD_MEAN_SD_DB**2)


def test_the_rounding_of_a_mean_is_blown_up_and_said_as_variance() -> None:
    found = undone(STROLL, Node(digits=0))[1:]
    keeps = exp(-1.0 / SMOOTHING_S)
    blown_up = 0.5 * (1 + keeps) / (1 - keeps)
    for (dbm, wider), (_, exact) in zip(found, STROLL[1:], strict=True):
        assert abs(dbm - exact) <= blown_up
        assert wider == pytest.approx(WHOLE_DB**2 * (1 + keeps**2) / (1 - keeps) ** 2)


def test_a_mean_with_decimals_is_trusted_more_than_a_whole_number() -> None:
    (_, fine), (_, whole) = (undone([(0, -60.0), (2_000, -70.3)], Node(digits))[1] for digits in (2, 0))
    assert fine == pytest.approx(whole * (FINE_DB / WHOLE_DB) ** 2)


def test_the_longer_since_the_last_report_the_more_a_mean_says() -> None:
    wider = [undone([(0, -60.0), (gap, -70.0)], Node())[1][1] for gap in (1_000, 2_000, 5_000, 15_000)]
    assert wider == sorted(wider, reverse=True)
    assert wider[-1] < 1.0


def test_a_report_right_after_another_waits_for_more_time_behind_it() -> None:
    node, before = Node(digits=0), None
    at_ms, results = 0, []
    for at_ms in (0, 20, 40, 60, 3_000):
        results.append(
            unsmoothed(before, node.report(at_ms, -60.0 if at_ms == 0 else -72.0), at_ms, SMOOTHING_S)
        )
        before = results[-1][2]
    for dbm, wider, kept in results[1:4]:
        assert wider > WIDEST_SD_DB**2  # hardly trusted, and as reported
        assert -62.0 <= dbm <= -60.0
        assert kept == Unsmoothed(-60.0, 0)
    dbm, wider, _ = results[4]  # over the whole time since the mean that was kept
    assert dbm == pytest.approx(-72.0, abs=2.0)
    assert wider < WIDEST_SD_DB**2


def test_after_a_long_gap_a_mean_begins_anew() -> None:
    late_ms = round(FORGOTTEN * SMOOTHING_S * 1_000) + 1
    for at_ms, is_new in ((late_ms - 2, False), (late_ms, True)):
        dbm, wider, kept = unsmoothed(Unsmoothed(-60.0, 0), -80.0, at_ms, SMOOTHING_S)
        assert (wider == OLD_MEAN_SD_DB**2) == is_new
        assert kept == Unsmoothed(-80.0, at_ms)
        assert dbm == pytest.approx(-80.0, abs=0.5)


def test_a_clock_that_was_set_back_begins_anew_too() -> None:
    dbm, wider, kept = unsmoothed(Unsmoothed(-60.0, 3_600_000), -80.0, 0, SMOOTHING_S)
    assert (dbm, wider, kept) == (-80.0, OLD_MEAN_SD_DB**2, Unsmoothed(-80.0, 0))


@pytest.mark.parametrize("gap_ms", [0, 1, 10, 300, 1_000, 20_000, 10**9])
@pytest.mark.parametrize("smoothing_s", [0.01, 1.0, 15.0, 120.0])
def test_whatever_comes_is_finite(gap_ms: int, smoothing_s: float) -> None:
    dbm, wider, _ = unsmoothed(Unsmoothed(-127.0, 0), 0.0, gap_ms, smoothing_s)
    assert isfinite(dbm)
    assert 0 < wider < 1_000
