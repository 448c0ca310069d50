"""Presence by a radio map of many at once: who gets whose place in memory, who is shown, and how many there are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from actors.presence import mapped
from protocols.facts import Plan, Scanner
from protocols.ids import Key, ZoneId
from protocols.inputs import ZoneEntered
from tests.unit.small_floor import ANA, BEN, HALVES, T0, Shop, floor

IN_A, IN_B, BORDER = (2.0, 4.0), (10.0, 4.0), (6.0, 4.0)


def test_a_forgotten_subject_leaves_nothing_to_whoever_gets_its_place() -> None:
    used, fresh = Shop(floor(), seed=3), Shop(floor(), who=(BEN,), seed=4)
    used.stay(IN_B, 0, 30)
    used.stage.forget(ANA)
    with pytest.raises(KeyError):
        used.position()
    used.stage.admit(BEN, ZoneId("unknown"), T0 + 30_000)
    for second in range(30, 36):
        levels = fresh.readings(IN_A)
        for shop in (used, fresh):
            shop.hear(second, levels, BEN)
            shop.tick(second + 0.01)
    one, other = used.position(BEN), fresh.position(BEN)
    assert (one.x, one.y, one.doubt_m, one.p) == (other.x, other.y, other.doubt_m, other.p)
    assert [done.input for done in used.found[1:]] == [done.input for done in fresh.found]


def test_nothing_is_concluded_of_a_subject_that_is_not_held() -> None:
    shop = Shop(floor())
    shop.hear(0, shop.readings(IN_A))
    shop.stage.forget(ANA)
    shop.stay(IN_A, 1, 5)
    shop.wait(5, 200)
    assert shop.found == []
    assert shop.stage.positions(T0, shop.facts) == []


def crowd(count: int) -> tuple[Key, ...]:
    return tuple(Key(f"shopper:n{number}") for number in range(count))


def test_at_the_limit_of_memory_whoever_was_heard_least_lately_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = crowd(4)
    shop = Shop(floor(), who=names)
    monkeypatch.setattr(mapped, "BELIEF_BYTES_MAX", 3 * shop.stage._beliefs.bytes_each)
    for number, name in enumerate(names[:3]):
        shop.burst(number / 10, IN_A, name)
    for second in range(1, 4):
        shop.burst(second, IN_A, names[0])
        shop.burst(second + 0.2, IN_B, names[2])
    shop.burst(5, IN_B, names[3])
    known = [name for name in names if shop.position(name).doubt_m < 90]
    assert known == [names[0], names[2], names[3]]
    assert shop.error_m(IN_A, names[0]) < 2.0
    assert shop.error_m(IN_B, names[2]) < 2.0
    shop.burst(6, IN_B, names[1])  # and is placed anew when it is heard
    assert shop.error_m(IN_B, names[1]) < 2.5
    assert shop.position(names[0]).doubt_m > 90


def test_with_more_heard_in_one_tick_than_memory_holds_nobody_gets_the_belief_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = crowd(9)
    shop = Shop(floor(), who=names, noise_db=1.0)
    monkeypatch.setattr(mapped, "BELIEF_BYTES_MAX", 4 * shop.stage._beliefs.bytes_each)
    for second in range(20):
        for number, name in enumerate(names):
            shop.hear(second + 0.001 * number, shop.readings(IN_A if number % 2 else IN_B), name)
        shop.tick(second + 0.02)
        shop.tick(second + 0.4)
    assert len(shop.stage._beliefs.p) == 4
    for done in shop.found:
        number = int(done.key.removeprefix("shopper:n"))
        assert isinstance(done.input, ZoneEntered)
        assert done.input.zone == ("a" if number % 2 else "b"), done


def with_and_without_room(monkeypatch: pytest.MonkeyPatch, play: Callable[[Shop], None]) -> tuple[Shop, Shop]:
    """The same happenings with memory for two beliefs, and for all."""
    cramped, roomy = (Shop(floor(), who=crowd(3)) for _ in range(2))
    play(roomy)
    monkeypatch.setattr(mapped, "BELIEF_BYTES_MAX", 2 * cramped.stage._beliefs.bytes_each)
    play(cramped)
    return cramped, roomy


def test_one_who_loses_its_place_while_time_passes_takes_no_other_belief_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def play(shop: Shop) -> None:
        late, fresh, new = shop.who
        shop.burst(0, IN_A, late)
        shop.burst(1, IN_B, fresh)
        for second in range(2, 14):
            shop.burst(second, IN_B, fresh)
        shop.hear(10.5, {"s0": -65.0}, new)
        shop.tick(10.6)
        shop.hear(14, shop.readings(IN_B), fresh)
        shop.hear(14, shop.readings(IN_A), late)
        shop.hear(14, {"s0": -65.0}, new)  # enough of it: it gets the place of whom nobody heard lately
        shop.tick(14.01)

    cramped, roomy = with_and_without_room(monkeypatch, play)
    assert cramped.position(cramped.who[1]) == roomy.position(roomy.who[1])


def test_one_who_loses_its_place_amid_a_tick_takes_no_others_readings_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def play(shop: Shop) -> None:
        late, fresh, new = shop.who
        shop.stay(IN_A, 0, 3, late)
        shop.stay(IN_A, 3, 8, fresh)
        shop.hear(9.01, shop.readings((8.0, 4.0)), fresh)
        shop.hear(9.0, shop.readings(IN_A), late)
        shop.place(9.02, IN_B, who=new)
        shop.tick(9.03)

    cramped, roomy = with_and_without_room(monkeypatch, play)
    assert cramped.position(cramped.who[0]).doubt_m > 90
    assert cramped.position(cramped.who[1]) == roomy.position(roomy.who[1])
    assert cramped.position(cramped.who[2]) == roomy.position(roomy.who[2])


def test_however_long_nobody_was_heard_the_walk_that_is_caught_up_with_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop(floor(zone_silence_s=3_600, visit_silence_s=80_000))
    passed: list[float] = []
    walk = shop.stage._beliefs.walk
    monkeypatch.setattr(
        shop.stage._beliefs,
        "walk",
        lambda slots, elapsed_s: (passed.extend(elapsed_s), walk(slots, elapsed_s)),
    )
    for hour in range(3):
        shop.hear(hour * 3_500, {"s0": -65.0})
        shop.tick(hour * 3_500 + 0.1)
    shop.burst(2 * 3_500 + 10, IN_A)
    assert passed
    assert max(passed) <= mapped.STALE_MS / 1_000


def test_one_who_is_elsewhere_all_of_a_sudden_is_found_again_within_seconds() -> None:
    hall = Plan("Hall", 40.0, 30.0)
    scanners = {f"s{n}": Scanner(ZoneId("a"), 5 + 10.0 * (n % 4), 5 + 10.0 * (n // 4)) for n in range(12)}
    for seed in range(3):
        shop = Shop(floor(scanners=scanners, plan=hall), noise_db=3.0, seed=seed)
        shop.stay((4.0, 4.0), 0, 15)
        assert shop.error_m((4.0, 4.0)) < 2.0
        shop.stay((35.0, 26.0), 15, 23)
        assert shop.error_m((35.0, 26.0)) < 3.0


def test_positions_are_given_at_most_once_a_second_and_only_of_those_who_were_placed() -> None:
    shop = Shop(floor(), who=(ANA, BEN))
    shown = []
    for quarter in range(17):
        shop.burst(quarter / 4, IN_A)
        shop.hear(quarter / 4 + 0.1, {"s0": -60.0} if quarter == 0 else {}, BEN)
        shop.tick(quarter / 4 + 0.2)
        shown += shop.stage.positions(T0, shop.facts)
    assert {one.key for one in shown} == {ANA}
    assert len(shown) == 5
    assert all(b.at_ms - a.at_ms >= 1_000 for a, b in pairwise(shown))
    assert shown[-1].zone == "a"
    assert shop.stage.positions(T0, shop.facts) == []


def test_whoever_was_forgotten_and_comes_back_is_not_shown_before_it_is_heard() -> None:
    shop = Shop(floor())
    shop.stay(IN_A, 0, 3)
    shop.stage.forget(ANA)
    shop.stage.admit(ANA, ZoneId("a"), T0 + 3_000)
    assert shop.stage.positions(T0, shop.facts) == []


def test_crowds_add_up_to_everybody_who_is_placed() -> None:
    names = crowd(12)
    shop = Shop(floor(HALVES), who=names)
    for second in range(8):
        for number, name in enumerate(names):
            shop.burst(second + number / 20, IN_A if number < 5 else IN_B, name)
    crowds = {one.zone: one for one in shop.stage.crowds()}
    assert sum(one.expected for one in crowds.values()) == pytest.approx(12, abs=0.1)
    assert crowds["a"].expected == pytest.approx(5, abs=0.3)
    assert 0 <= crowds["a"].variance < 1.0


def test_a_crowd_on_the_border_is_as_uncertain_as_it_is() -> None:
    shop = Shop(floor(), who=crowd(6))
    for second in range(8):
        for number, name in enumerate(shop.who):
            shop.burst(second + number / 20, BORDER, name)
    a, b = shop.stage.crowds()
    assert a.expected + b.expected == pytest.approx(6, abs=0.1)
    assert 0.3 < a.variance <= 6 / 4
    assert a.variance == pytest.approx(b.variance, abs=0.05)
