"""Composition root of head office: a flat list of constructions, then everything runs until `stop`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Engine

from cloud.db.books import Books
from cloud.db.engine import connect, create_tables
from cloud.links.kafka import KafkaFeed, KafkaPost, topic_partitions
from cloud.mailroom import Mailroom
from cloud.ports import LinkDown, Place
from cloud.settings import Settings
from cloud.tally import Counts
from cloud.web.app import build_app, listen, serve
from cloud.worker import Backoff, Worker
from protocols.topics import UP


class NotProvisioned(Exception):
    """The topics are not there; `endcap-cloud provision` makes them."""


def open_database(settings: Settings) -> Engine:
    """The database with its tables made."""
    engine = connect(settings.database.url, settings.database.password_file, settings.database.connections)
    create_tables(engine)
    return engine


async def run_cloud(
    settings: Settings, stop: asyncio.Event, ready: Callable[[int], None] | None = None
) -> None:
    """Runs head office until `stop` is set. `ready` hears the port of the read API once it answers.

    Raises Fenced if another head office takes over this one's partitions.
    """
    # The database, before the first request.
    engine = await asyncio.to_thread(open_database, settings)
    # What is counted, here and by workers in this process.
    counts = Counts()
    # Mail goes out by one producer, in order.
    mailroom = Mailroom(engine, KafkaPost(settings.kafka.bootstrap, "endcap-cloud-mailroom"))
    # The read API is up first: it says what is not.
    listening = listen(settings.http.host, settings.http.port)
    working = _Working()
    app = build_app(engine, counts, working.all_of_it)
    try:
        async with asyncio.TaskGroup() as tasks:
            web = tasks.create_task(serve(app, listening, stop), name="web")
            if ready is not None:
                ready(listening.getsockname()[1])
            running = [
                tasks.create_task(mailroom.run(), name="mailroom"),
                tasks.create_task(_ingest(settings, engine, counts, mailroom), name="ingest"),
            ]
            working.tasks = running
            await web
            for task in running:
                task.cancel()
    finally:
        listening.close()
        engine.dispose()


async def _ingest(settings: Settings, engine: Engine, counts: Counts, mailroom: Mailroom) -> None:
    """Deals the partitions out and runs the workers: tasks of this process, or Ray actors."""
    places = await _places(settings.kafka.bootstrap)
    dealt = [places[start :: settings.workers.count] for start in range(settings.workers.count)]
    shares = [share for share in dealt if share]
    if settings.workers.ray:
        from cloud.workers import run_on_ray  # Ray takes seconds to import and is not everybody's

        await run_on_ray(settings, shares)
        return
    async with asyncio.TaskGroup() as tasks:
        for number, share in enumerate(shares):
            worker = make_worker(settings, f"worker-{number}", share, engine, counts, mailroom.nudge)
            tasks.create_task(worker.run(), name=f"worker {number}")


def make_worker(
    settings: Settings,
    name: str,
    places: Sequence[Place],
    engine: Engine,
    counts: Counts,
    mailed: Callable[[], None],
) -> Worker:
    """One worker, wherever it runs."""
    owner = f"{name}@{socket.gethostname()}/{os.getpid()}"
    feed = KafkaFeed(settings.kafka.bootstrap, f"endcap-cloud-{name}")
    return Worker(name, places, Books(engine, owner), feed, counts, mailed, settings.workers.fetch_records)


async def _places(bootstrap: str) -> list[Place]:
    """Every partition that stores send to. Waits for Kafka, and for provisioning, as long as it takes."""
    outage = Backoff("Kafka")
    while True:
        try:
            found = await topic_partitions(bootstrap, list(UP.values()))
        except LinkDown as error:
            await outage.failed(str(error))
            continue
        missing = [topic for topic in UP.values() if topic not in found]
        if missing:
            await outage.failed(f"no topic {missing[0]}; endcap-cloud provision makes it")
            continue
        outage.worked()
        structlog.get_logger("cloud").info(
            "partitions found", **{t.replace(".", "_"): n for t, n in found.items()}
        )
        return [Place(topic, number) for topic in UP.values() for number in range(found[topic])]


class _Working:
    """Whether every long task still runs."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def all_of_it(self) -> bool:
        """True while nothing has ended."""
        return bool(self.tasks) and not any(task.done() for task in self.tasks)
