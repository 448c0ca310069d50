"""One account: the only entity that issues what a shopper proposes, and the only one that holds points.

    offer:  (proposed) ─► issued ─OfferSeen─► seen ─SaleClosed with its goods─► redeemed
                             └──────────┴─► expired (its time is over) | withdrawn (replaced, or consent gone)

Its truth is its rows: a step posts entries, and the state is what they add up to (`actors.ledger.rows`).
Three kinds of holder share it: a member, an anonymous subject (`subject-…`: offers, no points), and a till's
sales without a card (`till-…`: neither).
"""

from __future__ import annotations

import msgspec

from actors.facts import Facts
from actors.ledger import offers, sales
from actors.ledger.making import Making, holder
from actors.ledger.points import balance, held
from actors.ledger.rows import Account, account_from_rows, decode, new, posted, upgrade
from actors.saved import within_time
from protocols.api import OfferView, Wallet
from protocols.codec import to_json
from protocols.effects import BalancePosted, Effect, MemberPosted, Notify, OfferPosted, Reply, Tell
from protocols.errors import Outcome
from protocols.ids import key
from protocols.inputs import (
    AccountClaimed,
    BalanceKnown,
    Cause,
    ClockSet,
    ConsentChanged,
    Given,
    MemberKnown,
    OfferMoved,
    OfferProposed,
    OfferRefused,
    OfferSeen,
    OffersMoved,
    SaleClosed,
    Woken,
)

__all__ = [
    "Account",
    "account_from_rows",
    "balance",
    "decode",
    "new",
    "posted",
    "step",
    "upgrade",
    "wake_at_ms",
    "wallet",
]

LABELS_MAX = 64
"""Consent purposes, and segments, that are kept of one member."""

Stepped = tuple[Account | None, tuple[Effect, ...]]


def wake_at_ms(account: Account) -> int | None:
    """When the first of the open offers has had its time."""
    return min((offer.until_ms for offer in account.offers), default=None)


def step(account: Account, given: Given, facts: Facts) -> Stepped:
    """One turn. What makes no sense for this holder or in this state posts nothing."""
    making = Making(account, given)
    match given.input:
        case OfferProposed() if offers.may_hold(account):
            _proposed(making, given.input, facts)
        case OfferSeen():
            _seen(making, given.input)
        case SaleClosed():
            sales.close(making, given.input, facts)
        case ConsentChanged():
            _consent_changed(making, given.input, facts)
        case MemberKnown() if holder(account) == "member":
            _member_known(making, given.input, facts)
        case BalanceKnown() if holder(account) == "member":
            _balance_known(making, given.input)
        case AccountClaimed() if holder(account) == "subject":
            _claimed(making, given.input)
        case OffersMoved() if offers.may_hold(account):
            _moved(making, given.input, facts)
        case Woken():
            if offers.expire(making):
                making.add(Notify(account.account))
        case ClockSet():
            offers.rebase(making, given.input.by_ms)
    return making.account, tuple(making.effects)


def wallet(account: Account, version: int, cause: Cause, seq: int = 0) -> Wallet:
    """What the phone of this account shows now."""
    return Wallet(
        account=account.account,
        name=account.name,
        member=holder(account) == "member",
        tier=account.tier,
        version=version,
        points=balance(account),
        as_of_ms=account.as_of_ms,
        offers=tuple(_view(offer) for offer in account.offers),
        cause=cause,
        seq=seq,
    )


def _view(offer: OfferPosted) -> OfferView:
    return OfferView(
        offer=offer.offer,
        campaign=offer.campaign,
        state=offer.state,
        grants=offer.grants,
        zone=offer.zone,
        issued_at_ms=offer.issued_at_ms,
        until_ms=offer.until_ms,
        say=offer.say,
    )


# --- offers


def _proposed(making: Making, proposed: OfferProposed, facts: Facts) -> None:
    account, given = making.account, making.given
    if any(offer.offer == proposed.offer for offer in account.offers):
        return
    at_ms = within_time(given.at_ms)
    checked = offers.too_late(proposed.until_ms, at_ms) or offers.refusal(
        account, proposed.campaign, proposed.caps, given, facts
    )
    if checked is not None:
        making.add(Tell(proposed.shopper, OfferRefused(proposed.campaign, proposed.offer, checked)))
        return
    issued = OfferPosted(
        offer=proposed.offer,
        account=account.account,
        campaign=proposed.campaign,
        state="issued",
        grants=proposed.grants,
        zone=proposed.zone,
        issued_at_ms=at_ms,
        until_ms=within_time(proposed.until_ms),
        say=proposed.say,
    )
    offers.issue(making, issued, proposed.caps)
    making.add(Notify(account.account))


