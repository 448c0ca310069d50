"""Writes the files of a store that a recording can be played to: its floor, and an offer for each zone.

A walk's zones are the cells of a grid, and each gateway stands for the cell that it hangs in. A capture's nodes are a
zone each; one whose place nobody gives has a zone all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from edge.book_survey import SURVEY_FILE
from sim.presence.walks import read_points, survey_text
from sim.recordings import (
    GRID,
    WALK_HEIGHT_M,
    WALK_WIDTH_M,
    Capture,
    Place,
    Recording,
    Walk,
    cell_of,
)

ACCOUNT = "W-1"
SUBJECT = "walker"
"""Who carries the recorded device, in the books that are written here."""

_PRESENCE = {
    "window_s": 3.0,
    "hysteresis_db": 6.0,
    "hold_s": 1.0,
    "zone_silence_s": 20.0,
    "visit_silence_s": 120.0,
}
_LEAST = {"window_s": 0.1, "hold_s": 0.0, "zone_silence_s": 1.0, "visit_silence_s": 5.0}
"""Smallest values that a floor may have."""


def write_books(folder: Path, found: Recording, speed: float, survey: Path | None = None) -> None:
    """Writes floor, products, campaigns and members, and with `survey` the survey of the floor.

    Times of presence are divided by `speed`: it lives by arrival.
    """
    folder.mkdir(parents=True, exist_ok=True)
    floor = _grid(found.places) if isinstance(found, Walk) else _rooms(found)
    floor["presence"] = _presence(speed)
    if survey is not None:
        floor["presence"]["carried_z_m"] = round(median(point.z for point in read_points(survey)), 2)
        (folder / SURVEY_FILE).write_bytes(survey_text(survey))
    zones = sorted(floor["zones"])
    _write(folder / "floor.yaml", floor)
    _write(folder / "products.yaml", {"products": {f"goods-{zone}": _product(zone) for zone in zones}})
    _write(folder / "campaigns.yaml", {"creatives": {}, "campaigns": [_campaign(zone) for zone in zones]})
    _write(folder / "members.yaml", {"accounts": {ACCOUNT: _member(found.device)}, "tags": {}})


def _presence(speed: float) -> dict[str, float]:
    scaled = dict(_PRESENCE)
    for name, least in _LEAST.items():
        scaled[name] = max(least, round(_PRESENCE[name] / (speed or 1.0), 3))
    return scaled


def _grid(places: Mapping[str, Place]) -> dict[str, Any]:
    width, height = WALK_WIDTH_M / GRID, WALK_HEIGHT_M / GRID
    zones = {
        f"r{row}c{column}": {
            "name": f"Row {row + 1}, column {column + 1}",
            "box": [round(column * width, 3), round(row * height, 3), round(width, 3), round(height, 3)],
        }
        for row in range(GRID)
        for column in range(GRID)
    }
    scanners = {
        name: {"zone": cell_of(at.x, at.y), **_at(at, WALK_WIDTH_M, WALK_HEIGHT_M)}
        for name, at in sorted(places.items())
    }
    return {
        "plan": {"name": "The floor of the walks", "width": WALK_WIDTH_M, "height": WALK_HEIGHT_M},
        "zones": zones,
        "scanners": scanners,
    }


def _rooms(found: Recording) -> dict[str, Any]:
    """A zone a node: a square around it. Those whose place is not known stand in a row along the left side."""
    assert isinstance(found, Capture), "a recording is a walk or a capture"
    width = max((at.x for at in found.places.values()), default=10.0) + 2.0
    height = max((at.y for at in found.places.values()), default=10.0) + 2.0
    zones: dict[str, Any] = {}
    scanners: dict[str, Any] = {}
    for name in found.scanners:
        at = found.places.get(name, Place(1.0, 1.0, 1.0))
        here = _at(at, width, height)
        left, top = max(0.0, here["x"] - 1.0), max(0.0, here["y"] - 1.0)
        zones[name] = {"name": name.replace("_", " ").capitalize()}
        if name in found.places:
            zones[name]["box"] = [left, top, 2.0, 2.0]
        scanners[name] = {"zone": name, **(here if name in found.places else {})}
    return {
        "plan": {"name": "The floor of the capture", "width": width, "height": height},
        "zones": zones,
        "scanners": scanners,
    }


def _at(place: Place, width: float, height: float) -> dict[str, float]:
    """A place in the plan. A node outside, in a yard or a cellar, is drawn at its edge."""
    return {
        "x": round(min(max(place.x, 0.0), width), 3),
        "y": round(min(max(place.y, 0.0), height), 3),
        "z": round(place.z, 3),
    }


def _product(zone: str) -> dict[str, Any]:
    return {"name": f"Goods of {zone}", "category": zone, "price": 2.0}


def _campaign(zone: str) -> dict[str, Any]:
    return {
        "id": f"offer-{zone}",
        "name": f"Offer of {zone}",
        "trigger": {"zone_entered": zone},
        "gives": [{"offer": {"sku": f"goods-{zone}", "off": 0.5, "title": f"Goods of {zone}"}}],
        "caps": {"visit": 20},
    }


def _member(device: str) -> dict[str, Any]:
    return {
        "name": "Walker",
        "subject": SUBJECT,
        "consent": ["offers", "location"],
        "points": 100,
        "devices": [device],
        "cards": ["2900000000001"],
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    path.write_text(f"# Written by endcap-sim feed --books.\n{text}", encoding="utf-8")
