"""Strangers are numbers: counted once and where they are, under a salt that does not outlive the day."""

from __future__ import annotations

import pytest

from edge import passers
from edge.passers import LEAD_DB, QUIET_MS, STALE_MS, Passers
from protocols.inputs import Local

NOW_MS = 1_772_445_600_000
DAY_MS = 86_400_000
PHONE = "ffffffffff01"


class Clock:
    """A clock that a test sets; its business day is the UTC one."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def now_us(self) -> int:
        return self.ms * 1_000

    def local(self, at_ms: int) -> Local:
        return Local(str(at_ms // DAY_MS), 0, 0)


class Floor:
    """Strangers and the clock that they are heard by."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.passers = Passers(self.clock)

    def hear(self, scanner: str, dbm: float = -60.0, device: str = PHONE, after_ms: int = 0) -> None:
        self.clock.ms += after_ms
        self.passers.heard(device, scanner, dbm, self.clock.ms)

    @property
    def now(self) -> dict[str, int]:
        return dict(self.passers.by_scanner())


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_a_device_that_is_heard_often_is_one(floor: Floor) -> None:
    for number in range(5):
        floor.hear("north", after_ms=1_000)
        floor.hear("north", device=f"other-{number % 2}")
    assert (floor.passers.count(), floor.now) == (3, {"north": 3})


def test_a_device_is_at_the_scanner_that_hears_it_clearly_better(floor: Floor) -> None:
    floor.hear("north", -70)
    floor.hear("south", -70 + LEAD_DB)  # not clearly: it stays
    assert floor.now == {"north": 1}
    floor.hear("south", -70 + LEAD_DB + 1)
    assert floor.now == {"south": 1}
    floor.hear("north", -70)
    assert (floor.passers.count(), floor.now) == (1, {"south": 1})


def test_one_loud_reading_of_its_own_scanner_does_not_hold_a_device(floor: Floor) -> None:
    floor.hear("north", -80)
    floor.hear("north", -50)  # the mean is -71
    floor.hear("south", -64)
    assert floor.now == {"south": 1}


def test_a_scanner_that_hears_a_device_no_more_loses_it_to_any_other(floor: Floor) -> None:
    floor.hear("north", -50)
    floor.hear("south", -80, after_ms=STALE_MS)
    assert floor.now == {"north": 1}
    floor.hear("south", -80, after_ms=1)
    assert floor.now == {"south": 1}


def test_a_device_that_is_quiet_for_a_minute_is_not_counted_any_more(floor: Floor) -> None:
    floor.hear("north")
    floor.hear("south", device="another", after_ms=QUIET_MS - 1)
    floor.clock.ms += 1
    assert floor.passers.count() == 2
    floor.clock.ms += 1
    assert (floor.passers.count(), floor.now) == (1, {"south": 1})
    floor.clock.ms += QUIET_MS
    assert (floor.passers.count(), floor.now) == (0, {})


def test_strangers_are_counted_up_to_a_limit_and_those_that_are_counted_stay(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passers, "PASSERS_MAX", 3)
    for number in range(10):
        floor.hear("north", device=f"device-{number}")
    floor.hear("south", -20, device="device-0")
    assert floor.now == {"north": 2, "south": 1}
    floor.hear("north", device="late", after_ms=QUIET_MS + 1)  # the others have gone
    assert floor.now == {"north": 1}


def test_nothing_of_a_device_is_kept_but_a_hash_and_where_it_is_now(floor: Floor) -> None:
    floor.hear("north")
    floor.hear("south", -20, after_ms=1_000)
    ((who, passer),) = floor.passers._passers.items()
    assert len(who) == 8
    kept = {name: getattr(passer, name) for name in passer.__slots__}
    assert kept == {"scanner": "south", "dbm": -20, "here_ms": NOW_MS + 1_000, "heard_ms": NOW_MS + 1_000}


def test_the_next_day_a_device_is_another_one_and_the_salt_of_before_is_nowhere(floor: Floor) -> None:
    floor.hear("north")
    (today,) = floor.passers._passers
    salt = bytes(floor.passers._salt)
    place = floor.passers._salt
    floor.clock.ms += DAY_MS
    assert floor.passers.count() == 0  # a look is enough: nobody need be heard
    floor.hear("north")
    (tomorrow,) = floor.passers._passers
    assert tomorrow != today
    assert floor.passers._salt is place and bytes(place) != salt  # overwritten, not put aside


def test_two_stores_and_two_starts_have_no_hash_in_common() -> None:
    hashes = set()
    for _ in range(4):
        floor = Floor()
        floor.hear("north")
        hashes |= set(floor.passers._passers)
    assert len(hashes) == 4


def test_a_clock_that_was_set_back_forgets_who_would_stay_for_ever(floor: Floor) -> None:
    floor.hear("north")
    floor.clock.ms -= 3_600_000
    assert floor.passers.count() == 0
