"""The port `Db` over the real file, with its writer in a thread and without."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.db import StoreDb, open_db
from edge.ports import CommitFailed, Db, DiskFull, Enrolled, Fenced, ParkedInput
from protocols.effects import (
    BalancePosted,
    CapCounted,
    Entry,
    MemberPosted,
    OfferPosted,
    PointsPosted,
    PoolSpent,
    Post,
    Reply,
    Tell,
)
from protocols.facts import Fact, Occupancy, Product
from protocols.ids import AccountId, Key
from protocols.inputs import OfferSeen, Restocked, Woken
from tests.store_values import NOW_MS, counted, decided, given, group, known, sale, saved, taken


@pytest.fixture(params=[True, False], ids=["thread", "inline"])
def db(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StoreDb]:
    store = open_db(tmp_path, threaded=request.param)
    _: Db = store  # it is what the engine asks for
    yield store
    store.close()


# --- entities


async def test_a_saved_entity_is_loaded_as_it_was_saved(db: StoreDb) -> None:
    await db.commit(group(taken(given("shopper:ana")), saved=[saved("shopper:ana", 0, wake=NOW_MS + 5)]))
    load = db.load(Key("shopper:ana"))
    assert load is not None
    assert (load.version, load.state) == (1, b'{"zone":"dairy"}')


async def test_an_unknown_entity_is_none(db: StoreDb) -> None:
    assert db.load(Key("shopper:nobody")) is None
    assert db.load(Key("account:nobody")) is None


async def test_an_entity_is_written_to_loaded_plus_turns(db: StoreDb) -> None:
    first = [taken(given("shelf:a", ident=f"i{n}")) for n in range(3)]
    await db.commit(group(*first, saved=[saved("shelf:a", 0, turns=3)]))
    await db.commit(group(taken(given("shelf:a")), saved=[saved("shelf:a", 3)]))
    load = db.load(Key("shelf:a"))
    assert load is not None
    assert load.version == 4


@pytest.mark.parametrize("key", ["shelf:a", "account:a"])
@pytest.mark.parametrize("base", [0, 2])
async def test_an_entity_at_another_version_fails_the_commit_whole(db: StoreDb, key: str, base: int) -> None:
    await db.commit(group(taken(given(key)), saved=[saved(key, 0)]))
    stale = group(
        taken(given(key), [counted("dairy", 1)]),
        saved=[saved("sign:s", 0), saved(key, base)],
    )
    with pytest.raises(CommitFailed) as failed:
        await db.commit(stale)
    assert failed.value.by_turn
    assert db.load(Key("sign:s")) is None
    assert db.facts() == (0, [])
    assert db.totals().turns == 1


async def test_an_entity_without_state_is_gone(db: StoreDb) -> None:
    await db.commit(group(taken(given("shopper:ana")), saved=[saved("shopper:ana", 0, wake=NOW_MS)]))
    await db.commit(
        group(taken(given("shopper:ana"), state=None), saved=[saved("shopper:ana", 1, state=None)])
    )
    assert db.load(Key("shopper:ana")) is None
    assert db.due(NOW_MS * 2, 10) == []


async def test_who_is_gone_at_another_version_fails_the_commit(db: StoreDb) -> None:
    await db.commit(group(saved=[saved("shopper:ana", 0)]))
    with pytest.raises(CommitFailed):
        await db.commit(group(saved=[saved("shopper:ana", 7, state=None)]))


async def test_wakes_are_due_in_the_order_of_their_time_whatever_the_kind(db: StoreDb) -> None:
    await db.commit(
        group(
            saved=[
                saved("shopper:b", 0, wake=30),
                saved("account:a", 0, state=b"{}", wake=20),
                saved("sign:c", 0, wake=10),
                saved("shelf:d", 0),
            ]
        )
    )
    assert db.due(25, 10) == ["sign:c", "account:a"]
    assert db.due(100, 2) == ["sign:c", "account:a"]
    assert db.next_wake_ms() == 10
    await db.commit(group(saved=[saved("sign:c", 1)]))
    assert db.next_wake_ms() == 20
    assert db.count_by_kind() == {"shopper": 1, "sign": 1, "shelf": 1, "account": 1}
    assert db.keys("account") == ["account:a"]


# --- accounts


async def test_an_account_is_assembled_from_its_rows(db: StoreDb) -> None:
    account = AccountId("A-1")
    offer = OfferPosted("o1", account, "c1", "issued", (), "dairy", 5, 10, "Milk")  # type: ignore[arg-type]
    used = msgspec.structs.replace(offer, offer="o2", state="redeemed")
    entries: list[Entry] = [
        MemberPosted(account, "Ana", "gold", ("offers",), ("family",)),
        BalancePosted(account, 100, NOW_MS, 2),
        PointsPosted(account, 1, 5, "counted by head office"),
        PointsPosted(account, 3, 7, "sale"),
        offer,
        used,
        CapCounted(account, "c1", "2026-03-01"),  # type: ignore[arg-type]
        CapCounted(account, "c1", "2026-03-02"),  # type: ignore[arg-type]
        CapCounted(account, "c1", "2026-03-02"),  # type: ignore[arg-type]
    ]
    turn = taken(given("account:A-1", Woken()), [Post(entry) for entry in entries], state=b"{}")
    await db.commit(group(turn, saved=[saved("account:A-1", 0, state=b"{}")]))
    load = db.load(Key("account:A-1"))
    assert load is not None
    state = msgspec.json.decode(load.state)
    assert load.version == 1
    assert (state["name"], state["tier"], state["consent"]) == ("Ana", "gold", ["offers"])
    assert (state["cloud_points"], state["entries_open"], state["next_entry"]) == (100, [[3, 7]], 4)
    assert [offer["offer"] for offer in state["offers"]] == ["o1"]
    assert (state["member_counts"], state["day_counts"]) == ({"c1": 3}, {"c1": 2})


async def test_points_stand_in_two_rows_that_sum_to_zero(db: StoreDb) -> None:
    await db.commit(group(sale("A-1", 1, entry=1), saved=[saved("account:A-1", 0, state=b"{}")]))
    totals = db.totals()
    assert (totals.points_issued, totals.points_off_by, totals.sales) == (12, 0, 1)
    assert totals.total_minor == {"EUR": 1250}


async def test_the_same_points_entry_twice_fails_and_is_the_turns_fault(db: StoreDb) -> None:
    await db.commit(group(sale("A-1", 1, entry=1)))
    with pytest.raises(CommitFailed) as failed:
        await db.commit(group(sale("A-1", 2, entry=1)))
    assert failed.value.by_turn
    assert db.totals().sales == 1


async def test_a_pool_is_never_overspent(db: StoreDb) -> None:
    def spend(amount: int) -> Post:
        return Post(PoolSpent("campaign:c1", amount, 3))  # type: ignore[arg-type]

    await db.commit(group(taken(given("account:a"), [spend(2)])))
    with pytest.raises(CommitFailed) as failed:
        await db.commit(group(taken(given("account:b"), [spend(2)])))
    assert failed.value.by_turn
    await db.commit(group(taken(given("account:b"), [spend(1)])))
    assert db.pools() == {"campaign:c1": 3}


async def test_sales_are_listed_with_their_lines(db: StoreDb) -> None:
    await db.commit(group(sale("A-1", 1, entry=1, at_ms=NOW_MS), sale("A-1", 2, entry=2, at_ms=NOW_MS + 10)))
    sales = db.sales_between(NOW_MS, NOW_MS + 10)
    assert [(one.sale, one.operation) for one in sales] == [("1", "till-1/A-1/1")]
    assert sales[0].lines == (("milk", 1000, 1250, 0),)


# --- verdicts


async def test_a_verdict_stands_for_its_operation_id(db: StoreDb) -> None:
    turn = sale("A-1", 1, entry=1, operation="op-1")
    committed = await db.commit(group(turn))
    stored = db.verdict("op-1")
    assert stored is not None
    assert (stored.outcome, stored.body, stored.seq) == ("done", b'{"sale":"1"}', committed.seqs[0])
    assert stored.payload_hash == turn.turn.given.payload_hash
    assert db.verdict("op-2") is None


async def test_an_operation_id_commits_once(db: StoreDb) -> None:
    await db.commit(group(sale("A-1", 1, entry=1, operation="op-1")))
    with pytest.raises(CommitFailed) as failed:
        await db.commit(group(sale("A-2", 2, entry=1, operation="op-1")))
    assert failed.value.by_turn


async def test_an_operation_without_a_reply_is_done_all_the_same(db: StoreDb) -> None:
    await db.commit(group(taken(given("shelf:a", Restocked(4), operation="op-9"))))
    stored = db.verdict("op-9")
    assert stored is not None
    assert (stored.outcome, stored.body) == ("done", b"null")


async def test_another_outcome_is_kept_as_it_was_said(db: StoreDb) -> None:
    refused = Reply("insufficient", msgspec.Raw(b'{"left":3}'))
    await db.commit(group(taken(given("account:a", Restocked(4), operation="op-9"), [refused])))
    stored = db.verdict("op-9")
    assert stored is not None
    assert (stored.outcome, stored.body) == ("insufficient", b'{"left":3}')


# --- Tells and parked inputs


async def test_an_unstepped_tell_is_a_row_with_a_derived_id_until_it_is_taken(db: StoreDb) -> None:
    tell = Tell(Key("account:a"), OfferSeen("o1"))  # type: ignore[arg-type]
    committed = await db.commit(group(taken(given("shopper:ana", ident="i1"), [counted("dairy", 1), tell])))
    owed = db.owed(0, 10)
    assert owed == list(committed.rows)
    assert [(one.id, one.key, one.input) for one in owed] == [("i1>1", "account:a", OfferSeen("o1"))]  # type: ignore[arg-type]
    assert owed[0].cause == given("shopper:ana", ident="i1").cause
    await db.commit(group(taken(owed[0], state=b"{}"), rows_done=[owed[0].row]))
    assert db.owed(0, 10) == []


async def test_tell_rows_are_read_in_order_page_by_page(db: StoreDb) -> None:
    tells = [Tell(Key("account:a"), OfferSeen(f"o{n}")) for n in range(5)]  # type: ignore[arg-type]
    await db.commit(
        group(taken(given("shopper:a"), tells[:3]), taken(given("shopper:b", ident="b"), tells[3:]))
    )
    first = db.owed(0, 2)
    rest = db.owed(first[-1].row, 10)
    assert [one.input for one in first + rest] == [tell.input for tell in tells]


async def test_a_row_number_is_never_given_twice(db: StoreDb) -> None:
    tell = Tell(Key("account:a"), OfferSeen("o"))  # type: ignore[arg-type]
    one = (await db.commit(group(taken(given("shopper:a"), [tell])))).rows[0].row
    await db.commit(group(rows_done=[one]))
    two = (await db.commit(group(taken(given("shopper:a"), [tell])))).rows[0].row
    assert two > one


async def test_a_parked_input_keeps_state_and_trace_and_its_tell_row_is_stepped_over(db: StoreDb) -> None:
    tell = Tell(Key("account:a"), OfferSeen("o1"))  # type: ignore[arg-type]
    await db.commit(group(taken(given("shopper:ana"), [tell, tell])))
    first, second = db.owed(0, 10)
    committed = await db.commit(group(parked=[ParkedInput(first, b'{"a":1}', "Traceback …")]))
    assert db.owed(0, 10) == [second]
    (parked,) = db.parked()
    assert [parked.reference] == list(committed.parked)
    assert (parked.given.input, parked.state, parked.trace) == (first.input, b'{"a":1}', "Traceback …")


# --- facts


async def test_facts_are_set_counted_and_taken_out_under_one_version_a_group(db: StoreDb) -> None:
    milk = Product("Milk", "dairy", 129)
    one = await db.commit(
        group(taken(given("shopper:a"), [counted("dairy", 1)]), known=[known("product", "milk", milk)])
    )
    assert one.facts_version == 1
    assert {fact.version for fact in one.facts} == {1}
    two = await db.commit(group(known=[known("product", "milk", None)]))
    assert list(two.facts) == [Fact("product", "milk", 2, b"null")]
    version, facts = db.facts()
    assert version == 2
    assert [(fact.book, fact.key) for fact in facts] == [("occupancy", "dairy")]
    assert msgspec.json.decode(facts[0].value, type=Occupancy) == Occupancy(1, 0)


async def test_counts_of_one_group_add_up_and_what_cancels_out_is_no_change(db: StoreDb) -> None:
    came = taken(given("shopper:a"), [counted("dairy", 1), counted("door", 1), counted("door", -1)])
    more = taken(given("shopper:b", ident="b"), [counted("dairy", 1)])
    committed = await db.commit(group(came, more))
    assert [(fact.key, fact.value) for fact in committed.facts if fact.key == "dairy"] == [
        ("dairy", b'{"shoppers":2,"members":0}')
    ]
    again = await db.commit(group(taken(given("shopper:a"), [counted("dairy", 1), counted("dairy", -1)])))
    assert list(again.facts) == []
    assert again.facts_version == committed.facts_version


async def test_facts_can_be_seen_as_of_any_version(db: StoreDb) -> None:
    for price in (100, 120, 140):
        await db.commit(group(known=[known("product", "milk", Product("Milk", "dairy", price))]))
    await db.commit(
        group(known=[known("product", "milk", None), known("product", "tea", Product("Tea", "hot", 300))])
    )

    def prices(version: int) -> dict[str, int]:
        return {fact.key: msgspec.json.decode(fact.value)["price_minor"] for fact in db.facts_at(version)}

    assert [prices(version) for version in range(5)] == [
        {}, {"milk": 100}, {"milk": 120}, {"milk": 140}, {"tea": 300},
    ]  # fmt: skip
    history = [(fact.version, fact.key, fact.value == b"null") for fact in db.facts_history()]
    assert history == [
        (1, "milk", False),
        (2, "milk", False),
        (3, "milk", False),
        (4, "milk", True),
        (4, "tea", False),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        known("weather", "today", "rain"),
        known("product", "milk", {"name": 5}),
        counted("dairy", 1).__class__("occupancy", "dairy", field="ghosts", add=1),
    ],
    ids=["no such book", "another shape", "no such count"],
)
async def test_a_fact_of_no_book_or_another_shape_is_the_turns_fault(db: StoreDb, bad: object) -> None:
    with pytest.raises(CommitFailed) as failed:
        await db.commit(group(taken(given("shopper:a"), [bad])))  # type: ignore[list-item]
    assert failed.value.by_turn
    assert db.facts() == (0, [])


async def test_a_failed_group_leaves_no_trace_in_the_counts(db: StoreDb) -> None:
    await db.commit(group(taken(given("shopper:a"), [counted("dairy", 1)]), saved=[saved("shopper:a", 0)]))
    with pytest.raises(CommitFailed):
        await db.commit(
            group(taken(given("shopper:a"), [counted("dairy", 5)]), saved=[saved("shopper:a", 9)])
        )
    committed = await db.commit(group(taken(given("shopper:b"), [counted("dairy", 1)])))
    assert committed.facts[0].value == b'{"shoppers":2,"members":0}'
    assert committed.facts_version == 2
    assert list(committed.seqs) == [2]


# --- the journal


async def test_the_journal_gives_back_every_turn_as_it_was(db: StoreDb) -> None:
    turns = [
        taken(given("shopper:ana"), loaded=0, pools={"campaign:c1": 4}),
        taken(given("shelf:a", Restocked(4), operation="op-1"), loaded=3, facts_version=7),
        taken(given("shopper:ana", ident="later", at_ms=NOW_MS + 9)),
    ]
    committed = await db.commit(group(*turns))
    rows = db.journal(0, 10)
    assert [row.seq for row in rows] == list(committed.seqs) == [1, 2, 3]
    assert [row.given for row in rows] == [turn.turn.given for turn in turns]
    assert [row.loaded for row in rows] == [turn.loaded for turn in turns]
    assert [row.lane for row in rows] == ["floor", "money", "floor"]
    assert rows[0].pools == {"campaign:c1": 4}
    assert rows[1].facts_version == 7
    assert rows[2].digest == b"8 bytes."
    assert db.journal(2, 10) == rows[2:]
    assert db.rows_of(Key("shopper:ana")) == [rows[0], rows[2]]
    assert db.last_cause(Key("shopper:ana")) == (3, rows[2].given.cause)


async def test_a_turn_is_explained_from_the_last_load_before_it(db: StoreDb) -> None:
    marks = [0, None, 2, None, None]
    turns = [taken(given("sign:s", ident=f"i{n}"), loaded=mark) for n, mark in enumerate(marks)]
    await db.commit(group(*turns, taken(given("sign:other"), loaded=0)))
    assert [row.seq for row in db.turns_of_entity_from_load(4)] == [3, 4]
    assert [row.seq for row in db.turns_of_entity_from_load(2)] == [1, 2]
    assert db.turns_of_entity_from_load(99) == []


async def test_decisions_name_their_turn_their_cause_and_how_long_they_took(db: StoreDb) -> None:
    turn = taken(given("shopper:ana"), [counted("dairy", 1), decided("shopper:ana", "c1", "c2")])
    await db.commit(group(turn, taken(given("shopper:ben"), [decided("shopper:ben")])))
    newest, oldest = db.decisions(10)
    assert newest.decision.key == "shopper:ben"
    assert (oldest.seq, oldest.decision.winners, oldest.cause) == (1, ("c1", "c2"), turn.turn.given.cause)
    assert oldest.took_us >= 0
    assert db.decisions(10, before_seq=2) == [oldest]
    assert db.decisions_of(1) == [oldest]


# --- the roster, the clock, notes


async def test_the_roster_holds_the_newest_row_of_each_token(db: StoreDb) -> None:
    ana = Enrolled(b"token-1", "ana", "A-1", "Ana", True, "gold", ("offers",), ("family",))
    tag = Enrolled(b"token-2", "trolley-7", "")
    await db.commit(group(enrolled=[Enrolled(b"token-1", "old", ""), tag]))
    await db.commit(group(enrolled=[ana]))
    assert db.roster() == [ana, tag]


async def test_the_clock_and_the_mailbox_move_with_the_commit(db: StoreDb) -> None:
    await db.commit(group(now_ms=50, mail_number=7))
    await db.commit(group(now_ms=40))
    assert db.now_high_water_ms() == 50
    assert db.mail_number() == 7


async def test_a_note_is_kept_across_a_restart(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    assert db.noted("partition") is None
    await db.note("partition", "3")
    await db.note("partition", "4")
    db.close()
    db = open_db(tmp_path)
    assert db.noted("partition") == "4"
    db.close()


# --- failures of more than one turn


async def test_a_full_disk_fails_the_commit_releases_the_ballast_and_selling_goes_on(tmp_path: Path) -> None:
    db = open_db(tmp_path, threaded=False)
    writer = db._writer._connection
    pages = writer.execute("PRAGMA page_count").fetchall()[0][0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    big = taken(given("shopper:ana"), state=b"{}")
    fat = saved("shopper:ana", 0, state=b'"' + b"x" * 200_000 + b'"')
    with pytest.raises(DiskFull) as failed:
        await db.commit(group(big, saved=[fat]))
    assert not failed.value.by_turn
    assert db.ballast_released
    assert db.totals().turns == 0
    writer.execute("PRAGMA max_page_count = 1000000")
    assert list((await db.commit(group(big, saved=[fat]))).seqs) == [1]
    db.close()


async def test_an_engine_whose_database_was_taken_over_is_fenced(db: StoreDb, tmp_path: Path) -> None:
    await db.commit(group(taken(given("shopper:ana"))))
    thief = sqlite3.connect(tmp_path / "store.db")
    thief.execute("UPDATE meta SET epoch = epoch + 1")
    thief.commit()
    thief.close()
    with pytest.raises(Fenced):
        await db.commit(group(taken(given("shopper:ana"))))
    assert db.totals().turns == 1


async def test_groups_that_wait_together_fail_alone(db: StoreDb) -> None:
    groups = [
        group(
            taken(given(f"shopper:s{n}"), [counted("dairy", 1)]),
            saved=[saved(f"shopper:s{n}", 5 * (n % 3 == 1))],
        )
        for n in range(12)
    ]
    results = await asyncio.gather(*(db.commit(one) for one in groups), return_exceptions=True)
    failed = [n for n, result in enumerate(results) if isinstance(result, CommitFailed)]
    assert failed == [1, 4, 7, 10]
    assert [row.given.key for row in db.journal(0, 99)] == [
        f"shopper:s{n}" for n in range(12) if n not in failed
    ]
    assert [row.seq for row in db.journal(0, 99)] == list(range(1, 9))
    assert db.facts()[1][0].value == b'{"shoppers":8,"members":0}'


async def test_a_cancelled_commit_takes_nothing_else_with_it(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    hopeless = asyncio.create_task(db.commit(group(taken(given("shopper:a")))))
    await asyncio.sleep(0)
    hopeless.cancel()
    committed = await db.commit(group(taken(given("shopper:b"))))
    keys = [row.given.key for row in db.journal(0, 9)]
    assert keys[-1] == "shopper:b"
    assert list(committed.seqs) == [len(keys)]
    db.close()


async def test_reads_see_committed_data_only(db: StoreDb) -> None:
    seen: list[int] = []

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO pool VALUES ('half', 1, 1)")
        seen.append(len(db.pools()))

    await db._writer.run(half)
    assert seen == [0]
    assert db.pools() == {"half": 1}
