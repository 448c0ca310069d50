"""A store's outbox without a store: records numbered and chained as a real one does it, and sent by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cloud.ports import Delivered
from protocols.headers import key_id, to_headers
from protocols.records import Header, Hello, Record, SaleRecorded, chain, encode_record

KEY = b"a chain key of thirty-two bytes."


def sale(
    operation: str, account: str = "ana", points: int = 10, entry: int = 0, total: int = 1000
) -> SaleRecorded:
    """A sale of a thousandth of the details."""
    return SaleRecorded(
        operation, operation, "1", account, total, "EUR", points, entry, 1_760_000_000_000, "2026-01-05"
    )


@dataclass
class Outbox:
    """One stream of one life of one store. `rows` are its records as they lie there, to be sent in any order."""

    store: str = "014"
    incarnation: str = "life-1"
    stream: str = "money"
    key: bytes = KEY
    rows: list[tuple[Header, bytes]] = field(default_factory=list)

    def add(self, record: Record) -> tuple[Header, bytes]:
        """Numbers and chains one record."""
        value = encode_record(record)
        sequence = len(self.rows) + 1
        before = self.rows[-1][0].chain if self.rows else b""
        link = chain(self.key, before, sequence, value)
        operation = getattr(record, "operation", "")
        header = Header(
            self.store,
            self.incarnation,
            self.stream,
            sequence,
            link,
            operation=operation,
            key_id=key_id(self.key),
        )
        self.rows.append((header, value))
        return self.rows[-1]

    def add_sales(self, count: int, account: Callable[[int], str] = lambda n: "ana") -> None:
        """So many sales, each account's entries counted."""
        entries: dict[str, int] = {}
        for number in range(len(self.rows) + 1, len(self.rows) + count + 1):
            name = account(number)
            entries[name] = entries.get(name, 0) + 1
            self.add(sale(f"{self.incarnation}-{number}", name, entry=entries[name]))

    def hello(self, at_ms: int = 1) -> None:
        """The first record of a life."""
        self.add(Hello(self.store, self.incarnation, at_ms))

    def fork(self) -> Outbox:
        """The same outbox restored from a copy made now: the same life, the same numbers from here on."""
        return Outbox(self.store, self.incarnation, self.stream, self.key, list(self.rows))


def delivered(rows: Iterable[tuple[Header, bytes]], offset: int = 0) -> list[Delivered]:
    """Records as Kafka hands them out."""
    return [Delivered(offset + n, value, to_headers(header)) for n, (header, value) in enumerate(rows)]
