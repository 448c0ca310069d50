"""Methods that others use, to be scored beside ours: by the nearest scanner, as open programs do it by default.

None of them states how sure it is. A scanner stands for the zone that it hangs in, and for its own place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from sim.presence.methods import NOWHERE, ByPlace, Contender, Locator, Site
from sim.presence.walks import Place

SHORT_S = 2.0
"""The window of a quick mean: some four advertisements of the usual beacon."""

LONG_S = 15.0
"""The window in which ESPresense's firmware weighs the readings of a device."""

ROOM_TIMEOUT_S = 5.0
"""mqtt_room and room-assistant take a scanner's word for so long."""


class Window:
    """The readings of the last so many seconds, by scanner."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._readings: dict[str, deque[tuple[float, float]]] = {}

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> None:
        """Takes one in, and lets go of what is too old."""
        self._readings.setdefault(scanner, deque()).append((at_s, rssi_dbm))
        for name in list(self._readings):
            readings = self._readings[name]
            while readings and readings[0][0] <= at_s - self._length_s:
                readings.popleft()
            if not readings:
                del self._readings[name]

    def means(self) -> dict[str, float]:
        """The mean of each scanner heard, in dBm."""
        return {
            name: sum(dbm for _, dbm in readings) / len(readings) for name, readings in self._readings.items()
        }

    def loudest(self) -> dict[str, float]:
        """The loudest reading of each scanner heard."""
        return {name: max(dbm for _, dbm in readings) for name, readings in self._readings.items()}

    def __len__(self) -> int:
        return sum(len(readings) for readings in self._readings.values())


class Nearest:
    """The scanner that is loudest by the readings of a window."""

    def __init__(
        self, gateways: Mapping[str, Place], length_s: float, level: Callable[[Window], dict[str, float]]
    ) -> None:
        self._gateways = gateways
        self._window = Window(length_s)
        self._level = level

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """The place of the loudest."""
        self._window.hear(at_s, scanner, rssi_dbm)
        levels = self._level(self._window)
        place = self._gateways[max(levels, key=lambda name: (levels[name], name))]
        return place.x, place.y


class MqttRoom:
    """Home Assistant's mqtt_room: a reading wins if it is of the room held, is nearer, or that one is too old.

    It compares distances; a distance by any path loss that is the same for all scanners orders as the signal does.
    """

    def __init__(self, gateways: Mapping[str, Place]) -> None:
        self._gateways = gateways
        self._held: tuple[str, float, float] | None = None

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """The place of the room held."""
        if self._held is not None:
            room, dbm, updated_s = self._held
        if self._held is None or scanner == room or rssi_dbm > dbm or at_s - updated_s >= ROOM_TIMEOUT_S:
            self._held = (scanner, rssi_dbm, at_s)
        place = self._gateways[self._held[0]]
        return place.x, place.y


class RoomAssistant:
    """room-assistant: each scanner's signal by a Kalman filter of one value, the loudest that is not too old."""

    process_noise, reading_noise = 0.8, 15.0
    """Its constants for Bluetooth Low Energy, in dB²."""

    def __init__(self, gateways: Mapping[str, Place]) -> None:
        self._gateways = gateways
        self._levels: dict[str, tuple[float, float, float]] = {}

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """The place of the loudest."""
        if scanner not in self._levels:
            self._levels[scanner] = (rssi_dbm, self.reading_noise, at_s)
        else:
            level, variance, _ = self._levels[scanner]
            variance += self.process_noise
            gain = variance / (variance + self.reading_noise)
            self._levels[scanner] = (level + gain * (rssi_dbm - level), (1 - gain) * variance, at_s)
        fresh = {
            name: level
            for name, (level, _, heard_s) in self._levels.items()
            if at_s - heard_s < ROOM_TIMEOUT_S
        }
        place = self._gateways[max(fresh, key=lambda name: (fresh[name], name))]
        return place.x, place.y


class WeightedMean:
    """ESPresense companion's Nadaraya-Watson locator: the mean of the scanners' places, by 1 / distance².

    Distances are the firmware's, by its default path loss and its window. With two scanners it takes their middle.
    """

    def __init__(self, gateways: Mapping[str, Place], distance_m: Callable[[float], float]) -> None:
        self._gateways = gateways
        self._distance_m = distance_m
        self._window = Window(LONG_S)

    def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> tuple[float, float]:
        """The weighted mean."""
        self._window.hear(at_s, scanner, rssi_dbm)
        weights = {name: self._distance_m(dbm) ** -2 for name, dbm in self._window.means().items()}
        if len(weights) < 2:
            return NOWHERE, NOWHERE
        if len(weights) == 2:
            weights = dict.fromkeys(weights, 1.0)
        total = sum(weights.values())
        return (
            sum(weight * self._gateways[name].x for name, weight in weights.items()) / total,
            sum(weight * self._gateways[name].y for name, weight in weights.items()) / total,
        )


class Smooth:
    """A Kalman filter with constant velocity over places that were worked out, each axis alike.

    `accelerates` is the sd of acceleration in m/s²; a place's own variance comes with it.
    """

    def __init__(self, accelerates: float) -> None:
        self._q = accelerates * accelerates
        self._at_s = 0.0
        self._x: list[float] = []
        self._v = [0.0, 0.0]
        # The covariance of place and velocity, the same for both axes: they have the same noises.
        self._pp, self._pv, self._vv = 0.0, 0.0, 1.0

    def take(self, at_s: float, x: float, y: float, variance: float) -> tuple[float, float]:
        """Takes a place in with its variance in m², and gives the filtered one."""
        if not self._x:
            self._x, self._pp, self._at_s = [x, y], variance, at_s
            return x, y
        dt = max(0.0, at_s - self._at_s)
        self._at_s = at_s
        self._pp += dt * (2.0 * self._pv + dt * self._vv) + self._q * dt**4 / 4.0
        self._pv += dt * self._vv + self._q * dt**3 / 2.0
        self._vv += self._q * dt**2
        into_place, into_velocity = (part / (self._pp + variance) for part in (self._pp, self._pv))
        for axis, seen in enumerate((x, y)):
            self._x[axis] += dt * self._v[axis]
            off = seen - self._x[axis]
            self._x[axis] += into_place * off
            self._v[axis] += into_velocity * off
        self._vv -= into_velocity * self._pv
        self._pv *= 1.0 - into_place
        self._pp *= 1.0 - into_place
        return self._x[0], self._x[1]


def nearest_scanner(site: Site) -> list[Contender]:
    """The methods by the nearest scanner."""
    gateways = site.gateways
    return [
        by_place(
            "nearest, loudest of 1 s",
            "the scanner with the loudest reading of the last second",
            lambda: Nearest(gateways, 1.0, Window.loudest),
        ),
        by_place(
            "nearest, mean of 2 s",
            "the scanner with the loudest mean of the last 2 s",
            lambda: Nearest(gateways, SHORT_S, Window.means),
        ),
        by_place(
            "nearest, mean of 15 s",
            "the same over the window of ESPresense's firmware",
            lambda: Nearest(gateways, LONG_S, Window.means),
        ),
        by_place(
            "mqtt_room",
            "Home Assistant's rule on single readings, time-out 5 s",
            lambda: MqttRoom(gateways),
        ),
        by_place(
            "room-assistant",
            "its Kalman filter per scanner, the loudest; time-out 5 s",
            lambda: RoomAssistant(gateways),
        ),
    ]


def by_place(name: str, about: str, make: Callable[[], Locator]) -> Contender:
    """A contender whose zones follow from its places."""
    return Contender(name, about, lambda grid: ByPlace(make(), grid), by_place=True)
