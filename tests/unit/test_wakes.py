"""Timers: whoever is overdue is woken once, oldest first; a wake that was parked is not tried for ever."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.kinds import BEHAVIOURS
from edge import wakes
from protocols.ids import key
from protocols.inputs import Cause, SignStarted, Woken
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import SIGN, Life
from sim.virtual import VirtualLoop

Test = Callable[[Life], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., None]]:
    def running(test: Test, *, start_s: float = 0.0) -> None:
        loop = VirtualLoop(start_s=start_s)
        life = Life(tmp_path / "store", loop, Faults(FaultPlan()))

        async def main() -> None:
            await life.begin()
            engine = asyncio.create_task(life.engine.run())
            await asyncio.sleep(0.01)
            await test(life)
            engine.cancel()

        try:
            loop.run(main())
        finally:
            life.close()

    yield running


def woken(life: Life) -> list[int]:
    """When the sign was woken, in ms since the simulation began."""
    rows = life.db.journal(0, 10_000)
    return [row.given.at_ms % 10_000_000 for row in rows if type(row.given.input) is Woken]


async def start(life: Life) -> None:
    cause = Cause(life.clock.now_us(), operation="start")
    await life.engine.ask(SIGN, SignStarted(), "", None, cause)


def test_an_entity_is_woken_when_its_time_has_come_and_once(run: Callable[..., None]) -> None:
    async def test(life: Life) -> None:
        await start(life)
        due_ms = life.db.next_wake_ms()
        assert due_ms is not None
        await asyncio.sleep(16.0)
        (at_ms,) = woken(life)
        assert 0 <= at_ms - due_ms % 10_000_000 < 100

    run(test)


def test_whoever_became_overdue_while_the_store_was_off_is_woken_at_its_start(
    run: Callable[..., None],
) -> None:
    run(start)

    async def after(life: Life) -> None:
        await asyncio.sleep(0.5)
        assert len(woken(life)) == 1

    run(after, start_s=3_600.0)


def test_a_wake_that_was_parked_waits_for_another_turn_of_its_entity(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = BEHAVIOURS["sign"]

    def throwing(state: Any, given: Any, facts: Any) -> Any:
        if type(given.input) is Woken:
            raise ZeroDivisionError("a bug of ours")
        return sign.step(state, given, facts)

    monkeypatch.setitem(BEHAVIOURS, "sign", dataclasses.replace(sign, step=throwing))

    async def test(life: Life) -> None:
        await start(life)
        await asyncio.sleep(60.0)
        assert len(life.db.parked()) == 1
        await start(life)  # staff reset the screen: its next wake is another one
        await asyncio.sleep(60.0)
        assert len(life.db.parked()) == 2
        monkeypatch.undo()
        life.cells.lose("floor")  # a new release: the cell is begun anew
        await start(life)
        await asyncio.sleep(20.0)
        assert len(woken(life)) == 1

    run(test)


def test_a_parked_wake_keeps_nobody_else_from_being_woken(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakes, "WAKES_PER_ROUND_MAX", 1)
    sign = BEHAVIOURS["sign"]

    def throwing(state: Any, given: Any, facts: Any) -> Any:
        if type(given.input) is Woken and given.key == SIGN:
            raise ZeroDivisionError("a bug of ours")
        return sign.step(state, given, facts)

    monkeypatch.setitem(BEHAVIOURS, "sign", dataclasses.replace(sign, step=throwing))

    async def test(life: Life) -> None:
        await start(life)
        cause = Cause(life.clock.now_us(), operation="start")
        await life.engine.ask(key("sign", "screen-2"), SignStarted(), "", None, cause)
        await asyncio.sleep(700.0)
        assert len(life.db.parked()) == 1
        assert len(woken(life)) >= 2

    run(test)
