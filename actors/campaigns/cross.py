"""Checks between conditions and between campaigns: what can never fire, and who would win against whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from actors.campaigns.campaign import Placed, condition_of
from actors.campaigns.conditions import TIERS, WEEKDAYS
from actors.campaigns.index import goods_of
from actors.campaigns.known import Known
from actors.campaigns.reading import Reading
from protocols.decisions import Scalar
from protocols.facts import Campaign, Condition, When
from protocols.ids import UNKNOWN_ZONE


def tell_unreachable(reading: Reading, placed: Placed, known: Known) -> None:
    """Tells what keeps a campaign from ever firing: an error for a contradiction, a warning for the floor."""
    campaign = placed.campaign
    _tell_contradictions(reading, placed)
    for condition, mark in condition_of(placed, "weekday", "is", "in"):
        days = {WEEKDAYS[day] for day in campaign.when.weekdays}
        if days and days.isdisjoint(_wants(condition)):
            reading.tell(mark, "can never hold: the window has none of these days")
    for condition, mark in condition_of(placed, "zone", "is", "in"):
        if campaign.zones and set(campaign.zones).isdisjoint(_wants(condition)):
            reading.tell(mark, "can never hold: the trigger fires in none of these zones")
    _tell_stock(reading, placed, known)
    if known.today and campaign.when.last_day and campaign.when.last_day < known.today:
        reason = f"ended on {campaign.when.last_day} and will not fire again; take it out when you like"
        reading.tell(placed.mark, reason, "warning")
    _tell_floor(reading, placed, known)


def _tell_contradictions(reading: Reading, placed: Placed) -> None:
    marked = list(zip(placed.campaign.conditions, placed.condition_marks, strict=True))
    for place, (later, mark) in enumerate(marked):
        for earlier, _ in marked[:place]:
            if (earlier.fact, earlier.relation, earlier.want) == (later.fact, later.relation, later.want):
                reading.tell(mark, "the same condition stands here twice; keep one")
                break
            if exclude(earlier, later):
                reading.tell(mark, f"can never hold together with “{earlier.say}”; take one of them out")
                break


def _tell_stock(reading: Reading, placed: Placed, known: Known) -> None:
    campaign = placed.campaign
    goods = goods_of(campaign, known.creatives or {})
    for condition, mark in condition_of(placed, "stock_pieces") + condition_of(placed, "stock_state"):
        if not goods and placed.whole and campaign.trigger != "shelf_low":
            reading.tell(mark, "no goods to look at: give an offer with a sku, or name goods in the trigger")
        for sku in goods:
            capacity = known.capacity(sku)
            if capacity == 0:
                reading.tell(
                    mark, f"can never hold: no shelf with a scale holds {sku}, so its stock is unknown"
                )
            elif condition.relation == "at_least" and capacity is not None:
                want = condition.want
                if isinstance(want, int) and want > capacity:
                    reading.tell(mark, f"can never hold: the shelves of {sku} take {capacity} pieces")
    if campaign.trigger == "shelf_low" and known.shelves is not None:
        for sku in campaign.skus:
            if known.capacity(sku) == 0:
                reading.tell(placed.trigger_mark, f"can never fire: no shelf with a scale holds {sku}")


def _tell_floor(reading: Reading, placed: Placed, known: Known) -> None:
    campaign = placed.campaign
    if known.scanners is not None and campaign.trigger in ("zone_entered", "dwelled"):
        heard = {scanner.zone for scanner in known.scanners.values()} | {UNKNOWN_ZONE}
        for zone in campaign.zones:
            if zone not in heard:
                reading.tell(
                    placed.trigger_mark,
                    f"no scanner stands for zone {zone}; nobody is heard there",
                    "warning",
                )
    if any(grant.kind == "creative" for grant in campaign.grants):
        for zone in campaign.zones:
            if known.signs_of(zone) == 0:
                reading.tell(
                    placed.trigger_mark,
                    f"no screen is seen from zone {zone}; its creative stays unseen",
                    "warning",
                )


def tell_overlaps(reading: Reading, all_placed: Iterable[Placed]) -> None:
    """Tells where two campaigns would win at once and only their ids would decide, or would add up unasked."""
    groups: dict[tuple[str, int, str], list[Placed]] = defaultdict(list)
    discounts: dict[tuple[str, str], list[Placed]] = defaultdict(list)
    for placed in all_placed:
        campaign = placed.campaign
        if campaign.group:
            groups[(campaign.group, campaign.priority, campaign.trigger)].append(placed)
        for grant in campaign.grants:
            if grant.kind == "offer":
                discounts[(grant.sku, campaign.trigger)].append(placed)
    for (group, priority, _), members in groups.items():
        for earlier, later in combinations(members, 2):
            if reading.untold:
                return
            if overlap(earlier.campaign, later.campaign):
                reason = (
                    f"may win group {group} together with {earlier.campaign.id}, both of priority {priority}"
                )
                reading.tell(later.mark, f"{reason}; give one a higher priority")
    for (sku, _), members in discounts.items():
        for earlier, later in combinations(members, 2):
            if reading.untold:
                return
            same_group = earlier.campaign.group and earlier.campaign.group == later.campaign.group
            if not same_group and overlap(earlier.campaign, later.campaign):
                reason = f"takes money off {sku} together with {earlier.campaign.id}"
                reading.tell(later.mark, f"{reason}; put both in one group, or they add up")


def overlap(one: Campaign, other: Campaign) -> bool:
    """Whether one event can make both win: same trigger, places, hours, and audiences that can be one person."""
    if one.trigger != other.trigger or one.dwell_s != other.dwell_s or not _at_once(one.when, other.when):
        return False
    if one.zones and other.zones and set(one.zones).isdisjoint(other.zones):
        return False
    if one.trigger == "shelf_low" and one.skus and other.skus and set(one.skus).isdisjoint(other.skus):
        return False
    return not any(exclude(left, right) for left in one.conditions for right in other.conditions)


def _at_once(one: When, other: When) -> bool:
    if one.weekdays and other.weekdays and set(one.weekdays).isdisjoint(other.weekdays):
        return False
    if max(one.from_minute, other.from_minute) >= min(one.to_minute, other.to_minute):
        return False
    return max(one.first_day, other.first_day) <= min(one.last_day or "9999", other.last_day or "9999")


def exclude(one: Condition, other: Condition) -> bool:
    """Whether both conditions can never hold at once. Says no where it is not sure."""
    if one.fact != other.fact or one.fact.startswith("stock_"):
        return False  # stock is read from each campaign's own goods
    left, right = sorted((one, other), key=lambda condition: condition.relation)
    match (left.relation, right.relation):
        case ("at_least", "at_most"):
            return _above(left.want, right.want)
        case ("at_least", "is"):
            return _above(left.want, right.want)
        case ("at_most", "is"):
            return _above(right.want, left.want)
        case ("has", "has_not"):
            return set(_wants(left)) <= set(_wants(right))
        case ("is", "is_not") | ("in", "not_in") | ("in", "is_not") | ("is", "not_in"):
            return set(_wants(left)) <= set(_wants(right))
        case ("is", "is") | ("in", "in") | ("in", "is"):
            return set(_wants(left)).isdisjoint(_wants(right))
    return False


def _above(least: Scalar | tuple[Scalar, ...], most: Scalar | tuple[Scalar, ...]) -> bool:
    if isinstance(least, str) and isinstance(most, str):
        if least in TIERS and most in TIERS:
            return TIERS.index(least) > TIERS.index(most)
        return least > most
    return isinstance(least, int) and isinstance(most, int) and least > most


def _wants(condition: Condition) -> tuple[Scalar, ...]:
    return condition.want if isinstance(condition.want, tuple) else (condition.want,)
