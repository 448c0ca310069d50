"""Pure: what sales mean to the points books, folded per account so that a fetch locks each account once.

Points move by double entry from one book to another, so all books together are always zero. A member's
spendable points are `account:<id>:available`; what the programme issued is `programme:issued`, below zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from protocols.records import SaleRecorded

ISSUED = "programme:issued"
OPENING = "opening"
EARNED = "earned"


def available(account: str) -> str:
    """The book of an account's spendable points."""
    return f"account:{account}:available"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Points from one book to another, once for (store, operation, kind)."""

    store: str
    operation: str
    kind: str
    debit: str
    credit: str
    points: int
    at_ms: int


@dataclass(slots=True)
class Folded:
    """What a fetch does to the books. `entries` are the highest entry by store, life and account.

    `accounts` are those whose balance or position changed: their stores are written to.
    """

    transfers: list[Transfer] = field(default_factory=list)
    balances: dict[str, int] = field(default_factory=dict)
    entries: dict[tuple[str, str, str], int] = field(default_factory=dict)
    known_at: set[tuple[str, str]] = field(default_factory=set)

    @property
    def accounts(self) -> list[str]:
        """In the order in which they are locked."""
        return sorted({account for _, _, account in self.entries})

    def move(self, transfer: Transfer) -> None:
        """Adds one transfer to both of its books."""
        self.transfers.append(transfer)
        self.balances[transfer.debit] = self.balances.get(transfer.debit, 0) - transfer.points
        self.balances[transfer.credit] = self.balances.get(transfer.credit, 0) + transfer.points


def fold(sales: Iterable[tuple[str, str, SaleRecorded, bool]]) -> Folded:
    """Folds (store, incarnation, sale, is new). A sale that is not new earned its points under another number.

    Its entry counts all the same: the balance includes it, and the store must not add it on top.
    """
    folded = Folded()
    for store, incarnation, sale, is_new in sales:
        if not sale.account:
            continue
        if is_new:
            folded.known_at.add((sale.account, store))
        if sale.points and is_new:
            folded.move(
                Transfer(
                    store,
                    sale.operation,
                    EARNED,
                    ISSUED,
                    available(sale.account),
                    sale.points,
                    sale.closed_at_ms,
                )
            )
        if sale.entry:
            place = (store, incarnation, sale.account)
            folded.entries[place] = max(sale.entry, folded.entries.get(place, 0))
            folded.balances.setdefault(available(sale.account), 0)
    return folded
