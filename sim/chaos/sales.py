"""The sales of a chaos run: what was sent, what was acknowledged, and what was told about it that cannot be true."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from edge.book_members import Member
from protocols.api import SaleLineRequest, SaleRequest
from protocols.codec import to_json
from protocols.facts import Product
from protocols.money import line_total_minor

Habit = Literal["once", "again", "twice", "otherwise"]
"""`again`: repeated after its verdict. `twice`: sent over two lines at once. `otherwise`: then something else is
sent under its operation id, which must be refused."""

HABITS: tuple[Habit, ...] = ("once", "once", "again", "twice", "otherwise")
WITH_CARD_IN_TEN = 7
LINES_MAX = 5


@dataclass(frozen=True, slots=True)
class Sale:
    """One sale as its till knows it."""

    operation: str
    sale: str
    till: str
    account: str
    total_minor: int
    habit: Habit
    body: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The verdict that a till holds in its hand."""

    seq: int
    incarnation: str
    account: str
    total_minor: int
    points: int


@dataclass(slots=True)
class Wrong:
    """Something that must not be: what kind, about what (an operation id, if there is one), and how it shows."""

    kind: str
    what: str
    detail: str


@dataclass(slots=True)
class Sales:
    """The tills' own book. `waits` are (seconds since the run began, seconds until the verdict, attempts)."""

    sent: dict[str, Sale] = field(default_factory=dict)
    acknowledged: dict[str, Acknowledged] = field(default_factory=dict)
    waits: list[tuple[float, float, int]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)

    def verdict(self, sale: Sale, told: Any) -> None:
        """A verdict came. The first one is kept; every later one must say the same."""
        try:
            body = told["body"]
            verdict = Acknowledged(
                int(told["seq"]),
                str(told["incarnation"]),
                str(body["account"]),
                int(body["total_minor"]),
                int(body["points_earned"]),
            )
            outcome = told["outcome"]
        except (KeyError, TypeError, ValueError) as error:
            self.tell("contradicted", sale.operation, f"a verdict that cannot be read ({error}): {told}")
            return
        if outcome != "done" or body.get("operation") != sale.operation:
            self.tell("contradicted", sale.operation, f"told {outcome} for operation {body.get('operation')}")
        first = self.acknowledged.setdefault(sale.operation, verdict)
        if first != verdict:
            self.tell("contradicted", sale.operation, f"told {first} and later {verdict}")
        if first.total_minor != sale.total_minor or first.account != sale.account:
            self.tell(
                "contradicted",
                sale.operation,
                f"rung up {sale.total_minor} for {sale.account}, told {first.total_minor} for {first.account}",
            )

    def tell(self, kind: str, what: str, detail: str) -> None:
        """Notes something that must not be."""
        self.wrong.append(Wrong(kind, what, detail))

    @property
    def waiting(self) -> list[str]:
        """Operation ids without a verdict."""
        return [operation for operation in self.sent if operation not in self.acknowledged]


class Shop:
    """Makes sales, the same for the same seed."""

    def __init__(
        self, seed: int, tills: Sequence[str], members: Sequence[Member], products: dict[str, Product]
    ) -> None:
        self._dice = random.Random(f"sales {seed}")
        self._seed = seed
        self._tills = tuple(tills)
        self._members = [member for member in members if member.cards]
        self._products = sorted(products.items())
        self._number = 0

    def next(self) -> Sale:
        """Another sale that was never sent."""
        self._number += 1
        dice = self._dice
        till = dice.choice(self._tills)
        lines = tuple(self._line() for _ in range(dice.randint(1, LINES_MAX)))
        card, account = "", f"till-{till}"
        if dice.randrange(10) < WITH_CARD_IN_TEN:
            member = dice.choice(self._members)
            card, account = member.cards[0], str(member.account)
        request = SaleRequest(
            operation=f"chaos-{self._seed}-{self._number:06d}",
            sale=f"S{self._number:06d}",
            till=till,
            lines=lines,
            card=card,
        )
        prices = dict(self._products)
        total = sum(
            line_total_minor(line.price_minor or prices[line.sku].price_minor, line.quantity)
            - line.discount_minor
            for line in lines
        )
        habit = dice.choice(HABITS)
        return Sale(request.operation, request.sale, till, account, total, habit, to_json(request))

    def _line(self) -> SaleLineRequest:
        sku, product = self._dice.choice(self._products)
        weighed = product.unit != "piece"
        quantity = self._dice.randint(120, 2_400) if weighed else 1_000 * self._dice.randint(1, 3)
        own = product.price_minor - 10 if self._dice.randrange(4) == 0 else None
        return SaleLineRequest(sku, quantity, own)


def otherwise(sale: Sale) -> bytes:
    """Another request under the same operation id: one article more."""
    request = msgspec.json.decode(sale.body, type=SaleRequest)
    return to_json(msgspec.structs.replace(request, lines=(*request.lines, request.lines[0])))
