"""The goods on the shelves, and the staff who fill them: what a scale would feel, piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from protocols.facts import ShelfPlace

FILLED_AT_OPENING = (0.5, 1.0)
"""How full a shelf is when the doors open, at least and at most."""

NOTICED_LOW_S = 75.0
NOTICED_OUT_S = 40.0
"""How long a low, and an empty, shelf stands before somebody comes with a trolley of goods."""


@dataclass(slots=True)
class Stock:
    """One shelf as it really is. `low_since_s` is when it last became low or empty; None while it is well."""

    place: ShelfPlace
    pieces: int
    low_since_s: float | None = None

    @property
    def grams(self) -> int:
        """What lies on the scale."""
        return self.pieces * self.place.unit_g


class Goods:
    """All shelves of a store. The same seed fills them the same."""

    def __init__(self, shelves: Mapping[str, ShelfPlace], seed: int) -> None:
        chance = Random(f"{seed}/goods")
        self.stocks = {
            name: Stock(place, max(1, round(place.capacity * chance.uniform(*FILLED_AT_OPENING))))
            for name, place in sorted(shelves.items())
        }

    def take(self, shelf: str, pieces: int, now_s: float) -> int:
        """Takes pieces (negative: puts them back), as many as there are or fit; gives how many went."""
        stock = self.stocks[shelf]
        gone = min(max(pieces, stock.pieces - stock.place.capacity), stock.pieces)
        stock.pieces -= gone
        if stock.pieces > stock.place.low_at:
            stock.low_since_s = None
        elif stock.low_since_s is None:
            stock.low_since_s = now_s
        return gone

    def wanting(self, now_s: float) -> str | None:
        """The shelf that staff should fill now: the one that has been low or empty for longest."""
        noticed = [
            (stock.low_since_s, name)
            for name, stock in self.stocks.items()
            if stock.low_since_s is not None
            and now_s - stock.low_since_s >= (NOTICED_LOW_S if stock.pieces else NOTICED_OUT_S)
        ]
        return min(noticed)[1] if noticed else None

    def fill(self, shelf: str) -> int:
        """Fills a shelf to its capacity; gives the pieces that lie there now."""
        stock = self.stocks[shelf]
        stock.pieces = stock.place.capacity
        stock.low_since_s = None
        return stock.pieces
