"""Decisions as conversations: what happened, who wins, and what the others lacked."""

from __future__ import annotations

from actors.campaigns.conditions import Context
from actors.campaigns.decide import Decided, decide
from actors.facts import Facts
from protocols.decisions import Considered, Decision, Grant, Trigger
from protocols.facts import Condition, When
from protocols.ids import CampaignId, Sku, ZoneId
from protocols.inputs import Caps
from tests.unit.campaign_floor import BAKERY, COFFEE, STOCK_OK, campaign, coffee_offer, context, facts, lines

GOLD = Condition("tier", "at_least", "gold", "Tier is Gold or above")
WEEKEND = When(weekdays=(5, 6))


def explained(trigger: Trigger, seen: Context, books: Facts) -> tuple[Decided, Decision]:
    books.explained = []
    decided = decide(trigger, seen, books)
    (whole,) = books.explained
    books.explained = None
    return decided, whole


def told(whole: Decision, ident: str) -> Considered:
    return next(one for one in whole.considered if one.campaign == ident)


def test_a_campaign_whose_conditions_hold_wins_and_names_its_offer() -> None:
    decided = decide("zone_entered", context(), facts(coffee_offer("coffee-break", STOCK_OK)))
    assert [one.id for one in decided.winners] == ["coffee-break"]
    assert decided.decision.offers == ("v1.coffee-break.1",)
    assert decided.decision.summary == "Ana gets Coffee break"
    assert decided.decision.where == "Coffee"
    assert decided.decision.considered == ()


def test_the_offer_of_a_second_issue_has_the_next_number() -> None:
    seen = context(counts={CampaignId("coffee-break"): 1})
    books = facts(coffee_offer("coffee-break", caps=Caps(visit=2)))
    assert decide("zone_entered", seen, books).decision.offers == ("v1.coffee-break.2",)


def test_the_nearest_miss_says_what_one_more_step_would_have_given() -> None:
    books = facts(coffee_offer("decaf", STOCK_OK), campaign("breakfast-bundle", BAKERY), pieces=5)
    decided = decide("zone_entered", context(), books)
    miss = decided.decision.nearest_miss
    assert decided.winners == ()
    # The shelf lacks less than the basket does, yet only the basket is in the shopper's own reach.
    assert miss is not None and miss.campaign == "breakfast-bundle"
    assert miss.would_give == "one would have given 120 points"
    assert miss.failed is not None and miss.failed.saw == ()
    assert "Ana gets nothing; nearest miss: Breakfast bundle" in decided.decision.summary


def test_a_missed_amount_reads_as_the_feed_shows_it() -> None:
    condition = Condition("basket_total_minor", "at_least", 800, "Basket is €8.00 or more")
    books = facts(campaign("bake-off", condition))
    seen = context(basket=lines("sourdough", price_minor=710), subject_name="Tomas")
    decision = decide("zone_entered", seen, books).decision
    assert decision.summary == "Tomas gets nothing; nearest miss: Bake off, basket at €7.10 of €8.00"
    assert decision.nearest_miss is not None
    assert decision.nearest_miss.would_give == "€0.90 more would have given 120 points"


def test_of_two_misses_in_reach_the_shorter_way_is_nearer_then_the_one_with_more_held() -> None:
    member = Condition("member", "is", True, "Is a member")
    far = campaign("far", Condition("basket_items", "at_least", 10, ""))
    near = campaign("near", Condition("basket_items", "at_least", 3, ""))
    nearer = campaign("nearer", member, Condition("basket_items", "at_least", 3, ""))
    seen = context(basket=lines("sourdough", "coffee-250"))
    first = decide("zone_entered", seen, facts(far, near)).decision.nearest_miss
    second = decide("zone_entered", seen, facts(far, near, nearer)).decision.nearest_miss
    assert first is not None and first.campaign == "near"
    assert second is not None and second.campaign == "nearer"


def test_a_window_is_explained_like_any_condition() -> None:
    _, whole = explained("zone_entered", context(), facts(campaign("weekend-brunch", when=WEEKEND)))
    failed = told(whole, "weekend-brunch").failed
    assert failed is not None
    assert (failed.say, failed.saw, failed.want) == ("The day is Sat or Sun", "Tue", ("Sat", "Sun"))


def test_the_last_minute_of_a_window_is_in_and_the_next_is_out() -> None:
    books = facts(campaign("lunch", when=When(from_minute=720, to_minute=872 + 1)))
    assert decide("zone_entered", context(), books).winners
    assert not decide(
        "zone_entered", context(), facts(campaign("lunch", when=When(from_minute=720, to_minute=872)))
    ).winners


def test_one_wins_a_group_by_priority_and_the_other_says_that_it_came_second() -> None:
    books = facts(
        coffee_offer("coffee-break", group="hot-drinks", priority=20),
        campaign("tea-tasting", group="hot-drinks", priority=10),
    )
    decided, whole = explained("zone_entered", context(), books)
    assert [one.id for one in decided.winners] == ["coffee-break"]
    second = told(whole, "tea-tasting")
    assert second.outcome == "outranked"
    assert second.failed is not None
    assert (second.failed.say, second.failed.saw, second.failed.want) == (
        "Wins its group, hot drinks",
        "2nd",
        "1st",
    )


def test_at_equal_priority_the_first_id_wins_the_group() -> None:
    books = facts(campaign("b", group="g"), campaign("a", group="g"))
    assert [one.id for one in decide("zone_entered", context(), books).winners] == ["a"]


