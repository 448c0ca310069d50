"""What a decision says of itself: campaigns considered, the first condition that failed, the nearest miss.

A decision row keeps outcome, winners and nearest miss; the whole list is computed again by replaying the
turn, which takes milliseconds and gives the same bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from protocols.ids import CampaignId, CreativeId, Key, OfferId

Trigger = Literal["zone_entered", "dwelled", "basket_changed", "sale_closed", "shelf_low"]

Outcome = Literal["won", "missed", "outranked", "capped", "refused", "no_consent"]

Scalar = int | bool | str | None


class Checked(msgspec.Struct, frozen=True, omit_defaults=True):
    """One condition as it was checked: the sentence for people, the value seen and the value wanted.

    `distance` is how far the value was from holding, in millionths of what was wanted; -1 if it has no distance.
    """

    say: str
    fact: str
    relation: str
    want: Scalar | tuple[Scalar, ...]
    saw: Scalar | tuple[Scalar, ...]
    holds: bool
    distance: int = -1


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that an offer gives. Only the fields of its `kind` are set.

    offer: `title`, `text`, `sku`, `discount_minor` off one piece. points: `points`, fixed. message: `text`.
    creative: `creative`, on the signs of the zone. points_rate: `points` per `per_minor` spent.
    """

    kind: Literal["offer", "points", "points_rate", "message", "creative"]
    title: str = ""
    text: str = ""
    sku: str = ""
    discount_minor: int = 0
    points: int = 0
    per_minor: int = 0
    creative: CreativeId = CreativeId("")


class Considered(msgspec.Struct, frozen=True, omit_defaults=True):
    """One campaign in one decision. `failed` is the first condition that did not hold, `held` how many did."""

    campaign: CampaignId
    name: str
    outcome: Outcome
    held: int = 0
    of: int = 0
    failed: Checked | None = None
    would_give: str = ""


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided for one trigger. Stored short; `considered` is filled when a turn is explained."""

    trigger: Trigger
    key: Key
    subject_name: str
    where: str
    winners: tuple[CampaignId, ...]
    offers: tuple[OfferId, ...]
    summary: str
    nearest_miss: Considered | None
    considered_count: int
    could_not_fire: int
    considered: tuple[Considered, ...] = ()
