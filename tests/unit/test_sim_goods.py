"""The goods of a simulated store: what is taken was there, and staff come when a shelf runs low."""

from __future__ import annotations

from sim.goods import NOTICED_LOW_S, NOTICED_OUT_S, Goods
from tests.unit.test_sim_floor import FLOOR


def goods() -> Goods:
    return Goods(FLOOR.shelves, 7)


def test_the_same_seed_fills_the_shelves_the_same() -> None:
    assert {shelf: stock.pieces for shelf, stock in goods().stocks.items()} == {
        shelf: stock.pieces for shelf, stock in goods().stocks.items()
    }
    assert all(0 < stock.pieces <= stock.place.capacity for stock in goods().stocks.values())


def test_no_more_is_taken_than_there_is_and_no_more_put_back_than_fits() -> None:
    shop = goods()
    stock = shop.stocks["bakery-1"]
    assert shop.take("bakery-1", 1_000, 0.0) + stock.pieces == goods().stocks["bakery-1"].pieces
    assert stock.pieces == 0
    assert shop.take("bakery-1", 1, 0.0) == 0
    assert shop.take("bakery-1", -1_000, 0.0) == -stock.place.capacity
    assert stock.pieces == stock.place.capacity


def test_staff_come_to_an_empty_shelf_sooner_than_to_a_low_one() -> None:
    assert NOTICED_OUT_S < NOTICED_LOW_S
    shop = goods()
    shop.take("bakery-1", 1_000, 100.0)
    assert shop.wanting(100.0 + NOTICED_OUT_S - 1) is None
    assert shop.wanting(100.0 + NOTICED_OUT_S) == "bakery-1"
    low = shop.stocks["dairy-1"]
    shop.take("dairy-1", low.pieces - low.place.low_at, 0.0)
    assert shop.wanting(NOTICED_LOW_S - 1) is None
    assert shop.wanting(NOTICED_LOW_S) == "dairy-1"


def test_a_filled_shelf_wants_nothing() -> None:
    shop = goods()
    shop.take("bakery-1", 1_000, 0.0)
    assert shop.fill("bakery-1") == shop.stocks["bakery-1"].place.capacity
    assert shop.wanting(1_000.0) is None


def test_goods_that_are_put_back_in_time_call_nobody() -> None:
    shop = goods()
    taken = shop.take("bakery-1", 1_000, 0.0)
    shop.take("bakery-1", -taken, 10.0)
    assert shop.wanting(1_000.0) is None
