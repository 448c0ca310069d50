"""What can happen to a store: past tense or nouns, each a frozen value with named fields.

An input is stored as JSON with its name in `type`. A new version of one only adds fields with defaults; a
field is never renamed and never changes its unit.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from protocols.decisions import Checked, Grant
from protocols.ids import AccountId, CampaignId, CreativeId, Key, OfferId, Sku, SubjectId, ZoneId


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why something happened: an operation id, or a sighting's scanner and subject; and when we heard of it.

    `arrived_us` is the arrival at the engine, in microseconds since 1970. `more` counts further causes that
    the same message answers; the one named is the oldest.
    """

    arrived_us: int
    operation: str = ""
    scanner: str = ""
    subject: str = ""
    more: int = 0


class Local(msgspec.Struct, frozen=True):
    """The store's own calendar at an instant: business day (ISO), minute of the day 0-1439, weekday 0 = Monday."""

    day: str
    minute: int
    weekday: int


class _Input(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    """Base of every input."""


# --- the shopper's


class Identified(_Input, frozen=True, omit_defaults=False):
    """Who carries this subject's device. Sent when the visit begins, and again when more becomes known."""

    account: AccountId
    device: str = ""
    name: str = ""
    member: bool = False
    tier: str = "base"
    consent: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()


class ZoneEntered(_Input, frozen=True):
    """Presence concludes that the subject is in `zone`, with p in whole per cent."""

    zone: ZoneId
    p: int


class ZoneLeft(_Input, frozen=True):
    """Presence concludes that the subject is no longer in `zone`."""

    zone: ZoneId


class VisitEnded(_Input, frozen=True):
    """Nothing was heard of the subject for the store's silence limit."""


class BasketLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a basket or sale. `quantity` in thousandths, money in minor units."""

    sku: Sku
    quantity: int
    price_minor: int
    discount_minor: int = 0
    name: str = ""
    category: str = ""


class BasketChanged(_Input, frozen=True):
    """An open basket (a phone's, a trolley's, a till's before payment), whole: it replaces the one before."""

    lines: tuple[BasketLine, ...]


class OfferRefused(_Input, frozen=True):
    """The account did not issue what the shopper proposed; `checked` is the condition that failed there."""

    campaign: CampaignId
    offer: OfferId
    checked: Checked


# --- the shelf's


class WeightSettled(_Input, frozen=True):
    """A shelf's scale came to rest at another weight. Grams."""

    before_g: int
    after_g: int


class Restocked(_Input, frozen=True):
    """Staff filled a shelf or counted it: this many pieces are there now."""

    pieces: int


class GoodsTaken(_Input, frozen=True):
    """A shopper took (or, negative, put back) pieces, as seen by something other than the scale."""

    pieces: int


# --- the sign's


class CreativeProposed(_Input, frozen=True):
    """A decision asks this sign to show `creative` until `until_ms`, for the subject in front of it."""

    creative: CreativeId
    campaign: CampaignId
    for_key: Key
    until_ms: int
    priority: int = 0


class SignStarted(_Input, frozen=True):
    """A screen connected for the first time or was reset by staff."""


class GoodsChanged(_Input, frozen=True):
    """A product that a sign may show went low, out or is back. Signs drop what is out."""

    sku: Sku
    state: Literal["ok", "low", "out"]


# --- the account's


class Caps(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often a campaign may be issued. 0 means no cap. `store` is per business day over all members."""

    visit: int = 0
    day: int = 0
    member: int = 0
    store: int = 0


class OfferProposed(_Input, frozen=True):
    """A shopper's decision asks the account to issue an offer. The account checks its caps and consent."""

    offer: OfferId
    campaign: CampaignId
    campaign_version: int
    subject: SubjectId
    shopper: Key
    zone: ZoneId
    grants: tuple[Grant, ...]
    until_ms: int
    caps: Caps
    say: str = ""


class SaleClosed(_Input, frozen=True):
    """A till closed a sale. Money in minor units; `till` rang it, `sale` is the till's own number."""

    sale: str
    till: str
    lines: tuple[BasketLine, ...]
    total_minor: int
    currency: str = "EUR"
    closed_at_ms: int = 0


class OfferSeen(_Input, frozen=True):
    """A phone showed the offer."""

    offer: OfferId


class ConsentChanged(_Input, frozen=True):
    """The member's purposes that are allowed now, whole: it replaces the set before."""

    consent: tuple[str, ...]


class MemberKnown(_Input, frozen=True, omit_defaults=False):
    """What the roster says of the account's member.

    A visit tells it too, `unless_known`: what it carries is as old as the visit and replaces nothing newer.
    """

    name: str = ""
    tier: str = "base"
    consent: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    unless_known: bool = False


class BalanceKnown(_Input, frozen=True):
    """Head office's balance. It includes this store's entries up to number `as_of_entry`."""

    points: int
    as_of_ms: int
    as_of_entry: int


class OfferMoved(msgspec.Struct, frozen=True):
    """One offer as it moves from a subject's account to a member's."""

    offer: OfferId
    campaign: CampaignId
    grants: tuple[Grant, ...]
    zone: ZoneId
    issued_at_ms: int
    until_ms: int
    say: str


class OffersMoved(_Input, frozen=True):
    """Offers of an anonymous subject that now has an account."""

    offers: tuple[OfferMoved, ...]


class AccountClaimed(_Input, frozen=True):
    """The subject of this anonymous account turned out to be member `account`: its offers go there."""

    account: AccountId


# --- anybody's


class Woken(_Input, frozen=True):
    """The entity's own `wake_at_ms` has passed. Early, late and repeated wakes are harmless."""


class ClockSet(_Input, frozen=True):
    """Wall time jumped by `by_ms` against the monotonic clock."""

    by_ms: int


Input = (
    Identified
    | ZoneEntered
    | ZoneLeft
    | VisitEnded
    | BasketChanged
    | OfferRefused
    | WeightSettled
    | Restocked
    | GoodsTaken
    | CreativeProposed
    | SignStarted
    | GoodsChanged
    | OfferProposed
    | SaleClosed
    | OfferSeen
    | ConsentChanged
    | MemberKnown
    | BalanceKnown
    | OffersMoved
    | AccountClaimed
    | Woken
    | ClockSet
)


class Given(msgspec.Struct, frozen=True, array_like=True):
    """One input on its way to one entity: all that a step may know besides state and facts.

    `id` is unique; a conclusion's and a Tell's are derived from what made them, so a repeat has the same one.
    `operation` is empty for what nobody can send again. `row` is the Tell's row number, 0 if it has none.
    """

    key: Key
    id: str
    input: Input
    cause: Cause
    at_ms: int
    local: Local
    operation: str = ""
    payload_hash: bytes = b""
    row: int = 0
