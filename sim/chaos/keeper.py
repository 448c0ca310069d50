"""Starts again what ended, as systemd would, and notes how long the store's tills were not served."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
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
    """What the keeper saw: starts of each service, and the outages of the store after each of its kills."""

    starts: Counter[str] = field(default_factory=Counter)
    serving_s: list[float] = field(default_factory=list)


class Keeper:
    """Keeps services running until it is told to let them go. Soft state only."""

    def __init__(self, services: dict[str, Child], http_port: int) -> None:
        self._services = services
        self._http_port = http_port
        self.kept = Kept()
        self._probes: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Holds all of them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, child in self._services.items():
                tasks.create_task(self._keep(name, child), name=f"keeper {name}")

    async def is_ready(self, name: str) -> bool:
        """Whether a service answers now."""
        child = self._services[name]
        if not child.running:
            return False
        return child.ready is None or await asyncio.to_thread(child.ready)

    def engine_killed(self) -> None:
        """The store was killed now: notes when it serves tills again."""
        self._probes.append(asyncio.create_task(self._probe(time.monotonic()), name="probe"))

    async def settled(self) -> None:
        """Returns when every outage is over."""
        await asyncio.gather(*self._probes)

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
            self.kept.starts[name] += 1

    async def _probe(self, since_s: float) -> None:
        asking = Asking(self._http_port)
        while time.monotonic() - since_s < READY_S:
            with contextlib.suppress(NoAnswer):
                answer = await asking.get("/api/v1/health", PROBE_S)
                if answer.status == 200:
                    break
            await asyncio.sleep(LOOK_S)
        asking.close()
        self.kept.serving_s.append(time.monotonic() - since_s)
