"""The store as its web sees it: `edge.web.ports.Door` over the engine, the database and what is remembered."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns

import msgspec

from actors import account as accounts
from edge.cells.house import CellHouse
from edge.clock import WallClock
from edge.db import StoreDb
from edge.engine import Engine
from edge.enrolling import check_enrolment, keyed_rows
from edge.expected import ExpectedDesk
from edge.floor_file import FloorFile
from edge.hearing import Hearing
from edge.inbox import Beside
from edge.links import MqttLink
from edge.measures import Measures
from edge.now import Now
from edge.ports import CommitFailed, Enrolled
from edge.replay import replay
from edge.roster import Roster, identified
from edge.settings import Settings
from edge.snapshot import snapshot
from edge.survey.desk import Surveyor
from edge.sync.link import Link
from edge.sync.up import Up
from edge.web.channels import Channels, Subscription
from edge.web.floor import floor_view
from edge.web.floor_views import ExpectedView
from edge.web.views import (
    ConsoleSnapshot,
    Explained,
    FloorView,
    Health,
    LinkView,
    NeedsView,
    SaleLineView,
    SaleView,
    StoreNow,
    StoreView,
)
from protocols import topics
from protocols.api import DecisionView, EnrolRequest, ScreenCommand, Wallet
from protocols.codec import to_json
from protocols.errors import Nonsense, NotNow, Verdict
from protocols.ids import AccountId, Key, ident_of, key
from protocols.inputs import Cause, ConsentChanged, Input

CURRENCY = "EUR"

SEQ_MAX = 2**62
"""Beyond any turn's number, and within what the database counts with."""

BACKLOG_LOOK_MS = 500
"""How old the backlog on the console may be: counting it reads the outbox's cursors."""


