"""One visit of one subject: where it is, for how long, what it carries, and what was proposed to it.

A shopper decides and proposes; its account issues. A visit begins with the first input that makes sense and
ends with `VisitEnded`, when the entity is gone.

    unknown ─ZoneEntered─► zone ─ZoneEntered─► another zone ─ZoneLeft─► unknown ─VisitEnded─► gone
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from actors.campaigns.conditions import Context
from actors.campaigns.decide import decide
from actors.facts import Facts
from actors.saved import decoder, within_time
from protocols.decisions import Considered, Decision, Outcome, Trigger
from protocols.effects import Decide, Effect, Emit, Know, Reply, Tell
from protocols.facts import Campaign
from protocols.ids import UNKNOWN_ZONE, AccountId, CampaignId, Key, OfferId, SubjectId, ZoneId, key
from protocols.inputs import (
    AccountClaimed,
    BasketChanged,
    BasketLine,
    ClockSet,
    CreativeProposed,
    Given,
    Identified,
    MemberKnown,
    OfferProposed,
    OfferRefused,
    VisitEnded,
    Woken,
    ZoneEntered,
    ZoneLeft,
)
from protocols.records import Stay, VisitClosed

VERSION = 2

ZONES_MAX = 64
"""Zones, and ended stays, of a visit's journey that are remembered. Beyond it the oldest is forgotten."""

BASKET_LINES_MAX = 500
"""Lines of an open basket that are kept; what comes after is not considered. A door refuses longer ones."""

LABELS_MAX = 64
"""Consent purposes, and segments, that are kept of one subject."""

CREATIVE_SHOWN_S = 30
"""How long a sign shows what a shopper's decision asked for, at most: after that somebody else stands there."""

NO_DWELL = -1


class Shopper(msgspec.Struct, frozen=True):
    """The state of a visit. `visit` is empty until it begins; `zone` is the one last announced.

    `dwell_decided_s` is the dwell at which this stay was last decided, `dwell_next_s` the next one that a
    campaign waits for. `proposed` counts what was proposed in this visit, by campaign. `stays` are those that
    have ended; the one that lasts is `zone` since `zone_entered_at_ms` (`journey` gives both).
    """

    subject: SubjectId
    visit: str = ""
    device: str = ""
    account: AccountId = AccountId("")
    name: str = ""
    member: bool = False
    tier: str = "base"
    consent: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    zone: ZoneId = UNKNOWN_ZONE
    zone_p: int = 0
    zone_entered_at_ms: int = 0
    entered_at_ms: int = 0
    zones: tuple[ZoneId, ...] = ()
    basket: tuple[BasketLine, ...] = ()
    dwell_decided_s: int = NO_DWELL
    dwell_next_s: int = NO_DWELL
    proposed: dict[CampaignId, int] = {}
    stays: tuple[Stay, ...] = ()
    v: int = VERSION
    rest: dict[str, msgspec.Raw] = {}


Stepped = tuple[Shopper | None, tuple[Effect, ...]]


def new(ident: str) -> Shopper:
    """A subject of whom nothing is known yet."""
    return Shopper(SubjectId(ident))


def upgrade(shopper: Shopper) -> Shopper:
    """A state of an older version as one of this version: 1 had no stays, and when they were is lost."""
    return shopper


decode = decoder(Shopper, VERSION, upgrade)


def wake_at_ms(shopper: Shopper) -> int | None:
    """When the next dwell that a campaign waits for is reached."""
    if shopper.dwell_next_s == NO_DWELL:
        return None
    return shopper.zone_entered_at_ms + shopper.dwell_next_s * 1_000


def step(shopper: Shopper, given: Given, facts: Facts) -> Stepped:
    """One turn. What makes no sense in this state changes nothing and has no effects."""
    match given.input:
        case Identified():
            return _identified(shopper, given.input, given)
        case ZoneEntered() if given.input.zone not in ("", UNKNOWN_ZONE):
            return _zone_entered(_begun(shopper, given), given.input, given, facts)
        case ZoneLeft() if given.input.zone == shopper.zone != UNKNOWN_ZONE:
            return _left(shopper, given), _counted(shopper, -1)
        case BasketChanged():
            return _basket_changed(_begun(shopper, given), given.input, given, facts)
        case OfferRefused():
            return shopper, (Decide(_refusal(shopper, given.input, facts)),)
        case Woken():
            return _woken(shopper, given, facts)
        case ClockSet():
            return _clock_set(shopper, given.input.by_ms), ()
        case VisitEnded():
            return None, _ended(shopper, given)
    return shopper, ()


def journey(shopper: Shopper) -> tuple[Stay, ...]:
    """The visit's stays in order, the one that still lasts at the end."""
    if shopper.zone == UNKNOWN_ZONE:
        return shopper.stays
    return (*shopper.stays, Stay(shopper.zone, shopper.zone_entered_at_ms))


def account_key(shopper: Shopper) -> Key:
    """The account that holds this subject's offers: the member's, else the subject's own."""
    return key("account", shopper.account or f"subject-{shopper.subject}")


# --- who


