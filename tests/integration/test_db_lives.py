"""Whose database it is: locks, epochs, sidecar, backups, damage, age, and the key of the chain."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge.db import StoreDb, open_db, open_for_reading
from edge.db.care import Damaged
from edge.db.lives import AlreadyOpen, WrongStore
from edge.settings import JournalSettings
from protocols.effects import Know
from tests.store_values import NOW_MS, counted, decided, given, group, known, sale, saved, taken

DAY_MS = 86_400_000


async def a_turn(db: StoreDb) -> None:
    await db.commit(group(taken(given("shopper:ana"))))


def incarnation_of(folder: Path) -> str:
    db = open_db(folder)
    incarnation = db.identity().incarnation
    db.close()
    return incarnation


def test_a_second_engine_is_kept_out_of_the_folder(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    with pytest.raises(AlreadyOpen):
        open_db(tmp_path)
    db.close()
    open_db(tmp_path).close()


def test_another_process_is_kept_out_and_let_in_when_the_first_one_dies(tmp_path: Path) -> None:
    code = f"from edge.db import open_db; db = open_db({str(tmp_path)!r}); print('open', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(AlreadyOpen):
        open_db(tmp_path)
    holder.kill()
    holder.wait()
    open_db(tmp_path).close()


def test_the_epoch_grows_with_every_opening(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        db = open_db(tmp_path)
        epochs.append(db.identity().epoch)
        db.close()
    assert epochs == [1, 2, 3]


def test_a_database_of_another_store_is_refused(tmp_path: Path) -> None:
    open_db(tmp_path, store="014").close()
    with pytest.raises(WrongStore):
        open_db(tmp_path, store="015")
    open_db(tmp_path, store="014").close()


async def test_an_ordinary_restart_keeps_the_life_and_the_numbers(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await a_turn(db)
    before = db.identity()
    db.close()
    db = open_db(tmp_path)
    after = db.identity()
    assert (after.incarnation, after.last_seq) == (before.incarnation, 1)
    assert list((await db.commit(group(taken(given("shopper:ben"))))).seqs) == [2]
    db.close()


async def test_a_database_behind_its_sidecar_begins_a_new_life(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await a_turn(db)
    db.checkpoint()
    old = db.identity().incarnation
    shutil.copy(tmp_path / "store.db", tmp_path / "yesterday.db")
    shutil.copy(tmp_path / "store.db-wal", tmp_path / "yesterday.db-wal")
    await a_turn(db)
    db.close()
    for name in ("store.db", "store.db-wal"):
        shutil.move(tmp_path / name.replace("store", "yesterday"), tmp_path / name)
    db = open_db(tmp_path)
    assert db.identity().incarnation != old
    assert db.identity().last_seq == 1
    life = next(open_for_reading(tmp_path).query("SELECT * FROM life ORDER BY life DESC"))
    assert "the sidecar knows turn 2" in life["why"]
    db.close()
    assert incarnation_of(tmp_path) == life["incarnation"]  # once is enough


def test_a_missing_or_torn_sidecar_begins_a_new_life(tmp_path: Path) -> None:
    first = incarnation_of(tmp_path)
    (tmp_path / "store.sidecar").unlink()
    second = incarnation_of(tmp_path)
    (tmp_path / "store.sidecar").write_text("{")
    third = incarnation_of(tmp_path)
    assert len({first, second, third}) == 3
    assert json.loads((tmp_path / "store.sidecar").read_text())["incarnation"] == third


async def test_a_backup_is_whole_marked_and_begins_a_new_life_when_opened(tmp_path: Path) -> None:
    db = open_db(tmp_path / "shop")
    await db.commit(group(sale("A-1", 1, entry=1), saved=[saved("account:A-1", 0, state=b"{}")]))
    db.backup(tmp_path / "copy.db")
    old = db.identity().incarnation
    db.close()
    restored = tmp_path / "restored"
    shutil.copytree(tmp_path / "shop", restored)
    for leftover in restored.glob("store.db*"):
        leftover.unlink()
    shutil.copy(tmp_path / "copy.db", restored / "store.db")
    db = open_db(restored)
    assert db.identity().incarnation != old
    assert db.totals().sales == 1
    life = db.identity().incarnation
    db.close()
    assert incarnation_of(restored) == life
    assert incarnation_of(tmp_path / "shop") == old


async def test_a_backup_is_made_beside_running_commits(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    for number in range(50):
        await db.commit(group(sale("A-1", number + 1, entry=number + 1)))
        if number == 25:
            db.backup(tmp_path / "copy.db")
    assert db.totals().sales == 50
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*), (SELECT is_copy FROM meta) FROM sale").fetchone() == (26, 1)
    copy.close()
    db.close()


async def test_damage_is_found_when_the_database_is_opened(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    for number in range(200):
        await db.commit(group(sale("A-1", number + 1, entry=number + 1)))
    db.close()
    with (tmp_path / "store.db").open("r+b") as file:
        for page in range(20, 40):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    with pytest.raises(Damaged):
        open_db(tmp_path)


def test_the_chain_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    open_db(tmp_path).close()
    path = tmp_path / "chain.key"
    assert path.stat().st_mode & 0o777 == 0o600
    key = path.read_bytes()
    assert len(key) == 32
    open_db(tmp_path).close()
    assert path.read_bytes() == key


async def test_the_wal_is_cut_when_the_store_is_closed_and_kept_small_while_it_runs(tmp_path: Path) -> None:
    db = open_db(tmp_path, threaded=False)
    wal = tmp_path / "store.db-wal"
    state = b'"' + b"x" * 50_000 + b'"'
    for version in range(400):
        await db.commit(group(saved=[saved("shopper:ana", version, state=state)]))
        db.checkpoint()
    assert wal.stat().st_size < 8 * 1024 * 1024
    for _ in range(25):
        db.checkpoint()
    assert wal.stat().st_size == 0
    db.close()


def test_a_ballast_is_laid_down_once_and_not_at_all_if_unwanted(tmp_path: Path) -> None:
    db = open_db(tmp_path / "a", keep=JournalSettings(ballast_mb=1))
    assert (tmp_path / "a" / "store.ballast").stat().st_size == 1024 * 1024
    assert not db.ballast_released
    db.close()
    db = open_db(tmp_path / "b", keep=JournalSettings(ballast_mb=0))
    assert not (tmp_path / "b" / "store.ballast").exists()
    assert not db.ballast_released
    db.close()


# --- pruning


async def prune_all(db: StoreDb) -> int:
    taken_away = 0
    while rows := (await db.prune()).rows:
        taken_away += rows
    return taken_away


async def test_the_journal_forgets_floor_rows_then_money_rows_then_verdicts(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    turns = [
        taken(
            given("shopper:ana", ident=f"i{n}"), [decided("shopper:ana", "c1")], loaded=0 if n == 0 else None
        )
        for n in range(150)
    ]
    await db.commit(group(*turns, sale("A-1", 1, entry=1, operation="op-1"), taken(given("account:A-1"))))

    async def after_days(days: int) -> tuple[int, int]:
        await db.commit(group(now_ms=NOW_MS + days * DAY_MS + 1))
        await prune_all(db)
        return len(db.journal(0, 1_000)), len(db.decisions(1_000))

    assert await after_days(7) == (152, 150)
    assert await after_days(8) == (2, 0)
    assert await after_days(35) == (0, 0)
    verdict = db.verdict("op-1")
    assert verdict is not None
    assert verdict.body == b'{"sale":"1"}'
    assert verdict.payload_hash
    await after_days(120)
    assert db.verdict("op-1") is None
    assert db.totals().turns == 0
    assert db.totals().sales == 1  # the ledger is no journal
    assert list((await db.commit(group(taken(given("shopper:ben"))))).seqs) == [153]
    db.close()


async def test_one_call_prunes_no_more_than_its_limit(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await db.commit(group(*(taken(given("shopper:ana", ident=f"i{n}")) for n in range(250))))
    await db.commit(group(now_ms=NOW_MS + 9 * DAY_MS))
    assert [(await db.prune(limit=100)).floor for _ in range(4)] == [100, 100, 50, 0]
    db.close()


async def test_a_past_fact_stays_while_a_turn_that_may_have_seen_it_stays(tmp_path: Path) -> None:
    db = open_db(tmp_path)

    def priced(price: int) -> Know:
        return known("product", "milk", {"name": "Milk", "category": "dairy", "price_minor": price})

    for version, price in enumerate((100, 120, 140)):
        turn = taken(given("shopper:ana", ident=f"i{version}"), [counted("dairy", 1)], facts_version=version)
        await db.commit(group(turn, known=[priced(price)]))
    await db.commit(group(sale("A-1", 1, entry=1)))  # a money row that saw version 0

    async def past_after(days: int) -> list[str]:
        late = NOW_MS + days * DAY_MS
        await db.commit(group(taken(given("shopper:ana", at_ms=late), facts_version=3), now_ms=late))
        await prune_all(db)
        reader = open_for_reading(tmp_path)
        books = [
            row["book"] for row in reader.query("SELECT book FROM fact_past ORDER BY until_version, book")
        ]
        reader.conn.close()
        return books

    assert await past_after(1) == ["occupancy", "product", "occupancy", "product"]
    assert await past_after(9) == ["product", "product"]  # counts go with the floor's rows, prices do not
    assert await past_after(36) == []
    db.close()
