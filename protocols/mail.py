"""What comes down from head office, through the mailbox topic that only one store reads.

Mail is numbered per store by the cloud and applied in order, the cursor in the same commit.
"""

from __future__ import annotations

import msgspec


class _Mail(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of every piece of mail."""


class BalanceMailed(_Mail, frozen=True):
    """A member's balance; it includes the named store life's points entries up to `as_of_entry`."""

    account: str
    points: int
    as_of_ms: int
    incarnation: str
    as_of_entry: int


class MemberMailed(_Mail, frozen=True):
    """A roster row: which devices and cards belong to which account."""

    account: str
    name: str
    tier: str
    consent: tuple[str, ...]
    segments: tuple[str, ...]
    devices: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()


class ReplayOrdered(_Mail, frozen=True):
    """The cloud misses records of this stream from `sequence` on: send them again."""

    incarnation: str
    stream: str
    sequence: int


class Receipt(_Mail, frozen=True):
    """Cumulative: the cloud's database has this stream up to `applied`. Unnumbered, so loss is harmless."""

    incarnation: str
    stream: str
    applied: int


Mail = BalanceMailed | MemberMailed | ReplayOrdered | Receipt


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """One message of the mailbox: its number (0 for unnumbered mail), what it says, and the receipts so far."""

    number: int
    mail: Mail
    receipts: tuple[Receipt, ...] = ()


decode_envelope = msgspec.msgpack.Decoder(Envelope).decode
