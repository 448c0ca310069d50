"""The turn's promises, one by one: a store in virtual time, over a real database."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.kinds import BEHAVIOURS
from edge.group import OpenGroup
from edge.inbox import Work
from edge.ports import CellLost, CommitFailed, DiskFull, Fenced, Group
from edge.replay import journal_digest, replay
from protocols.errors import Mismatch, NotNow, Parked, Verdict
from protocols.ids import Key, Sku, key
from protocols.inputs import BasketLine, Cause, Restocked, SaleClosed, SignStarted
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import SIGN, Life
from sim.virtual import VirtualLoop

ANA = key("account", "A-ana")
PROPOSED = "SELECT key FROM tell WHERE json_extract(input, '$.type') = 'OfferProposed'"
Test = Callable[[Life], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Life]]:
    """Runs a test's coroutine beside the engine of a store; each call is another life of the same database."""
    lives: list[Life] = []

    def running(test: Test, *, start_s: float = 0.0, folder: str = "store") -> Life:
        loop = VirtualLoop(start_s=start_s)
        life = Life(tmp_path / folder, loop, Faults(FaultPlan()))
        lives.append(life)

        async def main() -> None:
            await life.begin()
            engine = asyncio.create_task(life.engine.run())
            await asyncio.sleep(0.01)
            testing = asyncio.create_task(test(life))
            await asyncio.wait((engine, testing), return_when=asyncio.FIRST_COMPLETED)
            if not testing.done():
                testing.cancel()
                await engine
            await testing
            await asyncio.sleep(0.01)
            if engine.done():
                await engine
            engine.cancel()

        try:
            loop.run(main())
        finally:
            life.db.close()
        return life

    yield running


def sale(number: str, total_minor: int = 1_000) -> SaleClosed:
    return SaleClosed(number, "till-1", (BasketLine(Sku("bread"), 1000, total_minor),), total_minor)


async def ring(life: Life, number: str, total_minor: int = 1_000, account: Key = ANA) -> Verdict:
    closed = sale(number, total_minor)
    cause = Cause(life.clock.now_us(), operation=number)
    return await life.engine.ask(account, closed, number, closed, cause)


def rows(life: Life, query: str, *values: object) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = life.db._reader.execute(query, values).fetchall()
    return found


def failing_once(life: Life, failure: Exception) -> list[Group]:
    """The next commit fails in this way; the groups that were offered are kept."""
    offered: list[Group] = []
    commit = life.engine._db.commit

    async def commit_once(group: Group) -> Any:
        offered.append(group)
        if len(offered) == 1:
            raise failure
        return await commit(group)

    life.engine._db.commit = commit_once  # type: ignore[method-assign]
    return offered


