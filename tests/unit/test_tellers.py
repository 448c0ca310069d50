"""Sales over MQTT: answered where the till may be answered, acknowledged once there is an answer that stands."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge import tellers
from edge.links import Incoming
from edge.tellers import MoneyWire
from protocols.errors import NotNow, Parked
from tests.browser.scripted_door import ScriptedDoor
from tests.unit.recorded_link import RecordedLink

TOPIC = "endcap/v1/014/in/till/till-1/sale"
OWN = "endcap/v1/014/till/till-1/reply"
SALE = {"operation": "op-1", "sale": "1", "till": "till-1", "card": "A-1001", "lines": [{"sku": "sourdough"}]}


class Till:
    """A till on one end, a scripted store on the other, the real wire between them."""

    def __init__(self) -> None:
        self.wire = MoneyWire("014")
        self.link = RecordedLink(lambda state: None)
        self.link.go_up()
        self.door = ScriptedDoor()
        self.wire.link, self.wire.door = self.link, self.door

    async def send(self, body: object, *, reply_to: str = "", qos: int = 1, topic: str = TOPIC) -> Incoming:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = Incoming(
            topic, payload, qos, False, packet_id=7, response_topic=reply_to, correlation=b"c1"
        )
        self.wire.arrived(message)
        for _ in range(8):
            await asyncio.sleep(0)
        return message

    def replies(self) -> list[tuple[str, Any]]:
        return [(topic, json.loads(body)) for topic, body in self.link.sent]


@pytest.fixture
async def till(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Till]:
    monkeypatch.setattr(tellers, "AGAIN_S", 0.01)
    made = Till()
    running = asyncio.create_task(made.wire.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_sale_is_answered_and_then_acknowledged(till: Till) -> None:
    message = await till.send(SALE, reply_to="endcap/v1/014/till/till-1/answers")
    ((topic, receipt),) = till.replies()
    assert topic == "endcap/v1/014/till/till-1/answers"
    assert (receipt["outcome"], receipt["replayed"], receipt["body"]["total_minor"]) == ("done", False, 320)
    assert till.link.acked == [message]
    assert till.link.correlations == [b"c1"]


async def test_a_repeat_gets_the_same_answer_marked_as_one(till: Till) -> None:
    await till.send(SALE)
    await till.send(SALE)
    first, second = (receipt for _, receipt in till.replies())
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert first["body"] == second["body"]
    assert [topic for topic, _ in till.replies()] == [OWN, OWN]


@pytest.mark.parametrize(
    "reply_to",
    [
        "endcap/v1/014/in/till/till-2/sale",
        "endcap/v1/014/engine",
        "endcap/v1/015/till/till-1/reply",
        "espresense/rooms/door/status",
        "endcap/v1/014/till",
        "$SYS/x",
    ],
)
async def test_an_answer_goes_to_no_topic_outside_the_tills_own(till: Till, reply_to: str) -> None:
    await till.send(SALE, reply_to=reply_to)
    assert [topic for topic, _ in till.replies()] == [OWN]


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", "nonsense", 400),
        (b"\xff", "nonsense", 400),
        (b'{"operation": NaN}', "nonsense", 400),
        (b"[" * 40_000, "nonsense", 400),
        (b" " * 70_000, "too_large", 413),
        (json.dumps(SALE).replace('"1"', '"1", "sale": "2"').encode(), "nonsense", 400),
        ({**SALE, "lines": [{"sku": "sourdough", "quantity": -1}]}, "nonsense", 400),
        ({**SALE, "closed_at_ms": 1}, "nonsense", 400),
        ({**SALE, "closed_at_ms": 2**62}, "nonsense", 400),
        ({**SALE, "till": "till-9"}, "nonsense", 400),
    ],
)
async def test_nonsense_is_answered_counted_and_acknowledged(
    till: Till, body: object, code: str, status: int
) -> None:
    message = await till.send(body)
    ((_, problem),) = till.replies()
    assert (problem["code"], problem["status"]) == (code, status)
    assert len(problem["detail"]) > 8
    assert dict(till.wire.refused) == {code: 1}
    assert till.link.acked == [message]
    assert till.door.asked == []


async def test_another_payload_under_the_same_id_is_refused_and_the_first_stands(till: Till) -> None:
    await till.send(SALE)
    await till.send({**SALE, "sale": "2"})
    assert till.replies()[1][1]["code"] == "idempotency_mismatch"
    assert len(till.door.asked) == 1


async def test_a_till_cannot_ring_for_another_one(till: Till) -> None:
    await till.send(SALE, topic="endcap/v1/014/in/till/till-2/sale")
    ((topic, problem),) = till.replies()
    assert topic == "endcap/v1/014/till/till-2/reply"
    assert "The topic is till 'till-2', the body says 'till-1'" in problem["detail"]


async def test_a_sale_that_cannot_be_taken_now_is_not_acknowledged_and_tried_again(till: Till) -> None:
    till.door.fail_next = NotNow("the disk is full")
    message = await till.send(SALE)
    assert (till.link.sent, till.link.acked) == ([], [])
    await asyncio.sleep(0.05)
    assert till.replies()[0][1]["outcome"] == "done"
    assert till.link.acked == [message]
    assert not till.wire.refused


async def test_a_parked_sale_is_answered_and_not_tried_for_ever(till: Till) -> None:
    till.door.fail_next = Parked(17)
    message = await till.send(SALE)
    assert till.replies()[0][1]["code"] == "parked"
    assert "reference 17" in till.replies()[0][1]["detail"]
    assert till.link.acked == [message]
    await asyncio.sleep(0.05)
    assert till.door.asked == []


async def test_a_bug_of_ours_ends_neither_the_store_nor_the_next_sale(till: Till) -> None:
    till.door.fail_next = ZeroDivisionError("a bug")  # type: ignore[assignment]
    message = await till.send(SALE)
    assert till.replies()[0][1]["code"] == "bug"
    assert till.link.acked == [message]
    await till.send(SALE)
    assert till.replies()[1][1]["outcome"] == "done"


async def test_a_flood_that_needs_no_acknowledgement_is_dropped_and_counted(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tellers, "WAITING_MAX", 3)
    for number in range(10):
        body = json.dumps({**SALE, "operation": f"op-{number}"}).encode()
        till.wire.arrived(Incoming(TOPIC, body, 0, False))
    await asyncio.sleep(0.05)
    assert till.wire.refused["overloaded"] == 7
    assert len(till.door.asked) == 3
