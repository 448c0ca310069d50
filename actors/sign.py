"""One sign: what its screen shows and why. It is never black: at worst it shows the store's own card.

    playlist ─CreativeProposed─► proposed ─its time is over─► playlist
        │ slot over: the next one          │ its goods are out: back to the playlist

A creative whose goods are out on every shelf is not shown. `version` grows whenever the screen must change.
"""

from __future__ import annotations

import msgspec

from actors.facts import Facts
from actors.saved import decoder, within_time
from protocols.api import ScreenCommand, ScreenFields
from protocols.effects import Effect, Show
from protocols.facts import SignPlace
from protocols.ids import CampaignId, CreativeId, Key, Sku
from protocols.inputs import Cause, ClockSet, CreativeProposed, Given, GoodsChanged, SignStarted, Woken

VERSION = 1

FALLBACK = CreativeId("")
"""What is shown when nothing else can be: the card with the sign's own name."""

PROPOSED_MAX_MS = 24 * 3_600_000
"""The longest that a proposal may hold a screen."""

RECHECK_S = 300
"""A sign with nothing to alternate looks again this often: something may have come back by then."""

SLOT_S_MIN = 1

GOODS_MAX = 256
"""Products whose news a sign keeps until its next slot, when the books say the same."""


class Sign(msgspec.Struct, frozen=True):
    """The state of a sign: what it shows, for which campaign and whom, and until when.

    `campaign` is empty while the playlist plays; `place` is the playlist's position. `goods` holds what
    shelves told since the last slot, which is newer than the book of stock.
    """

    sign: str
    version: int = 0
    creative: CreativeId = FALLBACK
    campaign: CampaignId = CampaignId("")
    for_key: Key = Key("")
    priority: int = 0
    until_ms: int = 0
    place: int = -1
    goods: dict[Sku, str] = {}
    v: int = VERSION
    rest: dict[str, msgspec.Raw] = {}


Stepped = tuple[Sign | None, tuple[Effect, ...]]


def new(ident: str) -> Sign:
    """A sign that has shown nothing yet."""
    return Sign(ident)


def upgrade(sign: Sign) -> Sign:
    """A state of an older version as one of this version. There is none older than 1."""
    return sign


decode = decoder(Sign, VERSION, upgrade)


def wake_at_ms(sign: Sign) -> int | None:
    """When what is shown has had its time."""
    return sign.until_ms or None


def step(sign: Sign, given: Given, facts: Facts) -> Stepped:
    """One turn. A proposal that may not be shown, or that a higher one outranks, changes nothing."""
    at_ms = within_time(given.at_ms)
    match given.input:
        case SignStarted():
            started = _next(msgspec.structs.replace(sign, campaign=CampaignId(""), place=-1), at_ms, facts)
            return _shown(sign, started, anyway=True)
        case CreativeProposed():
            return _shown(sign, _proposed(sign, given.input, at_ms, facts))
        case GoodsChanged():
            return _shown(sign, _goods_changed(sign, given.input, at_ms, facts))
        case Woken() if sign.until_ms and at_ms >= sign.until_ms:
            return _shown(sign, _next(msgspec.structs.replace(sign, goods={}), at_ms, facts))
        case ClockSet() if sign.until_ms:
            until_ms = max(1, within_time(sign.until_ms + given.input.by_ms))
            return msgspec.structs.replace(sign, until_ms=until_ms), ()
    return sign, ()


def screen_command(sign: Sign, version: int, facts: Facts, cause: Cause, seq: int = 0) -> ScreenCommand:
    """What the screen shows now, with prices and stock as the books have them now."""
    return ScreenCommand(
        sign=sign.sign,
        version=version,
        creative=sign.creative,
        campaign=sign.campaign,
        until_ms=sign.until_ms,
        fields=_fields(sign, facts),
        cause=cause,
        seq=seq,
    )


# --- what is shown next


