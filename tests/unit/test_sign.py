"""A sign in conversation: what it shows, why, until when, and that it is never black."""

from __future__ import annotations

from typing import Literal

from actors.facts import Facts
from actors.sign import FALLBACK, GOODS_MAX, RECHECK_S, Sign, screen_command
from protocols.effects import Show
from protocols.facts import Creative, Plan, Product, ShelfPlace, SignPlace, StockLine, Zone
from protocols.ids import CampaignId, CreativeId, Key, Sku, ZoneId
from protocols.inputs import Cause, ClockSet, CreativeProposed, GoodsChanged, SignStarted, Woken
from tests.unit.playbook import T0, Playbook, facts_of

MILK, WINE, HELLO, NUTS = CreativeId("milk"), CreativeId("wine"), CreativeId("hello"), CreativeId("nuts")
SHOW = Show("s1")


def store(playlist: tuple[CreativeId, ...] = (MILK, HELLO, WINE), **stock: StockLine) -> Facts:
    return facts_of(
        plan={"plan": Plan("Harbour Street", 20, 15)},
        zone={"dairy": Zone("Dairy")},
        sign={"s1": SignPlace("By the milk", (ZoneId("dairy"),), playlist, slot_s=10)},
        shelf={
            "d1": ShelfPlace(ZoneId("dairy"), Sku("milk"), 1_000, 20, 4),
            "d2": ShelfPlace(ZoneId("dairy"), Sku("milk"), 1_000, 20, 4),
        },
        product={"milk": Product("Milk 1 l", "dairy", 119)},
        creative={
            "milk": Creative("Milk", sku=Sku("milk"), was_minor=149, picture="milk.svg"),
            "hello": Creative("Hello", template="message"),
            "wine": Creative("Wine", sku=Sku("wine")),
            "nuts": Creative("Nuts"),
        },
        stock=stock,
    )


def sign(playlist: tuple[CreativeId, ...] = (MILK, HELLO, WINE), **stock: StockLine) -> Playbook[Sign]:
    book: Playbook[Sign] = Playbook("sign:s1", store(playlist, **stock))
    book.expect(SignStarted(), SHOW)
    return book


def asked(
    creative: CreativeId, until_s: float, priority: int = 0, who: str = "ana", by: str = "c1"
) -> CreativeProposed:
    return CreativeProposed(
        creative, CampaignId(by), Key(f"shopper:{who}"), T0 + round(until_s * 1000), priority
    )


def line(state: Literal["ok", "low", "out"], pieces: int = 5) -> StockLine:
    return StockLine(Sku("milk"), pieces, state, 100)


def test_the_playlist_goes_round_by_its_slot() -> None:
    book = sign()
    shown = [book.state.creative]
    for slot in range(1, 4):
        assert book.wake_s == slot * 10
        book.expect(Woken(), SHOW, at_s=slot * 10)
        shown.append(book.state.creative)
    assert shown == [MILK, HELLO, WINE, MILK]
    assert book.state.version == 4


def test_early_and_repeated_wakes_are_harmless() -> None:
    book = sign()
    book.expect(Woken(), at_s=9.9)
    book.expect(Woken(), SHOW, at_s=10)
    book.expect(Woken(), at_s=10)
    assert book.state.creative == HELLO


def test_a_proposal_is_shown_until_its_time_and_then_the_playlist_goes_on() -> None:
    book = sign()
    book.expect(asked(NUTS, 33), SHOW, at_s=3)
    assert (book.state.creative, book.state.campaign, book.state.for_key) == (NUTS, "c1", "shopper:ana")
    assert book.wake_s == 33
    book.expect(Woken(), at_s=10)
    book.expect(Woken(), SHOW, at_s=33)
    assert (book.state.creative, book.state.campaign, book.state.for_key) == (HELLO, "", "")


def test_the_same_proposal_again_only_stays_longer() -> None:
    book = sign()
    book.expect(asked(NUTS, 33), SHOW, at_s=3)
    book.expect(asked(NUTS, 50, who="ben"), at_s=20)
    assert (book.state.version, book.wake_s, book.state.for_key) == (2, 50, "shopper:ben")
    book.expect(asked(NUTS, 30), at_s=21)
    assert book.wake_s == 50


def test_a_lower_priority_waits_in_vain_and_an_equal_one_takes_over() -> None:
    book = sign()
    book.expect(asked(NUTS, 33, priority=5), SHOW, at_s=3)
    book.expect(asked(HELLO, 60, priority=4, by="c2"), at_s=4)
    book.expect(asked(HELLO, 60, priority=5, by="c2"), SHOW, at_s=5)
    assert book.state.creative == HELLO


