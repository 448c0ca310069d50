"""ESPresense companion's simulated scenario: its published numbers again, and ours on the same noise.

Nodes in the corners of a floor hear a device that stands at points of a line; a reading is path loss by the distance
on the floor, plus a Gaussian, less a few decibels with some probability. The harness draws from .NET's generator,
seeded by SHA-256 over seed, scenario and track, so the published run can be drawn again, digit for digit.

The scenario has no time: its locator forgets everything between samples. A filter needs one, so ours is scored for
several intervals between samples. Both know where nodes hang, their level at one metre and how it falls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, log10
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from actors.facts import Facts
from protocols.errors import Nonsense
from sim.presence.dotnet import Random
from sim.presence.ours import Ours
from sim.presence.ranging import CEILING_M, nelder_mead
from sim.presence.walks import Place

FILE_BYTES_MAX = 1024 * 1024
"""Largest scenario file. A larger one is refused."""

APART_S = 60.0
"""Samples that have nothing to do with each other are so far apart."""

NEAREST_M = 0.1
"""The harness takes no distance below this."""


class Box(msgspec.Struct, frozen=True):
    """A rectangle in metres."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is in it; its border is."""
        return self.x_min <= x <= self.x_max and self.y_min <= y <= self.y_max


class Room(Box, frozen=True):
    """A named rectangle."""

    name: str = ""


class Station(msgspec.Struct, frozen=True):
    """A node, its level at one metre, and by how many tenths of decades that falls."""

    id: str
    x: float
    y: float
    z: float
    cal_rssi: float = -59.0
    absorption: float = 3.0


class Track(msgspec.Struct, frozen=True):
    """A line of straight segments, each with so many samples."""

    name: str
    samples_per_segment: int
    points: tuple[tuple[float, float], ...]

    def expanded(self) -> list[tuple[float, float]]:
        """Every sample's place; the last point is one."""
        found: list[tuple[float, float]] = []
        for (x, y), (to_x, to_y) in pairwise(self.points):
            for sample in range(self.samples_per_segment):
                part = sample / self.samples_per_segment
                found.append((x + (to_x - x) * part, y + (to_y - y) * part))
        return [*found, self.points[-1]]


class Scenario(msgspec.Struct, frozen=True):
    """The file. A point on the border of two rooms is in the one named first."""

    name: str
    bounds: Box
    rooms: tuple[Room, ...]
    stations: tuple[Station, ...]
    tracks: tuple[Track, ...]

    def room(self, x: float, y: float) -> str:
        """The room around a point; empty for none."""
        return next((room.name for room in self.rooms if room.holds(x, y)), "")


class Noise(msgspec.Struct, frozen=True):
    """What is added to a level, in dB."""

    gaussian_std_db: float = 2.5
    multipath_probability: float = 0.1
    multipath_attenuation_db: float = 6.0


class Outage(msgspec.Struct, frozen=True):
    """Errors without one station."""

    median_error_m: float
    p95_error_m: float


class Result(msgspec.Struct, frozen=True):
    """Errors along one track. `room_misid_rate` goes by the place, `zone_wrong_rate` by the zone said."""

    track: str
    samples: int
    median_error_m: float
    p95_error_m: float
    mean_error_m: float
    max_error_m: float
    room_misid_rate: float
    single_station_outage: dict[str, Outage] = {}
    zone_wrong_rate: float | None = None


class Published(msgspec.Struct, frozen=True):
    """One run of the harness."""

    scenario: str
    locator: str
    base_seed: int
    noise: Noise
    tracks: tuple[Result, ...]


class _Report(msgspec.Struct, frozen=True):
    scenarios: tuple[Published, ...]


@dataclass(frozen=True)
class Sample:
    """A true place, and the level at which each station hears the device, in the order of the stations."""

    x: float
    y: float
    levels: tuple[float, ...]


Located = tuple[float, float, str]
"""A place, and the zone said; empty for a locator that says places alone."""


def samples(scenario: Scenario, track: Track, seed: int, noise: Noise) -> list[Sample]:
    """What the harness draws for one track."""
    digest = hashlib.sha256(f"{seed}|{scenario.name}|{track.name}".encode()).digest()
    chance = Random(int.from_bytes(digest[:4], "little", signed=True))
    drawn = []
    for x, y in track.expanded():
        levels = []
        for station in scenario.stations:
            far = hypot(x - station.x, y - station.y)
            level = station.cal_rssi - (10 * station.absorption * log10(far) if far > 0 else 0.0)
            level += chance.gaussian() * noise.gaussian_std_db
            if chance.next_double() < noise.multipath_probability:
                level -= noise.multipath_attenuation_db
            levels.append(level)
        drawn.append(Sample(x, y, tuple(levels)))
    return drawn


