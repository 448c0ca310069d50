"""Bodies from outside into typed values: bounded in size, depth and time, no name unknown or given twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any, TypeVar

from litestar import Request, Response

from edge.web.refusals import TooSlow, WrongType
from protocols.codec import JsonDecoder, check_depth, to_json
from protocols.errors import Nonsense
from protocols.ids import is_safe_id

T = TypeVar("T")

BODY_WAIT_S = 10.0
"""A body that is not whole by then is refused: a stalled sender must not hold a handler for ever."""


async def read(request: Request[Any, Any, Any], decode: JsonDecoder[T]) -> T:
    """The request's body as a typed value, or Nonsense that says where it is wrong and what to send."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise WrongType("Send the body as JSON, with the header Content-Type: application/json.")
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            body = await request.body()
    except TimeoutError:
        raise TooSlow(f"The body was not whole after {BODY_WAIT_S:g} s. Send it again.") from None
    return decoded(body, decode)


def decoded(body: bytes, decode: JsonDecoder[T]) -> T:
    """JSON into a typed value. A name given twice is refused: readers differ on which one counts."""
    if not body:
        raise Nonsense("The body is empty. Send JSON as /schema describes it.")
    value = decode(body)  # bounds size and depth first
    check_depth(body)
    try:
        json.loads(body, object_pairs_hook=_unrepeated)
    except ValueError as error:  # digits beyond what the parser takes; msgspec let the number pass as unused
        raise Nonsense(str(error)) from None
    return value


def _unrepeated(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise Nonsense(f"'{twice[:64]}' stands twice in one object. Send each name once.")


def ident(text: str, what: str) -> str:
    """A path segment as an identifier, or Nonsense."""
    if not is_safe_id(text):
        raise Nonsense(f"A {what} is 1 to 128 characters without white space, '/', '+' or '#'.")
    return text


def answer(value: Any, status: int = 200) -> Response[bytes]:
    """A typed value as the response. Never cached: it is as of now."""
    return Response(
        content=to_json(value),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
