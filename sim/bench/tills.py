"""Who calls a store over HTTP: one keep-alive connection, calls at times that were fixed beforehand."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from sim.bench.shop import account_name, subject_name

SALES = "/api/v1/sales"

REFUSED = 0
"""The status of a call that found no connection."""


@dataclass(frozen=True, slots=True)
class Rang:
    """One call: when it was due and sent (monotonic seconds), how long the answer took, and its status."""

    due: float
    sent: float
    took_s: float
    status: int


def sale_body(number: int, till: str, account: str, lines: int = 6) -> bytes:
    """A sale of so many lines by a member."""
    return json.dumps(
        {
            "operation": f"{till}-{uuid.uuid4().hex}",
            "sale": f"{till}-{number}",
            "till": till,
            "card": account,
            "lines": [{"sku": f"sku-{(number + line) % 40:03d}", "quantity": 1000} for line in range(lines)],
        }
    ).encode()


@dataclass(slots=True)
class Caller:
    """Calls in a thread, at a steady rate, until it is told to stop. `rang` holds what came of each call.

    `ask` gives method, path and body of a call by its number.
    """

    port: int
    ask: Callable[[int], tuple[str, str, bytes]]
    per_second: float = 10.0
    rang: list[Rang] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Caller:
        self._thread = threading.Thread(target=self._run, name="caller")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self.port)
        began, number = time.monotonic(), 0
        while True:
            due = began + number / self.per_second
            if self._over.wait(max(0.0, due - time.monotonic())):
                connection.close()
                return
            method, path, body = self.ask(number)
            sent = time.monotonic()
            status = call(connection, method, path, body)
            self.rang.append(Rang(due, sent, time.monotonic() - sent, status))
            number += 1


def till(port: int, subjects: int, per_second: float) -> Caller:
    """Sales by one member after the other."""

    def ask(number: int) -> tuple[str, str, bytes]:
        return "POST", SALES, sale_body(number, "till-1", account_name(number * 7 % subjects))

    return Caller(port, ask, per_second)


def baskets(port: int, subjects: int, per_second: float) -> Caller:
    """Open baskets, each other than the one before: turns of shoppers, so they need the floor's cell."""

    def ask(number: int) -> tuple[str, str, bytes]:
        line = {"sku": f"sku-{number % 40:03d}", "quantity": 1000 * (1 + number % 9)}
        path = f"/api/v1/subjects/{subject_name(number * 7 % subjects)}/basket"
        return "PUT", path, json.dumps({"lines": [line]}).encode()

    return Caller(port, ask, per_second)


def connect(port: int) -> http.client.HTTPConnection:
    """A keep-alive connection to a store, made with the first call."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=10)


def call(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> int:
    """Sends one request and reads the whole answer; its status, or `REFUSED`."""
    try:
        if connection.sock is None:
            connection.connect()
            # Head and body are two writes: without this the second waits for the first one's acknowledgement.
            wire = cast(socket.socket, connection.sock)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.request(method, path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        with contextlib.suppress(OSError):
            connection.close()
        return REFUSED
    return answer.status
