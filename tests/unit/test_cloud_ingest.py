"""Sorting a fetch, and the one transaction that applies it, on SQLite in memory or in a file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, select, text, update

from cloud.db import mail, reads, schema
from cloud.db.books import Books
from cloud.db.engine import connect, create_tables
from cloud.ingest import ORDER_AGAIN_MS
from cloud.ports import Delivered, Fenced, Place
from cloud.provisioning import NewStore, write_store
from protocols.headers import to_headers
from protocols.mail import BalanceMailed, Mail, ReplayOrdered
from protocols.records import Header, OfferIssued, Stay, StockMoved, VisitClosed, chain, encode_record
from tests.outboxes import KEY, Outbox, delivered, sale

MONEY = Place("endcap.up.money.v1", 0)
TELEMETRY = Place("endcap.up.telemetry.v1", 0)


class Office:
    """Head office's database with one store provisioned, and what it came to."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = connect(url)
        create_tables(self.engine)
        self.books = Books(self.engine, "test")
        self.books.own([MONEY, TELEMETRY])
        self.provision("014", KEY)
        self.now_ms = 1_760_000_000_000

    def provision(self, store: str, key: bytes) -> None:
        with self.engine.begin() as connection:
            write_store(connection, NewStore(store, store, key), 1)

    def take(self, messages: list[Delivered], place: Place = MONEY):
        return self.books.take(place, messages, self.now_ms)

    def mail(self, store: str = "014") -> list[Mail]:
        decode = msgspec.msgpack.Decoder(Mail).decode
        return [decode(one.value) for one in mail.waiting(self.engine, store)]

    def points(self, account: str = "ana") -> int | None:
        found = reads.account(self.engine, account)
        return found.points if found else None

    def stream(self) -> reads.StreamView:
        return reads.stores(self.engine)[0].streams[0]


@pytest.fixture
def office(tmp_path: Path):
    made = Office(f"sqlite:///{tmp_path}/cloud.db")
    yield made
    made.engine.dispose()


def test_a_sale_is_applied_once_however_often_it_comes(office: Office) -> None:
    outbox = Outbox()
    outbox.add(sale("op-1", points=10, entry=1))
    assert office.take(delivered(outbox.rows)).applied == 1
    again = office.take(delivered(outbox.rows, offset=1))
    assert (again.applied, again.repeated) == (0, 1)
    totals = reads.totals(office.engine)
    assert (totals.stores[0].sales, totals.stores[0].total_minor) == (1, 1000)
    assert (totals.points_available, totals.books_minus_zero) == (10, 0)


def test_the_balance_comes_back_as_of_the_stores_own_entry(office: Office) -> None:
    outbox = Outbox()
    outbox.hello()
    outbox.add(sale("op-1", points=10, entry=1))
    outbox.add(sale("op-2", points=7, entry=2))
    office.take(delivered(outbox.rows))
    assert office.mail() == [BalanceMailed("ana", 17, office.now_ms, "life-1", 2)]


def test_another_store_that_knows_the_account_hears_of_it_as_of_its_own_entries(office: Office) -> None:
    office.provision("015", KEY)
    here, there = Outbox(), Outbox(store="015", incarnation="life-9")
    here.add(sale("op-1", points=10, entry=1))
    there.add(sale("op-1", points=5, entry=1))  # the same id in another store is another sale
    office.take(delivered(here.rows))
    office.take(delivered(there.rows, offset=1))
    assert office.mail("014")[-1] == BalanceMailed("ana", 15, office.now_ms, "life-1", 1)
    assert office.mail("015") == [BalanceMailed("ana", 15, office.now_ms, "life-9", 1)]


def test_a_sale_without_points_mails_nobody(office: Office) -> None:
    outbox = Outbox()
    outbox.add(sale("op-1", account="till-1", points=0))
    assert not office.take(delivered(outbox.rows)).mailed
    assert office.points("till-1") == 0


