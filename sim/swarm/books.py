"""A small store's books for the simulation: two zones, a shelf, a screen, and campaigns whose caps can be hit."""

from __future__ import annotations

import msgspec

from edge.ports import Enrolled
from edge.roster import token_of
from protocols.codec import to_json
from protocols.decisions import Grant
from protocols.effects import Know
from protocols.facts import (
    Campaign,
    Creative,
    Plan,
    PresenceSettings,
    Product,
    Scanner,
    ShelfPlace,
    SignPlace,
    TillPlace,
    Zone,
)
from protocols.ids import CampaignId, CreativeId, Sku, ZoneId
from protocols.inputs import Caps

STORE_CAP = 3
"""Milk offers in a day, over all members: fewer than those who come for one."""

MEMBERS = ("ana", "ben", "cleo", "dev")
ANONYMOUS = ("trolley-1", "trolley-2")
SCANNERS = {"north": "dairy", "south": "bakery"}
UNIT_G = 1_000
PIECES = 12
SECRET = b"the simulation's roster"

_DAIRY, _BAKERY, _MILK = ZoneId("dairy"), ZoneId("bakery"), Sku("milk-1l")


def books() -> list[Know]:
    """Every fact of the store."""
    facts: list[tuple[str, str, msgspec.Struct]] = [
        ("plan", "plan", Plan("Corner", 10.0, 8.0)),
        ("presence", "presence", PresenceSettings(hold_s=0.5, zone_silence_s=8.0, visit_silence_s=20.0)),
        ("zone", "dairy", Zone("Dairy", ((0, 0), (5, 0), (5, 8), (0, 8)))),
        ("zone", "bakery", Zone("Bakery", ((5, 0), (10, 0), (10, 8), (5, 8)))),
        ("scanner", "north", Scanner(_DAIRY, 1, 1)),
        ("scanner", "south", Scanner(_BAKERY, 9, 7)),
        ("shelf", "milk", ShelfPlace(_DAIRY, _MILK, UNIT_G, PIECES, 3)),
        ("sign", "screen-1", SignPlace("Screen 1", (_DAIRY,), (CreativeId("card"), CreativeId("bread")))),
        ("till", "till-1", TillPlace("Till 1")),
        ("product", "milk-1l", Product("Whole milk 1 L", "dairy", 119)),
        ("product", "bread", Product("Sourdough loaf", "bakery", 320)),
        ("creative", "milk", Creative("Whole milk 1 L", sku=_MILK)),
        ("creative", "bread", Creative("Sourdough loaf", sku=Sku("bread"))),
        ("creative", "card", Creative("Corner", template="card")),
    ]
    facts += [("campaign", campaign.id, campaign) for campaign in _campaigns()]
    return [Know(book=book, key=key, value=to_json(value)) for book, key, value in facts]


def enrolled() -> list[Enrolled]:
    """Members with a phone each, and the store's own trolley tags."""
    members = [
        Enrolled(
            token_of(SECRET, f"phone:{name}"), name, f"A-{name}", name.title(), True, "base", ("offers",)
        )
        for name in MEMBERS
    ]
    return members + [Enrolled(token_of(SECRET, f"tag:{tag}"), tag, "") for tag in ANONYMOUS]


def _campaigns() -> list[Campaign]:
    milk = Grant("offer", title="Whole milk 1 L", sku="milk-1l", discount_minor=20)
    show = Grant("creative", creative=CreativeId("milk"))
    return [
        Campaign(
            CampaignId("milk-now"),
            "Milk now",
            "zone_entered",
            grants=(milk, show),
            zones=(_DAIRY,),
            caps=Caps(visit=1, day=1, store=STORE_CAP),
            needs_consent="",
            lasts_s=60,
        ),
        Campaign(
            CampaignId("linger"),
            "Linger",
            "dwelled",
            grants=(Grant("message", text="Fresh bread in five minutes"),),
            zones=(_BAKERY,),
            dwell_s=10,
            caps=Caps(visit=1, day=2),
            needs_consent="",
            lasts_s=30,
        ),
        Campaign(
            CampaignId("two-per-euro"),
            "Two points a euro",
            "sale_closed",
            grants=(Grant("points_rate", points=2, per_minor=100),),
            needs_consent="",
        ),
    ]
