"""The floor editor's doors: the floor as a draft, the picture under it, and where positions will be how wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, get, put
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from edge.floor_picture import PICTURE_BYTES_MAX, TYPES
from edge.web.bodies import answer, read
from edge.web.described import described
from edge.web.floor_views import ExpectedView, FloorChange, FloorDraft, FloorRefused, FloorSaved, PictureView
from edge.web.ports import Door, FloorWrong
from edge.web.refusals import PROBLEM_JSON, Counts, TooSlow, Unknown, WrongType
from protocols.codec import JsonDecoder, to_json
from protocols.errors import EndcapError

DRAFT_BYTES_MAX = 2 * 1024 * 1024
"""Largest draft. A larger one is refused: the file that it would become may have a megabyte."""

PICTURE_WAIT_S = 60.0
"""A picture that is not whole by then is refused. 8 MB over a weak Wi-Fi take half of it."""

NOTHING_RUNS = {
    # A picture is shown, never a document: whatever its bytes hold, nothing of it runs or loads.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    # Its name is made of its bytes, so it never changes.
    "Cache-Control": "private, max-age=31536000, immutable",
}

_change: JsonDecoder[FloorChange] = JsonDecoder(FloorChange, DRAFT_BYTES_MAX)


class NoEditing(EndcapError):
    """This store's pages may look at the floor and not change it."""

    code = "no_editing"
    status = 403


def floor_routes(door: Door, counts: Counts, may_edit: bool) -> list[BaseRouteHandler]:
    """Everything under /api/v1/floor but the floor itself."""
    return [*_reading(door), *_changing(door, counts, may_edit)]


def _reading(door: Door) -> list[BaseRouteHandler]:
    @get(
        "/api/v1/floor/draft",
        **described("The floor's file, to be edited", gives=FloorDraft, problems=(422, 503)),
    )
    async def draft() -> Response[bytes]:
        # In the order of the file, which a sorted answer would lose for whoever sends it back.
        body = msgspec.json.encode(await door.floor_desk.draft())
        headers = {"Cache-Control": "no-store"}
        return Response(content=body, media_type="application/json", headers=headers)

    @get(
        "/api/v1/floor/picture/{name:str}",
        **described("A picture that lies under the plan", gives_raw=tuple(TYPES.values()), problems=(404,)),
    )
    async def picture(name: FromPath[str]) -> Response[bytes]:
        found = await door.floor_desk.picture(name)
        if found is None:
            raise Unknown("There is no such picture beside the store's files. Upload it on the console.")
        return Response(content=found[0], media_type=found[1], headers=NOTHING_RUNS)

    @get(
        "/api/v1/floor/expected",
        **described("How far off positions are expected to be", gives=ExpectedView, problems=(404,)),
    )
    async def expected() -> Response[bytes]:
        known = await door.expected()
        if known is None:
            raise Unknown("Nothing is known of it yet. Survey the floor first: endcap-store survey.")
        return answer(known)

    return [draft, picture, expected]


def _changing(door: Door, counts: Counts, may_edit: bool) -> list[BaseRouteHandler]:
    def allowed() -> None:
        if not may_edit:
            raise NoEditing(
                "The floor cannot be changed from here. Set edit = true in [http] and start again."
            )

    @put(
        "/api/v1/floor/draft",
        request_max_body_size=DRAFT_BYTES_MAX,
        **described(
            "Check a floor, or save it as the file",
            takes=FloorChange,
            gives=FloorSaved,
            problems=(400, 403, 408, 409, 413, 415, 422, 503),
        ),
    )
    async def save(request: Request[Any, Any, Any], dry_run: FromQuery[bool] = False) -> Response[bytes]:
        allowed()
        try:
            return answer(await door.floor_desk.save(await read(request, _change), dry_run=dry_run))
        except FloorWrong as wrong:
            counts.refused.labels(wrong.code).inc()
            refused = FloorRefused(
                title="floor wrong",
                status=wrong.status,
                detail=wrong.reason,
                code=wrong.code,
                problems=wrong.problems,
            )
            return Response(content=to_json(refused), status_code=wrong.status, media_type=PROBLEM_JSON)

    @put(
        "/api/v1/floor/picture",
        request_max_body_size=PICTURE_BYTES_MAX,
        **described(
            "Store a picture for the plan",
            takes_raw=tuple(TYPES.values()),
            gives=PictureView,
            problems=(403, 408, 413, 415, 503),
        ),
    )
    async def keep(request: Request[Any, Any, Any]) -> Response[bytes]:
        allowed()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/"):
            raise WrongType("Send the picture's bytes as the body, with its type: Content-Type: image/png.")
        try:
            async with asyncio.timeout(PICTURE_WAIT_S):
                body = await request.body()
        except TimeoutError:
            raise TooSlow(f"The picture was not whole after {PICTURE_WAIT_S:g} s. Send it again.") from None
        return answer(await door.floor_desk.keep_picture(body))

    return [save, keep]
