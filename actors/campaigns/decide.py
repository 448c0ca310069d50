"""One decision: who wins, why the others do not, and which campaign was nearest to giving something.

Window and conditions first, then consent, caps of the visit, and groups. The same arguments give the same
decision, in whatever order the books were filled. The decision returned is the short one; while a turn is
explained, the whole one is appended to `facts.explained`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from actors.campaigns import words
from actors.campaigns.checking import Compiled, distance
from actors.campaigns.conditions import Books, Context, Seen, Value
from actors.campaigns.index import Check, Index, Ready
from protocols.decisions import Checked, Considered, Decision, Outcome, Trigger
from protocols.facts import Campaign
from protocols.ids import CampaignId, OfferId
from protocols.money import MILLION

_UNREAD: Value = "\0unread"
"""Stands for a value that no condition has asked for yet; compared by identity."""


class Facts(Books, Protocol):
    """The books, and the index that was compiled from them."""

    @property
    def index(self) -> Index: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """The campaigns that won, highest priority first, and the decision for the table that people ask."""

    winners: tuple[Campaign, ...]
    decision: Decision


@dataclass(slots=True)
class _Judged:
    """One candidate's way through the checks; `failed` is the first condition that did not hold."""

    ready: Ready
    outcome: Outcome
    held: int
    failed: Compiled | None = None
    saw: Value = None
    place: int = 0


def decide(trigger: Trigger, context: Context, facts: Facts) -> Decided:
    """Decides one trigger. `context.counts` and `context.consent` are trusted; the account looks again."""
    index = facts.index
    candidates = index.candidates(trigger, context)
    seen = Seen(context, facts)
    judged = [_judge(ready, seen) for ready in candidates]
    winners = _settle_groups(judged)
    nearest = _nearest(judged)
    miss = _told(nearest, context) if nearest is not None else None
    decision = Decision(
        trigger=trigger,
        key=context.key,
        subject_name=context.subject_name,
        where=_where(context, facts),
        winners=tuple(one.campaign.id for one in winners),
        offers=tuple(offer_id(context, one.campaign.id) for one in winners if one.to_person),
        summary=words.summary(
            trigger,
            context,
            _where(context, facts),
            _goods(context, facts),
            [one.campaign for one in winners],
            miss,
        ),
        nearest_miss=miss,
        considered_count=len(candidates),
        could_not_fire=len(index) - len(candidates),
    )
    if facts.explained is not None:
        whole = tuple(_told(one, context) for one in sorted(judged, key=_listed))
        facts.explained.append(msgspec.structs.replace(decision, considered=whole))
    return Decided(tuple(one.campaign for one in winners), decision)


def offer_id(context: Context, campaign: CampaignId) -> OfferId:
    """The offer of this campaign's next issue in this visit: derived, so a repeat has the same one."""
    return OfferId(f"{context.visit}.{campaign}.{context.counts.get(campaign, 0) + 1}")


def _judge(ready: Ready, seen: Seen) -> _Judged:
    window = ready.window
    held = seen.windows.get(ready.window_number, -1)
    if held < 0:
        held = seen.windows[ready.window_number] = _held(window, seen)
    if held < len(window):
        return _missed(ready, held, window[held][3], seen)
    more = _held(ready.checks, seen)
    held += more
    if more < len(ready.checks):
        return _missed(ready, held, ready.checks[more][3], seen)
    context = seen.context
    if ready.consent and ready.consent not in context.consent:
        return _Judged(ready, "no_consent", held)
    if ready.visit_cap and context.counts.get(ready.campaign.id, 0) >= ready.visit_cap:
        return _Judged(ready, "capped", held)
    return _Judged(ready, "won", held)


def _held(checks: tuple[Check, ...], seen: Seen) -> int:
    """How many hold before the first that does not. Runs for every candidate: values are looked up in place."""
    values = seen.values
    held = 0
    for slot, read, holds, _ in checks:
        saw = values.get(slot, _UNREAD)
        if not holds(read(seen) if saw is _UNREAD else saw):
            return held
        held += 1
    return held


def _missed(ready: Ready, held: int, failed: Compiled, seen: Seen) -> _Judged:
    return _Judged(ready, "missed", held, failed, failed.read(seen))


def _settle_groups(judged: Iterable[_Judged]) -> list[Ready]:
    """One winner a group, by priority and then id; the others are outranked. What has no group stacks."""
    ranked = sorted((one for one in judged if one.outcome == "won"), key=_rank)
    places: dict[str, int] = {}
    winners = []
    for one in ranked:
        group = one.ready.campaign.group
        if group:
            places[group] = one.place = places.get(group, 0) + 1
            if one.place > 1:
                one.outcome = "outranked"
                continue
        winners.append(one.ready)
    return winners


def _rank(one: _Judged) -> tuple[int, int]:
    return (-one.ready.campaign.priority, one.ready.order)


def _nearness(one: _Judged) -> tuple[bool, int, int, int, int]:
    """What the shopper's own next step can reach comes first, then the shortest way, then most held."""
    assert one.failed is not None
    condition = one.failed.condition
    away = distance(one.failed.kind.form, condition.relation, one.saw, condition.want)
    return (not one.failed.kind.reach, MILLION if away < 0 else away, -one.held, *_rank(one))


def _nearest(judged: Iterable[_Judged]) -> _Judged | None:
    return min((one for one in judged if one.outcome == "missed"), key=_nearness, default=None)


_LISTED: dict[Outcome, int] = {"won": 0, "missed": 1, "outranked": 2, "capped": 3, "no_consent": 4}


def _listed(one: _Judged) -> tuple[int, ...]:
    """The order of an explanation: winners, then misses from the nearest on, then the rest."""
    order = _nearness(one) if one.outcome == "missed" else _rank(one)
    return (_LISTED[one.outcome], *order)


def _told(one: _Judged, context: Context) -> Considered:
    failed = _failed(one, context)
    given = "" if failed is None else words.would_give(failed, one.ready.gives)
    return Considered(
        campaign=one.ready.campaign.id,
        name=one.ready.campaign.name,
        outcome=one.outcome,
        held=one.held,
        of=len(one.ready.window) + len(one.ready.checks),
        failed=failed,
        would_give=given,
    )


def _failed(one: _Judged, context: Context) -> Checked | None:
    campaign = one.ready.campaign
    if one.failed is not None:
        return one.failed.checked(one.saw)
    if one.outcome == "no_consent":
        say = f"Allows {campaign.needs_consent}"
        return Checked(say, "consent", "has", campaign.needs_consent, tuple(context.consent), False)
    if one.outcome == "capped":
        cap, count = one.ready.visit_cap, context.counts.get(campaign.id, 0) + 1
        say = "At most once a visit" if cap == 1 else f"At most {cap} times a visit"
        return Checked(say, "cap_visit", "at_most", cap, count, False)
    if one.outcome == "outranked":
        say = f"Wins its group, {campaign.group.replace('-', ' ')}"
        return Checked(say, "group", "is", _ordinal(1), _ordinal(one.place), False)
    return None


def _ordinal(place: int) -> str:
    if place % 100 in (11, 12, 13):
        return f"{place}th"
    return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th') }"


def _where(context: Context, facts: Facts) -> str:
    if context.where:
        return context.where
    zone = facts.zones.get(context.zone)
    return zone.name if zone is not None else str(context.zone)


def _goods(context: Context, facts: Facts) -> str:
    product = facts.products.get(context.sku)
    return product.name if product is not None else str(context.sku)