def test_a_gap_in_money_waits_and_orders_one_replay(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(4)
    office.take(delivered(outbox.rows[:1]))
    held = office.take(delivered(outbox.rows[2:], offset=1))
    assert (held.applied, held.held, held.orders) == (0, 2, 1)
    assert office.mail()[-1] == ReplayOrdered("life-1", "money", 2)
    assert office.stream().state == "waiting"
    replayed = office.take(delivered(outbox.rows[1:], offset=3))
    assert replayed.applied == 3
    assert office.stream().state == "open"


def test_a_replay_that_does_not_come_is_ordered_again_later(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(3)
    assert office.take(delivered(outbox.rows[1:2])).orders == 1
    assert office.take(delivered(outbox.rows[2:], offset=1)).orders == 0
    office.now_ms += ORDER_AGAIN_MS
    assert office.take(delivered(outbox.rows[2:], offset=2)).orders == 1


def test_numbers_given_twice_are_a_fork_and_quarantine_the_stream(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(2)
    restored = outbox.fork()
    outbox.add_sales(2)
    office.take(delivered(outbox.rows))
    restored.add(sale("op-other", points=99, entry=3))
    restored.add_sales(4)
    forked = office.take(delivered(restored.rows, offset=4))
    assert (forked.applied, forked.repeated, forked.forks) == (0, 2, 1)
    assert office.stream().state == "quarantined"
    assert "record 3 exists twice" in office.stream().reason
    assert office.points() == 40


def test_a_fork_within_one_fetch_is_seen_too(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(2)
    restored = outbox.fork()
    outbox.add_sales(1)
    restored.add(sale("op-other"))
    forked = office.take(delivered([*outbox.rows, *restored.rows]))
    assert (forked.applied, forked.repeated, forked.forks) == (3, 2, 1)


def test_a_fork_far_back_is_seen_too(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(10)
    restored = outbox.fork()
    outbox.add_sales(700)  # several blocks of remembered chains
    office.take(delivered(outbox.rows))
    restored.add(sale("op-other"))
    assert office.take(delivered(restored.rows[-1:], offset=710)).forks == 1


def test_a_forged_record_changes_nothing_and_the_true_one_still_follows(office: Office) -> None:
    outbox, forger = Outbox(), Outbox(key=b"another key")
    outbox.add_sales(2)
    office.take(delivered(outbox.rows[:1]))
    forger.rows = outbox.rows[:1]
    header, value = forger.add(sale("op-forged", points=1_000_000))
    named = msgspec.structs.replace(header, key_id=outbox.rows[0][0].key_id)
    forged = office.take([Delivered(1, value, to_headers(named))])
    assert (forged.applied, forged.parked) == (0, 1)
    assert office.take(delivered(outbox.rows[1:], offset=2)).applied == 1
    assert office.points() == 20


def test_a_forged_repeat_cannot_quarantine_a_stream(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(3)
    office.take(delivered(outbox.rows))
    header, value = outbox.rows[1]
    forged = msgspec.structs.replace(header, chain=b"8 bytes!")
    outcome = office.take([Delivered(3, value, to_headers(forged))])
    assert (outcome.forks, outcome.parked) == (0, 1)
    assert office.stream().state == "open"


def test_a_gap_in_telemetry_is_counted_once_the_next_record_proves_it(office: Office) -> None:
    outbox = Outbox(stream="telemetry")
    for number in range(6):
        outbox.add(OfferIssued(f"offer-{number}", "ana", "milk", "dairy", 1))
    office.take(delivered(outbox.rows[:1]), TELEMETRY)
    assert office.take(delivered(outbox.rows[3:4], offset=1), TELEMETRY).applied == 0
    assert office.take(delivered(outbox.rows[4:], offset=2), TELEMETRY).applied == 2
    assert (office.stream().applied, office.stream().missing) == (6, 3)


def test_nobody_can_make_telemetry_skip_ahead(office: Office) -> None:
    outbox, forger = Outbox(stream="telemetry"), Outbox(stream="telemetry", key=b"another key")
    for number in range(9):
        outbox.add(OfferIssued(f"offer-{number}", "ana", "milk", "dairy", 1))
        forger.add(OfferIssued(f"forged-{number}", "ana", "milk", "dairy", 1))
    office.take(delivered(outbox.rows[:1]), TELEMETRY)
    assert office.take(delivered(forger.rows[6:], offset=1), TELEMETRY).applied == 0
    assert office.take(delivered(outbox.rows[1:], offset=4), TELEMETRY).applied == 8
    assert office.stream().missing == 0


def test_what_a_till_sends_again_to_a_restored_store_has_one_effect(office: Office) -> None:
    first, second = Outbox(), Outbox(incarnation="life-2")
    first.hello(at_ms=1)
    first.add(sale("op-1", points=10, entry=1))
    second.hello(at_ms=2)
    second.add(sale("op-1", points=10, entry=1))
    office.take(delivered(first.rows))
    again = office.take(delivered(second.rows, offset=2))
    assert (again.applied, again.resent) == (2, 1)
    assert office.points() == 10
    # The balance includes what the new life calls entry 1: the store must not add it on top.
    assert office.mail()[-1] == BalanceMailed("ana", 10, office.now_ms, "life-2", 1)


def test_a_life_drained_late_does_not_take_the_mail_from_the_younger_one(office: Office) -> None:
    old, young = Outbox(), Outbox(incarnation="life-2")
    young.hello(at_ms=2)
    old.hello(at_ms=1)
    old.add(sale("op-1", points=10, entry=1))
    office.take(delivered(young.rows))
    office.take(delivered(old.rows, offset=1))
    assert office.mail() == [BalanceMailed("ana", 10, office.now_ms, "life-2", 0)]


def test_a_record_that_cannot_be_read_is_parked_and_the_stream_goes_on(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(1)
    value = b"\x93\xc1 nonsense"
    link = chain(KEY, outbox.rows[-1][0].chain, 2, value)
    outbox.rows.append((msgspec.structs.replace(outbox.rows[0][0], sequence=2, chain=link), value))
    outbox.add_sales(1)
    outcome = office.take(delivered(outbox.rows))
    assert (outcome.applied, outcome.parked) == (2, 1)
    assert office.stream().applied == 3
    _, reason, parked = mail.parked_to_publish(office.engine)[0]
    assert parked == value and "014" in reason


@pytest.mark.parametrize(
    "bad",
    [
        sale("op-\x00"),
        sale("op", total=10**15),
        sale("op", account="a b"),
        sale("op", entry=2**62),
        sale("o" * 600),
        StockMoved("op", "shelf", "milk", 1, 1, "pick", 101, 1),
        VisitClosed("visit", "ana", -1, 1),
        VisitClosed("visit", "ana", 1, 2, (), (Stay("dairy", -1, 1),)),
        VisitClosed("visit", "ana", 1, 2, (), (Stay("d" * 600, 1, 1),)),
    ],
)
def test_a_record_that_no_database_should_see_is_parked(office: Office, bad) -> None:
    outbox = Outbox()
    outbox.add(bad)
    outbox.add_sales(1)
    outcome = office.take(delivered(outbox.rows))
    assert (outcome.applied, outcome.parked) == (1, 1)


def test_a_record_that_the_database_refuses_is_found_and_parked_alone(office: Office) -> None:
    with office.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER poison BEFORE INSERT ON sale WHEN new.operation = 'life-1-7' "
                "BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        )
    outbox = Outbox()
    outbox.add_sales(10)
    outcome = office.take(delivered(outbox.rows))
    assert (outcome.applied, outcome.parked) == (9, 1)
    assert office.points() == 90
    assert office.books.positions()[MONEY] == 10


def test_a_store_that_was_never_provisioned_is_parked_and_not_believed(office: Office) -> None:
    outbox = Outbox(store="099")
    outbox.add_sales(150)
    assert office.take(delivered(outbox.rows)).parked == 150
    with office.engine.connect() as connection:
        kept = connection.execute(select(schema.parked.c.reference)).all()
        assert connection.scalar(select(schema.parked_count.c.count)) == 150
    assert len(kept) == 100
    assert reads.totals(office.engine).stores == ()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("store", b"\xff")],
        [*to_headers(Header("014", "life", "money", 1, b"12345678"))[:-1], ("schema", b"x")],
        to_headers(Header("014", "life", "gossip", 1, b"12345678")),
        to_headers(Header("014", "life", "money", 0, b"12345678")),
        to_headers(Header("014", "life", "money", 2**70, b"12345678")),
        to_headers(Header("014", "life", "money", 1, b"short")),
        to_headers(Header("0 14", "life", "money", 1, b"12345678")),
    ],
)
def test_headers_that_cannot_be_read_are_parked(office: Office, headers) -> None:
    assert office.take([Delivered(0, b"anything", headers)]).parked == 1


def test_a_partition_that_another_owner_took_refuses_the_old_one(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(2)
    other = Books(office.engine, "other")
    other.own([MONEY])
    with pytest.raises(Fenced):
        office.take(delivered(outbox.rows[:1]))
    with pytest.raises(Fenced):
        office.books.positions()
    assert office.points() is None
    assert other.take(MONEY, delivered(outbox.rows), 1).applied == 2


def test_offset_and_effect_move_together_or_not_at_all(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(3)
    with office.engine.begin() as connection:
        connection.execute(text("ALTER TABLE mailbox RENAME TO elsewhere"))
    with pytest.raises(Exception, match="mailbox"):
        office.take(delivered(outbox.rows))
    assert office.books.positions()[MONEY] == 0
    assert reads.totals(office.engine).stores == ()
    with office.engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO mailbox"))
    assert office.take(delivered(outbox.rows)).applied == 3


def test_stock_offers_and_visits_are_written_once(office: Office) -> None:
    money, telemetry = Outbox(), Outbox(stream="telemetry")
    money.add(StockMoved("op-1", "dairy-2", "milk", -1, 7, "pick", 93, 5))
    telemetry.add(OfferIssued("offer-1", "ana", "milk", "dairy", 1))
    telemetry.add(VisitClosed("visit-1", "ana", 1, 2, ("dairy",)))
    for offset in (0, 10):
        office.take(delivered(money.rows, offset))
        office.take(delivered(telemetry.rows, offset), TELEMETRY)
    found = reads.totals(office.engine).stores[0]
    assert (found.stock_moves, found.offers, found.visits) == (1, 1, 1)


def test_journeys_are_kept_and_summed_by_zone(office: Office) -> None:
    telemetry = Outbox(stream="telemetry")
    stays = (Stay("dairy", 1_000, 11_000), Stay("tills", 11_000, 13_000), Stay("dairy", 13_000))
    telemetry.add(VisitClosed("visit-1", "ana", 1_000, 14_000, ("dairy", "tills"), stays))
    telemetry.add(VisitClosed("visit-2", "", 20_000, 22_500, ("dairy",), (Stay("dairy", 20_000, 22_500),)))
    telemetry.add(VisitClosed("visit-3", "", 20_000, 22_500, ("dairy",)))  # by a release without journeys
    for offset in (0, 10):
        office.take(delivered(telemetry.rows, offset), TELEMETRY)
    assert reads.zones(office.engine, 0) == [
        reads.ZoneView("014", "dairy", stays=3, visits=2, mean_s=4.5, longest_s=10.0),
        reads.ZoneView("014", "tills", stays=1, visits=1, mean_s=2.0, longest_s=2.0),
    ]
    assert [one.stays for one in reads.zones(office.engine, 13_000)] == [2]
    assert reads.zones(office.engine, 30_000) == []


def test_a_key_that_was_rotated_still_proves_older_records(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(1)
    office.provision("014", b"the next chain key")
    outbox.key = b"the next chain key"
    outbox.add_sales(1)
    assert office.take(delivered(outbox.rows)).applied == 2


def test_mail_numbers_have_no_holes_and_published_mail_is_not_sent_again(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(5, account=lambda n: f"member-{n}")
    office.take(delivered(outbox.rows))
    assert [one.number for one in mail.waiting(office.engine, "014")] == [1, 2, 3, 4, 5]
    mail.mark_published(office.engine, "014", 3)
    assert [one.number for one in mail.waiting(office.engine, "014")] == [4, 5]


def test_a_quarantined_stream_that_a_person_releases_goes_on(office: Office) -> None:
    outbox = Outbox()
    outbox.add_sales(1)
    restored = outbox.fork()
    outbox.add_sales(1)
    restored.add(sale("op-other"))
    office.take(delivered(outbox.rows))
    office.take(delivered(restored.rows, offset=2))
    with office.engine.begin() as connection:
        connection.execute(update(schema.stream).values(state="open", reason=""))
    outbox.add_sales(1)
    assert office.take(delivered(outbox.rows[2:], offset=4)).applied == 1


def test_values_are_the_bytes_that_were_chained(office: Office) -> None:
    outbox = Outbox()
    header, value = outbox.add(sale("op-1"))
    changed = encode_record(sale("op-1", points=10_000))
    assert office.take([Delivered(0, changed, to_headers(header))]).applied == 0
    assert office.take([Delivered(1, value, to_headers(header))]).applied == 1
