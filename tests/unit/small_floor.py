"""A small floor whose radio is known exactly, and people who walk on it: what the tests of presence by a map share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import dist, log10

import numpy as np

from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence.fields import NEAREST_M, PRIOR_DB
from actors.presence.ground import Ground, make_ground
from actors.presence.mapped import Mapped
from actors.presence.radio import PLAN_EXPONENT, fit
from protocols.cells import Heard, Position
from protocols.facts import Plan, PresenceSettings, Scanner, ShelfPlace, SurveyPoint, Zone
from protocols.ids import UNKNOWN_ZONE, Key, ZoneId
from protocols.inputs import Input, ZoneEntered, ZoneLeft

T0 = 1_700_000_000_000
ANA, BEN = Key("shopper:ana"), Key("shopper:ben")
CARRIED_M = 1.2
PLAN = Plan("Small", 12.0, 8.0)
Place = tuple[float, float]


def box(left: float, top: float, right: float, bottom: float, margin_m: float = 0.0) -> Zone:
    return Zone("", ((left, top), (right, top), (right, bottom), (left, bottom)), margin_m)


HALVES = {"a": box(0, 0, 6, 8), "b": box(6, 0, 12, 8)}
SIX = {
    f"s{number}": Scanner(ZoneId("a" if x < 6 else "b"), x, y)
    for number, (x, y) in enumerate(
        ((1.0, 1.0), (6.0, 0.5), (11.0, 1.0), (1.0, 7.0), (6.0, 7.5), (11.0, 7.0))
    )
}
"""Along the walls of a floor of 12 × 8 m."""


def floor(
    zones: Mapping[str, Zone] = HALVES,
    scanners: Mapping[str, Scanner] = SIX,
    plan: Plan = PLAN,
    *,
    points: Iterable[SurveyPoint] = (),
    shelves: Mapping[str, ShelfPlace] | None = None,
    hung: Mapping[str, Scanner] | None = None,
    **settings: object,
) -> Facts:
    """The facts of a floor with its radio map; `hung` are scanners that hang elsewhere than the map was made for."""
    facts = Facts()
    facts.presence = PresenceSettings(method="radio", **settings)  # type: ignore[arg-type]
    facts.plan = plan
    facts.zones.update(zones)
    facts.scanners.update(scanners)
    facts.shelves.update(shelves or {})
    facts.radio, facts.signals = fit(plan, facts.scanners, facts.presence, tuple(points))
    facts.scanners.update(hung or {})
    facts.version = facts.floor_version = 1
    return facts


def ground_of(facts: Facts) -> Ground:
    ground = make_ground(facts)
    assert ground is not None
    return ground


def level(scanner: Scanner, at: Place) -> float:
    """The path loss that a map without a survey assumes."""
    far = dist((scanner.x, scanner.y, scanner.z), (*at, CARRIED_M))
    return PRIOR_DB[0] - 10 * PLAN_EXPONENT * log10(max(NEAREST_M, far))


def strolled(
    way: Iterable[Place], every_s: float = 1.0, speed_mps: float = 0.6
) -> Iterator[tuple[float, Place]]:
    """Where somebody is every so often who goes along these points, from second 0 on."""
    points = list(way)
    now_s, ahead_m = 0.0, 0.0
    for (ax, ay), (bx, by) in pairwise(points):
        length = dist((ax, ay), (bx, by))
        while ahead_m < length:
            share = ahead_m / length
            yield now_s, (ax + share * (bx - ax), ay + share * (by - ay))
            now_s, ahead_m = now_s + every_s, ahead_m + every_s * speed_mps
        ahead_m -= length
    yield now_s, points[-1]


@dataclass
class Shop:
    """A stage by map with subjects in it. Times are seconds from the start."""

    facts: Facts
    announced: str = UNKNOWN_ZONE
    who: tuple[Key, ...] = (ANA,)
    seed: int = 1
    noise_db: float = 2.0
    found: list[Concluded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stage = Mapped(ground_of(self.facts), self.facts)
        self.chance = np.random.default_rng(self.seed)
        for key in self.who:
            self.stage.admit(key, ZoneId(self.announced), T0)

    def readings(self, at: Place, **off_db: float) -> dict[str, float]:
        """What the scanners read of somebody who stands there; some are off, and one that is off by None is silent."""
        return {
            name: round(
                level(scanner, at) + self.chance.normal(0.0, self.noise_db) + off_db.get(name, 0.0), 2
            )
            for name, scanner in self.facts.scanners.items()
        }

    def hear(self, at_s: float, levels: Mapping[str, float], who: Key = ANA) -> None:
        """One burst: each reading half a millisecond after the one before, and arrivals tell them apart."""
        at_ms = T0 + round(at_s * 1_000)
        for number, (scanner, dbm) in enumerate(levels.items()):
            self.stage.hear(Heard(who, scanner, dbm, at_ms + number // 2, at_ms * 1_000 + number), self.facts)

    def place(self, at_s: float, at: Place, error_m: float = 0.3, who: Key = ANA) -> None:
        at_ms = T0 + round(at_s * 1_000)
        self.stage.hear(Heard(who, "anchor", 0.0, at_ms, at_ms * 1_000, (*at, error_m)), self.facts)

    def tick(self, at_s: float) -> list[Concluded]:
        done = list(self.stage.tick(T0 + round(at_s * 1_000), self.facts))
        self.found += done
        return done

    def burst(self, at_s: float, at: Place, who: Key = ANA, **off_db: float) -> list[Concluded]:
        """What all scanners read of somebody there, and the tick after it."""
        self.hear(at_s, self.readings(at, **off_db), who)
        return self.tick(at_s + 0.01)

    def walk(self, *way: Place, from_s: float = 0.0, who: Key = ANA, speed_mps: float = 0.6) -> float:
        """A burst a second along the way; the second after the last one."""
        at_s = from_s
        for at_s, at in strolled(way, speed_mps=speed_mps):
            self.burst(from_s + at_s, at, who)
        return from_s + at_s + 1.0

    def stay(self, at: Place, from_s: float, to_s: float, who: Key = ANA) -> None:
        for second in np.arange(from_s, to_s).tolist():
            self.burst(second, at, who)

    def wait(self, from_s: float, to_s: float) -> None:
        """Nobody is heard; the ticks go on."""
        for second in np.arange(from_s, to_s, 0.25).tolist():
            self.tick(second)

    def position(self, who: Key = ANA) -> Position:
        return self.stage.position(who, T0, self.facts)

    def error_m(self, at: Place, who: Key = ANA) -> float:
        where = self.position(who)
        return dist((where.x, where.y), at)

    @property
    def said(self) -> list[Input]:
        return [done.input for done in self.found]

    @property
    def zones(self) -> list[str]:
        """The zones announced, in turn: `-` for one left."""
        return [
            one.zone if isinstance(one, ZoneEntered) else "-"
            for one in self.said
            if isinstance(one, ZoneEntered | ZoneLeft)
        ]
