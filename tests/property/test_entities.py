"""Every entity under any inputs: it never throws, saves what it can read back, and never wakes for ever.

Money and quantities of lines stay within what a door lets in; everything else may be anything at all.
"""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.account import Account, account_from_rows, balance, wallet
from actors.cell import digest_of
from actors.facts import Facts
from actors.kinds import BEHAVIOURS
from actors.sign import screen_command
from protocols.api import LINES_MAX
from protocols.codec import to_json, to_msgpack
from protocols.decisions import Grant
from protocols.effects import Effect, Emit, Entry, PointsPosted, Post, Show
from protocols.facts import Campaign, Condition, Creative, Product, ShelfPlace, SignPlace, TillPlace, Zone
from protocols.ids import CampaignId, CreativeId, Key, Kind, Sku, ZoneId
from protocols.inputs import (
    AccountClaimed,
    BalanceKnown,
    BasketChanged,
    BasketLine,
    Caps,
    Cause,
    ConsentChanged,
    CreativeProposed,
    Given,
    GoodsChanged,
    GoodsTaken,
    Identified,
    Input,
    Local,
    MemberKnown,
    OfferProposed,
    OfferRefused,
    OfferSeen,
    OffersMoved,
    Restocked,
    SaleClosed,
    SignStarted,
    VisitEnded,
    WeightSettled,
    Woken,
    ZoneEntered,
    ZoneLeft,
)
from protocols.money import AMOUNT_MAX
from protocols.records import encode_record
from tests.property.hostile import values_of, wholes
from tests.unit.playbook import T0, facts_of

OFF = Grant("offer", sku="milk", discount_minor=30)
CARD = Grant("creative", creative=CreativeId("card"))
effects_of = msgspec.json.Decoder(tuple[Effect, ...]).decode

lines = st.builds(
    BasketLine,
    sku=st.sampled_from([Sku("milk"), Sku("wine"), Sku("")]),
    quantity=st.integers(1, 10_000_000),
    price_minor=st.integers(0, 100_000_000),
    discount_minor=st.integers(0, 100_000_000),
)
st.register_type_strategy(BasketLine, lines)


def store() -> Facts:
    milk, rate = (Sku("milk"),), Grant("points_rate", points=3, per_minor=7)
    campaigns = [
        Campaign(CampaignId("c1"), "One", "zone_entered", grants=(OFF, CARD), caps=Caps(2, 2, 3, 4), needs_consent=""),
        Campaign(CampaignId("c2"), "Two", "dwelled", grants=(OFF,), dwell_s=30, needs_consent=""),
        Campaign(CampaignId("c3"), "Three", "dwelled", grants=(CARD,), dwell_s=60, zones=(ZoneId("dairy"),)),
        Campaign(
            CampaignId("c4"), "Four", "basket_changed", grants=(OFF,),
            conditions=(Condition("basket_total_minor", "at_least", 500, "Over 5"),), needs_consent="",
        ),
        Campaign(CampaignId("c5"), "Five", "sale_closed", grants=(rate, OFF), skus=milk, needs_consent=""),
        Campaign(
            CampaignId("c6"), "Six", "sale_closed", grants=(Grant("points", points=9),), caps=Caps(day=1),
            needs_consent="",
        ),
        Campaign(CampaignId("c7"), "Seven", "shelf_low", grants=(CARD,), skus=milk, needs_consent=""),
    ]  # fmt: skip
    return facts_of(
        zone={"dairy": Zone("Dairy"), "wine": Zone("Wine")},
        shelf={
            "d1": ShelfPlace(ZoneId("dairy"), Sku("milk"), 1_000, 20, 4),
            "d2": ShelfPlace(ZoneId("wine"), Sku("milk"), 0, 20, 4),
        },
        sign={"s1": SignPlace("S", (ZoneId("dairy"),), (CreativeId("card"), CreativeId("x")), slot_s=0)},
        till={"till-2": TillPlace("Till 2")},
        product={"milk": Product("Milk", "dairy", 119)},
        creative={"card": Creative("Milk", sku=Sku("milk")), "x": Creative("X")},
        campaign={one.id: one for one in campaigns},
    )


