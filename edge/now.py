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
from protocols.cells import Crowd, Load, Position, ScannerHealth
from protocols.effects import Decide, Post, SalePosted
from protocols.facts import Fact
from protocols.ids import Key, ident_of
from protocols.inputs import Cause

CROWD_FRESH_MS = 5_000
"""What a cell said of its zones counts for so long. It says it again with every second while anybody is inside."""

_WORSE = ("silent", "ok", "deaf", "moved")
"""Where cells differ about a gateway: who hears it at all knows more, and who misses something more still."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A committed turn took a shopper to another zone, into the store or out of it (None: not inside)."""

    key: Key
    before: Shopper | None
    after: Shopper | None
    at_ms: int
    cause: Cause


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
    crowds: dict[str, tuple[int, dict[str, Crowd]]] = field(default_factory=dict)
    """By cell, what it said last of its zones, and when."""
    health: dict[str, dict[str, ScannerHealth]] = field(default_factory=dict)
    """By cell, what it makes of gateways."""

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

    def fold(self, group: Group, committed: Committed, now_us: int) -> list[Moved]:
        """Takes in a committed group; gives who went from where to where in it, in the order of its turns."""
        moved: list[Moved] = []
        self.learn(committed.facts_version, committed.facts)
        for taken, seq in zip(group.turns, committed.seqs, strict=True):
            turn = taken.turn
            given = turn.given
            self.seq = max(self.seq, seq)
            if given.key.startswith("shopper:"):
                before = self.shoppers.get(given.key)
                after = self._visited(given.key, turn.state)
                if (before and before.zone) != (after and after.zone):
                    moved.append(Moved(given.key, before, after, given.at_ms, given.cause))
            for effect in turn.effects:
                if type(effect) is Decide:
                    took_us = max(0, now_us - given.cause.arrived_us)
                    self.decisions.append(
                        DecisionView(seq, given.at_ms, took_us, effect.decision, given.cause)
                    )
                elif type(effect) is Post and type(effect.entry) is SalePosted:
                    self.turn_to(given.local.day)
                    self._sold(effect.entry.till, effect.entry.total_minor)
        return moved

    def move(self, positions: Iterable[Position]) -> None:
        """Takes in where subjects are."""
        for position in positions:
            if position.key in self.shoppers:
                self.positions[position.key] = position

    def judge(
        self, cell: str, crowds: Sequence[Crowd], scanners: Sequence[ScannerHealth], now_ms: int
    ) -> None:
        """Takes in what a cell makes of its zones, all of them at once, and of gateways, those that it names."""
        if crowds:
            self.crowds[cell] = (now_ms, {crowd.zone: crowd for crowd in crowds})
        if scanners:
            self.health.setdefault(cell, {}).update((one.scanner, one) for one in scanners)

    def crowd(self, zone: str, now_ms: int) -> tuple[float, float] | None:
        """How many are expected in a zone over all cells, and the variance of that; None if nobody works that out."""
        if not self.shoppers:
            return 0.0, 0.0
        fresh = [said for at_ms, said in self.crowds.values() if now_ms - at_ms <= CROWD_FRESH_MS]
        if not fresh:
            return None
        here = [said[zone] for said in fresh if zone in said]
        return sum((one.expected for one in here), 0.0), sum((one.variance for one in here), 0.0)

    def judged(self, scanner: str) -> ScannerHealth | None:
        """What the cells make of a gateway, None if they make nothing of any."""
        said = [cell[scanner] for cell in self.health.values() if scanner in cell]
        return max(said, key=lambda one: (_WORSE.index(one.state), -one.since_ms), default=None)

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

    def _visited(self, key: Key, state: bytes | None) -> Shopper | None:
        shopper = None if state is None else shoppers.decode(state)
        if shopper is None or not shopper.visit:  # gone, or told something after it had left
            self.shoppers.pop(key, None)
            self.positions.pop(key, None)
            return None
        self.shoppers[key] = shopper
        return shopper

    def _sold(self, till: str, total_minor: int) -> None:
        today = self.tills.setdefault(till, TillToday())
        today.sales += 1
        today.total_minor += total_minor


def account_of(shopper: Shopper, key: Key) -> str:
    """The account that holds what this shopper is offered."""
    return ident_of(shoppers.account_key(shopper)) if shopper.subject else f"subject-{ident_of(key)}"
