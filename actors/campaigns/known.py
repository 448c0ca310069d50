"""What a campaign file may refer to: the zones, goods, shelves, screens and creatives of its store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocols.facts import Creative, Product, Scanner, ShelfPlace, SignPlace, Zone
from protocols.ids import UNKNOWN_ZONE


@dataclass(frozen=True)
class Known:
    """The other books of the store. A book that is None is not known here, and any name of it will do.

    `today` is the business day as 2026-11-24; with it, campaigns that have ended are named.
    """

    zones: Mapping[str, Zone] | None = None
    products: Mapping[str, Product] | None = None
    shelves: Mapping[str, ShelfPlace] | None = None
    scanners: Mapping[str, Scanner] | None = None
    signs: Mapping[str, SignPlace] | None = None
    creatives: Mapping[str, Creative] | None = None
    today: str = ""

    def names(self, book: str) -> Iterable[str] | None:
        """The names that a wanted value may have, or None where any will do."""
        if book == "zone" and self.zones is not None:
            return (*self.zones, UNKNOWN_ZONE)
        if book == "product":
            return self.products
        if book == "category" and self.products is not None:
            named = {product.category for product in self.products.values()}
            return None if "" in named else named  # a product that could not be read may have any
        return None

    def capacity(self, sku: str) -> int | None:
        """Pieces that all shelves of a product can hold, or None if the floor is not known."""
        if self.shelves is None or any(not place.sku for place in self.shelves.values()):
            return None  # a shelf that could not be read may hold anything
        return sum(place.capacity for place in self.shelves.values() if place.sku == sku)

    def signs_of(self, zone: str) -> int | None:
        """How many screens the shoppers of a zone see, or None if the floor is not known."""
        if self.signs is None:
            return None
        return sum(zone in sign.zones for sign in self.signs.values())
