"""MQTT 5 for the engine: a thin asyncio protocol over the Rust codec of `mqtt5`.

It acknowledges a QoS 1 message when the engine says so, after the commit, and calls the engine straight from
`data_received`: no task and no queue per message. What is sent in one turn of the loop leaves in one write.
"""

from __future__ import annotations

import asyncio
from collections import deque

import mqtt5
import structlog

from edge.links import (
    PACKET_BYTES_MAX,
    Incoming,
    LinkCounts,
    LinkState,
    MqttOptions,
    OnMessage,
    OnState,
    ignore_state,
    may_publish,
)
from edge.links.mqtt_connection import FIRST_FAILURE, Connection, subscribe
from edge.links.reconnect import Reconnect

CONNECT_S = 5.0
"""A broker that has not accepted us by then is tried again."""

PACKET_IDS = 0xFFFE
"""Ids 1 to 65,534 are for publishing; the last one is for the one SUBSCRIBE of a connection."""


class Mqtt5Link:
    """An `MqttLink` over MQTT 5. Soft state only: our unacknowledged QoS 1 messages, and the connection."""

    def __init__(
        self,
        options: MqttOptions,
        on_message: OnMessage,
        on_state: OnState = ignore_state,
        reconnect: Reconnect | None = None,
    ) -> None:
        assert options.unacked_max < PACKET_IDS
        self.options = options
        self.counts = LinkCounts()
        self.reconnect = reconnect or Reconnect(f"mqtt {options.client_id}")
        self._on_message = on_message
        self._on_state = on_state
        self._state: LinkState = "down"
        self._connection: Connection | None = None
        self._pending: dict[int, bytes] = {}  # ours, not acknowledged, in the order of publishing
        self._waiting: deque[int] = deque()  # of these, the ones not sent over this connection
        self._flying: set[int] = set()  # sent over this one
        self._tried: set[int] = set()  # sent over an earlier connection
        self._quota = 0
        self._next_id = 0
        self._life = 0
        self._log = structlog.get_logger("edge.links").bind(link=f"mqtt {options.client_id}")

    @property
    def state(self) -> LinkState:
        """`up` while the broker has accepted us and our subscriptions."""
        return self._state

    @property
    def unacked(self) -> int:
        """QoS 1 messages of ours that the broker has not acknowledged yet."""
        return len(self._pending)

    async def run(self) -> None:
        """Holds the link until cancelled; a cancelled one leaves the broker politely."""
        while True:
            self.reconnect.lost(await self._live())
            await asyncio.sleep(self.reconnect.delay_s())

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        qos: int = 0,
        response_topic: str = "",
        correlation: bytes = b"",
        expires_s: int | None = None,
        properties: tuple[tuple[str, str], ...] = (),
    ) -> bool:
        """Sends, keeps for sending (QoS 1), or returns False: see `MqttLink.publish`."""
        connection = self._connection
        if qos == 0 and (connection is None or not connection.accepts):
            self.counts.dropped += 1
            return False
        if qos and len(self._pending) >= self.options.unacked_max:
            self.counts.dropped += 1
            return False
        packet_id = self._free_id() if qos else None
        try:
            if not may_publish(topic):
                raise ValueError("no topic to publish to")
            packet = mqtt5.PublishPacket(
                topic,
                payload,
                qos=mqtt5.QoS.AT_LEAST_ONCE if qos else mqtt5.QoS.AT_MOST_ONCE,
                retain=retain,
                packet_id=packet_id,
                response_topic=response_topic or None,
                correlation_data=correlation or None,
                message_expiry_interval=expires_s,
                user_properties=list(properties),
            ).write()
            if len(packet) > PACKET_BYTES_MAX:
                raise ValueError("larger than PACKET_BYTES_MAX")
        except (ValueError, OverflowError):
            self.counts.refused += 1
            return False
        self.counts.published += 1
        if packet_id is None:
            assert connection is not None
            connection.send(packet)
        else:
            self._pending[packet_id] = packet
            self._waiting.append(packet_id)
            self.pump()
        return True

    def ack(self, message: Incoming) -> None:
        """Acknowledges a QoS 1 message of this connection; one of an earlier one comes again anyway."""
        if message.packet_id and message.life == self._life and self._connection is not None:
            self.counts.acked += 1
            self._connection.send(mqtt5.PubAckPacket(message.packet_id).write())

    # --- what the connection tells

    def accepted(self, connection: Connection, answer: mqtt5.ConnAckPacket) -> None:
        """The broker took us: what is unacknowledged goes again, and we subscribe."""
        self._life += 1
        self.counts.lives += 1
        self._connection = connection
        self._quota = answer.receive_max
        self._flying.clear()
        if not answer.session_present:
            self._tried.clear()  # the broker knows nothing of them, so they are no duplicates
        self._waiting = deque(self._pending)
        if self.options.subscriptions:
            connection.send(subscribe(self.options.subscriptions))
        else:
            self.now("up")
        self.pump()

    def subscribed(self, codes: list[mqtt5.SubAckReasonCode]) -> None:
        """The broker answered for each filter. A refused one needs a person: the link is deaf there."""
        for (pattern, _), code in zip(self.options.subscriptions, codes, strict=False):
            if code.value >= FIRST_FAILURE:
                self.counts.refused += 1
                self._log.error("subscription refused", filter=pattern, reason=code.name)
        self.now("up")

    def received(self, packet: mqtt5.PublishPacket) -> None:
        """Hands one message to the engine."""
        self.counts.received += 1
        self._on_message(
            Incoming(
                packet.topic,
                packet.payload,
                packet.qos.value,
                packet.retain,
                packet.duplicate,
                packet.packet_id or 0,
                self._life,
                packet.response_topic or "",
                packet.correlation_data or b"",
                tuple(packet.user_properties),
            )
        )

    def acknowledged(self, packet: mqtt5.PubAckPacket) -> None:
        """The broker has one of ours; a refusal is final too."""
        if packet.packet_id not in self._flying:
            return
        self._flying.discard(packet.packet_id)
        self._tried.discard(packet.packet_id)
        del self._pending[packet.packet_id]
        if packet.reason_code.value >= FIRST_FAILURE:
            self.counts.refused += 1
            self._log.error("publication refused", reason=packet.reason_code.name)
        self.pump()

    def pump(self) -> None:
        """Sends waiting QoS 1 messages, as many as the broker's receive maximum and our buffer allow."""
        connection = self._connection
        while (
            self._waiting
            and connection is not None
            and connection.accepts
            and len(self._flying) < self._quota
        ):
            packet_id = self._waiting.popleft()
            packet = self._pending[packet_id]
            if packet_id in self._tried:
                packet = bytes((packet[0] | 0x08,)) + packet[1:]  # the DUP flag
            self._tried.add(packet_id)
            self._flying.add(packet_id)
            connection.send(packet)

    def now(self, state: LinkState) -> None:
        """Changes the state, once, and tells."""
        if state != self._state:
            self._state = state
            if state == "up":
                self.reconnect.up()
            self._on_state(state)

    def _free_id(self) -> int:
        while True:
            self._next_id = self._next_id % PACKET_IDS + 1
            if self._next_id not in self._pending:
                return self._next_id

    async def _live(self) -> str:
        """One connection from dialling to its end; returns why it ended, or raises what a callback raised."""
        loop = asyncio.get_running_loop()
        host, port = self.options.host, self.options.port
        try:
            async with asyncio.timeout(CONNECT_S):
                _, connection = await loop.create_connection(lambda: Connection(self, loop), host, port)
        except TimeoutError:
            return f"no connection within {CONNECT_S:g} s"
        except OSError as error:
            return str(error) or type(error).__name__
        try:
            # `wait` leaves its futures alone when this task is cancelled, so `leave` can wait for the end.
            first = {connection.answered, connection.ended}
            done, _ = await asyncio.wait(first, timeout=CONNECT_S, return_when="FIRST_COMPLETED")
            if not done:
                return f"no CONNACK within {CONNECT_S:g} s"
            await asyncio.wait({connection.ended})
            return connection.ended.result()
        finally:
            self._connection = None
            await connection.leave()
            self.now("down")
