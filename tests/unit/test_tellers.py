"""Tills over MQTT: what is answered, what is acknowledged to the broker, and what is tried again."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from edge import tellers
from edge.links import Incoming, MqttLink
from edge.tellers import MoneyWire
from edge.web.ports import Door
from protocols.api import SaleLineRequest, SaleRequest
from protocols.codec import to_json
from protocols.errors import EndcapError, Mismatch, NotNow, Parked, Verdict
from protocols.ids import Key
from protocols.inputs import Input

SALE = SaleRequest("op-1", "S1", "till-1", (SaleLineRequest("milk", 1_000, 119),))
TOPIC = "endcap/v1/014/in/till/till-1/sale"
DONE = Verdict("done", msgspec.Raw(b'{"sale":"S1"}'), incarnation="life", seq=7)


class ScriptedDoor:
    """A store that answers with what stands on its list, one after the other."""

    def __init__(self, *answers: Verdict | EndcapError) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def ask(self, key: Key, given: Input, operation: str, payload: object) -> Verdict:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, EndcapError):
            raise answer
        return answer

    def floor(self) -> Any:
        return SimpleNamespace(tills={"till-1": None}, products={})

    def now_ms(self) -> int:
        return 1_772_445_600_000


class WrittenLink:
    """A link that writes down what it is told."""

    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.acked: list[Incoming] = []
        self.done = asyncio.Event()

    def publish(self, topic: str, payload: bytes, **_: Any) -> None:
        self.published.append((topic, json.loads(payload)))

    def ack(self, message: Incoming) -> None:
        self.acked.append(message)
        self.done.set()


async def told(
    *answers: Verdict | EndcapError, payload: bytes | None = None, response_topic: str = ""
) -> tuple[ScriptedDoor, WrittenLink]:
    """One message, until the broker has its acknowledgement."""
    door, link, wire = ScriptedDoor(*answers), WrittenLink(), MoneyWire("014")
    wire.door, wire.link = cast(Door, door), cast(MqttLink, link)
    body = to_json(SALE) if payload is None else payload
    wire.arrived(Incoming(TOPIC, body, 1, False, packet_id=1, response_topic=response_topic))
    running = asyncio.create_task(wire.run())
    async with asyncio.timeout(5):
        await link.done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return door, link


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tellers, "AGAIN_S", 0.0)


async def test_a_sale_is_answered_and_then_acknowledged() -> None:
    _, link = await told(DONE)
    assert link.published[0][0] == "endcap/v1/014/till/till-1/reply"
    assert link.published[0][1]["seq"] == 7
    assert len(link.acked) == 1


async def test_not_now_is_tried_again_until_there_is_a_verdict() -> None:
    door, link = await told(NotNow("starting"), NotNow("starting"), DONE)
    assert door.asked == 3
    assert [body.get("outcome") for _, body in link.published] == ["done"]


async def test_a_parked_sale_is_told_its_reference_and_not_parked_again() -> None:
    door, link = await told(Parked(12))
    assert door.asked == 1
    assert link.published[0][1]["code"] == "parked"
    assert "12" in link.published[0][1]["detail"] + link.published[0][1]["title"]


async def test_another_payload_under_the_same_id_is_told_so() -> None:
    _, link = await told(Mismatch("that id stands for another sale"))
    assert link.published[0][1]["code"] == "idempotency_mismatch"


async def test_what_is_no_sale_is_refused_and_acknowledged() -> None:
    door, link = await told(payload=b"\xff{")
    assert door.asked == 0
    assert link.published[0][1]["code"] == "nonsense"


@pytest.mark.parametrize(
    "topic", ["endcap/v1/014/screen/screen-1/show", "endcap/v1/015/till/till-1/reply", "x"]
)
async def test_an_answer_never_goes_to_a_topic_that_is_no_till_of_this_store(topic: str) -> None:
    _, link = await told(DONE, response_topic=topic)
    assert link.published[0][0] == "endcap/v1/014/till/till-1/reply"
