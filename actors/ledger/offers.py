"""Offers of an account: whether one may be issued, and every change of state that it goes through."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from actors.facts import Facts
from actors.ledger.making import Making, holder
from actors.ledger.rows import Account
from actors.saved import within_time
from protocols.decisions import Checked
from protocols.effects import CapCounted, Emit, OfferPosted, OfferState, PoolSpent
from protocols.ids import CampaignId, PoolId
from protocols.inputs import Caps, Given
from protocols.records import OfferIssued

OFFERS_MAX = 32
"""Open offers of one account. At the limit the oldest is expired to make room."""


def refusal(account: Account, campaign: CampaignId, caps: Caps, given: Given, facts: Facts) -> Checked | None:
    """The first of campaign, consent and caps that forbids an issue, with the value seen and the value wanted."""
    live = facts.campaigns.get(campaign)
    if live is None:
        return Checked("The campaign is live", "campaign", "is", True, False, False)
    purpose = live.needs_consent
    # Whoever is not known here has consented at the shopper's, or not at all; the shopper looked.
    if account.known and purpose and purpose not in account.consent:
        return Checked(f"Allows {purpose}", "consent", "has", purpose, tuple(account.consent), False)
    if caps.member and (seen := account.member_counts.get(campaign, 0)) >= caps.member:
        return _capped("cap_member", "in all", caps.member, seen)
    if caps.day and (seen := counted_today(account, campaign, given)) >= caps.day:
        return _capped("cap_day", "a day", caps.day, seen)
    if caps.store and (seen := facts.spent(store_pool(campaign, given))) >= caps.store:
        return _capped("cap_store", "a day in this store", caps.store, seen)
    return None


def too_late(until_ms: int, at_ms: int) -> Checked | None:
    """A proposal that was taken when its offer's time was over already: a Tell may wait for its account."""
    if until_ms > at_ms:
        return None
    return Checked("The offer's time is not over", "until_ms", "at_least", at_ms + 1, until_ms, False)


def issue(making: Making, offer: OfferPosted, caps: Caps) -> None:
    """Issues an offer that nothing forbids. An older one of the same campaign is replaced by it."""
    admit(making, offer)
    count(making, offer.campaign, caps)
    making.add(
        Emit(
            "telemetry",
            OfferIssued(offer.offer, offer.account, offer.campaign, offer.zone, offer.issued_at_ms),
        )
    )


def admit(making: Making, offer: OfferPosted) -> None:
    """Takes an offer in: the same campaign's older one goes, and the oldest of all if there are too many."""
    for older in making.account.offers:
        if older.campaign == offer.campaign:
            change(making, older, "withdrawn")
    if len(making.account.offers) >= OFFERS_MAX:
        change(making, making.account.offers[0], "expired")
    making.post(offer)


def count(making: Making, campaign: CampaignId, caps: Caps) -> None:
    """Counts one issue, and spends from the campaign's pool of the day if it has one."""
    account, given = making.account, making.given
    pool = store_pool(campaign, given)
    making.post(CapCounted(account.account, campaign, today(account, given)))
    if caps.store:
        making.post(PoolSpent(pool, 1, caps.store))


def change(making: Making, offer: OfferPosted, state: OfferState) -> None:
    """Posts an offer in another state."""
    making.post(msgspec.structs.replace(offer, state=state))


def expire(making: Making) -> bool:
    """Expires what has had its time. True if there was any."""
    at_ms = within_time(making.given.at_ms)
    over = [offer for offer in making.account.offers if offer.until_ms <= at_ms]
    for offer in over:
        change(making, offer, "expired")
    return bool(over)


def withdraw_unconsented(making: Making, facts: Facts) -> None:
    """Takes back every open offer whose purpose is no longer allowed."""
    for offer in making.account.offers:
        campaign = facts.campaigns.get(offer.campaign)
        if campaign is not None and campaign.needs_consent not in ("", *making.account.consent):
            change(making, offer, "withdrawn")


def rebase(making: Making, by_ms: int) -> None:
    """Gives offers their full time after the clock jumped."""
    if by_ms == 0:
        return
    for offer in making.account.offers:
        until_ms = within_time(offer.until_ms + by_ms)
        issued_at_ms = within_time(offer.issued_at_ms + by_ms)
        making.post(msgspec.structs.replace(offer, until_ms=until_ms, issued_at_ms=issued_at_ms))


def may_hold(account: Account) -> bool:
    """A till's sales without a card have nobody who could hold an offer."""
    return holder(account) != "till"


def usable(account: Account, at_ms: int) -> Iterable[OfferPosted]:
    """Open offers whose time is not over, whether or not the wake that ends them has come."""
    return [offer for offer in account.offers if offer.until_ms > at_ms]


def today(account: Account, given: Given) -> str:
    """The business day that counts now. It never goes back, whatever a late input says."""
    return max(account.day, given.local.day)


def counted_today(account: Account, campaign: CampaignId, given: Given) -> int:
    """How often the campaign was issued to this account today."""
    return account.day_counts.get(campaign, 0) if account.day == today(account, given) else 0


def store_pool(campaign: CampaignId, given: Given) -> PoolId:
    """The pool of a campaign's issues in this store on this business day."""
    return PoolId(f"campaign:{campaign}:{given.local.day}")


def _capped(fact: str, often: str, cap: int, seen: int) -> Checked:
    times = "once" if cap == 1 else f"{cap} times"
    return Checked(f"At most {times} {often}", fact, "at_most", cap, seen + 1, False)
