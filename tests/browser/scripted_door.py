"""A store that follows a script: the web's door with people, goods and decisions in memory.

It keeps the contract of `Door` (operation ids, level-triggered channels), so that the pages and the web can be
tested alone, and has setters for the states that a page must be able to show: `cut`, `mend`, `fail_next`,
`silent`.
"""

import asyncio
import math
import random
import time
from dataclasses import dataclass, field

import msgspec

from edge.ports import Enrolled
from edge.web.channels import Channels, Subscription
from edge.web.ports import CONSOLE, STORE, phone_channel, screen_channel
from edge.web.screen import playlist
from edge.web.views import (
    CellView,
    ConsoleSnapshot,
    Explained,
    FloorView,
    Health,
    LatencyView,
    LinkView,
    NeedsView,
    PersonView,
    RatesView,
    RateView,
    SaleLineView,
    SaleView,
    ScreenView,
    ShelfView,
    StageTime,
    StoreNow,
    StoreView,
    TillView,
    ZoneView,
)
from protocols.api import DecisionView, EnrolRequest, OfferView, SaleReceipt, ScreenCommand, Wallet
from protocols.codec import payload_hash, to_json
from protocols.decisions import Checked, Considered, Decision, Grant
from protocols.errors import EndcapError, Mismatch, Verdict
from protocols.ids import AccountId, CampaignId, Key, OfferId, ident_of, key, kind_of
from protocols.inputs import BasketChanged, Cause, ConsentChanged, Input, Restocked, SaleClosed
from protocols.money import line_total_minor
from tests.browser.scripted_books import FLOOR, PRODUCTS, SHELVES, SIGNS, ZONES

NAMES = ["Ana", "Tomas", "Jonas", "Mei", "Priya", "Sofia", "Luka", "Noor", "Elif", "Marta"]
STEP_S = 1.0  # one sighting a second and person
SPEED_M_S = 0.7


@dataclass
class Person:
    """One scripted visit."""

    subject: str
    name: str
    account: str
    member: bool
    x: float
    y: float
    zone: str
    to: tuple[float, float]
    since_ms: int
    zones_seen: int = 1
    led: bool = False


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
    consent: tuple[str, ...] = ("offers",)


