"""The store console: its page, the floor, the store as it is now, decisions and why, shelves and devices."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, WebSocket, get, post, put, websocket
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from edge.web.bodies import answer, ident, read
from edge.web.described import described
from edge.web.files import Files
from edge.web.ports import CONSOLE, Door
from edge.web.refusals import Counts, Unknown
from edge.web.sockets import Beat, attend
from edge.web.till import receipt
from edge.web.views import CardView, ConsoleSnapshot, Explained, FloorView, Health
from protocols.api import DecisionView, EnrolRequest, Receipt, RestockRequest
from protocols.codec import JsonDecoder, to_json
from protocols.ids import key
from protocols.inputs import Restocked

DECISIONS_MAX = 200
"""Decisions in one answer; older ones are asked for with `before`."""

_restock: JsonDecoder[RestockRequest] = JsonDecoder(RestockRequest)
_enrol: JsonDecoder[EnrolRequest] = JsonDecoder(EnrolRequest)

Limit = Annotated[int, QueryParameter(ge=1, le=DECISIONS_MAX)]


def console_routes(door: Door, counts: Counts, files: Files) -> list[BaseRouteHandler]:
    """The page at /, what it reads, and what staff do."""
    return [*_reading(door, counts, files), *_doing(door)]


def _reading(door: Door, counts: Counts, files: Files) -> list[BaseRouteHandler]:
    @get("/", include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return files.page("console.html", request)

    @get("/api/v1/health", **described("Whether tills are served", gives=Health))
    async def health() -> Response[bytes]:
        now = door.health()
        return answer(now, status=200 if now.ready else 503)

    @get("/api/v1/floor", **described("The floor and the books", gives=FloorView))
    async def floor() -> Response[bytes]:
        return answer(door.floor())

    @get("/api/v1/console", **described("The store as it is now", gives=ConsoleSnapshot))
    async def console() -> Response[bytes]:
        return answer(door.console())

    @get(
        "/api/v1/decisions",
        **described("Decisions, newest first", gives=DecisionView, many=True, problems=(400,)),
    )
    async def decisions(
        limit: Limit = 50, before: FromQuery[int | None] = None, offer: FromQuery[str] = ""
    ) -> Response[bytes]:
        return answer(door.decisions(limit=limit, before_seq=before, offer=offer[:512]))

    @get(
        "/api/v1/decisions/{seq:int}",
        **described("Why: the turn replayed", gives=Explained, problems=(400, 404, 503)),
    )
    async def why(seq: FromPath[int]) -> Response[bytes]:
        explained = await door.explain(seq) if 0 < seq < 2**63 else None
        if explained is None:
            raise Unknown(f"No decision {seq} in the journal. Floor turns are kept 8 days, money turns 35.")
        return answer(explained)

    @websocket("/ws/console")
    async def feed(socket: WebSocket[Any, Any, Any]) -> None:
        def behind(beat: Beat) -> list[bytes]:
            return [to_json(door.console())] if beat.version == 0 else []

        await attend(socket, "console", counts, lambda: door.subscribe(CONSOLE), behind)

    return [page, health, floor, console, decisions, why, feed]


def _doing(door: Door) -> list[BaseRouteHandler]:
    @post(
        "/api/v1/shelves/{shelf:str}/restock",
        status_code=200,
        **described(
            "Say how many pieces are on a shelf",
            takes=RestockRequest,
            gives=Receipt,
            problems=(400, 404, 408, 409, 413, 415, 503),
        ),
    )
    async def restock(request: Request[Any, Any, Any], shelf: FromPath[str]) -> Response[bytes]:
        if ident(shelf, "shelf") not in door.floor().shelves:
            raise Unknown(f"No shelf '{shelf}' here. Shelves are listed in floor.yaml.")
        asked = await read(request, _restock)
        counted = Restocked(pieces=asked.pieces)
        return receipt(await door.ask(key("shelf", shelf), counted, asked.operation, asked))

    @put(
        "/api/v1/devices/{device:str}",
        **described(
            "Say who carries a device",
            takes=EnrolRequest,
            gives=CardView,
            problems=(400, 408, 413, 415, 503),
        ),
    )
    async def enrol(request: Request[Any, Any, Any], device: FromPath[str]) -> Response[bytes]:
        known = await door.enrol(ident(device, "device"), await read(request, _enrol))
        return answer(
            CardView(
                account=known.account or f"subject-{known.subject}",
                subject=known.subject,
                name=known.name,
                member=known.member,
                tier=known.tier,
            )
        )

    return [restock, enrol]
