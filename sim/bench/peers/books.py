"""The shop's files as one JSON document that a peer reads: the same people, scanners, screens and campaigns."""

from __future__ import annotations

import json
from pathlib import Path

from sim.bench import shop


def write_peer_books(path: Path, store: str, subjects: int) -> None:
    """Writes the document for a shop with so many subjects."""
    zones = range(shop.ZONES)
    people = {
        shop.device_name(one): {
            "subject": shop.subject_name(one),
            "account": shop.account_name(one),
            "name": f"Member {one}",
            "member": True,
            "segments": [f"class-{shop.class_of(one)}"],
        }
        for one in range(subjects)
    }
    content = {
        "store": store,
        "reference_dbm": shop.REFERENCE_DBM,
        "window_ms": 60_000.0,
        "hysteresis_db": 0.0,
        "people": people,
        "scanners": {shop.zone_name(zone): shop.zone_name(zone) for zone in zones},
        "signs": {shop.zone_name(zone): [shop.sign_name(zone)] for zone in zones},
        "campaigns": {
            shop.zone_name(zone): [_rule(zone, one) for one in range(shop.CLASSES)] for zone in zones
        },
        "prices": {shop.sku_of(zone, one): 199 for zone in zones for one in range(shop.CLASSES)},
    }
    path.write_text(json.dumps(content))


def _rule(zone: int, class_: int) -> dict[str, object]:
    name = shop.campaign_name(zone, class_)
    return {
        "id": name,
        "name": f"Class {class_} in zone {zone}",
        "member": True,
        "segment": f"class-{class_}",
        "sku": shop.sku_of(zone, class_),
        "discount_minor": 50,
        "title": f"Article of class {class_}",
        "creative": name,
        "creative_title": f"For class {class_} in zone {zone}",
    }