def _proposed(sign: Sign, asked: CreativeProposed, at_ms: int, facts: Facts) -> Sign:
    until_ms = min(within_time(asked.until_ms), at_ms + PROPOSED_MAX_MS)
    holds = sign.campaign and sign.until_ms > at_ms
    if until_ms <= at_ms or not _can_show(asked.creative, sign, facts):
        return sign
    if holds and (asked.creative, asked.campaign) == (sign.creative, sign.campaign):
        return msgspec.structs.replace(
            sign,
            for_key=asked.for_key,
            until_ms=max(until_ms, sign.until_ms),
            priority=max(asked.priority, sign.priority),
        )
    if holds and asked.priority < sign.priority:
        return sign
    return msgspec.structs.replace(
        sign,
        creative=asked.creative,
        campaign=asked.campaign,
        for_key=asked.for_key,
        priority=asked.priority,
        until_ms=until_ms,
    )


def _goods_changed(sign: Sign, changed: GoodsChanged, at_ms: int, facts: Facts) -> Sign:
    goods = dict(sign.goods)
    goods[changed.sku] = changed.state
    while len(goods) > GOODS_MAX:
        del goods[min(sku for sku in goods if sku != changed.sku)]
    told = msgspec.structs.replace(sign, goods=goods)
    if sign.version == 0:  # nothing was started yet
        return told
    if sign.creative == FALLBACK or not _can_show(sign.creative, told, facts):
        return _next(told, at_ms, facts)
    return told


def _next(sign: Sign, at_ms: int, facts: Facts) -> Sign:
    """Back to the playlist: the next creative that can be shown, or the fallback."""
    place = facts.signs.get(sign.sign)
    playlist = place.playlist if place is not None else ()
    showable = [slot for slot, creative in enumerate(playlist) if _can_show(creative, sign, facts)]
    slot = next((slot for slot in showable if slot > sign.place), showable[0] if showable else -1)
    slot_s = place.slot_s if place is not None and len(showable) > 1 else RECHECK_S
    return msgspec.structs.replace(
        sign,
        creative=playlist[slot] if showable else FALLBACK,
        campaign=CampaignId(""),
        for_key=Key(""),
        priority=0,
        until_ms=within_time(at_ms + max(slot_s, SLOT_S_MIN) * 1_000),
        place=slot,
    )


def _shown(before: Sign, after: Sign, *, anyway: bool = False) -> Stepped:
    same = (before.creative, before.campaign) == (after.creative, after.campaign)
    if (same and before.version > 0 and not anyway) or after is before:
        return after, ()
    if same and before.version == 0 and after.until_ms == 0:  # heard of goods before it was started
        return after, ()
    return msgspec.structs.replace(after, version=before.version + 1), (Show(after.sign),)


def _can_show(creative_id: CreativeId, sign: Sign, facts: Facts) -> bool:
    creative = facts.creatives.get(creative_id)
    return creative is not None and not (creative.sku and _is_out(creative.sku, sign, facts))


def _is_out(sku: Sku, sign: Sign, facts: Facts) -> bool:
    if sku in sign.goods:
        return sign.goods[sku] == "out"
    lines = facts.stock_of(sku)
    return bool(lines) and all(line.state == "out" for _, line in lines)


# --- how it looks


def _fields(sign: Sign, facts: Facts) -> ScreenFields:
    creative = facts.creatives.get(sign.creative)
    if creative is None:
        return _card(facts.signs.get(sign.sign), facts)
    product = facts.products.get(creative.sku)
    lines = facts.stock_of(creative.sku)
    return ScreenFields(
        template=creative.template,
        title=creative.title,
        eyebrow=creative.eyebrow,
        line=creative.line,
        price_minor=product.price_minor if product is not None else None,
        was_minor=creative.was_minor or None,
        unit=product.unit if product is not None else "",
        stock=sum(line.pieces for _, line in lines) if lines else None,
        picture=creative.picture or (product.picture if product is not None else ""),
        theme=creative.theme,
    )


def _card(place: SignPlace | None, facts: Facts) -> ScreenFields:
    store = facts.plan.name if facts.plan is not None else ""
    return ScreenFields(
        template="card", title=store or "Welcome", line=place.name if place is not None else ""
    )
