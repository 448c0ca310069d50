"""Presence in a cell: by the radio map where there is one, else by the nearest scanner; swapped while people walk.

Which way is a setting of the store and the state of its radio map, both facts: when one of the floor's books
changes, the way is chosen anew, and every subject goes on from the zone that was announced last; where zones alone
were drawn anew, also from the place where it was believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence.nearest import Nearest
from protocols.cells import Crowd, Heard, Position, ScannerHealth
from protocols.ids import Key, ZoneId

if TYPE_CHECKING:  # a store without a radio map does without numpy
    from actors.presence.mapped import Mapped

TELL_MS = 1_000
"""Crowds and scanners are told at most this often."""


class Presence:
    """The stage of one cell. Soft state throughout."""

    def __init__(self) -> None:
        self._way: Nearest | Mapped = Nearest()
        self._floor_version = 0
        self._told_ms = 0

    def look(self, facts: Facts, now_ms: int) -> None:
        """Chooses the way anew if the floor changed. Costs nothing otherwise."""
        if facts.floor_version == self._floor_version:
            return
        self._floor_version = facts.floor_version
        way = _chosen(facts)
        if isinstance(way, Nearest) and isinstance(self._way, Nearest):
            return  # it reads the floor from the facts each time, so it goes on as it is
        if not isinstance(way, Nearest) and not isinstance(self._way, Nearest) and self._way.redrawn(way):
            return  # zones alone were drawn anew: who stands where is known
        for key, zone in self._way.subjects():
            way.admit(key, zone, now_ms)
        self._way = way

    @property
    def by_map(self) -> bool:
        """Whether zones are told by the radio map."""
        return not isinstance(self._way, Nearest)

    def admit(self, key: Key, zone: ZoneId, now_ms: int) -> None:
        """A row for a shopper that was just loaded: in its announced zone, silent from now on."""
        self._way.admit(key, zone, now_ms)

    def forget(self, key: Key) -> None:
        """Drops the row. What it knew is learned again when the subject is next heard."""
        self._way.forget(key)

    def hear(self, heard: Heard, facts: Facts) -> tuple[Concluded, ...]:
        """Takes one sighting in."""
        return self._way.hear(heard, facts)

    def tick(self, now_ms: int, facts: Facts) -> tuple[Concluded, ...]:
        """What was heard and what silence concludes. Cheap when called too often."""
        return self._way.tick(now_ms, facts)

    def again_ms(self) -> int:
        """In how many milliseconds `tick` should be called though nothing is heard; 0 if that can wait."""
        return 0 if isinstance(self._way, Nearest) else self._way.again_ms()

    def position(self, key: Key, now_ms: int, facts: Facts) -> Position:
        """Where one subject is by now. Raises KeyError for one without a row."""
        return self._way.position(key, now_ms, facts)

    def positions(self, now_ms: int, facts: Facts) -> list[Position]:
        """Where the subjects heard since the last call are."""
        return self._way.positions(now_ms, facts)

    def told(self, now_ms: int) -> tuple[list[Crowd], list[ScannerHealth]]:
        """How many each zone holds and what is made of each scanner: empty without a map, and between the times."""
        if isinstance(self._way, Nearest) or 0 <= now_ms - self._told_ms < TELL_MS:
            return [], []
        self._told_ms = now_ms
        return self._way.crowds(), self._way.scanners(now_ms)


def _chosen(facts: Facts) -> Nearest | Mapped:
    radio, method = facts.radio, facts.presence.method
    if radio is None or method == "nearest" or (method == "auto" and radio.source == "plan"):
        return Nearest()
    from actors.presence.ground import make_ground
    from actors.presence.mapped import Mapped

    ground = make_ground(facts)
    return Nearest() if ground is None else Mapped(ground, facts)
