"""A cell as the engine sees it: what it holds, what it must forget, which facts it lacks, how much it may take."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edge import seats
from edge.engine import Engine, EngineLimits
from edge.inbox import Inbox
from edge.seats import RETURNING_MAX, TELEMETRY_PER_BATCH_MAX, TELEMETRY_PER_BATCH_MIN, Seat
from protocols.cells import Load, Weighed
from protocols.facts import Fact
from protocols.ids import Key, key
from protocols.inputs import Cause, Restocked
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import Life
from sim.virtual import VirtualLoop

ANA, BEN, MILK, EGGS = Key("shopper:ana"), Key("shopper:ben"), Key("shelf:milk"), Key("shelf:eggs")
DAY_MS = 24 * 3_600_000


def seat(entities_max: int = 100) -> Seat:
    return Seat("floor", Inbox(10, 10), entities_max, spends=False)


def begun(one: Seat, life: int = 1, *visits: Key) -> bool:
    return one.begin(life, [Fact("zone", "dairy", 1, b"{}")], lambda: visits)


async def test_a_batch_waits_for_the_one_that_is_out() -> None:
    one = seat()
    await one.acquire()
    second = asyncio.create_task(one.acquire())
    await asyncio.sleep(0)
    assert not second.done()
    assert one.is_wanted
    one.release()
    await second
    assert one.busy
    assert not one.is_wanted


def test_another_life_holds_nothing_and_lacks_every_fact() -> None:
    one = seat()
    assert begun(one, 1)
    one.admit(Load(MILK, 3), 0)
    one.facts_sent(one.facts_to_send())
    assert not begun(one, 1)
    assert (one.touch(MILK, 1), one.facts_to_send()) == (True, [])
    assert begun(one, 2)
    assert not one.touch(MILK, 1)
    assert [fact.key for fact in one.facts_to_send()] == ["dairy"]


def test_only_the_newest_of_a_fact_goes_out_and_one_that_changed_meanwhile_goes_again() -> None:
    one = seat()
    begun(one)
    one.knows([Fact("zone", "dairy", 2, b'{"name":"Dairy"}')])
    sent = one.facts_to_send()
    assert [fact.version for fact in sent] == [2]
    one.knows([Fact("zone", "dairy", 3, b"null")])
    one.facts_sent(sent)
    assert [fact.version for fact in one.facts_to_send()] == [3]


def test_open_visits_return_to_a_new_life_in_portions() -> None:
    one = seat()
    visits = [key("shopper", f"s{number}") for number in range(RETURNING_MAX + 3)]
    begun(one, 1, *visits)
    one.admit(Load(visits[0], 1), 0)
    assert one.ticks
    first, second = one.returning(), one.returning()
    assert [*first, *second] == visits[1:]
    assert len(first) == RETURNING_MAX
    assert one.returning() == []


def test_what_was_dropped_is_forgotten_once() -> None:
    one = seat()
    begun(one)
    one.admit(Load(MILK, 1), 0)
    one.drop((MILK, EGGS))
    assert one.keys_to_forget(set()) == [MILK]
    assert one.keys_to_forget(set()) == []


def test_a_visit_that_was_dropped_returns_so_that_its_silence_is_noticed() -> None:
    one = seat()
    begun(one)
    one.admit(Load(ANA, 1), 0)
    one.drop((ANA,))
    assert one.keys_to_forget(set()) == [ANA]
    assert one.inbox.arrived.is_set()
    assert one.returning() == [ANA]


def test_above_the_limit_the_least_recently_used_goes_but_no_visit_and_nothing_that_is_needed_now() -> None:
    one = seat(entities_max=2)
    begun(one)
    for one_key in (ANA, MILK, EGGS, BEN):
        one.admit(Load(one_key, 1), 0)
    one.touch(MILK, 1)
    assert one.keys_to_forget({EGGS}) == [MILK]
    assert list(one.residents) == [ANA, EGGS, BEN]


def test_an_entity_is_loaded_again_after_many_turns_or_a_day_but_a_visit_is_left_alone() -> None:
    one = seat()
    begun(one)
    for one_key in (ANA, MILK, EGGS):
        one.admit(Load(one_key, 1), 0)
    one.residents[MILK].turns = one.residents[ANA].turns = seats.TURNS_PER_LOAD_MAX
    assert [one.touch(one_key, 1) for one_key in (ANA, MILK, EGGS)] == [True, False, True]
    assert [one.touch(one_key, DAY_MS) for one_key in (ANA, EGGS)] == [True, False]


def test_the_next_batch_is_sized_by_how_long_the_last_ones_took() -> None:
    one = seat()
    for _ in range(200):
        one.measured(100, 100 * 1_000.0)
    assert one.telemetry_per_batch == TELEMETRY_PER_BATCH_MIN
    for _ in range(200):
        one.measured(100, 100 * 1.0)
    assert one.telemetry_per_batch == TELEMETRY_PER_BATCH_MAX
    one.measured(1, 1_000_000.0)  # too few to say anything
    assert one.telemetry_per_batch == TELEMETRY_PER_BATCH_MAX


def test_a_batch_forgets_nothing_that_it_weighs_however_little_a_cell_may_hold(tmp_path: Path) -> None:
    """Once it did: the shelf was forgotten, concluded something all the same, and the engine did not know it."""
    loop = VirtualLoop()
    life = Life(tmp_path, loop, Faults(FaultPlan()))
    engine = Engine(
        life.db,
        life.cells,
        life.clock,
        life.outward,
        place=lambda entity: "account" if entity.startswith("account:") else "floor",
        cell_names=("floor", "account"),
        births=life.roster.births,
        limits=EngineLimits(entities_max=1),
    )
    life.engine = engine

    async def weighing() -> None:
        await life.begin()
        running = asyncio.create_task(engine.run())
        shelves = ("milk", "a", "b", "c")
        for grams in (12_000, 12_000, 12_000, 12_000, 9_000, 9_000, 9_000, 9_000):
            for shelf in shelves:
                now_us = life.clock.now_us()
                engine.weigh(Weighed(key("shelf", shelf), grams, now_us // 1_000, now_us))
            await asyncio.sleep(0.3)
        cause = Cause(life.clock.now_us(), operation="r1")
        verdict = await engine.ask(key("shelf", "milk"), Restocked(10), "r1", 10, cause)
        assert verdict.outcome == "done"
        assert len(engine.seats["floor"].residents) <= len(shelves)
        running.cancel()

    try:
        loop.run(weighing())
        assert sorted(life.db.keys("shelf")) == [key("shelf", one) for one in ("a", "b", "c", "milk")]
    finally:
        life.close()
