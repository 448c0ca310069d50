"""Replay: the same rows give the same digests; what differs is named, what cannot be replayed is counted."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from actors.kinds import BEHAVIOURS
from edge import replay as replays
from edge.db.rows import JournalRow
from edge.replay import THREW, journal_digest, replay
from protocols.cells import Heard
from protocols.facts import Fact
from protocols.ids import Key, Sku, key
from protocols.inputs import BasketLine, Cause, SaleClosed, SignStarted
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import SIGN, Life
from sim.virtual import VirtualLoop

Journal = tuple[list[JournalRow], list[Fact]]


async def lived(life: Life) -> None:
    """A short day: a screen, two shoppers, sales, and a cell that is lost in between."""
    await life.begin()
    engine = asyncio.create_task(life.engine.run())
    await asyncio.sleep(0.01)
    await life.engine.ask(SIGN, SignStarted(), "", None, Cause(1, operation="start"))
    for step in range(56):
        for subject, scanner in (("ana", "north"), ("ben", "south" if step < 30 else "north")):
            at_us = life.clock.now_us()
            life.engine.hear(Heard(key("shopper", subject), scanner, -55.0, at_us // 1_000, at_us))
        if step % 8 == 0:
            sale = SaleClosed(f"s{step}", "till-1", (BasketLine(Sku("bread"), 1000, 900),), 900)
            cause = Cause(life.clock.now_us(), operation=sale.sale)
            await life.engine.ask(key("account", "A-ana"), sale, sale.sale, sale, cause)
        if step == 10:
            life.cells.lose("floor")
        await asyncio.sleep(0.25)
    engine.cancel()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    loop = VirtualLoop()
    life = Life(tmp_path_factory.mktemp("replay"), loop, Faults(FaultPlan()))
    loop.run(lived(life))
    yield life.db.journal(0, 10_000), life.db.facts_history()
    life.close()


def test_a_journal_replays_to_its_own_digest(journal: Journal) -> None:
    rows, history = journal
    found = replay(rows, history)
    assert found.turns == len(rows) > 15
    assert (found.differing, found.skipped, found.differences) == (0, 0, [])
    assert found.digest == journal_digest(rows)


def test_the_digest_does_not_depend_on_how_turns_of_different_entities_were_mixed(journal: Journal) -> None:
    rows, history = journal
    by_entity = sorted(rows, key=lambda row: (row.given.key, row.seq))
    assert replay(by_entity, history).digest == replay(rows, history).digest


def test_a_changed_digest_is_named_by_its_turn_and_entity(journal: Journal) -> None:
    rows, history = journal
    place = next(i for i, row in enumerate(rows) if row.given.key == SIGN)
    changed = [*rows]
    changed[place] = dataclasses.replace(rows[place], digest=b"another1")
    found = replay(changed, history)
    assert found.differing == 1
    (one,) = found.differences
    assert (one.seq, one.key, one.journal, one.replayed) == (
        rows[place].seq,
        SIGN,
        b"another1",
        rows[place].digest,
    )
    assert found.digest != journal_digest(changed)


def test_a_changed_fact_shows_in_the_turns_that_read_it(journal: Journal) -> None:
    rows, history = journal
    without = [fact for fact in history if fact.key != "milk-now"]
    found = replay(rows, without)
    assert found.differing > 0
    entered = {row.seq for row in rows if type(row.given.input).__name__ == "ZoneEntered"}
    assert {one.seq for one in found.differences} & entered


def test_turns_whose_load_lies_before_the_window_are_skipped_and_counted(journal: Journal) -> None:
    rows, history = journal
    half = rows[len(rows) // 2 :]
    found = replay(half, history)
    assert found.skipped > 0
    assert found.turns + found.skipped == len(half)
    assert found.differing == 0


def test_more_differences_than_are_named_are_counted_and_one_that_was_asked_for_is_always_named(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "DIFFERENCES_MAX", 3)
    rows, history = journal
    changed = [dataclasses.replace(row, digest=b"another1") for row in rows]
    last = changed[-1].seq
    found = replay(changed, history, frozenset((last,)))
    assert found.differing == len(rows)
    assert [one.seq for one in found.differences] == [*(row.seq for row in found_first(rows)), last]


def found_first(rows: list[JournalRow]) -> list[JournalRow]:
    return sorted(rows, key=lambda row: (row.facts_version, row.seq))[:3]


def test_a_turn_is_explained_with_everything_that_was_considered(journal: Journal) -> None:
    rows, history = journal
    asked = next(row for row in rows if type(row.given.input).__name__ == "ZoneEntered")
    found = replay(rows, history, frozenset((asked.seq,)))
    (decision,) = found.decisions[asked.seq]
    assert set(found.decisions) == {asked.seq}
    assert decision.winners == ("milk-now",)
    assert [one.campaign for one in decision.considered] == ["milk-now"]


def test_explaining_changes_no_digest(journal: Journal) -> None:
    rows, history = journal
    everything = frozenset(row.seq for row in rows)
    assert replay(rows, history, everything).digest == journal_digest(rows)


def test_a_step_that_throws_now_is_a_difference_and_its_entity_is_not_followed_further(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, history = journal
    sign = BEHAVIOURS["sign"]
    calls: list[int] = []

    def throwing(state: Any, given: Any, facts: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError("a newer release's bug")
        return sign.step(state, given, facts)

    monkeypatch.setitem(BEHAVIOURS, "sign", dataclasses.replace(sign, step=throwing))
    found = replay(rows, history)
    threw = [one for one in found.differences if one.replayed == THREW]
    assert [one.key for one in threw] == [SIGN]
    assert found.turns + found.skipped == len(rows)


def test_replay_gives_the_state_of_each_entity_at_its_end(journal: Journal) -> None:
    rows, history = journal
    states = replay(rows, history).states
    assert b'"zone":"dairy"' in (states[Key("shopper:ben")] or b"")
