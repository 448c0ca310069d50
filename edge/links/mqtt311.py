"""MQTT 3.1.1 for brokers that speak nothing newer, over paho with acknowledgements by hand.

Paho's own thread is not used: its socket is watched by the loop, so that every callback comes on the loop's
thread, as with the MQTT 5 link. Only the dialling, which blocks, is done in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, cast

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.links import (
    PACKET_BYTES_MAX,
    Incoming,
    LinkCounts,
    LinkState,
    MqttOptions,
    OnMessage,
    OnState,
    Will,
    ignore_state,
    may_publish,
)
from edge.links.reconnect import Reconnect

CONNECT_S = 5.0
"""A broker that has not accepted us by then is tried again."""

LEAVE_S = 1.0
"""How long a clean end waits for the last bytes to leave."""

INFLIGHT_MAX = 100
"""QoS 1 messages of ours on the wire at once; the next ones wait in paho's queue."""

MISC_S = 1.0
"""How often paho looks after its keep-alive."""


class Mqtt311Link:
    """An `MqttLink` over MQTT 3.1.1. Soft state only: paho's queue of our unacknowledged messages."""

    def __init__(
        self,
        options: MqttOptions,
        on_message: OnMessage,
        on_state: OnState = ignore_state,
        reconnect: Reconnect | None = None,
    ) -> None:
        self.options = options
        self.counts = LinkCounts()
        self.reconnect = reconnect or Reconnect(f"mqtt {options.client_id}")
        self._on_message = on_message
        self._on_state = on_state
        self._state: LinkState = "down"
        self._life = 0
        self._unacked: set[int] = set()
        self._will: Will | None = None  # of this connection
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[str] | None = None
        self._gone = asyncio.Event()
        self._log = structlog.get_logger("edge.links").bind(link=f"mqtt {options.client_id}")
        self._client = self._made()

    @property
    def state(self) -> LinkState:
        """`up` while the broker has accepted us and our subscriptions."""
        return self._state

    @property
    def unacked(self) -> int:
        """QoS 1 messages of ours that the broker has not acknowledged yet."""
        return len(self._unacked)

    async def run(self) -> None:
        """Holds the link until cancelled; a cancelled one leaves the broker politely."""
        self._loop = asyncio.get_running_loop()
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
        if not may_publish(topic) or len(payload) > PACKET_BYTES_MAX:
            self.counts.refused += 1
            return False
        if (qos == 0 and not self._client.is_connected()) or (
            qos and len(self._unacked) >= self.options.unacked_max
        ):
            self.counts.dropped += 1
            return False
        sent = self._client.publish(topic, payload, 1 if qos else 0, retain)
        kept = (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN)
        if sent.rc not in kept or (qos == 0 and sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS):
            self.counts.dropped += 1
            return False
        if qos:
            self._unacked.add(sent.mid)
        self.counts.published += 1
        return True

    def ack(self, message: Incoming) -> None:
        """Acknowledges a QoS 1 message of this connection; one of an earlier one comes again anyway."""
        if message.packet_id and message.life == self._life and self._client.is_connected():
            self.counts.acked += 1
            self._client.ack(message.packet_id, 1)

    # --- one connection

    async def _live(self) -> str:
        """One connection from dialling to its end; returns why it ended, or raises what a callback raised."""
        assert self._loop is not None
        ended: asyncio.Future[str] = self._loop.create_future()
        self._ended = ended
        client, options = self._client, self.options
        self._will = will = options.will_now()
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        try:
            dial = self._loop.run_in_executor(
                None, lambda: client.connect(options.host, options.port, options.keepalive_s)
            )
            try:
                await asyncio.shield(dial)
            except OSError as error:
                return str(error) or type(error).__name__
            except asyncio.CancelledError:
                dial.add_done_callback(lambda _: self._close())  # the thread cannot be stopped
                raise
            self._watch()
            self._loop.call_later(CONNECT_S, self._impatient, ended)
            while not ended.done():
                await asyncio.wait({ended}, timeout=MISC_S)
                self._guarded(client.loop_misc)
            return ended.result()
        finally:
            await self._leave()
            self._now("down")

    async def _leave(self) -> None:
        client, will = self._client, self._will
        self._ended = None
        self._life += 1  # nothing that came so far can be acknowledged any more
        if client.is_connected():
            client.on_message = None
            if will is not None:  # 3.1.1 keeps the will to itself when we leave politely
                # Behind so many on the wire paho would queue QoS 1 and never send it.
                qos = will.qos if len(self._unacked) < INFLIGHT_MAX else 0
                client.publish(will.topic, will.payload, qos, will.retain)
            client.disconnect()
            with contextlib.suppress(TimeoutError):  # the broker takes our last words and closes
                async with asyncio.timeout(LEAVE_S):
                    await self._gone.wait()
            client.on_message = self._received
        self._close()

    def _close(self) -> None:
        # Paho has no call that drops a connection as if it had been cut, and `disconnect` asks the broker.
        if self._client.socket() is not None:
            self._client._sock_close()

    def _impatient(self, ended: asyncio.Future[str]) -> None:
        if ended is self._ended and not ended.done() and self._state == "down":
            ended.set_result(f"no CONNACK within {CONNECT_S:g} s")

    # --- paho's calls

    def _made(self) -> paho.Client:
        options = self.options
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            options.clean_start,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if options.username:
            client.username_pw_set(options.username, options.password.decode("utf-8"))
        client.connect_timeout = CONNECT_S
        client.max_queued_messages_set(options.unacked_max)
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.on_connect = self._accepted
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._lost
        client.on_message = self._received
        client.on_publish = self._acknowledged
        client.on_socket_open = self._opened
        client.on_socket_close = self._closed
        client.on_socket_register_write = self._wants_write
        client.on_socket_unregister_write = self._wants_no_write
        return client

    def _opened(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _watch(self) -> None:
        """From here on the loop drives paho; until now the dialling thread did, and nothing else may have."""
        sock = self._client.socket()
        if sock is None:
            self._end("the connection ended at once")
            return
        assert self._loop is not None
        self._gone.clear()
        self._loop.add_reader(cast(socket.socket, sock), self._guarded, self._client.loop_read)
        if self._client.want_write():
            self._wants_write(self._client, None, sock)

    def _closed(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        assert self._loop is not None
        if _on_a_loop():
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
            self._gone.set()

    def _wants_write(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        assert self._loop is not None
        if _on_a_loop():  # else `_watch` looks after it
            self._loop.add_writer(sock, self._guarded, client.loop_write)

    def _wants_no_write(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        assert self._loop is not None
        self._loop.remove_writer(sock)

    def _guarded(self, call: Any) -> None:
        """Runs one of paho's loops. What it raises is the engine's own: `run` raises it again."""
        try:
            call()
        except Exception as error:
            if self._ended is None or self._ended.done():
                raise
            self._ended.set_exception(error)

    def _accepted(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        props: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._end(f"the broker says {reason}")
            return
        self._life += 1
        self.counts.lives += 1
        if self.options.subscriptions:
            client.subscribe(list(self.options.subscriptions))
        else:
            self._now("up")

    def _subscribed(
        self, client: paho.Client, userdata: Any, mid: int, codes: list[ReasonCode], props: Properties | None
    ) -> None:
        for (pattern, _), code in zip(self.options.subscriptions, codes, strict=False):
            if code.is_failure:
                self.counts.refused += 1
                self._log.error("subscription refused", filter=pattern, reason=str(code))
        self._now("up")

    def _lost(
        self, client: paho.Client, userdata: Any, flags: Any, reason: ReasonCode, props: Properties | None
    ) -> None:
        if _on_a_loop():  # else `_watch` finds no socket
            self._end(f"the connection ended: {reason}")

    def _received(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.counts.refused += 1
            if message.qos:  # else the broker would send it again, for ever
                client.ack(message.mid, 1)
            return
        self.counts.received += 1
        self._on_message(
            Incoming(
                topic,
                bytes(message.payload),
                message.qos,
                message.retain,
                message.dup,
                message.mid,
                self._life,
            )
        )

    def _acknowledged(
        self, client: paho.Client, userdata: Any, mid: int, reason: ReasonCode, props: Properties | None
    ) -> None:
        self._unacked.discard(mid)

    def _end(self, reason: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)

    def _now(self, state: LinkState) -> None:
        if state != self._state:
            self._state = state
            if state == "up":
                self.reconnect.up()
            self._on_state(state)


def _on_a_loop() -> bool:
    """False in the thread that dials."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
