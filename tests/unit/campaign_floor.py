"""A small store for campaign tests: real facts, one shelf of coffee, and shoppers to decide about."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.campaigns.conditions import Context
from actors.facts import Facts
from protocols.codec import to_json
from protocols.decisions import Grant
from protocols.facts import (
    Campaign,
    Condition,
    Creative,
    Fact,
    Occupancy,
    Product,
    ShelfPlace,
    StockLine,
    Zone,
)
from protocols.ids import CampaignId, Key, Sku, ZoneId
from protocols.inputs import BasketLine, Caps, Local

TUESDAY = Local("2026-11-24", 14 * 60 + 32, 1)
COFFEE = ZoneId("coffee")
STOCK_OK = Condition("stock_pieces", "at_least", 6, "Shelf holds 6 or more")
BAKERY = Condition("basket_categories", "has", "bakery", "Basket holds a bakery item")


def campaign(ident: str, *conditions: Condition, **changes: Any) -> Campaign:
    """A campaign that fires in the coffee zone and gives 120 points, unless told otherwise."""
    given: dict[str, Any] = {
        "id": CampaignId(ident),
        "name": ident.replace("-", " ").capitalize(),
        "trigger": "zone_entered",
        "conditions": conditions,
        "grants": (Grant("points", points=120),),
        "zones": (COFFEE,),
        "caps": Caps(visit=1),
    }
    return Campaign(**(given | changes))


def coffee_offer(ident: str, *conditions: Condition, **changes: Any) -> Campaign:
    """The same with €0.60 off coffee."""
    grant = Grant("offer", sku="coffee-250", discount_minor=60, title="Ground coffee 250 g")
    return campaign(ident, *conditions, **({"grants": (grant,)} | changes))


def facts(*campaigns: Campaign, pieces: int | None = 12, people: int = 3) -> Facts:
    """The books of the small store, with these campaigns."""
    rows: list[tuple[str, str, msgspec.Struct]] = [
        ("zone", "coffee", Zone("Coffee")),
        ("zone", "bakery", Zone("Bakery")),
        ("product", "coffee-250", Product("Ground coffee 250 g", "coffee", 439)),
        ("product", "bananas", Product("Bananas", "produce", 179, unit="kg")),
        ("product", "sourdough", Product("Sourdough loaf", "bakery", 320)),
        ("shelf", "coffee-1", ShelfPlace(COFFEE, Sku("coffee-250"), 270, 24, 5)),
        ("creative", "coffee-break", Creative("Coffee break", sku=Sku("coffee-250"))),
        ("occupancy", "coffee", Occupancy(people, 1)),
        *(("campaign", one.id, one) for one in campaigns),
    ]
    if pieces is not None:
        state = "out" if pieces == 0 else "low" if pieces <= 5 else "ok"
        rows.append(("stock", "coffee-1", StockLine(Sku("coffee-250"), pieces, state, 90)))
    books = Facts()
    books.apply([Fact(book, key, 1, to_json(value)) for book, key, value in rows], 1)
    return books


def context(**changes: Any) -> Context:
    """Ana, a silver member who just came to the coffee on a Tuesday at 14:32."""
    given: dict[str, Any] = {
        "key": Key("shopper:ana"),
        "local": TUESDAY,
        "visit": "v1",
        "subject_name": "Ana",
        "zone": COFFEE,
        "zones_visited": (ZoneId("entrance"), COFFEE),
        "visits_zone_count": 1,
        "visit_minutes": 11,
        "member": True,
        "tier": "silver",
        "consent": ("offers",),
        "segments": ("regulars",),
    }
    return Context(**(given | changes))


def lines(*skus: str, price_minor: int = 100) -> tuple[BasketLine, ...]:
    """One piece of each, a euro each."""
    return tuple(BasketLine(Sku(sku), 1000, price_minor) for sku in skus)
