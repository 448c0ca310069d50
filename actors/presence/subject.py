"""What every way of presence keeps of a subject, and how it says that a zone was entered or left or a visit is over."""

from __future__ import annotations

from actors.concluded import Concluded, conclusion
from protocols.cells import Heard
from protocols.ids import UNKNOWN_ZONE, Key, SubjectId, ZoneId, ident_of
from protocols.inputs import Cause, Input, VisitEnded, ZoneEntered, ZoneLeft

SETTLE_MS = 5_000
"""How long a row that was loaded with an announced zone listens before it concludes anything."""

ROUND_MS = 200
"""How often all subjects are looked through for silence. Hearing decides at once."""

POSITION_MS = 1_000
"""A subject's position is given at most this often."""

RSSI_MIN_DBM, RSSI_MAX_DBM = -127.0, 0.0
"""Readings outside are a receiver's error codes, not signals; one of them would wreck a mean."""

STRANGERS_MAX = 256
"""Scanners named that the floor does not list. Those beyond are counted together, under `OTHERS`."""

OTHERS = "…"


class Subject:
    """One subject: the zone announced, and when and by whom it was last heard. Soft state."""

    __slots__ = (
        "arrived_us", "key", "placed_ms", "quiet_until_ms", "scanner", "seen_ms", "shown_ms", "subject", "zone",
    )  # fmt: skip

    def __init__(self, key: Key, zone: ZoneId, quiet_until_ms: int, now_ms: int) -> None:
        self.key = key
        self.subject = SubjectId(ident_of(key))
        self.zone = zone
        self.quiet_until_ms = quiet_until_ms
        self.seen_ms = now_ms  # by any scanner
        self.placed_ms = now_ms  # by a scanner of the floor
        self.shown_ms = -POSITION_MS
        self.scanner = ""
        self.arrived_us = now_ms * 1_000

    def saw(self, heard: Heard) -> None:
        """Remembers who heard it, and when."""
        self.seen_ms = heard.at_ms
        self.scanner = heard.scanner
        self.arrived_us = heard.arrived_us


class Strangers:
    """Readings by scanners that the floor does not list, by scanner."""

    def __init__(self) -> None:
        self._readings: dict[str, int] = {}

    def count(self, scanner: str) -> None:
        """One more."""
        is_named = scanner in self._readings or len(self._readings) < STRANGERS_MAX
        name = scanner if is_named else OTHERS
        self._readings[name] = self._readings.get(name, 0) + 1

    def counted(self) -> dict[str, int]:
        """A copy."""
        return dict(self._readings)


def quiet_until_ms(zone: ZoneId, now_ms: int) -> int:
    """Until when a row that was just loaded concludes nothing."""
    return now_ms if zone == UNKNOWN_ZONE else now_ms + SETTLE_MS


def announced(subject: Subject, zone: ZoneId, p: int, at: str = "") -> Concluded:
    """The subject is in another zone from now on. `at` tells apart what silence concludes from one reading."""
    before, subject.zone = subject.zone, zone
    # Where nothing is claimed nothing is entered.
    given: Input = ZoneLeft(before) if zone == UNKNOWN_ZONE else ZoneEntered(zone, max(1, min(99, p)))
    return conclusion(subject.key, given, cause_of(subject), at)


def visit_over(subject: Subject, now_ms: int) -> Concluded:
    """The visit has ended. If that turn fails the row is still here, silent from now on, and says so again later."""
    subject.seen_ms = now_ms
    return conclusion(subject.key, VisitEnded(), cause_of(subject), f"~{now_ms}")


def cause_of(subject: Subject) -> Cause:
    """The reading by which the subject was last heard."""
    return Cause(arrived_us=subject.arrived_us, scanner=subject.scanner, subject=subject.subject)
