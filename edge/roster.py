"""Who carries which device or card, for everybody that the store knows without asking.

At rest a device is a keyed hash; the raw id is never written. Soft state: the rows of `enrolment`, in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from edge.ports import Enrolled
from protocols.ids import AccountId, Key, ident_of
from protocols.inputs import Identified, Input, MemberKnown

TOKEN_BYTES = 16

REMEMBERED_MAX = 100_000
"""Device ids whose hash is remembered. Above it the memory is emptied: a hash costs a microsecond."""


def token_of(secret: bytes, device: str) -> bytes:
    """The keyed hash that stands for a device or card at rest: BLAKE2b-128 (RFC 7693)."""
    return hashlib.blake2b(device.encode(), key=secret[:64], digest_size=TOKEN_BYTES).digest()


class Roster:
    """Looks up who carries a device, and what a new visit or account is told about its person."""

    def __init__(self, secret: bytes, enrolled: Iterable[Enrolled] = ()) -> None:
        self._secret = secret
        self._by_token: dict[bytes, Enrolled] = {}
        self._by_subject: dict[str, Enrolled] = {}
        self._by_account: dict[str, Enrolled] = {}
        self._by_device: dict[str, Enrolled | None] = {}
        self.add(enrolled)

    def __len__(self) -> int:
        return len(self._by_token)

    def add(self, enrolled: Iterable[Enrolled]) -> None:
        """Takes in rows that were committed."""
        for row in enrolled:
            self._by_token[row.token] = row
            self._by_subject[row.subject] = row
            if row.account:
                self._by_account[row.account] = row
        self._by_device.clear()

    def token(self, device: str) -> bytes:
        """The keyed hash of a device or card."""
        return token_of(self._secret, device)

    def carrier(self, device: str) -> Enrolled | None:
        """Who carries the device, or None for one that nobody enrolled."""
        try:
            return self._by_device[device]
        except KeyError:
            if len(self._by_device) >= REMEMBERED_MAX:
                self._by_device.clear()
            found = self._by_device[device] = self._by_token.get(self.token(device))
            return found

    def subject(self, subject: str) -> Enrolled | None:
        """The row of a subject."""
        return self._by_subject.get(subject)

    def row(self, token: bytes) -> Enrolled | None:
        """The row of a device or card, by its keyed hash."""
        return self._by_token.get(token)

    def rows_of(self, account: str) -> list[Enrolled]:
        """Every device and card of an account, a subject's own one (`subject-…`) included."""
        return [row for row in self._by_token.values() if account_of(row) == account]

    def resolve(self, card: str) -> Enrolled | None:
        """Who is meant by a card, a device, a subject or an account; None if nobody here is."""
        return self.carrier(card) or self._by_account.get(card) or self._by_subject.get(card)

    def births(self, key: Key) -> tuple[Input, ...]:
        """What an entity is told when its life begins: who carries the device, or whose account it is."""
        ident = ident_of(key)
        if key.startswith("shopper:") and (row := self._by_subject.get(ident)):
            return (identified(row),)
        if key.startswith("account:") and (row := self._by_account.get(ident)):
            return (MemberKnown(row.name, row.tier, row.consent, row.segments),)
        return ()


def account_of(row: Enrolled) -> str:
    """The account that holds what the row's carrier is offered: the member's, else the subject's own."""
    return row.account or f"subject-{row.subject}"


def identified(row: Enrolled) -> Identified:
    """The roster's row as a shopper hears it."""
    return Identified(
        account=AccountId(row.account),
        name=row.name,
        member=row.member,
        tier=row.tier,
        consent=row.consent,
        segments=row.segments,
    )
