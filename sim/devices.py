"""What scanners hear and scales feel: a radio model and ESPresense's messages, a load cell and our own.

Signal falls with distance (log-distance path loss), is damped by every fixture in between, wanders slowly with how
somebody stands (a Gauss-Markov shadow for each pair), and each reading has noise of its own. A scanner that is too far
away reports nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocols.topics import shelf_weight
from sim.floor import Floor, Point
from sim.goods import Goods

Message = tuple[str, bytes]
"""Topic and payload."""

AT_ONE_METRE_DBM = -59.0
"""What an iBeacon says of itself, and what ESPresense takes where nothing is said."""

PATH_LOSS = 2.8
"""Exponent of the loss with distance in a shop: 2 is free air, 3 a crowded room."""

FIXTURE_DB = 5.0
"""What a full shelf takes away from a signal that goes through it."""

SHADOW_DB, SHADOW_S = 2.2, 9.0
"""The slow part: its spread, and how long until it has changed by about that much."""

NOISE_DB = 1.6
"""What is left of a reading's own noise after the node's filter."""

FLOOR_DBM = -94.0
"""Nodes in such a shop report little below: the packets are lost."""

PHONE_Z_M = 1.1

REPORT_S = (0.8, 1.2)
"""A scanner reports a device about once a second, the first time at once."""

TELEMETRY_S = 30.0

SCALE_NOISE_G = 2.0
SCALE_MOVING_S = 0.2
SCALE_READINGS = 6
"""After something changed a scale reports so often and so many times, then keeps quiet."""

SCALE_RESTING_S = 15.0
"""A scale at rest says so this often."""


class Radio:
    """All scanners of a floor, and how each of the people sounds to them. Soft, and seeded."""

    def __init__(self, floor: Floor, louder_db: Sequence[float], seed: int) -> None:
        self._chance = np.random.default_rng([seed, 1])
        self.rooms = tuple(sorted(floor.scanners))
        places = [floor.scanners[room] for room in self.rooms]
        self._at = np.array([(p.x, p.y) for p in places], dtype=np.float64).reshape(-1, 2)
        self._rise = np.array([p.z - PHONE_Z_M for p in places], dtype=np.float64)
        self._fixtures = np.array([(f.left, f.top, f.right, f.bottom) for f in floor.fixtures]).reshape(-1, 4)
        self._louder = np.array(louder_db, dtype=np.float64)
        shape = (len(louder_db), len(self.rooms))
        self._shadow = self._chance.normal(0.0, SHADOW_DB, shape)
        self._heard_s = np.zeros(len(louder_db))

    def mean_dbm(self, who: NDArray[np.intp], at: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each scanner would hear of these people without shadow and noise: a row a person."""
        apart = at[:, None, :] - self._at[None, :, :]
        far = np.sqrt((apart**2).sum(axis=2) + self._rise[None, :] ** 2)
        loss = 10.0 * PATH_LOSS * np.log10(np.maximum(far, 1.0))
        behind = FIXTURE_DB * _crossings(at, self._at, self._fixtures)
        mean: NDArray[np.float64] = AT_ONE_METRE_DBM + self._louder[who, None] - loss - behind
        return mean

    def hear(self, who: Sequence[int], at: Sequence[Point], now_s: float) -> NDArray[np.float64]:
        """One round of readings of these people, in dBm; what is not heard is NaN."""
        rows = np.array(who, dtype=np.intp)
        gap_s = now_s - self._heard_s[rows]
        self._heard_s[rows] = now_s
        keeps = np.exp(-np.maximum(gap_s, 0.0) / SHADOW_S)[:, None]
        fresh = self._chance.normal(0.0, SHADOW_DB, (len(rows), len(self.rooms)))
        self._shadow[rows] = keeps * self._shadow[rows] + np.sqrt(1.0 - keeps**2) * fresh
        noise = self._chance.normal(0.0, NOISE_DB, fresh.shape)
        dbm = self.mean_dbm(rows, np.array(at, dtype=np.float64).reshape(-1, 2)) + self._shadow[rows] + noise
        dbm[dbm < FLOOR_DBM] = np.nan
        return dbm


