"""A store that follows a script: the web's door over the example store's books, in memory.

Decisions are made by the real campaigns; people, goods, the link and the cells follow the script. It keeps the
contract of `Door` (operation ids, newest-wins channels), so that the pages and the web can be tested alone, and
has setters for what a page must be able to show: `cut`, `mend`, `fail_next`, `silent`.
"""

import asyncio
import functools
import math
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from actors.campaigns.conditions import Context
from actors.campaigns.decide import decide
from edge.clock import WallClock
from edge.ports import Enrolled
from edge.roster import token_of
from edge.survey.desk import Surveyor
from edge.web.channels import Channels, Subscription
from edge.web.floor_views import ExpectedView
from edge.web.ports import CONSOLE, STORE, phone_channel, screen_channel
from edge.web.views import (
    ConsoleSnapshot,
    Explained,
    FloorView,
    Health,
    LinkView,
    SaleLineView,
    SaleView,
    StoreNow,
    StoreView,
)
from protocols.api import (
    DecisionView,
    EnrolRequest,
    OfferView,
    SaleReceipt,
    ScreenCommand,
    ScreenFields,
    Wallet,
)
from protocols.codec import payload_hash, to_json
from protocols.decisions import Decision
from protocols.errors import EndcapError, Mismatch, Verdict
from protocols.facts import Campaign, StockLine
from protocols.ids import AccountId, CampaignId, Key, OfferId, ZoneId, ident_of, key, kind_of
from protocols.inputs import BasketChanged, Cause, ConsentChanged, Input, Local, Restocked, SaleClosed
from tests.browser.scripted_books import ScriptedDesk, example_books
from tests.browser.scripted_views import snapshot

STEP_S = 1.0  # one sighting a second and person
SPEED_M_S = 0.8
SLOT_MS = 10_000
NOON = Local("2026-11-24", 872, 1)  # Tuesday, 14:32


@dataclass
class Person:
    """One scripted visit."""

    subject: str
    name: str
    account: str
    member: bool
    tier: str
    x: float
    y: float
    zone: str
    to: tuple[float, float]
    since_ms: int
    segments: tuple[str, ...] = ()
    zones: list[ZoneId] = field(default_factory=list)
    counts: dict[CampaignId, int] = field(default_factory=dict)


@dataclass
class Account:
    """One scripted wallet."""

    account: str
    name: str
    member: bool
    tier: str
    points: int | None
    version: int = 1
    offers: list[OfferView] = field(default_factory=list)
    sales: list[SaleView] = field(default_factory=list)
    consent: tuple[str, ...] = ("location", "offers")


