"""The store's own presence as a method: the production stage, fed as a cell feeds it, on facts as a store reads them.

A folder of books is written for the site and read by the store's reader, so the map is the one that a store with
these gateways and this survey would make. Each packet is its own batch: heard, then the tick of that very instant.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

from actors.campaigns.load import FILE as CAMPAIGNS_FILE
from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence.stage import Presence
from edge.book_floor import FLOOR_FILE
from edge.book_members import MEMBERS_FILE
from edge.book_survey import SURVEY_FILE
from edge.books import ONLY, PRODUCTS_FILE, read_books
from protocols.cells import Heard
from protocols.codec import to_json
from protocols.facts import Fact, Plan, PresenceSettings, Radio, Scanner, SignalMap, Zone
from protocols.ids import UNKNOWN_ZONE, SubjectId, ZoneId, key
from protocols.inputs import ZoneEntered, ZoneLeft
from sim.presence.grids import Grid
from sim.presence.methods import NOWHERE, Contender, Said, Site
from sim.presence.walks import Place

SUBJECT = SubjectId("walker")
WALKER = key("shopper", SUBJECT)

BEGAN_MS = 1_700_000_000_000
"""When every walk begins, on the stage's clock: any time will do."""

NAME = "endcap"
NEAREST = "endcap, nearest scanner"

NOWHERE_M = 99.0
"""The doubt of a position that is none."""

KNOWN_READING_SD_DB = 4.0
"""The scatter of readings that a store assumes where no survey says."""

_KNOWN: dict[str, Any] = {"method": "radio", "cell_m": 0.25, "beacon_sd_db": 0.0}
"""Settings of a floor whose path loss, and whose device, are known."""

_EXACT_SD_DB = (0.0, 0.5)
"""What a map that is known exactly leaves to doubt, from step to step and over metres: its cells."""


class Ours:
    """One walk through one stage. What is said is the zone last concluded; place and p are those of the instant.

    A store tells places at most once a second. Here they are asked for at each packet, as the others' are; with
    `bare` they are not, so that the time taken is the store's own.
    """

    def __init__(self, facts: Facts, bare: bool = False) -> None:
        self._stage = Presence()
        self._facts = facts
        self._bare = bare
        self._zone: str = UNKNOWN_ZONE
        self._p = 0.0
        self._stage.look(facts, BEGAN_MS)
        self._admitted = False

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> Said:
        """One packet, one batch: heard, then the tick of that very instant."""
        stage, facts = self._stage, self._facts
        now_ms = BEGAN_MS + round(at_s * 1_000)
        if not self._admitted:
            stage.admit(WALKER, UNKNOWN_ZONE, now_ms)
            self._admitted = True
        heard = Heard(WALKER, scanner, rssi_dbm, now_ms, BEGAN_MS * 1_000 + round(at_s * 1e6))
        self._conclude(stage.hear(heard, facts))
        self._conclude(stage.tick(now_ms, facts))
        if self._bare:
            stage.positions(now_ms, facts)
            return Said(self._zone, self._p, NOWHERE, NOWHERE)
        place = stage.position(WALKER, now_ms, facts)
        if place.doubt_m >= NOWHERE_M:
            return Said(self._zone, self._p, NOWHERE, NOWHERE)
        # Without a map p is that of entering the zone: nothing is worked out afterwards.
        return Said(self._zone, place.p / 100.0 if stage.by_map else self._p, place.x, place.y)

    def forget(self) -> None:
        """Drops what is known of the subject: the next packet is its first."""
        self._stage.forget(WALKER)
        self._zone, self._p, self._admitted = UNKNOWN_ZONE, 0.0, False

    def _conclude(self, concluded: Sequence[Concluded]) -> None:
        for done in concluded:
            match done.input:
                case ZoneEntered(zone, p):
                    self._zone, self._p = zone, p / 100.0
                case ZoneLeft():
                    self._zone, self._p = UNKNOWN_ZONE, 0.0


