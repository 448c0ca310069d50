"""Recordings of real radio: an ESPresense capture, and walks of one beacon past fixed gateways.

`*.jsonp` is a line a message, `{"tst", "topic", "payload"}`; `config.yaml` beside it places the nodes. `*.mbd.gz` is a
line a packet, `unix_ts,gateway,beacon,rssi,x,y,z,…`; `gateways.txt` beside it names and places the gateways.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

import msgspec
import yaml

from protocols.devices import Sighting, read
from protocols.errors import Nonsense
from sim.presence.grids import Floor, Grid
from sim.presence.score import Stay, stays_of
from sim.presence.walks import LINES_MAX, read_gateways, read_walk
from sim.presence.walks import Place as Place

WALK_WIDTH_M, WALK_HEIGHT_M = 20.7, 17.6
"""The floor of the walks, as their authors give it."""

GRID = 3
"""Zones of a walk: a grid of so many rows and columns, `r0c0` at the origin."""

ZONES = Grid(Floor(WALK_WIDTH_M, WALK_HEIGHT_M), GRID, GRID)


@dataclass(frozen=True, slots=True)
class Packet:
    """One message to publish, `at_s` after the first one."""

    number: int
    at_s: float
    topic: str
    payload: bytes


@dataclass(frozen=True)
class Recording:
    """What was heard of one device. `scanners` are all that heard it; `places` those whose place is known."""

    device: str
    packets: tuple[Packet, ...]
    scanners: tuple[str, ...]
    places: dict[str, Place]

    @property
    def lasts_s(self) -> float:
        """From the first message to the last."""
        return self.packets[-1].at_s


@dataclass(frozen=True)
class Capture(Recording):
    """A device at rest, as ESPresense told of it."""

    distances_m: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def nearest(self) -> tuple[str, float]:
        """The scanner that says it is nearest, by the median of its distances."""
        far_m = {scanner: median(some) for scanner, some in self.distances_m.items()}
        scanner = min(far_m, key=lambda name: (far_m[name], name))
        return scanner, far_m[scanner]

    def unlisted(self) -> tuple[str, ...]:
        """Scanners that the recording's config.yaml does not place."""
        return tuple(scanner for scanner in self.scanners if scanner not in self.places)


@dataclass(frozen=True)
class Walk(Recording):
    """A beacon that was carried about, with the truth of where."""

    stays: tuple[Stay, ...] = ()

    def deaf_zones(self) -> tuple[str, ...]:
        """Zones of the grid in which no scanner hangs."""
        heard = {cell_of(at.x, at.y) for at in self.places.values()}
        return tuple(zone for zone in ZONES.zones if zone not in heard)


def open_recording(path: Path, device: str = "") -> Recording:
    """The recording in a file. `device` renames a walk's beacon. Raises Nonsense for a file that is none."""
    if path.name.endswith(".mbd.gz"):
        return _walk(path, device)
    if path.suffix == ".jsonp":
        return _capture(path)
    raise Nonsense("a recording is an ESPresense capture (.jsonp) or a walk (.mbd.gz)")


def cell_of(x: float, y: float) -> str:
    """The zone of a walk's grid around a point; what is outside the floor counts to its edge."""
    return ZONES.zone_of(x, y)


def _capture(path: Path) -> Capture:
    packets: list[Packet] = []
    distances: dict[str, list[float]] = {}
    devices: dict[str, int] = {}
    began: datetime | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[:LINES_MAX]):
        try:
            message = json.loads(line)
            at = datetime.strptime(message["tst"], "%Y-%m-%dT%H:%M:%S.%f%z")
            topic, payload = message["topic"], json.dumps(message["payload"]).encode()
        except (ValueError, KeyError, TypeError) as error:
            raise Nonsense(f"line {number + 1} is no message of a capture: {error}") from None
        began = began or at
        packets.append(Packet(number, max(0.0, (at - began).total_seconds()), topic, payload))
        for seen in read(topic, payload, 0):
            if isinstance(seen, Sighting):
                devices[seen.device] = devices.get(seen.device, 0) + 1
                distances.setdefault(seen.scanner, []).append(seen.distance_m or 0.0)
    if not devices:
        raise Nonsense("no sighting in it")
    return Capture(
        device=max(devices, key=lambda name: devices[name]),
        packets=tuple(packets),
        scanners=tuple(sorted(distances)),
        places={
            name: place for name, place in _nodes(path.parent / "config.yaml").items() if name in distances
        },
        distances_m={scanner: tuple(some) for scanner, some in distances.items()},
    )


def _nodes(config: Path) -> dict[str, Place]:
    """The nodes of an ESPresense config, by the room that they publish as: lower case, `_` for a space."""
    if not config.exists():
        return {}
    try:
        nodes = yaml.safe_load(config.read_text(encoding="utf-8")).get("nodes") or []
        return {
            re.sub(r"\W+", "_", str(node["name"]).strip().lower()): Place(
                *(float(at) for at in node["point"])
            )
            for node in nodes
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Nonsense(f"{config.name}: no ESPresense configuration: {error}") from None


def _walk(path: Path, device: str) -> Walk:
    gateways = read_gateways(path.parent / "gateways.txt")
    walk = read_walk(path, gateways)
    began_s = walk.rows[0].unix_s
    name = device or walk.rows[0].beacon
    packets: list[Packet] = []
    at_s = [
        max(0.0, row.unix_s - began_s) for row in walk.rows
    ]  # the clock runs back by microseconds in places
    for row, now_s, scanner in zip(walk.rows, at_s, walk.scanners, strict=True):
        if scanner is not None:
            payload = msgspec.json.encode({"id": name, "rssi": row.dbm})
            packets.append(Packet(len(packets), now_s, f"espresense/devices/{name}/{scanner}", payload))
    heard = {scanner for scanner in walk.scanners if scanner is not None}
    return Walk(
        device=name,
        packets=tuple(packets),
        scanners=tuple(sorted(heard)),
        places={scanner: place for scanner, place in gateways.values() if scanner in heard},
        stays=stays_of(at_s, [cell_of(row.x, row.y) for row in walk.rows]),
    )
