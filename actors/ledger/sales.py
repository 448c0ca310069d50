"""What a closed sale does to an account: offers it redeems, points it earns, offers it brings.

The discount is as the till charged it: here an offer whose goods were sold is marked as used, and its points
are credited. Points that a visit's campaign promised are credited with the next sale.
"""

from __future__ import annotations

import msgspec

from actors.campaigns.conditions import Context
from actors.campaigns.decide import decide, offer_id
from actors.facts import Facts
from actors.ledger.making import Making, holder
from actors.ledger.offers import change, count, issue, may_hold, refusal, usable
from actors.ledger.points import balance, earned, held
from actors.saved import within_time
from protocols.api import SaleReceipt
from protocols.codec import to_json
from protocols.decisions import Checked, Considered, Decision
from protocols.effects import Decide, Emit, Notify, OfferPosted, PointsPosted, Reply, SalePosted
from protocols.facts import Campaign
from protocols.ids import CampaignId, OfferId, ZoneId
from protocols.inputs import Caps, SaleClosed
from protocols.records import SaleLine, SaleRecorded


def close(making: Making, sale: SaleClosed, facts: Facts) -> None:
    """Books a sale whole: offers used, points, the sale itself, its record, and the receipt as the verdict."""
    earns = holder(making.account) == "member"
    used, bonus = _redeem(making, sale)
    points = bonus + (_decided(making, sale, facts) if may_hold(making.account) else 0)
    points = held(points) if earns else 0
    entry = 0
    if points:
        entry = making.account.next_entry
        making.post(PointsPosted(making.account.account, entry, points, f"sale {sale.sale}"))
    _book(making, sale, points, entry)
    if may_hold(making.account):
        making.add(Notify(making.account.account))
    receipt = SaleReceipt(
        operation=making.given.operation,
        sale=sale.sale,
        account=making.account.account,
        total_minor=sale.total_minor,
        points_earned=points,
        balance_points=balance(making.account) if earns else None,
        offers_used=used,
    )
    making.add(Reply("done", to_json(receipt)))


def _redeem(making: Making, sale: SaleClosed) -> tuple[tuple[OfferId, ...], int]:
    """Redeems every offer that this sale fulfils; gives their ids and the points that they promised."""
    bought = {line.sku for line in sale.lines if line.quantity > 0}
    used: list[OfferId] = []
    bonus = 0
    for offer in usable(making.account, within_time(making.given.at_ms)):
        goods = {grant.sku for grant in offer.grants if grant.sku}
        promised = sum(grant.points for grant in offer.grants if grant.kind == "points")
        if goods & bought or (promised and not goods and bought):
            change(making, offer, "redeemed")
            used.append(offer.offer)
            bonus += promised
    return tuple(used), bonus


def _decided(making: Making, sale: SaleClosed, facts: Facts) -> int:
    """Decides the sale's campaigns, issues the offers that won, and gives the points that they earned."""
    context = _context(making, sale, facts)
    decided = decide("sale_closed", context, facts)
    refused: dict[CampaignId, Checked] = {}
    issued: list[OfferId] = []
    points = 0
    place = len(making.effects)
    for campaign in decided.winners:
        checked = refusal(making.account, campaign.id, campaign.caps, making.given, facts)
        if checked is not None:
            refused[campaign.id] = checked
            continue
        points += earned(campaign, sale, facts.products)
        if _grant(making, campaign, offer_id(context, campaign.id)):
            issued.append(offer_id(context, campaign.id))
    stands = msgspec.structs.replace(decided.decision, offers=tuple(issued))
    making.effects.insert(place, Decide(_without(stands, refused, decided.winners)))
    return points


def _grant(making: Making, campaign: Campaign, offer: OfferId) -> bool:
    """Issues what a sale's campaign gives beside points; true if that is an offer.

    What has no cap and gives points only is not counted: that would be one row more for every sale.
    """
    grants = tuple(grant for grant in campaign.grants if grant.kind in ("offer", "message"))
    if grants:
        at_ms = within_time(making.given.at_ms)
        until_ms = within_time(at_ms + campaign.lasts_s * 1_000)
        account = making.account.account
        issued = OfferPosted(
            offer, account, campaign.id, "issued", grants, ZoneId(""), at_ms, until_ms, campaign.name
        )
        issue(making, issued, campaign.caps)
        return True
    if campaign.caps != Caps():
        count(making, campaign.id, campaign.caps)
    return False


def _context(making: Making, sale: SaleClosed, facts: Facts) -> Context:
    account, given = making.account, making.given
    till = facts.tills.get(sale.till)
    return Context(
        key=given.key,
        local=given.local,
        visit=f"{sale.till}.{sale.sale}.{within_time(given.at_ms)}",
        subject_name=account.name or account.account,
        where=till.name if till is not None else sale.till,
        member=holder(account) == "member",
        tier=account.tier,
        segments=account.segments,
        consent=account.consent,
        points_balance=balance(account),
        sale=sale.lines,
        sale_total_minor=sale.total_minor,
        till=sale.till,
    )


def _without(
    decision: Decision, refused: dict[CampaignId, Checked], winners: tuple[Campaign, ...]
) -> Decision:
    """The decision as it stands after the account's own checks: what it refused has not won."""
    if not refused:
        return decision
    names = {campaign.id: campaign.name for campaign in winners}
    first = next(iter(refused))
    miss = Considered(first, names[first], "capped", failed=refused[first])
    told = "; ".join(f"{names[one]} was not given: {checked.say}" for one, checked in refused.items())
    return msgspec.structs.replace(
        decision,
        winners=tuple(one for one in decision.winners if one not in refused),
        nearest_miss=miss,
        summary=f"{decision.summary} ({told})",
    )


def _book(making: Making, sale: SaleClosed, points: int, entry: int) -> None:
    given, account = making.given, making.account.account
    closed_at_ms = within_time(sale.closed_at_ms or given.at_ms)
    making.post(
        SalePosted(
            sale.sale, sale.till, account, sale.total_minor, sale.currency, points, sale.lines, closed_at_ms
        )
    )
    lines = tuple(
        SaleLine(line.sku, line.quantity, line.price_minor, line.discount_minor) for line in sale.lines
    )
    recorded = SaleRecorded(
        operation=given.operation or given.id,
        sale=sale.sale,
        till=sale.till,
        account=account,
        total_minor=sale.total_minor,
        currency=sale.currency,
        points=points,
        entry=entry,
        closed_at_ms=closed_at_ms,
        business_day=given.local.day,
        lines=lines,
    )
    making.add(Emit("money", recorded))
