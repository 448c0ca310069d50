"""A store's two ways to head office over a backbone in memory: order, cursors, faults, the switch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from edge.sync import down as down_module
from edge.sync import link as link_module
from edge.sync import up as up_module
from edge.sync.down import Down
from edge.sync.link import Link
from edge.sync.ports import Outgoing
from edge.sync.up import Up
from protocols.codec import to_msgpack
from protocols.errors import NotNow
from protocols.headers import NUMBER, from_headers, partition_of
from protocols.mail import BalanceMailed, Envelope, Mail, Receipt, ReplayOrdered
from protocols.topics import UP_MONEY, UP_TELEMETRY, down
from tests.backbone import Backbone

PARTITION = partition_of("014", 4)


@dataclass(frozen=True)
class Row:
    incarnation: str
    stream: str
    sequence: int
    value: bytes
    chain: bytes = b"8 bytes."
    schema: int = 1
    type: str = "SaleRecorded"
    operation: str = "op"


@dataclass
class Cursor:
    incarnation: str
    stream: str
    head: int = 0
    acked: int = 0
    applied: int = 0


@dataclass
class Memory:
    """A store's outbox, mailbox cursor and notes in memory."""

    rows: list[Row] = field(default_factory=list)
    cursors: list[Cursor] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    number: int = 0
    applied_calls: int = 0

    def add(self, count: int, stream: str = "money", life: str = "life-1", size: int = 10) -> None:
        cursor = self.cursor(stream, life)
        for _ in range(count):
            cursor.head += 1
            self.rows.append(Row(life, stream, cursor.head, b"%d" % cursor.head + b"." * size))

    def cursor(self, stream: str = "money", life: str = "life-1") -> Cursor:
        for one in self.cursors:
            if (one.stream, one.incarnation) == (stream, life):
                return one
        self.cursors.append(Cursor(life, stream))
        return self.cursors[-1]

    def outbox_cursors(self) -> list[Cursor]:
        return list(self.cursors)

    def outbox_page(self, incarnation: str, stream: str, after: int, bytes_max: int) -> list[Row]:
        page: list[Row] = []
        size = 0
        for row in self.rows:
            if (row.incarnation, row.stream) == (incarnation, stream) and row.sequence > after:
                size += len(row.value)
                if page and size > bytes_max:
                    break
                page.append(row)
        return page

    async def mark_acked(self, incarnation: str, stream: str, sequence: int) -> None:
        cursor = self.cursor(stream, incarnation)
        cursor.acked = max(cursor.acked, sequence)

    async def mark_applied(self, incarnation: str, stream: str, sequence: int) -> None:
        self.applied_calls += 1
        cursor = self.cursor(stream, incarnation)
        cursor.applied = max(cursor.applied, sequence)

    def mail_number(self) -> int:
        return self.number

    def noted(self, name: str) -> str | None:
        return self.notes.get(name)

    async def note(self, name: str, value: str) -> None:
        self.notes[name] = value


class Store:
    """Both ways, running. `mail` is what the engine was handed."""

    def __init__(self, backbone: Backbone, memory: Memory) -> None:
        self.backbone = backbone
        self.memory = memory
        self.mail: list[Envelope] = []
        self.not_now = 0
        self.tasks: list[asyncio.Task[object]] = []

    def start(self) -> None:
        self.link = Link(self.backbone.line)
        self.up = Up("014", "key-1", self.memory, self.memory, self.link)
        self.down = Down("014", self.memory, self.memory, self.memory, self.link, self.up, self._apply)
        self.tasks = [asyncio.ensure_future(self.up.run()), asyncio.ensure_future(self.down.run())]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def sequences(self, topic: str = UP_MONEY) -> list[int]:
        return [from_headers(message.headers).sequence for message in self.backbone.log(topic, PARTITION)]

    def post(self, number: int, mail: Mail, receipts: tuple[Receipt, ...] = ()) -> None:
        headers = [(NUMBER, b"%d" % number)] if number else []
        self.backbone.put(
            down("014"), 0, [Outgoing(b"", to_msgpack(Envelope(number, mail, receipts)), headers)]
        )

    async def _apply(self, envelope: Envelope) -> None:
        if self.not_now:
            self.not_now -= 1
            raise NotNow("full", retry_after_s=0.01)
        self.memory.number = envelope.number
        self.mail.append(envelope)