def _begun(shopper: Shopper, given: Given) -> Shopper:
    if shopper.visit:
        return shopper
    at_ms = within_time(given.at_ms)
    return msgspec.structs.replace(shopper, visit=f"{shopper.subject}.{at_ms}", entered_at_ms=at_ms)


def _identified(shopper: Shopper, known: Identified, given: Given) -> Stepped:
    after = msgspec.structs.replace(
        _begun(shopper, given),
        account=known.account,
        device=known.device or shopper.device,
        name=known.name,
        member=known.member,
        tier=known.tier,
        consent=_labels(known.consent),
        segments=_labels(known.segments),
    )
    effects: list[Effect] = []
    if after.account and not shopper.account and shopper.visit:
        claimed = key("account", f"subject-{shopper.subject}")
        effects.append(Tell(claimed, AccountClaimed(after.account)))
    if after.account and after.account != shopper.account:
        # The roster itself tells the account of changes; this is for an account that never heard of any.
        member = MemberKnown(after.name, after.tier, after.consent, after.segments, unless_known=True)
        effects.append(Tell(account_key(after), member))
    if after.member != shopper.member and after.zone != UNKNOWN_ZONE:
        effects.append(_occupancy(after.zone, "members", 1 if after.member else -1))
    return after, (*effects, *_replied(given))


def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(labels)))[:LABELS_MAX]


# --- where


def _zone_entered(shopper: Shopper, entered: ZoneEntered, given: Given, facts: Facts) -> Stepped:
    p = min(max(entered.p, 0), 100)
    if entered.zone == shopper.zone:
        return msgspec.structs.replace(shopper, zone_p=p), ()
    after = msgspec.structs.replace(
        shopper,
        zone=entered.zone,
        zone_p=p,
        zone_entered_at_ms=within_time(given.at_ms),
        zones=(*shopper.zones, entered.zone)[-ZONES_MAX:],
        stays=_stays(shopper, given),
        dwell_decided_s=NO_DWELL,
    )
    after = _awaiting_dwell(after, facts)
    moved = (*_counted(shopper, -1), *_counted(after, 1))
    return _decided("zone_entered", after, given, facts, before=moved)


def _stays(shopper: Shopper, given: Given) -> tuple[Stay, ...]:
    """The ended stays once the one that lasts has ended now."""
    if shopper.zone == UNKNOWN_ZONE:
        return shopper.stays
    left_at_ms = max(within_time(given.at_ms), shopper.zone_entered_at_ms)
    return (*shopper.stays, Stay(shopper.zone, shopper.zone_entered_at_ms, left_at_ms))[-ZONES_MAX:]


def _left(shopper: Shopper, given: Given) -> Shopper:
    return msgspec.structs.replace(
        shopper,
        stays=_stays(shopper, given),
        zone=UNKNOWN_ZONE,
        zone_p=0,
        zone_entered_at_ms=0,
        dwell_decided_s=NO_DWELL,
        dwell_next_s=NO_DWELL,
    )


def _counted(shopper: Shopper, by: int) -> tuple[Effect, ...]:
    if shopper.zone == UNKNOWN_ZONE:
        return ()
    shoppers = _occupancy(shopper.zone, "shoppers", by)
    return (shoppers, _occupancy(shopper.zone, "members", by)) if shopper.member else (shoppers,)


def _occupancy(zone: ZoneId, field: str, by: int) -> Know:
    return Know(book="occupancy", key=zone, field=field, add=by)


def _woken(shopper: Shopper, given: Given, facts: Facts) -> Stepped:
    due_ms = wake_at_ms(shopper)
    at_ms = within_time(given.at_ms)
    if due_ms is None or at_ms < due_ms:
        return shopper, ()
    dwell_s = (at_ms - shopper.zone_entered_at_ms) // 1_000
    before = shopper.dwell_decided_s
    after = _awaiting_dwell(msgspec.structs.replace(shopper, dwell_decided_s=dwell_s), facts)
    return _decided("dwelled", after, given, facts, dwell_before_s=before)


def _awaiting_dwell(shopper: Shopper, facts: Facts) -> Shopper:
    waited = (dwell for dwell in facts.index.dwells(shopper.zone) if dwell > shopper.dwell_decided_s)
    return msgspec.structs.replace(shopper, dwell_next_s=next(waited, NO_DWELL))


def _clock_set(shopper: Shopper, by_ms: int) -> Shopper:
    """The stay keeps its length, whatever the clock says now."""
    return msgspec.structs.replace(
        shopper,
        entered_at_ms=within_time(shopper.entered_at_ms + by_ms) if shopper.visit else 0,
        zone_entered_at_ms=within_time(shopper.zone_entered_at_ms + by_ms)
        if shopper.zone != UNKNOWN_ZONE
        else 0,
        stays=tuple(
            Stay(stay.zone, within_time(stay.entered_at_ms + by_ms), within_time(stay.left_at_ms + by_ms))
            for stay in shopper.stays
        ),
    )


