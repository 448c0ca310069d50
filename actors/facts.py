"""The books as a step sees them: committed facts of one version, and the pools of this cell.

Soft: a cell is handed its facts again whenever it starts. A step reads them and never writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from actors.campaigns.index import INDEX_BOOKS, Index, compile_index
from protocols.decisions import Decision
from protocols.errors import Nonsense
from protocols.facts import (
    BOOKS,
    Campaign,
    Creative,
    Fact,
    Occupancy,
    Plan,
    PresenceSettings,
    Product,
    Radio,
    Scanner,
    ShelfPlace,
    SignalMap,
    SignPlace,
    StockLine,
    TillPlace,
    Zone,
)

GONE = b"null"
"""The value of a fact whose key was taken out of its book."""

_DECODE: dict[str, Callable[[bytes], Any]] = {
    book: msgspec.json.Decoder(kind).decode for book, kind in BOOKS.items()
}

_SIGN_BOOKS = frozenset({"sign", "creative", "campaign"})
"""The books that say which signs a zone or a product has: a change in one asks for that to be worked out anew."""


_FLOOR_BOOKS = frozenset({"plan", "zone", "scanner", "shelf", "presence", "radio", "signal"})
"""The books that presence makes its map of the floor from; `Facts.floor_version` is when one of them last changed."""


class Facts:
    """What a step may read beside its state and its input.

    `pools` is what is spent of each pool so far, set with each batch; `pools_read` is what a step looked at.
    `explained` is None, or a list into which decisions are put whole while a turn is explained.
    """

    __slots__ = (
        "_index",
        "_shelves_by_sku",
        "_signs_by_sku",
        "_signs_by_zone",
        "campaigns",
        "creatives",
        "explained",
        "floor_version",
        "occupancy",
        "plan",
        "pools",
        "pools_read",
        "presence",
        "products",
        "radio",
        "scanners",
        "shelves",
        "signals",
        "signs",
        "stock",
        "tills",
        "version",
        "zones",
    )

    def __init__(self) -> None:
        self.version = 0
        self.floor_version = 0
        self.plan: Plan | None = None
        self.presence = PresenceSettings()
        self.radio: Radio | None = None
        self.signals: dict[str, SignalMap] = {}
        self.zones: dict[str, Zone] = {}
        self.scanners: dict[str, Scanner] = {}
        self.shelves: dict[str, ShelfPlace] = {}
        self.signs: dict[str, SignPlace] = {}
        self.tills: dict[str, TillPlace] = {}
        self.products: dict[str, Product] = {}
        self.creatives: dict[str, Creative] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.stock: dict[str, StockLine] = {}
        self.occupancy: dict[str, Occupancy] = {}
        self.pools: dict[str, int] = {}
        self.pools_read: dict[str, int] = {}
        self.explained: list[Decision] | None = None
        self._index: Index | None = None
        self._signs_by_zone: dict[str, tuple[str, ...]] | None = None
        self._signs_by_sku: dict[str, tuple[str, ...]] | None = None
        self._shelves_by_sku: dict[str, tuple[str, ...]] | None = None

    def apply(self, facts: Iterable[Fact], version: int) -> None:
        """Takes changed facts in; `null` takes a key out. A bad one raises Nonsense and changes nothing."""
        read = [(fact.book, fact.key, _value(fact)) for fact in facts]
        for book, key, value in read:
            self._put(book, key, value)
            if book in INDEX_BOOKS:
                self._index = None
            if book == "shelf":
                self._shelves_by_sku = None
            if book in _FLOOR_BOOKS:
                self.floor_version = version
            if book in _SIGN_BOOKS:
                self._signs_by_zone = self._signs_by_sku = None
        self.version = version

    def spent(self, pool: str) -> int:
        """What is spent of a pool so far. The reading is kept, for the journal row of this turn."""
        amount = self.pools.get(pool, 0)
        self.pools_read[pool] = amount
        return amount

    @property
    def index(self) -> Index:
        """The campaigns, compiled by trigger, zone and goods."""
        if self._index is None:
            self._index = compile_index(self)
        return self._index

    def signs_of(self, zone: str) -> tuple[str, ...]:
        """The signs whose shoppers stand in this zone, in the order of their names."""
        if self._signs_by_zone is None:
            self._signs_by_zone = _gathered(
                (zone_id, sign) for sign, place in self.signs.items() for zone_id in place.zones
            )
        return self._signs_by_zone.get(zone, ())

    def signs_with(self, sku: str) -> tuple[str, ...]:
        """The signs that may show this product: by their playlist, or because a campaign may ask them to."""
        if self._signs_by_sku is None:
            self._signs_by_sku = _gathered(
                (creative.sku, sign)
                for sign in self.signs
                for creative_id in self._may_show(sign)
                if (creative := self.creatives.get(creative_id)) is not None and creative.sku
            )
        return self._signs_by_sku.get(sku, ())

    def stock_of(self, sku: str) -> list[tuple[str, StockLine]]:
        """What is known of this product's shelves, by shelf."""
        if self._shelves_by_sku is None:
            self._shelves_by_sku = _gathered((place.sku, shelf) for shelf, place in self.shelves.items())
        shelves = self._shelves_by_sku.get(sku, ())
        return [(shelf, self.stock[shelf]) for shelf in shelves if shelf in self.stock]

    def _may_show(self, sign: str) -> Iterable[str]:
        place = self.signs[sign]
        yield from place.playlist
        for campaign in self.campaigns.values():
            # A campaign about goods reaches a sign through the zones of shelves: no zones means any sign.
            if not campaign.zones or set(campaign.zones) & set(place.zones):
                yield from (grant.creative for grant in campaign.grants if grant.kind == "creative")

    def _put(self, book: str, key: str, value: Any) -> None:
        if book == "plan":
            self.plan = value
        elif book == "presence":
            self.presence = PresenceSettings() if value is None else value
        elif book == "radio":
            self.radio = value
        else:
            table = self._table(book)
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value

    def _table(self, book: str) -> dict[str, Any]:
        tables: dict[str, dict[str, Any]] = {
            "zone": self.zones,
            "scanner": self.scanners,
            "signal": self.signals,
            "shelf": self.shelves,
            "sign": self.signs,
            "till": self.tills,
            "product": self.products,
            "creative": self.creatives,
            "campaign": self.campaigns,
            "stock": self.stock,
            "occupancy": self.occupancy,
        }
        return tables[book]


def _value(fact: Fact) -> Any:
    decode = _DECODE.get(fact.book)
    if decode is None:
        raise Nonsense(f"fact {fact.book}/{fact.key}: there is no book '{fact.book}'")
    if fact.value == GONE:
        return None
    try:
        return decode(fact.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Nonsense(f"fact {fact.book}/{fact.key}: {error}") from None


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Values by key, each once and in order: whoever reads them sees the same order in every process."""
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return {key: tuple(sorted(values)) for key, values in found.items()}
