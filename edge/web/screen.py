"""The screen: its page, what it plays by itself, and the socket that commands it."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, WebSocket, get, websocket
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from edge.web.bodies import answer, ident
from edge.web.described import described
from edge.web.files import Files
from edge.web.ports import Door, screen_channel
from edge.web.refusals import Counts, Unknown
from edge.web.sockets import Beat, attend
from edge.web.views import FloorView, PlaylistView, StoreView
from protocols.api import ScreenCommand, ScreenFields
from protocols.codec import to_json


def screen_routes(door: Door, counts: Counts, files: Files) -> list[BaseRouteHandler]:
    """Everything under /screen, /ws/screen and /api/v1/signs."""

    @get("/screen/{sign:str}", include_in_schema=False)
    async def page(request: Request[Any, Any, Any], sign: FromPath[str]) -> Response[bytes]:
        ident(sign, "sign")
        return files.page("screen.html", request)

    @get(
        "/api/v1/signs/{sign:str}",
        **described("What a screen shows now", gives=ScreenCommand, problems=(400, 404)),
    )
    async def showing(sign: FromPath[str]) -> Response[bytes]:
        command = door.screen(ident(sign, "sign"))
        if command is None:
            raise Unknown(f"The screen '{sign}' shows nothing yet. Screens are listed in floor.yaml.")
        return answer(command)

    @get(
        "/api/v1/signs/{sign:str}/playlist",
        **described("What a screen plays by itself", gives=PlaylistView, problems=(400, 404)),
    )
    async def plays(sign: FromPath[str]) -> Response[bytes]:
        return answer(playlist(ident(sign, "sign"), door.floor(), door.store().store))

    @websocket("/ws/screen/{sign:str}")
    async def feed(socket: WebSocket[Any, Any, Any], sign: FromPath[str]) -> None:
        def behind(beat: Beat) -> list[bytes]:
            door.screen_heard(sign, beat.version)
            command = door.screen(sign)
            return [] if command is None or command.version <= beat.version else [to_json(command)]

        await attend(socket, "screen", counts, lambda: door.subscribe(screen_channel(sign)), behind)

    return [page, showing, plays, feed]


def playlist(sign: str, floor: FloorView, store: StoreView) -> PlaylistView:
    """The sign's own creatives with the prices of now; one whose product has no price is skipped."""
    place = floor.signs.get(sign)
    if place is None:
        raise Unknown(f"No screen '{sign}' here. Screens are listed in floor.yaml.")
    items = []
    for name in place.playlist:
        creative = floor.creatives.get(name)
        product = floor.products.get(creative.sku) if creative else None
        if creative is None or (creative.sku and product is None):
            continue
        items.append(
            ScreenFields(
                template=creative.template,
                title=creative.title,
                eyebrow=creative.eyebrow,
                line=creative.line,
                price_minor=product.price_minor if product else None,
                was_minor=creative.was_minor or None,
                unit=product.unit if product else "",
                picture=creative.picture or (product.picture if product else ""),
                theme=creative.theme,
            )
        )
    return PlaylistView(sign=sign, name=place.name, store=store, slot_s=place.slot_s, items=tuple(items))