def test_a_verdict_comes_after_its_commit_and_stands(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        first = await ring(life, "s1")
        assert rows(life, "SELECT count(*) FROM sale") == [(1,)]
        again = await ring(life, "s1")
        assert (again.replayed, bytes(again.body), again.seq) == (True, bytes(first.body), first.seq)

    run(test)


def test_a_repeat_in_flight_waits_for_the_first_and_gets_its_reply(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        first, second = await asyncio.gather(ring(life, "s1"), ring(life, "s1"))
        assert (first.replayed, second.replayed) == (False, True)
        assert bytes(first.body) == bytes(second.body)
        assert rows(life, "SELECT count(*) FROM sale") == [(1,)]

    run(test)


def test_another_payload_under_the_same_id_is_refused_in_flight_and_later(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        flying = asyncio.create_task(ring(life, "s1", 1_000))
        await asyncio.sleep(0)
        with pytest.raises(Mismatch):
            await ring(life, "s1", 2_000)
        await flying
        with pytest.raises(Mismatch):
            await ring(life, "s1", 3_000)
        assert rows(life, "SELECT total_minor FROM sale") == [(1_000,)]

    run(test)


def test_a_full_disk_charges_nothing_and_stores_no_verdict(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        await ring(life, "s0")
        failing_once(life, DiskFull("no space"))
        with pytest.raises(NotNow, match=r"disk is full\. Nothing was charged"):
            await ring(life, "s1")
        assert rows(life, "SELECT count(*) FROM sale") == [(1,)]
        verdict = await ring(life, "s1")
        assert not verdict.replayed

    run(test)


def test_a_failed_commit_is_taken_again_from_the_database(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        await ring(life, "s0")
        failing_once(life, CommitFailed("a constraint", by_turn=True))
        first, second = await asyncio.gather(ring(life, "s1"), ring(life, "s2"))
        assert (first.outcome, second.outcome) == ("done", "done")
        assert rows(life, "SELECT sale FROM sale ORDER BY sale") == [("s0",), ("s1",), ("s2",)]
        assert rows(life, "SELECT sum(points) FROM points_entry WHERE account = 'A-ana'") == [(60,)]

    run(test)


def test_an_input_whose_commit_fails_alone_is_parked_and_the_others_stand(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        commit = life.engine._db.commit

        async def refusing(group: Group) -> Any:
            if any(taken.turn.given.operation == "bad" for taken in group.turns):
                raise CommitFailed("a constraint that this one breaks", by_turn=True)
            return await commit(group)

        life.engine._db.commit = refusing  # type: ignore[method-assign]
        good, bad = await asyncio.gather(ring(life, "good"), ring(life, "bad"), return_exceptions=True)
        assert isinstance(good, Verdict)
        assert isinstance(bad, Parked)
        assert rows(life, "SELECT sale FROM sale") == [("good",)]
        assert rows(life, "SELECT reference, key FROM parked") == [(bad.reference, ANA)]

    run(test)


def test_a_refused_version_makes_the_cell_forget_and_take_the_input_again(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        await ring(life, "s0")
        seat = life.engine.seats["account"]
        seat.residents[ANA].version += 7  # as if somebody else had written the row
        await ring(life, "s1")
        assert rows(life, "SELECT count(*) FROM sale") == [(2,)]
        assert life.engine.counts.commits_failed == 1

    run(test)


def test_a_step_that_throws_is_parked_with_its_state_and_the_rest_stands(
    run: Callable[..., Life], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = BEHAVIOURS["shelf"]

    def throwing(state: Any, given: Any, facts: Any) -> Any:
        if type(given.input) is Restocked and given.input.pieces == 13:
            raise ZeroDivisionError("a bug of ours")
        return shelf.step(state, given, facts)

    monkeypatch.setitem(BEHAVIOURS, "shelf", dataclasses.replace(shelf, step=throwing))

    async def test(life: Life) -> None:
        async def restock(pieces: int) -> Verdict:
            cause = Cause(life.clock.now_us(), operation=f"r{pieces}")
            return await life.engine.ask(key("shelf", "milk"), Restocked(pieces), f"r{pieces}", pieces, cause)

        results = await asyncio.gather(restock(12), restock(13), restock(9), return_exceptions=True)
        assert [type(one) for one in results] == [Verdict, Parked, Verdict]
        reference, state, trace = rows(life, "SELECT reference, state, trace FROM parked")[0]
        assert reference == results[1].reference  # type: ignore[union-attr]
        assert '"pieces":12' in state
        assert "a bug of ours" in trace
        # It is not a verdict: the same operation may be sent again once the bug is mended.
        monkeypatch.undo()
        life.cells.lose("floor")
        assert (await restock(13)).outcome == "done"

    run(test)


def test_a_tell_to_a_busy_cell_is_a_row_until_it_is_taken(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        account = life.engine.seats["account"]
        await account.acquire()  # as while a batch of its own is out
        walk(life, "ana")
        await asyncio.sleep(4.0)
        assert rows(life, PROPOSED) == [("account:A-ana",)]
        assert rows(life, "SELECT count(*) FROM offer") == [(0,)]
        account.release()
        await asyncio.sleep(0.5)
        assert rows(life, "SELECT count(*) FROM tell") == [(0,)]
        assert rows(life, "SELECT account, state FROM offer") == [("A-ana", "issued")]

    run(test)


def test_a_tell_row_outlives_a_restart_and_is_taken_first(run: Callable[..., Life]) -> None:
    async def before(life: Life) -> None:
        await life.engine.seats["account"].acquire()
        walk(life, "ana")
        await asyncio.sleep(4.0)
        assert rows(life, PROPOSED) == [("account:A-ana",)]

    async def after(life: Life) -> None:
        await ring(life, "s1")
        taken = rows(life, "SELECT json_extract(input, '$.type') FROM turn WHERE key = ? ORDER BY seq", ANA)
        assert [one for (one,) in taken if one != "MemberKnown"] == ["OfferProposed", "SaleClosed"]
        assert rows(life, "SELECT count(*) FROM tell") == [(0,)]

    run(before)
    run(after, start_s=5.0)


def test_a_sale_waits_for_one_group_of_a_busy_floor_and_not_for_its_quiet(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        account = life.engine.seats["account"]
        account.take_now()  # a group of the floor has it
        ringing = asyncio.create_task(ring(life, "s1"))
        await asyncio.sleep(0.05)
        account.release()
        assert not OpenGroup(0, Work()).try_hold(account), "the floor's next group would come before the till"
        assert (await ringing).outcome == "done"

    run(test)


def test_an_overdue_wake_is_taken_after_a_restart(run: Callable[..., Life]) -> None:
    async def before(life: Life) -> None:
        walk(life, "ana")
        await asyncio.sleep(4.0)
        assert rows(life, "SELECT state FROM offer") == [("issued",)]

    async def after(life: Life) -> None:
        await asyncio.sleep(1.0)
        assert rows(life, "SELECT state FROM offer") == [("expired",)]

    run(before)
    run(after, start_s=3_600.0)


def test_a_lost_cell_loses_nothing_that_was_committed(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        await life.engine.ask(SIGN, SignStarted(), "", None, Cause(1, operation="start"))
        shown = rows(life, "SELECT state FROM entity WHERE key = ?", SIGN)
        life.cells.lose("floor")
        walk(life, "ana")
        await asyncio.sleep(4.0)
        assert rows(life, "SELECT state FROM entity WHERE key = ?", SIGN) != shown
        journal = life.db.journal(0, 1_000)
        replayed = replay(journal, life.db.facts_history())
        assert (replayed.differing, replayed.digest) == (0, journal_digest(journal))

    run(test)


def test_what_a_cell_stepped_before_it_was_lost_is_stepped_again_once(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        take = life.cells.take
        lost: list[str] = []

        async def losing(cell: str, number: int, batch: Any) -> Any:
            answer = await take(cell, number, batch)
            if cell == "account" and batch.inputs and len(lost) < 3:
                lost.append(cell)
                life.cells.lose(cell)
                raise CellLost("after it stepped")
            return answer

        life.cells.take = losing  # type: ignore[method-assign]
        await ring(life, "s1")
        assert len(lost) == 3
        assert rows(life, "SELECT count(*) FROM sale") == [(1,)]
        assert rows(life, "SELECT version FROM account WHERE account = 'A-ana'") == [(2,)]

    run(test)


def test_two_lives_of_one_store_cannot_both_write(run: Callable[..., Life], tmp_path: Path) -> None:
    async def test(life: Life) -> None:
        await ring(life, "s1")
        life.db._writer._connection.execute("UPDATE meta SET epoch = epoch + 1")
        with pytest.raises(NotNow):
            await ring(life, "s2")

    with pytest.raises(ExceptionGroup) as failed:
        run(test)
    assert failed.value.subgroup(Fenced) is not None


def test_nobody_waits_for_ever_when_the_engine_stops(run: Callable[..., Life]) -> None:
    async def test(life: Life) -> None:
        await life.engine.seats["account"].acquire()
        asking = asyncio.create_task(ring(life, "s1"))
        await asyncio.sleep(0.1)
        assert not asking.done()
        for task in asyncio.all_tasks():
            if task.get_name().startswith("cell "):
                task.cancel()
        engine = next(task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "Engine.run")  # type: ignore[union-attr]
        engine.cancel()
        with pytest.raises(NotNow, match="nothing was charged"):
            await asking

    with pytest.raises(asyncio.CancelledError):
        run(test)


def walk(life: Life, subject: str) -> None:
    """Has a subject heard in the dairy for three seconds."""
    from protocols.cells import Heard

    async def heard() -> None:
        for _ in range(12):
            for scanner, rssi in (("north", -55.0), ("south", -80.0)):
                life.engine.hear(
                    Heard(key("shopper", subject), scanner, rssi, life.clock.now_ms(), life.clock.now_us())
                )
            await asyncio.sleep(0.25)

    task = asyncio.get_running_loop().create_task(heard(), name="walk")
    task.add_done_callback(lambda done: done.exception() if not done.cancelled() else None)
