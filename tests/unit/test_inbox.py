"""The two lanes of a cell: money in order and never dropped, telemetry coalesced and shed with a count."""

from __future__ import annotations

import pytest

from edge.inbox import Inbox, Item
from protocols.cells import Heard, Weighed
from protocols.errors import NotNow
from protocols.ids import Key
from protocols.inputs import Cause, Given, Local, Woken

ANA, BEN = Key("shopper:ana"), Key("shopper:ben")


def given(key: Key, ident: str, row: int = 0) -> Given:
    return Given(key, ident, Woken(), Cause(1), 1, Local("2026-01-05", 600, 0), row=row)


def heard(key: Key, scanner: str, rssi: float, arrived_us: int) -> Heard:
    return Heard(key, scanner, rssi, arrived_us // 1000, arrived_us)


def ids(inbox: Inbox) -> list[str]:
    return [item.given.id for item in inbox.take(100).items]


async def test_money_is_taken_in_the_order_in_which_it_came() -> None:
    inbox = Inbox(10, 10)
    for name in ("a", "b", "c"):
        inbox.put(Item(given(ANA, name)))
    assert ids(inbox) == ["a", "b", "c"]
    assert inbox.is_empty


async def test_a_full_money_lane_says_not_now_and_keeps_what_it_has() -> None:
    inbox = Inbox(1, 10)
    inbox.put(Item(given(ANA, "a")))
    with pytest.raises(NotNow):
        inbox.put(Item(given(ANA, "b")))
    assert ids(inbox) == ["a"]


async def test_the_newest_reading_of_a_pair_waits_with_the_arrival_of_the_oldest() -> None:
    inbox = Inbox(10, 10)
    inbox.hear(heard(ANA, "north", -70, 1_000_000))
    inbox.hear(heard(ANA, "north", -60, 2_000_000))
    inbox.hear(heard(ANA, "south", -80, 3_000_000))
    work = inbox.take(100)
    assert [(one.scanner, one.rssi_dbm, one.arrived_us) for one in work.heard] == [
        ("north", -60, 1_000_000),
        ("south", -80, 3_000_000),
    ]
    assert (inbox.coalesced, inbox.shed) == (1, 0)


async def test_a_full_telemetry_lane_sheds_the_oldest_and_counts_it() -> None:
    inbox = Inbox(10, 2)
    for place, scanner in enumerate(("north", "south", "east")):
        inbox.hear(heard(ANA, scanner, -70, place))
    assert [one.scanner for one in inbox.take(100).heard] == ["south", "east"]
    assert inbox.shed == 1


async def test_only_the_newest_weight_of_a_scale_waits() -> None:
    inbox = Inbox(10, 10)
    inbox.weigh(Weighed(Key("shelf:a"), 900, 1, 1))
    inbox.weigh(Weighed(Key("shelf:a"), 800, 2, 2))
    assert [one.grams for one in inbox.take(100).weighed] == [800]


async def test_tell_rows_are_taken_before_money_that_came_later() -> None:
    inbox = Inbox(10, 10)
    inbox.put(Item(given(ANA, "money")))
    inbox.put_rows([given(ANA, "told", row=7)])
    assert inbox.is_owed(ANA)
    assert ids(inbox) == ["told", "money"]
    assert not inbox.is_owed(ANA)


async def test_what_is_taken_again_comes_before_everything_newer_in_its_own_order() -> None:
    inbox = Inbox(10, 10)
    first = [Item(given(ANA, "one")), Item(given(BEN, "two", row=3))]
    inbox.put(Item(given(ANA, "three")))
    inbox.put_again(first)
    assert inbox.is_owed(BEN)
    assert ids(inbox) == ["one", "two", "three"]
    assert not inbox.is_owed(BEN)


async def test_an_input_that_must_be_alone_shares_its_batch_with_nobody() -> None:
    inbox = Inbox(10, 10)
    inbox.put_again([Item(given(ANA, "one")), Item(given(BEN, "two"), alone=True), Item(given(ANA, "three"))])
    inbox.hear(heard(ANA, "north", -70, 1))
    assert [ids(inbox), ids(inbox), ids(inbox)] == [["one"], ["two"], ["three"]]


async def test_a_batch_takes_no_more_telemetry_than_it_is_told() -> None:
    inbox = Inbox(10, 100)
    for place in range(5):
        inbox.hear(heard(ANA, f"s{place}", -70, place))
    assert len(inbox.take(3).heard) == 3
    assert len(inbox.take(3).heard) == 2
    assert inbox.is_empty
