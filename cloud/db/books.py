"""The one transaction of a fetch: fence and offset, sorted records, ledger, mail. All of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from cloud.db import schema
from cloud.db.engine import upsert
from cloud.db.mail import balance_mail, number_mail
from cloud.db.streams import park, remember, write_streams
from cloud.db.writing import rows_by_key, write_ledger, write_records
from cloud.ingest import Parked, Remembered, Sorted, read, sort_out
from cloud.ledger import fold
from cloud.ports import Delivered, Fenced, Place
from protocols.mail import Mail, ReplayOrdered


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fetch came to. `mailed` says that somebody has mail to publish."""

    applied: int = 0
    repeated: int = 0
    resent: int = 0
    held: int = 0
    parked: int = 0
    forks: int = 0
    orders: int = 0
    mailed: bool = False


class Books:
    """Head office's database as an ingest worker sees it. Calls block: they belong in a thread.

    Hard state is in the database alone; this object remembers its epochs, which are worthless once another
    owner took over.
    """

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine = engine
        self._owner = owner
        self._epochs: dict[Place, int] = {}

    def own(self, places: Iterable[Place]) -> None:
        """Takes these partitions, from whoever had them: that one's next transaction is refused."""
        with self._engine.begin() as connection:
            for place in sorted(places):
                self._epochs[place] = _take_over(connection, place, self._owner)

    def positions(self) -> dict[Place, int]:
        """Where each owned partition is to be read on."""
        owned = [tuple(place) for place in self._epochs]
        with self._engine.connect() as connection:
            rows = rows_by_key(connection, schema.partition_owner, ["topic", "partition"], owned)
        for row in rows:
            if row.epoch != self._epochs[Place(row.topic, row.partition)]:
                raise Fenced(f"{row.topic}/{row.partition} belongs to {row.owner} now")
        return {Place(row.topic, row.partition): row.next_offset for row in rows}

    def take(self, place: Place, messages: Sequence[Delivered], now_ms: int) -> Outcome:
        """Applies a fetch. A message that the database refuses is found, and parked alone; the rest stands."""
        if not messages:
            return Outcome()
        try:
            return self._take(place, messages, now_ms, None)
        except DBAPIError as error:
            if not _by_content(error):
                raise
            if len(messages) == 1:
                return self._take(place, messages, now_ms, f"the database refuses it: {error.orig}")
        half = len(messages) // 2
        first = self.take(place, messages[:half], now_ms)
        return _sum(first, self.take(place, messages[half:], now_ms))

    def _take(self, place: Place, messages: Sequence[Delivered], now_ms: int, refused: str | None) -> Outcome:
        with self._engine.begin() as connection:
            self._fence(connection, place, messages[-1].offset + 1)
            good, bad = read(messages)
            remembered = remember(connection, good)
            result = sort_out(good, remembered, now_ms)
            result.parked += bad
            if refused is not None:
                result.parked += [Parked(m.offset, refused, m.value, m.header) for m in good if result.taken]
                result.taken.clear()
            return _write(connection, place, result, remembered, now_ms)

    def _fence(self, connection: Connection, place: Place, next_offset: int) -> None:
        """Moves the offset if the partition is still ours, and holds its row until the end of the transaction."""
        table = schema.partition_owner
        moved = connection.execute(
            update(table)
            .where(
                table.c.topic == place.topic,
                table.c.partition == place.partition,
                table.c.epoch == self._epochs[place],
            )
            .values(next_offset=next_offset)
        )
        if moved.rowcount != 1:
            raise Fenced(f"{place.topic}/{place.partition} has another owner now")


def _take_over(connection: Connection, place: Place, owner: str) -> int:
    table = schema.partition_owner
    statement = upsert(connection, table).values(
        topic=place.topic, partition=place.partition, epoch=1, owner=owner, next_offset=0
    )
    statement = statement.on_conflict_do_update(
        index_elements=["topic", "partition"], set_={"epoch": table.c.epoch + 1, "owner": owner}
    )
    return int(connection.execute(statement.returning(table.c.epoch)).scalar_one())


def _write(
    connection: Connection, place: Place, result: Sorted, remembered: Remembered, now_ms: int
) -> Outcome:
    """Writes a sorted fetch, in the order in which every owner takes its locks."""
    sales = write_records(connection, result.taken)
    folded = fold(sales)
    balances = write_ledger(connection, folded, place.partition)
    write_streams(connection, result, remembered, now_ms)
    park(connection, place, result.parked, now_ms)
    mail: dict[str, list[Mail]] = balance_mail(connection, folded.accounts, balances, now_ms)
    for order in result.orders:
        replay = ReplayOrdered(order.key.incarnation, order.key.stream, order.sequence)
        mail.setdefault(order.key.store, []).append(replay)
    number_mail(connection, mail, now_ms)
    return Outcome(
        applied=len(result.taken),
        repeated=result.repeated,
        resent=sum(1 for *_, is_new in sales if not is_new),
        held=result.held,
        parked=len(result.parked),
        forks=result.forks,
        orders=len(result.orders),
        mailed=bool(mail) or bool(result.parked),
    )


def _by_content(error: DBAPIError) -> bool:
    """True if a value was refused; false if it was the connection, a lock or the disk, which pass."""
    return isinstance(error, DataError | IntegrityError)


def _sum(one: Outcome, other: Outcome) -> Outcome:
    return Outcome(
        applied=one.applied + other.applied,
        repeated=one.repeated + other.repeated,
        resent=one.resent + other.resent,
        held=one.held + other.held,
        parked=one.parked + other.parked,
        forks=one.forks + other.forks,
        orders=one.orders + other.orders,
        mailed=one.mailed or other.mailed,
    )
