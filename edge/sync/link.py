"""The line to head office as one thing: its switch, its state for the console, and when to try again."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from edge.links.reconnect import Reconnect
from edge.sync.ports import Line, LineDown

STUCK_S = 120.0
"""Up, with a backlog, and nothing acknowledged for so long: `stuck`."""

RATE_WINDOW_S = 10.0
"""How far back the drain rate looks."""

CATCHING_UP = 500
"""A backlog above this many records is worth a word on the console; below it is a moment's traffic."""

State = Literal["up", "catching_up", "stuck", "cut"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the console shows. `eta_s` is None while nothing is known of the rate, `reason` is for people."""

    state: State
    up: bool
    since_ms: int
    last_rtt_ms: float | None
    backlog: int
    rate: float
    eta_s: float | None
    reason: str = ""


class Link:
    """The switch and the state of the line. Soft: a start begins with the line down.

    Every wait on the backbone goes through `guarded`, so that `cut()` ends it at once.
    """

    def __init__(
        self,
        make_line: Callable[[], Line],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_line = make_line
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._lines: list[Line] = []
        self._open = asyncio.Event()
        self._open.set()
        self._cut = asyncio.Event()
        self._up = False
        self._since_ms = now_ms()
        self._moved_s = monotonic_s()
        self._rtt_ms: float | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self._outages = Reconnect("head office")

    def line(self) -> Line:
        """One more connection behind the switch."""
        line = self._make_line()
        self._lines.append(line)
        return line

    async def cut(self) -> None:
        """Opens the switch: closes what is connected and refuses to connect again until `heal()`."""
        self._open.clear()
        self._cut.set()
        self._went("the line was cut here")
        for line in self._lines:
            await line.drop()

    async def heal(self) -> None:
        """Closes the switch."""
        self._cut.clear()
        self._open.set()

    @property
    def is_cut(self) -> bool:
        """True between `cut()` and `heal()`."""
        return self._cut.is_set()

    async def until_open(self) -> None:
        """Waits while the line is cut."""
        await self._open.wait()

    async def guarded(self, awaitable: Awaitable[T]) -> T:
        """The result, or LineDown as soon as the line is cut; then what was under way is cancelled."""
        work = asyncio.ensure_future(awaitable)
        cut = asyncio.ensure_future(self._cut.wait())
        try:
            await asyncio.wait((work, cut), return_when=asyncio.FIRST_COMPLETED)
            if cut.done():
                raise LineDown("the line was cut here")
            return work.result()
        finally:
            cut.cancel()
            if not work.done():
                work.cancel()
            await asyncio.gather(work, cut, return_exceptions=True)

    def worked(self, rtt_ms: float | None = None) -> None:
        """Something came back over the line."""
        if self.is_cut:
            return
        if rtt_ms is not None:
            self._rtt_ms = rtt_ms
        self._outages.up()
        if not self._up:
            self._up = True
            self._since_ms = self._now_ms()
            self._moved_s = self._monotonic_s()

    def moved(self, records: int) -> None:
        """Kafka took so many records."""
        self._moved_s = self._monotonic_s()
        self._marks.append((self._moved_s, records))
        self._forget_old()

    def failed(self, reason: str) -> float:
        """An attempt failed: how many seconds to wait before the next one."""
        self._went(reason)
        return self._outages.delay_s()

    def state(self, backlog: int) -> LinkState:
        """What the console shows, given how many records wait."""
        self._forget_old()
        rate = self._rate()
        quiet_s = self._monotonic_s() - self._moved_s
        state: State
        if not self._up:
            state = "cut"
        elif backlog and quiet_s > STUCK_S:
            state = "stuck"
        else:
            state = "catching_up" if backlog > CATCHING_UP else "up"
        return LinkState(
            state=state,
            up=self._up,
            since_ms=self._since_ms,
            last_rtt_ms=self._rtt_ms if self._up else None,
            backlog=backlog,
            rate=rate,
            eta_s=backlog / rate if backlog and rate > 0 else (0.0 if not backlog and self._up else None),
            reason=self._outages.reason,
        )

    def _went(self, reason: str) -> None:
        self._outages.lost(reason)
        if self._up:
            self._up = False
            self._since_ms = self._now_ms()
            self._marks.clear()

    def _rate(self) -> float:
        if not self._marks:
            return 0.0
        span_s = max(1.0, self._monotonic_s() - self._marks[0][0])
        return sum(records for _, records in self._marks) / span_s

    def _forget_old(self) -> None:
        horizon_s = self._monotonic_s() - RATE_WINDOW_S
        while self._marks and self._marks[0][0] < horizon_s:
            self._marks.popleft()
