"""The loop of an ingest worker: own some partitions, fetch, one transaction a partition, next."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud.db.books import Books, Outcome
from cloud.ports import Delivered, Feed, LinkDown, Place

WAIT_S = 0.5
"""How long a fetch waits for records."""

FIRST_S = 0.1
LONGEST_S = 5.0
"""A delay is anywhere between 0 and `FIRST_S`, doubled each attempt, at most `LONGEST_S` (full jitter)."""


class Tally(Protocol):
    """Where a worker counts."""

    def took(self, place: Place, outcome: Outcome, took_s: float) -> None:
        """A fetch was committed."""

    def lags(self, place: Place, messages: int) -> None:
        """So many messages wait in Kafka."""


@dataclass(slots=True)
class Backoff:
    """The memory of one outage: a line when it begins, a line when it ends."""

    what: str
    attempt: int = 0
    since_s: float | None = None

    def worked(self) -> None:
        """It works. Says so once, if it had not."""
        if self.since_s is not None:
            structlog.get_logger("cloud").info(
                f"{self.what} is back", away_s=round(time.monotonic() - self.since_s, 3), tries=self.attempt
            )
        self.attempt, self.since_s = 0, None

    async def failed(self, reason: str) -> None:
        """It does not work: says so once, and waits."""
        if self.since_s is None:
            self.since_s = time.monotonic()
            structlog.get_logger("cloud").warning(f"{self.what} is lost", reason=reason)
        self.attempt += 1
        await asyncio.sleep(random.random() * min(LONGEST_S, FIRST_S * 2.0 ** min(self.attempt, 30)))


class Worker:
    """Owns `places` until another one takes them. Hard state is in the database; a crash anywhere is harmless."""

    def __init__(
        self,
        name: str,
        places: Sequence[Place],
        books: Books,
        feed: Feed,
        tally: Tally,
        mailed: Callable[[], None],
        records_max: int = 5_000,
    ) -> None:
        self._places = list(places)
        self._books = books
        self._feed = feed
        self._tally = tally
        self._mailed = mailed
        self._records_max = records_max
        self._kafka = Backoff(f"Kafka, for {name},")
        self._database = Backoff(f"the database, for {name},")

    async def run(self) -> NoReturn:
        """Applies what comes until cancelled, or until Fenced says that another owner took over."""
        owned = False
        try:
            while True:
                try:
                    if not owned:
                        await asyncio.to_thread(self._books.own, self._places)
                        owned = True
                    await self._serve()
                except LinkDown as error:
                    await self._kafka.failed(str(error))
                except SQLAlchemyError as error:
                    # What was fetched is fetched again: the offset in the database did not move.
                    await self._feed.drop()
                    await self._database.failed(f"{type(error).__name__}: {error}".partition("\n")[0])
        finally:
            await self._feed.drop()

    async def _serve(self) -> NoReturn:
        positions = await asyncio.to_thread(self._books.positions)
        self._database.worked()
        await self._feed.open(positions)
        while True:
            fetched = await self._feed.fetch(self._records_max, WAIT_S)
            self._kafka.worked()
            for place, messages in fetched.items():
                await self._apply(place, messages)
            for place, waiting in self._feed.lag().items():
                self._tally.lags(place, waiting)

    async def _apply(self, place: Place, messages: Sequence[Delivered]) -> None:
        began_s = time.monotonic()
        now_ms = time.time_ns() // 1_000_000
        outcome = await asyncio.to_thread(self._books.take, place, messages, now_ms)
        self._database.worked()
        self._tally.took(place, outcome, time.monotonic() - began_s)
        if outcome.mailed:
            self._mailed()
