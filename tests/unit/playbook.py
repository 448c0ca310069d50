"""Conversations with an entity: an input, and the effects that are expected of it, with a readable difference."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from actors.facts import Facts
from actors.kinds import BEHAVIOURS, Behaviour
from protocols.codec import to_json
from protocols.effects import Effect, PoolSpent, Post
from protocols.facts import BOOKS, Fact
from protocols.ids import Key, ident_of, kind_of
from protocols.inputs import Cause, Given, Input, Local

E = TypeVar("E", bound=msgspec.Struct)
T0 = 1_700_000_000_000
MONDAY = Local(day="2026-03-02", minute=600, weekday=0)


def facts_of(**books: dict[str, Any]) -> Facts:
    """Facts with these books, through the same door as in a cell: `facts_of(zone={"dairy": Zone("Dairy")})`."""
    facts = Facts()
    rows = [
        Fact(book, key, 1, to_json(value)) for book, values in books.items() for key, value in values.items()
    ]
    assert set(books) <= set(BOOKS)
    facts.apply(rows, 1)
    return facts


class Playbook(Generic[E]):
    """One entity in conversation. Time stands still unless `at_s` says how many seconds after the start it is.

    After each step the state is saved and read back, so nothing here passes that would not survive a crash.
    """

    def __init__(self, key: str, facts: Facts, state: E | None = None) -> None:
        self.key = Key(key)
        self.facts = facts
        self.behaviour: Behaviour[Any] = BEHAVIOURS[kind_of(self.key)]
        self.state: E = self.behaviour.new(ident_of(self.key)) if state is None else state
        self.gone = False
        self.taken = 0
        self.effects: tuple[Effect, ...] = ()

    def take(
        self, given: Input, at_s: float = 0, *, operation: str = "", local: Local = MONDAY
    ) -> tuple[Effect, ...]:
        """Steps one input; gives its effects."""
        self.taken += 1
        at_ms = T0 + round(at_s * 1000)
        cause = Cause(arrived_us=at_ms * 1000, operation=operation)
        turn = Given(self.key, f"t{self.taken}", given, cause, at_ms, local, operation=operation)
        before = to_json(self.state)
        state, effects = self.behaviour.step(self.state, turn, self.facts)
        assert to_json(self.state) == before, "a step changed the state that it was given"
        again = self.behaviour.step(self.state, turn, self.facts)
        assert again == (state, effects), "a step gave two results for the same arguments"
        self.effects = effects
        for effect in effects:
            if isinstance(effect, Post) and isinstance(effect.entry, PoolSpent):
                pools = self.facts.pools
                pools[effect.entry.pool] = pools.get(effect.entry.pool, 0) + effect.entry.amount
        if state is None:
            self.gone = True
            self.state = self.behaviour.new(ident_of(self.key))
            return effects
        saved = self.behaviour.decode(to_json(state))
        assert saved == state, shown_difference([state], [saved])
        self.state = saved
        return effects

    def expect(self, given: Input, *expected: Effect, at_s: float = 0, operation: str = "") -> None:
        """Steps one input; its effects must be exactly these, in this order."""
        effects = self.take(given, at_s, operation=operation)
        assert list(effects) == list(expected), shown_difference(expected, effects)

    def only(self, kind: type[E2]) -> list[E2]:
        """The effects of the last step of one kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def one(self, kind: type[E2]) -> E2:
        """The one effect of its kind in the last step."""
        found = self.only(kind)
        assert len(found) == 1, shown_difference([kind.__name__], self.effects)
        return found[0]

    @property
    def wake_s(self) -> float | None:
        """When the entity wants to be woken, in seconds after the start."""
        wake_at_ms = self.behaviour.wake_at_ms(self.state)
        return None if wake_at_ms is None else (wake_at_ms - T0) / 1000


E2 = TypeVar("E2")


def shown_difference(expected: Sequence[Any], found: Sequence[Any]) -> str:
    """Both lists, one effect a line, as a difference."""
    return "\n" + "\n".join(difflib.ndiff([repr(one) for one in expected], [repr(one) for one in found]))