@pytest.fixture
async def store(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(down_module, "WAIT_S", 0.05)
    made = Store(Backbone(), Memory())
    made.memory.cursor("money")
    made.memory.cursor("telemetry")
    yield made
    await made.stop()


async def until(true: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


def balance(points: int) -> BalanceMailed:
    return BalanceMailed("ana", points, 1, "life-1", 1)


async def test_records_go_up_in_order_with_what_they_are_beside_them(store: Store) -> None:
    store.memory.add(3)
    store.start()
    await until(lambda: store.memory.cursor().acked == 3)
    sent = store.backbone.log(UP_MONEY, PARTITION)
    header = from_headers(sent[0].headers)
    assert (header.store, header.incarnation, header.stream, header.sequence) == ("014", "life-1", "money", 1)
    assert (header.chain, header.operation, header.key_id) == (b"8 bytes.", "op", "key-1")
    assert sent[0].key == b"014" and sent[0].value == store.memory.rows[0].value
    assert store.sequences() == [1, 2, 3]


async def test_a_nudge_sends_at_once(store: Store) -> None:
    store.start()
    await asyncio.sleep(0.05)
    store.memory.add(1)
    store.up.nudge()
    await until(lambda: store.memory.cursor().acked == 1, 1.0)


async def test_money_goes_before_telemetry(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up_module, "PAGE_BYTES", 100)
    store.memory.add(100, "telemetry")
    store.memory.add(100, "money")
    order: list[str] = []
    put = store.backbone.put
    store.backbone.put = lambda topic, *rest: (order.append(topic), put(topic, *rest))[1]  # type: ignore[method-assign]
    store.start()
    await until(lambda: store.memory.cursor("telemetry").acked == 100)
    assert order.index(UP_TELEMETRY) > len(order) - 1 - order[::-1].index(UP_MONEY)


async def test_a_lost_acknowledgement_sends_again_and_leaves_no_hole(store: Store) -> None:
    store.backbone.lose_acks = 2
    store.memory.add(5)
    store.start()
    await until(lambda: store.memory.cursor().acked == 5)
    assert store.sequences() == [1, 2, 3, 4, 5] * 3


async def test_a_batch_that_held_less_is_followed_by_the_rest(store: Store) -> None:
    store.backbone.batch_max = 2
    store.memory.add(5)
    store.start()
    await until(lambda: store.memory.cursor().acked == 5)
    assert store.sequences() == [1, 2, 3, 4, 5]


async def test_the_partition_is_chosen_once_and_kept(store: Store) -> None:
    store.memory.add(1)
    store.start()
    await until(lambda: store.memory.cursor().acked == 1)
    assert store.memory.notes["partition"] == str(PARTITION)
    await store.stop()
    store.backbone.count = 64  # somebody gave the topic more partitions
    store.memory.add(1)
    store.start()
    await until(lambda: store.memory.cursor().acked == 2)
    assert store.sequences() == [1, 2]


async def test_the_life_before_drains_under_its_own_numbers(store: Store) -> None:
    store.memory.add(2)
    store.memory.add(2, life="life-2")
    store.start()
    await until(lambda: store.memory.cursor(life="life-2").acked == 2)
    lives = [from_headers(m.headers).incarnation for m in store.backbone.log(UP_MONEY, PARTITION)]
    assert lives == ["life-1", "life-1", "life-2", "life-2"] and store.sequences() == [1, 2, 1, 2]


async def test_a_record_that_the_broker_refuses_stops_its_stream_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up_module, "REFUSED_S", 0.05)
    store.memory.add(4)
    store.memory.add(3, "telemetry", size=11)
    store.backbone.poison = store.memory.rows[2].value
    store.start()
    await until(lambda: store.up.counts()["money_refused"] > 0)
    await until(lambda: store.memory.cursor("telemetry").acked == 3)
    assert store.memory.cursor().acked == 2
    store.backbone.poison = None
    await until(lambda: store.memory.cursor().acked == 4, 10.0)
    assert store.sequences() == [1, 2, 3, 4]


async def test_an_ordered_replay_sends_what_was_acknowledged_before(store: Store) -> None:
    store.memory.add(4)
    store.start()
    await until(lambda: store.memory.cursor().acked == 4)
    store.post(1, ReplayOrdered("life-1", "money", 3))
    await until(lambda: store.sequences() == [1, 2, 3, 4, 3, 4])
    assert store.memory.number == 1 and store.memory.cursor().acked == 4
    assert store.up.counts()["money_sent_again"] == 2


async def test_a_replay_for_another_life_sends_nothing(store: Store) -> None:
    store.memory.add(2)
    store.start()
    await until(lambda: store.memory.cursor().acked == 2)
    store.post(1, ReplayOrdered("life-0", "money", 1))
    await until(lambda: store.memory.number == 1)
    await asyncio.sleep(0.05)
    assert store.sequences() == [1, 2]


async def test_what_head_office_never_reports_is_sent_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up_module, "RESEND_S", 0.05)
    monkeypatch.setattr(up_module, "IDLE_S", 0.02)
    store.memory.add(3)
    store.start()
    await until(lambda: store.memory.cursor().acked == 3)
    store.backbone.log(UP_MONEY, PARTITION).clear()  # the backbone lost what it had acknowledged
    await until(lambda: store.sequences()[:3] == [1, 2, 3])
    store.post(0, Receipt("life-1", "money", 3))
    await until(lambda: store.memory.cursor().applied == 3)
    sent = len(store.sequences())
    await asyncio.sleep(0.3)
    assert len(store.sequences()) <= sent + 3, "once it is reported, it is not sent again"


