"""Identity keys in the database: kept wrapped, and gone from every byte of every file with the consent for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.db import StoreDb, open_db
from edge.ports import Enrolled, WrappedKey
from protocols.facts import Product
from tests.store_values import group, known

BOTH = ("offers", "location")


@pytest.fixture(params=[True, False], ids=["thread", "inline"])
def db(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StoreDb]:
    store = open_db(tmp_path, threaded=request.param)
    yield store
    store.close()


def wrapped(letter: str, **more: int) -> WrappedKey:
    return WrappedKey("eid" if more else "irk", letter.encode() * 44, **more)


ANA = Enrolled(b"a1", "ana", "A-1", "Ana", True, "gold", BOTH, (), wrapped("A"))
WATCH = Enrolled(b"a2", "ana", "A-1", "Ana", True, "gold", BOTH, (), wrapped("W", rotation=10, clock_s=-5))
PHONE = Enrolled(b"a3", "ana", "A-1", "Ana", True, "gold", BOTH)
BEN = Enrolled(b"b1", "ben", "A-2", consent=BOTH, key=wrapped("B"))
CART = Enrolled(b"c1", "cart", "", consent=BOTH, key=wrapped("C"))
ALL = [ANA, WATCH, PHONE, BEN, CART]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def said_no(row: Enrolled) -> Enrolled:
    return replace(row, consent=("offers",), key=None)


async def test_keys_come_back_with_the_rows_that_they_were_kept_with(db: StoreDb) -> None:
    await db.commit(group(enrolled=ALL))
    assert db.roster() == ALL


async def test_a_key_that_is_put_again_replaces_the_one_before_and_a_row_without_one_leaves_it(
    db: StoreDb,
) -> None:
    await db.commit(group(enrolled=ALL))
    moved = replace(WATCH, key=wrapped("X", rotation=12, clock_s=7))
    await db.commit(group(enrolled=[moved, replace(BEN, name="Ben", key=None)]))
    assert db.roster() == [ANA, moved, PHONE, replace(BEN, name="Ben"), CART]


async def test_whoever_says_no_with_any_row_loses_every_key_and_nobody_else_does(db: StoreDb) -> None:
    await db.commit(group(enrolled=ALL))
    await db.commit(group(enrolled=[said_no(PHONE)]))
    assert db.roster() == [said_no(ANA), said_no(WATCH), said_no(PHONE), BEN, CART]
    await db.commit(group(enrolled=[said_no(CART)]))
    assert db.roster()[-2:] == [BEN, said_no(CART)]


async def test_a_key_without_consent_is_never_written(db: StoreDb) -> None:
    await db.commit(group(enrolled=[replace(ANA, consent=("offers",))]))
    assert db.roster() == [said_no(ANA)]


async def test_tags_without_an_account_are_told_apart_by_their_subject(db: StoreDb) -> None:
    other = replace(CART, token=b"c2", subject="cart-2", key=wrapped("D"))
    await db.commit(group(enrolled=[CART, other]))
    await db.commit(group(enrolled=[said_no(other)]))
    assert db.roster() == [CART, said_no(other)]


async def test_an_erased_key_is_in_no_file_any_more(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await db.commit(group(enrolled=ALL))
    await db.commit(group(known=[known("product", f"p{n}", Product("n", "c", 1)) for n in range(50)]))
    db.checkpoint()
    await db.commit(group(enrolled=[said_no(PHONE), said_no(BEN), said_no(CART)]))
    await db.note("later", "writes go on")
    db.close()  # which moves the log into the file and cuts it, as an idle store does every few seconds
    files = contents(tmp_path)
    assert b"writes go on" in files["store.db"]
    for letter in "AWBC":
        for name, content in files.items():
            assert letter.encode() * 20 not in content, f"{name} still holds the key {letter}"


async def test_a_kept_key_is_in_the_file_so_that_the_search_would_find_one(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await db.commit(group(enrolled=ALL))
    db.close()
    assert all(letter.encode() * 44 in (tmp_path / "store.db").read_bytes() for letter in "AWBC")
