"""A shelf's scale as a soft stage before the turn: only a weight that has come to rest elsewhere is a turn.

    Weighed ─► hear ─┐
    now     ─► tick ─┴─► WeightSettled(before, after) ─► the shelf's turn

Readings that stay within a tolerance of each other for `SETTLED_READINGS` and `SETTLED_MS` are a rest; a
scale that speaks only when something changes is at rest once it has kept quiet for `QUIET_MS`. The weight
before is the last rest, which slow drift within the tolerance moves along without a word.
"""

from __future__ import annotations

from typing import Any

from actors.concluded import Concluded, conclusion
from actors.facts import Facts
from protocols.cells import Weighed
from protocols.ids import Key, ident_of
from protocols.inputs import Cause, WeightSettled

TOLERANCE_MIN_G = 5
"""Scales of this kind resolve a few grams; less is noise whatever the piece weighs."""

TOLERANCE_OF_PIECE_PCT = 20
"""A piece never differs from the next one by more than this, and a change of less is nobody's piece."""

SETTLED_READINGS = 3
SETTLED_MS = 400
QUIET_MS = 1_500

DRIFT_SHARE = 1 / 16
"""How much of a reading within the tolerance goes into the rest: sixteen readings follow a drift, a spike does not."""

GRAMS_MAX = 10_000_000
"""Ten tonnes. A reading beyond is a fault of the scale, not a weight."""


class _Scale:
    """One shelf's scale: its last rest, and the candidate for the next one."""

    __slots__ = ("arrived_us", "count", "first_g", "first_ms", "last_ms", "rest_g", "sum_g")

    def __init__(self, rest_g: float | None) -> None:
        self.rest_g = rest_g
        self.count = 0  # readings of the candidate; 0 while there is none
        self.first_g = self.sum_g = self.first_ms = self.last_ms = self.arrived_us = 0


class Settling:
    """The scales of the shelves that a cell holds. Soft state throughout."""

    def __init__(self) -> None:
        self._scales: dict[Key, _Scale] = {}
        self._moving: dict[Key, _Scale] = {}
        self.refused = 0
        """Readings that were no weight."""

    def admit(self, key: Key, shelf: Any, now_ms: int) -> None:
        """A row for a shelf that was just loaded: at rest where the shelf last knew it, or not known yet."""
        self._scales[key] = _Scale(shelf.weight_g)
        self._moving.pop(key, None)

    def forget(self, key: Key) -> None:
        """Drops the row; a rest that was not concluded yet is found again."""
        self._scales.pop(key, None)
        self._moving.pop(key, None)

    def hear(self, weighed: Weighed, facts: Facts) -> tuple[Concluded, ...]:
        """Takes one reading in. A shelf without a row, or a reading that is no weight, changes nothing."""
        scale = self._scales.get(weighed.key)
        if scale is None:
            return ()
        grams = weighed.grams
        if not -GRAMS_MAX <= grams <= GRAMS_MAX:
            self.refused += 1
            return ()
        tolerance_g = _tolerance_g(weighed.key, facts)
        if scale.rest_g is not None and abs(grams - scale.rest_g) <= tolerance_g:
            scale.rest_g += (grams - scale.rest_g) * DRIFT_SHARE
            scale.count = 0
            self._moving.pop(weighed.key, None)
            return ()
        if scale.count == 0 or abs(grams - scale.first_g) > tolerance_g:
            scale.count, scale.sum_g = 0, 0
            scale.first_g, scale.first_ms = grams, weighed.at_ms
        scale.count += 1
        scale.sum_g += grams
        scale.last_ms, scale.arrived_us = weighed.at_ms, weighed.arrived_us
        self._moving[weighed.key] = scale
        if scale.count >= SETTLED_READINGS and weighed.at_ms - scale.first_ms >= SETTLED_MS:
            return (self._settle(weighed.key, scale),)
        return ()

    def tick(self, now_ms: int, facts: Facts) -> tuple[Concluded, ...]:
        """Whatever has come to rest because its scale kept quiet. Costs nothing while no scale moves."""
        if not self._moving:
            return ()
        quiet = [(key, scale) for key, scale in self._moving.items() if now_ms - scale.last_ms >= QUIET_MS]
        return tuple(self._settle(key, scale) for key, scale in quiet)

    def _settle(self, key: Key, scale: _Scale) -> Concluded:
        after_g = round(scale.sum_g / scale.count)
        # The first rest ever is no change: the shelf counts what lies there.
        before_g = after_g if scale.rest_g is None else round(scale.rest_g)
        scale.rest_g = float(after_g)
        scale.count = 0
        del self._moving[key]
        shelf = ident_of(key)
        cause = Cause(arrived_us=scale.arrived_us, scanner=shelf, subject=shelf)
        return conclusion(key, WeightSettled(before_g, after_g), cause)


def _tolerance_g(key: Key, facts: Facts) -> int:
    place = facts.shelves.get(ident_of(key))
    unit_g = 0 if place is None else place.unit_g
    return max(TOLERANCE_MIN_G, unit_g * TOLERANCE_OF_PIECE_PCT // 100)
