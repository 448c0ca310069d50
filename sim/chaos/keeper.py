"""Starts again what ended, as systemd would, and notes how long the store's tills were not served."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.chaos.asking import Asking, NoAnswer
from sim.processes import Child

RESTART_S = 0.1
"""systemd's own default for RestartSec."""

RESTART_MAX_S = 2.0
"""A service that ends at once again is started less and less often, up to this."""

STEADY_S = 5.0
"""What ran so long is started again quickly."""

LOOK_S = 0.02

PROBE_S = 0.25
"""How long a probe of the store waits for its answer."""

READY_S = 60.0


@dataclass(slots=True)
class Kept:
    """What the keeper saw: starts of each service, and how long the store served nobody.

    `serving_s` counts from a kill until tills are served, if it was not killed again before; the longest outage
    counts from the first kill of several.
    """

    starts: Counter[str] = field(default_factory=Counter)
    serving_s: list[float] = field(default_factory=list)
    longest_outage_s: float = 0.0


class Keeper:
    """Keeps services running until it is told to let them go. Soft state only."""

    def __init__(self, services: dict[str, Child], http_port: int, log: Callable[[str], None]) -> None:
        self._services = services
        self._log = log
        self._http_port = http_port
        self.kept = Kept()
        self._probe: asyncio.Task[None] | None = None
        self._out_since_s = 0.0

    async def run(self) -> None:
        """Holds all of them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, child in self._services.items():
                tasks.create_task(self._keep(name, child), name=f"keeper {name}")

    def engine_killed(self) -> None:
        """The store was killed now: notes when it serves tills again, unless it is killed again before."""
        now_s = time.monotonic()
        if self._probe is not None and not self._probe.done():
            self._probe.cancel()
        else:
            self._out_since_s = now_s
        self._probe = asyncio.create_task(self._until_served(now_s), name="probe")

    async def settled(self) -> None:
        """Returns when the last outage is over."""
        if self._probe is not None:
            await self._probe

    async def _keep(self, name: str, child: Child) -> None:
        pause_s = RESTART_S
        while True:
            await asyncio.sleep(LOOK_S)
            if child.running:
                continue
            if time.monotonic() - child.started_at > STEADY_S:
                pause_s = RESTART_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_MAX_S)
            child.spawn()
            self._log(f"start {name} {child.pid}")
            self.kept.starts[name] += 1

    async def _until_served(self, since_s: float) -> None:
        asking = Asking(self._http_port)
        try:
            while time.monotonic() - since_s < READY_S:
                with contextlib.suppress(NoAnswer):
                    if (await asking.get("/api/v1/health", PROBE_S)).status == 200:
                        break
                await asyncio.sleep(LOOK_S)
        finally:
            asking.close()
        now_s = time.monotonic()
        self.kept.serving_s.append(now_s - since_s)
        self.kept.longest_outage_s = max(self.kept.longest_outage_s, now_s - self._out_since_s)
        self._log(f"served again {now_s - since_s:.2f} s after the engine was killed")
