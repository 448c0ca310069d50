"""An account in conversation: what a sale earns, uses and records, and how balances come together."""

from __future__ import annotations

import msgspec

from actors.account import Account, balance
from protocols.api import SaleReceipt
from protocols.decisions import Grant
from protocols.effects import (
    Decide,
    Emit,
    Notify,
    PointsPosted,
    Post,
    Reply,
    SalePosted,
)
from protocols.ids import AccountId, Sku
from protocols.inputs import (
    BalanceKnown,
    BasketLine,
    Caps,
    MemberKnown,
)
from protocols.records import SaleLine, SaleRecorded
from tests.unit.account_book import (
    A1,
    MILK,
    Book,
    campaign,
    issued,
    member,
    open_entries,
    proposed,
    sale,
)
from tests.unit.playbook import MONDAY, T0


def test_a_sale_earns_points_and_is_booked_recorded_and_answered_in_one_turn() -> None:
    book = member()
    book.take(BalanceKnown(100, T0 - 5, 0))
    book.take(sale(), 1, operation="op-1")
    lines = (BasketLine(Sku("wine"), 2000, 990),)
    assert book.entries() == [
        PointsPosted(A1, 1, 19, "sale S-7"),
        SalePosted("S-7", "till-2", A1, 1_999, "EUR", 19, lines, T0 + 1_000),
    ]
    assert book.one(Emit) == Emit(
        "money",
        SaleRecorded(
            "op-1", "S-7", "till-2", "A-1", 1_999, "EUR", 19, 1, T0 + 1_000, MONDAY.day,
            (SaleLine("wine", 2000, 990),),
        ),
    )  # fmt: skip
    assert book.one(Notify) == Notify(A1)
    receipt = msgspec.json.decode(book.one(Reply).body, type=SaleReceipt)
    assert receipt == SaleReceipt("op-1", "S-7", "A-1", 1_999, 19, 119)
    decision = book.one(Decide).decision
    assert (decision.trigger, decision.winners, decision.where) == ("sale_closed", ("base",), "Till 2")


def test_points_entries_are_numbered_and_those_head_office_counted_are_counted_once() -> None:
    book = member()
    book.take(sale(), 1)
    assert balance(book.state) is None
    book.take(BalanceKnown(500, T0, 0), 2)
    book.take(sale(total=700), 3)
    assert open_entries(book) == [(1, 19), (2, 7)] and balance(book.state) == 526
    book.take(BalanceKnown(519, T0 + 10, 1), 4)
    assert open_entries(book) == [(2, 7)] and balance(book.state) == 526


def test_a_balance_that_is_older_than_what_is_known_changes_nothing() -> None:
    book = member()
    book.take(sale(), 1)
    book.take(BalanceKnown(519, T0 + 10, 1), 4)
    book.expect(BalanceKnown(519, T0 + 10, 1), at_s=5)
    book.expect(BalanceKnown(500, T0 + 5, 0), at_s=5)
    book.expect(BalanceKnown(500, T0 + 50, 0), at_s=6)


def test_a_balance_cannot_count_entries_that_were_not_made_yet() -> None:
    book = member()
    book.take(BalanceKnown(500, T0, 40), 1)
    book.take(sale(total=700), 2)
    assert balance(book.state) == 507


def test_an_offer_whose_goods_are_sold_is_used() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.take(sale(BasketLine(MILK, 1000, 119, 30), total=89), 5, operation="op")
    assert book.entries()[0] == issued(state="redeemed")
    assert msgspec.json.decode(book.one(Reply).body, type=SaleReceipt).offers_used == ("o1",)
    assert book.state.offers == ()


def test_an_offer_for_other_goods_or_past_its_time_is_not_used() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.take(sale(), 5)
    assert msgspec.json.decode(book.one(Reply).body, type=SaleReceipt).offers_used == ()
    book.take(sale(BasketLine(MILK, 1000, 119), total=119), 600)
    assert msgspec.json.decode(book.one(Reply).body, type=SaleReceipt).offers_used == ()


def test_points_that_a_visit_promised_come_with_the_next_sale() -> None:
    book = member(campaign("hello", grants=(Grant("points", points=50),)))
    hello = msgspec.structs.replace(proposed("o1", "hello"), grants=(Grant("points", points=50),))
    book.take(hello)
    assert open_entries(book) == []
    book.take(sale(), 5)
    assert open_entries(book) == [(1, 69)]


def test_a_rate_for_certain_goods_counts_those_goods_alone() -> None:
    double = campaign(
        "double",
        trigger="sale_closed",
        grants=(Grant("points_rate", points=2, per_minor=100),),
        skus=(MILK,),
        needs_consent="",
    )
    book = member(double)
    book.take(sale(BasketLine(MILK, 3000, 119), BasketLine(Sku("wine"), 1000, 990), total=1_347), 5)
    assert open_entries(book) == [(1, 13 + 2 * 3)]


def test_a_sale_s_campaign_may_issue_an_offer_for_the_next_visit_within_its_caps() -> None:
    thanks = campaign("thanks", trigger="sale_closed", caps=Caps(member=1))
    book = member(thanks)
    book.take(sale(), 5)
    assert [(offer.campaign, offer.state) for offer in book.state.offers] == [("thanks", "issued")]
    book.take(sale(), 6)
    decision = book.one(Decide).decision
    assert decision.winners == ("base",) and decision.offers == ()
    assert decision.nearest_miss is not None and decision.nearest_miss.outcome == "capped"
    assert decision.nearest_miss.failed is not None and decision.nearest_miss.failed.fact == "cap_member"


def test_points_with_a_cap_are_counted() -> None:
    once = campaign(
        "once",
        trigger="sale_closed",
        grants=(Grant("points", points=500),),
        caps=Caps(day=1),
        needs_consent="",
    )
    book = member(once)
    book.take(sale(), 5)
    book.take(sale(), 6)
    assert open_entries(book) == [(1, 519), (2, 19)]


def test_a_till_s_sale_without_a_card_earns_nothing_for_nobody() -> None:
    book = Book("till-2")
    book.take(sale(), operation="op")
    assert [type(effect) for effect in book.effects] == [Post, Emit, Reply]
    receipt = msgspec.json.decode(book.one(Reply).body, type=SaleReceipt)
    assert (receipt.points_earned, receipt.balance_points, receipt.account) == (0, None, "till-2")
    book.expect(proposed())
    assert book.state == Account(AccountId("till-2"))


def test_an_anonymous_subject_holds_offers_and_no_points() -> None:
    book = Book("subject-tag-7", campaign("milk"))
    book.take(proposed())
    assert len(book.state.offers) == 1
    book.take(sale(BasketLine(MILK, 1000, 119), total=5_000), 5)
    receipt = msgspec.json.decode(book.one(Reply).body, type=SaleReceipt)
    assert (receipt.points_earned, receipt.offers_used) == (0, ("o1",))
    assert open_entries(book) == []
    book.expect(BalanceKnown(100, T0, 0))
    book.expect(MemberKnown("Eve"))


def test_a_negative_total_earns_nothing() -> None:
    book = member()
    book.take(sale(total=-5_000))
    assert open_entries(book) == []
