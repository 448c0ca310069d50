"""The outbox: numbers, chain, pages, cursors, and what is kept until head office has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.db import StoreDb, open_db
from edge.ports import CommitFailed
from protocols.effects import Emit
from protocols.records import Hello, OfferIssued, VisitClosed, chain, decode_record
from tests.store_values import given, group, sale, saved, taken

KEY = b"k" * 32


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StoreDb]:
    store = open_db(tmp_path, chain_key=KEY)
    yield store
    store.close()


def issued(number: int, size: int = 1) -> Emit:
    return Emit("telemetry", OfferIssued(f"o{number}", "A-1", "c" * size, "dairy", number))


async def emit(db: StoreDb, *numbers: int, size: int = 1) -> None:
    await db.commit(group(taken(given("account:A-1"), [issued(number, size) for number in numbers])))


async def test_a_life_begins_with_hello_on_the_money_stream(db: StoreDb) -> None:
    incarnation = db.identity().incarnation
    (hello,) = db.outbox_page(incarnation, "money", 0)
    record = decode_record(hello.value)
    assert isinstance(record, Hello)
    assert (record.store, record.incarnation, hello.sequence, hello.type) == ("014", incarnation, 1, "Hello")


async def test_records_are_numbered_without_holes_per_stream(db: StoreDb) -> None:
    await db.commit(group(sale("A-1", 1, entry=1), taken(given("account:A-1"), [issued(1), issued(2)])))
    await db.commit(group(sale("A-1", 2, entry=2), taken(given("account:A-1"), [issued(3)])))
    incarnation = db.identity().incarnation
    money = db.outbox_page(incarnation, "money", 0)
    assert [(row.sequence, row.type, row.operation) for row in money] == [
        (1, "Hello", ""),
        (2, "SaleRecorded", "till-1/A-1/1"),
        (3, "SaleRecorded", "till-1/A-1/2"),
    ]
    assert [row.sequence for row in db.outbox_page(incarnation, "telemetry", 0)] == [1, 2, 3]


async def test_a_failed_group_uses_no_number(db: StoreDb) -> None:
    await emit(db, 1)
    with pytest.raises(CommitFailed):
        await db.commit(
            group(taken(given("account:A-1"), [issued(2)]), saved=[saved("account:A-1", 9, state=b"{}")])
        )
    await emit(db, 3)
    rows = db.outbox_page(db.identity().incarnation, "telemetry", 0)
    assert [row.sequence for row in rows] == [1, 2]


async def test_every_link_of_the_chain_can_be_checked_with_the_key(tmp_path: Path) -> None:
    db = open_db(tmp_path, chain_key=KEY)
    await emit(db, 1, 2)
    db.close()
    db = open_db(tmp_path, chain_key=KEY)  # the chain goes on across a restart
    await emit(db, 3)
    before = b""
    for row in db.outbox_page(db.identity().incarnation, "telemetry", 0):
        assert row.chain == chain(KEY, before, row.sequence, row.value)
        before = row.chain
    assert len(before) == 8
    db.close()


async def test_a_page_ends_before_it_is_too_large_but_holds_at_least_one(db: StoreDb) -> None:
    await emit(db, 1, 2, 3, size=1_000)
    incarnation = db.identity().incarnation
    assert [row.sequence for row in db.outbox_page(incarnation, "telemetry", 0, 2_500)] == [1, 2]
    assert [row.sequence for row in db.outbox_page(incarnation, "telemetry", 2, 10)] == [3]
    assert db.outbox_page(incarnation, "telemetry", 3) == []


async def test_cursors_only_go_forward_and_never_past_the_head(db: StoreDb) -> None:
    await emit(db, 1, 2, 3)
    incarnation = db.identity().incarnation

    def cursor() -> tuple[int, int, int]:
        (one,) = (each for each in db.outbox_cursors() if each.stream == "telemetry")
        return one.head, one.acked, one.applied

    await db.mark_acked(incarnation, "telemetry", 2)
    await db.mark_acked(incarnation, "telemetry", 1)
    assert cursor() == (3, 2, 0)
    await db.mark_acked(incarnation, "telemetry", 99)
    assert cursor() == (3, 3, 0)
    await db.mark_applied(incarnation, "telemetry", 2)
    await db.rewind_acked(incarnation, "telemetry", 1)
    assert cursor() == (3, 2, 2)


async def test_rows_stay_until_they_are_applied(db: StoreDb) -> None:
    await emit(db, 1, 2, 3)
    incarnation = db.identity().incarnation
    await db.mark_acked(incarnation, "telemetry", 3)
    assert len(db.outbox_page(incarnation, "telemetry", 0)) == 3
    assert await db.mark_applied(incarnation, "telemetry", 2) == 2
    assert await db.mark_applied(incarnation, "telemetry", 1) == 0
    assert [row.sequence for row in db.outbox_page(incarnation, "telemetry", 0)] == [3]
    assert db.backlog() == {"money": 1, "telemetry": 1}


async def test_numbers_go_on_after_everything_was_applied(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await emit(db, 1, 2)
    await db.mark_applied(db.identity().incarnation, "telemetry", 2)
    db.close()
    db = open_db(tmp_path)
    await emit(db, 3)
    assert [row.sequence for row in db.outbox_page(db.identity().incarnation, "telemetry", 0)] == [3]
    db.close()


async def test_a_record_above_the_limit_is_the_turns_fault_and_stops_no_stream(db: StoreDb) -> None:
    monster = Emit("telemetry", VisitClosed("v", "A-1", 0, 1, tuple(f"zone-{n:06}" for n in range(30_000))))
    with pytest.raises(CommitFailed) as failed:
        await db.commit(group(taken(given("shopper:ana"), [monster])))
    assert failed.value.by_turn
    await emit(db, 1)
    assert [row.sequence for row in db.outbox_page(db.identity().incarnation, "telemetry", 0)] == [1]


async def test_the_life_before_drains_under_its_old_numbers(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await emit(db, 1, 2)
    old = db.identity().incarnation
    db.close()
    (tmp_path / "store.sidecar").unlink()
    db = open_db(tmp_path)
    new = db.identity().incarnation
    await emit(db, 3)
    lives = [(cursor.incarnation, cursor.stream, cursor.head) for cursor in db.outbox_cursors()]
    assert lives == [(old, "money", 1), (old, "telemetry", 2), (new, "money", 1), (new, "telemetry", 1)]
    await db.mark_applied(old, "telemetry", 2)
    await db.mark_applied(old, "money", 1)
    assert {cursor.incarnation for cursor in db.outbox_cursors()} == {new}
    with pytest.raises(KeyError):
        db.outbox_page("never", "money", 0)
    db.close()