class ScriptedDoor:
    """The scripted store. `run()` moves it in real time; a test may also call `step()` by hand."""

    def __init__(self, seed: int = 7, demo: bool = True, people: int = 26) -> None:
        self._random = random.Random(seed)
        self._demo = demo
        self.channels = Channels()
        self.seq = 48_180
        self.asked: list[tuple[Key, Input, str]] = []
        self.walked: list[tuple[str, float, float]] = []
        self.fail_next: EndcapError | None = None
        self.silent = False
        self._verdicts: dict[str, tuple[bytes, Verdict]] = {}
        self._link = LinkView("up", self.now_ms() - 3_600_000, 0, 0.0, 38.0)
        self._ray = True
        self._pieces = {
            shelf: int(place.capacity * self._random.uniform(0.35, 0.95)) for shelf, place in SHELVES.items()
        }
        self._pieces.update({"dairy-2": 6, "breakfast-1": 0})
        self._accounts: dict[str, Account] = {}
        self._people: dict[str, Person] = {}
        self._decisions: list[DecisionView] = []
        self._screens: dict[str, tuple[str, str, int, int]] = {
            sign: (place.playlist[0], "", 1, self.now_ms()) for sign, place in SIGNS.items()
        }
        self._heard: dict[str, int] = {}
        self._sales_today = 211
        self._sold_minor = 641_820
        for n in range(people):
            self._enter(n)
        for person in list(self._people.values())[:8]:
            self._decide(person)
        self._decide(self._people["s-ana"], "coffee")

    # --- the script

    def _enter(self, n: int) -> None:
        member = n < len(NAMES)
        subject = f"s-{NAMES[n].lower()}" if member else f"s-tag-{n}"
        zone = "coffee" if n == 0 else self._random.choice(list(ZONES))
        x, y = self._within(zone)
        account = f"A-{1001 + n}" if member else f"subject-{subject}"
        name = NAMES[n] if member else ""
        tier = "silver" if n % 3 == 0 else "base"
        self._accounts[account] = Account(account, name, member, tier, 1240 + 17 * n if member else None)
        since = self.now_ms() - self._random.randrange(60_000, 1_500_000)
        self._people[subject] = Person(
            subject,
            name,
            account,
            member,
            x,
            y,
            zone,
            self._within(zone),
            since,
            self._random.randrange(1, 6),
        )

    def _within(self, zone: str) -> tuple[float, float]:
        xs = [x for x, _ in ZONES[zone].polygon]
        ys = [y for _, y in ZONES[zone].polygon]
        return self._random.uniform(min(xs) + 0.5, max(xs) - 0.5), self._random.uniform(
            min(ys) + 1.5, max(ys) - 0.4
        )

    def step(self) -> None:
        """One second of the script."""
        for person in self._people.values():
            self._walk_on(person)
        if self._link.state == "cut":
            self._link = msgspec.structs.replace(self._link, backlog=self._link.backlog + 7)
        elif self._link.backlog:
            left = max(0, self._link.backlog - 400)
            self._link = msgspec.structs.replace(
                self._link, backlog=left, state="catching_up" if left else "up", eta_s=left / 3000
            )
            self.channels.publish(STORE, to_json(self.store()))
        self._rotate()
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
        step = min(SPEED_M_S, far)
        if far > 0.1:
            person.x += dx / far * step + self._random.uniform(-0.06, 0.06)
            person.y += dy / far * step + self._random.uniform(-0.06, 0.06)
        elif self._random.random() < 0.25:
            person.led = False
            away = self._random.random() < 0.2 and person.subject != "s-ana"
            person.to = self._within(self._random.choice(list(ZONES)) if away else person.zone)
        zone = zone_at(person.x, person.y)
        if zone not in ("unknown", person.zone):
            person.zone = zone
            person.zones_seen += 1
            self._decide(person)

    def _rotate(self) -> None:
        for sign, (creative, _, version, since) in list(self._screens.items()):
            if self.now_ms() - since > 15_000:
                plays = SIGNS[sign].playlist
                self._show(sign, plays[(plays.index(creative) + 1) % len(plays)], "", version + 1)

    def _show(self, sign: str, creative: str, campaign: str, version: int) -> None:
        self._screens[sign] = (creative, campaign, version, self.now_ms())
        self.channels.publish(screen_channel(sign), to_json(self.screen(sign)))

    def _decide(self, person: Person, zone: str = "") -> None:
        zone = zone or person.zone
        self.seq += self._random.randrange(3, 9)
        won = zone in ("coffee", "bakery") and person.member
        campaign = "coffee-break" if zone == "coffee" else "baked"
        offer = OfferId(f"v-{person.subject}.{campaign}.{self.seq}")
        say = FLOOR.campaigns[campaign]
        decision = Decision(
            trigger="zone_entered",
            key=key("shopper", person.subject),
            subject_name=person.name,
            where=ZONES[zone].name,
            winners=(CampaignId(campaign),) if won else (),
            offers=(offer,) if won else (),
            summary=f"{say} issued" if won else "nothing fits",
            nearest_miss=_considered()[0],
            considered_count=7,
            could_not_fire=93,
        )
        now = self.now_ms()
        cause = Cause(arrived_us=now * 1000, scanner="gw-3", subject=person.subject)
        took_us = self._random.randrange(900, 3400)
        self._decisions.insert(0, DecisionView(self.seq, now, took_us, decision, cause))
        del self._decisions[200:]
        if won:
            self._issue(person, campaign, offer, zone)

    def _issue(self, person: Person, campaign: str, offer: OfferId, zone: str) -> None:
        account = self._accounts[person.account]
        grants: tuple[Grant, ...] = (
            Grant(kind="points", points=30, title="30 points with a loaf", sku="loaf-800"),
        )
        if campaign == "coffee-break":
            grants = (Grant(kind="offer", title="Ground coffee 250 g", sku="coffee-250", discount_minor=60),)
            version = self._screens["coffee"][2]
            self._show("coffee", "coffee-break", campaign, version + 1)
        account.offers = [one for one in account.offers if one.campaign != campaign]
        now = self.now_ms()
        account.offers.insert(
            0,
            OfferView(
                offer, campaign, "issued", grants, zone, now, now + 1_800_000, "In the aisle you are in."
            ),
        )
        self._notify(account)

    def _notify(self, account: Account) -> None:
        account.version += 1
        self.channels.publish(
            phone_channel(account.account), to_json(self.wallet(AccountId(account.account)))
        )

    # --- setters for what a page must be able to show

    def cut(self, since_s: int = 190, backlog: int = 1284) -> None:
        """The WAN is cut, and has been for a while."""
        self._link = LinkView("cut", self.now_ms() - since_s * 1000, backlog, 0.4, None)
        self.channels.publish(STORE, to_json(self.store()))
        self.publish()

    def mend(self) -> None:
        """The WAN is back, with a backlog to drain."""
        left = self._link.backlog
        self._link = LinkView("catching_up" if left else "up", self.now_ms(), left, left / 3000, 38.0)
        self.channels.publish(STORE, to_json(self.store()))
        self.publish()

    def issue_offers(self) -> None:
        """Ana holds a coffee offer and points on a loaf."""
        ana = self._people["s-ana"]
        self._decide(ana, "bakery")
        self._decide(ana, "coffee")
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
        body = self._take(key_, given, operation)
        verdict = Verdict("done", msgspec.Raw(to_json(body)), False, "inc-1", self.seq)
        if operation:
            self._verdicts[operation] = (wanted, verdict)
        self.publish()
        return verdict

    def _take(self, key_: Key, given: Input, operation: str) -> object:
        if isinstance(given, SaleClosed):
            return self._sell(ident_of(key_), given, operation)
        if isinstance(given, ConsentChanged):
            account = self._accounts[ident_of(key_)]
            account.consent = given.consent
            self._notify(account)
        if isinstance(given, Restocked):
            self._pieces[ident_of(key_)] = given.pieces
        assert not isinstance(given, BasketChanged) or kind_of(key_) == "shopper"
        return None

    def _sell(self, ident: str, sale: SaleClosed, operation: str) -> SaleReceipt:
        account = self._accounts.get(ident)
        points = sale.total_minor // 50 if account and account.member else 0
        self._sales_today += 1
        self._sold_minor += sale.total_minor
        if account is not None:
            account.points = account.points + points if account.points is not None else None
            lines = tuple(
                SaleLineView(one.name or one.sku, one.quantity, one.price_minor, one.discount_minor)
                for one in sale.lines
            )
            account.sales.insert(
                0,
                SaleView(sale.sale, sale.till, sale.total_minor, "EUR", points, self.now_ms(), lines),
            )
            self._notify(account)
        balance = account.points if account else None
        return SaleReceipt(operation, sale.sale, ident, sale.total_minor, points, balance)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def resolve(self, card: str) -> Enrolled | None:
        for person in self._people.values():
            if card in (person.account, person.subject):
                account = person.account if person.member else ""
                return Enrolled(b"", person.subject, account, person.name, person.member, "silver")
        return None

    async def enrol(self, device: str, request: EnrolRequest) -> Enrolled:
        return Enrolled(
            device.encode(),
            request.subject,
            request.account,
            request.name,
            bool(request.account),
            request.tier,
        )

    def health(self) -> Health:
        return Health(True, "014", "inc-1", self.seq, self._link.state)

    def store(self) -> StoreNow:
        return StoreNow(StoreView("014", "Harbour Street", "EUR", 0, self._demo), self._link)

    def floor(self) -> FloorView:
        return FLOOR

    def wallet(self, account: AccountId) -> Wallet | None:
        held = self._accounts.get(account)
        if held is None:
            return None
        cause = Cause(arrived_us=self.now_ms() * 1000, scanner="gw-3")
        as_of = self._link.since_ms if self._link.state == "cut" else self.now_ms()
        return Wallet(
            held.account,
            held.name,
            held.member,
            held.tier,
            held.version,
            held.points,
            as_of,
            tuple(held.offers),
            cause,
        )

    def consent(self, account: AccountId) -> tuple[str, ...]:
        return self._accounts[account].consent

    def receipts(self, account: AccountId, limit: int) -> tuple[SaleView, ...]:
        return tuple(self._accounts[account].sales[:limit])

    def screen(self, sign: str) -> ScreenCommand | None:
        if sign not in self._screens:
            return None
        creative, campaign, version, since = self._screens[sign]
        plays = playlist(sign, FLOOR, self.store().store).items
        fields = next(one for one in plays if one.title == FLOOR.creatives[creative].title)
        sku = FLOOR.creatives[creative].sku
        if sku:
            on = next((shelf for shelf, place in SHELVES.items() if place.sku == sku), "")
            now = PRODUCTS[sku].price_minor - (60 if sku == "coffee-250" else 0)
            fields = msgspec.structs.replace(fields, stock=self._pieces.get(on), price_minor=now)
        cause = Cause(arrived_us=since * 1000, scanner="gw-3")
        return ScreenCommand(sign, version, creative, campaign, since + 15_000, fields, cause, self.seq)

    def screen_heard(self, sign: str, version: int) -> None:
        self._heard[sign] = self.now_ms()

    def decisions(self, *, limit: int, before_seq: int | None, offer: str) -> tuple[DecisionView, ...]:
        found = [
            one
            for one in self._decisions
            if (before_seq is None or one.seq < before_seq) and (not offer or offer in one.decision.offers)
        ]
        return tuple(found[:limit])

    async def explain(self, seq: int) -> Explained | None:
        for view in self._decisions:
            if view.seq == seq:
                decision = msgspec.structs.replace(view.decision, considered=_all(view.decision))
                whole = msgspec.structs.replace(view, decision=decision)
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
        self._ray = False
        self.publish()
        asyncio.get_running_loop().call_later(4, self._ray_is_back)

    def _ray_is_back(self) -> None:
        self._ray = True
        self.publish()

    async def walk(self, subject: str, x: float, y: float) -> None:
        self.walked.append((subject, x, y))
        person = self._people[subject]
        person.x, person.y, person.to, person.led = x, y, (x, y), True
        self._walk_on(person)
        self.publish()

    async def take_from_shelf(self, shelf: str, pieces: int) -> None:
        self._pieces[shelf] = max(0, self._pieces[shelf] - pieces)
        self.publish()

    def console(self) -> ConsoleSnapshot:
        counts = {zone: [one for one in self._people.values() if one.zone == zone] for zone in ZONES}
        return ConsoleSnapshot(
            incarnation="inc-1",
            seq=self.seq,
            now_ms=self.now_ms(),
            floor_version=FLOOR.version,
            store=self.store().store,
            link=self._link,
            latency=_latency(self._random),
            rates=_rates(self._random),
            visits=len(self._people),
            sales_today_minor=self._sold_minor,
            sales_today=self._sales_today,
            people=tuple(self._person(one) for one in self._people.values()),
            zones=tuple(
                ZoneView(zone, len(inside), sum(p.member for p in inside)) for zone, inside in counts.items()
            ),
            shelves=tuple(self._shelf(shelf) for shelf in SHELVES),
            screens=tuple(self._screen_view(sign) for sign in SIGNS),
            tills=(
                TillView("1", 120, 310_220),
                TillView("2", self._sales_today - 120, self._sold_minor - 310_220),
            ),
            cells=(
                CellView("floor", "ray" if self._ray else "here", 212, "ray"),
                CellView("account", "here", 61, "here"),
            ),
            needs=(
                NeedsView(
                    "shelf_out", "Porridge oats 1 kg is out", "Fill the shelf.", "shelf:breakfast-1", True
                ),
            ),
            decisions=tuple(self._decisions[:40]),
        )

    def _person(self, one: Person) -> PersonView:
        return PersonView(
            one.subject, one.account, one.name, one.member, self._accounts[one.account].tier, one.zone,
            one.since_ms, one.zones_seen, round(one.x, 2), round(one.y, 2), 0.7,
        )  # fmt: skip

    def _shelf(self, shelf: str) -> ShelfView:
        left = self._pieces[shelf]
        return ShelfView(
            shelf, left, "out" if left == 0 else "low" if left <= SHELVES[shelf].low_at else "ok", 96
        )

    def _screen_view(self, sign: str) -> ScreenView:
        command = self.screen(sign)
        assert command is not None
        since = self._screens[sign][3]
        return ScreenView(
            sign, command.creative, command.campaign, command.version, since, command.until_ms,
            command.fields, self._heard.get(sign, 0), command.seq,
        )  # fmt: skip


