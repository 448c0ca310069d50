"""What head office needs of the backbone: Feed brings what stores send, Post takes what goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from protocols.headers import Headers


class LinkDown(Exception):
    """Nothing is known of what was under way. The link was dropped; the next call connects again."""


class NoSuchTopic(LinkDown):
    """The broker answers, and has no such topic: provisioning makes it."""


class Fenced(Exception):
    """Another owner took this partition. Stop: what this one still holds is stale, and nothing was written."""


class Place(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """One message as it came from Kafka; nothing in it was checked."""

    offset: int
    value: bytes
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Posted:
    """One message on its way out."""

    key: bytes
    value: bytes
    headers: Headers


class Feed(Protocol):
    """Reads partitions from the reader's own offsets; no groups. Every call is time-boxed or raises LinkDown."""

    async def open(self, positions: Mapping[Place, int]) -> None:
        """Reads on from these offsets. One that the log does not have begins at the log's beginning."""

    async def fetch(self, records_max: int, wait_s: float) -> Mapping[Place, Sequence[Delivered]]:
        """What has come, in order within a place; empty after `wait_s`. Also notices a log that was replaced."""

    def lag(self) -> Mapping[Place, int]:
        """How many messages lie between what was fetched and the log's end, as of the last fetch."""

    async def drop(self) -> None:
        """Closes at once, whatever is under way."""


class Post(Protocol):
    """Writes to topics that exist. Every call is time-boxed."""

    async def publish(self, topic: str, messages: Sequence[Posted]) -> int:
        """Sends to partition 0, as one batch, how many fit (at least one). Returns after Kafka has them.

        Raises NoSuchTopic if the broker answers and does not have it.
        """

    async def drop(self) -> None:
        """Closes at once, whatever is under way."""
