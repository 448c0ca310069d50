"""A running store: one TaskGroup over links, engine, cells, sync and web, from its start to its end.

    files ─► books ─► engine ─► cells (here first, Ray joins behind) ─► web (tills are served) ─► links ─► head office

Everything here is restartable: what a task held is in the database or is said again by somebody.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import socket
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import structlog

from actors.presence.identity import LOCATION, device_of
from edge.book_members import Member
from edge.book_radio import digest_held
from edge.books import Books, BooksWrong, changed, read_books
from edge.bootstrap import Store
from edge.inbox import Beside
from edge.metrics import figures
from edge.ports import CommitFailed, Enrolled
from edge.web.app import build_app, listen, serve
from edge.web.ports import CONSOLE, STORE
from protocols.codec import to_json
from protocols.errors import NotNow, Parked
from protocols.ids import Key, ident_of, key
from protocols.inputs import BalanceKnown, Cause, ClockSet, SignStarted

CONSOLE_EVERY_S = 0.5
"""How often the console is told how the store is, while anybody looks."""

LOOK_EVERY_S = 1.0
"""How often the clock, the store's files and the journal's age are looked at."""

IDLE_TURNS_MAX = 50
"""Fewer turns than this since the last look: the store is idle enough to prune a few rows."""

CLOCK_SET_MAX = 1_000
"""Entities that are told of a set clock at once: fewer than a lane of money holds."""

RECENT_TURNS = 1_000
"""Turns before a stop whose messages may not have reached the broker: more than all groups under way make."""

MEMBERS_NOTE = "books/members"
"""Which members file the roster was last taken from, by its hash."""

log = structlog.get_logger("edge.runtime")


class Runtime:
    """Runs a built store. `ready` is set once tills are served."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()
        self.port = store.settings.http.port
        self._stamp: Stamp = ()
        self._books: Books | None = None
        self._is_begun = False

    async def run(self) -> None:
        """Runs until `stop` is set. Raises what ended it otherwise (edge.ports.Fenced, a damaged file)."""
        store = self._store
        listening = _listen(store.settings.http.host, store.settings.http.port)
        self.port = listening.getsockname()[1]
        await self._take_books()
        if store.roster.unreadable:
            log.error(
                "identity_keys_unreadable",
                keys=store.roster.unreadable,
                mend="roster.key is not the one that they were kept under: put it back, or enrol them again",
            )
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
                if (state := store.sparkplug_state) is not None:
                    running.append(tasks.create_task(state.link.run(), name="mqtt sparkplug"))
                    running.append(tasks.create_task(state.run(), name="sparkplug state"))
                if store.sync is not None:
                    running.append(tasks.create_task(store.sync.up.run(), name="sync up"))
                    running.append(tasks.create_task(store.sync.down.run(), name="sync down"))
                store.door.is_ready, store.door.detail = True, ""
                await self._first_turns()
                self.ready.set()
                await store.cells.start()
                await self.stop.wait()
                if state is not None:
                    state.leave()
                for task in running:
                    task.cancel()
        finally:
            store.door.is_ready, store.door.detail = False, "stopping"
            await store.cells.stop()
            store.db.close()

    # --- the store's files

    async def _take_books(self) -> None:
        """Reads the store's files and takes in what is new; on any trouble the books in the database stand."""
        books = await self._read_books()
        if books is None:
            return
        try:
            await self._learn(books)
        except CommitFailed as error:
            if not self._store.db.facts()[1]:
                raise
            log.error("books_not_taken", why=error.reason)
            self._stamp = ()  # the next look tries again
        else:
            self._books, self._is_begun = books, False

    async def _read_books(self) -> Books | None:
        """The files, or None if they hold errors and the database has books already."""
        folder = Path(self._store.settings.store.books)
        self._stamp = _stamp(folder)
        day = self._store.clock.local(self._store.clock.now_ms()).day
        try:
            # In a thread: the files of a large store take a while, and tills go on meanwhile.
            held = digest_held(self._store.db.facts()[1])
            books = await asyncio.to_thread(read_books, folder, day, held)
        except BooksWrong as error:
            if not self._store.db.facts()[1]:
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
        known = changed(facts, books)
        said = to_json(books.members) + store.roster.token("")  # under another key all tokens are others
        hashed = hashlib.blake2b(said, digest_size=16).hexdigest()
        # A members file that nobody touched says nothing new: what was learned since stands.
        is_new = store.db.noted(MEMBERS_NOTE) != hashed
        rows = tuple(self._roster_rows(books)) if is_new else ()
        if known or rows:
            await store.engine.record(Beside(known=tuple(known), enrolled=rows))
            store.roster.add(rows)
            log.info("books_swapped", facts=len(known), roster=len(rows))
        if is_new:
            await store.db.note(MEMBERS_NOTE, hashed)

    def _roster_rows(self, books: Books) -> Iterable[Enrolled]:
        """Rows of the members file that differ from the roster's.

        Consent is the file's only at first: once a person is known, that person alone changes it. A key is taken
        only as that consent allows it.
        """
        roster = self._store.roster
        for member in books.members:
            person = Enrolled(
                token=b"",
                subject=member.subject,
                account=member.account,
                name=member.name,
                member=member.member,
                tier=member.tier,
                consent=member.consent,
                segments=member.segments,
            )
            person = _as_allowed(person, roster.subject(member.subject))
            carried = [(one, None) for one in (*member.devices, *member.cards)]
            for device, secret in (*carried, *((device_of(one), one) for one in member.keys)):
                token = roster.token(device)
                known = roster.row(token)
                row = _as_allowed(replace(person, token=token), known)
                if secret is not None and LOCATION in row.consent:
                    row = roster.keyed(row, secret)
                if row != known:
                    yield row

    # --- start

    def _remember(self) -> None:
        """Fills what the pages look at, and what stands outside, from the database."""
        store = self._store
        version, facts = store.db.facts()
        loads = [load for one in store.db.keys("shopper") if (load := store.db.load(one)) is not None]
        now_ms = store.clock.now_ms()
        day = store.clock.local(now_ms).day
        sales = store.db.sales_between(now_ms - 36 * 3_600_000, now_ms + 1, 100_000)
        seq = store.db.identity().last_seq
        store.now.begin(version, facts, loads, store.db.decisions(40), sales, seq, day)
        for sign in store.db.keys("sign"):
            if (load := store.db.load(sign)) is not None:
                seq_then, cause = store.db.last_cause(sign) or (0, Cause(0))
                store.outward.show_now(ident_of(sign), load.state, cause, seq_then)
        self._remember_people(seq)
        started = Cause(store.clock.now_us(), operation="start")
        for zone in store.now.facts.occupancy:
            store.outward.crowd_now(zone, started, seq)

    def _remember_people(self, seq: int) -> None:
        """Presence of everybody inside; and whatever the last turns changed, which may never have been sent."""
        store = self._store
        for entity, shopper in store.now.shoppers.items():
            _, cause = store.db.last_cause(entity) or (0, Cause(0))
            store.outward.present_now(entity, shopper, cause)
        recent = {row.given.key: row for row in store.db.journal(max(0, seq - RECENT_TURNS), RECENT_TURNS)}
        for entity, row in recent.items():
            if entity.startswith("shopper:") and entity not in store.now.shoppers:
                store.outward.present_now(entity, None, row.given.cause)
            elif entity.startswith("account:") and (load := store.db.load(entity)) is not None:
                cause = row.given.cause
                store.outward.wallet_now(ident_of(entity), load.state, load.version, cause, row.seq)

    async def _first_turns(self) -> None:
        """Starts signs that never played, and books opening balances that nobody has seen. Repeating it is fine."""
        store = self._store
        played, booked = set(store.db.keys("sign")), set(store.db.keys("account"))
        try:
            for sign in store.now.facts.signs:
                if key("sign", sign) not in played:
                    await store.door.ask(key("sign", sign), SignStarted(), "", None)
            for member in self._books.members if self._books is not None else ():
                if member.account and key("account", member.account) not in booked:
                    await self._opening(member)
        except NotNow as error:
            log.warning("not_begun_yet", why=error.reason)  # the next look tries again
        else:
            self._is_begun = True

    async def _opening(self, member: Member) -> None:
        """Without a head office nobody else will ever say what a member's balance is."""
        store = self._store
        account = key("account", member.account)
        if member.points is not None or store.sync is None:
            balance = BalanceKnown(member.points or 0, store.clock.now_ms(), 0)
            with contextlib.suppress(Parked):  # a person must look; the next member's is booked
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
            store.outward.catch_up()
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
            if not self._is_begun:
                await self._first_turns()
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
        for seat in store.engine.seats.values():
            # What presence heard has the old time: it begins anew, so that nobody is silent for an hour at once.
            await seat.acquire()
            seat.lose()
            seat.release()
        waiting = iter(dict.fromkeys((*store.db.due(2**62, -1), *store.db.keys("shopper"))))
        while portion := list(islice(waiting, CLOCK_SET_MAX)):
            await asyncio.gather(*(self._tell_clock(entity, by_ms) for entity in portion))

    async def _tell_clock(self, entity: Key, by_ms: int) -> None:
        with contextlib.suppress(NotNow):  # its wake comes early or late, which is harmless
            await self._store.door.ask(entity, ClockSet(by_ms), "", by_ms)

    async def _look_at_books(self) -> None:
        """Files that changed are swapped in without a restart; with any error nothing changes."""
        if _stamp(Path(self._store.settings.store.books)) != self._stamp:
            await self._take_books()


def _as_allowed(row: Enrolled, known: Enrolled | None) -> Enrolled:
    """The row with what its carrier allows now, if the roster knows the same carrier."""
    if known is None or (known.subject, known.account) != (row.subject, row.account):
        return row
    return replace(row, consent=known.consent)


Stamp = tuple[tuple[str, int, int], ...]
"""Name, time of writing and size of each of the store's files."""


def _stamp(folder: Path) -> Stamp:
    """When the store's files were last written. One that an editor is just replacing is left out."""
    found = []
    for file in sorted((*folder.glob("*.yaml"), *folder.glob("survey.csv"))) if folder.is_dir() else []:
        with contextlib.suppress(OSError):
            about = file.stat()
            found.append((file.name, about.st_mtime_ns, about.st_size))
    return tuple(found)


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket, or an OSError that says what to do."""
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        reason = (
            f"{host}:{port} is taken, another program listens there. Stop it, or choose another [http] port."
        )
        raise OSError(reason) from None
