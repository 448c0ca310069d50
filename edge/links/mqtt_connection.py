"""One connection of the MQTT 5 link: bytes to packets, packets to bytes, keep-alive, and why it ended."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol, cast

import mqtt5

from edge.links import PACKET_BYTES_MAX, SEND_BYTES_MAX, LinkCounts, MqttOptions

LEAVE_S = 1.0
"""How long a clean end waits for the broker to take our last words and close."""

SUBSCRIBE_ID = 0xFFFF
"""The packet id of the one SUBSCRIBE of a connection."""

FIRST_FAILURE = 128
"""Reason codes from here on are refusals (MQTT 5, 2.4). The codec's enums compare by `value` only."""


class Link(Protocol):
    """What a connection tells its link."""

    options: MqttOptions
    counts: LinkCounts

    def accepted(self, connection: Connection, answer: mqtt5.ConnAckPacket) -> None:
        """The broker took us."""

    def subscribed(self, codes: list[mqtt5.SubAckReasonCode]) -> None:
        """The broker answered for each filter."""

    def received(self, packet: mqtt5.PublishPacket) -> None:
        """A message."""

    def acknowledged(self, packet: mqtt5.PubAckPacket) -> None:
        """The broker has one of ours."""

    def pump(self) -> None:
        """There is room again."""


