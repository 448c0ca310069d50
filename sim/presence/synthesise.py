"""Walks of a made-up floor, in the files of recorded ones: constants are chosen here, recorded walks only judge.

The floor is of another size and shape, and everything that makes radio hard is in it, at sizes that surveys in print
and the recorded packets show: shadowing that is alike at near places, a survey of another day whose shadows have
moved a little, readings that scatter with heavy tails, a body that turns, gateways whose error drifts, missed and
doubled packets, pauses, turns, and two speeds.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from sim.presence.grids import Floats, Floor
from sim.presence.walks import Place

FLOOR = Floor(30.0, 20.0)
FIELD_M = 0.5
"""Fields are drawn at points so far apart, and taken linearly between them."""

SHADOW_DB, SHADOW_M = 3.5, 7.0
"""The sd of shadowing, and the length over which it is alike: exp(-distance / length)."""

MOVED_DB, MOVED_M = 1.6, 5.0
"""How far shadows of another day differ."""

DAY_OFFSET_DB = 1.0
"""The sd of a gateway's own offset from day to day."""

READING_DB, READING_TAIL = 4.0, 5
"""The sd of readings at one spot, Student's t with so many degrees of freedom."""

DRIFT_DB, DRIFT_S = 1.5, 12.0
"""The sd and the time constant of what drifts slowly at each gateway: people, doors."""

BODY_DB = 3.0
"""A body weakens what it stands between, by up to so much, as half a cosine of the angle."""

MISSED = 0.13
DOUBLED = 0.02
SPREAD_S = 0.007
"""A packet reaches gateways within so long."""

DELAY_S = 0.010
"""A beacon waits up to so long at random before each advertisement (Bluetooth Core, vol 6, part B, 4.4.2.2.1)."""

FLOOR_DBM = -98
"""A receiver's sensitivity: what is weaker is missed."""

SURVEY_POINTS_X, SURVEY_POINTS_Y, SURVEY_READINGS = 10, 8, 100
CARRIED_M, SURVEYED_M = 1.2, 1.3
WALK_S = 150.0
STEP_S = 0.05
BEACON = "c0ffee00beac"
SURVEY_FILE, GATEWAYS_FILE = "fingerprints.csv.gz", "gateways.txt"


@dataclass(frozen=True)
class Kind:
    """One walk to make: its name, how fast it goes, how often the beacon sends."""

    name: str
    speed_ms: float
    interval_s: float


KINDS = (
    Kind("slow_450ms_1", 0.45, 0.45),
    Kind("slow_450ms_2", 0.45, 0.45),
    Kind("slow_1s", 0.45, 1.0),
    Kind("brisk_450ms_1", 1.2, 0.45),
    Kind("brisk_450ms_2", 1.2, 0.45),
    Kind("brisk_1s", 1.2, 1.0),
)


@dataclass(frozen=True)
class Gateway:
    """A gateway, its path loss, and its shadows by day over the field's points."""

    name: str
    address: str
    place: Place
    at_1m_dbm: float
    n: float
    survey_day: Floats
    walk_day: Floats


class Field:
    """Draws smooth random fields over the floor, and reads them at any place."""

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self.columns = int(FLOOR.width_m / FIELD_M) + 1
        self.rows = int(FLOOR.height_m / FIELD_M) + 1
        x, y = np.meshgrid(np.arange(self.columns) * FIELD_M, np.arange(self.rows) * FIELD_M)
        self._far = np.hypot(x.ravel()[:, None] - x.ravel()[None, :], y.ravel()[:, None] - y.ravel()[None, :])
        self._roots: dict[float, Floats] = {}

    def draw(self, sd_db: float, length_m: float) -> Floats:
        """One field: rows of columns."""
        root = self._roots.get(length_m)
        if root is None:
            alike = np.exp(-self._far / length_m) + 1e-9 * np.eye(len(self._far))
            root = self._roots[length_m] = np.linalg.cholesky(alike)
        drawn: Floats = sd_db * (root @ self._chance.standard_normal(len(self._far)))
        return drawn.reshape(self.rows, self.columns)

    def at(self, field: Floats, x: float, y: float) -> float:
        """The field's value at a place, between the four points around it."""
        across = min(max(x / FIELD_M, 0.0), self.columns - 1.001)
        down = min(max(y / FIELD_M, 0.0), self.rows - 1.001)
        column, row = int(across), int(down)
        u, v = across - column, down - row
        top = (1 - u) * field[row, column] + u * field[row, column + 1]
        bottom = (1 - u) * field[row + 1, column] + u * field[row + 1, column + 1]
        return float((1 - v) * top + v * bottom)


