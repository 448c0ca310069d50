"""What chaos's checkers are worth: each planted fault is found and named, and a healthy pair passes."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import shutil
from pathlib import Path

import msgspec
import pytest

from sim.chaos.check_records import Travelled
from sim.chaos.sales import Sales
from tests.integration.chaos_world import World, build_world

SALE = "INSERT INTO sale SELECT 900, sale, till, account, day, total_minor, currency, points, closed_at_ms, at_ms "
CLOUD_SALE = (
    "INSERT INTO sale SELECT store, 'other', sale, till, account, total_minor, currency, points, entry, "
    "closed_at_ms, business_day, lines, incarnation, 99 FROM sale WHERE operation = 'op-2'"
)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once; each test breaks a copy."""
    return asyncio.run(build_world(tmp_path_factory.mktemp("chaos")))


@pytest.fixture
def world(healthy: World, tmp_path: Path) -> World:
    folder = tmp_path / "world"
    shutil.copytree(healthy.folder, folder)
    return dataclasses.replace(
        healthy, folder=folder, travelled=list(healthy.travelled), sales=copy.deepcopy(healthy.sales)
    )


def test_a_store_and_a_head_office_that_agree_pass(world: World) -> None:
    assert len(world.sales.acknowledged) == 6
    assert world.check() == []


IN_STORE = [
    ("a lost sale", "DELETE FROM sale WHERE sale = 'S3'", "lost", "op-3"),
    ("a doubled sale", f"{SALE} FROM sale WHERE sale = 'S3'", "doubled", "op-3"),
    ("another total", "UPDATE sale SET total_minor = total_minor + 1 WHERE sale = 'S4'", "unequal", "op-4"),
    ("another account", "UPDATE sale SET account = 'A-1' WHERE sale = 'S3'", "unequal", "op-3"),
    ("other points", "UPDATE sale SET points = points + 1 WHERE sale = 'S4'", "ledger", "turn"),
    (
        "a sale nobody sent",
        "UPDATE turn SET operation = 'ghost' WHERE operation = 'op-1'",
        "invented",
        "ghost",
    ),
    ("half a posting", "DELETE FROM points_entry WHERE row = 1", "ledger", "points"),
    ("a gap in entries", "UPDATE points_entry SET number = 9 WHERE number = 3", "ledger", "A-"),
    (
        "a Tell that was never taken",
        "INSERT INTO tell SELECT 1, key, id, input, arrived_us, cause_operation, scanner, subject, more, at_ms, day, "
        "minute, weekday, NULL, NULL, NULL FROM turn WHERE operation = 'op-0'",
        "stuck",
        "account:A-1",
    ),
    (
        "a parked input",
        "INSERT INTO parked SELECT 1, key, id, input, arrived_us, cause_operation, scanner, subject, more, at_ms, "
        "day, minute, weekday, operation, NULL, '{}', 'KeyError: x' FROM turn WHERE operation = 'op-0'",
        "parked",
        "op-0",
    ),
    (
        "an unread receipt",
        "UPDATE outbox_cursor SET applied = head - 1 WHERE stream = 'money'",
        "stuck",
        "money",
    ),
    (
        "an outbox row that stays",
        "INSERT INTO outbox VALUES (1, 1, 'money', 99, x'00', 1, 'Hello', '', x'00')",
        "stuck",
        "outbox",
    ),
    ("a forgotten wake", "UPDATE account SET wake_at_ms = 1 WHERE account = 'A-2'", "stuck", "account:A-2"),
    (
        "a digest that differs",
        "UPDATE turn SET digest = x'0102030405060708' WHERE seq = 4",
        "replay",
        "turn 4",
    ),
    ("an input that was changed", "UPDATE turn SET input = replace(input, 'S2', 'S9')", "replay", "journal"),
    (
        "a new life",
        "INSERT INTO life VALUES (2, 'another', 1, 1, 'the sidecar knows more')",
        "unequal",
        "life",
    ),
    ("another chain", "UPDATE outbox_cursor SET head_chain = x'0000000000000000'", "chain", "money"),
]


@pytest.mark.parametrize(("_what", "fault", "kind", "named"), IN_STORE, ids=[row[0] for row in IN_STORE])
def test_a_fault_in_the_store_is_found(world: World, _what: str, fault: str, kind: str, named: str) -> None:
    world.in_store(fault)
    assert any(one.kind == kind and one.what.startswith(named) for one in world.check()), world.check()


