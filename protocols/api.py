"""Every HTTP, WebSocket and outward MQTT body. Money in minor units, points whole, times in ms since 1970.

Whoever reads one of these finds in `cause` why it was sent, and in `version` whether it is newer.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from protocols.decisions import Decision, Grant
from protocols.effects import OfferState
from protocols.inputs import Cause
from protocols.money import AMOUNT_MAX

Ident = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f/+#\s]+$")]
Money = Annotated[int, msgspec.Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
SecretKey = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{32}$")]
"""An AES-128 key as hex digits, the most significant first."""
LINES_MAX = 500


class SaleLineRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: quantity in thousandths; the price is the product's own unless given."""

    sku: Ident
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 1000
    price_minor: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] | None = None
    discount_minor: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 0


class SaleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/sales. `operation` is made by the till, once per sale, and sent again unchanged on a retry.

    `card` is an account, a card or a device token; empty for a sale without one.
    """

    operation: Ident
    sale: Ident
    till: Ident
    lines: Annotated[tuple[SaleLineRequest, ...], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    card: str = ""
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)] = "EUR"
    closed_at_ms: Annotated[int, msgspec.Meta(ge=0)] = 0


class SaleReceipt(msgspec.Struct, frozen=True):
    """The verdict of a sale: what was earned, and the balance after it."""

    operation: str
    sale: str
    account: str
    total_minor: int
    points_earned: int
    balance_points: int | None
    offers_used: tuple[str, ...] = ()


class ScreenFields(msgspec.Struct, frozen=True, omit_defaults=True):
    """The template fields of a creative, with prices as they are now."""

    template: str
    title: str
    eyebrow: str = ""
    line: str = ""
    price_minor: int | None = None
    was_minor: int | None = None
    unit: str = ""
    stock: int | None = None
    picture: str = ""
    theme: str = "plain"


class ScreenCommand(msgspec.Struct, frozen=True):
    """What a screen shows now, and why. A higher `version` replaces it; the same one changes nothing."""

    sign: str
    version: int
    creative: str
    campaign: str
    until_ms: int
    fields: ScreenFields
    cause: Cause
    seq: int = 0


class OfferView(msgspec.Struct, frozen=True):
    """One offer as a phone shows it."""

    offer: str
    campaign: str
    state: OfferState
    grants: tuple[Grant, ...]
    zone: str
    issued_at_ms: int
    until_ms: int
    say: str


class Wallet(msgspec.Struct, frozen=True):
    """What a phone shows: balance with its age, offers. `points` is None while the balance is unknown."""

    account: str
    name: str
    member: bool
    tier: str
    version: int
    points: int | None
    as_of_ms: int
    offers: tuple[OfferView, ...]
    cause: Cause
    seq: int = 0


class PresenceView(msgspec.Struct, frozen=True):
    """Where a subject is, by the zone last announced, since when, and with which p in whole per cent.

    `x`, `y` in metres on the plan as of `at_ms`, and `doubt_m` as a radius: None until a place was worked out, and
    for a member who does not allow the purpose `location`. They come again at most once a second.
    """

    subject: str
    zone: str
    p: int
    since_ms: int
    cause: Cause
    x: float | None = None
    y: float | None = None
    doubt_m: float | None = None
    at_ms: int = 0


class ZoneEvent(msgspec.Struct, frozen=True):
    """A subject entered a zone or left it. `dwell_s` is how long it was there, None while it still is.

    Leaving by silence is noticed later than it happens, by the store's `zone_silence_s`, and `dwell_s` is as much
    longer. `p` is what the zone was announced with, in whole per cent.
    """

    event: Literal["entered", "left"]
    zone: str
    subject: str
    p: int
    at_ms: int
    cause: Cause
    dwell_s: int | None = None


class OccupancyView(msgspec.Struct, frozen=True):
    """How many people a zone holds, and the members among them: those whose zone was announced.

    `expected` sums how likely each subject is here; with nine chances in ten `low` to `high` of them are. Without
    a radio map nobody knows how likely, so `expected` is `shoppers` and the bounds are None. `passers` are devices
    that nobody enrolled, None where nobody counts them.
    """

    zone: str
    shoppers: int
    members: int
    cause: Cause
    seq: int = 0
    expected: float = 0.0
    low: int | None = None
    high: int | None = None
    passers: int | None = None


class ScannerView(msgspec.Struct, frozen=True):
    """How a gateway is. `silent`: nothing comes; `deaf`: it hears too little; `moved`: it hears from elsewhere.

    `unknown` until anybody could have been heard. `since_ms` is 0 where it is not known, `off_db` how far its
    readings are from what they should be.
    """

    scanner: str
    zone: str
    state: Literal["ok", "silent", "deaf", "moved", "unknown"]
    since_ms: int = 0
    off_db: float = 0.0


class CompanionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The attributes that ESPresense Companion publishes of a device, as far as we know them, and a few of ours.

    Metres on the plan (origin top left, y downwards), `confidence` in per cent, times in ISO 8601. `in_zones` are
    Home Assistant's own zones: a Home Assistant beside the store has the store for its home.
    """

    source_type: str
    confidence: int
    best_scenario: str
    last_seen: str
    zone: str
    room: str
    since: str
    in_zones: tuple[str, ...]
    x: float | None = None
    y: float | None = None
    z: float | None = None
    doubt_m: float | None = None


class DecisionView(msgspec.Struct, frozen=True):
    """A decision as the console lists it."""

    seq: int
    at_ms: int
    took_us: int
    decision: Decision
    cause: Cause


class BasketRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /api/v1/subjects/<subject>/basket: the open basket, whole."""

    lines: Annotated[tuple[SaleLineRequest, ...], msgspec.Meta(max_length=LINES_MAX)]


class EidRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Eddystone-EID beacon that somebody carries: its identity key, and its counter of seconds as it stands now.

    It takes a new id every 2^`rotation` seconds.
    """

    key: SecretKey
    rotation: Annotated[int, msgspec.Meta(ge=0, le=15)]
    counter: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class EnrolRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /api/v1/devices/<device>: who carries a device. `account` empty: an anonymous tag of the store.

    `irk` and `eid` find a device that changes its id. They need `location` among the consent, are kept encrypted,
    and are erased when it is taken back.
    """

    subject: Ident
    account: str = ""
    name: str = ""
    tier: str = "base"
    consent: tuple[str, ...] = ()
    irk: SecretKey | None = None
    eid: EidRequest | None = None


class ConsentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /api/v1/accounts/<account>/consent: the purposes that are allowed now, whole."""

    operation: Ident
    consent: tuple[str, ...]


class RestockRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/shelves/<shelf>/restock: this many pieces are there now."""

    operation: Ident
    pieces: Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457 problem details. `detail` says what to do."""

    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"


class Receipt(msgspec.Struct, frozen=True):
    """A stored verdict as HTTP answers it, whatever the operation was."""

    outcome: str
    replayed: bool
    incarnation: str
    seq: int
    body: msgspec.Raw