class Connection(asyncio.Protocol):
    """One TCP connection to a broker. `ended` says why it ended, or raises what a callback raised."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self.answered: asyncio.Future[str] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.accepts = False
        self._link = link
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._silent = False
        self._leaving = False
        self._timer: asyncio.TimerHandle | None = None

    # --- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # Without this an acknowledgement waits 40 ms for the one before it.
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.set_write_buffer_limits(high=SEND_BYTES_MAX)
        self._transport.write(_connect(self._link.options))

    def data_received(self, data: bytes) -> None:
        self._silent = False
        if self._leaving:
            return
        if self._rest:
            data = self._rest + data
        view, at = memoryview(data), 0
        try:
            while at < len(data):
                try:
                    packet, size = mqtt5.read(view[at:])
                except IndexError:
                    break
                except ValueError as error:
                    size = self._unreadable(view[at:], str(error))
                except BaseException as error:
                    # The codec panics over text that is not UTF-8, with an exception outside Exception.
                    if type(error).__name__ != "PanicException":
                        raise
                    size = self._unreadable(view[at:], "text that is not UTF-8")
                else:
                    self._take(packet)
                at += size
        except _Broken as error:
            self._end(str(error))
        except Exception as error:  # the engine's own: it must reach whoever runs the link
            self._fail(error)
        self._rest = data[at:]
        if len(self._rest) > PACKET_BYTES_MAX + 5:
            self._end(f"a packet above {PACKET_BYTES_MAX} bytes")

    def pause_writing(self) -> None:
        self.accepts = False

    def resume_writing(self) -> None:
        self.accepts = True
        self._link.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self.accepts = False
        if self._timer is not None:
            self._timer.cancel()
        self._end(str(exc) if exc else "the broker closed the connection")

    # --- sending

    def send(self, packet: bytes) -> None:
        """Sends with whatever else is sent in this turn of the loop."""
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(packet)
        self._outbox_bytes += len(packet)
        if self._outbox_bytes > SEND_BYTES_MAX:
            self._flush()  # so that the transport's limit sees it

    def _flush(self) -> None:
        if self._outbox and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._outbox))
        self._outbox.clear()
        self._outbox_bytes = 0

    async def leave(self) -> None:
        """Ends the connection; if it still stands, with everything sent and the last will on its way."""
        assert self._transport is not None
        try:
            if self.accepts and not self._transport.is_closing():
                self._leaving = True
                self._flush()
                self._transport.write(_disconnect(self._link.options))
                # The broker closes first. If we did, with something unread, the reset could overtake
                # our last words.
                await asyncio.wait({self.ended}, timeout=LEAVE_S)
        finally:
            self.accepts = False
            self._transport.abort()

    # --- receiving

    def _take(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.PublishPacket():
                if packet.qos.value > 1:
                    raise _Broken("a QoS 2 message that nobody subscribed to")
                self._link.received(packet)
            case mqtt5.PubAckPacket():
                self._link.acknowledged(packet)
            case mqtt5.PingRespPacket():
                pass
            case mqtt5.ConnAckPacket():
                self._answered(packet)
            case mqtt5.SubAckPacket():
                self._link.subscribed(packet.reason_codes)
            case mqtt5.DisconnectPacket():
                raise _Broken(f"the broker says {packet.reason_code.name}")
            case _:
                raise _Broken(f"an unexpected {type(packet).__name__}")

    def _answered(self, answer: mqtt5.ConnAckPacket) -> None:
        if answer.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            raise _Broken(f"the broker says {answer.reason_code.name}")
        if self.accepts:
            raise _Broken("a second CONNACK")
        self.accepts = True
        interval_s = (answer.server_keep_alive or self._link.options.keepalive_s) / 2
        if interval_s:
            self._timer = self._loop.call_later(interval_s, self._ping, interval_s)
        self._link.accepted(self, answer)
        self.answered.set_result("")

    def _unreadable(self, packet: memoryview, reason: str) -> int:
        """Steps over a message that cannot be read, and returns its size; another such packet ends the link.

        To close the connection instead would have the broker send the same message again, for ever.
        """
        size, header = _size(packet)
        if packet[0] >> 4 != 3 or not size or size > len(packet):
            raise _Broken(f"a packet that cannot be read: {reason}")
        self._link.counts.refused += 1
        topic_end = header + 2 + int.from_bytes(packet[header : header + 2], "big")
        if packet[0] & 0x06 and topic_end + 2 <= size:
            packet_id = int.from_bytes(packet[topic_end : topic_end + 2], "big")
            refusal = mqtt5.PubAckReasonCode.PAYLOAD_FORMAT_INVALID
            self.send(mqtt5.PubAckPacket(packet_id, reason_code=refusal).write())
        return size

    def _ping(self, interval_s: float) -> None:
        if self._silent:
            self._end(f"the broker was silent for {interval_s:g} s")
            return
        self._silent = True
        self.send(mqtt5.PingReqPacket().write())
        self._timer = self._loop.call_later(interval_s, self._ping, interval_s)

    # --- ending

    def _end(self, reason: str) -> None:
        self.accepts = False
        if self._transport is not None:
            self._transport.abort()
        if not self.ended.done():
            self.ended.set_result(reason)

    def _fail(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
        self._end("a callback failed")


class _Broken(Exception):
    """The broker broke off, or broke the protocol. The connection ends and is made anew."""


def _connect(options: MqttOptions) -> bytes:
    will = options.will_now()
    return mqtt5.ConnectPacket(
        options.client_id,
        username=options.username or None,
        password=options.password or None,
        clean_start=options.clean_start,
        will=None
        if will is None
        else mqtt5.Will(will.topic, payload=will.payload, qos=mqtt5.QoS(will.qos), retain=will.retain),
        keep_alive=options.keepalive_s,
        session_expiry_interval=options.session_s,
        receive_max=options.receive_max,
        max_packet_size=PACKET_BYTES_MAX,
    ).write()


def subscribe(subscriptions: tuple[tuple[str, int], ...]) -> bytes:
    return mqtt5.SubscribePacket(
        SUBSCRIBE_ID,
        [
            mqtt5.TopicFilter(
                pattern,
                max_qos=mqtt5.QoS(qos),
                # A kept session has seen the retained messages; a new one has not.
                retain_handling=mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
            )
            for pattern, qos in subscriptions
        ],
    ).write()


def _disconnect(options: MqttOptions) -> bytes:
    reasons = mqtt5.DisconnectReasonCode
    reason = reasons.NORMAL_DISCONNECTION if options.will is None else reasons.DISCONNECT_WITH_WILL_MESSAGE
    return mqtt5.DisconnectPacket(reason_code=reason).write()


def _size(packet: memoryview) -> tuple[int, int]:
    """Size of a packet by its fixed header, and of that header; 0 if the length is cut short or nonsense."""
    length = 0
    for place, byte in enumerate(packet[1:5]):
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return length + place + 2, place + 2
    return 0, 0
