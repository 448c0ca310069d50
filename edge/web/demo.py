"""The doors that only a demo has: cut the WAN, kill Ray, lead a shopper, take goods."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.handlers import BaseRouteHandler

from edge.web.bodies import answer, read
from edge.web.ports import Door
from edge.web.refusals import Unknown
from protocols.api import Ident
from protocols.codec import JsonDecoder
from protocols.errors import Nonsense


class Wan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/demo/wan."""

    up: bool


class Walk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/demo/walk: metres on the floor."""

    subject: Ident
    x: float
    y: float


class Take(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/demo/take: pieces from a shelf, negative to put back."""

    shelf: Ident
    pieces: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 1


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body without fields."""


_wan: JsonDecoder[Wan] = JsonDecoder(Wan)
_walk: JsonDecoder[Walk] = JsonDecoder(Walk)
_take: JsonDecoder[Take] = JsonDecoder(Take)
_nothing: JsonDecoder[Nothing] = JsonDecoder(Nothing)


def demo_routes(door: Door) -> list[BaseRouteHandler]:
    """Everything under /api/v1/demo."""

    @post("/api/v1/demo/wan", status_code=200, include_in_schema=False)
    async def wan(request: Request[Any, Any, Any]) -> Response[bytes]:
        await door.set_wan((await read(request, _wan)).up)
        return answer(door.store())

    @post("/api/v1/demo/kill-ray", status_code=200, include_in_schema=False)
    async def kill_ray(request: Request[Any, Any, Any]) -> Response[bytes]:
        await read(request, _nothing)
        await door.kill_ray()
        return answer(Nothing())

    @post("/api/v1/demo/walk", status_code=200, include_in_schema=False)
    async def walk(request: Request[Any, Any, Any]) -> Response[bytes]:
        asked = await read(request, _walk)
        plan = door.floor().plan
        if not (0 <= asked.x <= plan.width_m and 0 <= asked.y <= plan.height_m):
            raise Nonsense(f"That is outside the floor of {plan.width_m:g} × {plan.height_m:g} m.")
        if not any(person.subject == asked.subject for person in door.console().people):
            raise Unknown(f"'{asked.subject}' has left the store. Drag somebody else.")
        await door.walk(asked.subject, asked.x, asked.y)
        return answer(Nothing())

    @post("/api/v1/demo/take", status_code=200, include_in_schema=False)
    async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
        asked = await read(request, _take)
        if asked.shelf not in door.floor().shelves:
            raise Unknown(f"No shelf '{asked.shelf}' here.")
        await door.take_from_shelf(asked.shelf, asked.pieces)
        return answer(Nothing())

    return [wan, kill_ray, walk, take]
