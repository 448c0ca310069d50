"""The engine: one coroutine a cell takes what waits, has it stepped, commits it, and only then lets it out.

    inbox ─► load what the cell lacks ─► cell.take ─► step what was told ─► db.commit ─► replies, outward

No I/O and no clock of its own: two ports (`Db`, `Cells`), a clock and an outward side are handed in. Hard state:
none, all of it is in the database. Soft state: the inboxes, the seats, operation ids in flight, current facts
and pool counts, all rebuilt at start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from edge.group import OpenGroup, newcomers
from edge.inbox import Beside, Inbox, Item, Work
from edge.ports import (
    CellLost,
    Cells,
    Clock,
    CommitFailed,
    Committed,
    Db,
    DiskFull,
    Group,
    Outward,
    ParkedInput,
)
from edge.seats import Seat
from edge.wakes import Wakes
from protocols.cells import Batch, Heard, Load, Weighed
from protocols.codec import payload_hash
from protocols.errors import EndcapError, Mismatch, NotNow, Parked, Verdict
from protocols.facts import Fact
from protocols.ids import Key
from protocols.inputs import Cause, Given, Input

TOLD_ROUNDS_MAX = 4
"""How often a group follows Tells from cell to cell. What is told beyond becomes rows, taken next."""

TRIES_MAX = 5
"""How often an input may be taken in vain before it is taken alone, and then parked."""

TICK_S = 1.0
"""While visits are open, a batch is sent at least so often: silence is concluded from its `now_ms`."""

DISK_PAUSE_S = 0.2
"""After a commit that the disk refused, how long a cell waits before it tries again."""

LOST_PAUSE_S = 0.005
LOST_PAUSE_MAX_S = 1.0
"""A cell that is lost again and again waits before it is tried: twice as long each time, up to a second."""

OWED_PAGE = 1_000
"""Tell rows read at once at start."""


NOTHING = msgspec.Raw(b"null")
"""The body of a verdict whose turn replied nothing."""


@dataclass(slots=True)
class EngineLimits:
    """What the settings say about queues and memory."""

    money_max: int = 4_096
    telemetry_max: int = 20_000
    entities_max: int = 20_000


@dataclass(slots=True)
class Counts:
    """What the engine counts, for metrics and the console."""

    turns: int = 0
    groups: int = 0
    commits_failed: int = 0
    cells_lost: int = 0
    parked: int = 0
    replayed: int = 0
    told_as_rows: int = 0


@dataclass(slots=True)
class _InFlight:
    payload_hash: bytes
    answer: asyncio.Future[Verdict]


@dataclass(slots=True)
class _Soft:
    """What the engine knows of committed facts and pools; rebuilt from the database at start."""

    facts_version: int = 0
    facts: dict[tuple[str, str], Fact] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=dict)


class Engine:
    """Takes inputs for entities, each exactly once in effect, and says what came of them."""

    def __init__(
        self,
        db: Db,
        cells: Cells,
        clock: Clock,
        outward: Outward,
        *,
        place: Callable[[Key], str],
        cell_names: Sequence[str],
        births: Callable[[Key], tuple[Input, ...]],
        limits: EngineLimits | None = None,
        account_cell: str = "account",
    ) -> None:
        limits = limits or EngineLimits()
        self._db, self._cells, self._clock, self._outward = db, cells, clock, outward
        self._place, self._births = place, births
        self.seats: Mapping[str, Seat] = {
            name: Seat(
                name,
                Inbox(limits.money_max, limits.telemetry_max),
                limits.entities_max,
                spends=name == account_cell,
            )
            for name in cell_names
        }
        self.counts = Counts()
        self._soft = _Soft()
        self._in_flight: dict[str, _InFlight] = {}
        self._wakes = Wakes(db, clock, self.submit)
        self._stopped = False

    # --- doors

    async def ask(self, key: Key, given: Input, operation: str, payload: object, cause: Cause) -> Verdict:
        """One operation of a till, a phone or a person: its verdict, once its turn is committed.

        A repeat waits for the first or gets its stored verdict, marked `replayed`. Raises Mismatch for another
        payload under the same id, NotNow or Parked if nothing was done. Cancelling the caller undoes nothing.
        """
        hashed = payload_hash(payload)
        if operation:
            if waiting := self._in_flight.get(operation):
                return await self._repeat_in_flight(operation, hashed, waiting)
            if stored := self._db.verdict(operation):
                _refuse_mismatch(operation, hashed, stored.payload_hash)
                self.counts.replayed += 1
                return Verdict(stored.outcome, msgspec.Raw(stored.body), replayed=True, seq=stored.seq)
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_retrieve)
        now_ms = self._clock.now_ms()
        ident = f"op/{operation}" if operation else f"in/{key}@{cause.arrived_us}"
        item = Item(
            Given(key, ident, given, cause, now_ms, self._clock.local(now_ms), operation, hashed),
            done=lambda result: self._answer(operation, answer, result),
        )
        self.submit(item)
        if operation:
            self._in_flight[operation] = _InFlight(hashed, answer)
        return await asyncio.shield(answer)

    def submit(self, item: Item) -> None:
        """Lane A: an input for one entity. Raises NotNow if the lane is full or the engine stopped."""
        if self._stopped:
            raise NotNow("the store engine is stopping; nothing was charged, send it again")
        self.seats[self._place(item.given.key)].inbox.put(item)

    def hear(self, heard: Heard) -> None:
        """Lane B: one sighting of an enrolled subject."""
        self.seats[self._place(heard.key)].inbox.hear(heard)

    def weigh(self, weighed: Weighed) -> None:
        """Lane B: one reading of a scale."""
        self.seats[self._place(weighed.key)].inbox.weigh(weighed)

    async def record(self, beside: Beside) -> Committed:
        """Commits facts and roster rows that no entity steps: the store's files, enrolments, mail about members."""
        group = Group(
            now_ms=self._clock.now_ms(),
            known=list(beside.known),
            enrolled=list(beside.enrolled),
            mail_number=beside.mail_number,
        )
        committed = await self._db.commit(group)
        self._absorb(committed)
        self._outward.committed(group, committed, 0, 0)
        return committed

    # --- life

    async def run(self) -> None:
        """Runs until cancelled, or until the database is fenced. Whoever still waits is told "not now"."""
        self._start()
        try:
            async with asyncio.TaskGroup() as tasks:
                for seat in self.seats.values():
                    tasks.create_task(self._run_group(seat), name=f"cell {seat.name}")
                tasks.create_task(self._wakes.run(), name="wakes")
        finally:
            self._stopped = True
            gone = NotNow("the store engine stopped; nothing was charged, send it again")
            for seat in self.seats.values():
                seat.inbox.fail_all(gone)
            for waiting in list(self._in_flight.values()):
                if not waiting.answer.done():
                    waiting.answer.set_exception(gone)

    def _start(self) -> None:
        version, facts = self._db.facts()
        self._soft = _Soft(version, {(fact.book, fact.key): fact for fact in facts}, self._db.pools())
        after = 0
        while rows := self._db.owed(after, OWED_PAGE):
            self._owe(rows)
            after = rows[-1].row

    async def _run_group(self, seat: Seat) -> None:
        while True:
            await self._something(seat)
            await seat.acquire()
            try:
                work = seat.inbox.take(seat.telemetry_per_batch)
                if seat.inbox.is_empty:
                    seat.inbox.arrived.clear()
                await self._group(seat, work)
            finally:
                seat.release()
            # A batch without a commit waited for nothing: let links and tills have a turn.
            await asyncio.sleep(0)

    async def _something(self, seat: Seat) -> None:
        """Waits for work; while anyone is in the store, no longer than a tick, or than the cell asked for."""
        timeout = (seat.again_s or TICK_S) if seat.ticks else None
        try:
            async with asyncio.timeout(timeout):
                await seat.inbox.arrived.wait()
        except TimeoutError:
            pass  # the tick itself is the work: its `now_ms` lets silence be concluded

    # --- one group

    async def _group(self, seat: Seat, work: Work) -> None:
        group = OpenGroup(self._clock.now_ms(), work)
        group.hold(seat)
        try:
            began_us = self._clock.now_us()
            await self._step(group, seat, [item.given for item in work.items], work.heard, work.weighed)
            await self._follow_tells(group)
            stepped_us = self._clock.now_us()
            seat.measured(len(work.heard) + len(work.weighed), stepped_us - began_us)
            if group.is_empty:
                self._soft_sides(group)
                return
            closed = group.close()
            committed = await self._db.commit(closed)
        except CellLost:
            self.counts.cells_lost += 1
            self._take_again(group, alone=False)
            seat.lost_in_a_row += 1
            if seat.lost_in_a_row > 1:  # the first time another one serves already
                await asyncio.sleep(min(LOST_PAUSE_MAX_S, LOST_PAUSE_S * 2**seat.lost_in_a_row))
        except DiskFull as error:
            self._refuse(
                group, NotNow(f"Not taken: the disk is full. Nothing was charged. {error.reason}", 5.0)
            )
            await asyncio.sleep(DISK_PAUSE_S)
        except CommitFailed as error:
            self.counts.commits_failed += 1
            if error.by_turn:
                await self._one_by_one(group, error)
            else:
                self._refuse(group, NotNow(f"Not taken: {error.reason}. Nothing was charged."))
                await asyncio.sleep(DISK_PAUSE_S)
        else:
            seat.lost_in_a_row = 0
            commit_us = self._clock.now_us() - stepped_us
            self._stands(group, closed, committed)
            self._outward.committed(closed, committed, stepped_us - began_us, commit_us)
            self._soft_sides(group)
        finally:
            for held in group.seats:
                if held is not seat:
                    held.release()

    async def _step(
        self,
        group: OpenGroup,
        seat: Seat,
        givens: Sequence[Given],
        heard: Sequence[Heard] = (),
        weighed: Sequence[Weighed] = (),
    ) -> None:
        """One batch to one cell, and what it answered into the group."""
        life = self._cells.life(seat.name)
        fresh = seat.begin(life, self._soft.facts.values(), lambda: self._visits(seat))
        inputs, loads = self._loaded(seat, givens, heard, weighed)
        facts = seat.facts_to_send()
        if seat.spends and group.pools is None:
            group.pools = dict(self._soft.pools)
        needed = {one.key for part in (inputs, loads, weighed) for one in part}
        seat.number += 1
        batch = Batch(
            number=seat.number,
            now_ms=group.now_ms,
            local=self._clock.local(group.now_ms),
            facts_version=self._soft.facts_version,
            load=loads,
            forget=seat.keys_to_forget(needed),
            facts=facts,
            pools=group.pools if seat.spends and group.pools else {},
            inputs=inputs,
            heard=list(heard),
            weighed=list(weighed),
            owed=seat.inbox.owed_keys() + list(group.rowed),
            fresh=fresh,
        )
        try:
            answer = await self._cells.take(seat.name, life, batch)
        except CellLost:
            seat.lose()
            raise
        seat.facts_sent(facts)
        seat.again_s = answer.again_ms / 1_000
        group.answered(seat, answer)

    def _loaded(
        self, seat: Seat, givens: Sequence[Given], heard: Sequence[Heard], weighed: Sequence[Weighed]
    ) -> tuple[list[Given], list[Load]]:
        """What the cell must load for these, and the inputs with the births of entities that are new."""
        loads: list[Load] = []
        inputs: list[Given] = []
        now_ms = self._clock.now_ms()
        for key, cause, at_ms, begins in newcomers(givens, heard, weighed):
            if seat.touch(key, now_ms):
                continue
            load = self._db.load(key)
            if load is None:
                load = Load(key, 0)
                local = self._clock.local(at_ms)
                for place, born in enumerate(self._births(key) if begins else ()):
                    ident = f"born/{key}@{cause.arrived_us}/{place}"
                    inputs.append(Given(key, ident, born, cause, at_ms, local))
            loads.append(load)
            seat.admit(load, now_ms)
        inputs.extend(givens)
        for key in seat.returning():
            if key not in seat.residents and (load := self._db.load(key)) is not None:
                loads.append(load)
                seat.admit(load, now_ms)
        return inputs, loads

    def _visits(self, seat: Seat) -> list[Key]:
        return [key for key in self._db.keys("shopper") if self._place(key) == seat.name]

    async def _follow_tells(self, group: OpenGroup) -> None:
        """Steps what was told, in cells with no batch out; the rest becomes rows, committed with their cause."""
        for round_number in range(TOLD_ROUNDS_MAX + 1):
            by_seat: dict[str, list[Given]] = {}
            for told in group.untold():
                target = self.seats[self._place(told.given.key)]
                may_step = round_number < TOLD_ROUNDS_MAX and not target.inbox.is_owed(told.given.key)
                if may_step and told.given.key not in group.rowed and group.try_hold(target):
                    by_seat.setdefault(target.name, []).append(told.given)
                else:
                    group.as_row(told)
                    self.counts.told_as_rows += 1
            if not by_seat:
                return
            for name, givens in by_seat.items():
                await self._step(group, self.seats[name], givens)

    # --- after a group

    def _stands(self, group: OpenGroup, closed: Group, committed: Committed) -> None:
        self.counts.groups += 1
        self.counts.turns += len(closed.turns)
        self.counts.parked += len(closed.parked)
        if group.pools is not None:
            self._soft.pools = group.pools
        self._absorb(committed)
        group.settle()
        self._wakes.saved(closed.saved)
        group.finish(committed)
        for seat, items in group.missing.items():
            if any(item.tries >= TRIES_MAX for item in items):
                seat.lose()  # it denies what it was handed: everything is loaded again
            seat.inbox.put_again(items)

    def _absorb(self, committed: Committed) -> None:
        """Committed facts go to every cell with its next batch; committed Tell rows to their inboxes."""
        for fact in committed.facts:
            self._soft.facts[fact.book, fact.key] = fact
        self._soft.facts_version = max(self._soft.facts_version, committed.facts_version)
        if committed.facts:
            for seat in self.seats.values():
                seat.knows(committed.facts)
        self._owe(committed.rows)

    def _owe(self, rows: Iterable[Given]) -> None:
        for given in rows:
            self.seats[self._place(given.key)].inbox.put_rows((given,))

    def _soft_sides(self, group: OpenGroup) -> None:
        """What cells said beside their turns, told after these: nothing of it is journalled, and it may be lost."""
        for seat, answer in group.answers:
            if answer.positions:
                self._outward.positions(answer.positions)
            if answer.crowds or answer.scanners:
                self._outward.judged(seat.name, answer.crowds, answer.scanners)

    # --- when a group fails

    def _take_again(self, group: OpenGroup, *, alone: bool) -> None:
        """Every cell forgets what it stepped here; the same inputs are taken from the database's state."""
        group.undo()
        for item in group.roots:
            item.tries += 1
            item.alone = item.alone or alone or item.tries >= TRIES_MAX
        group.first_seat.inbox.put_again(group.roots)
        group.first_seat.inbox.hear_again(group.work.heard)
        group.first_seat.inbox.weigh_again(group.work.weighed)

    async def _one_by_one(self, group: OpenGroup, error: CommitFailed) -> None:
        """A constraint failed: each input is redone alone, and the one that fails alone is parked."""
        roots = group.roots
        if len(roots) == 1 and roots[0].alone and roots[0].tries >= 2:
            group.undo()
            await self._park(roots[0], error.reason)
        else:
            self._take_again(group, alone=True)

    async def _park(self, item: Item, reason: str) -> None:
        parked = Group(self._clock.now_ms(), parked=[ParkedInput(item.given, b"", reason)])
        try:
            committed = await self._db.commit(parked)
        except CommitFailed as error:
            item.finish(NotNow(f"Not taken: {error.reason}. Nothing was charged."))
            return
        self.counts.parked += 1
        item.finish(Parked(committed.parked[0]))

    def _refuse(self, group: OpenGroup, refusal: NotNow) -> None:
        """The disk refused: senders are told that nothing was done, and what is owed goes on being owed."""
        group.undo()
        for item in group.work.items:
            if not item.given.row:
                item.finish(refusal)
        group.first_seat.inbox.put_again([item for item in group.work.items if item.given.row])

    # --- operations in flight

    async def _repeat_in_flight(self, operation: str, hashed: bytes, waiting: _InFlight) -> Verdict:
        _refuse_mismatch(operation, hashed, waiting.payload_hash)
        first = await asyncio.shield(waiting.answer)
        self.counts.replayed += 1
        return Verdict(first.outcome, first.body, replayed=True, seq=first.seq)

    def _answer(
        self, operation: str, answer: asyncio.Future[Verdict], result: Verdict | EndcapError | None
    ) -> None:
        self._in_flight.pop(operation, None)
        if answer.done():
            return
        if isinstance(result, EndcapError):
            answer.set_exception(result)
        else:
            answer.set_result(result or Verdict("done", NOTHING))


def _refuse_mismatch(operation: str, hashed: bytes, stands_for: bytes) -> None:
    if hashed != stands_for:
        raise Mismatch(
            f"operation '{operation}' already stands for another payload; its verdict is unchanged. "
            "Make a new operation id for a new operation."
        )


def _retrieve(answer: asyncio.Future[Verdict]) -> None:
    """Marks an error as seen: the caller may have gone away before its answer came."""
    if not answer.cancelled():
        answer.exception()
