"""What the pages are told, as typed values: the floor (seldom new), the console (every half second), a why.

Money in minor units, times in ms since 1970, durations in the unit that their name says. A figure that is not
known is None, never its last value.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from protocols.api import DecisionView, ScreenFields
from protocols.facts import Creative, Plan, Product, Scanner, ShelfPlace, SignPlace, TillPlace, Zone

CONSOLE_DECISIONS_MAX = 40
"""Newest decisions in one console message. A page keeps those that it has seen; the table keeps all."""

SPARK_POINTS = 60
"""Points of a sparkline: one a second."""


class StoreView(msgspec.Struct, frozen=True):
    """Who this store is. `minutes_east` is the store's own clock against UTC now. `edit`: pages may change it."""

    id: str
    name: str
    currency: str
    minutes_east: int
    demo: bool
    edit: bool = False


class LinkView(msgspec.Struct, frozen=True):
    """The line to head office. `alone`: none is configured. `stuck`: up, but nothing moved for two minutes.

    `since_ms` is when this state began. `eta_s` is the time to drain the backlog once up, None if nothing is
    known about the rate yet.
    """

    state: Literal["up", "catching_up", "stuck", "cut", "alone"]
    since_ms: int
    backlog: int = 0
    eta_s: float | None = None
    round_trip_ms: float | None = None


class StageTime(msgspec.Struct, frozen=True):
    """One stage of one real turn: `broker`, `decode`, `cell`, `commit` or `wire`."""

    stage: str
    took_us: int


class LatencyView(msgspec.Struct, frozen=True):
    """Sighting to the wire, over the last minute. `typical` and `slow` are two real turns, at p50 and at p99.

    `p99_series_us` has one figure a second, oldest first. `gateway_age_ms` is how old sightings are when they
    reach us: not ours, so told apart.
    """

    p50_us: int | None = None
    p99_us: int | None = None
    p99_series_us: tuple[int, ...] = ()
    typical: tuple[StageTime, ...] = ()
    slow: tuple[StageTime, ...] = ()
    gateway_age_ms: int | None = None


class RateView(msgspec.Struct, frozen=True):
    """A rate over the last minute. `series` has one figure a second (a minute for sales), oldest first."""

    now: float
    series: tuple[float, ...] = ()


class RatesView(msgspec.Struct, frozen=True):
    """What comes in and goes out: a second; sales a minute. `shed` counts sightings dropped on purpose."""

    sightings: RateView
    decisions: RateView
    sales: RateView
    shed: int = 0


class StayView(msgspec.Struct, frozen=True):
    """A stay of a visit in one zone. `left_ms` is None while it lasts."""

    zone: str
    entered_ms: int
    left_ms: int | None = None


class PersonView(msgspec.Struct, frozen=True):
    """One visit. `x`, `y` in metres are None until a position is concluded; `doubt_m` is its radius.

    `account` is the one that holds what the person is offered (a member's, or the subject's own). `journey` has the
    visit's newest stays, oldest first; it is left empty while very many people are inside (`edge.snapshot`).
    """

    subject: str
    account: str
    name: str
    member: bool
    tier: str
    zone: str
    since_ms: int
    zones_seen: int = 0
    x: float | None = None
    y: float | None = None
    doubt_m: float = 0.0
    journey: tuple[StayView, ...] = ()


class ZoneView(msgspec.Struct, frozen=True):
    """People in a zone. `expected`, `low`, `high` and `passers` are those of `protocols.api.OccupancyView`."""

    zone: str
    shoppers: int
    members: int = 0
    expected: float | None = None
    low: int | None = None
    high: int | None = None
    passers: int | None = None


class ShelfView(msgspec.Struct, frozen=True):
    """Goods on a shelf, as weighed. `pieces` is None before the first reading."""

    shelf: str
    pieces: int | None
    state: Literal["ok", "low", "out"]
    p: int = 100


class ScreenView(msgspec.Struct, frozen=True):
    """What a screen plays. `heard_ms` is its last heartbeat, 0 if it never connected. `seq` is the turn."""

    sign: str
    creative: str
    campaign: str
    version: int
    since_ms: int
    until_ms: int
    fields: ScreenFields
    heard_ms: int = 0
    seq: int = 0


