"""Campaigns by trigger, zone and goods, compiled once: one that cannot fire costs a decision nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from actors.campaigns import words
from actors.campaigns.checking import Compiled, clock_text, compile_condition
from actors.campaigns.conditions import TRIGGERS, WEEKDAYS, Context, Goods, Seen, Value
from protocols.decisions import Trigger
from protocols.facts import Campaign, Condition, Creative, Product, ShelfPlace, When
from protocols.ids import Sku, ZoneId
from protocols.inputs import BasketLine

INDEX_BOOKS = frozenset({"campaign", "creative", "product", "shelf"})
"""The books that an index is compiled from: a change in one of them asks for a new index."""

DAY_MINUTES = 1440
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Range(Protocol):
    """The books that an index is compiled from."""

    @property
    def campaigns(self) -> Mapping[str, Campaign]: ...
    @property
    def creatives(self) -> Mapping[str, Creative]: ...
    @property
    def products(self) -> Mapping[str, Product]: ...
    @property
    def shelves(self) -> Mapping[str, ShelfPlace]: ...


Check = tuple[str, Callable[[Seen], Value], Callable[[Value], bool], Compiled]
"""Slot, reader and judge of a condition at hand for the loop that runs for every candidate."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One campaign, compiled. Campaigns with the same window share its `window_number`."""

    campaign: Campaign
    order: int
    window: tuple[Check, ...]
    window_number: int
    checks: tuple[Check, ...]
    gives: str
    to_person: bool
    visit_cap: int
    consent: str


class Index:
    """What could fire, by trigger. Soft: made from the books, and made again when one of them changes."""

    def __init__(
        self,
        campaigns: Mapping[str, Campaign],
        shelves: Mapping[str, ShelfPlace],
        products: Mapping[str, Product] = NOTHING,
        creatives: Mapping[str, Creative] = NOTHING,
    ) -> None:
        """Compiles every campaign. Raises for one that the loader would have refused."""
        ready = _compile(campaigns, shelves, products, creatives)
        self.all: dict[str, Ready] = {one.campaign.id: one for one in ready}
        self._category = {sku: product.category for sku, product in products.items()}
        self._anywhere: dict[Trigger, tuple[Ready, ...]] = {}
        self._zones: dict[Trigger, dict[ZoneId, tuple[Ready, ...]]] = {}
        self._skus: dict[Trigger, dict[str, list[Ready]]] = {name: defaultdict(list) for name in TRIGGERS}
        self._categories: dict[Trigger, dict[str, list[Ready]]] = {
            name: defaultdict(list) for name in TRIGGERS
        }
        for trigger in TRIGGERS:
            self._arrange(trigger, [one for one in self.all.values() if one.campaign.trigger == trigger])
        self._dwell_steps = {
            zone: [one.campaign.dwell_s for one in bucket] for zone, bucket in self._zones["dwelled"].items()
        }
        self._dwell_anywhere = [one.campaign.dwell_s for one in self._anywhere["dwelled"]]

    def __len__(self) -> int:
        return len(self.all)

    def _arrange(self, trigger: Trigger, ready: list[Ready]) -> None:
        by_goods = trigger not in ("zone_entered", "dwelled")
        plain = []
        for one in ready:
            campaign = one.campaign
            if by_goods and (campaign.skus or campaign.categories):
                for sku in campaign.skus:
                    self._skus[trigger][sku].append(one)
                for category in campaign.categories:
                    self._categories[trigger][category].append(one)
            else:
                plain.append(one)
        plain.sort(key=lambda one: (one.campaign.dwell_s, one.order))
        named = {zone for one in plain for zone in one.campaign.zones}
        self._anywhere[trigger] = tuple(one for one in plain if not one.campaign.zones)
        self._zones[trigger] = {
            zone: tuple(one for one in plain if not one.campaign.zones or zone in one.campaign.zones)
            for zone in named
        }

    def dwells(self, zone: ZoneId) -> tuple[int, ...]:
        """The dwell times in this zone that campaigns wait for, in seconds, shortest first."""
        return tuple(sorted(set(self._dwell_steps.get(zone, self._dwell_anywhere))))

    def candidates(self, trigger: Trigger, context: Context) -> list[Ready]:
        """The campaigns that could fire now, in an order that depends on the campaigns alone."""
        plain = self._zones[trigger].get(context.zone, self._anywhere[trigger])
        if trigger == "zone_entered":
            return list(plain)
        if trigger == "dwelled":
            steps = self._dwell_steps.get(context.zone, self._dwell_anywhere)
            first = bisect_right(steps, context.dwell_before_s)
            return list(plain[first : bisect_right(steps, context.dwell_s)])
        return self._by_goods(trigger, context, plain)

    def _by_goods(self, trigger: Trigger, context: Context, plain: tuple[Ready, ...]) -> list[Ready]:
        by_sku, by_category = self._skus[trigger], self._categories[trigger]
        if not by_sku and not by_category:
            return list(plain)
        found: dict[int, Ready] = {one.order: one for one in plain}
        for sku, category in self._goods(trigger, context):
            for one in (*by_sku.get(sku, ()), *by_category.get(category, ())):
                if not one.campaign.zones or context.zone in one.campaign.zones:
                    found[one.order] = one
        return [found[order] for order in sorted(found)]

    def _goods(self, trigger: Trigger, context: Context) -> Iterable[tuple[str, str]]:
        if trigger == "shelf_low":
            return [(context.sku, self._category.get(context.sku, ""))]
        lines: tuple[BasketLine, ...] = context.sale if trigger == "sale_closed" else context.basket
        return {(line.sku, line.category or self._category.get(line.sku, "")) for line in lines}


