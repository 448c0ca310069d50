"""The floor as the pages get it, from the books that the store's facts are."""

from __future__ import annotations

from actors.campaigns.conditions import FACTS
from actors.facts import Facts
from edge.web.views import FloorView
from protocols.facts import Plan


def floor_view(facts: Facts) -> FloorView:
    """What pages draw, copied out of the facts at their version: made once a version, not once a page."""
    return FloorView(
        version=facts.version,
        plan=facts.plan or Plan("", 24.0, 20.0),
        zones=dict(facts.zones),
        scanners=dict(facts.scanners),
        shelves=dict(facts.shelves),
        signs=dict(facts.signs),
        tills=dict(facts.tills),
        products=dict(facts.products),
        creatives=dict(facts.creatives),
        campaigns={ident: campaign.name for ident, campaign in facts.campaigns.items()},
        forms={name: kind.form for name, kind in FACTS.items()},
    )
