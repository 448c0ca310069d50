"""The store's one clock: it never goes back, starts no earlier than what was committed, and notices jumps.

Between two looks it runs with the monotonic clock, so a correction of wall time cannot make it stand still for
long or run twice. Business day, minute and weekday are the store's own, by its time zone and closing hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from protocols.inputs import Local

JUMP_BACK_MS = 5_000
"""A wall clock that was set back by more is a jump; by less, our clock waits until wall time has caught up."""

JUMP_AHEAD_MS = 5_000
"""A wall clock that ran ahead of the monotonic one by more, since the last look, was set."""


class WallClock:
    """Time from the machine. Soft: the offset to the monotonic clock; hard is the high water, kept by commits."""

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
        self._offset_us = wall_us() - monotonic_us()
        self._minute = -1
        self._local = Local("", 0, 0)

    def now_us(self) -> int:
        """Microseconds since 1970. Never less than before."""
        now_us = self._wall_us()
        self._last_us = max(now_us, self._last_us)
        return self._last_us

    def now_ms(self) -> int:
        """Milliseconds since 1970. Never less than before."""
        return self.now_us() // 1_000

    def jumped_ms(self) -> int:
        """By how much wall time was set since the last look, 0 if it only drifted. Look about once a second."""
        offset_us = self._wall_us() - self._monotonic_us()
        by_ms = (offset_us - self._offset_us) // 1_000
        if by_ms > JUMP_AHEAD_MS:
            self._offset_us = offset_us
            return by_ms
        if by_ms < -JUMP_BACK_MS:
            self._offset_us = offset_us
            self._last_us = (
                self._wall_us()
            )  # a person set it: the store's time follows, deadlines are re-based
            return by_ms
        return 0

    def local(self, at_ms: int) -> Local:
        """The store's calendar at an instant; the business day ends at the closing hour of the next morning."""
        minute = at_ms // 60_000
        if minute != self._minute:
            self._local = local_of(at_ms, self._zone, self._closing_hour)
            self._minute = minute
        return self._local

    def minutes_east(self, at_ms: int) -> int:
        """The store's clock against UTC at an instant."""
        offset = datetime.fromtimestamp(at_ms / 1_000, self._zone).utcoffset()
        return int((offset or timedelta()).total_seconds() // 60)


def local_of(at_ms: int, zone: ZoneInfo, closing_hour: int) -> Local:
    """Business day, minute of the day and weekday (of the business day) at an instant in a zone."""
    at = datetime.fromtimestamp(at_ms / 1_000, zone)
    day = at.date()
    if at.hour < closing_hour:
        day -= timedelta(days=1)
    return Local(day.isoformat(), at.hour * 60 + at.minute, day.weekday())
