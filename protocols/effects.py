"""What a store does about an input: imperatives, each a frozen value, performed by one interpreter.

`Post`, `Emit`, `Know` and `Tell` become rows in the commit of their turn. `Notify`, `Show` and `Reply` are
performed after it. A state is saved by the cell itself, from what `step` returned.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from protocols.decisions import Decision, Grant
from protocols.errors import Outcome
from protocols.ids import AccountId, CampaignId, Key, OfferId, PoolId, ZoneId
from protocols.inputs import BasketLine, Input
from protocols.records import Record

OfferState = Literal["issued", "seen", "redeemed", "expired", "withdrawn"]


class _Entry(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    """Base of what may be posted to an account's rows."""


class PointsPosted(_Entry, frozen=True):
    """Points move, by double entry: `points` to the account and the same from the programme's `issued`.

    `entry` is the account's own running number of such moves; `why` names sale or campaign.
    """

    account: AccountId
    entry: int
    points: int
    why: str


class OfferPosted(_Entry, frozen=True):
    """An offer is made or changes its state. Whole: the row is replaced."""

    offer: OfferId
    account: AccountId
    campaign: CampaignId
    state: OfferState
    grants: tuple[Grant, ...]
    zone: ZoneId
    issued_at_ms: int
    until_ms: int
    say: str = ""


class SalePosted(_Entry, frozen=True):
    """A closed sale, with the points that it earned."""

    sale: str
    till: str
    account: AccountId
    total_minor: int
    currency: str
    points: int
    lines: tuple[BasketLine, ...]
    closed_at_ms: int


class CapCounted(_Entry, frozen=True):
    """A campaign was issued to this account once more; `day` counts within the business day named.

    `times` is more than 1 only where rows of one day are read back as one.
    """

    account: AccountId
    campaign: CampaignId
    day: str
    times: int = 1


class PoolSpent(_Entry, frozen=True):
    """A shared lease is spent from: `amount` of the `of` that there are. Never more; the writer checks."""

    pool: PoolId
    amount: int
    of: int


class MemberPosted(_Entry, frozen=True):
    """What is known of the account's member, whole."""

    account: AccountId
    name: str
    tier: str
    consent: tuple[str, ...]
    segments: tuple[str, ...]


class BalancePosted(_Entry, frozen=True):
    """Head office's balance for the account, which includes this store's entries up to `as_of_entry`."""

    account: AccountId
    points: int
    as_of_ms: int
    as_of_entry: int


Entry = PointsPosted | OfferPosted | SalePosted | CapCounted | PoolSpent | MemberPosted | BalancePosted


class _Effect(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    """Base of every effect."""


class Post(_Effect, frozen=True):
    """Write one entry to the ledger's rows."""

    entry: Entry


class Emit(_Effect, frozen=True):
    """Hand a record to head office, numbered and chained by the writer."""

    stream: Literal["money", "telemetry"]
    record: Record


class Know(_Effect, frozen=True):
    """Set a fact (`add` is None; `value` is JSON) or add to a counted one (`add`, under `field`)."""

    book: str
    key: str
    value: bytes = b"null"
    field: str = ""
    add: int | None = None


class Tell(_Effect, frozen=True):
    """An input for one named entity."""

    key: Key
    input: Input


class Decide(_Effect, frozen=True):
    """A decision, for the table that people ask."""

    decision: Decision


class Notify(_Effect, frozen=True):
    """The phone of this account has something newer."""

    account: AccountId


class Show(_Effect, frozen=True):
    """The screen of this sign has something newer."""

    sign: str


class Reply(_Effect, frozen=True):
    """The verdict for whoever sent the operation. `body` is JSON."""

    outcome: Outcome
    body: bytes


Effect = Post | Emit | Know | Tell | Decide | Notify | Show | Reply
