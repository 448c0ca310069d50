"""The store's STATE as a Sparkplug B host: an edge node that names it as its primary host waits for `online`.

    CONNECT, with offline at T as its will ─► SUBSCRIBE to that topic ─► online at T ─► … ─► offline now, DISCONNECT
                                                            heard offline: online at T again ◄┘

All of it is retained JSON at QoS 1 on `spBv1.0/STATE/<host>`. T is made for each CONNECT and only grows, so a node
tells the late will of a connection before from what is so now (Sparkplug 3.0). A will is one connection's, and the
others have none or another: so this link is one of its own. What nodes say comes over the telemetry link; one that is
born before that is up is asked for its birth again (edge.sparkplug).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from edge.links import Incoming, LinkState, MqttLink, Will
from edge.ports import Clock
from protocols import topics
from protocols.codec import JsonDecoder, to_json
from protocols.errors import Nonsense

ANSWER_EVERY_S = 1.0
"""Whoever says that we are offline is answered at most this often; what comes between has one answer together."""

STATE_BYTES_MAX = 1_024
"""Largest STATE that is read; a larger one is none."""


class State(msgspec.Struct, frozen=True):
    """Whether a host is there. `timestamp` is in ms UTC: of its CONNECT, or of its leaving."""

    online: bool
    timestamp: int


_read: JsonDecoder[State] = JsonDecoder(State, STATE_BYTES_MAX)


class SparkplugState:
    """Says what this host is, and holds to it. Soft: the time of the last CONNECT; `make` makes the link for it."""

    def __init__(self, host: str, clock: Clock, make: Callable[[SparkplugState], MqttLink]) -> None:
        self.topic = topics.sparkplug_state(host)
        self._clock = clock
        self._connected_ms = 0
        self._denied = asyncio.Event()
        self._is_leaving = False
        self._is_warned = False
        self._log = structlog.get_logger("edge.sparkplug_state").bind(host=host)
        self.link = make(self)

    def will(self) -> Will:
        """Called by the link at each CONNECT: offline, with the time that this connection's birth will have too."""
        self._connected_ms = max(self._clock.now_ms(), self._connected_ms + 1)
        return Will(self.topic, to_json(State(False, self._connected_ms)), retain=True, qos=1)

    def link_state(self, state: LinkState) -> None:
        """Called by the link: once our subscription stands, we are online."""
        self._denied.clear()
        if state == "up":
            self._say_online()

    def arrived(self, message: Incoming) -> None:
        """Called by the link: whatever stands on our topic now. Anything but `online` is answered (`run`)."""
        self.link.ack(message)
        if self.link.state != "up" or self._is_leaving:
            return  # our birth, or our death, is said after it
        try:
            said = _read(message.payload)
        except Nonsense:
            said = None
        ours = State(True, self._connected_ms)
        if (said is None or (said != ours and said.timestamp >= ours.timestamp)) and not self._is_warned:
            self._is_warned = True
            self._log.warning(
                "sparkplug_host_not_alone",
                said=repr(message.payload[:80]),
                mend="another host says it is this one: give each its own [mqtt] sparkplug_host",
            )
        if said is None or not said.online:
            self._denied.set()

    async def run(self) -> None:
        """Answers until cancelled. No denial stays unanswered, and two that answer each other never run hot."""
        while True:
            await self._denied.wait()
            self._denied.clear()
            self._say_online()
            await asyncio.sleep(ANSWER_EVERY_S)

    def leave(self) -> None:
        """Says offline with the time of now, before the link is ended politely; nothing is answered after it."""
        self._is_leaving = True
        if self.link.state == "up":
            self._say(State(False, max(self._clock.now_ms(), self._connected_ms)))

    def _say_online(self) -> None:
        if self.link.state == "up" and not self._is_leaving:
            self._say(State(True, self._connected_ms))

    def _say(self, state: State) -> None:
        self.link.publish(self.topic, to_json(state), retain=True, qos=1)
