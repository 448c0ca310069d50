"""The shop of `bench walking`, and the people who walk about in it: all that its scanners hear of them, to be played.

A grid of zones with a scanner over the middle of each and a shelf to walk round, surveyed as one would. People go from
somewhere to somewhere else by the shortest way, stand a while, and go on, more briskly than shoppers do, so that
there is something to measure. Each carries a beacon that sends once a second; beacons are spread evenly over it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from protocols.facts import Plan, Scanner, Zone
from protocols.ids import ZoneId
from sim.bench.shop import (
    CAP,
    CLASSES,
    account_name,
    campaign_name,
    class_of,
    device_name,
    sign_name,
    sku_of,
    subject_name,
    zone_name,
)
from sim.bench.wire import publish_packet
from sim.devices import Radio, sighting
from sim.floor import BODY_M, Floor, Point
from sim.surveyed import survey_file

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]
Way = Literal["nearest", "radio"]

WIDTH_M, HEIGHT_M = 24.0, 21.0
COLUMNS, ROWS = 4, 3
ZONES = COLUMNS * ROWS
ZONE_M = (WIDTH_M / COLUMNS, HEIGHT_M / ROWS)
MARGIN_M = 0.6

SHELF_M = (3.0, 1.0)
BELOW_M = 1.2
"""A shelf stands so far below the middle of its zone, so that the scanner there hangs over the aisle."""

SPEED_MPS = (0.6, 1.2)
STAND_S = (0.0, 4.0)

LOUDER_DB = (10.0, 2.0)
"""How much louder than the surveyed beacon those here are, and its spread: most of them are heard all over the shop."""

BURST_S = 0.015
"""Within this time all scanners have handed on what they heard of one packet."""

SURVEY_SEED = 1


def zones() -> dict[str, Zone]:
    """The zones, a grid of boxes."""
    wide, high = ZONE_M
    found = {}
    for number in range(ZONES):
        x, y = (number % COLUMNS) * wide, (number // COLUMNS) * high
        corners = ((x, y), (x + wide, y), (x + wide, y + high), (x, y + high))
        found[zone_name(number)] = Zone(f"Zone {number}", corners, MARGIN_M)
    return found


def floor() -> Floor:
    """The floor that people walk on."""
    walls, scanners = [], {}
    for number in range(ZONES):
        x, y = middle(number)
        scanners[zone_name(number)] = Scanner(ZoneId(zone_name(number)), round(x, 2), round(y, 2))
        left, top = x - SHELF_M[0] / 2, y + BELOW_M - SHELF_M[1] / 2
        right, bottom = left + SHELF_M[0], top + SHELF_M[1]
        walls.append(((left, top), (right, top), (right, bottom), (left, bottom), (left, top)))
    return Floor(Plan("Bench", WIDTH_M, HEIGHT_M, tuple(walls)), zones(), scanners, {}, {})


def middle(zone: int) -> Point:
    """The middle of a zone."""
    return ((zone % COLUMNS + 0.5) * ZONE_M[0], (zone // COLUMNS + 0.5) * ZONE_M[1])


def zone_at(x: float, y: float) -> int:
    """The zone around a point of the floor."""
    return min(COLUMNS - 1, int(x / ZONE_M[0])) + COLUMNS * min(ROWS - 1, int(y / ZONE_M[1]))


# --- the people


@dataclass(frozen=True, slots=True)
class Played:
    """What the scanners say, in the order of saying it, at a steady rate. `burst` is the beacon's packet behind it."""

    subject: Ints
    scanner: Ints
    dbm: Doubles
    burst: Ints
    seconds: int
    warm_s: int
    moves: int
    """How often anybody really crossed from one zone to another after the warm-up."""

    def __len__(self) -> int:
        return len(self.subject)

    @property
    def per_second(self) -> float:
        """The rate at which it is played."""
        return len(self) / self.seconds

    @property
    def first(self) -> int:
        """The first message after the warm-up."""
        return int(self.per_second * self.warm_s)

    def write_plan(self, path: Path, port: int) -> None:
        """The plan as `sim.bench.load` reads it."""
        rooms = [zone_name(number) for number in range(ZONES)]
        packets = [
            publish_packet(*sighting(rooms[scanner], device_name(subject), "", dbm))
            for subject, scanner, dbm in zip(
                self.subject.tolist(), self.scanner.tolist(), self.dbm.tolist(), strict=True
            )
        ]
        np.savez(
            path,
            blob=np.frombuffer(b"".join(packets), np.uint8),
            ends=np.cumsum([len(packet) for packet in packets]),
            which=np.arange(len(packets), dtype=np.int32),
            per_second=self.per_second,
            port=port,
        )