class TillView(msgspec.Struct, frozen=True):
    """A till today."""

    till: str
    sales: int = 0
    total_minor: int = 0


class CellView(msgspec.Struct, frozen=True):
    """Where a cell runs: in a Ray actor, or here in the engine's process. `ray` cells are wanted on Ray."""

    cell: str
    place: Literal["ray", "here"]
    entities: int = 0
    wanted: Literal["ray", "here"] = "here"


class NeedsView(msgspec.Struct, frozen=True):
    """Something that a person should look at: what is so, what to do, and the thing's `key`."""

    code: str
    say: str
    do: str = ""
    key: str = ""
    urgent: bool = False


class FloorView(msgspec.Struct, frozen=True):
    """GET /api/v1/floor: what seldom changes. The console's message names the version it needs."""

    version: int
    plan: Plan
    zones: dict[str, Zone]
    scanners: dict[str, Scanner]
    shelves: dict[str, ShelfPlace]
    signs: dict[str, SignPlace]
    tills: dict[str, TillPlace]
    products: dict[str, Product]
    creatives: dict[str, Creative]
    campaigns: dict[str, str]
    """Campaign id to its name."""
    forms: dict[str, str] = {}
    """Fact that a condition may read, to how its values are written: money, minute, seconds, ..."""


class ConsoleSnapshot(msgspec.Struct, frozen=True):
    """GET /api/v1/console and every message of /ws/console: the store as it is now, whole.

    Level-triggered: a newer one replaces it, and nobody misses one that was skipped.
    `(incarnation, seq)` only grows within a life of the database.
    """

    incarnation: str
    seq: int
    now_ms: int
    floor_version: int
    store: StoreView
    link: LinkView
    latency: LatencyView
    rates: RatesView
    visits: int
    sales_today_minor: int
    sales_today: int
    people: tuple[PersonView, ...] = ()
    zones: tuple[ZoneView, ...] = ()
    shelves: tuple[ShelfView, ...] = ()
    screens: tuple[ScreenView, ...] = ()
    tills: tuple[TillView, ...] = ()
    cells: tuple[CellView, ...] = ()
    needs: tuple[NeedsView, ...] = ()
    decisions: tuple[DecisionView, ...] = ()
    """Newest first, at most CONSOLE_DECISIONS_MAX, each short (`considered` is empty)."""


class Explained(msgspec.Struct, frozen=True):
    """GET /api/v1/decisions/<seq>: the turn replayed from the journal, with everything that was considered.

    `digest` is the replay's, `same` says that it equals the journal's. `facts_version` is what the turn saw.
    """

    view: DecisionView
    digest: str
    same: bool
    facts_version: int
    replayed_us: int


class StoreNow(msgspec.Struct, frozen=True):
    """What phones, kiosks and screens are told of the store itself, beside their own message."""

    store: StoreView
    link: LinkView


class SaleView(msgspec.Struct, frozen=True):
    """One receipt as a phone lists it."""

    sale: str
    till: str
    total_minor: int
    currency: str
    points: int
    closed_at_ms: int
    lines: tuple[SaleLineView, ...] = ()


class SaleLineView(msgspec.Struct, frozen=True):
    """One line of a receipt. `quantity` in thousandths."""

    name: str
    quantity: int
    price_minor: int
    discount_minor: int = 0


class CardView(msgspec.Struct, frozen=True):
    """GET /api/v1/cards/<card>: who is behind a card, a device token or an account."""

    account: str
    subject: str
    name: str
    member: bool
    tier: str


class PlaylistView(msgspec.Struct, frozen=True):
    """GET /api/v1/signs/<sign>/playlist: what a screen plays by itself. What has no price is left out."""

    sign: str
    name: str
    store: StoreView
    slot_s: int
    items: tuple[ScreenFields, ...]


class Health(msgspec.Struct, frozen=True):
    """GET /api/v1/health. `ready` means that a till is served."""

    ready: bool
    store: str
    incarnation: str
    seq: int
    link: str
    detail: str = ""


class ConsentView(msgspec.Struct, frozen=True):
    """GET /api/v1/accounts/<account>/consent: the purposes allowed now, and those that there are."""

    allowed: tuple[str, ...]
    purposes: tuple[str, ...]
