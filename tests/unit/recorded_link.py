"""A broker's link for tests: it remembers what was published, and can be down or choked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from edge.links import Incoming, LinkCounts, LinkState, may_publish


class RecordedLink:
    """An `MqttLink` without a broker: `retained` is what a broker would hold for each topic."""

    def __init__(self, on_state: Callable[[LinkState], None]) -> None:
        self._on_state = on_state
        self._state: LinkState = "down"
        self._is_choked = False
        self.counts = LinkCounts()
        self.sent: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self.acked: list[Incoming] = []
        self.correlations: list[bytes] = []

    # --- faults

    def go_up(self) -> None:
        """The broker took us."""
        self._state = "up"
        self._on_state("up")

    def go_down(self, *, forgets: bool = False) -> None:
        """The broker is away; one that `forgets` loses what it retained."""
        self._state = "down"
        self._on_state("down")
        if forgets:
            self.retained.clear()

    def choke(self, choked: bool = True) -> None:
        """Nothing more can be written, or it can again."""
        self._is_choked = choked

    # --- the port

    @property
    def state(self) -> LinkState:
        return self._state

    @property
    def unacked(self) -> int:
        return 0

    async def run(self) -> None:
        """There is nothing to hold."""

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
        if self._state == "down" or self._is_choked or not may_publish(topic):
            self.counts.dropped += 1
            return False
        self.counts.published += 1
        self.sent.append((topic, payload))
        self.correlations.append(correlation)
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        return True

    def ack(self, message: Incoming) -> None:
        self.acked.append(message)

    # --- for tests

    def shows(self, topic: str) -> Any:
        """The JSON that a broker holds for a topic, None if it holds nothing."""
        return json.loads(self.retained[topic]) if topic in self.retained else None
