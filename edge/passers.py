"""Strangers: how many devices that nobody enrolled are where, and nothing else is known of them.

A device is a keyed hash. The key is random, lives in memory alone and is overwritten when the business day ends, so
that afterwards nobody, with whatever the store has on disk, can tell that a device of today was here yesterday.
Of each one only the scanner that hears it best now is kept: no path, no dwell, no dot. Soft state.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping

from edge.ports import Clock

PASSERS_MAX = 50_000
"""Unknown devices counted at once. Above it new ones are not counted until others have gone quiet."""

QUIET_MS = 60_000
"""An unknown device not heard for so long is not counted any more."""

LEAD_DB = 6.0
"""Another scanner must hear a device louder by so much to take it over: each device is at one scanner."""

STALE_MS = 10_000
"""A scanner that has not heard a device for so long loses it to any other that does."""

SMOOTHING = 0.3
"""Weight of a new reading in the mean of the scanner that has the device."""

SALT_BYTES = 32
HASH_BYTES = 8


class _Passer:
    """One stranger: the scanner that has it, how loud it is there, and when it was heard there and anywhere."""

    __slots__ = ("dbm", "heard_ms", "here_ms", "scanner")

    def __init__(self, scanner: str, dbm: float, at_ms: int) -> None:
        self.scanner, self.dbm, self.here_ms, self.heard_ms = scanner, dbm, at_ms, at_ms


class Passers:
    """Counts strangers by the scanner that hears them best. Times are arrivals by the store's own clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._salt = bytearray(secrets.token_bytes(SALT_BYTES))
        self._day = ""
        self._passers: dict[bytes, _Passer] = {}  # the longest unheard first
        self._by_scanner: Counter[str] = Counter()

    def heard(self, device: str, scanner: str, dbm: float, at_ms: int) -> None:
        """A scanner heard a stranger."""
        self._look(at_ms)
        who = hashlib.blake2b(device.encode(), key=self._salt, digest_size=HASH_BYTES).digest()
        passer = self._passers.pop(who, None)
        if passer is None:
            if len(self._passers) >= PASSERS_MAX:
                return
            passer = _Passer(scanner, dbm, at_ms)
            self._by_scanner[scanner] += 1
        elif passer.scanner == scanner:
            passer.dbm += SMOOTHING * (dbm - passer.dbm)
            passer.here_ms = at_ms
        elif dbm > passer.dbm + LEAD_DB or at_ms - passer.here_ms > STALE_MS:
            self._leaves(passer)
            passer.scanner, passer.dbm, passer.here_ms = scanner, dbm, at_ms
            self._by_scanner[scanner] += 1
        passer.heard_ms = at_ms
        self._passers[who] = passer

    def count(self) -> int:
        """Strangers heard of lately."""
        self._look(self._clock.now_ms())
        return len(self._passers)

    def by_scanner(self) -> Mapping[str, int]:
        """The same by the scanner that has them; scanners that have none are left out."""
        self._look(self._clock.now_ms())
        return self._by_scanner

    def _look(self, now_ms: int) -> None:
        """Forgets who is quiet; and everybody, with the salt, when another business day has begun."""
        day = self._clock.local(now_ms).day
        if day != self._day:
            self._day = day
            self._salt[:] = secrets.token_bytes(SALT_BYTES)
            self._passers.clear()
            self._by_scanner.clear()
        while self._passers:
            who = next(iter(self._passers))
            passer = self._passers[who]
            if 0 <= now_ms - passer.heard_ms <= QUIET_MS:
                return
            del self._passers[who]
            self._leaves(passer)

    def _leaves(self, passer: _Passer) -> None:
        self._by_scanner[passer.scanner] -= 1
        if not self._by_scanner[passer.scanner]:
            del self._by_scanner[passer.scanner]