async def test_mail_is_applied_once_and_in_order(store: Store) -> None:
    for number in (1, 2, 2, 1, 3):
        store.post(number, balance(number))
    store.start()
    await until(lambda: store.memory.number == 3)
    assert [one.number for one in store.mail] == [1, 2, 3]
    await store.stop()
    store.mail.clear()
    store.memory.notes.clear()  # the offset was lost: the number still tells what is new
    store.post(4, balance(4))
    store.start()
    await until(lambda: store.memory.number == 4)
    assert [one.number for one in store.mail] == [4]


async def test_reading_goes_on_from_the_stored_offset(store: Store) -> None:
    store.post(1, balance(1))
    store.start()
    await until(lambda: store.memory.notes.get("mail_offset") == "1")


async def test_an_engine_that_is_full_gets_the_mail_later(store: Store) -> None:
    store.not_now = 3
    store.post(1, balance(1))
    store.post(2, balance(2))
    store.start()
    await until(lambda: store.memory.number == 2)
    assert [one.number for one in store.mail] == [1, 2]


async def test_receipts_move_applied_forward_only_and_once_a_fetch(store: Store) -> None:
    store.memory.add(9)
    store.memory.cursor().acked = 9
    for applied in (3, 7, 5):
        store.post(0, Receipt("life-1", "money", applied), (Receipt("life-1", "telemetry", 0),))
    store.post(0, Receipt("life-0", "money", 100))  # a life that this database never had
    store.start()
    await until(lambda: store.memory.cursor().applied == 7)
    assert store.memory.applied_calls == 1
    assert [(one.incarnation, one.stream) for one in store.memory.cursors] == [
        ("life-1", "money"),
        ("life-1", "telemetry"),
    ]


async def test_mail_that_cannot_be_read_is_counted_and_does_not_stop_the_next(store: Store) -> None:
    store.backbone.put(down("014"), 0, [Outgoing(b"", b"\xc1 nonsense", [])])
    store.backbone.put(down("014"), 0, [Outgoing(b"", b"", [(NUMBER, b"not a number")])])
    store.post(1, balance(1))
    store.start()
    await until(lambda: store.memory.number == 1)
    assert store.down.nonsense == 2


async def test_a_mailbox_that_is_another_log_is_read_from_its_beginning(store: Store) -> None:
    store.memory.number, store.memory.notes["mail_offset"] = 2, "500"
    for number in (1, 2, 3):
        store.post(number, balance(number))
    store.start()
    await until(lambda: store.memory.number == 3)
    assert [one.number for one in store.mail] == [3]


async def test_missing_mail_is_looked_for_from_the_beginning_and_then_counted(store: Store) -> None:
    store.post(1, balance(1))
    store.post(5, balance(5))
    store.start()
    await until(lambda: store.memory.number == 5)
    assert store.down.missed == 3


async def test_a_cut_closes_every_connection_and_refuses_new_ones_until_healed(store: Store) -> None:
    store.memory.add(1)
    store.start()
    await until(lambda: store.memory.cursor().acked == 1)
    assert store.backbone.connected > 0 and store.up.state().state == "up"
    await store.link.cut()
    store.memory.add(2)
    store.up.nudge()
    await asyncio.sleep(0.1)
    state = store.up.state()
    assert store.backbone.connected == 0 and store.memory.cursor().acked == 1
    assert (state.state, state.up, state.backlog, state.last_rtt_ms, state.eta_s) == (
        "cut",
        False,
        2,
        None,
        None,
    )
    await store.link.heal()
    await until(lambda: store.memory.cursor().acked == 3)
    assert store.up.state().state == "up"


async def test_a_cut_ends_a_send_that_hangs(store: Store) -> None:
    store.backbone.hang = True
    store.memory.add(1)
    store.start()
    await asyncio.sleep(0.02)
    await store.link.cut()
    store.backbone.hang = False
    await store.link.heal()
    await until(lambda: store.memory.cursor().acked == 1)


async def test_an_outage_is_lived_through(store: Store) -> None:
    store.backbone.down = True
    store.memory.add(3)
    store.start()
    await asyncio.sleep(0.1)
    assert store.up.state().state == "cut" and "nobody there" in store.up.state().reason
    store.backbone.down = False
    await until(lambda: store.memory.cursor().acked == 3, 10.0)


async def test_a_drain_shows_rate_and_time_left() -> None:
    now = [100.0]
    link = Link(Backbone().line, monotonic_s=lambda: now[0])
    link.worked(12.5)
    for _ in range(5):
        now[0] += 1
        link.moved(1000)
    state = link.state(backlog=10_000)
    assert (state.state, state.last_rtt_ms) == ("catching_up", 12.5)
    assert state.rate == pytest.approx(1250, rel=0.01) and state.eta_s == pytest.approx(8, rel=0.01)
    assert link.state(0).state == "up" and link.state(0).eta_s == 0.0


async def test_up_with_a_backlog_that_does_not_move_is_stuck() -> None:
    now = [0.0]
    link = Link(Backbone().line, monotonic_s=lambda: now[0])
    link.worked()
    assert link.state(3).state == "up"
    now[0] += link_module.STUCK_S + 1
    assert link.state(3).state == "stuck"
    link.moved(1)
    assert link.state(2).state == "up"
