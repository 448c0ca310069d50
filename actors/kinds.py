"""What a cell must know of each kind of entity, and the table of kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from actors import account, shelf, shopper, sign
from actors.facts import Facts
from protocols.effects import Effect
from protocols.ids import Kind
from protocols.inputs import Given

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Behaviour(Generic[S]):
    """One kind of entity as pure functions over its state `S`, a frozen struct that is saved as JSON.

    `step` gives None for an entity that is gone. `decode` takes every state that an earlier release saved.
    """

    new: Callable[[str], S]
    decode: Callable[[bytes], S]
    step: Callable[[S, Given, Facts], tuple[S | None, tuple[Effect, ...]]]
    wake_at_ms: Callable[[S], int | None]


BEHAVIOURS: dict[Kind, Behaviour[Any]] = {
    "shopper": Behaviour(shopper.new, shopper.decode, shopper.step, shopper.wake_at_ms),
    "shelf": Behaviour(shelf.new, shelf.decode, shelf.step, shelf.wake_at_ms),
    "sign": Behaviour(sign.new, sign.decode, sign.step, sign.wake_at_ms),
    "account": Behaviour(account.new, account.decode, account.step, account.wake_at_ms),
}
