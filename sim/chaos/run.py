"""One chaos run from the first process to the exit code.

build ─► sell and walk ─► strike ─► stop selling ─► wait until all is drained ─► stop politely ─► check ─► report
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
from rich.console import Console
from sqlalchemy import create_engine, func, select

from cloud.db import schema
from sim.chaos import Chaos
from sim.chaos.check_cloud import check_cloud
from sim.chaos.check_records import check_records, travelled
from sim.chaos.check_store import check_store, reading
from sim.chaos.floor import Floor
from sim.chaos.keeper import Keeper
from sim.chaos.report import Result, as_json, minutes_of, print_result
from sim.chaos.sales import Sales, Shop
from sim.chaos.strikes import Blow, Striker, deck
from sim.chaos.tills import Tills
from sim.chaos.victims import Process, alive
from sim.chaos.works import STORE, TILLS, CannotRun, Works, build
from sim.session import ended

HTTP_TILLS = 4
MQTT_TILLS = 2

WARM_S = 2.0
"""Sales before the first strike: an account that exists breaks differently from one that is new."""

VERDICTS_S = 60.0
"""After the last strike every sale must have its verdict within this."""

DRAINED_S = 90.0
"""And head office must have everything, the store every receipt: an order to send again takes thirty seconds."""

RESTS = 3
"""How often the store is started again because it had something to say while it was stopped."""

LOOK_S = 0.5


def run(chaos: Chaos) -> int:
    """Runs it, prints the result, and gives the exit code. The folder is kept only when something is wrong."""
    console = Console(stderr=chaos.json)
    folder = Path(tempfile.mkdtemp(prefix="endcap-chaos-"))
    result = Result(chaos.seed, with_ray=chaos.ray, folder=str(folder))
    works: Works | None = None
    try:
        console.print(f"Starting a broker, Kafka, head office and a store in {folder} …", highlight=False)
        works = build(folder, ray=chaos.ray, postgres=chaos.postgres)
        asyncio.run(_run(chaos, works, result, console))
    except CannotRun as error:
        console.print(f"[bold red]Chaos cannot run:[/] {error}", highlight=False)
        shutil.rmtree(folder, ignore_errors=True)
        return 2
    except BaseException:
        console.print(f"The run itself failed. Kept: {folder}", highlight=False)
        raise
    finally:
        if works is not None:
            works.close()
    if chaos.json:
        sys.stdout.write(as_json(result) + "\n")
    else:
        print_result(result, console)
    if result.good:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    console.print(f"Kept: {folder}", highlight=False)
    return 1


async def _run(chaos: Chaos, works: Works, result: Result, console: Console) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):  # so that nothing of ours is left running
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    began_s = time.monotonic()
    # Each lost connection is what is wanted here; nobody needs a line for each.
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    asyncio.get_running_loop().set_exception_handler(_but_lost_connections)
    sales = Sales()
    await _storm(chaos, works, sales, result, console)
    result.took_s = time.monotonic() - began_s
    await _check(works, sales, result, console)


def _but_lost_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The client library leaves futures behind when its broker is killed: nobody waits for those any more."""
    if not isinstance(context.get("exception"), aiomqtt.MqttError):
        loop.default_exception_handler(context)


