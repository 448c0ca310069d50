"""The tills of a simulated store, and the phones that scan: what they send through the store's HTTP door.

A till makes one operation id for a sale and sends it again, unchanged, until it hears a verdict. Nobody leaves
before: so at most one sale a till is open, whatever the store does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from protocols.facts import Product
from protocols.money import line_total_minor
from sim.door import Answer, Door, OutOfReach, part
from sim.goods import Goods
from sim.people import Line, Person

RETRY_S = (0.25, 5.0)
"""Waits between two tries of the same sale: they double from the first to the second."""

OPEN = ("issued", "seen")


class Tills:
    """Rings up sales. `counts` says what came of them."""

    def __init__(self, door: Door, products: Mapping[str, Product], run: str) -> None:
        self._door = door
        self._products = products
        self._run = run
        self._number: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.total_minor = 0

    async def ring(self, person: Person, till: str) -> None:
        """Rings up somebody's basket, and returns when the store has given its verdict."""
        self._number[till] += 1
        number = self._number[till]
        card = _card(person)
        lines = _lines(person.basket, await self._offers(person, card), self._products)
        sale = {
            "operation": f"{till}-{self._run}-{number}",
            "sale": f"{self._run[-4:]}-{number:04d}",
            "till": till,
            "card": card,
            "lines": lines,
        }
        answer = await self._until_heard(sale)
        if answer.status == 200:
            self.counts["sales"] += 1
            self.total_minor += answer.body["body"]["total_minor"]
        else:
            self.counts["refused"] += 1
        person.served = True

    async def _until_heard(self, sale: dict[str, Any]) -> Answer:
        wait_s = RETRY_S[0]
        while True:
            try:
                answer = await self._door.call("POST", "/api/v1/sales", sale)
            except OutOfReach:
                pass
            else:
                if answer.status < 500 and answer.status != 408:
                    return answer
            self.counts["again"] += 1
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_S[1])

    async def _offers(self, person: Person, card: str) -> dict[str, int]:
        """What the customer's phone has for these goods: sku to the discount. Without an answer, nothing."""
        if not card:
            return {}
        account = person.habit.account or f"subject-{person.habit.subject}"
        try:
            wallet = await self._door.call("GET", f"/api/v1/accounts/{part(account)}/wallet")
        except OutOfReach:
            return {}
        if wallet.status != 200:
            return {}
        grants = [
            grant
            for offer in wallet.body["offers"]
            if offer["state"] in OPEN
            for grant in offer["grants"]
            if grant["kind"] == "offer" and grant.get("sku")
        ]
        return {grant["sku"]: grant.get("discount_minor", 0) for grant in grants}


class Phones:
    """The baskets of those who scan as they take. Level-triggered: only the newest basket of each is sent."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._waiting: dict[str, Person] = {}
        self._more = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def changed(self, person: Person) -> None:
        """Somebody's basket is another one now."""
        if person.habit.scans:
            self._waiting[person.habit.subject] = person
            self._more.set()

    async def run(self) -> None:
        """Sends baskets until cancelled. One that is refused, or not answered, is not sent again: the next is."""
        while True:
            await self._more.wait()
            if not self._waiting:
                self._more.clear()
                continue
            subject = next(iter(self._waiting))
            person = self._waiting.pop(subject)
            lines = [{"sku": line.sku, "quantity": line.quantity} for line in person.basket]
            try:
                answer = await self._door.call(
                    "PUT", f"/api/v1/subjects/{part(subject)}/basket", {"lines": lines}
                )
            except OutOfReach:
                self.counts["out_of_reach"] += 1
                await asyncio.sleep(1.0)
            else:
                self.counts[str(answer.status)] += 1


class Staff:
    """Whoever fills shelves: says how many pieces are there, then puts them on the scale."""

    def __init__(self, door: Door, goods: Goods, run: str, filled: Callable[[str], None]) -> None:
        self._door = door
        self._goods = goods
        self._run = run
        self._filled = filled
        self._number = 0

    async def fill(self, shelf: str) -> bool:
        """Fills a shelf; False if the store does not answer, and then nothing was put there."""
        self._number += 1
        counted = {
            "operation": f"staff-{self._run}-{self._number}",
            "pieces": self._goods.stocks[shelf].place.capacity,
        }
        try:
            answer = await self._door.call("POST", f"/api/v1/shelves/{part(shelf)}/restock", counted)
        except OutOfReach:
            return False
        if answer.status != 200:
            return False
        self._goods.fill(shelf)
        self._filled(shelf)
        return True


def _card(person: Person) -> str:
    """What is shown at the till: a member's card, or the store's app of a guest."""
    return person.habit.device if person.habit.kind == "guest" else person.habit.card


def _lines(
    basket: list[Line], offers: Mapping[str, int], products: Mapping[str, Product]
) -> list[dict[str, Any]]:
    lines = []
    for line in basket:
        worth = line_total_minor(products[line.sku].price_minor, line.quantity)
        off = min(offers.get(line.sku, 0), worth)
        lines.append({"sku": line.sku, "quantity": line.quantity, "discount_minor": off})
    return lines
