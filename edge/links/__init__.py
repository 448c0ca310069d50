"""Links: the only modules that import a transport's client. Each is thin, and named for what it speaks.

MqttLink       what the engine sees of a broker: publish, acknowledge, state; defined here
mqtt           MQTT 5, on the codec of `mqtt5`; mqtt_connection is one TCP connection of it
mqtt311        MQTT 3.1.1, on paho, for brokers that speak nothing newer
reconnect      full-jitter delays, and one log line when a link goes and one when it is back

A link calls the engine synchronously on the loop's thread, and every call into it returns at once. It owns no
truth: what was not handed over when it went is sent again by the broker (QoS 1) or derived again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

LinkState = Literal["down", "up"]

PACKET_BYTES_MAX = 1024 * 1024
"""Largest MQTT packet. The broker is told, and keeps larger ones to itself."""

SEND_BYTES_MAX = 8 * 1024 * 1024
"""Bytes that may wait for a slow broker. Beyond them QoS 0 is dropped and counted, and QoS 1 waits."""

UNACKED_MAX = 10_000
"""QoS 1 messages of ours that the broker has not acknowledged. The next one is refused and counted."""

RECEIVE_MAX = 1_000
"""QoS 1 messages that the broker may send ahead of our acknowledgements; it holds back the rest."""


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A message as it arrived. Topic and payload are a stranger's; nothing was checked but MQTT's own form.

    `packet_id` is 0 for QoS 0. `life` names the connection over which it came.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    duplicate: bool = False
    packet_id: int = 0
    life: int = 0
    response_topic: str = ""
    correlation: bytes = b""
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone, however we went: a clean end sends it too."""

    topic: str
    payload: bytes
    retain: bool = True
    qos: int = 1


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """Where a broker is, who we are there, and what we want to hear.

    With `clean_start` off and a `session_s` the broker keeps what arrives while we are away (QoS 1).
    MQTT 3.1.1 knows no limit of a session's time and no receive maximum; there they are the broker's own.
    A `will` that is a function is called for each CONNECT, once, and what it gives is that connection's will.
    """

    host: str
    port: int
    client_id: str
    subscriptions: tuple[tuple[str, int], ...] = ()
    username: str = ""
    password: bytes = b""
    will: Will | Callable[[], Will] | None = None
    clean_start: bool = True
    session_s: int = 0
    keepalive_s: int = 30
    receive_max: int = RECEIVE_MAX
    unacked_max: int = UNACKED_MAX

    def will_now(self) -> Will | None:
        """The will for a connection that is being made."""
        return self.will if self.will is None or isinstance(self.will, Will) else self.will()


@dataclass(slots=True)
class LinkCounts:
    """What went over a link since it was made. `refused` are messages that cannot be sent or read at all."""

    received: int = 0
    published: int = 0
    acked: int = 0
    dropped: int = 0
    refused: int = 0
    lives: int = 0


OnMessage = Callable[[Incoming], None]
OnState = Callable[[LinkState], None]


class MqttLink(Protocol):
    """A broker as the engine sees it. Every call returns at once and belongs on the loop's thread."""

    @property
    def state(self) -> LinkState:
        """`up` while the broker has accepted us and our subscriptions."""

    @property
    def counts(self) -> LinkCounts:
        """Running totals."""

    @property
    def unacked(self) -> int:
        """QoS 1 messages of ours that the broker has not acknowledged yet."""

    async def run(self) -> None:
        """Holds the link, over every loss, until cancelled. Raises what `on_message` or `on_state` raised."""

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
        """Sends, or says that it did not: QoS 0 while the link is down or choked, QoS 1 past `unacked_max`.

        QoS 1 outlives a lost connection, not this process. The last four go over MQTT 5 only. A topic that
        cannot be published to is refused and counted, never raised: it may be a stranger's response topic.
        """

    def ack(self, message: Incoming) -> None:
        """Acknowledges a QoS 1 message, after the commit. Of an earlier connection or QoS 0: does nothing."""


def ignore_state(state: LinkState) -> None:
    """For whoever does not want to know."""


def may_publish(topic: str) -> bool:
    """True if a broker takes this topic: no wildcard, null or leading `$`, UTF-8 of 1 to 65,535 bytes."""
    if not topic or "\x00" in topic or "+" in topic or "#" in topic or topic.startswith("$"):
        return False
    try:
        return len(topic.encode()) <= 0xFFFF
    except UnicodeEncodeError:
        return False