async def _storm(chaos: Chaos, works: Works, sales: Sales, result: Result, console: Console) -> None:
    """Load, strikes, and the quiet after them. On return everything that can come to rest has."""
    shop = Shop(chaos.seed, TILLS, works.members, works.products)
    tills = Tills(STORE, works.http_port, works.broker_port, shop, sales, chaos.seed)
    floor = Floor(works.broker_port, works.members, works.scanners, works.shelves, chaos.seed)
    cards = deck(chaos.kills, chaos.seed, ray=chaos.ray, services=tuple(works.services))
    home = works.ray_home if chaos.ray else ""

    def log(what: str) -> None:
        with (works.folder / "chaos.log").open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {what}\n")

    def struck(name: str, victim: Process, blow: Blow, for_s: float) -> None:
        lasts = f" for {for_s:g} s" if blow == "stop" else ""
        log(f"{blow} {name} {victim.pid}{lasts}")
        if name == "engine" and blow == "kill":
            keeper.engine_killed()
        done = striker.done.total
        if done % 10 == 0:
            console.print(
                f"  {done} of {chaos.kills} strikes, {len(sales.acknowledged):,} sales", highlight=False
            )

    keeper = Keeper(works.services, works.http_port, log)
    striker = Striker(cards, lambda: alive(works.services, home), struck)
    keeping = asyncio.create_task(keeper.run(), name="keeper")
    selling = asyncio.create_task(tills.run(HTTP_TILLS, MQTT_TILLS), name="tills")
    walking = asyncio.create_task(floor.run(), name="floor")
    striking = asyncio.create_task(striker.run(WARM_S), name="striker")
    try:
        await _first_of(striking, keeping, selling, walking)
        await keeper.settled()
        tills.stop_selling()
        async with asyncio.timeout(VERDICTS_S):
            await _first_of(selling, keeping, walking)
        await ended(walking)
        result.drained_s = await _drained(works)
    except TimeoutError:
        for operation in sales.waiting:
            sales.tell("stuck", operation, f"no verdict {VERDICTS_S:g} s after the last strike")
    finally:
        striker.wake_all()
        await ended(striking, selling, walking, keeping)
    result.kills, result.stops = dict(striker.done.kills), dict(striker.done.stops)
    result.starts = {name: keeper.kept.starts[name] for name in works.services}
    result.serving_s = [round(one, 3) for one in keeper.kept.serving_s]
    result.longest_outage_s = round(keeper.kept.longest_outage_s, 3)
    result.sightings = floor.sent
    result.sent, result.acknowledged = len(sales.sent), len(sales.acknowledged)
    result.minutes = minutes_of(sales.waits)
    result.tried_again = sum(attempts - 1 for _, _, attempts in sales.waits)
    result.answers = dict(sales.answers)


async def _first_of(wanted: asyncio.Task[None], *others: asyncio.Task[None]) -> None:
    """Waits for `wanted`; if one of the others ends first, its error is raised: the run would measure nothing."""
    done, _ = await asyncio.wait((wanted, *others), return_when=asyncio.FIRST_COMPLETED)
    for one in done:
        one.result()
    if wanted not in done:
        raise AssertionError(f"{next(iter(done)).get_name()} ended before the strikes")


async def _drained(works: Works) -> float:
    """Waits until nothing is under way any more; the checkers name what still is when it takes too long."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < DRAINED_S:
        if await asyncio.to_thread(_is_drained, works):
            return time.monotonic() - began_s
        await asyncio.sleep(LOOK_S)
    return time.monotonic() - began_s


async def _come_to_rest(works: Works) -> None:
    """Stops the store with nothing under way: a visit that ends in its last second is one more record."""
    engine = works.services["engine"]
    for _ in range(RESTS):
        await asyncio.to_thread(engine.stop)
        if await asyncio.to_thread(_is_drained, works):
            return
        await asyncio.to_thread(engine.start)
        await _drained(works)


def _is_drained(works: Works) -> bool:
    with reading(works.store_file) as db:
        left = db.execute(
            "SELECT (SELECT count(*) FROM tell) + (SELECT count(*) FROM outbox_cursor WHERE applied < head)"
        ).fetchall()[0][0]
        taken = db.execute("SELECT number FROM mailbox").fetchall()[0][0]
    if left:
        return False
    engine = create_engine(works.database)
    try:
        with engine.connect() as cloud:
            box, mail = schema.mailbox, schema.mail
            written = cloud.scalar(select(box.c.last_number).where(box.c.store == STORE)) or 0
            waiting = cloud.scalar(select(func.count()).where(~mail.c.published)) or 0
    finally:
        engine.dispose()
    return waiting == 0 and taken == written


async def _check(works: Works, sales: Sales, result: Result, console: Console) -> None:
    """Stops store and cloud politely and reads what they left; Kafka and the cloud's database still run."""
    console.print("Checking the databases …", highlight=False)
    wrong = sales.wrong
    await _come_to_rest(works)
    for name in ("engine", "cloud"):
        await asyncio.to_thread(works.stop, name)
    store = await asyncio.to_thread(check_store, works.store_file, sales, wrong)
    cloud = await asyncio.to_thread(check_cloud, works.database, STORE, store, sales, wrong)
    records = await travelled(works.kafka, wrong)
    repeated = check_records(records, works.key_file.read_bytes(), store.heads, sales, wrong)
    result.in_store, result.in_cloud = len(store.sales), len(cloud.sales)
    result.total_minor = sum(one.total_minor for one in store.sales)
    result.points = sum(one.points for one in store.sales)
    result.offers = len(store.offers)
    result.records, result.records_twice = len(records), repeated
    result.turns, result.replayed, result.digest = store.turns, store.replayed, store.digest
    result.kafka = "real" if works.kafka_is_real else "embedded"
    result.database = works.database.partition(":")[0]
    result.wrong = wrong
    result.folder = str(works.folder)
