"""A shelf in conversation: pieces from weight, from staff and from whoever else sees goods move."""

from __future__ import annotations

import msgspec
import pytest

from actors.facts import Facts
from actors.shelf import FILLING_MS, MATCH_MS, PIECES_MAX, Shelf, pieces_in, state_of
from protocols.codec import to_json
from protocols.decisions import Grant
from protocols.effects import Decide, Effect, Emit, Know, Reply, Tell
from protocols.facts import Campaign, Creative, ShelfPlace, SignPlace, StockLine, Zone
from protocols.ids import CampaignId, CreativeId, Key, Sku, ZoneId
from protocols.inputs import CreativeProposed, GoodsChanged, GoodsTaken, Restocked, WeightSettled
from protocols.records import StockMoved
from tests.unit.playbook import T0, Playbook, facts_of

CASHEW, NUTS = Sku("cashew"), ZoneId("nuts")
LOW = Campaign(
    CampaignId("last-nuts"),
    "Last nuts",
    "shelf_low",
    grants=(Grant("creative", creative=CreativeId("last")),),
    skus=(CASHEW,),
    lasts_s=600,
    priority=3,
    needs_consent="",
)


def store(**stock: StockLine) -> Facts:
    return facts_of(
        zone={"nuts": Zone("Nuts"), "door": Zone("Door")},
        shelf={
            "nuts-1": ShelfPlace(NUTS, CASHEW, unit_g=500, capacity=20, low_at=4),
            "nuts-2": ShelfPlace(ZoneId("door"), CASHEW, unit_g=500, capacity=20, low_at=4),
        },
        sign={
            "s1": SignPlace("Nuts", (NUTS,), (CreativeId("last"),)),
            "s2": SignPlace("Door", (ZoneId("door"),), ()),
        },
        creative={"last": Creative("Last ones", sku=CASHEW)},
        campaign={"last-nuts": LOW},
        stock=stock,
    )


def shelf(pieces: int = 10, **stock: StockLine) -> Playbook[Shelf]:
    state = state_of(pieces, 4)
    known = Shelf("nuts-1", CASHEW, pieces=pieces, state=state, p=100, weight_g=pieces * 500)
    own = {"nuts-1": StockLine(CASHEW, pieces, state, 100)}
    return Playbook("shelf:nuts-1", store(**own, **stock), known)


def stock(pieces: int, state: str, p: int) -> Effect:
    return Know("stock", "nuts-1", to_json(StockLine(CASHEW, pieces, state, p)))  # type: ignore[arg-type]


def moved(by: int, pieces: int, reason: str, p: int, operation: str = "t1", at_s: float = 0) -> Effect:
    return Emit(
        "money", StockMoved(operation, "nuts-1", CASHEW, by, pieces, reason, p, T0 + round(at_s * 1000))
    )


def test_the_first_weight_is_a_count() -> None:
    book: Playbook[Shelf] = Playbook("shelf:nuts-1", store())
    book.take(WeightSettled(5_000, 5_000))
    assert book.effects[:2] == (stock(10, "ok", 100), moved(10, 10, "count", 100))
    assert (book.state.pieces, book.state.weight_g) == (10, 5_000)
    assert book.only(Decide) == []


def test_a_piece_less_is_a_pick_and_a_piece_more_a_put() -> None:
    book = shelf()
    book.expect(WeightSettled(5_000, 4_490), stock(9, "ok", 98), moved(-1, 9, "pick", 98))
    book.expect(WeightSettled(4_490, 5_540), stock(11, "ok", 90), moved(2, 11, "put", 90, "t2"))


@pytest.mark.parametrize(
    ("change_g", "pieces", "p"),
    [
        (500, 1, 100),
        (-500, -1, 100),
        (-450, -1, 90),
        (-740, -1, 52),
        (-750, -2, 50),
        (200, 0, 60),
        (0, 0, 100),
    ],
)
def test_confidence_is_how_near_a_change_is_to_whole_pieces(change_g: int, pieces: int, p: int) -> None:
    assert pieces_in(change_g, 500) == (pieces, p)


def test_a_change_of_less_than_half_a_piece_moves_no_goods() -> None:
    book = shelf()
    book.expect(WeightSettled(5_000, 4_800))
    assert (book.state.pieces, book.state.weight_g) == (10, 4_800)


def test_a_shelf_that_goes_low_is_decided_once_and_its_signs_hear_of_it() -> None:
    book = shelf(5)
    book.take(WeightSettled(2_500, 2_000))
    assert book.state.state == "low"
    assert book.one(Decide).decision.winners == ("last-nuts",)
    asked = CreativeProposed(
        CreativeId("last"), CampaignId("last-nuts"), Key("shelf:nuts-1"), T0 + 600_000, 3
    )
    assert Tell(Key("sign:s1"), asked) in book.effects
    assert [tell.key for tell in book.only(Tell) if isinstance(tell.input, CreativeProposed)] == ["sign:s1"]
    assert Tell(Key("sign:s1"), GoodsChanged(CASHEW, "low")) in book.effects
    book.take(WeightSettled(2_000, 1_500), 5)
    assert book.only(Decide) == [] and book.only(Tell) == []


