"""An account is its rows: this is the state that they add up to, and what each entry does to it.

A step changes an account by posting entries and in no other way, so the database can assemble the same
account from its tables: `account_from_rows` over the entries that the rows stand for.

    table of          as entries                                                     order
    members           one MemberPosted                                               any
    balances          one BalancePosted                                              any
    points            PointsPosted numbered above the balance's `as_of_entry`        any (fewer do no harm, nor more)
    offers            OfferPosted, the latest of each offer of this account          any (only open ones matter)
    cap counts        CapCounted for each (campaign, day), `times` its count         any
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import msgspec

from actors.saved import decoder
from protocols.effects import (
    BalancePosted,
    CapCounted,
    Entry,
    MemberPosted,
    OfferPosted,
    PointsPosted,
)
from protocols.ids import AccountId, CampaignId

VERSION = 1

ENTRIES_OPEN_MAX = 4_096
"""Points entries that head office has not counted yet. Beyond it the two oldest become one under the lower
number, so a late balance can count them too early and show too little, never too much."""


class Account(msgspec.Struct, frozen=True):
    """What an account's rows add up to.

    `known`: the member is known here. `cloud_points` is head office's balance, None while it is unknown; it
    counts this store's entries up to `as_of_entry`, and `entries_open` are the later ones, as (number, points).
    `offers` are the open ones, the oldest first. `day_counts` belong to `day`, the latest business day counted.
    """

    account: AccountId
    known: bool = False
    name: str = ""
    tier: str = "base"
    consent: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    cloud_points: int | None = None
    as_of_ms: int = 0
    as_of_entry: int = 0
    entries_open: tuple[tuple[int, int], ...] = ()
    next_entry: int = 1
    offers: tuple[OfferPosted, ...] = ()
    member_counts: dict[CampaignId, int] = {}
    day: str = ""
    day_counts: dict[CampaignId, int] = {}
    v: int = VERSION
    rest: dict[str, msgspec.Raw] = {}


def new(ident: str) -> Account:
    """An account without rows."""
    return Account(AccountId(ident))


def upgrade(account: Account) -> Account:
    """A state of an older version as one of this version. There is none older than 1."""
    return account


decode = decoder(Account, VERSION, upgrade)


def account_from_rows(ident: str, entries: Iterable[Entry]) -> Account:
    """The account that these rows add up to. Entries of other accounts change nothing."""
    return reduce(posted, entries, new(ident))


def posted(account: Account, entry: Entry) -> Account:
    """The account after one entry. Sales and pools are rows of their own and do not stand in an account."""
    match entry:
        case MemberPosted() if entry.account == account.account:
            return msgspec.structs.replace(
                account,
                known=True,
                name=entry.name,
                tier=entry.tier,
                consent=entry.consent,
                segments=entry.segments,
            )
        case BalancePosted() if entry.account == account.account:
            return msgspec.structs.replace(
                account,
                cloud_points=entry.points,
                as_of_ms=entry.as_of_ms,
                as_of_entry=entry.as_of_entry,
                entries_open=tuple(one for one in account.entries_open if one[0] > entry.as_of_entry),
                next_entry=max(account.next_entry, entry.as_of_entry + 1),
            )
        case PointsPosted() if entry.account == account.account:
            return _with_points(account, entry)
        case OfferPosted():
            return _with_offer(account, entry)
        case CapCounted() if entry.account == account.account:
            return _with_count(account, entry)
    return account


def _with_points(account: Account, entry: PointsPosted) -> Account:
    open_ = account.entries_open
    if entry.entry > account.as_of_entry:
        open_ = (*open_, (entry.entry, entry.points))
        if len(open_) > 1 and open_[-1] < open_[-2]:
            open_ = tuple(sorted(open_))
        if len(open_) > ENTRIES_OPEN_MAX:
            (first, points), (_, more), *later = open_
            open_ = ((first, points + more), *later)
    return msgspec.structs.replace(
        account, entries_open=open_, next_entry=max(account.next_entry, entry.entry + 1)
    )


def _with_offer(account: Account, entry: OfferPosted) -> Account:
    """The row of an offer is replaced whole: it may have closed, or have gone to another account."""
    others = [offer for offer in account.offers if offer.offer != entry.offer]
    if entry.account == account.account and entry.state in ("issued", "seen"):
        others.append(entry)
        others.sort(key=lambda offer: (offer.issued_at_ms, offer.offer))
    return msgspec.structs.replace(account, offers=tuple(others))


def _with_count(account: Account, entry: CapCounted) -> Account:
    day, day_counts = account.day, account.day_counts
    if entry.day > day:
        day, day_counts = entry.day, {}
    if entry.day == day:
        day_counts = day_counts | {entry.campaign: day_counts.get(entry.campaign, 0) + entry.times}
    total = account.member_counts.get(entry.campaign, 0) + entry.times
    return msgspec.structs.replace(
        account,
        member_counts=account.member_counts | {entry.campaign: total},
        day=day,
        day_counts=day_counts,
    )