def zone_at(x: float, y: float) -> str:
    """The zone of a point; the scripted zones are boxes."""
    for zone, place in ZONES.items():
        xs = [px for px, _ in place.polygon]
        ys = [py for _, py in place.polygon]
        if min(xs) <= x <= max(xs) and min(ys) <= y <= max(ys):
            return zone
    return "unknown"


def basket_total(sale: SaleClosed) -> int:
    """What a sale comes to, worked out again."""
    return sum(line_total_minor(one.price_minor, one.quantity) - one.discount_minor for one in sale.lines)


def _considered() -> tuple[Considered, ...]:
    def missed(campaign: str, held: int, of: int, failed: Checked, would: str = "") -> Considered:
        return Considered(CampaignId(campaign), FLOOR.campaigns[campaign], "missed", held, of, failed, would)

    near = Checked("Basket holds a bakery item", "basket.bakery", "at_least", 1, 0, False, 1_000_000)
    return (
        missed("breakfast", 3, 4, near, "120 points"),
        missed(
            "gold",
            1,
            3,
            Checked("Tier is Gold or above", "tier", "in", ("gold", "platinum"), "silver", False),
        ),
        missed(
            "brunch", 0, 2, Checked("It is Saturday or Sunday", "weekday", "in", ("Sat", "Sun"), "Tue", False)
        ),
        missed(
            "decaf", 2, 3, Checked("Shelf holds 6 or more", "stock.pieces", "at_least", 6, 2, False, 666_667)
        ),
    )


def _all(decision: Decision) -> tuple[Considered, ...]:
    won = tuple(Considered(one, FLOOR.campaigns[one], "won", 4, 4, None) for one in decision.winners)
    return won + _considered()


def _latency(chance: random.Random) -> LatencyView:
    typical = (("broker", 200), ("decode", 100), ("cell", 400), ("commit", 300), ("wire", 100))
    slow = (("broker", 500), ("decode", 200), ("cell", 1100), ("commit", 1400), ("wire", 200))
    return LatencyView(
        1100,
        3400,
        tuple(int(chance.gauss(3300, 280)) for _ in range(60)),
        tuple(StageTime(*one) for one in typical),
        tuple(StageTime(*one) for one in slow),
        3900,
    )


def _rates(chance: random.Random) -> RatesView:
    return RatesView(
        RateView(412, tuple(chance.gauss(408, 12) for _ in range(60))),
        RateView(38, tuple(max(0, chance.gauss(37, 5)) for _ in range(60))),
        RateView(3, tuple(float(chance.randrange(1, 6)) for _ in range(60))),
    )
