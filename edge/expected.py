"""What the radio of a floor can tell, for whoever draws its zones: worked out once for each state of the floor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actors.facts import Facts
from edge.web.floor_views import ExpectedView, ToldApart
from protocols.facts import Zone
from protocols.ids import ZoneId

_METRES_DIGITS = 2


class ExpectedDesk:
    """Answers how far off positions will be. Soft state: the last answer, and the floor that it is of."""

    def __init__(self, facts: Callable[[], Facts]) -> None:
        self._facts = facts
        self._of_version = -1
        self._view: ExpectedView | None = None
        self._working = asyncio.Lock()

    async def look(self) -> ExpectedView | None:
        """The view, or None where there is no radio map. Worked out in a thread: tills go on meanwhile."""
        async with self._working:
            facts = self._facts()
            if facts.floor_version != self._of_version:
                floor = _copied(facts)
                self._view = await asyncio.to_thread(_view, floor)
                self._of_version = floor.floor_version
            return self._view


def _copied(facts: Facts) -> Facts:
    """The floor's books as they are now: the thread must not see half of a swap."""
    floor = Facts()
    floor.floor_version, floor.plan, floor.presence = facts.floor_version, facts.plan, facts.presence
    floor.radio, floor.signals = facts.radio, dict(facts.signals)
    floor.zones, floor.scanners, floor.shelves = dict(facts.zones), dict(facts.scanners), dict(facts.shelves)
    return floor


def _view(floor: Facts) -> ExpectedView | None:
    from actors.presence.expected import APART_P, expected  # numpy: only where there is a map to look at
    from actors.presence.ground import make_ground

    ground = make_ground(floor)
    if ground is None or floor.radio is None:
        return None
    found = expected(ground, floor.radio, floor.signals)
    zones: dict[str, ToldApart] = {}
    for zone, apart in found.zones.items():
        say = ""
        if apart.own_p == 0.0:
            say = _NOWHERE.format(name=floor.zones[zone].name or zone)
        elif apart.own_p < APART_P and apart.confused_with is not None:
            say = _say(floor.zones, zone, apart.confused_with, apart.own_p, apart.other_p)
        zones[zone] = ToldApart(round(apart.own_p, 2), apart.confused_with or "", say)
    rows, columns = found.error_m.shape
    walked = found.error_m[found.error_m >= 0]
    if not walked.size:
        return None  # so narrow that nobody stands at any of the spots that are looked at
    return ExpectedView(
        cell_m=found.spot_m,
        columns=columns,
        rows=rows,
        error_m=tuple(round(float(one), _METRES_DIGITS) for one in found.error_m.ravel()),
        zones=zones,
        say=(
            f"About {float(walked.mean()):.1f} m on average, {float(walked.max()):.1f} m where it is worst.",
            _SOURCES[floor.radio.source].format(points=floor.radio.points),
        ),
    )


_SOURCES = {
    "survey": "From a survey of {points} points.",
    "scanners": "From what scanners hear of each other, {points} points. A survey tells more.",
    "plan": "From the plan alone: path loss through empty air. A survey tells more.",
}


_NOWHERE = "{name} has no spot to stand on: fixtures fill it, or it is smaller than a cell. Draw it larger."


def _say(zones: dict[str, Zone], zone: ZoneId, other: ZoneId, own_p: float, other_p: float) -> str:
    name, taken_for = zones[zone].name or zone, zones[other].name or other
    return (
        f"{name} is drawn finer than the radio can tell: right {own_p:.0%} of the time, taken for {taken_for} "
        f"{other_p:.0%}. Join the two, make it larger, or hang a scanner there."
    )