def test_signs_hear_that_goods_are_out_and_that_they_are_back() -> None:
    book = shelf(1)
    book.take(WeightSettled(500, 0))
    assert {tell.input for tell in book.only(Tell)} == {GoodsChanged(CASHEW, "out")}
    book.take(WeightSettled(0, 3_000), 99)
    assert {tell.input for tell in book.only(Tell)} == {GoodsChanged(CASHEW, "ok")}


def test_goods_are_not_out_while_another_shelf_has_them() -> None:
    book = shelf(1, **{"nuts-2": StockLine(CASHEW, 9, "ok", 100)})
    book.take(WeightSettled(500, 0))
    assert book.state.state == "out" and book.only(Tell) == []


def test_staff_s_count_stands_whatever_the_scale_thought() -> None:
    book = shelf(3)
    book.take(Restocked(20), operation="op-9")
    assert book.effects[:2] == (stock(20, "ok", 100), moved(17, 20, "restock", 100, "op-9"))
    reply = book.one(Reply)
    assert reply.outcome == "done"
    assert msgspec.json.decode(reply.body) == {
        "pieces": 20,
        "shelf": "nuts-1",
        "sku": "cashew",
        "state": "ok",
    }


def test_pieces_that_arrive_after_staff_counted_them_are_not_counted_twice() -> None:
    book = shelf(3)
    book.take(Restocked(20))
    book.expect(WeightSettled(1_500, 10_000), at_s=20)
    assert book.state.pieces == 20
    book.take(WeightSettled(10_000, 9_500), 25)
    assert book.state.pieces == 19
    book.take(WeightSettled(9_500, 10_000), FILLING_MS / 1000 + 1)
    assert book.state.pieces == 20


def test_a_piece_that_was_seen_to_go_and_weighed_to_go_is_one_piece() -> None:
    book = shelf()
    book.expect(GoodsTaken(1), stock(9, "ok", 100), moved(-1, 9, "pick", 100))
    book.expect(WeightSettled(5_000, 4_500), at_s=2)
    assert book.state.pieces == 9
    book.take(WeightSettled(4_500, 4_000), 4)
    assert book.state.pieces == 8


def test_the_same_holds_when_the_scale_was_first() -> None:
    book = shelf()
    book.take(WeightSettled(5_000, 4_000), 0)
    book.expect(GoodsTaken(1), at_s=2)
    book.take(GoodsTaken(2), 3)
    assert book.state.pieces == 7


def test_a_piece_seen_long_after_another_was_weighed_is_another_piece() -> None:
    book = shelf()
    book.take(WeightSettled(5_000, 4_500), 0)
    book.take(GoodsTaken(1), MATCH_MS / 1000)
    assert book.state.pieces == 8


def test_a_piece_put_back_does_not_match_a_piece_taken() -> None:
    book = shelf()
    book.take(WeightSettled(5_000, 4_500), 0)
    book.take(GoodsTaken(-1), 1)
    assert book.state.pieces == 10


def test_more_than_there_is_cannot_be_taken() -> None:
    book = shelf(2)
    book.take(WeightSettled(1_000, -9_000))
    assert book.state.pieces == 0
    assert isinstance(book.effects[1], Emit) and isinstance(book.effects[1].record, StockMoved)
    assert book.effects[1].record.by == -2


def test_a_count_beyond_the_limit_is_held_at_it() -> None:
    book = shelf()
    book.take(Restocked(2**62))
    assert book.state.pieces == PIECES_MAX


def test_a_shelf_that_is_not_on_the_floor_remembers_its_weight_and_says_so() -> None:
    book: Playbook[Shelf] = Playbook("shelf:attic", store())
    book.expect(WeightSettled(5_000, 4_000))
    assert (book.state.weight_g, book.state.pieces) == (4_000, None)
    book.take(Restocked(5), operation="op")
    assert book.one(Reply).outcome == "withdrawn" and book.state.pieces is None


def test_goods_seen_at_a_shelf_that_was_never_counted_mean_nothing() -> None:
    book: Playbook[Shelf] = Playbook("shelf:nuts-1", store())
    book.expect(GoodsTaken(1))


@pytest.mark.parametrize(("pieces", "state"), [(-1, "out"), (0, "out"), (1, "low"), (4, "low"), (5, "ok")])
def test_the_state_of_so_many_pieces(pieces: int, state: str) -> None:
    assert state_of(pieces, 4) == state
