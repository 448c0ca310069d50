"""Scanners that fall silent, go deaf or hang elsewhere are named within seconds, and no other is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from actors.facts import Facts
from actors.presence.health import Health
from protocols.cells import ScannerHealth
from protocols.facts import Plan, Scanner
from protocols.ids import ZoneId
from tests.unit.small_floor import T0, Place, Shop, floor, ground_of, level

PLAN = Plan("Hall", 20.0, 16.0)
TWELVE = {
    f"s{number}": Scanner(ZoneId("a"), 2.5 + 5.0 * (number % 4), 2.5 + 5.5 * (number // 4))
    for number in range(12)
}
ROUND = ((3.0, 3.0), (17.0, 3.0), (17.0, 8.0), (3.0, 8.0), (3.0, 13.0), (17.0, 13.0))


def hall(hung: dict[str, Scanner] | None = None) -> Facts:
    return floor(scanners=TWELVE, plan=PLAN, cell_m=1.0, hung=hung)


@dataclass
class Walk:
    """Somebody who walks round and round, heard once a second, and what is said of scanners meanwhile."""

    shop: Shop
    missed: float = 0.15
    every_s: float = 1.0
    now_s: float = 0.0
    states: dict[str, set[str]] = field(default_factory=dict)

    def go(self, seconds: float, silent: Iterable[str] = (), **off_db: float) -> None:
        """So many seconds of it. Some scanners are silent, some are off by so much."""
        until_s, dead = self.now_s + seconds, frozenset(silent)
        while self.now_s < until_s:
            heard = {
                name: dbm
                for name, dbm in self.shop.readings(self.at(), **off_db).items()
                if name not in dead and dbm > -97.0 and self.shop.chance.random() > self.missed
            }
            self.shop.hear(self.now_s, heard)
            self.shop.tick(self.now_s + 0.02)
            self.shop.tick(self.now_s + self.every_s * 0.6)
            for one in self.told():
                self.states.setdefault(one.scanner, set()).add(one.state)
            self.now_s += self.every_s

    def at(self) -> Place:
        """On the way round, at 0.6 m/s."""
        legs = [np.subtract(to, at) for at, to in zip(ROUND, (*ROUND[1:], ROUND[0]), strict=True)]
        lengths = [float(np.hypot(*leg)) for leg in legs]
        ahead = self.now_s * 0.6 % sum(lengths)
        for corner, leg, length in zip(ROUND, legs, lengths, strict=True):
            if ahead <= length:
                x, y = np.add(corner, leg * (ahead / length)).tolist()
                return x, y
            ahead -= length
        return ROUND[0]

    def told(self) -> list[ScannerHealth]:
        return self.shop.stage.scanners(T0 + round(self.now_s * 1_000))

    def named(self) -> dict[str, str]:
        return {one.scanner: one.state for one in self.told() if one.state != "ok"}


def walk(seed: int = 1, hung: dict[str, Scanner] | None = None, missed: float = 0.15) -> Walk:
    return Walk(Shop(hall(hung), seed=seed, noise_db=4.0), missed)


@pytest.mark.parametrize("seed", range(4))
def test_a_scanner_that_falls_silent_in_mid_walk_is_named_within_half_a_minute_and_no_other(
    seed: int,
) -> None:
    walker = walk(seed)
    walker.go(40)
    assert walker.named() == {}
    walker.go(30, silent=["s5"])
    assert walker.named() == {"s5": "silent"}
    (since_ms,) = (one.since_ms for one in walker.told() if one.scanner == "s5")
    assert 40_000 < since_ms - T0 <= 70_000


def test_three_of_twelve_that_fall_silent_at_once_are_all_named() -> None:
    walker = walk()
    walker.go(40)
    walker.go(35, silent=["s1", "s6", "s8"])
    assert walker.named() == dict.fromkeys(("s1", "s6", "s8"), "silent")


def test_a_scanner_that_never_was_heard_is_named() -> None:
    walker = walk()
    walker.go(60, silent=["s2"])
    assert walker.named() == {"s2": "silent"}


def test_a_silent_scanner_that_comes_back_is_well_again() -> None:
    walker = walk()
    walker.go(40)
    walker.go(40, silent=["s5"])
    assert walker.named() == {"s5": "silent"}
    walker.go(20)
    assert walker.named() == {}


def test_while_nobody_is_there_no_scanner_falls_silent() -> None:
    walker = walk()
    walker.go(30)
    walker.shop.wait(30, 90)
    assert walker.named() == {}
    walker.now_s = 4 * 3_600.0
    walker.go(30)
    assert walker.named() == {}


@pytest.mark.parametrize("seed", range(4))
def test_a_scanner_that_goes_deaf_is_named_so_and_its_readings_count_less(seed: int) -> None:
    walker = walk(seed)
    walker.go(60)
    assert walker.shop.stage.health.distrust(5) == 0.0
    walker.go(120, s5=-15.0)
    assert walker.named() == {"s5": "deaf"}
    walker.states.clear()
    walker.go(120, s5=-15.0)  # and it is not said to be silent where it hears nothing any more
    assert {name: states for name, states in walker.states.items() if states != {"ok"}} == {"s5": {"deaf"}}
    (off_db,) = (one.off_db for one in walker.told() if one.scanner == "s5")
    assert -17.0 < off_db < -7.5
    assert walker.shop.stage.health.distrust(5) > 7.5**2


def test_a_deaf_scanner_that_is_mended_is_well_again() -> None:
    walker = walk()
    walker.go(200, s5=-15.0)
    assert walker.named() == {"s5": "deaf"}
    walker.go(300)
    assert walker.named() == {}
    assert walker.shop.stage.health.distrust(5) == 0.0


def test_a_scanner_that_hangs_eight_metres_from_where_the_map_has_it_is_named_and_no_other() -> None:
    here = TWELVE["s5"]
    walker = walk(hung={"s5": Scanner(here.zone, here.x + 8.0, here.y)})
    walker.go(300)
    assert walker.named() == {"s5": "moved"}


def test_one_weak_device_makes_no_scanner_deaf() -> None:
    walker = walk()
    walker.go(240, **dict.fromkeys(TWELVE, -9.0))
    assert all("deaf" not in states for states in walker.states.values())
    assert walker.named() == {}


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_said_of_scanners_that_are_well(seed: int) -> None:
    walker = walk(seed, missed=0.2)
    walker.go(180)
    assert walker.states == {name: {"ok"} for name in TWELVE}


def test_a_node_that_reports_every_fifteen_seconds_is_not_silent_in_between() -> None:
    walker = walk(missed=0.0)
    for second in range(240):
        slow = () if second % 15 == 0 else ("s5",)
        walker.go(1.0, silent=slow)
        if second >= 45:
            assert walker.named() == {}, second
    walker.go(60, silent=["s5"])
    assert walker.named() == {"s5": "silent"}


def test_nodes_that_report_one_by_one_are_not_silent_while_the_others_speak() -> None:
    shop = Shop(hall(), noise_db=4.0)
    walker = Walk(shop)
    names = list(TWELVE)
    for number in range(12 * 90):
        walker.now_s = number / 12
        name = names[number % 12]
        if shop.chance.random() > 0.2 and not (name == "s5" and walker.now_s > 50):
            shop.hear(walker.now_s, {name: shop.readings(walker.at())[name]})
        shop.tick(walker.now_s + 0.06)
        assert walker.named() in ({}, {"s5": "silent"} if walker.now_s > 55 else {}), walker.now_s
    assert walker.named() == {"s5": "silent"}


# --- the judge alone


def test_a_burst_says_less_of_those_who_missed_it_the_fewer_heard_it() -> None:
    health = Health(ground_of(hall()))
    loud = np.full(12, -60.0, dtype=np.float32)
    for second in range(40):
        health.burst({0}, loud, T0 + second * 1_000)  # one of twelve: a twelfth of a miss
    health.judge(T0 + 40_000)
    assert {one.state for one in health.told(T0)} == {"ok"}
    for second in range(40, 60):
        health.burst(set(range(11)), loud, T0 + second * 1_000)
    health.judge(T0 + 60_000)
    assert [one.scanner for one in health.told(T0) if one.state == "silent"] == ["s11"]


def test_a_scanner_is_not_missed_where_it_would_hardly_hear() -> None:
    health = Health(ground_of(hall()))
    far = np.array([-60.0] * 11 + [-89.0], dtype=np.float32)
    for second in range(60):
        health.burst(set(range(11)), far, T0 + second * 1_000)
    health.judge(T0 + 60_000)
    assert {one.state for one in health.told(T0)} == {"ok"}


def test_a_name_is_taken_back_later_than_it_is_given() -> None:
    """Errors about the limit: named beyond it, and only well again above three quarters of it."""
    health = Health(ground_of(hall()))
    seen = []
    for off_db in (-7.0, -8.0, -7.0, -5.0):
        for _ in range(400):
            health.read(3, off_db)
        health.judge(T0)
        seen.append(health.told(T0)[3].state)
    assert seen == ["ok", "deaf", "deaf", "ok"]


def test_what_a_scanner_reads_of_one_who_stands_before_it_is_louder_than_of_one_far_off() -> None:
    assert (
        level(TWELVE["s0"], (2.5, 2.5)) > level(TWELVE["s0"], (17.0, 13.0)) + 20
    )  # or nothing here tests anything