def _crossings(
    at: NDArray[np.float64], scanners: NDArray[np.float64], fixtures: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many fixtures stand between each person and each scanner (clipping, all at once)."""
    if not len(fixtures):
        return np.zeros((len(at), len(scanners)))
    start = at[:, None, None, :]
    move = scanners[None, :, None, :] - start
    move = np.where(np.abs(move) < 1e-9, 1e-9, move)
    one = (fixtures[None, None, :, 0:2] - start) / move
    other = (fixtures[None, None, :, 2:4] - start) / move
    first = np.maximum(np.minimum(one, other).max(axis=3), 0.0)
    last = np.minimum(np.maximum(one, other).min(axis=3), 1.0)
    count: NDArray[np.float64] = (first < last).sum(axis=2).astype(np.float64)
    return count


class Beacons:
    """When each device is heard next: about once a second, not all at once."""

    def __init__(self, count: int, seed: int) -> None:
        self._chance = Random(f"{seed}/beacons")
        self._next_s = [self._chance.random() for _ in range(count)]

    def due(self, inside: Iterable[int], now_s: float) -> list[int]:
        """Those of the people inside who are heard now."""
        heard = [n for n in inside if self._next_s[n] <= now_s]
        for n in heard:
            late = now_s - self._next_s[n] > 5.0  # they were away
            self._next_s[n] = (now_s if late else self._next_s[n]) + self._chance.uniform(*REPORT_S)
        return heard


class _Heard(msgspec.Struct):
    """What an ESPresense node says of a device it hears, in its present form."""

    mac: str
    id: str
    name: str
    ref: int = msgspec.field(name="rssi@1m")
    rssi: float
    rx_adj: int = msgspec.field(name="rxAdj")
    spread: float = msgspec.field(name="rssiVar")
    distance: float
    var: float
    interval: int = msgspec.field(name="int")


_encode = msgspec.json.Encoder().encode


def sighting(room: str, device: str, name: str, dbm: float, interval_ms: int = 1000) -> Message:
    """The message of one node about one device."""
    far_m = 10.0 ** ((AT_ONE_METRE_DBM - dbm) / (10.0 * PATH_LOSS))
    heard = _Heard(
        device if len(device) == 12 else "",
        device,
        name,
        round(AT_ONE_METRE_DBM),
        round(dbm, 1),
        0,
        round(NOISE_DB**2, 2),
        round(far_m, 2),
        round((0.15 * far_m) ** 2, 2),
        interval_ms,
    )
    return f"espresense/devices/{device}/{room}", _encode(heard)


def telemetry(room: str, uptime_s: int, heard: int) -> Message:
    """A node's own report."""
    body = {
        "uptime": uptime_s,
        "firm": "esp32",
        "ver": "4.0.4",
        "rssi": -55,
        "adverts": heard,
        "freeHeap": 150_000,
    }
    return f"espresense/rooms/{room}/telemetry", _encode(body)


def status(room: str, online: bool) -> Message:
    """Whether a node is there; retained."""
    return f"espresense/rooms/{room}/status", b"online" if online else b"offline"


class Scales:
    """The load cells under the shelves. Each change is reported a few times, the first one with a hand in it."""

    def __init__(self, store: str, goods: Goods, seed: int) -> None:
        self._store = store
        self._goods = goods
        self._chance = Random(f"{seed}/scales")
        self._next_s = {shelf: self._chance.random() for shelf in goods.stocks}
        self._left = dict.fromkeys(goods.stocks, SCALE_READINGS)
        self._hand_g: dict[str, int] = {}

    def moved(self, shelf: str, now_s: float) -> None:
        """Somebody's hand was on this shelf."""
        self._next_s[shelf] = now_s
        self._left[shelf] = SCALE_READINGS
        self._hand_g[shelf] = self._chance.randint(150, 600)

    def readings(self, now_s: float) -> list[Message]:
        """What the scales report now."""
        said = []
        for shelf, next_s in self._next_s.items():
            if next_s > now_s:
                continue
            self._left[shelf] = max(0, self._left[shelf] - 1)
            self._next_s[shelf] = now_s + (SCALE_MOVING_S if self._left[shelf] else SCALE_RESTING_S)
            grams = self._goods.stocks[shelf].grams + self._hand_g.pop(shelf, 0)
            grams += round(self._chance.gauss(0.0, SCALE_NOISE_G))
            said.append((shelf_weight(self._store, shelf), _encode({"grams": grams})))
        return said
