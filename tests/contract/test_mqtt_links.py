"""What the engine relies on in a link to a broker, over both links and three brokers' worth of behaviour.

MQTT 5 and MQTT 3.1.1 against a real Mosquitto, and MQTT 3.1.1 against amqtt, the demo's own broker.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import aiomqtt
import pytest
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.links import Incoming, LinkState, MqttLink, MqttOptions, Will
from edge.links.mqtt import Mqtt5Link
from edge.links.mqtt311 import Mqtt311Link
from tests.servers.faults import FaultProxy
from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.process import Process, accepts, free_port, started

AMQTT = """\
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


class Broker(Protocol):
    """What these tests do to a broker, whichever it is."""

    port: int

    def start(self) -> None: ...
    def kill(self) -> None: ...


class Amqtt:
    """The pure Python broker as a process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = folder / "amqtt.yaml"
        config.write_text(AMQTT.format(port=self.port))
        program = Path(sys.executable).parent / "amqtt"
        self.process = Process(
            "amqtt", [str(program), "-c", str(config)], folder / "amqtt.log", lambda: accepts(self.port)
        )

    def start(self) -> None:
        self.process.start()

    def kill(self) -> None:
        self.process.kill()


def needs_redelivery(bench: "Bench") -> None:
    """Amqtt keeps a session's subscriptions and forgets what was not acknowledged."""
    if isinstance(bench.broker, Amqtt):
        pytest.skip("amqtt does not send again what was not acknowledged")


class Held:
    """A link that runs, and what it told."""

    def __init__(
        self, make: type[Mqtt5Link] | type[Mqtt311Link], options: MqttOptions, *, acks: bool
    ) -> None:
        self.received: list[Incoming] = []
        self.states: list[LinkState] = []
        self.acks = acks
        self.link: MqttLink = make(options, self._hear, self.states.append)

    def _hear(self, message: Incoming) -> None:
        self.received.append(message)
        if self.acks:
            self.link.ack(message)


async def until(true: Callable[[], bool], what: str, within_s: float = 15) -> None:
    """Waits for something that the loop brings about."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110 - the condition is anything at all
                await asyncio.sleep(0.01)
    assert true(), what


class Bench:
    """One broker and one kind of link."""

    def __init__(self, broker: Broker, kind: type[Mqtt5Link] | type[Mqtt311Link]) -> None:
        self.broker = broker
        self.kind = kind

    @contextlib.asynccontextmanager
    async def link(self, *filters: str, acks: bool = True, port: int = 0, **more: Any) -> AsyncIterator[Held]:
        """A link that is up, and left politely at the end."""
        options = MqttOptions(
            "127.0.0.1", port or self.broker.port, subscriptions=tuple((each, 1) for each in filters), **more
        )
        held = Held(self.kind, options, acks=acks)
        task = asyncio.create_task(held.link.run(), name="link")
        try:
            await until(lambda: held.link.state == "up" or task.done(), "the link is up")
            yield held
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def client(self, **more: Any) -> aiomqtt.Client:
        """Somebody else: a client that was not written here."""
        version = aiomqtt.ProtocolVersion.V5 if self.kind is Mqtt5Link else aiomqtt.ProtocolVersion.V311
        return aiomqtt.Client("127.0.0.1", self.broker.port, protocol=version, **more)


@contextlib.contextmanager
def amqtt_running(folder: Path) -> Iterator[Amqtt]:
    """A broker of this test's own."""
    broker = Amqtt(folder)
    with started(broker.process):
        yield broker