IN_CLOUD = [
    ("a lost sale", "DELETE FROM sale WHERE operation = 'op-3'", "lost", "op-3"),
    ("a doubled sale", CLOUD_SALE, "doubled", "op-2"),
    ("another total", "UPDATE sale SET total_minor = 7 WHERE operation = 'op-4'", "unequal", "op-4"),
    (
        "points that moved twice",
        "UPDATE transfer SET points = points * 2 WHERE operation = 'op-4'",
        "ledger",
        "op-4",
    ),
    ("points without a sale", "UPDATE transfer SET operation = 'x' WHERE operation = 'op-4'", "ledger", "x"),
    (
        "a balance that moved alone",
        "UPDATE balance SET points = points + 1 WHERE book = 'account:A-1:available'",
        "unequal",
        "A-1",
    ),
    (
        "books that are not zero",
        "UPDATE balance SET points = points + 1 WHERE book = 'programme:issued'",
        "ledger",
        "programme:issued",
    ),
    ("a stream behind", "UPDATE stream SET known = known - 1 WHERE stream = 'money'", "chain", "money"),
    ("a stream that waits", "UPDATE stream SET state = 'waiting' WHERE stream = 'money'", "chain", "money"),
    ("mail never sent", "UPDATE mail SET published = 0 WHERE number = 1", "stuck", "mail"),
    ("a parked record", "INSERT INTO parked_count VALUES ('014', 'bad', 1)", "parked", "head office"),
    (
        "an offer from nowhere",
        "INSERT INTO offer VALUES ('014', 'V.c.1', 'A-1', 'c', 'dairy', 1)",
        "invented",
        "V.c.1",
    ),
]


@pytest.mark.parametrize(("_what", "fault", "kind", "named"), IN_CLOUD, ids=[row[0] for row in IN_CLOUD])
def test_a_fault_at_head_office_is_found(world: World, _what: str, fault: str, kind: str, named: str) -> None:
    world.in_cloud(fault)
    assert any(one.kind == kind and one.what.startswith(named) for one in world.check()), world.check()


def test_a_record_that_travelled_twice_is_no_fault(world: World) -> None:
    world.travelled.append(world.travelled[2])
    assert world.check() == []


def test_a_record_missing_in_kafka_breaks_the_chain(world: World) -> None:
    del world.travelled[3]
    assert [one.kind for one in world.check()] == ["chain"]


def test_a_record_that_was_changed_on_its_way_breaks_the_chain(world: World) -> None:
    changed = world.travelled[3]
    world.travelled[3] = Travelled(changed.header, changed.value.replace(b"till-1", b"till-2"))
    assert any(one.kind == "chain" and one.what == "op-2" for one in world.check())


def test_one_number_that_says_two_things_is_a_fork(world: World) -> None:
    before = world.travelled[3]
    world.travelled.append(Travelled(before.header, before.value.replace(b"till-1", b"till-2")))
    assert any("says two things" in one.detail for one in world.check())


def test_a_sale_under_two_numbers_is_doubled(world: World) -> None:
    one = world.travelled[3]
    header = msgspec.structs.replace(one.header, sequence=one.header.sequence + 40)
    world.travelled.append(Travelled(header, one.value))
    assert any(found.kind == "doubled" and found.what == "op-2" for found in world.check())


def test_two_verdicts_for_one_operation_contradict_each_other(world: World) -> None:
    sale = world.sales.sent["op-0"]
    first = world.sales.acknowledged["op-0"]
    told = {
        "seq": first.seq + 1,
        "incarnation": first.incarnation,
        "outcome": "done",
        "body": {
            "operation": "op-0",
            "account": first.account,
            "total_minor": first.total_minor,
            "points_earned": first.points,
        },
    }
    world.sales.verdict(sale, told)
    assert [one.kind for one in world.sales.wrong] == ["contradicted"]
    world.sales.verdict(sale, {**told, "seq": first.seq})
    assert len(world.sales.wrong) == 1


def test_a_verdict_of_another_sale_is_noticed(world: World) -> None:
    sales = Sales()
    sale = world.sales.sent["op-0"]
    sales.verdict(sale, {"seq": 1, "incarnation": "a", "outcome": "insufficient", "body": {}})
    assert [one.kind for one in sales.wrong] == ["contradicted"]
