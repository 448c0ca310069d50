"""Bursts: a device sends every so often, and all scanners hear it within a few milliseconds.

Within a burst nobody walks. Readings that come alone, from scanners that report at their own times, are bursts of one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actors.presence.smoothing import Unsmoothed
from actors.presence.subject import Subject
from protocols.cells import Heard
from protocols.ids import Key, ZoneId

BURST_GAP_MS = 50
"""Readings further apart belong to two bursts: gateways hand a packet on within a few milliseconds of each other."""

BURST_MS_MAX = 250
"""A burst ends after so long at the latest: where scanners report at their own times there are no gaps to wait for."""

USUAL_FIRST = 5.0
"""Readings of a usual burst of somebody who was not heard yet."""


class Track(Subject):
    """One subject: its slot among the beliefs, the burst that is under way, and what it was heard with before."""

    __slots__ = (
        "began_ms", "begun", "believed_ms", "burst", "decided", "last_ms", "lost", "raw", "recent", "shares", "slot",
        "taken", "unsure_ms", "usual",
    )  # fmt: skip

    def __init__(self, key: Key, zone: ZoneId, quiet_ms: int, now_ms: int) -> None:
        super().__init__(key, zone, quiet_ms, now_ms)
        self.slot = -1
        self.burst: list[tuple[int, float, float]] = []  # scanner, dBm, further variance
        self.taken = 0  # of them the belief has heard so many
        self.decided = True
        self.begun = False
        self.began_ms = self.believed_ms = self.last_ms = now_ms
        self.lost = 1.0
        self.recent: dict[int, tuple[float, int]] = {}  # by scanner: usual dBm, and when it was last heard
        self.raw: dict[int, Unsmoothed] = {}
        self.shares: NDArray[np.float32] | None = None  # the mass in each zone when it decided last
        self.unsure_ms = -1
        self.usual = USUAL_FIRST

    def over(self) -> None:
        """The burst is over: the next reading begins another one."""
        self.burst, self.taken = [], 0


def bursts_of(track: Track, heard: list[Heard]) -> list[tuple[bool, list[Heard]]]:
    """The readings in portions: (whether it begins a burst, its readings)."""
    portions: list[tuple[bool, list[Heard]]] = []
    is_open, began_ms, last_ms = bool(track.burst), track.began_ms, track.last_ms
    for one in heard:
        at_ms = one.at_ms
        starts = not is_open or abs(at_ms - last_ms) > BURST_GAP_MS or at_ms - began_ms > BURST_MS_MAX
        if starts or not portions:
            portions.append((starts, []))
        if starts:
            is_open, began_ms, last_ms = True, at_ms, at_ms
        portions[-1][1].append(one)
        last_ms = max(last_ms, at_ms)
    return portions
