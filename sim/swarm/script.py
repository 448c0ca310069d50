"""What the world does to the store: it outlives every crash, and knows only what it was told.

A till sends a sale until it hears a verdict, and sometimes sends it again afterwards. Shoppers are heard while
they walk; what was heard before a crash is lost, as it would be. A scale reports its weight each second.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.engine import Engine
from edge.ports import Clock
from protocols.cells import Heard, Weighed
from protocols.errors import NotNow, Verdict
from protocols.ids import Sku, key
from protocols.inputs import BasketLine, Cause, SaleClosed
from sim.swarm.books import ANONYMOUS, MEMBERS, PIECES, SCANNERS, UNIT_G

RETRY_S = 0.2
WAIT_S = 3.0
"""A till gives up waiting after this and sends the same operation again."""

QUIET_S = 60.0
"""After the script, long enough for every visit to end and every offer to expire."""


@dataclass(slots=True)
class Sale:
    """One sale and what the till knows of it."""

    operation: str
    at_s: float
    account: str
    till: str
    total_minor: int
    sends_again: bool
    verdict: Verdict | None = None
    repeated: bool = False


@dataclass(slots=True)
class Leg:
    """A subject near one scanner from one second to another."""

    subject: str
    scanner: str
    from_s: int
    until_s: int


@dataclass(slots=True)
class Script:
    """Everything that will happen, by seed; and what the world has heard so far."""

    seed: int
    sales: list[Sale] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    weights: list[tuple[int, int]] = field(default_factory=list)
    ends_s: float = 0.0
    contradictions: list[str] = field(default_factory=list)

    @property
    def is_heard(self) -> bool:
        """True once every till has its verdict."""
        return all(sale.verdict is not None for sale in self.sales)


def make_script(seed: int, sales: int = 12) -> Script:
    """The world of one seed."""
    chance = random.Random(seed)
    script = Script(seed)
    for number in range(sales):
        member = chance.choice((*MEMBERS, ""))
        script.sales.append(
            Sale(
                operation=f"till-1/{seed}/{number}",
                at_s=chance.uniform(0.5, 25.0),
                account=f"A-{member}" if member else "till-till-1",
                till="till-1",
                total_minor=chance.randrange(100, 9_000),
                sends_again=chance.random() < 0.4,
            )
        )
    for subject in (*MEMBERS, *ANONYMOUS):
        begins = chance.randrange(0, 8)
        for scanner in chance.sample(sorted(SCANNERS), 2):
            ends = begins + chance.randrange(4, 14)
            script.legs.append(Leg(subject, scanner, begins, ends))
            begins = ends
    pieces = PIECES
    for second in range(28):
        if chance.random() < 0.25 and pieces > 0:
            pieces -= chance.randrange(1, 3)
            pieces = max(0, pieces)
        script.weights.append((second, pieces * UNIT_G))
    script.ends_s = 30.0
    return script


async def play(
    script: Script, engine: Engine, clock: Clock, calm: Callable[[], None], start_s: float = 0.0
) -> None:
    """Goes on with the script in this life of the store; then the faults stop, and the store must come to rest."""
    async with asyncio.TaskGroup() as tasks:
        for sale in script.sales:
            if sale.verdict is None or (sale.sends_again and not sale.repeated):
                tasks.create_task(_ring(script, sale, engine, clock, start_s))
        tasks.create_task(_walk(script, engine, clock, start_s))
    calm()
    await asyncio.sleep(QUIET_S)


async def _ring(script: Script, sale: Sale, engine: Engine, clock: Clock, start_s: float) -> None:
    await asyncio.sleep(max(0.0, sale.at_s - (asyncio.get_running_loop().time() - start_s)))
    if sale.verdict is None:
        sale.verdict = await _until_heard(sale, engine, clock)
    if sale.sends_again and not sale.repeated:
        again = await _until_heard(sale, engine, clock)
        sale.repeated = True
        if bytes(again.body) != bytes(sale.verdict.body) or again.seq != sale.verdict.seq:
            script.contradictions.append(f"{sale.operation}: {sale.verdict!r}, then {again!r}")


async def _until_heard(sale: Sale, engine: Engine, clock: Clock) -> Verdict:
    line = BasketLine(Sku("milk-1l"), 1000, sale.total_minor)
    closed = SaleClosed(sale.operation, sale.till, (line,), sale.total_minor)
    while True:
        cause = Cause(clock.now_us(), operation=sale.operation)
        try:
            async with asyncio.timeout(WAIT_S):
                return await engine.ask(
                    key("account", sale.account), closed, sale.operation, (sale.operation, closed), cause
                )
        except (NotNow, TimeoutError):
            await asyncio.sleep(RETRY_S)


async def _walk(script: Script, engine: Engine, clock: Clock, start_s: float) -> None:
    loop = asyncio.get_running_loop()
    while (now_s := loop.time() - start_s) < script.ends_s:
        for leg in script.legs:
            if leg.from_s <= now_s < leg.until_s:
                for scanner in SCANNERS:
                    rssi = -55.0 if scanner == leg.scanner else -80.0
                    engine.hear(
                        Heard(key("shopper", leg.subject), scanner, rssi, clock.now_ms(), clock.now_us())
                    )
        second = int(now_s)
        grams = next((grams for at_s, grams in reversed(script.weights) if at_s <= second), PIECES * UNIT_G)
        engine.weigh(Weighed(key("shelf", "milk"), grams, clock.now_ms(), clock.now_us()))
        await asyncio.sleep(0.25)