Taken = tuple[Input, int, str, str]
"""One turn: the input, how long after the one before, the business day, the operation."""

OWN: dict[Kind, tuple[type[Any], ...]] = {
    "shopper": (Identified, ZoneEntered, ZoneLeft, BasketChanged, OfferRefused, Woken, VisitEnded),
    "shelf": (WeightSettled, Restocked, GoodsTaken),
    "sign": (CreativeProposed, GoodsChanged, Woken, SignStarted),
    "account": (
        OfferProposed, OfferSeen, SaleClosed, ConsentChanged, MemberKnown, BalanceKnown, AccountClaimed,
        OffersMoved, Woken,
    ),
}  # fmt: skip


def built(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of an input; its lines as a door lets them in, its time limit often one that can pass."""
    fixed: dict[str, st.SearchStrategy[Any]] = {
        "lines": st.lists(lines, max_size=4).map(tuple),
        "total_minor": st.integers(-AMOUNT_MAX, AMOUNT_MAX),
        "until_ms": st.integers(T0, T0 + 7_200_000) | wholes,
        "before_g": st.integers(0, 20_000) | wholes,
        "after_g": st.integers(0, 20_000) | wholes,
        "p": st.integers(0, 100) | wholes,
    }
    hints = typing.get_type_hints(kind)
    fields = {
        name: fixed[name] if name in fixed else values_of(hints[name]) for name in kind.__struct_fields__
    }
    return st.builds(kind, **fields)


def turns(kind: Kind) -> st.SearchStrategy[list[Taken]]:
    """Many turns, mostly of the entity's own inputs, and a few that were never meant for it."""
    own = st.one_of([built(one) for one in OWN[kind]])
    any_at_all = st.one_of([built(one) for one in Input.__args__])
    given_input = st.integers(0, 9).flatmap(lambda dice: any_at_all if dice == 0 else own)
    days = st.sampled_from(["2026-03-01", "2026-03-02", "2026-03-03"])
    after_ms = st.sampled_from([0, 100, 5_000, 31_000, 90_000]) | st.integers(0, 3_600_000)
    return st.lists(
        st.tuples(given_input, after_ms, days, st.sampled_from(["", "op"])), min_size=5, max_size=40
    )


KEYS: list[tuple[Kind, str]] = [
    ("shopper", "ana"),
    ("shelf", "d1"),
    ("shelf", "d2"),
    ("shelf", "attic"),
    ("sign", "s1"),
    ("sign", "attic"),
    ("account", "A-1"),
    ("account", "subject-ana"),
    ("account", "till-2"),
]


class Life:
    """An entity through many turns, checked after each."""

    def __init__(self, kind: Kind, ident: str) -> None:
        self.key = Key(f"{kind}:{ident}")
        self.ident = ident
        self.behaviour = BEHAVIOURS[kind]
        self.facts = store()
        self.state: Any = self.behaviour.new(ident)
        self.now_ms = T0
        self.rows: list[Entry] = []
        self.taken = 0

    def take(self, value: Input, after_ms: int, day: str, operation: str) -> tuple[Effect, ...]:
        self.taken += 1
        self.now_ms += after_ms
        local = Local(day, self.now_ms // 60_000 % 1_440, 0)
        turn = Given(
            self.key, f"t{self.taken}", value, Cause(self.now_ms * 1_000), self.now_ms, local, operation
        )
        state, effects = self.behaviour.step(self.state, turn, self.facts)
        self.rows += [effect.entry for effect in effects if isinstance(effect, Post)]
        check_effects(effects)
        if state is None:
            self.state = self.behaviour.new(self.ident)
            return effects
        saved = to_json(state)
        digest_of(saved, effects)
        self.state = self.behaviour.decode(saved)
        assert self.state == state
        return effects


def check_effects(effects: tuple[Effect, ...]) -> None:
    """They can be written, read back, and sent; points are whole and bounded."""
    to_msgpack(effects)
    assert effects_of(to_json(effects)) == effects
    for effect in effects:
        if isinstance(effect, Emit):
            encode_record(effect.record)
        if isinstance(effect, Post) and isinstance(effect.entry, PointsPosted):
            assert type(effect.entry.points) is int and abs(effect.entry.points) <= AMOUNT_MAX


@pytest.mark.parametrize(("kind", "ident"), KEYS)
@given(data=st.data())
@settings(max_examples=60)
def test_no_input_breaks_an_entity(kind: Kind, ident: str, data: st.DataObject) -> None:
    life = Life(kind, ident)
    played = data.draw(turns(kind))
    for value, after_ms, day, operation in played:
        life.take(value, after_ms, day, operation)


@pytest.mark.parametrize(("kind", "ident"), KEYS)
@given(data=st.data())
@settings(max_examples=40)
def test_a_wake_that_was_taken_in_time_is_not_wanted_again(
    kind: Kind, ident: str, data: st.DataObject
) -> None:
    life = Life(kind, ident)
    played = data.draw(turns(kind))
    for value, after_ms, day, operation in played:
        life.take(value, after_ms, day, operation)
        wake_ms = life.behaviour.wake_at_ms(life.state)
        if wake_ms is not None and wake_ms < T0 * 100:  # not in a year that no clock reaches
            life.take(Woken(), max(0, wake_ms - life.now_ms), day, "")
            again_ms = life.behaviour.wake_at_ms(life.state)
            assert again_ms is None or again_ms > life.now_ms


@pytest.mark.parametrize("ident", ["A-1", "subject-ana", "till-2"])
@given(played=turns("account"))
@settings(max_examples=60)
def test_an_account_is_what_its_rows_add_up_to(ident: str, played: list[Taken]) -> None:
    life = Life("account", ident)
    for value, after_ms, day, operation in played:
        life.take(value, after_ms, day, operation)
        account: Account = life.state
        assert account_from_rows(ident, life.rows) == account
        earned = sum(row.points for row in life.rows if isinstance(row, PointsPosted))
        assert ident == "A-1" or earned == 0
        known = balance(account)
        assert known is None or abs(known) <= AMOUNT_MAX
        to_json(wallet(account, 1, Cause(1)))


@pytest.mark.parametrize("ident", ["s1", "attic"])
@given(played=turns("sign"))
@settings(max_examples=60)
def test_a_sign_always_shows_something_and_says_so_when_it_changes(ident: str, played: list[Taken]) -> None:
    life = Life("sign", ident)
    for value, after_ms, day, operation in played:
        before = life.state
        effects = life.take(value, after_ms, day, operation)
        assert len([one for one in effects if isinstance(one, Show)]) == life.state.version - before.version
        if (before.creative, before.campaign) != (life.state.creative, life.state.campaign):
            assert life.state.version == before.version + 1
        command = screen_command(life.state, life.state.version, life.facts, Cause(1))
        assert command.fields.title


@given(played=turns("shelf"))
@settings(max_examples=60)
def test_a_shelf_never_holds_less_than_nothing(played: list[Taken]) -> None:
    life = Life("shelf", "d1")
    for value, after_ms, day, operation in played:
        life.take(value, after_ms, day, operation)
        assert life.state.pieces is None or life.state.pieces >= 0
        assert 0 <= life.state.p <= 100


@given(played=turns("shopper"))
@settings(max_examples=60)
def test_people_counted_in_zones_are_never_fewer_than_none(played: list[Taken]) -> None:
    life = Life("shopper", "ana")
    counts: dict[tuple[str, str], int] = {}
    for value, after_ms, day, operation in played:
        for effect in life.take(value, after_ms, day, operation):
            if getattr(effect, "book", "") == "occupancy":
                place = (effect.key, effect.field)  # type: ignore[union-attr]
                counts[place] = counts.get(place, 0) + (effect.add or 0)  # type: ignore[union-attr]
        inside = {life.state.zone} - {"unknown"}
        assert {zone for (zone, field), count in counts.items() if field == "shoppers" and count} == inside
        assert all(count in (0, 1) for count in counts.values())
    assert len(life.state.basket) <= LINES_MAX
