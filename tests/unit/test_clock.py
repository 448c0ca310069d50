"""The store's clock: never back by itself, jumps told, and the calendar of a shop that closes after midnight."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SLOWER_US, WallClock, local_of
from protocols.inputs import Local

START_US = 1_790_000_000_000_000  # 2026-09-21
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US


class Machine:
    """A machine whose wall clock can be set."""

    def __init__(self, wall_us: int = START_US) -> None:
        self.wall_us = wall_us
        self.monotonic_us = 77

    def passes(self, us: int) -> None:
        self.wall_us += us
        self.monotonic_us += us

    def clock(self, high_water_ms: int = 0) -> WallClock:
        return WallClock(
            "Europe/Dublin",
            4,
            high_water_ms,
            wall_us=lambda: self.wall_us,
            monotonic_us=lambda: self.monotonic_us,
        )


# --- time


def test_it_is_wall_time_while_nobody_sets_it() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(5):
        machine.passes(SECOND_US + 17)
        assert clock.jumped_ms() == 0
        assert clock.now_us() == machine.wall_us
        assert clock.now_ms() == machine.wall_us // 1_000


def test_it_starts_no_earlier_than_what_was_committed_and_runs_from_there() -> None:
    machine = Machine()
    clock = machine.clock(high_water_ms=START_US // 1_000 + 2_000)
    assert clock.now_us() == START_US + 2 * SECOND_US
    machine.passes(SECOND_US)
    assert clock.now_us() == START_US + 3 * SECOND_US


@pytest.mark.parametrize("by_us", [HOUR_US, -HOUR_US, 5_001_000, -5_001_000])
def test_a_wall_clock_that_was_set_is_told_once_and_followed(by_us: int) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_us += by_us
    assert clock.jumped_ms() == by_us // 1_000
    assert clock.now_us() == machine.wall_us
    assert clock.jumped_ms() == 0
    machine.passes(SECOND_US)
    assert clock.now_us() == machine.wall_us


def test_a_jump_is_not_seen_before_it_is_told_so_that_deadlines_can_be_moved_first() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_us += HOUR_US
    machine.passes(SECOND_US)
    assert clock.now_us() == START_US + SECOND_US
    assert clock.jumped_ms() == HOUR_US // 1_000


def test_a_small_correction_ahead_is_followed_at_once_and_not_told() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_us += 3 * SECOND_US
    assert clock.jumped_ms() == 0
    assert clock.now_us() == machine.wall_us


def test_a_small_correction_back_makes_it_slower_and_never_stand_still() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_us -= 3 * SECOND_US
    before_us = clock.now_us()
    for _ in range(30):
        machine.passes(SECOND_US)
        assert clock.jumped_ms() == 0
        assert clock.now_us() - before_us == SECOND_US - SLOWER_US
        before_us = clock.now_us()
    assert clock.now_us() == machine.wall_us


def test_a_machine_that_slept_is_ahead_of_its_monotonic_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_us += 8 * HOUR_US  # monotonic time does not pass in sleep
    assert clock.jumped_ms() == 8 * 3_600_000


def test_a_machine_that_wakes_in_1970_goes_on_from_the_high_water() -> None:
    machine = Machine(wall_us=0)
    clock = machine.clock(high_water_ms=START_US // 1_000)
    machine.passes(SECOND_US)
    assert clock.jumped_ms() == 0
    assert clock.now_us() == START_US + SECOND_US
    machine.wall_us = START_US + HOUR_US  # the time server answered
    assert clock.jumped_ms() == 3_600_000 - 1_000
    assert clock.now_us() == machine.wall_us


@given(st.lists(st.tuples(st.integers(0, 3 * SECOND_US), st.integers(-5_000_000, 5_000_000), st.booleans())))
def test_without_a_jump_it_never_goes_back(story: list[tuple[int, int, bool]]) -> None:
    machine = Machine()
    clock = machine.clock()
    before_us = clock.now_us()
    for passes_us, correction_us, looks in story:
        machine.passes(passes_us)
        machine.wall_us += correction_us
        told = clock.jumped_ms() if looks else 0
        if told >= 0:
            assert clock.now_us() >= before_us
        else:
            assert clock.now_us() == machine.wall_us
        before_us = clock.now_us()


# --- calendar

DUBLIN = ZoneInfo("Europe/Dublin")


def at_ms(text: str) -> int:
    """An instant from ISO text with its offset."""
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("at", "local"),
    [
        ("2026-03-02T04:00:00+00:00", Local("2026-03-02", 240, 0)),  # the day begins at the closing hour
        ("2026-03-02T03:59:59+00:00", Local("2026-03-01", 239, 6)),  # a late sale is Sunday's
        ("2026-01-01T00:30:00+00:00", Local("2025-12-31", 30, 2)),  # also over the year's end
        ("2026-03-29T00:59:00+00:00", Local("2026-03-28", 59, 5)),  # the minute before summer time
        ("2026-03-29T01:00:00+00:00", Local("2026-03-28", 120, 5)),  # one hour was skipped
        ("2026-03-29T03:00:00+00:00", Local("2026-03-29", 240, 6)),  # a shorter night, the same closing hour
        ("2026-10-25T00:30:00+00:00", Local("2026-10-24", 90, 5)),  # half past one
        ("2026-10-25T01:30:00+00:00", Local("2026-10-24", 90, 5)),  # and again
        ("2026-10-25T04:00:00+00:00", Local("2026-10-25", 240, 6)),
    ],
)
def test_the_business_day_follows_the_wall_in_the_store(at: str, local: Local) -> None:
    assert local_of(at_ms(at), DUBLIN, 4) == local


def test_a_shop_that_closes_at_midnight_has_the_calendars_own_days() -> None:
    assert local_of(at_ms("2026-03-02T00:00:00+00:00"), DUBLIN, 0) == Local("2026-03-02", 0, 0)


def test_zones_with_half_hours_and_far_east_are_right() -> None:
    at = at_ms("2026-06-01T20:00:00+00:00")
    assert local_of(at, ZoneInfo("Asia/Kathmandu"), 4) == Local("2026-06-01", 105, 0)
    assert local_of(at, ZoneInfo("Pacific/Kiritimati"), 4) == Local("2026-06-02", 600, 1)


def test_the_clock_remembers_the_minute_and_nothing_older() -> None:
    clock = Machine().clock()
    first = at_ms("2026-03-02T12:00:00+00:00")
    noon = clock.local(first)
    assert clock.local(first + 59_999) is noon
    assert clock.local(first + 60_000) == Local("2026-03-02", 721, 0)
    assert clock.local(first) == noon


@given(st.integers(-(2**63), 2**64))
def test_every_instant_has_a_calendar_whoever_sent_it(instant_ms: int) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        local = local_of(instant_ms, ZoneInfo(zone), 4)
        assert 0 <= local.minute < 1_440
        assert 0 <= local.weekday < 7


def test_minutes_east_follow_summer_time() -> None:
    clock = Machine().clock()
    assert clock.minutes_east(at_ms("2026-01-15T12:00:00+00:00")) == 0
    assert clock.minutes_east(at_ms("2026-07-15T12:00:00+00:00")) == 60
