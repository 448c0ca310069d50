"""What every test run shares: the order, the time limits, the servers, and two rules that are never bent.

A unit test opens no socket and starts no Ray. In CI a server that is not available is a failure, not a skip.
"""

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.servers.chromium import browser, page
from tests.servers.faults import wan
from tests.servers.image import image
from tests.servers.kafka import kafka, kafka_wan
from tests.servers.mosquitto import mosquitto
from tests.servers.postgres import postgres, postgres_url
from tests.servers.process import ABSENT
from tests.servers.prometheus import start_prometheus

__all__ = [
    "browser",
    "image",
    "kafka",
    "kafka_wan",
    "mosquitto",
    "page",
    "postgres",
    "postgres_url",
    "start_prometheus",
    "wan",
]

HERE = Path(__file__).parent

# Quick ones first. The number is how many seconds one test of the folder may take, on two busy cores and with
# the start of a session's server inside it; a test that needs more says so with `pytest.mark.timeout`.
LIMIT_S = {
    "unit": 10,
    "contract": 120,
    "property": 180,
    "tidy": 180,
    "simulation": 300,
    "integration": 180,
    "browser": 120,
}
ORDER = list(LIMIT_S)

# No deadline for one example: a busy machine is not a bug. A failure prints the blob that repeats it. In CI the
# examples are the same each time; a developer's machine is where new ones are found.
hypothesis.settings.register_profile(
    "endcap", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
hypothesis.settings.load_profile("endcap")


def folder_of(path: Path) -> str:
    """The first folder under tests/ that a test file is in."""
    parts = path.relative_to(HERE).parts if path.is_relative_to(HERE) else ()
    return parts[0] if len(parts) > 1 else ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by folder, quick ones first, and gives each test its folder's time limit."""
    items.sort(key=lambda item: ORDER.index(kind) if (kind := folder_of(item.path)) in ORDER else len(ORDER))
    for item in items:
        limit = LIMIT_S.get(folder_of(item.path))
        if limit is not None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(limit))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, turns the skip for a missing server into a failure."""
    report = yield
    if (
        os.environ.get("CI")
        and report.skipped
        and call.excinfo is not None
        and ABSENT in str(call.excinfo.value)
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: {call.excinfo.value}. In CI every server must be there."
    return report


# --- Unit tests touch nothing ----------------------------------------------------------------------------

FORBIDDEN_EVENTS = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"}
_guarded = False


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook, because it sees sockets however they are opened. It cannot be removed, only disarmed."""
    if not _guarded:
        return
    if event in FORBIDDEN_EVENTS:
        raise RuntimeError(f"a unit test may not touch the network: {event}{args[1:]}")
    if event == "import" and args[0] == "ray":
        raise RuntimeError("a unit test may not import Ray")


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def _unit_tests_touch_nothing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    global _guarded
    if folder_of(request.path) != "unit":
        yield
        return
    if "ray" in sys.modules:

        def refuse(*_: object, **__: object) -> None:
            raise RuntimeError("a unit test may not start Ray")

        monkeypatch.setattr("ray.init", refuse)
    _guarded = True
    try:
        yield
    finally:
        _guarded = False
