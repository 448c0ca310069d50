"""The belief about where people are: nothing leaks, nothing overflows, and whoever walks is followed."""

from __future__ import annotations

from math import dist

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.facts import Facts
from actors.presence import belief, motion
from actors.presence.belief import Beliefs, Doubles, Scatter
from actors.presence.ground import WINDOW_M, Ground
from protocols.facts import Plan, Scanner
from protocols.ids import ZoneId
from tests.unit.small_floor import PLAN, SIX, Place, floor, ground_of, level, strolled

SCATTER = Scatter(reading=4.0, near=2.8, map=0.5, device=6.0)
ONE = np.array([0])


def believing(ground: Ground, room: int = 1, scatter: Scatter = SCATTER) -> Beliefs:
    beliefs = Beliefs(ground, scatter)
    beliefs.grow(room)
    return beliefs


def walled(*walls: tuple[Place, ...], cell_m: float = 0.5) -> Ground:
    return ground_of(floor(plan=Plan("Walled", 12.0, 8.0, walls), cell_m=cell_m))


def held(beliefs: Beliefs, slot: int = 0) -> NDArray[np.float32]:
    """The mass over the whole floor."""
    mass = np.zeros((beliefs.ground.rows, beliefs.ground.columns), dtype=np.float32)
    mass[beliefs.window(slot)] = beliefs.mass(slot)
    return mass


def middle(beliefs: Beliefs, slot: int = 0) -> Place:
    mass, ground = held(beliefs, slot).astype(float), beliefs.ground
    return float((mass * ground.x).sum()), float((mass * ground.y).sum())


def heard(beliefs: Beliefs, readings: dict[str, float], slots: NDArray[np.int64] = ONE) -> None:
    """One burst for each of these subjects."""
    for slot in slots.tolist():
        beliefs.hear(slot, [(beliefs.ground.scanners[name], dbm, 0.0) for name, dbm in readings.items()])


def learned(beliefs: Beliefs, scanner: int, dbm: float) -> tuple[Doubles, Doubles]:
    """What one reading of the first subject teaches."""
    return beliefs.learn(0, np.array([scanner]), np.array([dbm]), np.zeros(1))


def put(beliefs: Beliefs, at: Place, slot: int = 0) -> None:
    """All of it on one cell."""
    beliefs.begin_at(slot, *at)
    beliefs.p[slot] = 0.0
    rows, columns = beliefs.window(slot)
    cell_m = beliefs.ground.cell_m
    row, column = int(at[1] / cell_m) - rows.start, int(at[0] / cell_m) - columns.start
    beliefs.p[slot, :, row, column] = motion.START


def exact(
    facts_scanners: dict[str, Scanner], at: Place, noise: np.random.Generator | None = None
) -> dict[str, float]:
    return {
        name: level(scanner, at) + (noise.normal(0.0, 3.0) if noise is not None else 0.0)
        for name, scanner in facts_scanners.items()
    }


# --- walking

ROOM = ((3.0, 2.0), (9.0, 2.0), (9.0, 6.0), (3.0, 6.0), (3.0, 2.0))
WITHIN = (6.0, 4.0)


@pytest.mark.parametrize("cell_m", [0.25, 0.5, 1.0])
def test_walking_loses_nobody_and_nothing_is_negative(cell_m: float) -> None:
    ground = walled(((6.0, 0.0), (6.0, 5.0)), ((2.0, 6.0), (9.3, 6.7)), cell_m=cell_m)
    beliefs = believing(ground)
    put(beliefs, (3.0, 3.0))
    for elapsed_s in (0.05, 0.45, 1.0, 7.3, 20.0):
        beliefs.walk(ONE, np.array([elapsed_s]))
        assert beliefs.p.sum() == pytest.approx(1.0, abs=1e-4)
        assert beliefs.p.min() >= 0.0


def test_nobody_gets_through_a_wall_without_a_gap() -> None:
    ground = walled(((6.0, 0.0), (6.0, 8.0)))
    beliefs = believing(ground)
    put(beliefs, (3.0, 3.0))
    for _ in range(60):
        beliefs.walk(ONE, np.array([1.0]))
    mass = held(beliefs)
    assert mass[:, 12:].sum() == 0.0
    assert mass[:, :12].sum() == pytest.approx(1.0, abs=1e-3)
    assert mass[:, :12].min() > 0.0  # but everywhere on their own side