def test_a_proposal_whose_time_is_over_is_not_shown() -> None:
    book = sign()
    book.expect(asked(NUTS, 3), at_s=3)


def test_a_late_proposal_outranks_one_whose_time_is_over() -> None:
    book = sign()
    book.expect(asked(NUTS, 33, priority=5), SHOW, at_s=3)
    book.expect(asked(HELLO, 60, priority=1, by="c2"), SHOW, at_s=34)


def test_a_creative_that_nobody_knows_is_not_shown() -> None:
    book = sign()
    book.expect(asked(CreativeId("gone"), 33), at_s=3)


def test_what_is_out_on_every_shelf_is_skipped() -> None:
    book = sign(d1=line("out", 0), d2=line("out", 0))
    assert book.state.creative == HELLO
    book.expect(asked(MILK, 33), at_s=3)


def test_what_is_out_on_one_shelf_alone_is_shown() -> None:
    assert sign(d1=line("out", 0), d2=line("low", 1)).state.creative == MILK


def test_goods_that_go_out_leave_the_screen_at_once() -> None:
    book = sign()
    book.expect(GoodsChanged(Sku("milk"), "out"), SHOW, at_s=2)
    assert book.state.creative == HELLO
    book.expect(asked(MILK, 33), at_s=3)


def test_a_shelf_s_news_is_newer_than_the_book_until_the_next_slot() -> None:
    book = sign(d1=line("out", 0))
    book.expect(GoodsChanged(Sku("milk"), "ok"), at_s=2)
    book.expect(asked(MILK, 33), SHOW, at_s=3)
    book.take(Woken(), 33)
    assert book.state.goods == {}


def test_a_sign_with_nothing_to_show_shows_the_store_s_own_card() -> None:
    book = sign((MILK,), d1=line("out", 0))
    assert book.state.creative == FALLBACK and book.wake_s == RECHECK_S
    command = screen_command(book.state, 7, book.facts, Cause(5))
    assert (command.fields.template, command.fields.title, command.fields.line) == (
        "card",
        "Harbour Street",
        "By the milk",
    )
    book.expect(GoodsChanged(Sku("milk"), "low"), SHOW, at_s=9)
    assert book.state.creative == MILK


def test_a_sign_that_the_floor_does_not_list_is_not_black_either() -> None:
    book: Playbook[Sign] = Playbook("sign:lost", store())
    book.expect(SignStarted(), Show("lost"))
    fields = screen_command(book.state, 1, Facts(), Cause(5)).fields
    assert (fields.template, fields.title) == ("card", "Welcome")


def test_one_creative_alone_is_not_woken_for_every_slot() -> None:
    book = sign((MILK,))
    assert book.wake_s == RECHECK_S
    book.expect(Woken(), at_s=RECHECK_S)
    assert book.state.version == 1


def test_a_screen_that_starts_again_is_sent_what_it_shows() -> None:
    book = sign((MILK,))
    book.expect(SignStarted(), SHOW, at_s=5)
    assert book.state.version == 2


def test_a_clock_that_jumps_does_not_cut_a_showing_short() -> None:
    book = sign()
    book.expect(ClockSet(3_600_000), at_s=3_601)
    assert book.wake_s == 3_610


def test_news_of_goods_before_the_first_start_shows_nothing_yet() -> None:
    book: Playbook[Sign] = Playbook("sign:s1", store())
    book.expect(GoodsChanged(Sku("milk"), "out"))
    book.expect(SignStarted(), SHOW)
    assert book.state.creative == HELLO


def test_a_proposal_may_be_the_first_thing_that_a_sign_shows() -> None:
    book: Playbook[Sign] = Playbook("sign:s1", store())
    book.expect(asked(NUTS, 33), SHOW)
    assert book.state.version == 1
    book.expect(Woken(), SHOW, at_s=33)
    assert book.state.creative == MILK


def test_the_news_that_a_sign_keeps_are_bounded() -> None:
    book = sign()
    for number in range(GOODS_MAX + 5):
        book.take(GoodsChanged(Sku(f"k{number:04}"), "ok"), 1)
    assert len(book.state.goods) == GOODS_MAX and f"k{GOODS_MAX + 4:04}" in book.state.goods


def test_a_command_carries_today_s_price_stock_and_cause() -> None:
    book = sign(d1=line("low", 2), d2=line("ok", 7))
    command = screen_command(book.state, 3, book.facts, Cause(77, scanner="n1"), seq=9)
    assert (command.sign, command.version, command.creative, command.seq) == ("s1", 3, "milk", 9)
    assert command.cause == Cause(77, scanner="n1")
    fields = command.fields
    assert (fields.price_minor, fields.was_minor, fields.stock, fields.picture) == (119, 149, 9, "milk.svg")