def test_campaigns_without_a_group_add_up_highest_priority_first() -> None:
    books = facts(campaign("a"), campaign("b", priority=5))
    assert [one.id for one in decide("zone_entered", context(), books).winners] == ["b", "a"]


def test_a_capped_campaign_leaves_its_group_to_the_next() -> None:
    books = facts(
        coffee_offer("coffee-break", group="hot-drinks", priority=20),
        campaign("tea-tasting", group="hot-drinks", priority=10),
    )
    decided, whole = explained("zone_entered", context(counts={CampaignId("coffee-break"): 1}), books)
    assert [one.id for one in decided.winners] == ["tea-tasting"]
    capped = told(whole, "coffee-break")
    assert capped.outcome == "capped"
    assert capped.failed is not None and (capped.failed.saw, capped.failed.want) == (2, 1)


def test_without_consent_nothing_is_given_and_the_decision_says_which_purpose() -> None:
    decided, whole = explained("zone_entered", context(consent=()), facts(coffee_offer("coffee-break")))
    assert decided.winners == ()
    lacking = told(whole, "coffee-break")
    assert lacking.outcome == "no_consent"
    assert lacking.failed is not None and lacking.failed.want == "offers"


def test_only_campaigns_that_could_fire_are_considered() -> None:
    books = facts(
        campaign("here"),
        campaign("elsewhere", zones=(ZoneId("bakery"),)),
        campaign("anywhere", zones=()),
        campaign("later", trigger="dwelled", dwell_s=20),
        campaign("paying", trigger="sale_closed"),
    )
    decision = decide("zone_entered", context(), books).decision
    assert (decision.considered_count, decision.could_not_fire) == (2, 3)
    assert set(decision.winners) == {"here", "anywhere"}


def test_a_dwell_threshold_is_decided_once_when_it_is_crossed() -> None:
    books = facts(
        campaign("short", trigger="dwelled", dwell_s=20),
        campaign("long", trigger="dwelled", dwell_s=60, zones=()),
    )
    assert books.index.dwells(COFFEE) == (20, 60)
    assert books.index.dwells(ZoneId("bakery")) == (60,)
    at_20 = decide("dwelled", context(dwell_s=20), books).decision
    at_60 = decide("dwelled", context(dwell_s=61, dwell_before_s=20), books).decision
    late = decide("dwelled", context(dwell_s=61), books).decision
    assert (at_20.winners, at_60.winners) == (("short",), ("long",))
    assert set(late.winners) == {"short", "long"}


def test_goods_in_the_basket_fire_their_campaigns_by_product_and_by_category() -> None:
    books = facts(
        campaign("by-sku", trigger="basket_changed", zones=(), skus=(Sku("coffee-250"),)),
        campaign("by-category", trigger="basket_changed", zones=(), categories=("bakery",)),
        campaign("other", trigger="basket_changed", zones=(), skus=(Sku("bananas"),)),
        campaign("in-bakery", trigger="basket_changed", zones=(ZoneId("bakery"),), categories=("bakery",)),
    )
    decision = decide("basket_changed", context(basket=lines("coffee-250", "sourdough")), books).decision
    assert set(decision.winners) == {"by-sku", "by-category"}
    assert (decision.considered_count, decision.could_not_fire) == (2, 2)


def test_a_sale_fires_by_its_lines_and_is_told_at_its_till() -> None:
    rate = (Grant("points_rate", points=2, per_minor=100),)
    books = facts(
        campaign("base", trigger="sale_closed", zones=(), grants=rate, needs_consent="", caps=Caps())
    )
    seen = context(zone=ZoneId(""), where="Till 2", sale=lines("sourdough"), sale_total_minor=100, consent=())
    decision = decide("sale_closed", seen, books).decision
    assert (decision.winners, decision.where) == (("base",), "Till 2")


def test_a_low_shelf_asks_screens_and_never_for_consent() -> None:
    grants = (Grant("creative", creative="tea"),)  # type: ignore[arg-type]
    books = facts(campaign("tea-instead", trigger="shelf_low", grants=grants, zones=()))
    seen = context(consent=(), shelf="coffee-1", sku=Sku("coffee-250"), pieces=4, subject_name="")
    decision = decide("shelf_low", seen, books).decision
    assert decision.winners == ("tea-instead",)
    assert decision.offers == ()
    assert decision.summary == "Ground coffee 250 g is low: screens in Coffee show Tea instead"


def test_the_short_decision_is_the_whole_one_without_its_list() -> None:
    books = facts(coffee_offer("coffee-break", STOCK_OK), campaign("gold-doubles", GOLD))
    short = decide("zone_entered", context(), books).decision
    decided, whole = explained("zone_entered", context(), books)
    assert decided.decision == short
    assert [one.campaign for one in whole.considered] == ["coffee-break", "gold-doubles"]
    assert whole.considered[0].held == whole.considered[0].of == 1
    assert short.nearest_miss == whole.considered[1]


def test_an_anonymous_shopper_is_named_so_and_a_screen_only_win_says_screens() -> None:
    grants = (Grant("creative", creative="coffee-break"),)  # type: ignore[arg-type]
    books = facts(campaign("coffee-break", grants=grants, needs_consent=""))
    seen = context(subject_name="", member=False, consent=())
    assert decide("zone_entered", seen, books).decision.summary == "The screens nearby show Coffee break"