class ScriptedDoor:
    """The scripted store. `run()` moves it in real time; a test may also call `step()` by hand."""

    def __init__(self, seed: int = 7, demo: bool = True, people: int = 28, edit: bool = True) -> None:
        self.random = random.Random(seed)
        self.facts, self.the_floor, self._members = example_books()
        self._demo, self._edit = demo, edit
        self._home = tempfile.TemporaryDirectory(prefix="endcap-scripted-")
        self.floor_desk = ScriptedDesk(Path(self._home.name), self.now_ms, self.reread)
        home, token = Path(self._home.name), functools.partial(token_of, b"scripted")
        self.survey_desk = Surveyor(home, home, WallClock("UTC", 4), token, lambda: self.facts)
        self.expects: ExpectedView | None = None
        self.channels = Channels()
        self.seq = 48_180
        self.asked: list[tuple[Key, Input, str]] = []
        self.walked: list[tuple[str, float, float]] = []
        self.fail_next: EndcapError | None = None
        self.silent = False
        self.ray = True
        self.link = LinkView("up", self.now_ms() - 3_600_000, 0, 0.0, 38.0)
        self.sales_today, self.sold_minor = 211, 641_820
        self.people: dict[str, Person] = {}
        self.made: list[DecisionView] = []
        self.heard: dict[str, int] = {}
        self._verdicts: dict[str, tuple[bytes, Verdict]] = {}
        self._whole: dict[int, Decision] = {}
        self.accounts: dict[str, Account] = {}
        for shelf, place in self.the_floor.shelves.items():
            self._stock(shelf, int(place.capacity * self.random.uniform(0.45, 1)))
        self._stock("dairy-1", 6)
        self._stock("breakfast-1", 0)
        self.screens: dict[str, tuple[str, str, int, int]] = {
            sign: (place.playlist[0], "", 1, self.now_ms()) for sign, place in self.the_floor.signs.items()
        }
        for member in self._members[:people]:
            self._enter(
                member.subject, member.name, member.account, member.tier, member.points, member.segments
            )
        for person in list(self.people.values())[1:9]:
            self._decide(person)
        self._decide(self.people["ana"])

    # --- the script

    def _enter(
        self, subject: str, name: str, account: str, tier: str, points: int | None, segments: tuple[str, ...]
    ) -> None:
        zone = "coffee" if subject == "ana" else self.random.choice(list(self.the_floor.zones))
        x, y = self._within(zone)
        held = account or f"subject-{subject}"
        self.accounts[held] = Account(held, name, bool(account), tier, points if account else None)
        since = self.now_ms() - self.random.randrange(60_000, 1_500_000)
        self.people[subject] = Person(
            subject,
            name,
            held,
            bool(account),
            tier,
            x,
            y,
            zone,
            self._within(zone),
            since,
            segments,
            [ZoneId(zone)],
        )

    def _within(self, zone: str) -> tuple[float, float]:
        polygon = self.the_floor.zones[zone].polygon
        xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
        x = self.random.uniform(min(xs) + 0.4, max(xs) - 0.4)
        return x, self.random.uniform(min(ys) + 1.4, max(ys) - 0.4)

    def step(self) -> None:
        """One second of the script."""
        for person in self.people.values():
            self._walk_on(person)
        if self.link.state == "cut":
            self.link = msgspec.structs.replace(self.link, backlog=self.link.backlog + 7)
        elif self.link.backlog:
            left = max(0, self.link.backlog - 400)
            state: LinkView = msgspec.structs.replace(self.link, backlog=left, eta_s=left / 3000)
            self.link = state if left else msgspec.structs.replace(state, state="up")
            self.channels.publish(STORE, to_json(self.store()))
        for sign, (creative, _, version, since) in list(self.screens.items()):
            if self.now_ms() - since > SLOT_MS:
                plays = self.the_floor.signs[sign].playlist
                place = plays.index(creative) if creative in plays else -1
                self._show(sign, plays[(place + 1) % len(plays)], "", version + 1)
        self.publish()

    async def run(self) -> None:
        """Steps until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(STEP_S)

    def publish(self) -> None:
        """Tells the console, unless the script has the engine stand still."""
        if not self.silent:
            self.channels.publish(CONSOLE, to_json(self.console()))

    def _walk_on(self, person: Person) -> None:
        dx, dy = person.to[0] - person.x, person.to[1] - person.y
        far = math.hypot(dx, dy)
        if far > 0.1:
            step = min(SPEED_M_S, far)
            person.x += dx / far * step + self.random.uniform(-0.06, 0.06)
            person.y += dy / far * step + self.random.uniform(-0.06, 0.06)
        elif self.random.random() < 0.25:
            away = self.random.random() < 0.2 and person.subject != "ana"
            person.to = self._within(self.random.choice(list(self.the_floor.zones)) if away else person.zone)
        zone = self.zone_at(person.x, person.y)
        if zone not in ("unknown", person.zone):
            person.zone = zone
            person.zones.append(ZoneId(zone))
            self._decide(person)

    def _show(self, sign: str, creative: str, campaign: str, version: int) -> None:
        self.screens[sign] = (creative, campaign, version, self.now_ms())
        self.channels.publish(screen_channel(sign), to_json(self.screen(sign)))

    def _stock(self, shelf: str, pieces: int) -> None:
        place = self.the_floor.shelves[shelf]
        self.facts.stock[shelf] = StockLine(
            place.sku, pieces, "out" if pieces == 0 else "low" if pieces <= place.low_at else "ok", 96
        )

    def _decide(self, person: Person) -> None:
        account = self.accounts[person.account]
        context = Context(
            key=key("shopper", person.subject), local=NOON, visit=f"v-{person.subject}",
            subject_name=person.name, zone=ZoneId(person.zone), visit_minutes=6, zones_visited=tuple(person.zones),
            visits_zone_count=1, member=person.member, tier=person.tier, segments=person.segments,
            consent=account.consent, points_balance=account.points, counts=person.counts,
        )  # fmt: skip
        self.facts.explained = []
        decided = decide("zone_entered", context, self.facts)
        self.seq += self.random.randrange(3, 9)
        now = self.now_ms()
        cause = Cause(arrived_us=now * 1000, scanner=person.zone, subject=person.subject)
        self.made.insert(
            0, DecisionView(self.seq, now, self.random.randrange(900, 3400), decided.decision, cause)
        )
        self._whole[self.seq] = self.facts.explained[0]
        for offer, campaign in zip(decided.decision.offers, _for_people(decided.winners), strict=True):
            self._issue(person, offer, campaign)
        for campaign in decided.winners:
            person.counts[campaign.id] = person.counts.get(campaign.id, 0) + 1
            for grant in campaign.grants:
                for sign, place in self.the_floor.signs.items():
                    if grant.kind == "creative" and ZoneId(person.zone) in place.zones:
                        self._show(sign, grant.creative, campaign.id, self.screens[sign][2] + 1)

    def _issue(self, person: Person, offer: OfferId, campaign: Campaign) -> None:
        account = self.accounts[person.account]
        grants = tuple(grant for grant in campaign.grants if grant.kind != "creative")
        now = self.now_ms()
        until = now + campaign.lasts_s * 1000
        view = OfferView(
            offer, campaign.id, "issued", grants, person.zone, now, until, "In the aisle you are in."
        )
        account.offers.insert(0, view)
        self._notify(account)

    def _notify(self, account: Account) -> None:
        account.version += 1
        self.channels.publish(
            phone_channel(account.account), to_json(self.wallet(AccountId(account.account)))
        )

    # --- setters for what a page must be able to show

    def cut(self, since_s: int = 190, backlog: int = 1284) -> None:
        """The WAN is cut, and has been for a while."""
        self.link = LinkView("cut", self.now_ms() - since_s * 1000, backlog, 0.4, None)
        self.channels.publish(STORE, to_json(self.store()))
        self.publish()

    def mend(self) -> None:
        """The WAN is back, with a backlog to drain."""
        left = self.link.backlog
        self.link = LinkView("catching_up" if left else "up", self.now_ms(), left, left / 3000, 38.0)
        self.channels.publish(STORE, to_json(self.store()))
        self.publish()

    def forget_everybody(self) -> None:
        """The store as it opens: nobody in it, nothing decided."""
        self.people.clear()
        self.made.clear()
        self.publish()

    def reread(self) -> None:
        """The store's files changed: a new version of the floor. Stock stays, as it is the store's own."""
        stock = self.facts.stock
        version = self.the_floor.version + 1
        self.facts, self.the_floor, self._members = example_books(self.floor_desk.folder, version)
        self.facts.stock = {shelf: line for shelf, line in stock.items() if shelf in self.the_floor.shelves}
        self.publish()

    # --- the door

    async def ask(self, key_: Key, given: Input, operation: str, payload: object) -> Verdict:
        if self.fail_next is not None:
            failing, self.fail_next = self.fail_next, None
            raise failing
        wanted = payload_hash(payload)
        if operation and operation in self._verdicts:
            stands, verdict = self._verdicts[operation]
            if stands != wanted:
                raise Mismatch(f"The operation '{operation}' stands for another request. Use a new id.")
            return msgspec.structs.replace(verdict, replayed=True)
        self.asked.append((key_, given, operation))
        self.seq += 1
        verdict = Verdict(
            "done", msgspec.Raw(to_json(self._take(key_, given, operation))), False, "inc-1", self.seq
        )
        if operation:
            self._verdicts[operation] = (wanted, verdict)
        self.publish()
        return verdict

    def _take(self, key_: Key, given: Input, operation: str) -> object:
        if isinstance(given, SaleClosed):
            return self._sell(ident_of(key_), given, operation)
        if isinstance(given, ConsentChanged):
            account = self.accounts[ident_of(key_)]
            account.consent = given.consent
            self._notify(account)
        if isinstance(given, Restocked):
            self._stock(ident_of(key_), given.pieces)
        assert not isinstance(given, BasketChanged) or kind_of(key_) == "shopper"
        return None

    def _sell(self, ident: str, sale: SaleClosed, operation: str) -> SaleReceipt:
        account = self.accounts.get(ident)
        points = sale.total_minor // 50 if account and account.member else 0
        self.sales_today += 1
        self.sold_minor += sale.total_minor
        if account is not None:
            account.points = account.points + points if account.points is not None else None
            lines = tuple(
                SaleLineView(one.name or one.sku, one.quantity, one.price_minor, one.discount_minor)
                for one in sale.lines
            )
            view = SaleView(sale.sale, sale.till, sale.total_minor, "EUR", points, self.now_ms(), lines)
            account.sales.insert(0, view)
            self._notify(account)
        balance = account.points if account else None
        return SaleReceipt(operation, sale.sale, ident, sale.total_minor, points, balance)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def unknown_account(self, card: str) -> AccountId:
        return AccountId(f"card-{payload_hash(card).hex()[:16]}")

    def resolve(self, card: str) -> Enrolled | None:
        for one in self._members:
            if card in (one.account, one.subject, *one.devices, *one.cards):
                return Enrolled(b"", one.subject, one.account, one.name, bool(one.account), one.tier)
        return None

    async def enrol(self, device: str, request: EnrolRequest) -> Enrolled:
        member = bool(request.account)
        return Enrolled(device.encode(), request.subject, request.account, request.name, member, request.tier)

    def health(self) -> Health:
        return Health(True, "014", "inc-1", self.seq, self.link.state)

    def store(self) -> StoreNow:
        return StoreNow(StoreView("014", "Harbour Street", "EUR", 0, self._demo, self._edit), self.link)

    def floor(self) -> FloorView:
        return self.the_floor

    async def expected(self) -> ExpectedView | None:
        return self.expects

    def wallet(self, account: AccountId) -> Wallet | None:
        held = self.accounts.get(account)
        if held is None:
            return None
        as_of = self.link.since_ms if self.link.state == "cut" else self.now_ms()
        return Wallet(
            held.account, held.name, held.member, held.tier, held.version, held.points, as_of,
            tuple(held.offers), Cause(arrived_us=self.now_ms() * 1000, scanner="coffee"),
        )  # fmt: skip

    def consent(self, account: AccountId) -> tuple[str, ...]:
        return self.accounts[account].consent

    def receipts(self, account: AccountId, limit: int) -> tuple[SaleView, ...]:
        return tuple(self.accounts[account].sales[:limit])

    def screen(self, sign: str) -> ScreenCommand | None:
        if sign not in self.screens:
            return None
        creative, campaign, version, since = self.screens[sign]
        cause = Cause(arrived_us=since * 1000, scanner="coffee")
        until = since + SLOT_MS
        return ScreenCommand(
            sign, version, creative, campaign, until, self._fields(creative, campaign), cause, self.seq
        )

    def _fields(self, creative: str, campaign: str) -> ScreenFields:
        plays = self.the_floor.creatives[creative]
        product = self.the_floor.products.get(plays.sku)
        price = product.price_minor - (60 if campaign == "coffee-break" else 0) if product else None
        stock = [line.pieces for line in self.facts.stock.values() if line.sku == plays.sku]
        return ScreenFields(
            plays.template, plays.title, plays.eyebrow, plays.line, price, plays.was_minor or None,
            product.unit if product else "", sum(stock) if stock else None,
            plays.picture or (product.picture if product else ""), plays.theme,
        )  # fmt: skip

    def screen_heard(self, sign: str, version: int) -> None:
        self.heard[sign] = self.now_ms()

    def decisions(self, *, limit: int, before_seq: int | None, offer: str) -> tuple[DecisionView, ...]:
        found = [
            one
            for one in self.made
            if (before_seq is None or one.seq < before_seq) and (not offer or offer in one.decision.offers)
        ]
        return tuple(found[:limit])

    async def explain(self, seq: int) -> Explained | None:
        for view in self.made:
            if view.seq == seq:
                whole = msgspec.structs.replace(view, decision=self._whole[seq])
                return Explained(whole, "3f9a1c0b77d2e415", True, 812, 640)
        return None

    def subscribe(self, *channels: str) -> Subscription:
        return self.channels.subscribe(*channels)

    async def set_wan(self, up: bool) -> None:
        if up:
            self.mend()
        else:
            self.cut(since_s=0, backlog=0)

    async def kill_ray(self) -> None:
        self.ray = False
        self.publish()

    async def walk(self, subject: str, x: float, y: float) -> None:
        self.walked.append((subject, x, y))
        person = self.people[subject]
        person.x, person.y, person.to = x, y, (x, y)
        self._walk_on(person)
        self.publish()

    async def take_from_shelf(self, shelf: str, pieces: int) -> None:
        self._stock(shelf, max(0, self.facts.stock[shelf].pieces - pieces))
        self.publish()

    def console(self) -> ConsoleSnapshot:
        return snapshot(self)

    def zone_at(self, x: float, y: float) -> str:
        """The zone of a point; the example store's zones are boxes."""
        for zone, place in self.the_floor.zones.items():
            xs, ys = [px for px, _ in place.polygon], [py for _, py in place.polygon]
            if min(xs) <= x <= max(xs) and min(ys) <= y <= max(ys):
                return zone
        return "unknown"


def _for_people(winners: tuple[Campaign, ...]) -> list[Campaign]:
    return [one for one in winners if any(grant.kind != "creative" for grant in one.grants)]
