"""A cell: hosts many entities, takes one batch at a time, and answers with every turn that it made.

    take(batch): facts, loads ─► hear ─► step inputs ─► step conclusions ─► step what was told in here ─► answer

Hard state: none. Everything here can be lost at any moment and is loaded again from the database by the
engine, which decides what is held. Presence and scales are soft stages before the turn: only what they
conclude is stepped.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from actors.concluded import Concluded
from actors.facts import Facts
from actors.kinds import BEHAVIOURS, Behaviour
from actors.presence.stage import Presence
from actors.weights import Settling
from protocols.cells import Answer, Batch, Heard, Load, Turn, Untaken, Weighed, told_id
from protocols.codec import digest, to_json, to_msgpack
from protocols.effects import Effect, PoolSpent, Post, Tell
from protocols.ids import Key, ident_of, kind_of
from protocols.inputs import Given

TOLD_STEPS_MAX = 1_000
"""Told steps made in one batch. What is beyond goes back to the engine, which commits it as Tell rows."""

TRACE_CHARS_MAX = 4_000
"""Of a trace that is kept with a parked input, the last so many characters."""


@dataclass(slots=True)
class _Held:
    """One entity in this cell: its behaviour and its state."""

    behaviour: Behaviour[Any]
    state: Any


class Cell:
    """Entities of one or more kinds, held in memory. Everything is soft: the database has the truth."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._held: dict[Key, _Held] = {}
        self._facts = Facts()
        self._presence = Presence()
        self._weights = Settling()

    def take(self, batch: Batch) -> Answer:
        """One batch, in the order load, forget, facts, pools, hear, inputs, conclusions, told steps."""
        if batch.fresh:
            self._empty()
        self._facts.apply(batch.facts, batch.facts_version)
        self._facts.pools = dict(batch.pools)
        self._presence.look(self._facts, batch.now_ms)
        for key in batch.forget:
            self._forget(key)
        for load in batch.load:
            self._load(load, batch.now_ms)
        concluded, unheard = self._hear(batch)
        turns, untaken = self._steps(batch, concluded)
        crowds, scanners = self._presence.told(batch.now_ms)
        return Answer(
            number=batch.number,
            turns=turns,
            untaken=untaken,
            unheard=unheard,
            pools=self._facts.pools,
            positions=self._presence.positions(batch.now_ms, self._facts),
            crowds=crowds,
            scanners=scanners,
            again_ms=self._presence.again_ms(),
        )

    def __len__(self) -> int:
        return len(self._held)

    def _load(self, load: Load, now_ms: int) -> None:
        behaviour = BEHAVIOURS[kind_of(load.key)]
        state = behaviour.decode(load.state) if load.state else behaviour.new(ident_of(load.key))
        self._held[load.key] = _Held(behaviour, state)
        if load.key.startswith("shopper:"):
            self._presence.admit(load.key, state.zone, now_ms)
        elif load.key.startswith("shelf:"):
            self._weights.admit(load.key, state, now_ms)

    def _forget(self, key: Key) -> None:
        self._held.pop(key, None)
        if key.startswith("shopper:"):
            self._presence.forget(key)
        elif key.startswith("shelf:"):
            self._weights.forget(key)

    def _hear(self, batch: Batch) -> tuple[list[Concluded], list[Key]]:
        """Feeds the soft stages, and lists whoever was heard of but is not held."""
        concluded: list[Concluded] = []
        unheard: dict[Key, None] = {}
        stages: tuple[
            tuple[Iterable[Heard] | Iterable[Weighed], Callable[..., tuple[Concluded, ...]]], ...
        ] = (
            (batch.heard, self._presence.hear),
            (batch.weighed, self._weights.hear),
        )
        for readings, hear in stages:
            for reading in readings:
                if reading.key in self._held:
                    concluded.extend(hear(reading, self._facts))
                else:
                    unheard[reading.key] = None
        concluded.extend(self._presence.tick(batch.now_ms, self._facts))
        concluded.extend(self._weights.tick(batch.now_ms, self._facts))
        return concluded, list(unheard)

    def _steps(self, batch: Batch, concluded: list[Concluded]) -> tuple[list[Turn], list[Untaken]]:
        waiting: deque[Given] = deque(batch.inputs)
        waiting.extend(
            Given(done.key, done.id, done.input, done.cause, batch.now_ms, batch.local) for done in concluded
        )
        owed = frozenset(batch.owed)
        told_left = TOLD_STEPS_MAX
        turns: list[Turn] = []
        untaken: list[Untaken] = []
        while waiting:
            given = waiting.popleft()
            held = self._held.get(given.key)
            if held is None:
                untaken.append(Untaken(given, "missing"))
                continue
            try:
                turn = self._step(held, given)
            except Exception:  # parked by the engine with this trace; the rest of the batch stands
                trace = traceback.format_exc()[-TRACE_CHARS_MAX:]
                untaken.append(Untaken(given, "threw", trace, to_json(held.state)))
                continue
            turns.append(turn)
            for told in tells(turn):
                if told_left > 0 and told.key in self._held and told.key not in owed:
                    told_left -= 1
                    waiting.append(told)
                else:
                    # A later Tell to the same entity must not overtake this one, which becomes a row.
                    owed |= {told.key}
        return turns, untaken

    def _step(self, held: _Held, given: Given) -> Turn:
        facts = self._facts
        facts.pools_read.clear()
        state, effects = held.behaviour.step(held.state, given, facts)
        encoded = None if state is None else to_json(state)
        turn = Turn(
            given=given,
            state=encoded,
            effects=list(effects),
            wake_at_ms=None if state is None else held.behaviour.wake_at_ms(state),
            digest=digest_of(encoded, effects),
            facts_version=facts.version,
            pools=dict(facts.pools_read),
        )
        # Nothing of the entity changes before the whole step has succeeded.
        spend(facts.pools, effects)
        if state is None:
            self._forget(given.key)
        else:
            held.state = state
        return turn


def tells(turn: Turn) -> list[Given]:
    """The inputs that a turn tells, with the ids derived from it."""
    given = turn.given
    return [
        Given(effect.key, told_id(given.id, place), effect.input, given.cause, given.at_ms, given.local)
        for place, effect in enumerate(turn.effects)
        if type(effect) is Tell
    ]


def digest_of(state: bytes | None, effects: Iterable[Effect]) -> bytes:
    """Eight bytes over an entity's state after a turn and over what the turn did."""
    return digest(state or b"", to_msgpack(tuple(effects)))


def spend(pools: dict[str, int], effects: Iterable[Effect]) -> None:
    """Counts what the effects spend, so the next step of the same batch sees it."""
    for effect in effects:
        if type(effect) is Post and type(effect.entry) is PoolSpent:
            pools[effect.entry.pool] = pools.get(effect.entry.pool, 0) + effect.entry.amount