class Strollers:
    """Everybody in the shop. Those who are heard walk on; the others wait where they are. Seeded."""

    def __init__(self, subjects: int, seed: int) -> None:
        self._floor = floor()
        self._chance = Random(f"{seed}/strollers")
        self._noise = np.random.default_rng([seed, 3])
        self._radio = Radio(self._floor, self._noise.normal(*LOUDER_DB, subjects).tolist(), seed)
        # The radio has its scanners in the order of their names.
        self._numbers = np.array([int(room.rpartition("-")[2]) for room in self._radio.rooms])
        self.at = [self._somewhere() for _ in range(subjects)]
        self._way: list[tuple[Point, ...]] = [()] * subjects
        self._rest_s = [self._chance.uniform(*STAND_S) for _ in range(subjects)]
        self._speed = [self._chance.uniform(*SPEED_MPS) for _ in range(subjects)]
        self._now_s = 0

    def play(self, subjects: int, warm_s: int, measured_s: int) -> Played:
        """The next seconds of the first so many of them."""
        parts: list[tuple[Ints, Ints, Doubles, Ints, Doubles]] = []
        moves = 0
        who = np.arange(subjects)
        for second in range(warm_s + measured_s):
            before = [zone_at(*self.at[one]) for one in range(subjects)]
            for one in range(subjects):
                self._walk(one, 1.0)
            if second >= warm_s:
                moves += sum(zone_at(*self.at[one]) != zone for one, zone in enumerate(before))
            self._now_s += 1
            dbm = self._radio.hear(range(subjects), self.at[:subjects], float(self._now_s))
            subject, column = np.nonzero(np.isfinite(dbm))
            at_s = second + who[subject] / subjects + self._noise.uniform(0.0, BURST_S, len(subject))
            parts.append(
                (subject, self._numbers[column], dbm[subject, column], second * subjects + subject, at_s)
            )
        subject, scanner, heard, burst, at_s = (np.concatenate(one) for one in zip(*parts, strict=True))
        order = np.argsort(at_s, kind="stable")
        return Played(
            subject[order],
            scanner[order],
            heard[order],
            burst[order],
            warm_s + measured_s,
            warm_s,
            moves,
        )

    def _walk(self, who: int, left_s: float) -> None:
        """Walks, stands and chooses where to go next until the time is used up."""
        while left_s > 0.0:
            if self._rest_s[who] > 0.0:
                spent_s = min(self._rest_s[who], left_s)
                self._rest_s[who] -= spent_s
                left_s -= spent_s
            elif self._way[who]:
                (x, y), (to_x, to_y) = self.at[who], self._way[who][0]
                far_m, step_m = hypot(to_x - x, to_y - y), self._speed[who] * left_s
                if step_m < far_m:
                    share = step_m / far_m
                    self.at[who] = (x + (to_x - x) * share, y + (to_y - y) * share)
                    return
                self.at[who], self._way[who] = self._way[who][0], self._way[who][1:]
                left_s -= far_m / self._speed[who]
                if not self._way[who]:
                    self._rest_s[who] = self._chance.uniform(*STAND_S)
            else:
                self._way[who] = self._floor.way(self.at[who], self._somewhere())

    def _somewhere(self) -> Point:
        while True:
            x = self._chance.uniform(2 * BODY_M, WIDTH_M - 2 * BODY_M)
            y = self._chance.uniform(2 * BODY_M, HEIGHT_M - 2 * BODY_M)
            if self._floor.is_free((x, y)):
                return x, y


# --- the files


def write_books(folder: Path, subjects: int, way: Way) -> None:
    """Writes the files of the shop. Both ways have the survey and differ in `method` alone.

    The nearest scanner's zone counts at once: with its usual hold it would miss most of these people's changes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("products", {"products": _products()}),
        ("floor", _floor(way)),
        ("campaigns", _campaigns()),
        ("members", {"accounts": {account_name(one): _member(one) for one in range(subjects)}}),
    ):
        (folder / f"{name}.yaml").write_text(json.dumps(content, separators=(",", ":")))
    (folder / "survey.csv").write_bytes(survey_file(floor(), SURVEY_SEED))


def _products() -> dict[str, object]:
    return {
        sku_of(zone, class_): {
            "name": f"Article {class_} of zone {zone}",
            "category": f"category-{class_}",
            "price": f"{1 + zone}.50",
        }
        for zone in range(ZONES)
        for class_ in range(CLASSES)
    }


def _floor(way: Way) -> dict[str, object]:
    shop = floor()
    return {
        "plan": {
            "name": "Bench",
            "width": WIDTH_M,
            "height": HEIGHT_M,
            "walls": [[list(point) for point in wall] for wall in shop.plan.walls],
        },
        "presence": {"method": way, "hysteresis_db": 0, "hold_s": 0},
        "zones": {
            name: {
                "name": zone.name,
                "polygon": [list(point) for point in zone.polygon],
                "margin_m": MARGIN_M,
            }
            for name, zone in zones().items()
        },
        "scanners": {name: {"zone": name, "x": one.x, "y": one.y} for name, one in shop.scanners.items()},
        "signs": {
            sign_name(zone): {
                "name": f"Screen {zone}",
                "zones": [zone_name(zone)],
                "playlist": ["house"],
                "x": middle(zone)[0],
                "y": middle(zone)[1],
            }
            for zone in range(ZONES)
        },
    }


def _campaigns() -> dict[str, object]:
    creatives: dict[str, object] = {"house": {"title": "Bench", "template": "card"}}
    campaigns: list[dict[str, object]] = []
    for zone in range(ZONES):
        for class_ in range(CLASSES):
            name, sku = campaign_name(zone, class_), sku_of(zone, class_)
            creatives[name] = {"title": f"For class {class_} in zone {zone}", "sku": sku}
            is_of_class = {
                "fact": "segments",
                "has": f"class-{class_}",
                "say": f"Is of class {class_}",
            }
            offer = {"sku": sku, "off": "0.50", "title": f"Article of class {class_}"}
            campaigns.append(
                {
                    "id": name,
                    "name": f"Class {class_} in zone {zone}",
                    "trigger": {"zone_entered": zone_name(zone)},
                    "conditions": [is_of_class],
                    "gives": [{"offer": offer}, {"creative": name}],
                    "caps": {"member": CAP},
                    "priority": 10,
                    "lasts": "12 h",
                }
            )
    return {"creatives": creatives, "campaigns": campaigns}


def _member(subject: int) -> dict[str, object]:
    return {
        "name": f"Member {subject}",
        "subject": subject_name(subject),
        "consent": ["offers"],
        "segments": [f"class-{class_of(subject)}"],
        "devices": [device_name(subject)],
    }
