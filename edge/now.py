"""The store as it is now, for whoever looks: who is where, what screens show, what was decided, what was sold.

Soft state: folded from committed groups, and rebuilt from the database at start. Nothing decides by it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from actors import shopper as shoppers
from actors import sign as signs
from actors.facts import Facts
from actors.shopper import Shopper
from edge.db.rows import SaleRow
from edge.ports import Committed, Group
from edge.web.views import CONSOLE_DECISIONS_MAX
from protocols.api import DecisionView, ScreenCommand
from protocols.cells import Load, Position
from protocols.effects import Decide, Post, SalePosted
from protocols.facts import Fact
from protocols.ids import Key, ident_of
from protocols.inputs import Cause


@dataclass(slots=True)
class TillToday:
    """What a till took in this business day."""

    sales: int = 0
    total_minor: int = 0


@dataclass(slots=True)
class Shown:
    """What a screen shows, since when, and when the screen itself was last heard of."""

    command: ScreenCommand
    since_ms: int
    heard_ms: int = 0


@dataclass(slots=True)
class Now:
    """Everything that the console draws, as of the last commit."""

    seq: int = 0
    day: str = ""
    facts: Facts = field(default_factory=Facts)
    floor_version: int = 0
    shoppers: dict[Key, Shopper] = field(default_factory=dict)
    positions: dict[Key, Position] = field(default_factory=dict)
    screens: dict[str, Shown] = field(default_factory=dict)
    decisions: deque[DecisionView] = field(default_factory=lambda: deque(maxlen=CONSOLE_DECISIONS_MAX))
    tills: dict[str, TillToday] = field(default_factory=dict)

    def begin(
        self,
        version: int,
        facts: Sequence[Fact],
        loads: Iterable[Load],
        decisions: Sequence[DecisionView],
        sales: Iterable[SaleRow],
        seq: int,
        day: str,
    ) -> None:
        """Fills everything from the database, before the first group."""
        self.seq, self.day = seq, day
        self.learn(version, facts)
        for load in loads:
            if load.key.startswith("shopper:"):
                self._visited(load.key, load.state)
        self.decisions.extend(reversed(decisions))
        for sale in sales:
            if sale.day == day:
                self._sold(sale.till, sale.total_minor)

    def learn(self, version: int, facts: Sequence[Fact]) -> None:
        """Takes in committed facts."""
        if not facts:
            return
        self.facts.apply(facts, version)
        if any(fact.book not in ("stock", "occupancy") for fact in facts):
            self.floor_version = version

    def fold(self, group: Group, committed: Committed, now_us: int) -> None:
        """Takes in a committed group."""
        self.learn(committed.facts_version, committed.facts)
        for taken, seq in zip(group.turns, committed.seqs, strict=True):
            turn = taken.turn
            given = turn.given
            self.seq = max(self.seq, seq)
            if given.key.startswith("shopper:"):
                self._visited(given.key, turn.state)
            for effect in turn.effects:
                if type(effect) is Decide:
                    took_us = max(0, now_us - given.cause.arrived_us)
                    self.decisions.append(
                        DecisionView(seq, given.at_ms, took_us, effect.decision, given.cause)
                    )
                elif type(effect) is Post and type(effect.entry) is SalePosted:
                    self.turn_to(given.local.day)
                    self._sold(effect.entry.till, effect.entry.total_minor)

    def move(self, positions: Iterable[Position]) -> None:
        """Takes in where subjects are."""
        for position in positions:
            if position.key in self.shoppers:
                self.positions[position.key] = position

    def show(self, sign: str, state: bytes, cause: Cause, seq: int, now_ms: int) -> ScreenCommand:
        """What a sign's saved state means for its screen, remembered as shown."""
        saved = signs.decode(state)
        command = signs.screen_command(saved, saved.version, self.facts, cause, seq)
        before = self.screens.get(sign)
        self.screens[sign] = Shown(command, now_ms, before.heard_ms if before else 0)
        return command

    def turn_to(self, day: str) -> None:
        """A new business day begins the tills' sums anew. Days have ISO names, so a later one is greater."""
        if day > self.day:
            self.day = day
            self.tills.clear()

    def _visited(self, key: Key, state: bytes | None) -> None:
        shopper = None if state is None else shoppers.decode(state)
        if shopper is None or not shopper.visit:  # gone, or told something after it had left
            self.shoppers.pop(key, None)
            self.positions.pop(key, None)
        else:
            self.shoppers[key] = shopper

    def _sold(self, till: str, total_minor: int) -> None:
        today = self.tills.setdefault(till, TillToday())
        today.sales += 1
        today.total_minor += total_minor


def account_of(shopper: Shopper, key: Key) -> str:
    """The account that holds what this shopper is offered."""
    return ident_of(shoppers.account_key(shopper)) if shopper.subject else f"subject-{ident_of(key)}"
