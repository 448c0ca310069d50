"""The ingest loop inside Ray actors: one actor a worker, restarted by Ray, fenced by the database.

The only file of head office that imports Ray. An actor that dies is started again by Ray and takes its
partitions under a new fencing number; if the old one still lives somewhere, its next transaction is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import ray
import structlog

from cloud.bootstrap import make_worker
from cloud.db.engine import connect
from cloud.ports import Fenced, Place
from cloud.settings import Settings
from cloud.tally import Counts

LOOK_S = 1.0
"""How often the actors are asked whether they live."""


class IngestActor:
    """One worker in a Ray actor. Soft: what it holds is in the database, or is fetched again."""

    def __init__(self, settings: Settings, name: str, places: list[tuple[str, int]]) -> None:
        self._settings = settings
        self._name = name
        self._places = [Place(*place) for place in places]

    async def run(self) -> str:
        """Applies what comes, for ever. Returns only if another owner took its partitions."""
        database = self._settings.database
        engine = connect(database.url, database.password_file, database.connections)
        # Mail is found by the mailroom's own looking: a nudge does not cross processes.
        worker = make_worker(self._settings, self._name, self._places, engine, Counts(), lambda: None)
        try:
            await worker.run()
        except Fenced as error:
            return str(error)
        finally:
            engine.dispose()


async def run_on_ray(settings: Settings, shares: Sequence[Sequence[Place]]) -> None:
    """Starts an actor for each share of the partitions and watches over them until cancelled."""
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    actor: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(IngestActor)
    actors = [
        actor.remote(settings, f"worker-{number}", [tuple(place) for place in share])
        for number, share in enumerate(shares)
    ]
    running = [each.run.remote() for each in actors]
    structlog.get_logger("cloud").info("workers run on Ray", workers=len(actors))
    try:
        while True:
            ended, _ = await asyncio.to_thread(ray.wait, running, num_returns=1, timeout=LOOK_S)
            if ended:
                raise Fenced(str(await asyncio.to_thread(ray.get, ended[0])))
    finally:
        for each in actors:
            ray.kill(each)