def _ended(shopper: Shopper, given: Given) -> tuple[Effect, ...]:
    if not shopper.visit:
        return ()
    closed = VisitClosed(
        visit=shopper.visit,
        account=shopper.account or f"subject-{shopper.subject}",
        entered_at_ms=shopper.entered_at_ms,
        left_at_ms=within_time(given.at_ms),
        zones=shopper.zones,
        stays=_stays(shopper, given),
    )
    return (*_counted(shopper, -1), Emit("telemetry", closed))


# --- what


def _basket_changed(shopper: Shopper, changed: BasketChanged, given: Given, facts: Facts) -> Stepped:
    lines = changed.lines[:BASKET_LINES_MAX]
    if lines == shopper.basket:
        return shopper, _replied(given)
    after = msgspec.structs.replace(shopper, basket=lines)
    return _decided("basket_changed", after, given, facts, after=_replied(given))


def _replied(given: Given) -> tuple[Effect, ...]:
    return (Reply("done", b"{}"),) if given.operation else ()


# --- decisions


def _decided(
    trigger: Trigger,
    shopper: Shopper,
    given: Given,
    facts: Facts,
    *,
    dwell_before_s: int = NO_DWELL,
    before: tuple[Effect, ...] = (),
    after: tuple[Effect, ...] = (),
) -> tuple[Shopper, tuple[Effect, ...]]:
    """Decides, proposes what won, and counts it."""
    context = _context(shopper, given, dwell_before_s)
    decided = decide(trigger, context, facts)
    proposed = dict(shopper.proposed)
    told: list[Effect] = []
    for campaign in decided.winners:
        number = proposed.get(campaign.id, 0) + 1
        proposed[campaign.id] = number
        told.extend(_proposals(shopper, campaign, number, given, facts))
    if decided.winners:
        shopper = msgspec.structs.replace(shopper, proposed=proposed)
    return shopper, (*before, Decide(decided.decision), *told, *after)


def _context(shopper: Shopper, given: Given, dwell_before_s: int) -> Context:
    at_ms = within_time(given.at_ms)
    in_zone = shopper.zone != UNKNOWN_ZONE
    return Context(
        key=given.key,
        local=given.local,
        visit=shopper.visit,
        subject_name=shopper.name or shopper.subject,
        zone=shopper.zone,
        dwell_s=max(0, at_ms - shopper.zone_entered_at_ms) // 1_000 if in_zone else 0,
        dwell_before_s=dwell_before_s,
        visit_minutes=max(0, at_ms - shopper.entered_at_ms) // 60_000,
        zones_visited=tuple(dict.fromkeys(shopper.zones)),
        visits_zone_count=shopper.zones.count(shopper.zone),
        member=shopper.member,
        tier=shopper.tier,
        segments=shopper.segments,
        consent=shopper.consent,
        basket=shopper.basket,
        counts=shopper.proposed,
    )


def _proposals(
    shopper: Shopper, campaign: Campaign, number: int, given: Given, facts: Facts
) -> Iterable[Effect]:
    """What a winner asks for: of the account, what a person gets; of the zone's signs, what they show."""
    at_ms = within_time(given.at_ms)
    personal = tuple(grant for grant in campaign.grants if grant.kind != "creative")
    if personal:
        yield Tell(
            account_key(shopper),
            OfferProposed(
                offer=OfferId(f"{shopper.visit}.{campaign.id}.{number}"),
                campaign=campaign.id,
                campaign_version=campaign.version,
                subject=shopper.subject,
                shopper=given.key,
                zone=shopper.zone,
                grants=personal,
                until_ms=within_time(at_ms + campaign.lasts_s * 1_000),
                caps=campaign.caps,
                say=campaign.name,
            ),
        )
    shown_s = min(campaign.lasts_s, CREATIVE_SHOWN_S)
    for grant in campaign.grants:
        if grant.kind == "creative":
            asked = CreativeProposed(
                creative=grant.creative,
                campaign=campaign.id,
                for_key=given.key,
                until_ms=within_time(at_ms + shown_s * 1_000),
                priority=campaign.priority,
            )
            yield from (Tell(key("sign", sign), asked) for sign in facts.signs_of(shopper.zone))


_OUTCOMES: dict[str, Outcome] = {"consent": "no_consent", "cap_member": "capped", "cap_day": "capped"}
"""What a condition that failed at the account says of the campaign; any other is a plain refusal."""


def _refusal(shopper: Shopper, refused: OfferRefused, facts: Facts) -> Decision:
    campaign = facts.campaigns.get(refused.campaign)
    zone = facts.zones.get(shopper.zone)
    name = campaign.name if campaign is not None else str(refused.campaign)
    miss = Considered(
        campaign=refused.campaign,
        name=name,
        outcome=_OUTCOMES.get(refused.checked.fact, "refused"),
        failed=refused.checked,
    )
    who = shopper.name or str(shopper.subject)
    return Decision(
        trigger=campaign.trigger if campaign is not None else "zone_entered",
        key=key("shopper", shopper.subject),
        subject_name=who,
        where=zone.name if zone is not None else str(shopper.zone),
        winners=(),
        offers=(refused.offer,),
        summary=f"{name} was not issued to {who}: {refused.checked.say}",
        nearest_miss=miss,
        considered_count=1,
        could_not_fire=0,
    )
