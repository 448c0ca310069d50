"""What conditions see, when they hold, and what they say when they do not."""

from __future__ import annotations

import pytest

from actors.campaigns.checking import RELATIONS, clock_text, compile_condition, distance
from actors.campaigns.conditions import (
    FACTS,
    TRIGGERS,
    Context,
    Goods,
    Seen,
    facts_of,
    pieces_of,
    total_minor,
)
from protocols.decisions import Checked, Scalar
from protocols.facts import Condition
from protocols.ids import Sku
from protocols.inputs import BasketLine
from tests.unit.campaign_floor import context, facts, lines

COFFEE_GOODS = Goods((Sku("coffee-250"),), (("coffee-1",),))


def check(
    fact: str, relation: str, want: Scalar | tuple[Scalar, ...], seen: Context, pieces: int | None = 12
) -> Checked:
    condition = Condition(fact, relation, want, "so it is")  # type: ignore[arg-type]
    compiled = compile_condition(condition, COFFEE_GOODS)
    return compiled.checked(compiled.read(Seen(seen, facts(pieces=pieces))))


@pytest.mark.parametrize(
    ("fact", "relation", "want", "holds"),
    [
        ("zone", "is", "coffee", True),
        ("zone", "not_in", ("bakery", "dairy"), True),
        ("zone_shoppers", "at_most", 3, True),
        ("zones_visited", "has", "entrance", True),
        ("zones_visited", "has_not", ("entrance", "bakery"), False),
        ("visits_zone_count", "is", 1, True),
        ("visit_minutes", "at_least", 12, False),
        ("issued_this_visit", "at_most", 0, True),
        ("member", "is", True, True),
        ("member", "is_not", True, False),
        ("tier", "at_least", "silver", True),
        ("tier", "at_least", "gold", False),
        ("tier", "at_most", "bronze", False),
        ("tier", "in", ("base", "silver"), True),
        ("segments", "has", "holdout", False),
        ("consent", "has", "offers", True),
        ("stock_pieces", "at_least", 12, True),
        ("stock_state", "is", "ok", True),
        ("weekday", "in", ("Sat", "Sun"), False),
        ("minute_of_day", "at_least", 14 * 60, True),
        ("day", "at_most", "2026-11-30", True),
        ("day", "at_least", "2026-12-01", False),
    ],
)
def test_a_condition_holds_exactly_when_its_relation_does(
    fact: str, relation: str, want: Scalar | tuple[Scalar, ...], holds: bool
) -> None:
    assert check(fact, relation, want, context()).holds is holds


def test_a_failing_condition_tells_the_value_seen_and_the_value_wanted() -> None:
    seen = check("basket_total_minor", "at_least", 800, context(basket=lines("sourdough", price_minor=710)))
    assert (seen.say, seen.saw, seen.want, seen.holds) == ("so it is", 710, 800, False)
    assert seen.distance == 112_500  # 0.90 of 8.00


def test_an_unknown_stock_holds_nothing_and_is_shown_as_unknown() -> None:
    for relation in ("at_least", "at_most", "is_not"):
        seen = check("stock_pieces", relation, 0, context(), pieces=None)
        assert (seen.saw, seen.holds, seen.distance) == (None, False, -1)


def test_a_shelf_that_decides_believes_its_own_pieces_over_the_facts_before_the_group() -> None:
    shelf = context(shelf="coffee-1", sku=Sku("coffee-250"), pieces=4)
    assert check("stock_pieces", "at_most", 5, shelf, pieces=12).saw == 4
    assert check("stock_state", "is", "low", shelf, pieces=12).holds


def test_pieces_are_the_scarcest_goods_summed_over_their_shelves() -> None:
    books = facts(pieces=12)
    both = Goods((Sku("coffee-250"), Sku("sourdough")), (("coffee-1",), ()))
    compiled = compile_condition(Condition("stock_pieces", "at_least", 1, ""), both)
    assert compiled.read(Seen(context(), books)) is None  # nobody weighs the loaves


def test_goods_by_weight_count_as_one_piece_and_discounts_come_off_the_total() -> None:
    basket = (
        BasketLine(Sku("bananas"), 2_842, 179),
        BasketLine(Sku("sourdough"), 3_000, 320, discount_minor=60),
    )
    assert pieces_of(basket, facts().products) == 4
    assert total_minor(basket) == 509 + 960 - 60


def test_a_category_comes_from_the_range_where_the_till_sends_none() -> None:
    basket = (BasketLine(Sku("sourdough"), 1000, 320), BasketLine(Sku("x"), 1000, 1, category="sweets"))
    assert check("basket_categories", "has", "bakery", context(basket=basket)).holds
    assert check("basket_categories", "has", ("dairy", "sweets"), context(basket=basket)).holds


def test_what_was_asked_for_is_shown_first_of_a_long_set() -> None:
    basket = lines(*(f"s{number:02d}" for number in range(40)))
    seen = check("basket_skus", "has_not", "s39", context(basket=basket))
    assert isinstance(seen.saw, tuple)
    assert (seen.saw[0], len(seen.saw), seen.holds) == ("s39", 8, False)


def test_times_of_day_are_shown_as_people_write_them() -> None:
    seen = check("minute_of_day", "at_least", 16 * 60, context())
    assert (seen.saw, seen.want) == ("14:32", "16:00")
    assert clock_text(1440) == "24:00"


def test_distance_is_a_share_of_what_was_wanted_or_has_no_meaning() -> None:
    assert distance("number", "at_least", 2, 6) == 666_666
    assert distance("tier", "at_least", "silver", "gold") == 333_333
    assert distance("set", "has", (), "bakery") == 1_000_000
    assert distance("weekday", "in", "Tue", ("Sat", "Sun")) == -1
    assert distance("number", "at_least", None, 6) == -1


def test_a_condition_that_the_loader_would_refuse_does_not_compile() -> None:
    with pytest.raises(KeyError):
        compile_condition(Condition("moon_phase", "is", 1, ""), Goods())
    with pytest.raises(ValueError, match="relation"):
        compile_condition(Condition("member", "at_least", True, ""), Goods())
    with pytest.raises(ValueError, match="bound"):
        compile_condition(Condition("basket_items", "at_least", "many", ""), Goods())


def test_every_fact_is_seen_by_some_trigger_and_has_relations_and_a_meaning() -> None:
    for kind in FACTS.values():
        assert kind.triggers and set(kind.triggers) <= set(TRIGGERS)
        assert RELATIONS[kind.form]
        assert kind.meaning
    assert "basket_total_minor" not in facts_of("sale_closed")
    assert "points_balance" not in facts_of("zone_entered")
    assert "member" not in facts_of("shelf_low")
