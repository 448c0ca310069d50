"""A till as it is: one keep-alive connection, sales at times fixed beforehand, each with an operation id of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass, field

from sim.bench.shop import account_name

REFUSED = 0
"""The status of a sale that found no connection."""


@dataclass(frozen=True, slots=True)
class Rang:
    """One sale: when it was due and sent (monotonic seconds), how long the answer took, and its status."""

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
class Till:
    """Rings sales in a thread until it is told to stop. `rang` holds what came of each."""

    port: int
    name: str = "till-1"
    per_second: float = 10.0
    subjects: int = 500
    rang: list[Rang] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Till:
        self._thread = threading.Thread(target=self._run, name=self.name)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        began, number = time.monotonic(), 0
        while True:
            due = began + number / self.per_second
            if self._over.wait(max(0.0, due - time.monotonic())):
                connection.close()
                return
            body = sale_body(number, self.name, account_name(number * 7 % self.subjects))
            sent = time.monotonic()
            status = ring(connection, body)
            self.rang.append(Rang(due, sent, time.monotonic() - sent, status))
            number += 1


def ring(connection: http.client.HTTPConnection, body: bytes) -> int:
    """Sends one sale and reads the whole answer; its status, or `REFUSED`."""
    try:
        connection.request("POST", "/api/v1/sales", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        with contextlib.suppress(OSError):
            connection.close()
        return REFUSED
    return answer.status