def test_a_room_of_open_lines_keeps_its_people() -> None:
    closed = walled(ROOM[:3], ROOM[2:])  # two lines that meet, so it is no fixture
    beliefs = believing(closed)
    put(beliefs, WITHIN)
    for _ in range(30):
        beliefs.walk(ONE, np.array([1.0]))
    assert held(beliefs)[4:12, 6:18].sum() == pytest.approx(1.0, abs=1e-3)


def test_a_gap_lets_people_through_and_that_takes_its_time() -> None:
    """The door is some 6 m of way off: nobody is beyond it at once, some are soon, and in the end a good part."""
    ground = walled(((6.0, 0.0), (6.0, 7.0)))
    beliefs = believing(ground)
    put(beliefs, (3.0, 2.0))
    beyond = []
    for _ in range(120):
        beliefs.walk(ONE, np.array([1.0]))
        beyond.append(float(held(beliefs)[:, 12:].sum()))
    assert beyond[1] == 0.0
    assert 0.0 < beyond[9] < 0.1
    assert beyond[119] > 0.25
    assert beyond == sorted(beyond)


def test_in_the_open_people_are_as_far_after_a_while_as_they_walk() -> None:
    hall = ground_of(floor(plan=Plan("Hall", 16.0, 16.0), cell_m=0.5))
    beliefs = believing(hall)
    put(beliefs, (8.25, 8.25))
    beliefs.walk(ONE, np.array([3.0]))
    mass = held(beliefs)
    far = np.hypot(hall.x - 8.25, hall.y - 8.25)
    assert far[mass > 1e-9].max() <= 3.0 * np.sqrt(2) * 1.25 + 1.0  # nobody outruns a stencil by much
    assert middle(beliefs) == pytest.approx((8.25, 8.25), abs=0.01)
    paces = float((mass * far).sum())
    assert 0.5 < paces < 3.0 * max(motion.SPEEDS_MPS)


def test_blocked_cells_hold_nothing_whatever_happens() -> None:
    shelf = ((5.0, 3.0), (7.0, 3.0), (7.0, 5.0), (5.0, 5.0), (5.0, 3.0))
    ground = walled(shelf)
    blocked = ground.walkable == 0
    assert blocked.sum() == 16
    beliefs = believing(ground, 2)
    readings = exact(SIX, (6.0, 4.0))  # amid the shelf
    scanners = np.array([ground.scanners[name] for name in readings])
    beliefs.place(0, scanners, np.array(list(readings.values())), np.zeros(6))
    beliefs.begin_at(1, 6.0, 4.0)
    both = np.arange(2)
    for _ in range(20):
        beliefs.walk(both, np.array([0.45, 1.0]))
        heard(beliefs, readings, both)
        beliefs.stand(both, np.full(2, 6.0), np.full(2, 4.0), np.full(2, 0.5))
        for slot in (0, 1):
            assert held(beliefs, slot)[blocked].sum() == 0.0
            assert held(beliefs, slot).sum() == pytest.approx(1.0, abs=1e-4)


# --- numbers that stay numbers


