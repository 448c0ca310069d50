"""The sentences for people: money, points, rewards, what was missing, and what a decision came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.campaigns.conditions import FACTS, Context
from protocols.decisions import Checked, Considered, Grant, Scalar, Trigger
from protocols.facts import Campaign, Creative, Product

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400


def money(minor: int) -> str:
    """Minor units as people write them: €1,234.50, −€0.60."""
    sign = "−" if minor < 0 else ""
    return f"{sign}€{abs(minor) // 100:,}.{abs(minor) % 100:02d}"


def points(count: int) -> str:
    """A number of points: 1 point, 1,240 points."""
    return f"{count:,} point" if count == 1 else f"{count:,} points"


def duration(seconds: int) -> str:
    """Two units at most: 12 s, 3 min 10 s, 2 d 4 h."""
    parts = []
    rest = seconds
    for size, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def joined(names: Sequence[str]) -> str:
    """A list in a sentence: a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def lower_first(text: str) -> str:
    """A sentence's beginning inside another sentence; abbreviations stay: `UHT milk`."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def gives(campaign: Campaign, products: Mapping[str, Product], creatives: Mapping[str, Creative]) -> str:
    """What a campaign gives, as part of a sentence: "€0.60 off ground coffee 250 g and 30 points"."""
    told = [_grant(grant, products) for grant in campaign.grants if grant.kind != "creative"]
    if told:
        return joined(told)
    shown = [grant.creative for grant in campaign.grants if grant.kind == "creative"]
    titles = [creatives[name].title if name in creatives else str(name) for name in shown]
    return f"“{joined(titles)}” on the screen" if titles else "nothing"


def _grant(grant: Grant, products: Mapping[str, Product]) -> str:
    match grant.kind:
        case "offer":
            product = products.get(grant.sku)
            name = grant.title or (product.name if product is not None else grant.sku)
            return f"{money(grant.discount_minor)} off {lower_first(name)}"
        case "points":
            return points(grant.points)
        case "points_rate":
            return f"{points(grant.points)} per {money(grant.per_minor)}"
    return f"the message “{grant.title or grant.text}”"


def would_give(failed: Checked, given: str) -> str:
    """What one more step would have brought: "one would have given 120 points"."""
    kind = FACTS.get(failed.fact)
    if kind is not None and kind.reach:
        if failed.relation == "has":
            return f"one would have given {given}"
        if failed.relation == "at_least" and _is_number(failed.saw) and _is_number(failed.want):
            lacking = int(str(failed.want)) - int(str(failed.saw))
            return f"{value(kind.name, lacking, bare_one=True)} more would have given {given}"
    return f"it would have given {given}"


def value(fact: str, shown: Scalar, *, bare_one: bool = False) -> str:
    """One value of a fact as people write it."""
    kind = FACTS.get(fact)
    form = kind.form if kind is not None else "text"
    if shown is None:
        return "unknown"
    if isinstance(shown, bool):
        return "yes" if shown else "no"
    if isinstance(shown, int):
        if form == "money":
            return money(shown)
        if form == "seconds":
            return duration(shown)
        return "one" if bare_one and shown == 1 else f"{shown:,}"
    return shown


def near(miss: Considered) -> str:
    """The nearest miss in a sentence: "Bake-off, basket at €7.10 of €8.00"."""
    failed = miss.failed
    if failed is None:
        return miss.name
    kind = FACTS.get(failed.fact)
    if kind is not None and kind.noun and failed.relation == "at_least" and _is_number(failed.want):
        saw = "unknown" if isinstance(failed.saw, tuple) else value(kind.name, failed.saw)
        return f"{miss.name}, {kind.noun} at {saw} of {value(kind.name, int(str(failed.want)))}"
    return f"{miss.name}, which asks: {lower_first(failed.say)}"


def summary(
    trigger: Trigger,
    context: Context,
    where: str,
    goods: str,
    winners: Sequence[Campaign],
    nearest: Considered | None,
) -> str:
    """What was decided, in one line of the feed."""
    names = joined([campaign.name for campaign in winners])
    if trigger == "shelf_low":
        answer = f"screens in {where} show {names}" if winners else "no campaign answers"
        return f"{goods} is low: {answer}"
    who = context.subject_name or "Anonymous"
    if not winners:
        return f"{who} gets nothing" + (f"; nearest miss: {near(nearest)}" if nearest is not None else "")
    if all(grant.kind == "creative" for campaign in winners for grant in campaign.grants):
        return f"The screens {f'near {who}' if context.subject_name else 'nearby'} show {names}"
    return f"{who} gets {names}"


def _is_number(shown: object) -> bool:
    return isinstance(shown, int) and not isinstance(shown, bool)