def companion(scenario: Scenario, drawn: Sequence[Sample], without: str = "") -> list[Located]:
    """Where the companion's locator sees the device, each sample for itself."""
    low = (scenario.bounds.x_min, scenario.bounds.y_min, 0.0)
    high = (scenario.bounds.x_max, scenario.bounds.y_max, CEILING_M)
    found = []
    for sample in drawn:
        heard = [
            (
                Place(one.x, one.y, one.z),
                max(NEAREST_M, 10 ** ((one.cal_rssi - level) / (10 * one.absorption))),
            )
            for one, level in zip(scenario.stations, sample.levels, strict=True)
            if one.id != without
        ]
        x, y = nelder_mead(heard, low, high)
        found.append((x, y, ""))
    return found


def ours(
    scenario: Scenario, facts: Facts, interval_s: float | None, drawn: Sequence[Sample], without: str = ""
) -> list[Located]:
    """Where the store's presence sees it, if a sample is a burst of all stations and the next follows so much later.

    None: each sample for itself, as the locator takes them; nothing is known of those before.
    """
    method = Ours(facts)
    found = []
    for number, sample in enumerate(drawn):
        at_s = number * (APART_S if interval_s is None else interval_s)
        if interval_s is None:
            method.forget()
        for station, level in zip(scenario.stations, sample.levels, strict=True):
            if station.id != without:
                said = method.hear(at_s, station.id, level)
        found.append((said.x, said.y, said.zone))
    return found


def result(scenario: Scenario, track: str, drawn: Sequence[Sample], located: Sequence[Located]) -> Result:
    """The figures, as the harness makes them. A sample without a place, before a filter has begun, is left out."""
    both = [(sample, at) for sample, at in zip(drawn, located, strict=True) if at[0] == at[0]]
    errors = [hypot(x - sample.x, y - sample.y) for sample, (x, y, _) in both]
    if not errors:
        raise Nonsense(f"{track}: nothing was located")
    true_rooms = [scenario.room(sample.x, sample.y) for sample, _ in both]
    by_place = [room != scenario.room(x, y) for room, (_, (x, y, _)) in zip(true_rooms, both, strict=True)]
    said = [room != zone for room, (_, (_, _, zone)) in zip(true_rooms, both, strict=True) if zone]
    return Result(
        track=track,
        samples=len(errors),
        median_error_m=float(np.percentile(errors, 50)),
        p95_error_m=float(np.percentile(errors, 95)),
        mean_error_m=float(np.mean(errors)),
        max_error_m=max(errors),
        room_misid_rate=float(np.mean(by_place)),
        zone_wrong_rate=float(np.mean(said)) if said else None,
    )


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file. Raises Nonsense, OSError."""
    found: Scenario = _decoded(path, Scenario)
    if not (len(found.stations) >= 4 and found.tracks):
        raise Nonsense(f"{path.name}: a scenario needs a track, and 4 stations so that one can fail")
    return found


def _decoded(path: Path, kind: type[Any]) -> Any:
    with path.open("rb") as opened:
        text = opened.read(FILE_BYTES_MAX + 1)
    if len(text) > FILE_BYTES_MAX:
        raise Nonsense(f"{path.name}: is over {FILE_BYTES_MAX // 1024} KB; a scenario is small")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Nonsense(f"{path.name}: is no scenario of ESPresense companion: {error}") from None


def read_published(path: Path, scenario: Scenario) -> Published:
    """The run of this scenario in a report beside its file. Raises Nonsense if there is none."""
    for beside in sorted(path.parent.glob("*.json")):
        try:
            report: _Report = _decoded(beside, _Report)
        except Nonsense:
            continue
        for run in report.scenarios:
            if run.scenario == scenario.name and run.locator != "NelderMead":
                raise Nonsense(f"{beside.name}: is of {run.locator[:40]}; only NelderMead is written here")
            if run.scenario == scenario.name:
                return run
    raise Nonsense(f"no report of {scenario.name[:80]} (*.json) beside {path.name} to compare with")