def _seen(making: Making, seen: OfferSeen) -> None:
    offer = next((one for one in making.account.offers if one.offer == seen.offer), None)
    if offer is not None and offer.state == "issued":
        offers.change(making, offer, "seen")
        making.add(Notify(making.account.account))
    _replied(making, "expired" if offer is None else "done")


def _claimed(making: Making, claimed: AccountClaimed) -> None:
    """Gives every open offer away: each is withdrawn here first, so that it is never open in two accounts."""
    if not claimed.account or claimed.account == making.account.account:
        return
    offers.expire(making)
    going = making.account.offers
    if not going:
        return
    for offer in going:
        offers.change(making, offer, "withdrawn")
    moved = tuple(
        OfferMoved(
            offer=offer.offer,
            campaign=offer.campaign,
            grants=offer.grants,
            zone=offer.zone,
            issued_at_ms=offer.issued_at_ms,
            until_ms=offer.until_ms,
            say=offer.say,
        )
        for offer in going
    )
    making.add(Notify(making.account.account))
    making.add(Tell(key("account", claimed.account), OffersMoved(moved)))


def _moved(making: Making, moved: OffersMoved, facts: Facts) -> None:
    """Takes in what an anonymous subject brought, as far as the member's own consent and caps allow."""
    at_ms = within_time(making.given.at_ms)
    for one in moved.offers[: offers.OFFERS_MAX]:
        _bring(making, one, at_ms, facts)
    if making.effects:
        making.add(Notify(making.account.account))


def _bring(making: Making, one: OfferMoved, at_ms: int, facts: Facts) -> None:
    account = making.account
    if any(offer.offer == one.offer for offer in account.offers) or one.until_ms <= at_ms:
        return
    campaign = facts.campaigns.get(one.campaign)
    if campaign is None:
        return
    # It was counted in the store's pool when it was issued; the member's own caps begin to count here.
    caps = msgspec.structs.replace(campaign.caps, store=0)
    if offers.refusal(account, one.campaign, caps, making.given, facts) is not None:
        return
    brought = OfferPosted(
        offer=one.offer,
        account=account.account,
        campaign=one.campaign,
        state="issued",
        grants=one.grants,
        zone=one.zone,
        issued_at_ms=one.issued_at_ms,
        until_ms=one.until_ms,
        say=one.say,
    )
    offers.admit(making, brought)
    offers.count(making, one.campaign, caps)


# --- the member


def _consent_changed(making: Making, changed: ConsentChanged, facts: Facts) -> None:
    account = making.account
    consent = _labels(changed.consent)
    if offers.may_hold(account) and (consent != account.consent or not account.known):
        making.post(MemberPosted(account.account, account.name, account.tier, consent, account.segments))
        offers.withdraw_unconsented(making, facts)
        making.add(Notify(account.account))
    making.add(Reply("done", to_json({"consent": consent})))


def _member_known(making: Making, member: MemberKnown, facts: Facts) -> None:
    account = making.account
    told = MemberPosted(
        account.account, member.name, member.tier, _labels(member.consent), _labels(member.segments)
    )
    if member.unless_known and account.known:
        # What a visit carries is older than what is known; only a name that is missing is taken from it.
        told = MemberPosted(
            account.account, account.name or member.name, account.tier, account.consent, account.segments
        )
    if account.known and told == _as_posted(account):
        return
    making.post(told)
    offers.withdraw_unconsented(making, facts)
    making.add(Notify(account.account))


def _as_posted(account: Account) -> MemberPosted:
    return MemberPosted(account.account, account.name, account.tier, account.consent, account.segments)


def _balance_known(making: Making, known: BalanceKnown) -> None:
    """Head office's balance. One that is older than what is known changes nothing, so nothing flickers back."""
    account = making.account
    as_of_ms = within_time(known.as_of_ms)
    # A balance cannot count entries that were not made yet: a number from another life of the store would
    # hide the next ones.
    as_of_entry = min(max(known.as_of_entry, 0), account.next_entry - 1)
    if as_of_ms < account.as_of_ms or as_of_entry < account.as_of_entry:
        return
    told = BalancePosted(account.account, held(known.points), as_of_ms, as_of_entry)
    before = (account.cloud_points, account.as_of_ms, account.as_of_entry)
    if (told.points, told.as_of_ms, told.as_of_entry) == before:
        return
    making.post(told)
    making.add(Notify(account.account))


def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(labels)))[:LABELS_MAX]


def _replied(making: Making, outcome: Outcome) -> None:
    if making.given.operation:
        making.add(Reply(outcome, b"{}"))
