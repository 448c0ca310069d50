"""What the runtime does around the engine: the store's files, first turns, a clock that was set, what stands at start.

A whole store as the composition root builds it, with its own database; nothing listens and nothing connects.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bootstrap import Store, build
from edge.clock import WallClock
from edge.ports import DiskFull, Group
from edge.runtime import Runtime, _stamp
from edge.settings import CellSettings, Settings, StoreSettings
from edge.tellers import SyncMail
from protocols import topics
from protocols.api import ConsentRequest, EnrolRequest
from protocols.errors import Nonsense, NotNow
from protocols.ids import key
from protocols.inputs import ConsentChanged, VisitEnded
from protocols.mail import Envelope, MemberMailed
from tests.unit.recorded_link import RecordedLink

GROCERY = Path(__file__).parents[2] / "sim" / "grocery"
HOUR_MS = 3_600_000
SCREEN = "  screen-9: {name: Nine, zones: [tills], playlist: [house-card], x: 9, y: 16}\n"
MEMBER = "  A-9: {name: Zed, subject: zed, consent: [offers], points: 55, devices: [phone-zed]}\n"


class Machine:
    """The machine's clocks, of which wall time can be set."""

    def __init__(self) -> None:
        self.set_us = 0

    def wall_us(self) -> int:
        return time.time_ns() // 1_000 + self.set_us


