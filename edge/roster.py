"""Who carries which device or card, for everybody that the store knows without asking.

At rest a device is a keyed hash, and the key of one that changes its id is wrapped; neither raw id nor raw key is
written anywhere. Soft state: the rows of `enrolment` and `identity_key`, in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from actors.presence.identity import LOCATION, IdentityKey, Resolver, device_of
from edge.keyring import Keyring
from edge.ports import Enrolled
from protocols.devices.readings import device_id, is_address
from protocols.errors import Nonsense
from protocols.ids import AccountId, Key, ident_of
from protocols.inputs import Identified, Input, MemberKnown

TOKEN_BYTES = 16

REMEMBERED_MAX = 100_000
"""Device ids whose hash is remembered. Above it the memory is emptied: a hash costs a microsecond."""


RESOLVED = "irk:"
"""Beginning of the ids of devices that a gateway itself resolved, by a key: ESPresense appends the key."""


def token_of(secret: bytes, device: str) -> bytes:
    """The keyed hash that stands for a device or card at rest: BLAKE2b-128 (RFC 7693)."""
    return hashlib.blake2b(device.encode(), key=secret[:64], digest_size=TOKEN_BYTES).digest()


class Roster:
    """Looks up who carries a device, and what a new visit or account is told about its person."""

    def __init__(self, secret: bytes, enrolled: Iterable[Enrolled] = ()) -> None:
        self._secret = secret
        self._keyring = Keyring(secret)
        self.resolver = Resolver()
        self.unreadable = 0
        """Keys that another secret wrapped: somebody replaced `roster.key`."""
        self._by_token: dict[bytes, Enrolled] = {}
        self._by_subject: dict[str, Enrolled] = {}
        self._by_account: dict[str, Enrolled] = {}
        self._by_device: dict[str, Enrolled | None] = {}
        self._tokens_of: dict[str, dict[bytes, None]] = {}
        for row in enrolled:
            self._take(row)

    def __len__(self) -> int:
        return len(self._by_token)

    def add(self, enrolled: Iterable[Enrolled]) -> None:
        """Takes in rows that were committed. Whoever has one without consent to be located has no key any more."""
        without: dict[str, Enrolled] = {}
        for row in enrolled:
            self._take(row)
            if LOCATION not in row.consent:
                without[account_of(row)] = row
        for account, row in without.items():
            for held in self.rows_of(account):
                if held.key is not None:
                    self._lose_key(held, row.consent)
        self._by_device.clear()

    def _take(self, row: Enrolled) -> None:
        before = self._by_token.get(row.token)
        if before is not None:
            del self._tokens_of[account_of(before)][before.token]
            if before.key is not None:
                row = replace(row, key=row.key or before.key)  # it may be said again without the key
                self._lose_key(before, before.consent)
        key = None
        if row.key is not None and LOCATION in row.consent:
            key = self._keyring.unwrap(row.token, row.key)
            self.unreadable += key is None
        if key is not None:
            self.resolver.put(row.token, key)
        elif row.key is not None:
            row = replace(row, key=None)
        self._by_token[row.token] = row
        self._tokens_of.setdefault(account_of(row), {})[row.token] = None
        self._by_subject[row.subject] = row
        if row.account:
            self._by_account[row.account] = row

    def _lose_key(self, row: Enrolled, consent: tuple[str, ...]) -> None:
        self.resolver.drop(row.token)
        self._by_token[row.token] = replace(row, key=None, consent=consent)

    def token(self, device: str) -> bytes:
        """The keyed hash of a device or card; of an address the same one in each of its spellings."""
        return token_of(self._secret, one_form(device))

    def keyed(self, row: Enrolled, key: IdentityKey) -> Enrolled:
        """The row under which a person's key is kept: the one that is there, unless something of it is new."""
        token = self.token(device_of(key))
        known = self._by_token.get(token)
        held = known.key if known is not None else None
        if held is None or self._keyring.unwrap(token, held) != key:
            held = self._keyring.wrap(token, key)
        return replace(row, token=token, key=held)

    def heard(self, device: str, also: tuple[str, ...], at_ms: int) -> Enrolled | None:
        """Who carries the device that goes by these ids: one that is enrolled, else one that an enrolled key made."""
        for ident in (device, *also):
            if (row := self.carrier(ident)) is not None:
                return row
        for ident in (device, *also) if len(self.resolver) else ():
            row = self._by_token.get(self.resolver.resolve(ident, at_ms) or b"")
            if row is not None and LOCATION in row.consent:
                return row
        return None

    def carrier(self, device: str) -> Enrolled | None:
        """Who carries the device, or None for one that nobody enrolled."""
        try:
            return self._by_device[device]
        except KeyError:
            if len(self._by_device) >= REMEMBERED_MAX:
                self._by_device.clear()
            found = self._by_token.get(self.token(device))
            if found is not None and LOCATION not in found.consent and device.startswith(RESOLVED):
                found = None  # that a gateway did the resolving changes nothing about what it takes
            self._by_device[device] = found
            return found

    def subject(self, subject: str) -> Enrolled | None:
        """The row of a subject."""
        return self._by_subject.get(subject)

    def row(self, token: bytes) -> Enrolled | None:
        """The row of a device or card, by its keyed hash."""
        return self._by_token.get(token)

    def rows_of(self, account: str) -> list[Enrolled]:
        """Every device and card of an account, a subject's own one (`subject-…`) included."""
        return [self._by_token[token] for token in self._tokens_of.get(account, ())]

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


def one_form(ident: str) -> str:
    """An id as gateways' readers give it: an address without separators, a beacon in ESPresense's form."""
    if ident[:4].lower() == RESOLVED:
        return ident.lower()
    try:
        return device_id(ident)
    except Nonsense:  # a card may be called what no device can be
        return ident


def is_pseudonym(name: str) -> bool:
    """False for a device's address: as a subject's or an account's id it would be written everywhere.

    Twelve decimal digits are taken for a number that somebody gave, as cards have.
    """
    return not is_address(name) or name.isdecimal()


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
