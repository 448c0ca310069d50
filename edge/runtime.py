"""A running store: one TaskGroup over links, engine, cells, sync and web, from its start to its end.

    files ─► books ─► engine ─► cells (here first, Ray joins behind) ─► web (tills are served) ─► links ─► head office

Everything here is restartable: what a task held is in the database or is said again by somebody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

import structlog

from edge.books import Books, BooksWrong, changed, read_books
from edge.bootstrap import Store
from edge.inbox import Beside
from edge.metrics import figures
from edge.ports import CommitFailed, Enrolled
from edge.web.app import build_app, listen, serve
from edge.web.ports import CONSOLE, STORE
from protocols.codec import to_json
from protocols.errors import NotNow
from protocols.ids import ident_of, key
from protocols.inputs import BalanceKnown, Cause, ClockSet, SignStarted

CONSOLE_EVERY_S = 0.5
"""How often the console is told how the store is, while anybody looks."""

LOOK_EVERY_S = 1.0
"""How often the clock, the store's files and the journal's age are looked at."""

IDLE_TURNS_MAX = 50
"""Fewer turns than this since the last look: the store is idle enough to prune a few rows."""

CLOCK_SET_MAX = 10_000
"""Entities with a deadline that are told of a set clock at once."""

log = structlog.get_logger("edge.runtime")


class Runtime:
    """Runs a built store. `ready` is set once tills are served."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()
        self.port = store.settings.http.port
        self._stamp: tuple[float, ...] = ()

    async def run(self) -> None:
        """Runs until `stop` is set. Raises what ended it otherwise (edge.ports.Fenced, a damaged file)."""
        store = self._store
        listening = listen(store.settings.http.host, store.settings.http.port)
        self.port = listening.getsockname()[1]
        books = self._read_books()
        if books is not None:
            await self._learn(books)
        self._remember()
        store.measures.expose(lambda: figures(store))
        app = build_app(store.door, store.settings, store.measures.registry)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(store.engine.run(), name="engine"),
                    tasks.create_task(serve(app, listening), name="web"),
                    tasks.create_task(self._tell_console(), name="console"),
                    tasks.create_task(self._look_after(), name="care"),
                    tasks.create_task(store.telemetry_link.run(), name="mqtt telemetry"),
                    tasks.create_task(store.money_link.run(), name="mqtt money"),
                    tasks.create_task(store.money.run(), name="sales over mqtt"),
                ]
                if store.sync is not None:
                    running.append(tasks.create_task(store.sync.up.run(), name="sync up"))
                    running.append(tasks.create_task(store.sync.down.run(), name="sync down"))
                store.door.is_ready, store.door.detail = True, ""
                await self._first_turns(books)
                self.ready.set()
                await store.cells.start()
                await self.stop.wait()
                for task in running:
                    task.cancel()
        finally:
            store.door.is_ready, store.door.detail = False, "stopping"
            await store.cells.stop()
            store.db.close()

    # --- the store's files

    def _read_books(self) -> Books | None:
        """The files, or None if there are none and the database has books already."""
        folder = Path(self._store.settings.store.books)
        self._stamp = _stamp(folder)
        day = self._store.clock.local(self._store.clock.now_ms()).day
        has_books = bool(self._store.db.facts()[1])
        try:
            books = read_books(folder, day)
        except BooksWrong as error:
            if not has_books:
                raise
            # The books in the database still stand, so the store opens; the files are for a person to mend.
            log.error("books_wrong", problems=[str(problem) for problem in error.problems])
            return None
        for warning in books.warnings:
            log.warning("books_warning", problem=str(warning))
        return books

    async def _learn(self, books: Books) -> None:
        """Writes what differs from the database, as one version: nobody sees half of a swap."""
        store = self._store
        _, facts = store.db.facts()
        known = changed(facts, books.knows)
        rows = tuple(row for row in self._roster_rows(books) if store.roster.subject(row.subject) != row)
        if known or rows:
            await store.engine.record(Beside(known=tuple(known), enrolled=rows))
            store.roster.add(rows)
            log.info("books_swapped", facts=len(known), roster=len(rows))

    def _roster_rows(self, books: Books) -> Iterable[Enrolled]:
        for member in books.members:
            for carried in (*member.devices, *member.cards):
                yield Enrolled(
                    token=self._store.roster.token(carried),
                    subject=member.subject,
                    account=member.account,
                    name=member.name,
                    member=member.member,
                    tier=member.tier,
                    consent=member.consent,
                    segments=member.segments,
                )

    # --- start

    def _remember(self) -> None:
        """Fills what the pages look at from the database."""
        store = self._store
        version, facts = store.db.facts()
        loads = [load for one in store.db.keys("shopper") if (load := store.db.load(one)) is not None]
        now_ms = store.clock.now_ms()
        day = store.clock.local(now_ms).day
        sales = store.db.sales_between(now_ms - 36 * 3_600_000, now_ms + 1, 100_000)
        seq = store.db.identity().last_seq
        store.now.begin(version, facts, loads, store.db.decisions(40), sales, seq, day)
        for sign in store.db.keys("sign"):
            load = store.db.load(sign)
            last = store.db.last_cause(sign)
            if load is not None:
                seq, cause = last or (0, Cause(0))
                store.outward.show_now(ident_of(sign), load.state, cause, seq)

    async def _first_turns(self, books: Books | None) -> None:
        """Signs that never played are started, and opening balances that nobody has seen are booked."""
        store = self._store
        for sign in store.now.facts.signs:
            if store.db.load(key("sign", sign)) is None:
                await store.door.ask(key("sign", sign), SignStarted(), "", None)
        alone = store.sync is None
        for member in books.members if books is not None else ():
            account = key("account", member.account)
            if member.account and store.db.load(account) is None and (member.points is not None or alone):
                # Without a head office nobody else will ever say what the balance is.
                balance = BalanceKnown(member.points or 0, store.clock.now_ms(), 0)
                await store.door.ask(account, balance, f"opening/{member.account}", member.points)

    # --- while it runs

    async def _tell_console(self) -> None:
        store = self._store
        last_link = ""
        sightings = 0
        while True:
            await asyncio.sleep(CONSOLE_EVERY_S)
            store.measures.sightings.add(store.clock.now_ms(), store.hearing.sightings - sightings)
            sightings = store.hearing.sightings
            if store.channels.listened(CONSOLE):
                store.channels.publish(CONSOLE, to_json(store.door.console()))
            about = store.door.store()
            if about.link.state != last_link or about.link.state in ("cut", "catching_up"):
                last_link = about.link.state
                store.channels.publish(STORE, to_json(about))

    async def _look_after(self) -> None:
        store = self._store
        turns = 0
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look_at_clock()
            await self._look_at_books()
            if store.engine.counts.turns - turns < IDLE_TURNS_MAX:
                with contextlib.suppress(CommitFailed):  # pruning is tried again a second later
                    await store.db.prune()
            turns = store.engine.counts.turns

    async def _look_at_clock(self) -> None:
        """A clock that was set is told to everybody who waits for a time: holds and offers get their full time."""
        store = self._store
        by_ms = store.clock.jumped_ms()
        if not by_ms:
            return
        log.warning("clock_set", by_ms=by_ms)
        for entity in store.db.due(2**62, CLOCK_SET_MAX):
            with contextlib.suppress(
                NotNow
            ):  # an overfull lane; that entity's wake comes early or late, which is harmless
                await store.door.ask(entity, ClockSet(by_ms), "", by_ms)

    async def _look_at_books(self) -> None:
        """Files that changed are swapped in without a restart; with any error nothing changes."""
        folder = Path(self._store.settings.store.books)
        if _stamp(folder) == self._stamp:
            return
        books = self._read_books()
        if books is not None:
            with contextlib.suppress(
                CommitFailed
            ):  # said by the disk's own trouble; the next change tries again
                await self._learn(books)


def _stamp(folder: Path) -> tuple[float, ...]:
    """When the store's files were last written."""
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    return tuple(file.stat().st_mtime for file in files)
