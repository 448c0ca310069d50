"""What the console draws: the store as of the last commit, and the same again after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge import snapshot as snapshots
from edge.cells.house import Place
from edge.hearing import Hearing
from edge.measures import Measures
from edge.now import Now, account_of
from edge.ports import Committed, Group
from edge.published import SILENT_MS
from edge.snapshot import snapshot
from edge.web.views import ConsoleSnapshot, LinkView, NeedsView, StoreView
from protocols.cells import Crowd, Heard, Position, ScannerHealth
from protocols.facts import Radio
from protocols.ids import Sku, ZoneId, key
from protocols.inputs import (
    BasketLine,
    Cause,
    Input,
    Restocked,
    SaleClosed,
    SignStarted,
    ZoneEntered,
    ZoneLeft,
)
from sim.swarm.books import SECRET
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import SIGN, Life
from sim.virtual import VirtualLoop

ANA = key("shopper", "ana")
PLACES = {
    "floor": Place("ray", "ready", 1, 3, 0),
    "account": Place("here", "off", 2, 1, 0),
    "lost": Place("here", "held_off", 2, 4, 1),
}


class Store:
    """A store in virtual time that remembers what a console would draw."""

    def __init__(self, folder: Path, loop: VirtualLoop) -> None:
        self.loop = loop
        self.life = Life(folder, loop, Faults(FaultPlan()))
        self.now = Now()
        self.measures = Measures(CollectorRegistry())
        engine, clock = self.life.engine, self.life.clock
        self.hearing = Hearing(engine, self.life.roster, clock, lambda: self.now.facts, SECRET)
        engine._outward = self

    # --- the engine's outward side

    def committed(self, group: Group, committed: Committed, stepped_us: int, commit_us: int) -> None:
        self.now.fold(group, committed, self.life.clock.now_us())

    def positions(self, positions: Sequence[Position]) -> None:
        self.now.move(positions)

    def judged(self, cell: str, crowds: Sequence[Crowd], scanners: Sequence[ScannerHealth]) -> None:
        self.now.judge(cell, crowds, scanners, self.life.clock.now_ms())

    # --- for tests

    def remember(self) -> None:
        """As a store does at its start."""
        db, clock = self.life.db, self.life.clock
        version, facts = db.facts()
        loads = [load for one in db.keys("shopper") if (load := db.load(one)) is not None]
        now_ms = clock.now_ms()
        sales = db.sales_between(0, now_ms + 1, 1_000)
        seq, day = db.identity().last_seq, clock.local(now_ms).day
        self.now.begin(version, facts, loads, db.decisions(40), sales, seq, day)

    def look(self) -> ConsoleSnapshot:
        return snapshot(
            self.now,
            self.life.clock.now_ms(),
            "life-1",
            StoreView("sim", "Corner", "EUR", 0, False),
            LinkView("alone", 0),
            self.measures,
            self.hearing,
            self.life.engine.seats,
            PLACES,
            (NeedsView("disk_full", "The disk is full"),),
        )

    async def ask(self, entity: str, given: Input, operation: str = "") -> None:
        cause = Cause(self.life.clock.now_us(), operation=operation)
        await self.life.engine.ask(entity, given, operation, operation, cause)  # type: ignore[arg-type]

    async def sell(self, operation: str, till: str = "till-1", minor: int = 1_000) -> None:
        lines = (BasketLine(Sku("bread"), 1000, minor),)
        await self.ask("account:A-ana", SaleClosed(operation, till, lines, minor), operation)

    async def walk(self, subject: str, scanner: str = "north") -> None:
        for _ in range(8):
            at_us = self.life.clock.now_us()
            self.life.engine.hear(Heard(key("shopper", subject), scanner, -55.0, at_us // 1_000, at_us))
            await asyncio.sleep(0.25)


Test = Callable[[Store], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    def running(test: Test, *, start_s: float = 0.0) -> Store:
        loop = VirtualLoop(start_s=start_s)
        store = Store(tmp_path / "store", loop)

        async def main() -> None:
            await store.life.begin()
            store.remember()
            engine = asyncio.create_task(store.life.engine.run())
            await asyncio.sleep(0.01)
            await test(store)
            engine.cancel()

        try:
            loop.run(main())
        finally:
            store.life.close()
        return store

    yield running


def test_an_empty_store_is_drawn_with_its_floor_and_no_figures(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        seen = store.look()
        assert (seen.people, seen.visits, seen.decisions, seen.screens) == ((), 0, (), ())
        assert {zone.zone: zone.shoppers for zone in seen.zones} == {"dairy": 0, "bakery": 0}
        assert [(shelf.shelf, shelf.pieces) for shelf in seen.shelves] == [("milk", None)]
        assert [(till.till, till.sales) for till in seen.tills] == [("till-1", 0)]
        assert seen.latency.p99_us is None
        assert [(one.code, one.say) for one in seen.needs] == [("disk_full", "The disk is full")]

    run(test)


def test_people_are_drawn_where_they_are_and_not_after_they_left(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await asyncio.gather(store.walk("ana"), store.walk("trolley-1", "south"))
        people = {one.subject: one for one in store.look().people}
        assert (people["ana"].zone, people["ana"].account, people["ana"].name) == ("dairy", "A-ana", "Ana")
        assert (people["trolley-1"].zone, people["trolley-1"].account) == ("bakery", "subject-trolley-1")
        assert people["ana"].x == 1.0
        assert {zone.zone: (zone.shoppers, zone.members) for zone in store.look().zones} == {
            "dairy": (1, 1),
            "bakery": (1, 0),
        }
        await asyncio.sleep(60.0)
        assert (store.look().people, store.now.positions) == ((), {})

    run(test)


def test_a_subject_without_a_visit_is_not_drawn(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.ask("shopper:ben", ZoneLeft("dairy"))  # type: ignore[arg-type]
        assert store.look().people == ()

    run(test)


def test_a_dot_of_somebody_who_is_not_inside_is_not_kept(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        store.positions([Position(ANA, 1.0, 1.0, "dairy", 1.0, 0)])
        assert store.now.positions == {}

    run(test)


def test_decisions_and_screens_name_the_turn_and_the_newest_decision_is_first(
    run: Callable[..., Store],
) -> None:
    async def test(store: Store) -> None:
        await store.ask(SIGN, SignStarted())
        await store.walk("ana")
        await store.sell("s1")
        seen = store.look()
        assert [one.decision.trigger for one in seen.decisions] == ["sale_closed", "zone_entered"]
        assert seen.decisions[0].seq > seen.decisions[1].seq
        assert seen.decisions[1].cause.scanner == "north"
        assert seen.decisions[1].took_us >= 0
        assert seen.seq == store.life.db.identity().last_seq

    run(test)


def test_tills_count_the_business_day_and_begin_anew_with_the_next(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.sell("s1")
        await store.sell("s2", minor=250)
        seen = store.look()
        assert (seen.sales_today, seen.sales_today_minor) == (2, 1_250)
        assert (seen.tills[0].sales, seen.tills[0].total_minor) == (2, 1_250)
        today = store.now.day
        store.now.turn_to("2026-01-04")  # a group that was under way at midnight
        assert store.look().sales_today == 2
        store.now.turn_to("2026-01-06")
        assert (store.look().sales_today, today) == (0, "2026-01-05")

    run(test)


def test_an_empty_shelf_and_a_silent_gateway_are_for_a_person_to_look_at(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.ask("shelf:milk", Restocked(0), "r1")
        store.hearing.take("espresense/rooms/south/status", b"offline")
        store.hearing.take("espresense/rooms/elsewhere/status", b"offline")
        assert [one.code for one in store.look().needs] == [
            "disk_full",
            "shelf_out",
        ]  # nobody is in the store
        await store.walk("ana")
        store.hearing.scanners["north"] = store.life.clock.now_ms() - SILENT_MS - 1_000
        needs = {one.key: one for one in store.look().needs}
        assert needs["milk"].say == "Whole milk 1 L is out"
        assert needs["south"].say == "Gateway south is silent, 2 s"
        assert needs["north"].say == "Gateway north is silent, 31 s"
        assert "elsewhere" not in needs

    run(test)


def test_a_gateway_that_is_deaf_or_hangs_elsewhere_is_for_a_person_to_look_at(
    run: Callable[..., Store],
) -> None:
    async def test(store: Store) -> None:
        await store.walk("ana")
        store.now.facts.radio = Radio(1.0, 10, 8, 4.0, "survey")
        now_ms = store.life.clock.now_ms()
        found = [ScannerHealth("north", "deaf", now_ms, -12.4), ScannerHealth("south", "moved", now_ms, 9.0)]
        store.judged("floor", [], found)
        needs = {one.key: one for one in store.look().needs}
        assert (needs["north"].code, needs["south"].code) == ("gateway_deaf", "gateway_moved")
        assert needs["north"].say == "Gateway north hears 12 dB less than it should"
        assert needs["south"].do.startswith("Hang it back")
        store.judged(
            "floor", [], [ScannerHealth("north", "ok", now_ms), ScannerHealth("south", "ok", now_ms)]
        )
        assert [one.code for one in store.look().needs] == ["disk_full"]

    run(test)


def test_a_zone_is_drawn_with_its_bounds_if_cells_work_them_out_and_with_its_strangers(
    run: Callable[..., Store],
) -> None:
    async def test(store: Store) -> None:
        await store.walk("ana")
        store.hearing.take("espresense/devices/stranger/north", b'{"rssi":-60}')
        dairy = next(zone for zone in store.look().zones if zone.zone == "dairy")
        assert (dairy.shoppers, dairy.expected, dairy.low, dairy.high, dairy.passers) == (
            1,
            None,
            None,
            None,
            1,
        )
        store.now.facts.radio = Radio(1.0, 10, 8, 4.0, "survey")
        store.judged("floor", [Crowd("dairy", 0.6, 0.24)], [])
        dairy = next(zone for zone in store.look().zones if zone.zone == "dairy")
        assert (dairy.expected, dairy.low, dairy.high) == (0.6, 0, 1)

    run(test)


def test_a_person_is_drawn_with_the_journey_unless_very_many_are_inside(
    run: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(store: Store) -> None:
        await store.walk("ana")
        await store.ask("shopper:ana", ZoneEntered(ZoneId("bakery"), 80))
        first, last = store.look().people[0].journey
        assert (first.zone, first.left_ms, last.zone, last.left_ms) == (
            "dairy",
            last.entered_ms,
            "bakery",
            None,
        )
        monkeypatch.setattr(snapshots, "JOURNEY_STAYS_MAX", 1)
        assert [stay.zone for stay in store.look().people[0].journey] == ["bakery"]
        monkeypatch.setattr(snapshots, "JOURNEYS_MAX", 0)
        assert store.look().people[0].journey == ()

    run(test)


def test_cells_say_where_they_run_and_where_they_are_wanted(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        cells = {one.cell: (one.place, one.wanted) for one in store.look().cells}
        assert cells == {"floor": ("ray", "ray"), "account": ("here", "here"), "lost": ("here", "ray")}

    run(test)


def test_a_restart_draws_the_same_store(run: Callable[..., Store]) -> None:
    seen: list[ConsoleSnapshot] = []

    async def before(store: Store) -> None:
        await store.walk("ana")
        await store.sell("s1")
        await store.ask("shelf:milk", Restocked(2), "r1")
        seen.append(store.look())

    async def after(store: Store) -> None:
        again = store.look()
        first = seen[0]
        assert (again.seq, again.visits) == (first.seq, first.visits)
        assert [one.subject for one in again.people] == [one.subject for one in first.people]
        assert (again.sales_today, again.tills, again.shelves) == (
            first.sales_today,
            first.tills,
            first.shelves,
        )
        assert [one.seq for one in again.decisions] == [one.seq for one in first.decisions]

    run(before)
    run(after, start_s=2.5)


def test_an_account_of_nobody_in_particular_is_the_subjects_own() -> None:
    from actors.shopper import Shopper

    assert account_of(Shopper("trolley-1"), key("shopper", "trolley-1")) == "subject-trolley-1"  # type: ignore[arg-type]
    assert account_of(Shopper("ana", account="A-ana"), ANA) == "A-ana"  # type: ignore[arg-type]