class StoreDoor:
    """Everything that a page may ask or do. Soft state: the floor as last drawn, and the backlog as last counted."""

    def __init__(
        self,
        settings: Settings,
        db: StoreDb,
        clock: WallClock,
        roster: Roster,
        cells: CellHouse,
        engine: Engine,
        now: Now,
        hearing: Hearing,
        channels: Channels,
        measures: Measures,
        link: Link | None,
        up: Up | None,
    ) -> None:
        self._settings, self._db, self._clock, self._roster = settings, db, clock, roster
        self._cells, self._engine, self._now, self._hearing = cells, engine, now, hearing
        self._channels, self._measures, self._link, self._up = channels, measures, link, up
        self._incarnation = db.identity().incarnation
        self._floor: FloorView | None = None
        self._expected = ExpectedDesk(lambda: now.facts)
        self._backlog: tuple[int, LinkView] | None = None
        self.is_ready = False
        self.detail = "starting"
        self.demo_link: MqttLink | None = None
        self.floor_desk = FloorFile(Path(settings.store.books), clock.now_ms)
        folders = Path(settings.store.books), Path(settings.store.data)
        self.survey_desk = Surveyor(*folders, clock, roster.token, lambda: now.facts)

    # --- doing

    async def ask(self, entity: Key, given: Input, operation: str, payload: object) -> Verdict:
        """One input for one entity; see `Door.ask`."""
        if not self.is_ready:
            raise NotNow("The store is starting. Nothing was charged. Send it again.")
        cause = Cause(self._clock.now_us(), operation=operation or f"{entity}:{type(given).__name__}")
        verdict = await self._engine.ask(entity, given, operation, payload, cause)
        if type(given) is ConsentChanged:
            await self._consented(AccountId(ident_of(entity)))
        return msgspec.structs.replace(verdict, incarnation=self._incarnation)

    async def enrol(self, device: str, request: EnrolRequest) -> Enrolled:
        """Makes a device known. Whoever is in the store already hears of it at once."""
        check_enrolment(request)
        row = self._enrolled(device, request)
        rows = (row, *keyed_rows(self._roster, row, request, self._clock.now_ms()))
        try:
            await self._engine.record(Beside(enrolled=rows))
        except CommitFailed as error:
            raise NotNow(f"Not enrolled: {error.reason}. Send it again.") from None
        self._roster.add(rows)
        shopper = key("shopper", row.subject)
        if shopper in self._now.shoppers:
            await self.ask(shopper, identified(row), "", row.subject)
        return row

    def _enrolled(self, device: str, request: EnrolRequest) -> Enrolled:
        """The roster's row. What a further device of a known member leaves out is as the member has it."""
        row = Enrolled(
            token=self._roster.token(device),
            subject=request.subject,
            account=request.account,
            name=request.name,
            member=bool(request.account),
            tier=request.tier,
            consent=request.consent,
        )
        known = self._roster.resolve(request.account) if request.account else None
        if known is None or known.account != request.account:
            return row
        return replace(
            row,
            name=request.name or known.name,
            tier=known.tier if request.tier == "base" else request.tier,
            consent=request.consent or known.consent,
            segments=known.segments,
        )

    async def _consented(self, account: AccountId) -> None:
        """The roster follows, and so does the visit: its next decision must not use the consent of before.

        What the account allows now counts, not what was sent: a repeat may be older than that.
        """
        consent = self.consent(account)
        rows = self._roster.rows_of(account)
        changed = tuple(replace(one, consent=consent) for one in rows if set(one.consent) != set(consent))
        if not changed:
            return
        try:
            await self._engine.record(Beside(enrolled=changed))
        except CommitFailed as error:
            raise NotNow(f"Your choice stands, the roster does not follow yet: {error.reason}.") from None
        self._roster.add(changed)
        for one in {one.subject: one for one in changed}.values():
            if (shopper := key("shopper", one.subject)) in self._now.shoppers:
                await self.ask(shopper, identified(one), "", consent)

    async def explain(self, seq: int) -> Explained | None:
        """Replays the turn from its entity's last load."""
        views = self._db.decisions_of(seq)
        if not views:
            return None
        rows = self._db.turns_of_entity_from_load(seq)
        if not rows or rows[-1].seq != seq:
            return None
        began_ns = perf_counter_ns()
        found = await asyncio.to_thread(replay, rows, self._db.facts_history(), frozenset((seq,)))
        whole = found.decisions.get(seq) or [views[0].decision]
        return Explained(
            view=msgspec.structs.replace(views[0], decision=whole[0]),
            digest=rows[-1].digest.hex(),
            same=not any(one.seq == seq for one in found.differences),
            facts_version=rows[-1].facts_version,
            replayed_us=(perf_counter_ns() - began_ns) // 1_000,
        )

    # --- looking

    def now_ms(self) -> int:
        """The store's clock."""
        return self._clock.now_ms()

    def resolve(self, card: str) -> Enrolled | None:
        """Who carries a card or a device, or owns an account of this id."""
        return self._roster.resolve(card)

    def unknown_account(self, card: str) -> AccountId:
        """Under its token: the card itself is kept nowhere, and head office knows whose it is."""
        return AccountId(f"card-{self._roster.token(card).hex()[:16]}")

    def health(self) -> Health:
        """Whether a till is served."""
        return Health(
            ready=self.is_ready,
            store=self._settings.store.id,
            incarnation=self._incarnation,
            seq=self._now.seq,
            link=self._link_view().state,
            detail=self.detail,
        )

    def store(self) -> StoreNow:
        """Who we are, and how the line to head office is."""
        store = self._settings.store
        view = StoreView(
            store.id,
            store.name,
            CURRENCY,
            self._clock.minutes_east(self._clock.now_ms()),
            self._settings.http.demo,
            self._settings.http.may_edit,
        )
        return StoreNow(view, self._link_view())

    def floor(self) -> FloorView:
        """The floor and the books that the pages draw from."""
        if self._floor is None or self._floor.version != self._now.floor_version:
            view = floor_view(self._now.facts)
            self._floor = msgspec.structs.replace(view, version=self._now.floor_version)
        return self._floor

    async def expected(self) -> ExpectedView | None:
        """How well the radio tells places apart; None where there is no radio map."""
        return await self._expected.look()

    def console(self) -> ConsoleSnapshot:
        """The store as it is now."""
        about = self.store()
        now_ms = self._clock.now_ms()
        self._now.turn_to(self._clock.local(now_ms).day)
        return snapshot(
            self._now,
            now_ms,
            self._incarnation,
            about.store,
            about.link,
            self._measures,
            self._hearing,
            self._engine.seats,
            self._cells.places(),
            self._troubles(),
        )

    def wallet(self, account: AccountId) -> Wallet | None:
        """What this account's phone shows now."""
        entity = key("account", account)
        load = self._db.load(entity)
        if load is None:
            return None
        seq, cause = self._db.last_cause(entity) or (0, Cause(0))
        return accounts.wallet(accounts.decode(load.state), load.version, cause, seq)

    def consent(self, account: AccountId) -> tuple[str, ...]:
        """The purposes that the account allows now."""
        load = self._db.load(key("account", account))
        return () if load is None else accounts.decode(load.state).consent

    def receipts(self, account: AccountId, limit: int) -> tuple[SaleView, ...]:
        """The account's sales in this store, newest first."""
        products = self._now.facts.products
        return tuple(
            SaleView(
                sale=sale.sale,
                till=sale.till,
                total_minor=sale.total_minor,
                currency=sale.currency,
                points=sale.points,
                closed_at_ms=sale.at_ms,
                lines=tuple(
                    SaleLineView(products[sku].name if sku in products else sku, quantity, price, discount)
                    for sku, quantity, price, discount in sale.lines
                ),
            )
            for sale in self._db.sales_of(account, limit)
        )

    def screen(self, sign: str) -> ScreenCommand | None:
        """What this screen shows now."""
        shown = self._now.screens.get(sign)
        return None if shown is None else shown.command

    def screen_heard(self, sign: str, version: int) -> None:
        """A heartbeat of a screen."""
        if (shown := self._now.screens.get(sign)) is not None:
            shown.heard_ms = self._clock.now_ms()

    def decisions(self, *, limit: int, before_seq: int | None, offer: str) -> tuple[DecisionView, ...]:
        """Decisions, newest first."""
        if offer:
            return tuple(self._db.decisions_for(offer)[:limit])
        before = None if before_seq is None else max(0, min(before_seq, SEQ_MAX))
        return tuple(self._db.decisions(limit, before))

    def subscribe(self, *channels: str) -> Subscription:
        """Listens to channels."""
        return self._channels.subscribe(*channels)

    # --- the demo's own doors

    async def set_wan(self, up: bool) -> None:
        """Cuts or mends the line to head office."""
        if self._link is None:
            raise Nonsense("This store stands alone: it has no line to cut. Set [kafka] bootstrap.")
        await (self._link.heal() if up else self._link.cut())
        self._backlog = None

    async def kill_ray(self) -> None:
        """SIGKILL to every process of our own Ray."""
        self._cells.kill_ray()

    async def walk(self, subject: str, x: float, y: float) -> None:
        """Asks the world to lead a shopper there; the sightings come as all others do."""
        plan = self._now.facts.plan
        if plan is None or not (0 <= x <= plan.width_m and 0 <= y <= plan.height_m):
            raise Nonsense("That point is not on the floor. Give x and y in metres on the plan.")
        if not math.isfinite(x + y):
            raise Nonsense("x and y are finite numbers of metres.")
        self._demand(topics.demo_walk(self._settings.store.id, subject), {"x": x, "y": y})

    async def take_from_shelf(self, shelf: str, pieces: int) -> None:
        """Asks the world to take goods; the weights come as all others do."""
        if shelf not in self._now.facts.shelves:
            raise Nonsense(f"No shelf '{shelf}' here. Shelves are listed in floor.yaml.")
        self._demand(topics.demo_take(self._settings.store.id, shelf), {"pieces": pieces})

    def _demand(self, topic: str, body: dict[str, float]) -> None:
        if self.demo_link is None or not self.demo_link.publish(topic, to_json(body)):
            raise NotNow("The broker is out of reach. Try again.")

    # --- what is behind it

    def _link_view(self) -> LinkView:
        if self._link is None or self._up is None:
            return LinkView("alone", 0, sum(self._db.backlog().values()) if self.is_ready else 0)
        now_ms = self._clock.now_ms()
        if self._backlog is None or now_ms - self._backlog[0] > BACKLOG_LOOK_MS:
            state = self._up.state()
            view = LinkView(state.state, state.since_ms, state.backlog, state.eta_s, state.last_rtt_ms)
            self._backlog = (now_ms, view)
        return self._backlog[1]

    def _troubles(self) -> tuple[NeedsView, ...]:
        """What is wrong with the engine itself."""
        troubles = []
        if self._db.ballast_released:
            troubles.append(
                NeedsView(
                    "disk_full", "The disk is full", "Free space; the ballast was released.", "", urgent=True
                )
            )
        if self._db.damage:
            troubles.append(
                NeedsView(
                    "database", "The database is damaged", "Restore a backup: " + self._db.damage, "", True
                )
            )
        for parked in self._db.parked(3):
            troubles.append(
                NeedsView(
                    "parked",
                    f"An input of {parked.given.key} is parked",
                    f"endcap-store explain --parked {parked.reference}",
                    str(parked.reference),
                )
            )
        return tuple(troubles)
