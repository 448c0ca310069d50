"""What a condition may read: a closed, typed list of facts, and which trigger sees which.

A campaign begins with its trigger; whatever else it asks is a list of conditions over these facts. A value
that is unknown is None, and no condition holds on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from protocols.decisions import Decision, Trigger
from protocols.facts import Creative, Occupancy, Product, ShelfPlace, StockLine, Zone
from protocols.ids import CampaignId, Key, Sku, ZoneId
from protocols.inputs import BasketLine, Local
from protocols.money import QUANTITY_ONE, line_total_minor

TRIGGERS: tuple[Trigger, ...] = ("zone_entered", "dwelled", "basket_changed", "sale_closed", "shelf_low")
TIERS = ("base", "bronze", "silver", "gold", "platinum")
"""Tiers from the lowest up; a tier that is not in here counts as base."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
STOCK_STATES = ("ok", "low", "out")
NO_ZONE = ZoneId("")
NO_SKU = Sku("")

Form = Literal["number", "money", "seconds", "minute", "day", "flag", "text", "tier", "weekday", "set"]
Relation = Literal["is", "is_not", "at_least", "at_most", "in", "not_in", "has", "has_not"]
Value = int | bool | str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Context:
    """All that conditions can see beside the books, as the entity that decides knows it.

    `visit` is what offer ids begin with (a visit, or a sale). `dwell_before_s` is the dwell at which this
    stay was last decided, so that each threshold is crossed once. `counts` are this visit's issues by
    campaign. `shelf`, `sku` and `pieces` are the shelf's own, for `shelf_low`. `where` overrides the zone's
    name in the decision.
    """

    key: Key
    local: Local
    visit: str = ""
    subject_name: str = ""
    where: str = ""
    zone: ZoneId = NO_ZONE
    dwell_s: int = 0
    dwell_before_s: int = -1
    visit_minutes: int = 0
    zones_visited: tuple[ZoneId, ...] = ()
    visits_zone_count: int = 0
    member: bool = False
    tier: str = "base"
    segments: tuple[str, ...] = ()
    consent: tuple[str, ...] = ()
    points_balance: int | None = None
    basket: tuple[BasketLine, ...] = ()
    sale: tuple[BasketLine, ...] = ()
    sale_total_minor: int = 0
    till: str = ""
    shelf: str = ""
    sku: Sku = NO_SKU
    pieces: int | None = None
    counts: Mapping[CampaignId, int] = field(default_factory=dict)


class Books(Protocol):
    """The facts that campaigns read, by key. `explained` takes whole decisions while a turn is explained."""

    explained: list[Decision] | None

    @property
    def zones(self) -> Mapping[str, Zone]: ...
    @property
    def shelves(self) -> Mapping[str, ShelfPlace]: ...
    @property
    def products(self) -> Mapping[str, Product]: ...
    @property
    def creatives(self) -> Mapping[str, Creative]: ...
    @property
    def stock(self) -> Mapping[str, StockLine]: ...
    @property
    def occupancy(self) -> Mapping[str, Occupancy]: ...


@dataclass(frozen=True, slots=True)
class Goods:
    """The goods that a campaign is about, and the shelves that hold each of them."""

    skus: tuple[Sku, ...] = ()
    shelves: tuple[tuple[str, ...], ...] = ()


class Seen:
    """One decision's view: the context, the books, and what was worked out already (soft).

    `values` by slot, `windows` by the window's number: how many of its conditions hold before one fails.
    """

    __slots__ = ("books", "context", "values", "windows")

    def __init__(self, context: Context, books: Books) -> None:
        self.context = context
        self.books = books
        self.values: dict[str, Value] = {}
        self.windows: dict[int, int] = {}


Read = Callable[[Seen, Goods], Value]


