"""An event loop in virtual time: sleeping costs nothing, order is repeatable, and it can be cut at any step.

The loop's clock jumps to the next timer whenever nothing is ready. A step is one pass of the loop, so between two
steps every coroutine stands at an await: `crash_at` cuts there, as a power failure would. Nothing that was cut
runs any further, not even its `finally`: what a dead process would not do is not done.
"""

from __future__ import annotations

import asyncio
import ctypes
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

STEPS_MAX = 2_000_000
"""Passes of one loop. A simulation that needs more is stuck in a circle, and says so."""


class Crashed(BaseException):
    """The loop was cut here."""


class Stuck(Exception):
    """Nothing is ready, and no timer is set: the simulation would wait for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs coroutines with time that jumps. `crash_at` is the step at which it is cut, None for never."""

    def __init__(self, *, start_s: float = 0.0, crash_at: int | None = None) -> None:
        self.now_s = start_s
        self.steps = 0
        self.crash_at = crash_at
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now_s

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs `main` to its end, or until the loop is cut (raises Crashed)."""
        try:
            return self.run_until_complete(main)
        finally:
            if self.crash_at is None or self.steps < self.crash_at:
                self._wind_down()

    def bury(self) -> None:
        """After a crash: keeps what is left, so nothing of it ever runs."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            # One reference too many: collecting a coroutine would run its `finally`, which the dead do not do.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        for end in (self._ssock, self._csock):  # type: ignore[attr-defined]
            end.close()
        self._selector.close()  # type: ignore[attr-defined]
        asyncio.events._set_running_loop(None)

    def _wind_down(self) -> None:
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.close()


class _Jump(selectors.BaseSelector):
    """A selector that never waits: instead of sleeping until the next timer, it moves the clock there."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        loop.steps += 1
        if loop.crash_at is not None and loop.steps >= loop.crash_at:
            raise Crashed
        if loop.steps > STEPS_MAX:
            raise Stuck(f"{STEPS_MAX} steps and no end")
        ready = self._real.select(0)
        if not ready:
            if timeout is None:
                raise Stuck("nothing is ready and no timer is set")
            loop.now_s += max(0.0, timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()
