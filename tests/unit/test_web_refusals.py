"""A handler that breaks is told by its route: the address that was asked for may name a device."""

from __future__ import annotations

from litestar import Litestar, get
from litestar.params import FromPath
from litestar.testing import TestClient
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from edge.web.refusals import Counts, handlers


@get("/api/v1/devices/{device:str}")
async def broken(device: FromPath[str]) -> str:
    raise ZeroDivisionError("a bug")


def test_a_bug_is_logged_with_the_route_and_without_the_device() -> None:
    app = Litestar([broken], exception_handlers=handlers(Counts(CollectorRegistry())))
    with TestClient(app) as client, capture_logs() as lines:
        answer = client.get("/api/v1/devices/AA:BB:CC:DD:EE:01")
    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    (line,) = [one for one in lines if one["event"] == "web handler threw"]
    assert line["route"] == "/api/v1/devices/{device}"
    assert "AA:BB" not in str({name: value for name, value in line.items() if name != "exc_info"})
