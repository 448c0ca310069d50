"""The routes of the read API, and its server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.params import Parameter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from cloud.db import reads
from cloud.tally import Counts
from cloud.web.views import Health, StoreList, ZoneList
from protocols.api import Problem
from protocols.ids import ID_LENGTH_MAX
from protocols.topics import UP_MONEY, UP_TELEMETRY

STOP_S = 2
"""Requests under way get this long when head office stops."""

DAY_MS = 24 * 3_600_000

DAYS_MAX = 3_650
"""How far back stays may be asked for."""

CONNECTIONS_MAX = 256
"""Open connections. Above it the server answers 503 at once."""


def build_app(engine: Engine, counts: Counts, working: Callable[[], bool]) -> Litestar:
    """The app over a database. `working` says whether every worker and the mailroom run."""

    @get("/api/v1/stores")
    async def stores() -> StoreList:
        """Every store: last seen, streams, sales, and how much of its partition waits."""
        found = await asyncio.to_thread(reads.stores, engine)
        return StoreList(time.time_ns() // 1_000_000, tuple(_with_lag(store, counts) for store in found))

    @get("/api/v1/accounts/{account:str}")
    async def account(
        account: Annotated[str, Parameter(min_length=1, max_length=ID_LENGTH_MAX)],
    ) -> reads.AccountView | Response[Problem]:
        """One account's balance over all stores."""
        found = await asyncio.to_thread(reads.account, engine, account)
        if found is None:
            return problem(404, "unknown", f"no sale and no import ever named account '{account}'")
        return found

    @get("/api/v1/totals")
    async def totals() -> reads.Totals:
        """Sums per store, to compare with what the stores say of themselves."""
        return await asyncio.to_thread(reads.totals, engine)

    @get("/api/v1/zones")
    async def zones(days: Annotated[int, Parameter(ge=1, le=DAYS_MAX)] = 7) -> ZoneList:
        """How often, and for how long, people stayed in each zone in the last days."""
        now_ms = time.time_ns() // 1_000_000
        found = await asyncio.to_thread(reads.zones, engine, now_ms - days * DAY_MS)
        return ZoneList(now_ms, days, tuple(found))

    @get("/api/v1/health")
    async def health() -> Response[Health]:
        """200 while the database answers and everything runs, else 503."""
        database = await asyncio.to_thread(_answers, engine)
        well = Health(database=database, workers=working())
        return Response(well, status_code=200 if well.database and well.workers else 503)

    @get("/metrics", media_type=CONTENT_TYPE_LATEST, include_in_schema=False)
    async def metrics() -> bytes:
        """Prometheus."""
        return generate_latest(counts.registry)

    return Litestar(
        [stores, account, totals, zones, health, metrics],
        logging_config=None,  # ours is structlog's, and set by the command alone
        openapi_config=OpenAPIConfig(title="Endcap head office", version="1"),
        exception_handlers={
            HTTPException: _refuse,
            SQLAlchemyError: _no_database,
        },
    )


def problem(status: int, code: str, detail: str) -> Response[Problem]:
    """A refusal that says what to do."""
    title = code.replace("_", " ")
    return Response(
        Problem(title, status, detail, code), status_code=status, media_type="application/problem+json"
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, bound before anything starts: a port that is taken is known at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


async def serve(app: Litestar, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serves until `stop`, then lets requests under way end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=STOP_S,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="web server")
    stopping = asyncio.create_task(stop.wait(), name="web stop")
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Signals belong to whoever runs us, not to the web server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _with_lag(store: reads.StoreView, counts: Counts) -> reads.StoreView:
    places = [place for place in counts.waiting if place.partition == store.partition]
    if not any(place.topic in (UP_MONEY, UP_TELEMETRY) for place in places):
        return store
    return msgspec.structs.replace(store, lag=sum(counts.waiting[place] for place in places))


def _answers(engine: Engine) -> bool:
    with contextlib.suppress(SQLAlchemyError), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        return True
    return False


def _refuse(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    return problem(error.status_code, "refused", str(error.detail))


def _no_database(_: Request[Any, Any, Any], error: SQLAlchemyError) -> Response[Problem]:
    return problem(503, "not_now", f"the database does not answer ({type(error).__name__}); try again")
