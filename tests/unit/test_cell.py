"""A cell's batch, over real entities: what it holds, what it steps in which order, what it gives back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from actors import cell as cells
from actors.cell import Cell, digest_of, spend, tells
from actors.kinds import BEHAVIOURS
from protocols.cells import Answer, Batch, Heard, Load, Turn, Weighed
from protocols.codec import to_json
from protocols.effects import Effect, Know, Notify, PoolSpent, Post, Show, Tell
from protocols.facts import Fact
from protocols.ids import AccountId, CampaignId, Key, OfferId, PoolId, SubjectId, ZoneId, key
from protocols.inputs import (
    Caps,
    Cause,
    ClockSet,
    Given,
    Identified,
    Input,
    Local,
    OfferProposed,
    Restocked,
    SignStarted,
    VisitEnded,
    WeightSettled,
    Woken,
    ZoneEntered,
)
from sim.swarm.books import STORE_CAP, books

T0 = 1_767_600_000_000
DAY = Local("2026-01-05", 480, 0)
ANA, MILK, SIGN, ACCOUNT = Key("shopper:ana"), Key("shelf:milk"), Key("sign:screen-1"), Key("account:A-ana")
FACTS = [Fact(know.book, know.key, 1, bytes(know.value)) for know in books()]
DAIRY = ZoneEntered(ZoneId("dairy"), 90)
ANA_KNOWN = Identified(AccountId("A-ana"), name="Ana", member=True, consent=("offers",))


def given(entity: Key, what: Input, ident: str = "", *, at_ms: int = T0, row: int = 0) -> Given:
    ident = ident or f"{entity}/{type(what).__name__}"
    return Given(
        entity, ident, what, Cause(at_ms * 1_000, scanner="north", subject="ana"), at_ms, DAY, row=row
    )


class Hosted:
    """A cell, and the batches that it is sent: numbered, with the books in the first one."""

    def __init__(self) -> None:
        self.cell = Cell()
        self.number = 0

    def take(self, *inputs: Given, now_ms: int = T0, **more: Any) -> Answer:
        self.number += 1
        facts = more.pop("facts", FACTS if self.number == 1 else [])
        version = more.pop("facts_version", 1)
        answer = self.cell.take(
            Batch(self.number, now_ms, DAY, version, facts=facts, inputs=list(inputs), **more)
        )
        assert answer.number == self.number
        return answer


def names(answer: Answer) -> list[tuple[str, str]]:
    return [(turn.given.key, type(turn.given.input).__name__) for turn in answer.turns]


def test_an_input_for_a_key_that_is_not_held_comes_back_as_missing() -> None:
    asked = given(MILK, Restocked(3))
    answer = Hosted().take(asked)
    assert answer.turns == []
    assert [(one.given, one.why) for one in answer.untaken] == [(asked, "missing")]


def test_a_new_entity_is_loaded_as_new_and_a_saved_one_as_it_was() -> None:
    first = Hosted()
    (turn,) = first.take(given(MILK, Restocked(3)), load=[Load(MILK, 0)]).turns
    assert b'"pieces":3' in (turn.state or b"")
    second = Hosted()
    (same,) = second.take(given(MILK, ClockSet(5)), load=[Load(MILK, 1, turn.state or b"")]).turns
    assert b'"pieces":3' in (same.state or b"")
    assert len(second.cell) == 1


def test_a_load_in_the_same_batch_as_its_forgetting_is_the_one_that_counts() -> None:
    hosted = Hosted()
    (turn,) = hosted.take(given(MILK, Restocked(3)), load=[Load(MILK, 0)]).turns
    hosted.take(given(MILK, Restocked(9)))
    answer = hosted.take(given(MILK, ClockSet(5)), load=[Load(MILK, 1, turn.state or b"")], forget=[MILK])
    assert b'"pieces":3' in (answer.turns[0].state or b"")


def test_what_is_forgotten_is_missing_and_fresh_forgets_everything() -> None:
    hosted = Hosted()
    hosted.take(load=[Load(MILK, 0), Load(SIGN, 0)])
    assert hosted.take(given(MILK, Restocked(3)), forget=[MILK]).untaken[0].why == "missing"
    assert len(hosted.cell) == 1
    answer = hosted.take(given(SIGN, SignStarted()), fresh=True, facts=FACTS)
    assert (len(hosted.cell), answer.untaken[0].why) == (0, "missing")


def test_inputs_are_stepped_before_what_was_concluded_and_that_before_what_was_told() -> None:
    hosted = Hosted()
    hosted.take(load=[Load(ANA, 0), Load(SIGN, 0), Load(MILK, 0)])
    heard = [Heard(ANA, "north", -50.0, T0 + ms, T0 * 1_000 + ms) for ms in (0, 600)]
    answer = hosted.take(given(SIGN, SignStarted()), now_ms=T0 + 600, heard=heard)
    assert names(answer) == [
        ("sign:screen-1", "SignStarted"),
        ("shopper:ana", "ZoneEntered"),
        ("sign:screen-1", "CreativeProposed"),
    ]
    told = answer.turns[2].given
    entered = answer.turns[1]
    place = next(i for i, effect in enumerate(entered.effects) if type(effect) is Tell and effect.key == SIGN)
    assert told.id == f"{entered.given.id}>{place}"
    assert told.cause == entered.given.cause
    assert (told.at_ms, told.local) == (entered.given.at_ms, DAY)


def test_whoever_is_heard_of_and_not_held_is_named_once() -> None:
    heard = [Heard(ANA, "north", -50.0, T0, 1), Heard(ANA, "south", -60.0, T0, 2)]
    answer = Hosted().take(heard=heard, weighed=[Weighed(MILK, 100, T0, 3)])
    assert answer.unheard == [ANA, MILK]


def test_what_is_told_outside_this_cell_is_left_to_the_engine() -> None:
    hosted = Hosted()
    answer = hosted.take(given(ANA, ANA_KNOWN), given(ANA, DAIRY), load=[Load(ANA, 0)])
    assert [name for _, name in names(answer)] == ["Identified", "ZoneEntered"]
    told = [one.key for turn in answer.turns for one in tells(turn)]
    assert set(told) == {"account:A-ana", "sign:screen-1"}
    assert answer.untaken == []


def test_a_key_that_is_owed_older_rows_is_told_nothing_here() -> None:
    hosted = Hosted()
    answer = hosted.take(given(ANA, DAIRY), load=[Load(ANA, 0), Load(SIGN, 0)], owed=[SIGN])
    assert names(answer) == [("shopper:ana", "ZoneEntered")]


def test_beyond_the_limit_nothing_more_is_told_in_here_and_no_later_tell_overtakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cells, "TOLD_STEPS_MAX", 1)
    subjects = [key("shopper", name) for name in ("a", "b", "c")]
    hosted = Hosted()
    loads = [Load(one, 0) for one in (*subjects, SIGN)]
    answer = hosted.take(*(given(one, DAIRY) for one in subjects), load=loads)
    told = [turn for turn in answer.turns if turn.given.key == SIGN]
    assert len(told) == 1
    assert told[0].given.id.startswith("shopper:a/")


def test_a_step_that_throws_leaves_its_entity_as_it_was_and_the_others_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = BEHAVIOURS["shelf"]

    def throwing(state: Any, one: Given, facts: Any) -> Any:
        if type(one.input) is Restocked and one.input.pieces == 13:
            facts.spent("campaign:x")
            raise ZeroDivisionError("a bug of ours")
        return shelf.step(state, one, facts)

    monkeypatch.setitem(BEHAVIOURS, "shelf", dataclasses.replace(shelf, step=throwing))
    hosted = Hosted()
    bad = given(MILK, Restocked(13), "bad")
    answer = hosted.take(
        given(MILK, Restocked(7), "r1"), bad, given(MILK, ClockSet(0), "r2"), load=[Load(MILK, 0)]
    )
    assert [turn.given.id for turn in answer.turns] == ["r1", "r2"]
    (threw,) = answer.untaken
    assert (threw.given, threw.why) == (bad, "threw")
    assert "a bug of ours" in threw.trace
    assert threw.state == answer.turns[0].state
    assert answer.turns[1].state == answer.turns[0].state
    assert answer.turns[1].pools == {}  # what the step that threw had looked at is nobody's


def proposed(number: int) -> OfferProposed:
    return OfferProposed(
        offer=OfferId(f"v{number}.milk-now.1"),
        campaign=CampaignId("milk-now"),
        campaign_version=1,
        subject=SubjectId(f"s{number}"),
        shopper=key("shopper", f"s{number}"),
        zone=ZoneId("dairy"),
        grants=(),
        until_ms=T0 + 60_000,
        caps=Caps(visit=1, day=1, store=STORE_CAP),
    )


def test_a_pool_is_counted_within_the_batch_so_that_it_is_never_overspent() -> None:
    accounts = [key("account", f"subject-s{number}") for number in range(STORE_CAP + 2)]
    inputs = [given(entity, proposed(number)) for number, entity in enumerate(accounts)]
    pool = f"campaign:milk-now:{DAY.day}"
    answer = Hosted().take(*inputs, load=[Load(one, 0) for one in accounts], pools={pool: 1})
    issued = [turn for turn in answer.turns if any(type(one) is Notify for one in turn.effects)]
    assert len(issued) == STORE_CAP - 1
    assert answer.pools[pool] == STORE_CAP
    assert [turn.pools[pool] for turn in answer.turns] == [1, 2, 3, 3, 3]


def test_an_entity_that_is_gone_is_not_held_any_more() -> None:
    hosted = Hosted()
    answer = hosted.take(
        given(ANA, DAIRY), given(ANA, VisitEnded()), given(ANA, DAIRY, "late"), load=[Load(ANA, 0)]
    )
    assert [turn.state is None for turn in answer.turns] == [False, True]
    assert [(one.given.id, one.why) for one in answer.untaken] == [("late", "missing")]
    assert len(hosted.cell) == 0
    # Its row in the presence stage went with it: what is heard now is of nobody.
    assert hosted.take(heard=[Heard(ANA, "north", -50.0, T0, 1)]).unheard == [ANA]


def test_silence_is_concluded_from_the_time_of_a_batch_that_holds_nothing_else() -> None:
    hosted = Hosted()
    hosted.take(load=[Load(ANA, 0)])
    hosted.take(heard=[Heard(ANA, "north", -50.0, T0 + ms, T0 * 1_000) for ms in (0, 600)], now_ms=T0 + 600)
    answer = hosted.take(now_ms=T0 + 60_000)
    assert names(answer) == [("shopper:ana", "VisitEnded")]


def test_a_scale_at_rest_elsewhere_is_one_turn_and_one_within_its_noise_is_none() -> None:
    hosted = Hosted()
    hosted.take(load=[Load(MILK, 0)])

    def weigh(grams: int, at_s: float) -> list[tuple[str, str]]:
        at_ms = T0 + int(at_s * 1_000)
        readings = [Weighed(MILK, grams, at_ms + ms, 1) for ms in (0, 200, 400, 600)]
        return names(hosted.take(weighed=readings, now_ms=at_ms + 600))

    assert weigh(9_000, 0) == [("shelf:milk", "WeightSettled")]
    assert weigh(9_020, 1) == []
    assert weigh(8_000, 2) == [("shelf:milk", "WeightSettled")]


def test_facts_are_applied_before_anything_is_stepped_and_a_turn_names_their_version() -> None:
    hosted = Hosted()
    answer = hosted.take(given(ANA, DAIRY), load=[Load(ANA, 0)], facts_version=7)
    assert [turn.facts_version for turn in answer.turns] == [7]
    gone = [Fact("campaign", "milk-now", 8, b"null")]
    ben = key("shopper", "ben")
    answer = hosted.take(given(ben, DAIRY), load=[Load(ben, 0)], facts=gone, facts_version=8)
    assert tells(answer.turns[0]) == []


def test_a_digest_covers_state_and_effects() -> None:
    effects = (Show("screen-1"),)
    assert digest_of(b"{}", effects) == digest_of(b"{}", list(effects))
    assert (
        len({digest_of(b"{}", effects), digest_of(b"[]", effects), digest_of(b"{}", ()), digest_of(None, ())})
        == 4
    )


def test_the_same_batches_give_the_same_bytes_in_another_cell() -> None:
    def play() -> list[bytes]:
        hosted = Hosted()
        first = hosted.take(given(ANA, ANA_KNOWN), given(ANA, DAIRY), load=[Load(ANA, 0), Load(SIGN, 0)])
        later = hosted.take(given(ANA, Woken(), at_ms=T0 + 9_000), heard=[Heard(ANA, "south", -40.0, T0, 1)])
        return [to_json(first), to_json(later)]

    assert play() == play()


def test_what_a_turn_tells_carries_its_cause_and_an_id_of_its_own() -> None:
    effects: list[Effect] = [Know("zone", "x"), Tell(SIGN, SignStarted()), Tell(MILK, Woken())]
    turn = Turn(given(ANA, DAIRY, "t1"), b"{}", effects, None, b"", 1)
    first, second = tells(turn)
    assert (first.id, second.id) == ("t1>1", "t1>2")
    assert first.cause is turn.given.cause
    assert (first.operation, first.row) == ("", 0)


def test_spending_counts_pools_that_nobody_has_spent_from_before() -> None:
    pools: dict[str, int] = {}
    spend(pools, [Post(PoolSpent(PoolId("p"), 2, 9)), Post(PoolSpent(PoolId("p"), 1, 9)), Show("x")])
    assert pools == {"p": 3}


def test_an_input_that_was_settled_before_is_not_made_up_again() -> None:
    hosted = Hosted()
    settled = given(MILK, WeightSettled(0, 9_000))
    first = hosted.take(settled, load=[Load(MILK, 0)])
    again = hosted.take(settled)
    assert b'"pieces":9' in (first.turns[0].state or b"")
    assert again.turns[0].state == first.turns[0].state
