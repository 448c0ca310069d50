"""The store's STATE as a Sparkplug host: what it says at each connection, whom it answers, and how often."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from edge import sparkplug_state
from edge.clock import WallClock
from edge.links import Incoming
from edge.sparkplug_state import SparkplugState
from tests.unit.recorded_link import RecordedLink

TOPIC = "spBv1.0/STATE/aisle-host"
MS = 1_780_000_000_000


class Host:
    """A host over a recorded link, with a clock that stands."""

    def __init__(self) -> None:
        self.at_ms = MS
        self.clock = WallClock("UTC", 4, wall_us=self.at_us, monotonic_us=self.at_us)
        self.link: RecordedLink
        self.state = SparkplugState("aisle-host", self.clock, self.linked)

    def at_us(self) -> int:
        return self.at_ms * 1_000

    def linked(self, state: SparkplugState) -> RecordedLink:
        self.link = RecordedLink(state.link_state)
        return self.link

    def connect(self) -> dict[str, Any]:
        """As a link does: a will for the CONNECT, and up once subscribed."""
        will = self.state.will()
        assert (will.topic, will.retain, will.qos) == (TOPIC, True, 1)
        self.link.go_up()
        return json.loads(will.payload)  # type: ignore[no-any-return]

    def hears(self, body: object, *, retained: bool = False) -> Incoming:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = Incoming(TOPIC, payload, 1, retained, packet_id=7)
        self.state.arrived(message)
        return message

    def said(self) -> list[dict[str, Any]]:
        """What was published since the last look."""
        assert {topic for topic, _ in self.link.sent} <= {TOPIC}
        said = [json.loads(payload) for _, payload in self.link.sent]
        self.link.sent.clear()
        return said


def says(online: bool, timestamp: int = MS) -> dict[str, Any]:
    return {"online": online, "timestamp": timestamp}


@pytest.fixture
async def host(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    monkeypatch.setattr(sparkplug_state, "ANSWER_EVERY_S", 0.2)
    made = Host()
    running = asyncio.create_task(made.state.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_once_subscribed_it_is_online_with_the_time_of_its_will_and_the_broker_keeps_that(
    host: Host,
) -> None:
    assert host.connect() == says(False)
    assert host.said() == [says(True)]
    assert host.link.shows(TOPIC) == says(True)


async def test_each_connection_has_a_later_time_even_when_the_clock_stands_or_was_set_back(
    host: Host,
) -> None:
    host.connect()
    host.link.go_down()
    assert host.connect() == says(False, MS + 1)
    host.link.go_down()
    host.at_ms += 60_000
    assert host.connect() == says(False, MS + 60_000)
    host.link.go_down()
    host.at_ms -= 3_600_000
    host.clock.jumped_ms()
    assert host.connect() == says(False, MS + 60_001)
    assert [one["timestamp"] for one in host.said()] == [MS, MS + 1, MS + 60_000, MS + 60_001]


async def test_a_late_will_is_answered_with_the_time_of_this_connection(host: Host) -> None:
    host.connect()
    host.said()
    with structlog.testing.capture_logs() as lines:
        heard = host.hears(says(False, MS - 5_000))
        await asyncio.sleep(0.05)
    assert host.said() == [says(True)]
    assert host.link.acked == [heard]
    assert lines == []


async def test_its_own_word_is_acknowledged_and_not_answered(host: Host) -> None:
    host.connect()
    host.said()
    with structlog.testing.capture_logs() as lines:
        heard = host.hears(says(True))
        await asyncio.sleep(0.05)
    assert (host.said(), host.link.acked, lines) == ([], [heard], [])


async def test_what_is_heard_before_it_is_up_is_answered_by_its_birth_alone(host: Host) -> None:
    host.hears(says(False, MS - 1), retained=True)
    host.connect()
    await asyncio.sleep(0.05)
    assert host.said() == [says(True)]


async def test_a_connection_that_went_before_the_answer_has_it_in_the_next_birth(host: Host) -> None:
    host.connect()
    host.said()
    host.hears(says(False, MS - 1))
    host.link.go_down()
    await asyncio.sleep(0.05)
    host.connect()
    await asyncio.sleep(0.05)
    assert host.said() == [says(True, MS + 1)]


async def test_another_host_of_the_same_name_is_answered_slowly_never_left_unanswered_and_warned_of_once(
    host: Host,
) -> None:
    host.connect()
    host.said()
    with structlog.testing.capture_logs() as lines:
        host.hears(says(False, MS + 7))
        await asyncio.sleep(0.05)
        for _ in range(20):
            host.hears(says(False, MS + 8))
        await asyncio.sleep(0.05)
        assert host.said() == [says(True)]
        await asyncio.sleep(0.2)
        assert host.said() == [says(True)]
        await asyncio.sleep(0.25)
        assert host.said() == []
    assert [line["event"] for line in lines] == ["sparkplug_host_not_alone"]
    assert "[mqtt] sparkplug_host" in lines[0]["mend"]


@pytest.mark.parametrize(
    ("payload", "answered"),
    [
        (b'{"online":true,"timestamp":1780000000009}', False),
        (b"OFFLINE", True),
        (b"", True),
        (b'{"online":false}', True),
        (b"[" * 5_000, True),
        (b'{"online":true,"timestamp":1780000000000,"x":"' + b"x" * 2_000 + b'"}', True),
    ],
)
async def test_whatever_else_stands_on_its_topic_is_somebody_elses(
    host: Host, payload: bytes, answered: bool
) -> None:
    host.connect()
    host.said()
    with structlog.testing.capture_logs() as lines:
        host.hears(payload)
        await asyncio.sleep(0.05)
    assert host.said() == ([says(True)] if answered else [])
    assert [line["event"] for line in lines] == ["sparkplug_host_not_alone"]


async def test_it_leaves_with_the_time_of_leaving_and_does_not_answer_itself(host: Host) -> None:
    host.connect()
    host.said()
    host.at_ms += 9_000
    host.state.leave()
    host.hears(says(False, MS + 9_000))
    host.hears(says(False))  # its will, which the broker says too
    await asyncio.sleep(0.05)
    assert host.said() == [says(False, MS + 9_000)]


async def test_it_leaves_without_a_word_when_there_is_no_broker(host: Host) -> None:
    host.state.leave()
    assert host.said() == []