def write(folder: Path, seed: int, console: Console) -> None:
    """Writes gateways, a survey and walks into the folder, and the command that scores them. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    field = Field(chance)
    gateways = list(_gateways(chance, field))
    table = ", ".join(
        f'"{one.address}": [[{one.place.x:.2f}, {one.place.y:.2f}, {one.place.z:.2f}], 0, "{one.name}"]'
        for one in gateways
    )
    (folder / GATEWAYS_FILE).write_text(
        f"Dongles:{{{table}}}\nBeacons:{json.dumps({BEACON: [[], 0, 'beacon']})}\n", encoding="utf-8"
    )
    _pack(folder / SURVEY_FILE, _survey(chance, field, gateways))
    for kind in KINDS:
        _pack(folder / f"{kind.name}.mbd.gz", _walk(chance, field, gateways, kind))
    walks = " ".join(f"--walk {folder / kind.name}.mbd.gz" for kind in KINDS)
    console.print(
        f"Wrote {len(gateways)} gateways, a survey of {SURVEY_POINTS_X * SURVEY_POINTS_Y} points and {len(KINDS)} "
        f"walks to {folder}. To score them:"
    )
    console.print(
        f"endcap-sim presence --floor {FLOOR.width_m:g}x{FLOOR.height_m:g} --grid 4x3 "
        f"--gateways {folder / GATEWAYS_FILE} --survey {folder / SURVEY_FILE} {walks}",
        soft_wrap=True,
    )


def _gateways(chance: np.random.Generator, field: Field) -> Iterator[Gateway]:
    """Along the walls and down the middle, not quite regular: fourteen."""
    spots = [(x, y) for y in (0.4, 19.6) for x in (2.5, 9.0, 15.5, 22.0, 28.0)]
    spots += [(x, y) for y in (7.0, 13.5) for x in (8.0, 22.5)]
    for number, (x, y) in enumerate(spots):
        place = Place(*np.round([x + chance.normal(0, 0.4), y, chance.choice([2.4, 3.0])], 2).tolist())
        inside = Place(min(max(place.x, 0.0), FLOOR.width_m), place.y, place.z)
        shadows = field.draw(SHADOW_DB, SHADOW_M)
        yield Gateway(
            f"gateway{number + 1:02d}",
            f"a0b1c2d3{number:04x}",
            inside,
            at_1m_dbm=float(chance.normal(-60.0, 2.5)),
            n=float(chance.uniform(1.7, 2.6)),
            survey_day=shadows,
            walk_day=shadows + field.draw(MOVED_DB, MOVED_M) + chance.normal(0, DAY_OFFSET_DB),
        )


def _level(gateway: Gateway, field: Field, shadows: Floats, x: float, y: float, z: float) -> float:
    at = gateway.place
    far = max(0.5, float(np.sqrt((at.x - x) ** 2 + (at.y - y) ** 2 + (at.z - z) ** 2)))
    return gateway.at_1m_dbm - 10 * gateway.n * float(np.log10(far)) + field.at(shadows, x, y)


def _scatter(chance: np.random.Generator, count: int) -> Floats:
    scale = READING_DB / np.sqrt(READING_TAIL / (READING_TAIL - 2))
    drawn: Floats = scale * chance.standard_t(READING_TAIL, count)
    return drawn


def _survey(chance: np.random.Generator, field: Field, gateways: list[Gateway]) -> Iterator[str]:
    """Someone stands at each point and turns once, so a body's shade is met from all sides."""
    yield "sensor,x,y,z,rssi,count"
    for row in range(SURVEY_POINTS_Y):
        for column in range(SURVEY_POINTS_X):
            x = (column + 0.5) * FLOOR.width_m / SURVEY_POINTS_X + chance.normal(0, 0.3)
            y = (row + 0.5) * FLOOR.height_m / SURVEY_POINTS_Y + chance.normal(0, 0.3)
            for gateway in gateways:
                level = _level(gateway, field, gateway.survey_day, x, y, SURVEYED_M)
                facing = chance.uniform(0, 2 * np.pi, SURVEY_READINGS)
                heard = level + _scatter(chance, SURVEY_READINGS) - BODY_DB * np.maximum(0, np.cos(facing))
                counts = Counter(round(dbm) for dbm in heard if dbm >= FLOOR_DBM)
                for dbm, count in sorted(counts.items()):
                    yield f"{gateway.name},{x:.2f},{y:.2f},{SURVEYED_M:.2f},{dbm},{count}"
    # A receiver's error code, as recorded surveys have them: one of these is the whole of a mean of power.
    yield f"{gateways[0].name},{x:.2f},{y:.2f},{SURVEYED_M:.2f},62,1"