class Store:
    """A store at a site: its facts as its reader makes them, once; zones are put in for each grid."""

    def __init__(self, site: Site, grid: Grid, settings: Mapping[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_books(Path(folder), site, grid, settings)
            books = read_books(Path(folder))
        self._site = site
        self._fixed = [
            Fact(know.book, know.key, 1, bytes(know.value))
            for know in (*books.knows, *(books.radio or ()))
            if know.book not in ("zone", "scanner")
        ]

    def facts(self, grid: Grid) -> Facts:
        """The facts with this grid's cells as zones."""
        zones = [Fact("zone", name, 1, to_json(zone_of(grid, name))) for name in grid.zones]
        scanners = [
            Fact(
                "scanner",
                name,
                1,
                to_json(
                    Scanner(
                        ZoneId(grid.zone_of(at.x, at.y)),
                        at.x,
                        at.y,
                        at.z,
                        smoothing_s=self._site.smoothed_s,
                    )
                ),
            )
            for name, at in sorted(self._site.gateways.items())
        ]
        facts = Facts()
        facts.apply([*self._fixed, *zones, *scanners], 1)
        return facts


def zone_of(grid: Grid, name: str) -> Zone:
    """A cell as a store's zone."""
    left, top, right, bottom = grid.box(name)
    return Zone(name, ((left, top), (right, top), (right, bottom), (left, bottom)))


def write_books(folder: Path, site: Site, grid: Grid, settings: Mapping[str, Any]) -> None:
    """Writes what a store at this site would have: its floor and its survey, and no goods."""
    width, height = site.floor.width_m, site.floor.height_m
    floor: dict[str, Any] = {
        "plan": {"name": "Walked", "width": width, "height": height},
        "zones": {
            name: {
                "name": name,
                "polygon": [[round(at, 6) for at in corner] for corner in zone_of(grid, name).polygon],
            }
            for name in grid.zones
        },
        "scanners": {
            name: {
                "zone": grid.zone_of(at.x, at.y),
                "x": min(max(at.x, 0.0), width),
                "y": min(max(at.y, 0.0), height),
                "z": at.z,
            }
            for name, at in sorted(site.gateways.items())
        },
    }
    if settings:
        floor["presence"] = dict(settings)
    (folder / FLOOR_FILE).write_text(yaml.safe_dump(floor, sort_keys=False), encoding="utf-8")
    (folder / PRODUCTS_FILE).write_text("products: {}\n", encoding="utf-8")
    (folder / CAMPAIGNS_FILE).write_text("creatives: {}\ncampaigns: []\n", encoding="utf-8")
    (folder / MEMBERS_FILE).write_text("accounts: {}\n", encoding="utf-8")
    if site.survey:
        (folder / SURVEY_FILE).write_bytes(site.survey_text)


def contenders(site: Site, grid: Grid, settings: Mapping[str, Any]) -> list[Contender]:
    """The store's presence, and the same store without a map."""
    # Where nothing was measured the map is path loss by the plan, which a store makes only when it is told to.
    chosen = settings if site.survey else {"method": "radio", **settings}
    found = replace(
        _contender(NAME, "the store's presence, as a cell runs it", Store(site, grid, chosen)), ours=True
    )
    without = Store(replace(site, survey=()), grid, {**settings, "method": "nearest"})
    return [found, _contender(NEAREST, "the same store without a map", without)]


def _contender(name: str, about: str, store: Store) -> Contender:
    return Contender(
        name,
        about,
        lambda grid: Ours(store.facts(grid)),
        bare=lambda grid: Ours(store.facts(grid), bare=True),
    )


def known_path_loss(
    size_m: tuple[float, float],
    rooms: Mapping[str, tuple[float, float, float, float]],
    stations: Mapping[str, tuple[Place, float, float]],
    settings: Mapping[str, Any],
) -> Facts:
    """The facts of a floor whose map is known exactly: the level at one metre and its fall, by distance on the floor.

    Zones are `rooms`, as left, top, right and bottom. The device is the calibrated one, unless settings say otherwise.
    """
    presence = msgspec.convert({**_KNOWN, **settings}, PresenceSettings)
    width, height = size_m
    cell_m = presence.cell_m
    rows, columns = ceil(height / cell_m), ceil(width / cell_m)
    x, y = np.meshgrid((np.arange(columns) + 0.5) * cell_m, (np.arange(rows) + 0.5) * cell_m)
    facts = [
        Fact("plan", ONLY, 1, to_json(Plan("Scenario", width, height))),
        Fact("presence", ONLY, 1, to_json(presence)),
        Fact(
            "radio",
            ONLY,
            1,
            to_json(
                Radio(
                    cell_m,
                    columns,
                    rows,
                    KNOWN_READING_SD_DB,
                    "plan",
                    near_sd_db=_EXACT_SD_DB[0],
                    map_sd_db=_EXACT_SD_DB[1],
                )
            ),
        ),
    ]
    for name, (left, top, right, bottom) in rooms.items():
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        facts.append(Fact("zone", name, 1, to_json(Zone(name, corners))))
    for name, (at, at_1m_dbm, n) in stations.items():
        zone = next((room for room, box in rooms.items() if _holds(box, at)), UNKNOWN_ZONE)
        level = at_1m_dbm - 10.0 * n * np.log10(np.maximum(np.hypot(x - at.x, y - at.y), cell_m / 2))
        signal = SignalMap(np.round(level * 100).astype("<i2").tobytes(), bytes(rows * columns))
        facts.append(Fact("scanner", name, 1, to_json(Scanner(ZoneId(zone), at.x, at.y, at.z))))
        facts.append(Fact("signal", name, 1, to_json(signal)))
    known = Facts()
    known.apply(facts, 1)
    return known


def _holds(box: tuple[float, float, float, float], at: Place) -> bool:
    left, top, right, bottom = box
    return left <= at.x <= right and top <= at.y <= bottom


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """`name=value` pairs, as a floor file's section `presence` would have them."""
    return {name.strip(): yaml.safe_load(value) for name, _, value in (text.partition("=") for text in texts)}
