"""How a link comes back: a delay with full jitter, and two log lines an outage."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import structlog

FIRST_S = 0.1
LONGEST_S = 5.0
"""A delay is anywhere between 0 and `FIRST_S`, doubled each attempt, at most `LONGEST_S` (full jitter)."""

STEADY_S = 5.0
"""A link that was up this long starts again at `FIRST_S`. One that flaps does not."""


class Reconnect:
    """The memory of one link's outages. Soft."""

    def __init__(
        self,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._log = structlog.get_logger("edge.links").bind(link=name)
        self._clock = clock
        self._chance = chance
        self._attempt = 0
        self._tries = 0  # since the outage began
        self._up_at_s: float | None = None
        self._down_at_s: float | None = None
        self._ever = False
        self.reason = ""

    def up(self) -> None:
        """The link is up. Says so once, with how long it was away."""
        now_s = self._clock()
        if self._down_at_s is not None:
            self._log.info("link is back", away_s=round(now_s - self._down_at_s, 3), tries=self._tries)
        elif not self._ever:
            self._log.info("link is up")
        self._ever = True
        self._up_at_s, self._down_at_s = now_s, None
        self.reason = ""

    def lost(self, reason: str) -> None:
        """The link is gone, or an attempt failed. Says so once an outage."""
        now_s = self._clock()
        self.reason = reason
        if self._up_at_s is not None and now_s - self._up_at_s >= STEADY_S:
            self._attempt = 0
        self._up_at_s = None
        if self._down_at_s is None:
            self._down_at_s = now_s
            self._tries = 0
            self._log.warning("link lost", reason=reason)

    def delay_s(self) -> float:
        """How long to wait before the next attempt."""
        ceiling_s = min(LONGEST_S, FIRST_S * 2.0 ** min(self._attempt, 30))
        self._attempt += 1
        self._tries += 1
        return ceiling_s * self._chance()
