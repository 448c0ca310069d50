"""Presence by a radio map under hostile sightings and clocks that jump: never an exception, never nonsense."""

from __future__ import annotations

from math import isfinite

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence import mapped
from actors.presence.stage import Presence
from protocols.cells import Heard
from protocols.facts import Scanner
from protocols.ids import UNKNOWN_ZONE, Key, ZoneId
from protocols.inputs import VisitEnded, ZoneEntered, ZoneLeft
from tests.unit.small_floor import HALVES, PLAN, SIX, T0, box, floor

KEYS = tuple(Key(f"shopper:n{number}") for number in range(5))
ZONES = {**HALVES, "kiosk": box(5, 3, 7, 5, 0.5)}
SMOOTHED = {**SIX, "s5": Scanner(ZoneId("b"), 11.0, 7.0, smoothing_s=5.0)}
FLOOR = floor(ZONES, SMOOTHED, cell_m=1.0)

strengths = st.floats() | st.floats(-100.0, -30.0) | st.sampled_from((-127.0, 0.0, 62.0))
coordinates = st.floats() | st.floats(-5.0, 20.0)
spots = st.none() | st.tuples(coordinates, coordinates, st.floats() | st.floats(0.0, 5.0))
sightings = st.tuples(
    st.just("hear"),
    st.sampled_from(KEYS),
    st.sampled_from((*SMOOTHED, "attic", "")),
    strengths,
    spots | st.none(),
    st.integers(-100, 100),
)
bursts = st.tuples(
    st.just("burst"), st.sampled_from(KEYS), st.lists(st.floats(-90.0, -45.0), min_size=6, max_size=6)
)
waits = st.tuples(
    st.just("wait"),
    st.integers(0, 3_000)
    | st.integers(-4_000_000, 200_000)
    | st.sampled_from((1, 49, 51, 450, 1_000, 25_000)),
)
lives = st.tuples(st.sampled_from(("forget", "admit")), st.sampled_from(KEYS))
doings = st.lists(sightings | bursts | bursts | waits | waits | lives, min_size=5, max_size=60)


class Watched:
    """A stage, and what every conclusion has to be: legal in the zone that was announced before."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.stage = Presence()
        self.stage.look(facts, T0)
        assert self.stage.by_map
        self.now_ms = T0
        self.arrived = 0
        self.zones: dict[Key, str] = {}
        self.ids: set[str] = set()
        for key in KEYS:
            self.admit(key)

    def admit(self, key: Key) -> None:
        self.stage.admit(key, ZoneId(self.zones.get(key, UNKNOWN_ZONE)), self.now_ms)
        self.zones.setdefault(key, UNKNOWN_ZONE)

    def hear(
        self,
        key: Key,
        scanner: str,
        dbm: float,
        placed: tuple[float, float, float] | None = None,
        late_ms: int = 0,
    ) -> None:
        self.arrived += 1
        at_ms = self.now_ms + late_ms
        self.check(
            self.stage.hear(Heard(key, scanner, dbm, at_ms, at_ms * 1_000 + self.arrived, placed), self.facts)
        )

    def tick(self) -> None:
        self.check(self.stage.tick(self.now_ms, self.facts))
        for one in self.stage.positions(self.now_ms, self.facts):
            self.is_on_the_floor(one)
        crowds, scanners = self.stage.told(self.now_ms)
        assert all(isfinite(one.expected) and one.variance >= -1e-6 for one in crowds)
        assert all(isfinite(one.off_db) for one in scanners)
        for key in self.zones:
            try:
                self.is_on_the_floor(self.stage.position(key, self.now_ms, self.facts))
            except KeyError:
                continue

    def is_on_the_floor(self, one: mapped.Position) -> None:
        assert 0.0 <= one.x <= PLAN.width_m
        assert 0.0 <= one.y <= PLAN.height_m
        assert 0.0 <= one.doubt_m <= 99.0
        assert 0 <= one.p <= 100
        assert one.zone == self.zones[one.key]

    def check(self, found: tuple[Concluded, ...]) -> None:
        for done in found:
            assert done.id not in self.ids, (
                "two conclusions with one id: the second would be taken for a repeat"
            )
            self.ids.add(done.id)
            zone = self.zones[done.key]
            match done.input:
                case ZoneEntered(entered, p):
                    assert entered != zone, "entered where it already was"
                    assert entered in ZONES
                    assert 1 <= p <= 99
                    self.zones[done.key] = entered
                case ZoneLeft(left):
                    assert left == zone != UNKNOWN_ZONE, "left where it was not"
                    self.zones[done.key] = UNKNOWN_ZONE
                case other:
                    assert other == VisitEnded()


def play(watched: Watched, doings: list[tuple[object, ...]]) -> None:
    for doing in doings:
        match doing:
            case ("hear", key, scanner, dbm, placed, late_ms):
                watched.hear(key, scanner, dbm, placed, late_ms)  # type: ignore[arg-type]
            case ("burst", key, levels):
                for scanner, dbm in zip(SMOOTHED, levels, strict=True):  # type: ignore[call-overload]
                    watched.hear(key, scanner, dbm)  # type: ignore[arg-type]
            case ("wait", by_ms):
                watched.now_ms += by_ms  # type: ignore[operator]
                watched.tick()
            case ("forget", key):
                watched.stage.forget(key)  # type: ignore[arg-type]
            case ("admit", key):
                watched.admit(key)  # type: ignore[arg-type]
    watched.tick()


@given(doings)
@settings(max_examples=150)
def test_whatever_is_heard_and_whenever_presence_stays_legal_and_finite(
    doings: list[tuple[object, ...]],
) -> None:
    play(Watched(FLOOR), doings)


@given(doings)
@settings(max_examples=75)
def test_with_memory_for_two_beliefs_it_does_too(doings: list[tuple[object, ...]]) -> None:
    before = mapped.BELIEF_BYTES_MAX
    watched = Watched(FLOOR)
    try:
        mapped.BELIEF_BYTES_MAX = 2 * watched.stage._way._beliefs.bytes_each  # type: ignore[union-attr]
        play(watched, doings)
    finally:
        mapped.BELIEF_BYTES_MAX = before


@given(doings, doings, st.sampled_from(("nearest", "radio")))
@settings(max_examples=50)
def test_a_swap_amid_it_keeps_every_zone(
    before: list[tuple[object, ...]], after: list[tuple[object, ...]], method: str
) -> None:
    facts = floor(ZONES, SMOOTHED, cell_m=1.0)
    watched = Watched(facts)
    play(watched, before)
    facts.presence = type(facts.presence)(method=method)  # type: ignore[arg-type]
    facts.floor_version += 1
    watched.stage.look(facts, watched.now_ms)
    if method == "radio":
        play(watched, after)
    assert dict(watched.stage._way.subjects()).items() <= watched.zones.items()