class Begun:
    """One life of a store: built, its files taken, its engine running."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        settings = Settings(
            store=StoreSettings(books=str(folder / "books"), data=str(folder / "var")),
            cells=CellSettings(ray=False, floor_cells=1),
        )
        self.machine = machine
        self.store: Store = build(settings)
        clock = WallClock("Europe/Dublin", 4, self.store.db.now_high_water_ms(), wall_us=machine.wall_us)
        for part in (self.store, self.store.engine, self.store.door, self.store.hearing, self.store.outward):
            for name in ("clock", "_clock"):
                if hasattr(part, name):
                    setattr(part, name, clock)
        self.store.engine._wakes._clock = clock
        self.link = RecordedLink(self.store.outward.link_state)
        self.store.outward.link = self.link
        self.runtime = Runtime(self.store)

    async def begin(self) -> None:
        await self.runtime._take_books()
        self.runtime._remember()
        self.running = asyncio.create_task(self.store.engine.run())
        self.store.door.is_ready = True
        await self.runtime._first_turns()
        self.link.go_up()

    async def end(self) -> None:
        self.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.running
        self.store.db.close()

    def hear(self, device: str, zone: str) -> None:
        self.store.hearing.take(f"espresense/devices/{device}/{zone}", b'{"rssi": -55, "rssi@1m": -59}')

    async def until(self, true: Callable[[], object], what: str) -> None:
        for _ in range(300):
            if true():
                return
            await asyncio.sleep(0.01)
        raise TimeoutError(what)

    def offers(self, account: str) -> list[Any]:
        wallet = self.store.door.wallet(account)  # type: ignore[arg-type]
        return [] if wallet is None else list(wallet.offers)


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Begun]]]:
    """Begins a life of the store; the one before must have ended."""
    shutil.copytree(GROCERY, tmp_path / "books")
    begun: list[Begun] = []
    machine = Machine()

    async def beginning() -> Begun:
        life = Begun(tmp_path, machine)
        begun.append(life)
        await life.begin()
        return life

    yield beginning
    with contextlib.suppress(Exception):  # a test may have ended it already
        await begun[-1].end()


Begin = Callable[[], Awaitable[Begun]]


def edit(folder: str, name: str, before: str, after: str) -> None:
    path = Path(folder) / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


# --- the store's files


async def test_files_that_nobody_touched_write_nothing_at_the_next_start(begin: Begin) -> None:
    first = await begin()
    version, _ = first.store.db.facts()
    seq = first.store.db.identity().last_seq
    await first.end()
    second = await begin()
    assert second.store.db.facts()[0] == version
    assert second.store.db.identity().last_seq == seq
    assert second.store.roster.resolve("2900000001001") is not None


async def test_a_choice_of_consent_outlives_restarts_and_edits_of_the_file(begin: Begin) -> None:
    life = await begin()
    ask = ConsentRequest("c1", ("profile",))
    await life.store.door.ask(key("account", "A-1001"), ConsentChanged(("profile",)), "c1", ask)
    row = life.store.roster.resolve("phone-ana")
    assert row is not None
    assert row.consent == ("profile",)
    tomas_is = "{{name: Tomas, subject: tomas, tier: {}"
    books = life.store.settings.store.books
    edit(books, "members.yaml", tomas_is.format("base"), tomas_is.format("gold"))
    await life.runtime._look_at_books()
    await life.end()
    life = await begin()
    for carried in ("phone-ana", "2900000001001"):
        row = life.store.roster.resolve(carried)
        assert row is not None
        assert (row.consent, row.name) == (("profile",), "Ana")
    tomas = life.store.roster.resolve("phone-tomas")
    assert tomas is not None
    assert tomas.tier == "gold"
    assert set(tomas.consent) == {"offers", "location"}


async def test_a_guest_without_an_account_may_take_consent_back_too(begin: Begin) -> None:
    life = await begin()
    account = key("account", "subject-guest-01")
    life.hear("phone-guest-01", "coffee")
    await life.until(lambda: life.offers("subject-guest-01"), "the guest's offer")
    await life.store.door.ask(account, ConsentChanged(()), "c1", "c1")
    assert life.offers("subject-guest-01") == []
    row = life.store.roster.resolve("phone-guest-01")
    assert row is not None
    assert row.consent == ()
    assert life.store.now.shoppers[key("shopper", "guest-01")].consent == ()


async def test_a_disk_that_was_full_takes_the_new_files_at_a_later_look(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await begin()
    commit = life.store.db.commit
    refused: list[Group] = []

    async def refusing(group: Group) -> Any:
        if group.known and not refused:
            refused.append(group)
            raise DiskFull("no room")
        return await commit(group)

    monkeypatch.setattr(life.store.engine._db, "commit", refusing)
    edit(life.store.settings.store.books, "campaigns.yaml", "name: Coffee break", "name: Coffee time")
    await life.runtime._look_at_books()
    assert life.store.now.facts.campaigns["coffee-break"].name == "Coffee break"
    await life.runtime._look_at_books()
    assert life.store.now.facts.campaigns["coffee-break"].name == "Coffee time"
    assert len(refused) == 1


async def test_a_new_screen_and_a_new_member_in_the_files_begin_without_a_restart(begin: Begin) -> None:
    life = await begin()
    books = life.store.settings.store.books
    edit(books, "floor.yaml", "signs:\n", "signs:\n" + SCREEN)
    edit(books, "members.yaml", "accounts:\n", "accounts:\n" + MEMBER)
    await life.runtime._look_at_books()
    await life.runtime._first_turns()
    assert life.link.shows(topics.screen("014", "screen-9"))["creative"] == "house-card"
    assert life.link.shows(topics.phone("014", "A-9"))["points"] == 55


async def test_first_turns_that_cannot_be_taken_now_are_taken_later(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await begin()
    edit(life.store.settings.store.books, "members.yaml", "accounts:\n", "accounts:\n" + MEMBER)
    ask = life.store.door.ask

    async def not_now(*_: object) -> Any:
        raise NotNow("overloaded")

    monkeypatch.setattr(life.store.door, "ask", not_now)
    await life.runtime._look_at_books()
    await life.runtime._first_turns()
    assert not life.runtime._is_begun
    monkeypatch.setattr(life.store.door, "ask", ask)
    await life.runtime._first_turns()
    assert life.runtime._is_begun
    assert life.link.shows(topics.phone("014", "A-9"))["points"] == 55


def test_a_file_that_an_editor_is_just_replacing_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").symlink_to(tmp_path / "gone")
    (tmp_path / "floor.yaml").write_text("x")
    assert [name for name, _, _ in _stamp(tmp_path)] == ["floor.yaml"]
    assert _stamp(tmp_path / "nowhere") == ()


# --- a clock that was set


@pytest.mark.parametrize("by_ms", [2 * HOUR_MS, -2 * HOUR_MS])
async def test_a_clock_that_was_set_ends_no_visit_and_leaves_every_offer_its_time(
    begin: Begin, by_ms: int
) -> None:
    life = await begin()
    life.hear("phone-tomas", "coffee")
    await life.until(lambda: life.offers("A-1002"), "the offer")
    (before,) = life.offers("A-1002")
    left_ms = before.until_ms - life.store.clock.now_ms()
    entered_ms = life.store.now.shoppers[key("shopper", "tomas")].entered_at_ms
    life.machine.set_us = by_ms * 1_000
    await life.runtime._look_at_clock()
    await asyncio.sleep(1.2)  # the wakes and the ticks of another second
    (after,) = life.offers("A-1002")
    assert (after.offer, after.state) == (before.offer, "issued")
    assert abs(after.until_ms - life.store.clock.now_ms() - left_ms) < 5_000
    shopper = life.store.now.shoppers[key("shopper", "tomas")]
    assert abs(shopper.entered_at_ms - entered_ms - by_ms) < 5_000
    assert shopper.zone == "coffee"
    life.hear("phone-tomas", "coffee")
    await asyncio.sleep(0.1)
    assert life.store.now.shoppers[key("shopper", "tomas")].visit == shopper.visit


# --- what stands at a start


async def test_whatever_the_last_turns_changed_is_said_again_after_a_start(begin: Begin) -> None:
    life = await begin()
    life.hear("phone-tomas", "coffee")
    life.hear("phone-jin", "bakery")
    await life.until(lambda: life.offers("A-1002"), "the offer")
    await life.until(lambda: key("shopper", "jin") in life.store.now.shoppers, "jin came")
    life.link.go_down()  # the broker never hears of what follows
    await life.store.door.ask(key("shopper", "jin"), VisitEnded(), "", None)
    retained = dict(life.link.retained)
    await life.end()

    life = await begin()
    assert life.link.shows(topics.presence("014", "tomas"))["zone"] == "coffee"
    assert life.link.shows(topics.presence("014", "tomas"))["cause"]["scanner"] == "coffee"
    wallet = life.link.shows(topics.phone("014", "A-1002"))
    assert [offer["campaign"] for offer in wallet["offers"]] == ["tea-tasting"]
    assert wallet["cause"]["subject"] == "tomas"
    jin = topics.presence("014", "jin")
    assert jin in retained
    assert (jin, b"") in life.link.sent
    crowd = life.link.shows(topics.occupancy("014", "coffee"))
    assert (crowd["shoppers"], crowd["cause"]["operation"]) == (1, "start")
    assert set(life.store.now.screens) == {"screen-1", "screen-2", "screen-3"}


# --- devices that change their ids

IRK = "ec0234a357c8ad05341010a60a397d9b"
PRIVATE = "7081940dfbaa"
"""An address that this key makes: the sample of the Core specification."""
KEYED = f"  A-9: {{name: Zed, subject: zed, consent: [offers, location], keys: [{{irk: {IRK}}}]}}\n"


def of_keys(life: Begun) -> list[tuple[str, bool]]:
    """Whose keys the database holds, and whether the roster would find them by one."""
    held = {row.subject for row in life.store.db.roster() if row.key is not None}
    found = life.store.roster.heard(PRIVATE, (), life.store.clock.now_ms())
    return [(subject, found is not None and found.subject == subject) for subject in sorted(held)]


async def allow(life: Begun, account: str, operation: str, *consent: str) -> None:
    ask = ConsentRequest(operation, consent)
    await life.store.door.ask(key("account", account), ConsentChanged(consent), operation, ask)


async def test_a_key_in_the_files_finds_its_owner_and_is_erased_when_they_say_no(begin: Begin) -> None:
    life = await begin()
    edit(life.store.settings.store.books, "members.yaml", "accounts:\n", "accounts:\n" + KEYED)
    await life.runtime._look_at_books()
    await life.runtime._first_turns()
    life.hear(PRIVATE, "coffee")
    await life.until(lambda: key("shopper", "zed") in life.store.now.shoppers, "zed came")
    assert of_keys(life) == [("zed", True)]
    await life.end()
    life = await begin()
    assert of_keys(life) == [("zed", True)]  # it is there again, from the database
    await allow(life, "A-9", "c1", "offers")
    assert of_keys(life) == []
    assert life.store.roster.heard(PRIVATE, (), life.store.clock.now_ms()) is None
    # Neither the file nor a restart brings it back while they say so.
    books = life.store.settings.store.books
    edit(books, "members.yaml", "name: Zed", "name: Zoe")
    await life.runtime._look_at_books()
    assert of_keys(life) == []
    await life.end()
    life = await begin()
    assert of_keys(life) == []
    row = life.store.roster.resolve("A-9")
    assert row is not None
    assert (row.name, row.consent) == ("Zoe", ("offers",))
    # Who says yes again enrols again: here by the file, which somebody must have touched.
    await allow(life, "A-9", "c2", "offers", "location")
    assert of_keys(life) == []
    edit(books, "members.yaml", "name: Zoe", "name: Zed")
    await life.runtime._look_at_books()
    assert of_keys(life) == [("zed", True)]


async def test_an_enrolment_with_a_key_finds_a_visitor_at_once_and_its_repeat_changes_nothing(
    begin: Begin,
) -> None:
    life = await begin()
    asked = EnrolRequest("ana", "A-1001", irk=IRK)
    for _ in range(2):
        await life.store.door.enrol("another-phone", asked)
        assert of_keys(life) == [("ana", True)]
    with pytest.raises(Nonsense, match="allows `location`"):
        await life.store.door.enrol(
            "a-watch", EnrolRequest("wim", "A-1002", consent=("offers",), irk="0" * 32)
        )
    assert of_keys(life) == [("ana", True)]


async def test_a_key_that_another_secret_wrapped_finds_nobody_and_the_store_opens(begin: Begin) -> None:
    life = await begin()
    await life.store.door.enrol("another-phone", EnrolRequest("ana", "A-1001", irk=IRK))
    await life.end()
    (Path(life.store.settings.store.data) / "roster.key").write_bytes(b"k" * 32)
    life = await begin()
    assert life.store.roster.unreadable == 1
    assert life.store.roster.heard(PRIVATE, (), life.store.clock.now_ms()) is None


async def test_head_office_that_knows_of_a_no_takes_the_key_too_though_it_knows_nothing_of_the_device(
    begin: Begin,
) -> None:
    life = await begin()
    store = life.store
    await store.door.enrol("another-phone", EnrolRequest("ana", "A-1001", irk=IRK))
    mail = SyncMail(store.engine, store.db, store.clock, store.roster)
    said = MemberMailed("A-1001", "Ana", "gold", ("offers",), (), cards=("2900000001001",))
    await mail.apply(Envelope(1, said))
    assert of_keys(life) == []
    consents = {row.consent for row in store.db.roster() if row.account == "A-1001"}
    assert consents == {("offers",)}  # the phones that head office did not name follow
    assert {row.consent for row in store.roster.rows_of("A-1001")} == consents
