"""The strikes: a shuffled deck of signals, dealt at a pace, each to a process that lives at that moment."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sim.chaos.victims import RAY, Process

Blow = Literal["kill", "stop"]

SHARES = {
    "engine": 20,
    "broker": 12,
    "kafka": 10,
    "cloud": 12,
    "postgres": 6,
    "cell": 16,
    "ray child": 8,
    "gcs": 8,
    "raylet": 8,
}
"""How often each is hit, in shares of the strikes. What is not there leaves its share to the others."""

KILLS_IN_TEN = 7
STOP_S = (0.2, 3.0)
PAUSE_S = (0.8, 2.6)
"""Between two strikes: some come while the one before is still being mended."""

AHEAD = 8
"""Cards that are looked at. Those of Ray gather there while Ray is down; then the rest waits until it is back,
or the run would begin with all strikes on services and end with all strikes on Ray."""

PATIENCE_S = 8.0
"""If none of them can be dealt for so long, the strike goes to whoever lives."""

LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Card:
    """One strike to come."""

    victim: str
    blow: Blow
    stop_s: float
    pause_s: float


@dataclass(slots=True)
class Struck:
    """What was done, by victim."""

    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many signals were sent."""
        return self.kills.total() + self.stops.total()


def deck(strikes: int, seed: int, *, ray: bool, services: tuple[str, ...]) -> list[Card]:
    """The same cards for the same seed. Every victim gets its share, and one of each comes in the first round."""
    dice = random.Random(f"strikes {seed}")
    names = [name for name in SHARES if name in services or (ray and name in RAY)]
    total = sum(SHARES[name] for name in names)
    wanted = {name: strikes * SHARES[name] / total for name in names}
    counts = {name: int(wanted[name]) for name in names}
    short = sorted(names, key=lambda name: (counts[name] - wanted[name], name))
    for name in short[: strikes - sum(counts.values())]:
        counts[name] += 1
    cards = [_card(dice, name, number) for name in names for number in range(counts[name])]
    dice.shuffle(cards)
    return cards


def _card(dice: random.Random, name: str, number: int) -> Card:
    # The first of each kind is a kill: a short run has no second one.
    blow: Blow = "kill" if number == 0 or dice.randrange(10) < KILLS_IN_TEN else "stop"
    return Card(name, blow, round(dice.uniform(*STOP_S), 2), round(dice.uniform(*PAUSE_S), 2))


class Striker:
    """Deals the deck. A stopped process goes on by itself after its time, whatever happens meanwhile."""

    def __init__(
        self,
        cards: list[Card],
        alive: Callable[[], Mapping[str, Process]],
        struck: Callable[[str, Process, Blow, float], None],
    ) -> None:
        self._cards = list(cards)
        self._alive = alive
        self._told = struck
        self.done = Struck()
        self._stopped: set[Process] = set()
        self._waking: set[asyncio.Task[None]] = set()

    async def run(self, warm_s: float) -> None:
        """Begins after so many seconds; returns when the deck is dealt and everything that was stopped goes on."""
        await asyncio.sleep(warm_s)
        while self._cards:
            name, victim, card = await self._next()
            if self._strike(name, victim, card):
                self._cards.remove(card)
                await asyncio.sleep(card.pause_s)
        await asyncio.gather(*self._waking)

    def wake_all(self) -> None:
        """Everything that was stopped goes on, now."""
        for victim in self._stopped:
            victim.send(signal.SIGCONT)
        self._stopped.clear()

    async def _next(self) -> tuple[str, Process, Card]:
        """The first card whose victim lives and is not stopped already, or the first one with another victim."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            living = await asyncio.to_thread(self._alive)
            for card in self._cards[:AHEAD]:
                victim = living.get(card.victim)
                if victim is not None and victim not in self._stopped:
                    return card.victim, victim, card
            if time.monotonic() > deadline:
                free = [(name, one) for name, one in living.items() if one not in self._stopped]
                if free:
                    least = min(free, key=lambda pair: self.done.kills[pair[0]] + self.done.stops[pair[0]])
                    return *least, self._cards[0]
            await asyncio.sleep(LOOK_S)

    def _strike(self, name: str, victim: Process, card: Card) -> bool:
        if not victim.send(signal.SIGKILL if card.blow == "kill" else signal.SIGSTOP):
            return False
        if card.blow == "kill":
            self.done.kills[name] += 1
        else:
            self.done.stops[name] += 1
            self._stopped.add(victim)
            waking = asyncio.create_task(self._wake(victim, card.stop_s), name=f"wake {name}")
            self._waking.add(waking)
            waking.add_done_callback(self._waking.discard)
        self._told(name, victim, card.blow, card.stop_s)
        return True

    async def _wake(self, victim: Process, after_s: float) -> None:
        await asyncio.sleep(after_s)
        victim.send(signal.SIGCONT)
        self._stopped.discard(victim)
