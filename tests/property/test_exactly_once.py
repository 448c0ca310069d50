"""Whatever is repeated, reordered, lost in Kafka, crashed or restored: each sale has one effect at head office."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import hypothesis.strategies as st
import msgspec
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine, event

from cloud.db import mail, reads
from cloud.db.books import Books
from cloud.db.engine import connect, create_tables
from cloud.ingest import ORDER_AGAIN_MS
from cloud.ports import Delivered, Fenced, Place
from cloud.provisioning import NewStore, write_store
from protocols.headers import to_headers
from protocols.mail import BalanceMailed, Mail, ReplayOrdered
from tests.outboxes import KEY, Outbox, sale

PLACE = Place("endcap.up.money.v1", 0)
ACCOUNTS = ("ana", "ben", "cleo")

_decode_mail = msgspec.msgpack.Decoder(Mail).decode


class Crash(Exception):
    """The process died at a statement."""


class Deliveries(RuleBasedStateMachine):
    """A store's outbox, a log that misbehaves, an owner that crashes at any statement, mail that comes twice."""

    def __init__(self) -> None:
        super().__init__()
        self.engine: Engine = connect("sqlite://")
        create_tables(self.engine)
        with self.engine.begin() as connection:
            write_store(connection, NewStore("014", "014", KEY), 1)
        self.books = Books(self.engine, "first")
        self.books.own([PLACE])
        self.lives = [Outbox()]
        self.lives[0].hello(at_ms=1)
        self.log: list[Delivered] = []
        self.entries: dict[tuple[str, str], int] = {}
        self.operations: dict[str, tuple[str, int]] = {}
        self.heard: dict[str, tuple[int, str, int]] = {}
        self.mail_taken = 0
        self.now_ms = 0

    def teardown(self) -> None:
        try:
            self.converge()
        finally:
            self.engine.dispose()

    @property
    def outbox(self) -> Outbox:
        return self.lives[-1]

    # --- the store

    @initialize()
    def opens(self) -> None:
        self._sell("op-0", "ana", 5)

    @rule(account=st.sampled_from(ACCOUNTS), points=st.integers(0, 50))
    def sells(self, account: str, points: int) -> None:
        self._sell(f"op-{len(self.operations)}", account, points)

    @precondition(lambda self: self.operations and len(self.lives) > 1)
    @rule(data=st.data())
    def till_sends_an_old_sale_again_to_a_restored_store(self, data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(sorted(self.operations)))
        done_here = {header.operation for header, _ in self.outbox.rows}
        if operation not in done_here:
            self._sell(operation, *self.operations[operation])

    @rule()
    @precondition(lambda self: len(self.lives) < 4)
    def store_is_restored(self) -> None:
        """A new life begins; the outbox of the one before drains as it stands."""
        self.lives.append(Outbox(incarnation=f"life-{len(self.lives) + 1}"))
        self.outbox.hello(at_ms=len(self.lives))

    # --- the way

    @rule(data=st.data(), count=st.integers(1, 8))
    def sends(self, data: st.DataObject, count: int) -> None:
        """Any run of records of any life, however often, in whatever order of runs."""
        life = data.draw(st.sampled_from(self.lives))
        start = data.draw(st.integers(0, len(life.rows) - 1))
        self._send(life.rows[start : start + count])

    @precondition(lambda self: len(self.log) > self.position)
    @rule(count=st.integers(1, 5))
    def kafka_loses_what_it_had(self, count: int) -> None:
        del self.log[self.position : self.position + count]
        self._number_offsets()

    # --- head office

    @rule(count=st.integers(1, 20))
    def applies(self, count: int) -> None:
        self._take(count)

    @rule(count=st.integers(1, 20), statement=st.integers(1, 40))
    def crashes_at_a_statement(self, count: int, statement: int) -> None:
        with contextlib.suppress(Crash), self._crash_at(statement):
            self._take(count)
        self.books = Books(self.engine, "after a crash")
        self.books.own([PLACE])

    @rule(count=st.integers(1, 5))
    def another_owner_takes_over_while_the_old_one_lives_on(self, count: int) -> None:
        old, self.books = self.books, Books(self.engine, "another")
        self.books.own([PLACE])
        messages = self.log[self.position : self.position + count]
        if messages:
            try:
                old.take(PLACE, messages, self.now_ms)
            except Fenced:
                return
            raise AssertionError("the old owner must be refused")

    @rule(again=st.integers(0, 3))
    def mail_is_delivered(self, again: int) -> None:
        """In order, some of it twice: a mailroom may crash between the send and its mark."""
        waiting = mail.waiting(self.engine, "014")
        for one in waiting:
            self._hear(one.number, one.value)
        if waiting and not again:
            mail.mark_published(self.engine, "014", waiting[-1].number)

    @rule()
    def time_passes(self) -> None:
        self.now_ms += ORDER_AGAIN_MS

    # --- what must hold

    @invariant()
    def points_come_from_somewhere(self) -> None:
        totals = reads.totals(self.engine)
        assert totals.books_minus_zero == 0
        assert totals.points_available <= sum(points for _, points in self.operations.values())

    def converge(self) -> None:
        """The faults stop: everything is sent once more, and each sale has had exactly one effect."""
        for life in self.lives:
            self._send(life.rows)
        self.now_ms += ORDER_AGAIN_MS
        while len(self.log) > self.position:
            self._take(50)
        totals = reads.totals(self.engine)
        assert totals.parked == 0
        assert totals.stores[0].sales == len(self.operations)
        assert totals.points_available == sum(points for _, points in self.operations.values())
        self.mail_is_delivered(0)
        for account in ACCOUNTS:
            earned = sum(points for name, points in self.operations.values() if name == account)
            view = reads.account(self.engine, account)
            assert (view.points if view else 0) == earned
            if account in self.heard:
                points, life, entry = self.heard[account]
                assert points == earned
                # A life that was begun since then hears of the account with its next change.
                assert entry == self.entries.get((life, account), 0)

    # --- helpers

    @property
    def position(self) -> int:
        return self.books.positions()[PLACE]

    def _sell(self, operation: str, account: str, points: int) -> None:
        self.operations.setdefault(operation, (account, points))
        place = (self.outbox.incarnation, account)
        entry = 0
        if points:
            self.entries[place] = entry = self.entries.get(place, 0) + 1
        self.outbox.add(sale(operation, account, points, entry))

    def _send(self, rows: list) -> None:
        self.log += [Delivered(0, value, to_headers(header)) for header, value in rows]
        self._number_offsets()

    def _number_offsets(self) -> None:
        self.log = [Delivered(n, one.value, one.headers) for n, one in enumerate(self.log)]

    def _take(self, count: int) -> None:
        self.books.take(PLACE, self.log[self.position : self.position + count], self.now_ms)

    def _hear(self, number: int, value: bytes) -> None:
        """As a store does it: by number, repeats dropped, replays obeyed."""
        if number <= self.mail_taken:
            return
        assert number == self.mail_taken + 1, "mail has no holes"
        self.mail_taken = number
        match _decode_mail(value):
            case BalanceMailed(account, points, _, life, entry):
                self.heard[account] = (points, life, entry)
            case ReplayOrdered(life, _, sequence):
                rows = next(one for one in self.lives if one.incarnation == life).rows
                self._send(rows[sequence - 1 :])

    @contextlib.contextmanager
    def _crash_at(self, statement: int) -> Iterator[None]:
        """Dies before the n-th statement; the transaction under way is rolled back, as after a real death."""
        seen = 0

        def before(*_: object) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                raise Crash

        event.listen(self.engine, "before_cursor_execute", before)
        try:
            yield
        finally:
            event.remove(self.engine, "before_cursor_execute", before)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