def goods_of(campaign: Campaign, creatives: Mapping[str, Creative]) -> tuple[Sku, ...]:
    """The goods that a campaign is about: what it gives, else what fires it, else what it shows."""
    given = tuple(Sku(grant.sku) for grant in campaign.grants if grant.sku)
    if given or campaign.skus:
        return tuple(dict.fromkeys(given or campaign.skus))
    shown = [creatives[grant.creative].sku for grant in campaign.grants if grant.creative in creatives]
    return tuple(dict.fromkeys(sku for sku in shown if sku))


def compile_index(books: Range) -> Index:
    """An index over all campaigns of the books."""
    return Index(books.campaigns, books.shelves, books.products, books.creatives)


def _compile(
    campaigns: Mapping[str, Campaign],
    shelves: Mapping[str, ShelfPlace],
    products: Mapping[str, Product],
    creatives: Mapping[str, Creative],
) -> list[Ready]:
    holding: dict[str, list[str]] = defaultdict(list)
    for shelf in sorted(shelves):
        holding[shelves[shelf].sku].append(shelf)
    ready = []
    numbers: dict[When, int] = {}
    for order, ident in enumerate(sorted(campaigns)):
        campaign = campaigns[ident]
        skus = goods_of(campaign, creatives)
        goods = Goods(skus, tuple(tuple(holding.get(sku, ())) for sku in skus))
        ready.append(
            Ready(
                campaign=campaign,
                order=order,
                window=_checks(window(campaign.when), goods),
                window_number=numbers.setdefault(campaign.when, len(numbers)),
                checks=_checks(campaign.conditions, goods),
                gives=words.gives(campaign, products, creatives),
                to_person=any(grant.kind != "creative" for grant in campaign.grants),
                visit_cap=campaign.caps.visit,
                consent="" if campaign.trigger == "shelf_low" else campaign.needs_consent,
            )
        )
    return ready


def _checks(conditions: Iterable[Condition], goods: Goods) -> tuple[Check, ...]:
    asked = [compile_condition(condition, goods) for condition in conditions]
    return tuple((one.slot, one.read, one.holds, one) for one in asked)


def window(when: When) -> tuple[Condition, ...]:
    """A campaign's window as conditions, so that it is explained like any other."""
    asked = []
    if when.first_day:
        asked.append(Condition("day", "at_least", when.first_day, f"It is {when.first_day} or later"))
    if when.last_day:
        asked.append(Condition("day", "at_most", when.last_day, f"It is {when.last_day} or earlier"))
    if when.weekdays and len(set(when.weekdays)) < len(WEEKDAYS):
        names = tuple(WEEKDAYS[day] for day in sorted(set(when.weekdays)))
        asked.append(Condition("weekday", "in", names, f"The day is {_either(names)}"))
    if when.from_minute > 0:
        say = f"It is {clock_text(when.from_minute)} or later"
        asked.append(Condition("minute_of_day", "at_least", when.from_minute, say))
    if when.to_minute < DAY_MINUTES:
        say = f"It is before {clock_text(when.to_minute)}"
        asked.append(Condition("minute_of_day", "at_most", when.to_minute - 1, say))
    return tuple(asked)


def _either(names: tuple[str, ...]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} or {names[-1]}"
