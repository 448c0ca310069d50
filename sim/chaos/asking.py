"""One HTTP connection to a store, as a till holds it: kept open, and opened again after any trouble."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

HEAD_BYTES_MAX = 64 * 1024
"""Longest head of an answer; a longer one is no answer of ours."""


class NoAnswer(Exception):
    """The store did not answer in time, or not at all: whoever asked must ask again under the same id."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: Any


class Asking:
    """Asks one thing at a time. Soft state: the connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, within_s: float) -> Answer:
        """Asks for a document. Raises NoAnswer."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n", b"", within_s)

    async def post(self, path: str, body: bytes, within_s: float) -> Answer:
        """Sends JSON. Raises NoAnswer."""
        head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return await self._ask(head, body, within_s)

    def close(self) -> None:
        """Hangs up."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()

    async def _ask(self, head: str, body: bytes, within_s: float) -> Answer:
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await self._connected()
                writer.write(f"{head}Host: {self._host}:{self._port}\r\n\r\n".encode() + body)
                await writer.drain()
                return await _answer(reader)
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from None
        except BaseException:
            self.close()  # half an answer may be left in it
            raise

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=HEAD_BYTES_MAX)
        return self._streams


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    status = int(lines[0].split()[1])
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    body = await reader.readexactly(int(fields["content-length"]))
    value: Any = None
    with contextlib.suppress(ValueError):
        value = json.loads(body)
    return Answer(status, value)
