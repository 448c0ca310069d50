"""The store's one clock: it starts no earlier than what was committed, never goes back by itself, notices jumps.

    now = monotonic time + offset                     the offset changes in `jumped_ms` alone, once a second
    look: wall is ahead, or behind by little ─► follow: at once ahead, slowly back
          wall was set by more ─► follow, and tell by how much: the engine journals ClockSet

Between two looks nothing that is done to wall time is seen, so no deadline passes before it could be re-based.
Business day, minute and weekday are the store's own, by its time zone and closing hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from protocols.inputs import Local

JUMP_US = 5_000_000
"""Wall time that left the clock by more, either way, was set by somebody; by less, it was corrected."""

SLOWER_US = 100_000
"""The most that the clock is held back at one look, so that small corrections never make it stand still."""

NO_CLOCK_BEFORE_US = 1_767_225_600_000_000
"""2026-01-01 UTC, before the first release. A wall clock that says less has lost its battery: it is not followed."""

LOCAL_MS_MAX = 253_370_764_800_000
"""9999-01-01 UTC. A calendar is asked for instants that others sent; beyond this there is none."""


class WallClock:
    """Time from the machine. Soft: the offset to the monotonic clock; hard is the high water, kept by commits.

    Handed other sources than the machine's, it is the clock of tests and of virtual time.
    """

    def __init__(
        self,
        timezone: str,
        closing_hour: int,
        high_water_ms: int = 0,
        *,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
        monotonic_us: Callable[[], int] = lambda: time.monotonic_ns() // 1_000,
    ) -> None:
        self._zone = ZoneInfo(timezone)
        self._closing_hour = closing_hour
        self._wall_us, self._monotonic_us = wall_us, monotonic_us
        self._last_us = high_water_ms * 1_000
        self._offset_us = max(wall_us(), self._last_us) - monotonic_us()
        self._minute = -1
        self._local = Local("", 0, 0)

    def now_us(self) -> int:
        """Microseconds since 1970. Never less than before, but for a jump back that `jumped_ms` has told."""
        now_us = self._monotonic_us() + self._offset_us
        if now_us > self._last_us:
            self._last_us = now_us
        return self._last_us

    def now_ms(self) -> int:
        """Milliseconds since 1970, like `now_us`."""
        return self.now_us() // 1_000

    def jumped_ms(self) -> int:
        """Follows wall time; gives by how much it was set since the last look, 0 if it was not. Look once a second."""
        wall_us = self._wall_us()
        if wall_us < NO_CLOCK_BEFORE_US:
            return 0  # our own time goes on, from the high water
        ahead_us = wall_us - self._monotonic_us() - self._offset_us
        if -JUMP_US <= ahead_us <= JUMP_US:
            self._offset_us += max(ahead_us, -SLOWER_US)
            return 0
        self._offset_us += ahead_us
        self._last_us = wall_us
        return ahead_us // 1_000

    def local(self, at_ms: int) -> Local:
        """The store's calendar at an instant; the business day ends at the closing hour of the next morning."""
        minute = at_ms // 60_000
        if minute != self._minute:  # worked out once a minute: it stands in every input
            self._local = local_of(at_ms, self._zone, self._closing_hour)
            self._minute = minute
        return self._local

    def minutes_east(self, at_ms: int) -> int:
        """The store's clock against UTC at an instant."""
        offset = datetime.fromtimestamp(at_ms / 1_000, self._zone).utcoffset()
        return int((offset or timedelta()).total_seconds() // 60)


def local_of(at_ms: int, zone: ZoneInfo, closing_hour: int) -> Local:
    """Business day, minute of the local day, and weekday of the business day, at an instant in a zone.

    By the wall in the store: an hour that a change of daylight saving time skips does not occur, one that it
    repeats occurs twice. Instants before 1970 and after year 9998 count as those.
    """
    at = datetime.fromtimestamp(min(max(at_ms, 86_400_000), LOCAL_MS_MAX) // 1_000, zone)
    day = at.date()
    if at.hour < closing_hour:
        day -= timedelta(days=1)
    return Local(day.isoformat(), at.hour * 60 + at.minute, day.weekday())