@pytest.mark.parametrize("wild", [(-127.0,) * 3, (0.0,) * 3, (-127.0, 0.0, -60.0), (40.0, -200.0, 0.0)])
def test_wild_readings_of_64_scanners_leave_finite_numbers(wild: tuple[float, ...]) -> None:
    many = {f"s{n}": Scanner(ZoneId("a"), 0.75 + 1.5 * (n % 8), 0.5 + n // 8) for n in range(64)}
    beliefs = believing(ground_of(floor(scanners=many)))
    names = list(many)
    scanners = np.arange(64)
    first = np.array([wild[n % 3] for n in range(64)])
    beliefs.place(0, scanners, first, np.zeros(64))
    for number in range(60):
        beliefs.walk(ONE, np.array([0.45]))
        heard(beliefs, {name: wild[(n + number) % 3] for n, name in enumerate(names)})
        for scanner, dbm in zip(scanners, first, strict=True):
            learned(beliefs, int(scanner), float(dbm))
        for array in (beliefs.p, beliefs.o, beliefs.o_var, beliefs.b, beliefs.b_var):
            assert np.isfinite(array).all()
        assert beliefs.p.sum() == pytest.approx(1.0, abs=1e-4)
        assert (beliefs.b_var > 0).all()
        assert (beliefs.o_var > 0).all()


def test_a_belief_far_from_what_64_scanners_say_moves_there_instead_of_vanishing() -> None:
    """All of it on one side of a wall, all readings from the other: exp() of the difference is no float32."""
    many = {f"s{n}": Scanner(ZoneId("a"), 0.75 + 1.5 * (n % 8), 0.5 + n // 8) for n in range(64)}
    ground = ground_of(floor(scanners=many, plan=Plan("Split", 12.0, 8.0, (((4.0, 0.0), (4.0, 8.0)),))))
    beliefs = believing(ground, scatter=Scatter(0.3, 0.1, 0.1, 0.1))
    beliefs.begin_at(0, 1.0, 4.0)
    beliefs.p[0, :, :, 8:] = 0.0
    beliefs.p[0] /= beliefs.p[0].sum()
    heard(beliefs, exact(many, (11.0, 2.0)))
    assert beliefs.p.sum() == pytest.approx(1.0, abs=1e-4)
    assert middle(beliefs)[0] == pytest.approx(3.75, abs=0.5)  # as near to it as there is


def test_an_hour_of_readings_leaves_finite_numbers_and_the_right_place() -> None:
    beliefs = believing(walled())
    chance = np.random.default_rng(5)
    at = (9.0, 2.5)
    beliefs.begin_at(0, *at)
    for number in range(3_600 // 10):
        beliefs.walk(ONE, np.array([10.0]))
        heard(beliefs, exact(SIX, at, chance))
        if number % 20 == 0:
            for name, dbm in exact(SIX, at, chance).items():
                learned(beliefs, beliefs.ground.scanners[name], dbm)
    assert np.isfinite(beliefs.p).all()
    assert beliefs.p.sum() == pytest.approx(1.0, abs=1e-4)
    assert dist(middle(beliefs), at) < 2.0
    assert np.abs(beliefs.o).max() < 10.0


# --- one and many


def test_many_subjects_at_once_are_believed_what_each_alone_would_be() -> None:
    count = 35
    ground = walled(((6.0, 0.0), (6.0, 5.0)))
    together, alone = believing(ground, count), believing(ground, count)
    chance = np.random.default_rng(2)
    places = [(float(x), float(y)) for x, y in chance.uniform((0.5, 0.5), (11.5, 7.5), (count, 2))]
    for slot, at in enumerate(places):
        together.begin_at(slot, *at)
        alone.begin_at(slot, *at)
    everybody = np.arange(count)
    for _ in range(4):
        elapsed_s = chance.uniform(0.1, 3.0, count)
        scanners = np.array(list(ground.scanners.values()))
        dbm = [
            np.array([level(scanner, at) + chance.normal(0, 3) for scanner in SIX.values()]) for at in places
        ]
        wider = chance.uniform(0, 10, (count, len(SIX)))
        together.walk(everybody, elapsed_s)
        misses = []
        for slot in range(count):
            readings = list(zip(scanners.tolist(), dbm[slot].tolist(), wider[slot].tolist(), strict=True))
            together.hear(slot, readings[:4])  # a burst may come in parts
            together.hear(slot, readings[4:])
            misses.append(together.learn(slot, scanners, dbm[slot], wider[slot]))
        for slot in range(count):
            alone.walk(np.array([slot]), elapsed_s[slot : slot + 1])
            alone.hear(
                slot, list(zip(scanners.tolist(), dbm[slot].tolist(), wider[slot].tolist(), strict=True))
            )
            for number, one in enumerate(scanners.tolist()):
                miss = alone.learn(slot, np.array([one]), dbm[slot][[number]], wider[slot][[number]])
                assert (misses[slot][0][number], misses[slot][1][number]) == pytest.approx(
                    (miss[0][0], miss[1][0]), rel=1e-3, abs=1e-3
                )
    for one, other in ((together.p, alone.p), (together.o, alone.o), (together.b, alone.b)):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-4)


def test_a_subject_that_is_not_asked_about_does_not_change() -> None:
    beliefs = believing(walled(), 3)
    for slot in range(3):
        beliefs.begin_at(slot, 3.0 * (slot + 1), 4.0)
    before = beliefs.p[[0, 2]].copy()
    beliefs.walk(np.array([1]), np.array([2.0]))
    heard(beliefs, exact(SIX, (2.0, 2.0)), np.array([1]))
    beliefs.stand(np.array([1]), np.array([3.0]), np.array([3.0]), np.array([1.0]))
    assert np.array_equal(beliefs.p[[0, 2]], before)
    beliefs.grow(9)
    assert np.array_equal(beliefs.p[[0, 2]], before)
    assert len(beliefs.p) == len(beliefs.b) == 9


def test_the_order_of_readings_within_a_burst_hardly_matters() -> None:
    """By a small part of how unsure the place is after one burst: the device's power is learned reading by reading."""
    apart, unsure = [], []
    for seed in range(6):
        chance = np.random.default_rng(seed)
        readings = {name: dbm + 8.0 for name, dbm in exact(SIX, (3.0, 5.0), chance).items()}
        found = []
        for order in range(5):
            beliefs = believing(walled())
            beliefs.begin_at(0, 5.0, 4.0)
            names = list(readings)
            if order:
                chance.shuffle(names)
            heard(beliefs, {name: readings[name] for name in names})
            found.append(middle(beliefs))
            x, y = found[-1]
            far = (beliefs.ground.x - x) ** 2 + (beliefs.ground.y - y) ** 2
            unsure.append(float((held(beliefs) * far).sum()) ** 0.5)
        apart += [dist(found[0], other) for other in found[1:]]
    assert np.mean(apart) < 0.12 * np.mean(unsure)
    assert max(apart) < 0.4 * np.mean(unsure)


def test_a_reading_of_a_scanner_that_is_distrusted_says_less() -> None:
    moved = []
    for wider in (0.0, 15.0**2, 1e6):
        beliefs = believing(walled())
        beliefs.begin_at(0, 6.0, 4.0)
        before = middle(beliefs)
        at = beliefs.ground.scanners["s0"]
        beliefs.hear(0, [(at, -50.0, wider)])
        moved.append(dist(middle(beliefs), before))
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 1.0
    assert moved[1] < 0.6 * moved[0]
    assert moved[2] < 0.01


# --- what is learned on the way


def walked(off_db: float, scatter: Scatter = SCATTER, learns: bool = True) -> tuple[Beliefs, Place]:
    """Somebody walks through the floor with a device that is so much louder than the usual one."""
    beliefs, chance = believing(walled(), scatter=scatter), np.random.default_rng(7)
    at: Place = (2.0, 2.0)
    for number, (_, at) in enumerate(strolled(((2.0, 2.0), (10.0, 2.0), (10.0, 6.0), (2.0, 6.0)))):
        readings = {name: dbm + off_db for name, dbm in exact(SIX, at, chance).items()}
        scanners = np.array([beliefs.ground.scanners[name] for name in readings])
        if number == 0:
            beliefs.place(0, scanners, np.array(list(readings.values())), np.zeros(6))
        else:
            beliefs.walk(ONE, np.array([1.0]))
            heard(beliefs, readings)
        for name, dbm in readings.items() if learns else ():
            learned(beliefs, beliefs.ground.scanners[name], dbm)
    return beliefs, at


@pytest.mark.parametrize("off_db", [-10.0, 0.0, 10.0])
def test_how_much_louder_a_device_is_is_learned_while_it_walks(off_db: float) -> None:
    beliefs, at = walked(off_db)
    offset = float((beliefs.mass(0) * beliefs.o[0]).sum())
    assert offset == pytest.approx(off_db, abs=2.5)
    assert dist(middle(beliefs), at) < 1.5


def test_without_room_for_another_power_a_loud_device_is_misplaced() -> None:
    """So the test above is not one of anything else."""
    beliefs, at = walked(14.0, Scatter(4.0, 2.8, 0.5, 0.1))
    assert dist(middle(beliefs), at) > 2.0


def test_what_one_scanner_is_off_by_is_learned_for_it_alone() -> None:
    beliefs = believing(walled(), scatter=Scatter(3.0, 2.8, 3.0, 1.0))
    beliefs.begin_at(0, 3.0, 4.0)
    readings = exact(SIX, (3.0, 4.0))
    readings["s4"] -= 6.0
    for _ in range(10):
        beliefs.walk(ONE, np.array([0.5]))
        beliefs.stand(ONE, np.array([3.0]), np.array([4.0]), np.array([0.3]))
        for name, dbm in readings.items():
            learned(beliefs, beliefs.ground.scanners[name], dbm)
    off = dict(zip(SIX, beliefs.b[0].sum(axis=0), strict=True))
    assert off.pop("s4") < -2.5
    assert max(abs(one) for one in off.values()) < 1.5
    before = beliefs.b[0, :, 4].copy()
    beliefs.walk(ONE, np.array([5.0]))
    near, wide = np.abs(beliefs.b[0, :, 4] / before)
    assert near == pytest.approx(np.exp(-5.0 / belief.NEAR_S))
    assert wide == pytest.approx(np.exp(-5.0 / belief.MAP_S))


def test_a_reading_that_misses_by_its_usual_scatter_is_a_surprise_of_one() -> None:
    beliefs = believing(walled())
    put(beliefs, (6.25, 4.25))
    at = beliefs.ground.scanners["s0"]
    usual = np.sqrt(SCATTER.reading**2 + SCATTER.near**2 + SCATTER.map**2)
    expected = float(beliefs.ground.level[at, 8, 12])
    surprise, above_db = learned(beliefs, at, expected + usual)
    assert surprise[0] == pytest.approx(1.0, abs=0.02)
    assert above_db[0] == pytest.approx(usual, abs=0.01)


# --- large floors

WIDE = Plan("Wide", 50.0, 80.0)
FORTY = {f"s{n}": Scanner(ZoneId("a"), 5.0 + 10.0 * (n % 5), 5.0 + 10.0 * (n // 5)) for n in range(40)}


def wide() -> Facts:
    return floor(scanners=FORTY, plan=WIDE)


def loudest(at: Place, chance: np.random.Generator) -> dict[str, float]:
    readings = exact(FORTY, at, chance)
    return {name: readings[name] for name in sorted(readings, key=readings.__getitem__)[-12:]}


def test_the_window_follows_somebody_across_a_large_floor() -> None:
    beliefs = believing(ground_of(wide()))
    chance = np.random.default_rng(4)
    errors: list[float] = []
    for number, (_, at) in enumerate(
        strolled(((3.0, 3.0), (47.0, 3.0), (47.0, 77.0), (3.0, 77.0)), 1.0, 1.1)
    ):
        readings = loudest(at, chance)
        scanners = np.array([beliefs.ground.scanners[name] for name in readings])
        if number == 0:
            beliefs.place(0, scanners, np.array(list(readings.values())), np.zeros(12))
        else:
            beliefs.walk(ONE, np.array([1.0]))
            heard(beliefs, readings)
        errors.append(dist(middle(beliefs), at))
        assert beliefs.p.sum() == pytest.approx(1.0, abs=1e-3)
    assert np.median(errors) < 2.0
    assert max(errors) < 7.0


def test_nobody_steps_over_the_edge_of_a_window_to_its_other_side() -> None:
    beliefs = believing(ground_of(wide()))
    beliefs.begin_at(0, 25.0, 40.0)
    beliefs.p[0] = 0.0
    beliefs.p[0, :, 3, -1] = beliefs.p[0, :, 12, 0] = motion.START / 2  # its middle stays, so the window does
    beliefs.walk(ONE, np.array([0.8]))
    mass = beliefs.mass(0)
    assert mass[:8, -3:].sum() == pytest.approx(0.5, abs=1e-4)
    assert mass[8:, :3].sum() == pytest.approx(0.5, abs=1e-4)


def test_memory_of_a_subject_does_not_grow_with_the_floor() -> None:
    small, large = (believing(ground_of(facts)) for facts in (floor(scanners=FORTY, plan=PLAN), wide()))
    huge = believing(ground_of(floor(scanners=FORTY, plan=Plan("Huge", 200.0, 160.0), cell_m=1.0)))
    assert huge.bytes_each == large.bytes_each
    side = WINDOW_M / 1.0
    assert large.bytes_each <= 4 * (motion.STATES + 1) * side * side + 8 * (4 * 40 + 3)
    for beliefs in (small, large):
        arrays = (beliefs.p, beliefs.o, beliefs.o_var, beliefs.b, beliefs.b_var, beliefs.at)
        assert beliefs.bytes_each == sum(array.nbytes for array in arrays)


def test_a_subject_is_placed_at_once_wherever_on_a_large_floor_it_is() -> None:
    beliefs = believing(ground_of(wide()))
    chance = np.random.default_rng(6)
    errors = []
    for at in ((2.0, 2.0), (25.0, 40.0), (48.0, 78.0), (2.0, 60.0)):
        readings = loudest(at, chance)
        scanners = np.array([beliefs.ground.scanners[name] for name in readings])
        beliefs.place(0, scanners, np.array(list(readings.values())), np.zeros(12))
        errors.append(dist(middle(beliefs), at))
    assert np.mean(errors) < 4.0
    assert max(errors) < 6.0


def test_one_scanner_alone_places_a_subject_about_it_and_not_where_it_cannot_be() -> None:
    """All windows around a ring hold as much; the one amid them would hold next to nothing."""
    beliefs = believing(ground_of(wide()), scatter=Scatter(0.5, 0.3, 0.3, 0.1))
    at = beliefs.ground.scanners["s22"]  # at 25, 45
    far = level(FORTY["s22"], (25.0, 60.0))
    beliefs.place(0, np.array([at]), np.array([far]), np.zeros(1))
    assert np.isfinite(beliefs.p).all()
    mass = held(beliefs)
    rings = np.hypot(beliefs.ground.x - 25.0, beliefs.ground.y - 45.0)
    assert float((mass * rings).sum()) == pytest.approx(15.0, abs=1.5)
