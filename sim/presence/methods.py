"""What is scored: something that hears packets one by one and says each time where their sender is.

Causality is the shape of the call. A method is handed a packet and answers before the next one exists; it has no
timer, so what it said holds until it is asked again. A zone on another grid is a fresh run from the first packet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from protocols.facts import SurveyPoint
from protocols.ids import UNKNOWN_ZONE
from sim.presence.grids import Floor, Grid
from sim.presence.walks import Place

NOWHERE = float("nan")
"""The coordinate of a method that has none yet."""


class Said(NamedTuple):
    """What a method says at a packet. `p` is how sure it is of the zone, 0 to 1; 0 if it does not say.

    `likeliest` is the zone that it would name if it had to, while `zone` is unknown; without it that is the one
    around x, y.
    """

    zone: str
    p: float
    x: float
    y: float
    likeliest: str = ""


SILENT = Said(UNKNOWN_ZONE, 0.0, NOWHERE, NOWHERE)
"""What holds before a method was asked."""


class Method(Protocol):
    """Soft state of one subject. `at_s` never goes back."""

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> Said:
        """Takes one packet in and says where the sender is, by this packet and those before."""
        ...


class Locator(Protocol):
    """A method that only says a place: its zone is the one around it, on any grid."""

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """Takes one packet in and says where the sender is, in metres; `NOWHERE` while it does not know."""
        ...


@dataclass(frozen=True)
class Site:
    """What is known before anybody walks: the floor, where gateways hang, and the survey if there is one.

    `smoothed_s` is what the gateways are known to report: a mean with this time constant, or 0 for readings.
    """

    floor: Floor
    gateways: dict[str, Place]
    survey: tuple[SurveyPoint, ...] = ()
    survey_text: bytes = b""
    smoothed_s: float = 0.0


@dataclass(frozen=True)
class Contender:
    """A method with its name. `by_place`: zones follow from places, so one run answers for every grid.

    `ours` is written out as events; `about` says in a line what the method does. `bare` makes it without what only
    a scorer asks for, to measure what it costs.
    """

    name: str
    about: str
    make: Callable[[Grid], Method]
    by_place: bool = False
    ours: bool = False
    bare: Callable[[Grid], Method] | None = None


class ByPlace:
    """A locator as a method on one grid."""

    def __init__(self, locator: Locator, grid: Grid) -> None:
        self._locator = locator
        self._grid = grid

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> Said:
        """The zone around the place that the locator says."""
        x, y = self._locator.hear(at_s, scanner, rssi_dbm)
        if x != x:
            return SILENT
        return Said(self._grid.zone_of(x, y), 0.0, x, y)
