"""Scanners that hear each other: readings of their own beacons, counted a pair, each pair a survey point's row.

A scanner's beacon is the device id that floor.yaml gives it, or `node:<scanner>`, as ESPresense calls its nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge.book_survey import RSSI_MAX, RSSI_MIN
from protocols.devices.readings import device_id
from protocols.errors import Nonsense
from protocols.facts import Scanner, SurveyPoint

SECONDS_MAX = 24 * 3600
"""Longest listening. A day covers a shop full and empty."""

SAVE_S = 30.0
"""What was heard is written so often, and at the end: a store that dies loses no more."""


class Mutual:
    """Readings of beacons of scanners by other scanners, from `since_ms` until `until_ms`."""

    def __init__(self, scanners: Mapping[str, Scanner], since_ms: int, until_ms: int) -> None:
        self.since_ms, self.until_ms = since_ms, until_ms
        self.heard: dict[str, dict[str, dict[int, int]]] = {}
        self._whose: dict[str, str] = {}
        self.know(scanners)

    def know(self, scanners: Mapping[str, Scanner]) -> None:
        """Which device is which scanner's beacon, by the floor as it is now."""
        self._whose = beacons(scanners)

    def hear(self, devices: Iterable[str], scanner: str, dbm: float, now_ms: int) -> None:
        """A reading; nothing happens unless it is of another scanner's beacon, and in time."""
        if now_ms > self.until_ms:
            return
        for device in devices:
            by = self._whose.get(device)
            if by is not None:
                if by != scanner:
                    counts = self.heard.setdefault(by, {}).setdefault(scanner, {})
                    level = max(RSSI_MIN, min(RSSI_MAX, round(dbm)))
                    counts[level] = counts.get(level, 0) + 1
                return

    def close(self, now_ms: int) -> None:
        """Hears no more from now on."""
        self.until_ms = min(self.until_ms, now_ms)

    def points(self, scanners: Mapping[str, Scanner], day: str) -> tuple[SurveyPoint, ...]:
        """A point for each scanner that was heard, at its place."""
        return tuple(
            SurveyPoint(
                place.x,
                place.y,
                place.z,
                by,
                {one: dict(counts) for one, counts in self.heard[by].items()},
                day,
            )
            for by, place in sorted(scanners.items())
            if by in self.heard
        )


def beacons(scanners: Mapping[str, Scanner]) -> dict[str, str]:
    """Device id to the scanner whose beacon it is."""
    found = {f"node:{name}": name for name in scanners}
    for name, place in scanners.items():
        try:
            found[device_id(place.beacon)] = name
        except Nonsense:
            continue  # it has none, or none that any message could name
    return found
