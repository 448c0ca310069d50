"""The MQTT 5 link against a broker that lies, stalls and breaks the protocol: a script on a loopback socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import mqtt5
import pytest
import structlog

from edge.links import Incoming, MqttOptions, mqtt, mqtt_connection
from edge.links.mqtt import Mqtt5Link
from edge.links.reconnect import Reconnect

WELCOME = mqtt5.ConnAckPacket().write()


class Script:
    """One connection as the broker sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._rest = b""

    async def next(self) -> Any:
        """The next packet of the link, read by the codec."""
        while True:
            try:
                packet, size = mqtt5.read(memoryview(self._rest))
            except IndexError:
                data = await self._reader.read(65_536)
                if not data:
                    raise EOFError from None
                self._rest += data
            else:
                self._rest = self._rest[size:]
                if isinstance(packet, mqtt5.DisconnectPacket):
                    raise EOFError  # a broker closes when it is left
                return packet

    async def after(self, kind: type) -> Any:
        """The next packet of this kind."""
        while not isinstance(packet := await self.next(), kind):
            pass
        return packet

    def say(self, *packets: bytes) -> None:
        self.writer.write(b"".join(packets))


Play = Callable[[Script], Awaitable[None]]


async def until(true: Callable[[], bool], what: str) -> None:
    """Waits up to ten seconds for something that the loop brings about."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - the condition is anything at all
                await asyncio.sleep(0.01)
    assert true(), what


@contextlib.asynccontextmanager
async def linked(play: Play, **more: Any) -> AsyncIterator[tuple[Mqtt5Link, list[Incoming]]]:
    """A running link whose broker plays the script on every connection; the script's failure is the test's."""
    failed: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(Script(reader, writer))
        except (EOFError, ConnectionError):
            pass
        except Exception as error:
            failed.append(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    received: list[Incoming] = []
    options = MqttOptions("127.0.0.1", server.sockets[0].getsockname()[1], "engine", **more)
    quick = Reconnect("mqtt engine", chance=lambda: 0.1)
    link = Mqtt5Link(options, received.append, reconnect=quick)
    task = asyncio.create_task(link.run(), name="link")
    try:
        yield link, received
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        server.close()
        assert not failed


async def welcome(script: Script) -> None:
    await script.after(mqtt5.ConnectPacket)
    script.say(WELCOME)


async def stay(script: Script) -> None:
    """Reads until the link leaves."""
    while True:
        await script.next()


def message(topic: str = "a", payload: bytes = b"x", packet_id: int | None = None) -> bytes:
    """A message of QoS 1 if it has a packet id, else of QoS 0."""
    qos = mqtt5.QoS.AT_LEAST_ONCE if packet_id else mqtt5.QoS.AT_MOST_ONCE
    return mqtt5.PublishPacket(topic, payload, qos=qos, packet_id=packet_id).write()


NOT_UTF8 = b"\x32\x0a\x00\x02\xff\xfe\x00\x07\x00bad"  # QoS 1, packet id 7, topic ff fe
NOT_UTF8_0 = b"\x30\x08\x00\x02\xff\xfe\x00bad"


async def test_messages_that_come_a_byte_at_a_time_arrive_whole() -> None:
    async def play(script: Script) -> None:
        await welcome(script)
        for byte in message("a", b"one", 1) + message("b", b"two") + message("c", b"3" * 300):
            script.say(bytes([byte]))
            await asyncio.sleep(0)
        await stay(script)

    async with linked(play) as (_, received):
        await until(lambda: len(received) == 3, "all came")
        assert [(each.topic, len(each.payload)) for each in received] == [("a", 3), ("b", 3), ("c", 300)]


# The codec leaves the decoding error unraised behind its panic, which the interpreter reports.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_text_that_is_not_utf8_is_stepped_over_refused_and_counted() -> None:
    refusals: list[mqtt5.PubAckPacket] = []

    async def play(script: Script) -> None:
        await welcome(script)
        script.say(NOT_UTF8, message("a", b"between"), NOT_UTF8_0, message("a", b"after"))
        refusals.append(await script.after(mqtt5.PubAckPacket))
        await stay(script)

    async with linked(play) as (link, received):
        await until(lambda: len(received) == 2 and bool(refusals), "the good ones came")
        assert [each.payload for each in received] == [b"between", b"after"]
        assert refusals[0].packet_id == 7
        assert refusals[0].reason_code == mqtt5.PubAckReasonCode.PAYLOAD_FORMAT_INVALID
        assert (link.counts.refused, link.counts.lives) == (2, 1)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x00\x00",
        b"\xff" * 10,
        b"\x30\xff\xff\xff\xff",
        b"\x20\x02\x00\x00",
        WELCOME,
        mqtt5.PubRelPacket(1).write(),
        mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER).write(),
        mqtt5.PublishPacket("a", b"", qos=mqtt5.QoS.EXACTLY_ONCE, packet_id=1).write(),
        b"\x30\xff\xff\xff\x7f" + b"\x00" * 1_100_000,
    ],
)
async def test_a_broker_that_breaks_the_protocol_is_left_and_tried_again(nonsense: bytes) -> None:
    first = True

    async def play(script: Script) -> None:
        nonlocal first
        await welcome(script)
        if first:
            first = False
            script.say(nonsense)
        else:
            script.say(message("a", b"fine"))
        await stay(script)

    async with linked(play) as (link, received):
        await until(lambda: len(received) == 1, "the second connection works")
        assert link.counts.lives == 2


async def test_a_refusal_is_logged_once_with_its_reason() -> None:
    async def play(script: Script) -> None:
        await script.after(mqtt5.ConnectPacket)
        script.say(mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.NOT_AUTHORIZED).write())
        await stay(script)

    with structlog.testing.capture_logs() as lines:
        async with linked(play) as (link, _):
            await asyncio.sleep(0.3)
            assert link.state == "down"
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("link lost", "the broker says NOT_AUTHORIZED")
    ]


async def test_a_broker_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "CONNECT_S", 0.1)
    async with linked(stay) as (link, _):
        await until(lambda: link.reconnect.reason == "no CONNACK within 0.1 s", "it was given up")


async def test_a_broker_that_falls_silent_is_noticed() -> None:
    async def play(script: Script) -> None:
        await welcome(script)
        await script.after(mqtt5.PingReqPacket)
        await stay(script)

    with structlog.testing.capture_logs() as lines:
        async with linked(play, keepalive_s=1) as (link, _):
            await until(lambda: link.counts.lives >= 2, "it was left and tried again")
    assert "silent" in next(line["reason"] for line in lines if line["event"] == "link lost")


async def test_a_broker_that_answers_pings_is_kept() -> None:
    pings = 0

    async def play(script: Script) -> None:
        nonlocal pings
        await welcome(script)
        while True:
            await script.after(mqtt5.PingReqPacket)
            pings += 1
            script.say(mqtt5.PingRespPacket().write())

    async with linked(play, keepalive_s=1) as (link, _):
        await until(lambda: pings == 3, "three pings")
        assert link.counts.lives == 1


async def test_a_refused_subscription_is_told_and_the_link_is_up() -> None:
    async def play(script: Script) -> None:
        await welcome(script)
        asked = await script.after(mqtt5.SubscribePacket)
        codes = [
            mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE,
            mqtt5.SubAckReasonCode.NOT_AUTHORIZED,
        ]
        script.say(mqtt5.SubAckPacket(asked.packet_id, codes).write())
        await stay(script)

    with structlog.testing.capture_logs() as lines:
        async with linked(play, subscriptions=(("in/#", 1), ("$SYS/#", 0))) as (link, _):
            await until(lambda: link.state == "up", "up")
            assert link.counts.refused == 1
    refused = [line for line in lines if line["event"] == "subscription refused"]
    assert [(line["filter"], line["reason"]) for line in refused] == [("$SYS/#", "NOT_AUTHORIZED")]


async def test_no_more_is_in_flight_than_the_broker_takes() -> None:
    seen: list[int] = []
    go = asyncio.Event()

    async def play(script: Script) -> None:
        await script.after(mqtt5.ConnectPacket)
        script.say(mqtt5.ConnAckPacket(receive_max=2).write())
        while True:
            packet = await script.after(mqtt5.PublishPacket)
            seen.append(packet.packet_id)
            if len(seen) >= 2:
                await go.wait()
                script.say(*(mqtt5.PubAckPacket(each).write() for each in seen[-2:]))

    async with linked(play) as (link, _):
        await until(lambda: link.state == "up", "up")
        assert all(link.publish("a", b"x", qos=1) for _ in range(6))
        await asyncio.sleep(0.1)
        assert (len(seen), link.unacked) == (2, 6)
        go.set()
        await until(lambda: link.unacked == 0, "all went")
        assert seen == [1, 2, 3, 4, 5, 6]


async def test_what_was_sent_and_not_acknowledged_goes_again_marked_as_a_duplicate() -> None:
    seen: list[tuple[bytes, bool]] = []

    async def play(script: Script) -> None:
        await script.after(mqtt5.ConnectPacket)
        script.say(mqtt5.ConnAckPacket(session_present=bool(seen)).write())
        while True:
            packet = await script.after(mqtt5.PublishPacket)
            seen.append((packet.payload, packet.duplicate))
            if len(seen) == 1:
                return  # cuts the connection without an acknowledgement
            script.say(mqtt5.PubAckPacket(packet.packet_id).write())

    async with linked(play, clean_start=False, session_s=60) as (link, _):
        await until(lambda: link.state == "up", "up")
        assert link.publish("a", b"1", qos=1)
        await until(lambda: link.unacked == 0 and len(seen) == 2, "sent again")
        assert seen == [(b"1", False), (b"1", True)]


async def test_an_acknowledgement_of_what_was_never_sent_changes_nothing() -> None:
    async def play(script: Script) -> None:
        await welcome(script)
        script.say(*(mqtt5.PubAckPacket(each).write() for each in (1, 2, 65_535)))
        packet = await script.after(mqtt5.PublishPacket)
        script.say(mqtt5.PubAckPacket(packet.packet_id).write() * 2)
        await stay(script)

    async with linked(play) as (link, _):
        await until(lambda: link.state == "up", "up")
        assert link.publish("a", b"1", qos=1)
        await until(lambda: link.unacked == 0, "acknowledged")
        assert link.counts.lives == 1


async def test_a_broker_that_stops_reading_costs_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_connection, "SEND_BYTES_MAX", 256 * 1024)
    read = asyncio.Event()

    async def play(script: Script) -> None:
        await welcome(script)
        await read.wait()
        while True:
            packet = await script.after(mqtt5.PublishPacket)
            if packet.packet_id:
                script.say(mqtt5.PubAckPacket(packet.packet_id).write())

    async with linked(play) as (link, _):
        await until(lambda: link.state == "up", "up")
        sent = 0
        while link.counts.dropped == 0:
            sent += link.publish("a", b"x" * 10_000)
            await asyncio.sleep(0)
            assert sent < 5_000, "nothing was ever dropped"
        assert link.publish("a", b"money", qos=1)
        assert link.unacked == 1
        read.set()
        await until(lambda: link.unacked == 0, "money went when there was room")
        assert link.publish("a", b"soft again")
