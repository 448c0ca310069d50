"""A campaign file into campaigns and creatives, or all of its errors at once, each with place and mend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from actors.campaigns.campaign import Placed, read_campaign
from actors.campaigns.cross import tell_overlaps, tell_unreachable
from actors.campaigns.known import Known
from actors.campaigns.reading import Reading
from actors.campaigns.schema import campaign_schema
from actors.campaigns.text import Node, Problem, Refused, parse
from protocols.facts import Campaign, Creative
from protocols.ids import Sku

FILE = "campaigns.yaml"
CAMPAIGNS_MAX = 1_000
CREATIVES_MAX = 1_000
CREATIVE_FIELDS = ("title", "template", "eyebrow", "line", "sku", "was", "picture", "theme")
TEMPLATES = ("product", "message", "card")
_TEMPLATES: dict[str, Literal["product", "message", "card"]] = {
    "product": "product",
    "message": "message",
    "card": "card",
}
WAS_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file says. With any error, `campaigns` and `creatives` are empty and nothing may change.

    `named_creatives` are there all the same, so that other files can be checked against them.
    """

    campaigns: Mapping[str, Campaign]
    creatives: Mapping[str, Creative]
    problems: tuple[Problem, ...] = ()
    named_creatives: frozenset[str] = frozenset()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps the file from being taken."""
        return tuple(problem for problem in self.problems if problem.level == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What somebody should look at; the file is taken all the same."""
        return tuple(problem for problem in self.problems if problem.level == "warning")


def load(text: bytes | str, known: Known | None = None, file: str = FILE) -> Loaded:
    """Reads a campaign file against the store's other books. Never raises, whatever the bytes are."""
    known = known or Known()
    reading = Reading(file)
    try:
        root = parse(text, file)
    except Refused as refused:
        return Loaded({}, {}, (refused.problem,))
    campaigns: dict[str, Campaign] = {}
    creatives: dict[str, Creative] = {}
    table = reading.table(root, ("creatives", "campaigns"), file)
    if table is not None:
        creatives = _creatives(reading, table.entries.get("creatives"), known)
        campaigns = _campaigns(reading, table.entries.get("campaigns"), replace(known, creatives=creatives))
    problems = reading.told()
    if any(problem.level == "error" for problem in problems):
        return Loaded({}, {}, problems, frozenset(creatives))
    return Loaded(campaigns, creatives, problems, frozenset(creatives))


def _campaigns(reading: Reading, node: Node | None, known: Known) -> dict[str, Campaign]:
    entries = reading.listed(node, "campaigns")
    if len(entries) > CAMPAIGNS_MAX:
        reading.tell(entries[CAMPAIGNS_MAX], f"more than {CAMPAIGNS_MAX:,} campaigns; take ended ones out")
    placed = [read_campaign(reading, entry, known) for entry in entries[:CAMPAIGNS_MAX]]
    found: dict[str, Placed] = {}
    for one in placed:
        if one is None:
            continue
        first = found.get(one.campaign.id)
        if first is not None:
            reading.tell(
                one.mark, f"'{one.campaign.id}' is the id of line {first.mark.line} already; choose another"
            )
            continue
        found[one.campaign.id] = one
        tell_unreachable(reading, one, known)
    tell_overlaps(reading, found.values())
    return {ident: one.campaign for ident, one in found.items()}


def _creatives(reading: Reading, node: Node | None, known: Known) -> dict[str, Creative]:
    entries = reading.keyed(node, "creatives")
    if node is not None and len(entries) > CREATIVES_MAX:
        reading.tell(node, f"more than {CREATIVES_MAX:,} creatives; take unused ones out")
        return {}
    found = {}
    for ident, entry in entries.items():
        creative = _creative(reading, entry, known)
        # One that is wrong still counts as named, so that its campaigns bring no second error.
        found[ident] = creative or Creative("")
    return found


def _creative(reading: Reading, node: Node, known: Known) -> Creative | None:
    table = reading.table(node, CREATIVE_FIELDS, "a creative")
    if table is None:
        return None
    fields = table.entries
    if "title" not in fields:
        reading.tell(table, "a creative needs 'title'")
    sku = reading.known(fields.get("sku"), known.names("product"), "product") or ""
    template = reading.choice(fields.get("template"), TEMPLATES, "template") or "product"
    if template == "product" and "sku" not in fields:
        reading.tell(table, "a creative with the product template needs 'sku'; or write template: message")
    texts = {
        name: reading.text(fields.get(name), name) or "" for name in ("title", "eyebrow", "line", "picture")
    }
    return Creative(
        **texts,
        template=_TEMPLATES[template],
        sku=Sku(sku),
        was_minor=reading.money(fields.get("was"), "was", high=WAS_MAX) or 0,
        theme=reading.text(fields.get("theme"), "theme") or "plain",
    )


__all__ = ["Known", "Loaded", "Problem", "campaign_schema", "load"]
