"""The zone that a belief speaks for: its mass in each, two thresholds, and a p that knows what it misses.

A zone is entered on the mass inside it less its margin band, and left on the mass inside it with the band.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actors.concluded import Concluded
from actors.presence.bursts import Track
from actors.presence.ground import Ground
from actors.presence.subject import announced
from protocols.facts import PresenceSettings
from protocols.ids import UNKNOWN_ZONE, ZoneId

Floats = NDArray[np.float32]
Window = tuple[slice, slice]

UNSURE_MS = 1_000
"""How long no zone may be likely before the subject's zone is said to be unknown."""

MAJORITY_P = 0.5
"""While no zone holds this suffices to enter one: naming it is right more often than not."""

SURE_P, DOUBTED_P = 0.85, 0.59
"""Where a scanner that should hear the subject is silent, the belief is surer than it has reason to be: a p below the
first is then said as no more than the second."""


class Zones:
    """The zones of one ground. It holds nothing of any subject."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._places = {zone: number for number, zone in enumerate(ground.zones)}

    def shares(self, window: Window, mass: Floats) -> Floats:
        """The mass in each zone less its margin band: [zones]."""
        shares: Floats = np.tensordot(self._ground.inside[:, *window], mass, axes=2)
        return shares

    def held(self, zone: ZoneId, window: Window, mass: Floats) -> float:
        """The mass in one zone with its margin band; 0 for one that is not drawn."""
        place = self._places.get(zone)
        return 0.0 if place is None else float((self._ground.around[place, *window] * mass).sum())

    def decide(
        self,
        track: Track,
        window: Window,
        mass: Floats,
        settings: PresenceSettings,
        is_doubtful: bool,
        at: str = "",
    ) -> Concluded | None:
        """Announces another zone, or that none is likely, if the belief says so. `at` is set where time decides."""
        track.shares = inside = self.shares(window, mass)
        if track.last_ms < track.quiet_until_ms:
            return None
        p, zone = 0.0, UNKNOWN_ZONE
        if self._places:
            best = int(inside.argmax())
            p, zone = float(inside[best]), self._ground.zones[best]
        holds = track.zone != UNKNOWN_ZONE and self.held(track.zone, window, mass) > settings.leave_p
        unsure_ms, track.unsure_ms = track.unsure_ms, -1
        if p > (settings.enter_p if holds else MAJORITY_P) and zone != track.zone:
            return announced(track, zone, round(100 * doubted(p, is_doubtful)), at)
        if holds or track.zone == UNKNOWN_ZONE:
            return None
        if 0 <= unsure_ms <= track.last_ms - UNSURE_MS:
            return announced(track, UNKNOWN_ZONE, 0, at)
        track.unsure_ms = track.last_ms if unsure_ms < 0 else unsure_ms
        return None


def doubted(p: float, is_doubtful: bool) -> float:
    """p as it is said: less where a scanner is missed and the zone is not all but certain."""
    return min(p, DOUBTED_P) if is_doubtful and p < SURE_P else p
