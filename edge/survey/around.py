"""Devices heard right now, so that a person finds the one in their hand: held to a scanner, it comes much closer.

A device here is a number that means nothing once the search is over. Its id is in memory for as long, and
nowhere else. Soft state only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import fmean, quantiles

from protocols.devices.readings import is_address

SEARCH_MS = 15_000
"""A search that nobody asked for so long is over, and what it knew is forgotten."""

DEVICES_MAX = 1_000
"""Devices of one search. Above it new ones are left out: start again away from the crowd."""

SCANNERS_EACH_MAX = 8
"""Scanners remembered of one device. Others are left out: the scanner that it is held to is heard early."""

READINGS_EACH_MAX = 60
"""Readings remembered of one device and scanner; the oldest go."""

NOW_MS = 6_000
"""Readings so old still are of now: many scanners report every 3 to 5 s."""

FAR_DBM = -95.0
"""What a scanner that did not hear a device before would have heard of it."""

SHOWN_MAX = 6
"""Devices in one answer, the likeliest first."""

KINDS_LENGTH_MAX = 16

_Readings = deque[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Nearby:
    """A device and the scanner that it came closest to: how strong it is now, and how much stronger than before."""

    number: int
    kind: str
    scanner: str
    dbm: int
    rise_db: int


class Around:
    """One search. It begins with the first question and ends when nobody asks any more."""

    def __init__(self) -> None:
        self._asked_ms = -SEARCH_MS
        self._numbers: dict[str, int] = {}
        self._heard: dict[str, dict[str, _Readings]] = {}

    @property
    def searching(self) -> bool:
        """Whether readings are wanted."""
        return bool(self._asked_ms >= 0)

    def hear(self, device: str, scanner: str, dbm: float, now_ms: int) -> None:
        """A reading while a search goes on."""
        if now_ms - self._asked_ms > SEARCH_MS:
            self.end()
            return
        scanners = self._heard.get(device)
        if scanners is None:
            if len(self._heard) >= DEVICES_MAX:
                return
            scanners = self._heard[device] = {}
            self._numbers[device] = len(self._numbers) + 1
        readings = scanners.get(scanner)
        if readings is None:
            if len(scanners) >= SCANNERS_EACH_MAX:
                return
            readings = scanners[scanner] = deque(maxlen=READINGS_EACH_MAX)
        readings.append((now_ms, dbm))

    def ask(self, now_ms: int) -> tuple[Nearby, ...]:
        """The likeliest devices: strong now, and much stronger than before. Asking keeps the search going."""
        if now_ms - self._asked_ms > SEARCH_MS:
            self.end()
        self._asked_ms = now_ms
        found = [
            near
            for device, scanners in self._heard.items()
            if (near := self._nearest(device, scanners, now_ms)) is not None
        ]
        found.sort(key=lambda one: (-(one.dbm + one.rise_db), one.number))
        return tuple(found[:SHOWN_MAX])

    def device(self, number: int) -> str | None:
        """The id behind a number of this search."""
        return next((device for device, own in self._numbers.items() if own == number), None)

    def end(self) -> None:
        """Forgets everything."""
        self._asked_ms = -SEARCH_MS
        self._numbers.clear()
        self._heard.clear()

    def _nearest(self, device: str, scanners: dict[str, _Readings], now_ms: int) -> Nearby | None:
        best: tuple[float, float, str] | None = None
        for scanner, readings in scanners.items():
            now = [dbm for at_ms, dbm in readings if now_ms - at_ms <= NOW_MS]
            if not now:
                continue
            level = fmean(now[-3:])
            rise = level - _before([dbm for at_ms, dbm in readings if now_ms - at_ms > NOW_MS])
            if best is None or level > best[0]:
                best = (level, rise, scanner)
        if best is None:
            return None
        level, rise, scanner = best
        return Nearby(self._numbers[device], kind_of(device), scanner, round(level), round(max(0.0, rise)))


def kind_of(device: str) -> str:
    """What kind of id a device goes by, in a word or two; never the id itself."""
    if is_address(device):
        return "Bluetooth address"
    prefix, colon, _ = device.partition(":")
    return prefix if colon and prefix.isalnum() and len(prefix) <= KINDS_LENGTH_MAX else "beacon"


def _before(earlier: list[float]) -> float:
    """How strong a device was before: the lower quarter, so that one held for long is still told from others."""
    if not earlier:
        return FAR_DBM
    return quantiles(earlier, n=4)[0] if len(earlier) > 1 else earlier[0]
