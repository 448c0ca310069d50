"""The store's web, put together: routes, refusals, headers, metrics, the OpenAPI document; and its server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from importlib.metadata import version

import uvicorn
from litestar import Litestar, Response, get
from litestar.handlers import BaseRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from edge.settings import Settings
from edge.web.console import console_routes
from edge.web.demo import demo_routes
from edge.web.described import openapi
from edge.web.files import Files, file_routes
from edge.web.floor_edit import floor_routes
from edge.web.kiosk import kiosk_routes
from edge.web.phone import phone_routes
from edge.web.ports import Door
from edge.web.refusals import Counts, handlers
from edge.web.screen import screen_routes
from edge.web.sockets import FRAME_BYTES_MAX
from edge.web.survey import survey_routes
from edge.web.till import till_routes
from protocols.codec import PAYLOAD_BYTES_MAX

STOP_S = 2
"""Requests under way get this long when the store stops."""

CONNECTIONS_MAX = 4_096
"""Open connections. Above it the server answers 503 at once: pages and tills try again."""

SECURITY_HEADERS = {
    # Nothing comes from elsewhere, so nothing may: a script that gets in has nowhere to send anything.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def build_app(door: Door, settings: Settings, registry: CollectorRegistry | None = None) -> Litestar:
    """The app over a door. `registry` is the store's own, if it has one: /metrics shows all of it."""
    counts = Counts(registry or CollectorRegistry())
    files = Files()
    routes: list[BaseRouteHandler] = [
        *till_routes(door, counts),
        *console_routes(door, counts, files),
        *floor_routes(door, counts, settings.http.may_edit),
        *survey_routes(door, files, settings.http.may_edit),
        *phone_routes(door, counts, files),
        *kiosk_routes(door, files),
        *screen_routes(door, counts, files),
        *file_routes(files),
        _metrics(counts.registry),
    ]
    if settings.http.demo:
        routes += demo_routes(door)
    return Litestar(
        route_handlers=routes,
        exception_handlers=handlers(counts),
        openapi_config=openapi(version("endcap")),
        request_max_body_size=PAYLOAD_BYTES_MAX,
        response_headers=SECURITY_HEADERS,
        logging_config=None,
        debug=False,
    )


def _metrics(registry: CollectorRegistry) -> BaseRouteHandler:
    @get("/metrics", include_in_schema=False)
    async def metrics() -> Response[bytes]:
        return Response(content=generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return metrics


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Port 0 takes a free one: ask the socket which."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=1024)
    # Inherited by each accepted socket. Without it an answer of two small writes waits for a delayed ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setblocking(False)
    return listening


async def serve(app: Litestar, listening: socket.socket, started: asyncio.Event | None = None) -> None:
    """Serves until cancelled, then lets requests under way end. A task of the runtime."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        ws_max_size=16 * FRAME_BYTES_MAX,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=STOP_S,
    )
    server = _Server(config, started)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http server")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        with contextlib.suppress(TimeoutError):  # it was given its time; the process ends anyway
            async with asyncio.timeout(2 * STOP_S):
                await asyncio.shield(serving)
        raise
    finally:
        serving.cancel()
        listening.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the runtime decides when to stop."""

    def __init__(self, config: uvicorn.Config, started: asyncio.Event | None) -> None:
        super().__init__(config)
        self._told = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._told is not None:
            self._told.set()