def _walk(chance: np.random.Generator, field: Field, gateways: list[Gateway], kind: Kind) -> Iterator[str]:
    path = list(_path(chance, kind.speed_ms))
    drifts = chance.normal(0, DRIFT_DB, len(gateways))
    at_s, before_s, unix_s = 0.0, 0.0, 1_700_000_000.0
    while at_s < WALK_S:
        x, y, heading = path[min(int(at_s / STEP_S), len(path) - 1)]
        kept = np.exp(-(at_s - before_s) / DRIFT_S)
        drifts = kept * drifts + np.sqrt(1 - kept * kept) * chance.normal(0, DRIFT_DB, len(gateways))
        yield from _burst(chance, field, gateways, drifts, (x, y, heading), unix_s + at_s)
        before_s, at_s = at_s, at_s + kind.interval_s + chance.uniform(0, DELAY_S)


def _burst(
    chance: np.random.Generator,
    field: Field,
    gateways: list[Gateway],
    drifts: Floats,
    carrier: tuple[float, float, float],
    unix_s: float,
) -> list[str]:
    """One advertisement as the gateways hear it, in the order in which they tell of it."""
    x, y, heading = carrier
    lines: list[tuple[float, str]] = []
    for gateway, drift in zip(gateways, drifts, strict=True):
        times = 0 if chance.random() < MISSED else 1 + (chance.random() < DOUBLED)
        behind = np.cos(np.arctan2(gateway.place.y - y, gateway.place.x - x) - heading)
        level = (
            _level(gateway, field, gateway.walk_day, x, y, CARRIED_M) + drift - BODY_DB * max(0.0, -behind)
        )
        for scatter in _scatter(chance, times):
            dbm = round(level + float(scatter))
            at_s = unix_s + chance.uniform(0, SPREAD_S)
            if dbm >= FLOOR_DBM:
                lines.append(
                    (at_s, f"{at_s:.6f},{gateway.address},{BEACON},{dbm},{x:.3f},{y:.3f},{CARRIED_M:.3f}")
                )
    return [line for _, line in sorted(lines)]


def _path(chance: np.random.Generator, speed_ms: float) -> Iterator[tuple[float, float, float]]:
    """Where the carrier is every STEP_S and which way it looks: from place to place, with stops and curved turns."""
    x, y = chance.uniform(2, FLOOR.width_m - 2), chance.uniform(2, FLOOR.height_m - 2)
    heading = chance.uniform(-np.pi, np.pi)
    left_s = WALK_S + 1.0
    while left_s > 0:
        to_x, to_y = chance.uniform(1.5, FLOOR.width_m - 1.5), chance.uniform(1.5, FLOOR.height_m - 1.5)
        if chance.random() < 0.6:  # along an aisle more often than across
            to_x, to_y = (to_x, y) if chance.random() < 0.5 else (x, to_y)
        pace = speed_ms * chance.uniform(0.85, 1.15)
        while np.hypot(to_x - x, to_y - y) > 0.3 and left_s > 0:
            turn = (np.arctan2(to_y - y, to_x - x) - heading + np.pi) % (2 * np.pi) - np.pi
            heading += np.clip(
                turn, -2.0 * STEP_S, 2.0 * STEP_S
            )  # 2 rad/s: nobody turns on the spot while walking
            slower = max(0.15, float(np.cos(min(abs(turn), np.pi / 2))))
            x = min(max(x + slower * pace * STEP_S * float(np.cos(heading)), 0.3), FLOOR.width_m - 0.3)
            y = min(max(y + slower * pace * STEP_S * float(np.sin(heading)), 0.3), FLOOR.height_m - 0.3)
            left_s -= STEP_S
            yield float(x), float(y), float(heading)
        stop_s = chance.exponential(6.0) if chance.random() < 0.5 else 0.0
        while stop_s > 0 and left_s > 0:
            stop_s, left_s = stop_s - STEP_S, left_s - STEP_S
            heading += chance.normal(0, 0.05)
            yield float(x), float(y), float(heading)


def _pack(path: Path, lines: Iterator[str]) -> None:
    """Writes lines packed, the same bytes for the same seed."""
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text, mtime=0))
