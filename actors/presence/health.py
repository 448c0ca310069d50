"""Whether scanners hear what they should: silent, deaf, or moved ones are named, and their readings trusted less.

Every burst of every subject is a test of all scanners: by the map one near by should have heard it, at about the
level that the belief says. One that misses burst after burst is silent; one whose readings lie far below is deaf;
one whose readings scatter widely about what is expected hangs elsewhere. Soft state: begun anew with each map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actors.presence.ground import Ground
from protocols.cells import ScannerHealth

HEARABLE_DBM = -88.0
"""A scanner is missed where the map says at least this: weaker packets are lost anyway."""

MISSES = 12.0
"""Bursts in a row that a silent scanner missed. A healthy one that loses one packet in five does so by chance once in
250 million. A burst counts by the share of the scanners near by that did hear it: a reading that comes alone, from one
that reports at its own times, says little of the others."""

SILENT_MS = 6_000
"""And for so long, while others hear."""

GAPS, GAP_MAX_MS, GAP_KEPT = 3, 15_000, 0.9
"""And for so many times as long as it lately kept people waiting: a node that reports every 15 s is not silent in
between. The longest wait is forgotten by and by, to this share with each hearing."""

READINGS = 40
"""Readings that a mean of errors is worth, and that must be in before anything is said of it."""

DEAF_DB = -7.5
"""A scanner whose mean error is below this is deaf: an antenna off, a box in front of it. Of healthy ones it was -3 at
the worst on recorded walks; some of what a deaf one lacks is taken for the device's power."""

MOVED_DB = 10.0
"""One whose errors are this large in the root mean square, without being deaf, hangs elsewhere than the map says."""

HEALED = 0.75
"""A scanner is well again once it is within this share of the limit, so that it is not named to and fro."""

_NEVER = np.iinfo(np.int64).max
"""When a scanner that misses nothing began to miss something."""


class Health:
    """The scanners of one map, by their places in it."""

    def __init__(self, ground: Ground) -> None:
        count = len(ground.scanners)
        self._names = tuple(ground.scanners)
        self._misses = np.zeros(count)
        self._missed_ms = np.full(count, _NEVER, dtype=np.int64)  # since when it misses what it should hear
        self._gap_ms = np.zeros(count)
        self._lacks_db = np.zeros(count)  # how much weaker than by the map a deaf one hears, so misses more
        self._mean = [0.0] * count  # lists: each reading changes one number
        self._square = [0.0] * count
        self._readings = [0] * count
        self._state: list[str] = ["ok"] * count
        self._since_ms = [0] * count
        self._silent: frozenset[int] = frozenset()

    def read(self, scanner: int, off_db: float) -> None:
        """A reading was `off_db` above what the belief expected."""
        self._readings[scanner] += 1
        gain = 1 / min(self._readings[scanner], READINGS)
        bounded = max(-40.0, min(40.0, off_db))
        self._mean[scanner] += gain * (bounded - self._mean[scanner])
        self._square[scanner] += gain * (bounded * bounded - self._square[scanner])

    def burst(self, heard: set[int], level: NDArray[np.float32], now_ms: int) -> None:
        """A burst of one subject is over: who heard it, and the level that each scanner should have heard."""
        missed = level + self._lacks_db >= HEARABLE_DBM
        share = min(1.0, len(heard) / max(1, int(np.count_nonzero(missed))))
        for scanner in heard:
            missed[scanner] = False
            if self._missed_ms[scanner] != _NEVER:
                if self._state[scanner] != "silent":
                    gap_ms = min(max(0, now_ms - int(self._missed_ms[scanner])), GAP_MAX_MS)
                    self._gap_ms[scanner] = max(gap_ms, GAP_KEPT * self._gap_ms[scanner])
                self._missed_ms[scanner] = _NEVER
            else:
                self._gap_ms[scanner] *= GAP_KEPT
            self._misses[scanner] = 0.0
        self._misses[missed] += share
        self._missed_ms[missed] = np.minimum(self._missed_ms[missed], now_ms)

    def silent(self) -> frozenset[int]:
        """The scanners that are silent now."""
        return self._silent

    def distrust(self, scanner: int) -> float:
        """Further variance of this scanner's readings, in dB²: that of its errors, if it is deaf or has moved."""
        return self._square[scanner] if self._state[scanner] in ("deaf", "moved") else 0.0

    def told(self, now_ms: int) -> list[ScannerHealth]:
        """Every scanner's state."""
        return [
            ScannerHealth(name, state, since_ms, round(off_db, 1))  # type: ignore[arg-type]
            for name, state, since_ms, off_db in zip(
                self._names, self._state, self._since_ms, self._mean, strict=True
            )
        ]

    def judge(self, now_ms: int) -> None:
        """Looks at all scanners. Names change here and nowhere else, so that a burst costs little."""
        for scanner in range(len(self._names)):
            self._judge(scanner, now_ms)

    def _judge(self, scanner: int, now_ms: int) -> None:
        before = self._state[scanner]
        state = "ok"
        patience_ms = max(SILENT_MS, GAPS * self._gap_ms[scanner])
        if self._misses[scanner] >= MISSES and now_ms - self._missed_ms[scanner] >= patience_ms:
            state = "silent"
        elif self._readings[scanner] >= READINGS:
            limit = HEALED if before in ("deaf", "moved") else 1.0
            if self._mean[scanner] <= DEAF_DB * limit:
                state = "deaf"
            elif self._square[scanner] >= (MOVED_DB * limit) ** 2:
                state = "moved"
        if state != before:
            self._state[scanner], self._since_ms[scanner] = state, now_ms
            self._silent = frozenset(n for n, one in enumerate(self._state) if one == "silent")
        if state != "silent":
            self._lacks_db[scanner] = min(0.0, self._mean[scanner]) if state == "deaf" else 0.0
