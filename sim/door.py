"""The store's HTTP door, as a till or a phone uses it: one call, its answer, and a clear word when there is none."""

from __future__ import annotations

import asyncio
import http.client
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

CALL_S = 5.0
"""A door that has not answered by then is out of reach; whether the call was taken is not known."""

ANSWER_BYTES_MAX = 4 * 1024 * 1024


class OutOfReach(Exception):
    """No answer. Send the same operation again: it counts once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door said. `body` is its JSON, None if it was none."""

    status: int
    body: Any


class Door:
    """The door of one store, on `host:port`. Calls may run beside each other."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        """One request. Raises OutOfReach if there was no whole answer."""
        return await asyncio.to_thread(self.ask, method, path, body)

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """The same, from a thread that may wait."""
        line = http.client.HTTPConnection(self._host, self._port, timeout=CALL_S)
        sent = None if body is None else msgspec.json.encode(body)
        try:
            line.request(method, path, sent, {"Content-Type": "application/json"})
            answer = line.getresponse()
            return Answer(answer.status, _json(answer.read(ANSWER_BYTES_MAX)))
        except (OSError, http.client.HTTPException) as error:
            raise OutOfReach(f"{method} {path}: {error or type(error).__name__}") from None
        finally:
            line.close()


def part(text: str) -> str:
    """An id as one part of a path."""
    return quote(text, safe="")


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