@dataclass(frozen=True, slots=True)
class FactKind:
    """One fact that conditions may read. `reach`: the shopper's own next step can change it.

    `values` closes the list of what may be wanted; `book` says whose keys the wanted ones must be. `noun` is
    what a sentence calls it: "basket at €7.10 of €8.00".
    `own` facts depend on the campaign's goods; the others are the same for all campaigns of a decision.
    """

    name: str
    form: Form
    triggers: tuple[Trigger, ...]
    meaning: str
    read: Read
    reach: bool = False
    values: tuple[str, ...] = ()
    book: Literal["", "zone", "product", "category"] = ""
    own: bool = False
    noun: str = ""


def pieces_of(lines: tuple[BasketLine, ...], products: Mapping[str, Product]) -> int:
    """Pieces in a basket; goods sold by weight count as one piece a line."""
    total = 0
    for line in lines:
        product = products.get(line.sku)
        by_weight = product is not None and product.unit != "piece"
        total += 1 if by_weight else max(1, line.quantity // QUANTITY_ONE)
    return total


def total_minor(lines: tuple[BasketLine, ...]) -> int:
    """What the lines cost, discounts taken off."""
    return sum(line_total_minor(line.price_minor, line.quantity) - line.discount_minor for line in lines)


def _skus(lines: tuple[BasketLine, ...]) -> tuple[str, ...]:
    return tuple(sorted({line.sku for line in lines}))


def _categories(lines: tuple[BasketLine, ...], products: Mapping[str, Product]) -> tuple[str, ...]:
    found = set()
    for line in lines:
        product = products.get(line.sku)
        found.add(line.category or (product.category if product is not None else ""))
    return tuple(sorted(found - {""}))


def _stock_pieces(seen: Seen, goods: Goods) -> Value:
    """The scarcest of the goods. None where no scale knows: what is unknown is never promised."""
    context = seen.context
    fewest: int | None = None
    for sku, shelves in zip(goods.skus, goods.shelves, strict=True):
        if sku == context.sku and context.pieces is not None:
            # The shelf that decides knows itself better than the facts, which are those before the group.
            pieces = context.pieces + sum(_on_shelves(seen, shelves))
        else:
            known = _on_shelves(seen, shelves)
            if not known:
                return None
            pieces = sum(known)
        fewest = pieces if fewest is None else min(fewest, pieces)
    return fewest


def _on_shelves(seen: Seen, shelves: tuple[str, ...]) -> list[int]:
    stock, own = seen.books.stock, seen.context.shelf
    return [stock[shelf].pieces for shelf in shelves if shelf in stock and shelf != own]


def _stock_state(seen: Seen, goods: Goods) -> Value:
    """The worst state among the goods, each judged by its best shelf."""
    worst = -1
    for sku, shelves in zip(goods.skus, goods.shelves, strict=True):
        best = len(STOCK_STATES)
        for shelf in shelves:
            line = seen.books.stock.get(shelf)
            if shelf == seen.context.shelf and sku == seen.context.sku and seen.context.pieces is not None:
                best = min(best, 1 if seen.context.pieces > 0 else 2)
            elif line is not None:
                best = min(best, STOCK_STATES.index(line.state))
        if best == len(STOCK_STATES):
            return None
        worst = max(worst, best)
    return STOCK_STATES[worst] if worst >= 0 else None


def _zone_shoppers(seen: Seen, _: Goods) -> Value:
    count = seen.books.occupancy.get(seen.context.zone)
    return 0 if count is None else count.shoppers


_SHOPPER: tuple[Trigger, ...] = ("zone_entered", "dwelled", "basket_changed")
_STAYED: tuple[Trigger, ...] = ("dwelled", "basket_changed")
_PERSON: tuple[Trigger, ...] = (*_SHOPPER, "sale_closed")
_PLACE: tuple[Trigger, ...] = (*_SHOPPER, "shelf_low")
_SALE: tuple[Trigger, ...] = ("sale_closed",)

_TABLE: tuple[FactKind, ...] = (
    FactKind("zone", "text", _PLACE, "the zone that the shopper, or the shelf, is in",
             lambda s, _: s.context.zone, reach=True, book="zone"),
    FactKind("zone_shoppers", "number", _PLACE, "people in that zone, before this turn",
             _zone_shoppers, noun="the zone"),
    FactKind("zones_visited", "set", _SHOPPER, "zones entered in this visit, this one too",
             lambda s, _: s.context.zones_visited, reach=True, book="zone"),
    FactKind("visits_zone_count", "number", _SHOPPER, "times this zone was entered in this visit",
             lambda s, _: s.context.visits_zone_count, reach=True, noun="entries"),
    FactKind("dwell_s", "seconds", _STAYED, "seconds in this zone without leaving it",
             lambda s, _: s.context.dwell_s, reach=True, noun="stay"),
    FactKind("visit_minutes", "number", _SHOPPER, "whole minutes since the visit began",
             lambda s, _: s.context.visit_minutes, reach=True, noun="visit"),
    FactKind("issued_this_visit", "number", _SHOPPER, "offers issued in this visit, of all campaigns",
             lambda s, _: sum(s.context.counts.values()), noun="offers in this visit"),
    FactKind("member", "flag", _PERSON, "whether the shopper is in the programme",
             lambda s, _: s.context.member),
    FactKind("tier", "tier", _PERSON, "the member's tier", lambda s, _: s.context.tier, values=TIERS),
    FactKind("segments", "set", _PERSON, "segments that head office put the member in",
             lambda s, _: s.context.segments),
    FactKind("consent", "set", _PERSON, "purposes that the member allows", lambda s, _: s.context.consent),
    FactKind("basket_total_minor", "money", _SHOPPER, "what the open basket costs",
             lambda s, _: total_minor(s.context.basket), reach=True, noun="basket"),
    FactKind("basket_items", "number", _SHOPPER, "pieces in the open basket",
             lambda s, _: pieces_of(s.context.basket, s.books.products), reach=True, noun="basket"),
    FactKind("basket_skus", "set", _SHOPPER, "products in the open basket",
             lambda s, _: _skus(s.context.basket), reach=True, book="product"),
    FactKind("basket_categories", "set", _SHOPPER, "categories in the open basket",
             lambda s, _: _categories(s.context.basket, s.books.products), reach=True, book="category"),
    FactKind("sale_total_minor", "money", _SALE, "what the sale came to",
             lambda s, _: s.context.sale_total_minor, reach=True, noun="sale"),
    FactKind("sale_items", "number", _SALE, "pieces in the sale",
             lambda s, _: pieces_of(s.context.sale, s.books.products), reach=True, noun="sale"),
    FactKind("sale_skus", "set", _SALE, "products in the sale",
             lambda s, _: _skus(s.context.sale), reach=True, book="product"),
    FactKind("sale_categories", "set", _SALE, "categories in the sale",
             lambda s, _: _categories(s.context.sale, s.books.products), reach=True, book="category"),
    FactKind("points_balance", "number", _SALE, "points before this sale; unknown where head office is",
             lambda s, _: s.context.points_balance, noun="balance"),
    FactKind("till", "text", _SALE, "the till that rang the sale", lambda s, _: s.context.till),
    FactKind("stock_pieces", "number", TRIGGERS, "pieces on the shelves of the campaign's scarcest goods",
             _stock_pieces, own=True, noun="shelf"),
    FactKind("stock_state", "text", TRIGGERS, "state of those shelves: ok, low or out",
             _stock_state, values=STOCK_STATES, own=True),
    FactKind("weekday", "weekday", TRIGGERS, "the day of the week in the store",
             lambda s, _: WEEKDAYS[s.context.local.weekday], values=WEEKDAYS),
    FactKind("day", "day", TRIGGERS, "the business day, as 2026-11-24", lambda s, _: s.context.local.day),
    FactKind("minute_of_day", "minute", TRIGGERS, "the time of day in the store",
             lambda s, _: s.context.local.minute),
)  # fmt: skip

FACTS: dict[str, FactKind] = {kind.name: kind for kind in _TABLE}
"""Every fact that a condition may read. The loader refuses others, and those that a trigger cannot see."""


def facts_of(trigger: Trigger) -> tuple[str, ...]:
    """The facts that conditions of this trigger may read."""
    return tuple(kind.name for kind in _TABLE if trigger in kind.triggers)