@pytest.fixture(params=["mqtt5-mosquitto", "mqtt311-mosquitto", "mqtt311-amqtt"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each link over each broker that speaks its version."""
    version, name = request.param.split("-")
    kind: type[Mqtt5Link] | type[Mqtt311Link] = Mqtt5Link if version == "mqtt5" else Mqtt311Link
    running: Any = mosquitto_running if name == "mosquitto" else amqtt_running
    with running(tmp_path / name) as broker:
        yield Bench(broker, kind)


async def test_what_is_published_is_received(bench: Bench) -> None:
    async with bench.link("in/+", client_id="engine") as held, bench.client() as other:
        await other.publish("in/a", b"telemetry", qos=0)
        await other.publish("in/b", b"money", qos=1)
        await until(lambda: len(held.received) == 2, "both messages came")
        assert {each.topic: each.payload for each in held.received} == {
            "in/a": b"telemetry",
            "in/b": b"money",
        }
        qos = {each.topic: each.qos for each in held.received}
        assert qos["in/b"] == 1
        assert qos["in/a"] == 0 or isinstance(bench.broker, Amqtt)  # which raises it to the subscription's
        assert held.states == ["up"]
        assert (held.link.counts.received, held.link.counts.acked) == (2, sum(qos.values()))


async def test_both_qualities_reach_others_and_retained_ones_stay(bench: Bench) -> None:
    async with bench.link(client_id="engine") as held:
        assert held.link.publish("out/a", b"soft")
        assert held.link.publish("out/screen", b"kept", retain=True, qos=1)
        await until(lambda: held.link.unacked == 0, "the broker has it")
        async with bench.client() as other:
            await other.subscribe("out/#", qos=1)
            message = await asyncio.wait_for(anext(aiter(other.messages)), 5)
            assert (message.topic.value, message.payload, message.retain) == ("out/screen", b"kept", True)
            held.link.publish("out/b", b"now")
            message = await asyncio.wait_for(anext(aiter(other.messages)), 5)
            assert (message.topic.value, message.payload, message.retain) == ("out/b", b"now", False)


async def test_a_message_that_was_not_acknowledged_comes_again(bench: Bench) -> None:
    needs_redelivery(bench)
    kept: dict[str, Any] = {"client_id": "till-lane", "clean_start": False, "session_s": 600}
    async with bench.link("in/#", acks=False, **kept) as held, bench.client() as other:
        await other.publish("in/one", b"1", qos=1)
        await other.publish("in/two", b"2", qos=1)
        await until(lambda: len(held.received) == 2, "both came")
        held.link.ack(held.received[0])
        await asyncio.sleep(0.2)
    async with bench.link("in/#", **kept) as held:
        await until(lambda: bool(held.received), "the second came again")
        await asyncio.sleep(0.2)
        assert [each.payload for each in held.received] == [b"2"]
    async with bench.link("in/#", **kept) as held:
        await asyncio.sleep(0.3)
        assert held.received == []


async def test_what_came_over_a_lost_connection_cannot_be_acknowledged_over_the_next(bench: Bench) -> None:
    needs_redelivery(bench)
    kept: dict[str, Any] = {"client_id": "till-lane", "clean_start": False, "session_s": 600}
    async with (
        FaultProxy(bench.broker.port) as line,
        bench.link("in/#", acks=False, port=line.port, **kept) as held,
        bench.client() as other,
    ):
        await other.publish("in/one", b"1", qos=1)
        await until(lambda: len(held.received) == 1, "it came")
        line.cut()
        await until(lambda: held.link.state == "down", "the loss was noticed")
        await line.heal()
        await until(lambda: len(held.received) == 2, "it came again")
        first, again = held.received
        assert again.payload == first.payload
        assert again.life != first.life
        held.link.ack(first)
        assert held.link.counts.acked == 0
        held.link.ack(again)
        assert held.link.counts.acked == 1
        await asyncio.sleep(0.2)
        line.cut()
        await until(lambda: held.states[-1] == "down", "lost again")
        await line.heal()
        await until(lambda: held.link.state == "up", "and back")
        await asyncio.sleep(0.3)
        assert len(held.received) == 2


async def test_a_broker_that_dies_and_returns_costs_two_log_lines(bench: Bench) -> None:
    with structlog.testing.capture_logs() as lines:
        async with bench.link("in/#", client_id="engine") as held:
            bench.broker.kill()
            await until(lambda: held.link.state == "down", "the loss was noticed")
            assert not held.link.publish("out/soft", b"x")
            assert held.link.publish("out/kept", b"y", qos=1, retain=True)
            await asyncio.sleep(0.5)
            bench.broker.start()
            await until(lambda: held.link.state == "up", "the link is back")
            await until(lambda: held.link.unacked == 0, "what waited was sent")
            async with bench.client() as other:
                await other.publish("in/a", b"1")
                await until(lambda: len(held.received) == 1, "subscribed again")
                await other.subscribe("out/#")
                message = await asyncio.wait_for(anext(aiter(other.messages)), 5)
                assert (message.topic.value, message.payload) == ("out/kept", b"y")
    assert held.states == ["up", "down", "up", "down"]
    assert [line["event"] for line in lines] == ["link is up", "link lost", "link is back"]
    assert lines[2]["away_s"] >= 0.5
    assert held.link.counts.dropped == 1


HOSTILE = {
    "in/ space ": b"",
    "in//": b"\xff\xfe\x00",
    "in/\u2028/\U0001f6d2": b"{" * 1000,
    "in/" + "x" * 4000: b"\x00" * 200_000,
    "in/" + "/".join("abcdefgh") * 3: b'{"rssi":NaN}',
}


async def test_hostile_topics_and_payloads_pass_as_they_are(bench: Bench) -> None:
    async with bench.link("in/#", client_id="engine") as held, bench.client() as other:
        for topic, payload in HOSTILE.items():
            await other.publish(topic, payload, qos=1)
        await until(lambda: len(held.received) == len(HOSTILE), "all came")
        assert {each.topic: each.payload for each in held.received} == HOSTILE
        assert held.link.state == "up"


@pytest.mark.parametrize("topic", ["", "a/#", "+", "a\x00b", "\ud800", "$SYS/x", "x" * 70_000])
async def test_a_topic_that_cannot_be_published_to_is_refused_and_the_link_lives(
    bench: Bench, topic: str
) -> None:
    async with bench.link("in/#", client_id="engine") as held:
        assert not held.link.publish(topic, b"x")
        assert not held.link.publish(topic, b"x", qos=1)
        assert held.link.counts.refused == 2
        assert held.link.publish("in/a", b"fine")
        await until(lambda: len(held.received) == 1, "the link still works")


async def test_a_burst_arrives_whole_and_in_order(bench: Bench) -> None:
    count = 5_000
    async with bench.link("in/#", client_id="engine") as held, bench.link(client_id="sender") as sender:
        for number in range(count):
            assert sender.link.publish("in/burst", b"%d" % number, qos=1)
        await until(lambda: len(held.received) == count, "all came", within_s=60)
        assert [int(each.payload) for each in held.received] == list(range(count))
        await until(lambda: sender.link.unacked == 0, "all acknowledged")
        assert held.link.counts.acked == count


async def test_past_its_limit_the_link_refuses_and_counts(bench: Bench) -> None:
    async with bench.link(client_id="engine", unacked_max=10) as held:
        bench.broker.kill()
        await until(lambda: held.link.state == "down", "the loss was noticed")
        sent = [held.link.publish("out/a", b"x", qos=1) for _ in range(15)]
        assert sent == [True] * 10 + [False] * 5
        assert (held.link.unacked, held.link.counts.dropped) == (10, 5)


async def test_a_link_that_leaves_politely_says_its_will(bench: Bench) -> None:
    will = Will("out/engine", b"offline")
    async with bench.client() as other:
        async with bench.link(client_id="engine", will=will) as held:
            held.link.publish("out/engine", b"online", retain=True, qos=1)
            await until(lambda: held.link.unacked == 0, "the broker has it")
            await other.subscribe("out/engine")
            assert (await asyncio.wait_for(anext(aiter(other.messages)), 5)).payload == b"online"
            held.link.publish("out/last", b"words", retain=True)
        assert (await asyncio.wait_for(anext(aiter(other.messages)), 5)).payload == b"offline"
        await other.subscribe("out/last")
        assert (await asyncio.wait_for(anext(aiter(other.messages)), 5)).payload == b"words"


async def test_a_link_that_is_cut_has_its_will_said_by_the_broker(bench: Bench) -> None:
    async with FaultProxy(bench.broker.port) as line, bench.client() as other:
        await other.subscribe("out/engine")
        options: dict[str, Any] = {"client_id": "engine", "will": Will("out/engine", b"offline")}
        async with bench.link(port=line.port, **options):
            line.cut()
            assert (await asyncio.wait_for(anext(aiter(other.messages)), 10)).payload == b"offline"


async def test_a_will_that_is_a_function_is_made_at_each_connect_and_is_that_connections(
    bench: Bench,
) -> None:
    made: list[bytes] = []

    def will() -> Will:
        made.append(b"%d offline" % len(made))
        return Will("out/engine", made[-1], retain=True, qos=1)

    async with FaultProxy(bench.broker.port) as line, bench.client() as other:
        await other.subscribe("out/engine", qos=1)
        said = aiter(other.messages)
        async with bench.link(client_id="engine", port=line.port, will=will) as held:
            assert made == [b"0 offline"]
            line.cut()
            async with asyncio.timeout(10):
                assert (await anext(said)).payload == b"0 offline"
            await line.heal()
            await until(lambda: held.link.state == "up" and held.link.counts.lives == 2, "it is back")
            last = made[-1]  # attempts that failed may have made wills that no broker was given
            assert last != b"0 offline"
        async with asyncio.timeout(10):
            left = await anext(said)
        assert (left.payload, left.qos) == (last, 1)
    assert made[-1] == last


async def test_what_the_engine_raises_ends_the_link(bench: Bench) -> None:
    def fail(message: Incoming) -> None:
        raise LookupError(message.topic)

    link = bench.kind(
        MqttOptions("127.0.0.1", bench.broker.port, "engine", subscriptions=(("in/#", 0),)), fail
    )
    task = asyncio.create_task(link.run())
    await until(lambda: link.state == "up", "the link is up")
    async with bench.client() as other:
        await other.publish("in/a", b"1")
        with pytest.raises(LookupError, match="in/a"):
            await asyncio.wait_for(task, 5)
    assert link.state == "down"


async def test_a_till_is_answered_where_and_with_what_it_asked(mosquitto: Mosquitto) -> None:
    bench = Bench(mosquitto, Mqtt5Link)
    async with bench.link("in/#", client_id="engine") as held, bench.client() as till:
        await till.subscribe("till/1/reply")
        ask: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        ask.ResponseTopic, ask.CorrelationData, ask.UserProperty = "till/1/reply", b"op-7", [("unit", "014")]
        await till.publish("in/till/1/sale", b"{}", qos=1, properties=ask)
        await until(lambda: len(held.received) == 1, "the request came")
        [asked] = held.received
        assert (asked.response_topic, asked.correlation) == ("till/1/reply", b"op-7")
        assert asked.properties == (("unit", "014"),)
        held.link.publish(
            asked.response_topic,
            b"done",
            qos=1,
            correlation=asked.correlation,
            expires_s=60,
            properties=(("incarnation", "a1"),),
        )
        answer = await asyncio.wait_for(anext(aiter(till.messages)), 5)
        assert answer.payload == b"done"
        assert answer.properties is not None
        told: Any = answer.properties
        assert (told.CorrelationData, told.UserProperty) == (b"op-7", [("incarnation", "a1")])
