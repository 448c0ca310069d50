"""The kiosk: its page, and who is behind a card. A number alone is told from a card by the page, not here."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from edge.web.bodies import answer, ident
from edge.web.described import described
from edge.web.files import Files
from edge.web.ports import Door
from edge.web.refusals import Unknown
from edge.web.views import CardView


def kiosk_routes(door: Door, files: Files) -> list[BaseRouteHandler]:
    """GET /kiosk and GET /api/v1/cards/<card>."""

    @get("/kiosk", include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return files.page("kiosk.html", request)

    @get(
        "/api/v1/cards/{card:str}",
        **described("Who is behind a card, a device or an account", gives=CardView, problems=(400, 404)),
    )
    async def card(card: FromPath[str]) -> Response[bytes]:
        known = door.resolve(ident(card, "card"))
        if known is None:
            raise Unknown("We do not know this card. Try again, or ask at the till.")
        return answer(
            CardView(
                account=known.account or f"subject-{known.subject}",
                subject=known.subject,
                name=known.name,
                member=known.member,
                tier=known.tier,
            )
        )

    return [page, card]
