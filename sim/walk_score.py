"""How well a store followed a walk: zones crossed, announced, missed, and announced that were not true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sim.recordings import Stay

GRACE_S = 3.0
"""A zone announced this long after it was left still counts for that stay: radio is late, not wrong."""


@dataclass(frozen=True, slots=True)
class Announced:
    """The store said a zone, at this time of the recording."""

    zone: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """`crossed` = matched + missed; `announced` = matched + false. `delay_s` is the median from entering to hearing."""

    crossed: int
    announced: int
    missed: tuple[Stay, ...]
    false: tuple[Announced, ...]
    delay_s: float | None


def score(stays: Sequence[Stay], announced: Sequence[Announced]) -> Score:
    """Matches each announcement with the earliest stay in its zone that it can be of; each is matched once."""
    open_stays = list(stays)
    false: list[Announced] = []
    delays: list[float] = []
    for one in announced:
        of = next(
            (
                stay
                for stay in open_stays
                if stay.zone == one.zone and stay.from_s <= one.at_s <= stay.until_s + GRACE_S
            ),
            None,
        )
        if of is None:
            false.append(one)
        else:
            open_stays.remove(of)
            delays.append(one.at_s - of.from_s)
    return Score(
        len(stays), len(announced), tuple(open_stays), tuple(false), median(delays) if delays else None
    )
