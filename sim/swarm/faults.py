"""Seeded trouble. The same seed and the same plan give the same trouble in the same places."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How often what goes wrong: chances from 0 to 1, latencies in seconds. The default plan is calm."""

    seed: int = 0
    cell_lost_before: float = 0.0
    cell_lost_after: float = 0.0
    commit_refused: float = 0.0
    disk_full: float = 0.0
    cell_s: tuple[float, float] = (0.0005, 0.002)
    commit_s: tuple[float, float] = (0.0005, 0.003)


class Faults:
    """Draws from a plan."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._chance = random.Random(plan.seed)
        self.is_calm = False

    def calm(self) -> None:
        """The trouble is over: from now on everything must come right."""
        self.is_calm = True

    def strikes(self, chance: float) -> bool:
        """True as often as the chance says. A chance of 0 draws nothing, so calm runs stay the same."""
        return not self.is_calm and chance > 0 and self._chance.random() < chance

    def latency_s(self, bounds: tuple[float, float]) -> float:
        """A time between the bounds."""
        return self._chance.uniform(*bounds)
