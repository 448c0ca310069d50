"""The radio map: what a survey adds to path loss, which readings count, and how scanners calibrate each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log10

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from actors.presence import fields as gaussian
from actors.presence import radio
from actors.presence.fields import Fields, Levels, distances, fitted, likelihood, predicted
from actors.presence.ground import DOUBT_UNIT_DB, LEVEL_UNIT_DB, make_ground
from actors.presence.radio import fit
from protocols.codec import to_json
from protocols.errors import Nonsense
from protocols.facts import Plan, PresenceSettings, Radio, Scanner, SignalMap, SurveyPoint
from protocols.ids import ZoneId
from tests.unit.small_floor import PLAN, SIX, floor, level

Doubles = NDArray[np.float64]
SETTINGS = PresenceSettings(method="radio")
HALL = Plan("Hall", 16.0, 12.0)
FOUR = {
    f"s{number}": Scanner(ZoneId("a"), x, y)
    for number, (x, y) in enumerate(((2.0, 2.0), (14.0, 2.0), (2.0, 10.0), (14.0, 10.0)))
}


def counted(dbm: float, count: int = 60) -> dict[int, int]:
    """So many readings of whole dBm whose mean is this level."""
    low = int(np.floor(dbm))
    above = round((dbm - low) * count)
    return {one: times for one, times in ((low, count - above), (low + 1, above)) if times}


def cells_of(made: Radio) -> tuple[Doubles, Doubles]:
    x, y = np.meshgrid(
        (np.arange(made.columns) + 0.5) * made.cell_m, (np.arange(made.rows) + 0.5) * made.cell_m
    )
    return x, y


def level_of(made: Radio, signal: SignalMap) -> Doubles:
    shaped = np.frombuffer(signal.level, dtype="<i2").reshape(made.rows, made.columns)
    return shaped * LEVEL_UNIT_DB


def doubt_of(made: Radio, signal: SignalMap) -> Doubles:
    return np.frombuffer(signal.doubt, dtype=np.uint8).reshape(made.rows, made.columns) * DOUBT_UNIT_DB


def at_cell(made: Radio, values: Doubles, x: float, y: float) -> float:
    return float(values[int(y / made.cell_m), int(x / made.cell_m)])


class Shadows:
    """A floor whose levels are path loss and a random field over places, the same for whoever asks."""

    def __init__(self, seed: int, scanners: Mapping[str, Scanner] = FOUR, sd_db: float = 4.0) -> None:
        chance = np.random.default_rng(seed)
        self.scanners = scanners
        self.waves = {
            name: [
                (chance.normal(0, 0.35, 2), chance.uniform(0, 2 * np.pi), sd_db * np.sqrt(2 / 12))
                for _ in range(12)
            ]
            for name in scanners
        }

    def level(self, name: str, x: float, y: float) -> float:
        shadow = sum(high * np.cos(k[0] * x + k[1] * y + phase) for k, phase, high in self.waves[name])
        return level(self.scanners[name], (x, y)) + float(shadow)

    def point(self, x: float, y: float) -> SurveyPoint:
        heard = {name: counted(self.level(name, x, y)) for name in self.scanners}
        return SurveyPoint(x, y, 1.2, "", heard)


def grid(columns: int, rows: int) -> Iterable[tuple[float, float]]:
    return (
        ((column + 0.5) * HALL.width_m / columns, (row + 0.5) * HALL.height_m / rows)
        for row in range(rows)
        for column in range(columns)
    )


# --- what a survey adds


def rms_db(shadows: Shadows, points: list[SurveyPoint]) -> float:
    """Error of the map over all cells and scanners."""
    made, signals = fit(HALL, shadows.scanners, SETTINGS, points)
    x, y = cells_of(made)
    errors = [
        level_of(made, signals[name])
        - np.array([shadows.level(name, *at) for at in zip(x.flat, y.flat, strict=True)]).reshape(x.shape)
        for name in shadows.scanners
    ]
    return float(np.sqrt(np.mean(np.square(errors))))


@pytest.mark.parametrize("seed", range(3))
def test_a_survey_is_closer_to_what_was_not_surveyed_than_path_loss_and_more_points_are_closer_yet(
    seed: int,
) -> None:
    shadows = Shadows(seed)
    none = rms_db(shadows, [])
    few, many = (rms_db(shadows, [shadows.point(*at) for at in grid(*shape)]) for shape in ((4, 3), (8, 6)))
    assert many < few < none
    assert many < 0.5 * none


def test_at_a_surveyed_place_the_map_is_what_was_measured() -> None:
    shadows = Shadows(4)
    made, signals = fit(HALL, FOUR, SETTINGS, [shadows.point(*at) for at in grid(8, 6)])
    for name in FOUR:
        for x, y in grid(8, 6):
            found = at_cell(made, level_of(made, signals[name]), x, y)
            assert found == pytest.approx(shadows.level(name, x, y), abs=2.5)


def test_the_map_doubts_itself_where_nobody_measured() -> None:
    shadows = Shadows(5)
    left = [shadows.point(x, y) for x, y in grid(8, 6) if x < 6]
    made, signals = fit(HALL, FOUR, SETTINGS, left)
    for name in FOUR:
        doubt = doubt_of(made, signals[name])
        assert at_cell(made, doubt, 14.0, 6.0) > 1.3 * at_cell(made, doubt, 3.0, 5.0)


def test_without_points_the_map_is_path_loss_by_the_plan() -> None:
    made, signals = fit(PLAN, SIX, SETTINGS, ())
    assert (made.source, made.points) == ("plan", 0)
    assert made.map_sd_db == radio.UNLEARNED_SD_DB
    x, y = cells_of(made)
    for name, scanner in SIX.items():
        found = level_of(made, signals[name])
        for row, column in ((0, 0), (7, 12), (15, 23)):
            exact = level(scanner, (float(x[row, column]), float(y[row, column])))
            assert found[row, column] == pytest.approx(exact, abs=LEVEL_UNIT_DB)


# --- which readings count


def surveyed(heard: dict[str, dict[int, int]], spots: int = 12) -> list[SurveyPoint]:
    return [SurveyPoint(x, y, 1.2, "", heard) for x, y in list(grid(4, 3))[:spots]]


def maps_of(points: list[SurveyPoint]) -> tuple[Radio, dict[str, SignalMap]]:
    return fit(HALL, FOUR, SETTINGS, points)


def test_a_receivers_error_codes_are_left_out() -> None:
    clean = {name: {-60: 50, -62: 50} for name in FOUR}
    spoilt = {name: {**counts, 62: 1, -10: 3} for name, counts in clean.items()}
    assert maps_of(surveyed(clean)) == maps_of(surveyed(spoilt))


def test_a_level_is_the_mean_of_power_and_the_map_that_of_decibels() -> None:
    """Half at -50, half at -80: the power's mean is -53, the decibels' -65, and a reading is expected at -65."""
    one = radio._condensed({-50: 50, -80: 50})
    assert one is not None
    assert one.dbm == pytest.approx(10 * log10((10**-5 + 10**-8) / 2))
    assert one.dbm + one.lower_db == pytest.approx(-65.0)
    assert one.variance == pytest.approx(15.0**2)


def test_what_fading_takes_from_decibels_is_taken_off_the_whole_map() -> None:
    even, fading = {name: {-60: 100} for name in FOUR}, {name: {-57: 50, -69: 50} for name in FOUR}
    power_db = 10 * log10((10**-5.7 + 10**-6.9) / 2)
    flat, made = maps_of(surveyed(even)), maps_of(surveyed(fading))
    for name in FOUR:
        lower = level_of(made[0], made[1][name]).mean() - level_of(flat[0], flat[1][name]).mean()
        assert lower == pytest.approx(power_db + 60.0 + (-63.0 - power_db), abs=0.5)
    assert made[0].reading_sd_db == pytest.approx(6.0)
    assert flat[0].reading_sd_db == 1.0  # never less: no receiver is that good


def test_a_level_of_two_readings_is_none() -> None:
    assert radio._condensed({-60: 2}) is None
    assert radio._condensed({-60: 3}) is not None
    assert radio._condensed({62: 9, -60: 2}) is None
    assert radio._condensed({}) is None


def test_a_place_that_a_scanner_did_not_hear_counts_as_below_what_it_can_hear() -> None:
    """Loud in the west, and nothing in the east: another map than one of a survey that ended in the middle."""
    heard = {name: {-62: 60} for name in FOUR}
    west = [SurveyPoint(x, y, 1.2, "", heard) for x, y in grid(8, 6) if x < 8]
    others = {name: counts for name, counts in heard.items() if name != "s0"}
    east = [SurveyPoint(x, y, 1.2, "", others) for x, y in grid(8, 6) if x > 8]
    half, whole = maps_of(west), maps_of([*west, *east])
    ahead, behind = (
        [at_cell(made, level_of(made, signals["s0"]), x, 6.0) for x in (3.0, 13.0)]
        for made, signals in (half, whole)
    )
    assert ahead == pytest.approx([-62.0, -62.0], abs=4.0)
    assert behind[0] == pytest.approx(-62.0, abs=2.5)
    assert behind[1] < -85.0


def test_a_scanner_that_heard_nothing_of_a_survey_is_expected_by_path_loss() -> None:
    shadows = Shadows(7)
    points = [
        msgspec.structs.replace(point, heard={name: point.heard[name] for name in ("s0", "s1", "s2")})
        for point in (shadows.point(*at) for at in grid(4, 3))
    ]
    made, signals = maps_of(points)
    plan, bare = fit(HALL, FOUR, SETTINGS, ())
    lower = level_of(made, signals["s3"]) - level_of(plan, bare["s3"])
    assert lower == pytest.approx(lower[0, 0], abs=2 * LEVEL_UNIT_DB)  # but for what fading takes


# --- scanners that hear each other


def mutual(
    receivers: Mapping[str, float], powers: Mapping[str, float], noise_db: float = 0.0
) -> list[SurveyPoint]:
    """What each scanner hears of each other's beacon: path loss, its receiver's offset, the beacon's power."""
    chance = np.random.default_rng(8)
    points = []
    for by, at in SIX.items():
        heard = {}
        for name, scanner in SIX.items():
            if name != by:
                far = np.sqrt((scanner.x - at.x) ** 2 + (scanner.y - at.y) ** 2 + (scanner.z - at.z) ** 2)
                dbm = -60.0 - 24.0 * log10(far) + receivers[name] + powers[by] + chance.normal(0, noise_db)
                heard[name] = counted(dbm)
        points.append(SurveyPoint(at.x, at.y, at.z, by, heard))
    return points


RECEIVERS = dict(zip(SIX, (4.0, -4.0, 2.0, 0.0, -3.0, 1.0), strict=True))
POWERS = dict(zip(SIX, (-5.0, 0.0, 3.0, 5.0, -2.0, -1.0), strict=True))


@pytest.mark.parametrize(("noise_db", "within_db"), [(0.0, 1.2), (2.0, 2.5)])
def test_how_loud_each_scanners_beacon_is_is_worked_out_and_taken_off(
    noise_db: float, within_db: float
) -> None:
    points = mutual(RECEIVERS, POWERS, noise_db)
    condensed = [{name: radio._condensed(counts) for name, counts in point.heard.items()} for point in points]
    found = radio._powers(points, condensed, SIX)
    centred = np.array(list(found.values())) - np.mean(list(found.values()))
    assert centred == pytest.approx(list(POWERS.values()), abs=within_db)


def test_scanners_that_hear_each_other_calibrate_each_others_receivers() -> None:
    made, signals = fit(PLAN, SIX, SETTINGS, mutual(RECEIVERS, POWERS))
    assert (made.source, made.points) == ("scanners", 6)
    assert made.map_sd_db == radio.UNLEARNED_SD_DB
    off = {}
    for name, scanner in SIX.items():
        x, y = (4.25, 4.25) if scanner.x > 6 else (8.25, 4.25)
        far = np.sqrt((scanner.x - x) ** 2 + (scanner.y - y) ** 2 + (scanner.z - 1.2) ** 2)
        off[name] = at_cell(made, level_of(made, signals[name]), x, y) - (-60.0 - 24.0 * log10(far))
    centred = np.array(list(off.values())) - np.mean(list(off.values()))
    assert centred == pytest.approx(
        np.array(list(RECEIVERS.values())) - np.mean(list(RECEIVERS.values())), abs=2.5
    )


def test_a_loud_beacon_makes_no_place_loud() -> None:
    """Around it every scanner hears 12 dB more than of anybody else: that is the beacon, not the place."""
    even, loud = (
        fit(PLAN, SIX, SETTINGS, mutual(dict.fromkeys(SIX, 0.0), {**dict.fromkeys(SIX, 0.0), "s0": more_db}))
        for more_db in (0.0, 12.0)
    )
    for name in ("s1", "s2", "s3", "s4", "s5"):
        there = [at_cell(made, level_of(made, signals[name]), 1.25, 1.25) for made, signals in (even, loud)]
        assert there[1] == pytest.approx(there[0], abs=4.0)


def test_the_beacon_of_a_scanner_that_is_gone_counts_for_nothing() -> None:
    gone = SurveyPoint(6.0, 4.0, 2.5, "attic", {name: {-20: 500} for name in SIX})
    with_it, without = (fit(PLAN, SIX, SETTINGS, points) for points in ((gone,), ()))
    assert with_it[0].source == "plan"
    assert with_it[1] == without[1]


def test_a_survey_counts_beside_scanners_that_hear_each_other() -> None:
    points = mutual(dict.fromkeys(SIX, 0.0), dict.fromkeys(SIX, 12.0))  # loud beacons
    walked = [
        SurveyPoint(x, y, 1.2, "", {name: counted(level(scanner, (x, y))) for name, scanner in SIX.items()})
        for x, y in ((3.0, 2.0), (9.0, 2.0), (3.0, 6.0), (9.0, 6.0), (6.0, 4.0))
    ]
    made, signals = fit(PLAN, SIX, SETTINGS, [*points, *walked])
    assert (made.source, made.points) == ("survey", 11)
    for name, scanner in SIX.items():
        found = at_cell(made, level_of(made, signals[name]), 6.0, 4.0)
        assert found == pytest.approx(level(scanner, (6.0, 4.0)), abs=4.0)  # 12 dB louder it would be without


# --- the form


def test_packed_maps_come_back_as_they_were_and_a_ground_reads_them() -> None:
    facts = floor(points=[SurveyPoint(3.0, 3.0, 1.2, "", {name: {-60: 30} for name in SIX})])
    assert facts.radio is not None
    facts.radio = msgspec.json.decode(to_json(facts.radio), type=Radio)
    for signal in facts.signals.values():
        again = msgspec.json.decode(to_json(signal), type=SignalMap)
        assert again == signal
    ground = make_ground(facts)
    assert ground is not None
    for name, place in ground.scanners.items():
        assert ground.level[place] == pytest.approx(level_of(facts.radio, facts.signals[name]), abs=1e-3)


def test_a_map_that_is_half_there_makes_no_ground_yet() -> None:
    facts = floor()
    facts.signals["s3"] = SignalMap(facts.signals["s3"].level[:-2], facts.signals["s3"].doubt)
    assert make_ground(facts) is None
    facts = floor()
    assert facts.plan is not None
    facts.plan = msgspec.structs.replace(facts.plan, width_m=20.0)  # the floor grew; its map is on the way
    assert make_ground(facts) is None


def test_a_scanner_without_a_map_is_left_out() -> None:
    facts = floor()
    facts.scanners["new"] = Scanner(ZoneId("a"), 3.0, 3.0)
    del facts.signals["s0"]
    ground = make_ground(facts)
    assert ground is not None
    assert list(ground.scanners) == ["s1", "s2", "s3", "s4", "s5"]
    facts.signals.clear()
    assert make_ground(facts) is None


@pytest.mark.parametrize(
    ("width_m", "height_m", "cell_m"),
    [(20.7, 17.6, 0.5), (31.0, 32.0, 0.5), (40.0, 30.0, 1.0), (50.0, 80.0, 1.0)],
)
def test_cells_are_finer_on_smaller_floors(width_m: float, height_m: float, cell_m: float) -> None:
    made, _ = fit(Plan("", width_m, height_m), {"s": Scanner(ZoneId("a"), 1.0, 1.0)}, SETTINGS, ())
    assert made.cell_m == cell_m
    assert made.columns * cell_m >= width_m > (made.columns - 1) * cell_m
    assert made.rows * cell_m >= height_m > (made.rows - 1) * cell_m


def test_a_floor_of_too_many_cells_is_refused_with_what_to_do() -> None:
    one = {"s": Scanner(ZoneId("a"), 1.0, 1.0)}
    with pytest.raises(Nonsense, match="set a larger cell_m"):
        fit(Plan("", 1_000.0, 1_000.0), one, SETTINGS, ())
    many = {f"s{n}": Scanner(ZoneId("a"), 1.0, 1.0) for n in range(100)}
    with pytest.raises(Nonsense, match=r"100 scanners.*set a larger cell_m"):
        fit(Plan("", 200.0, 200.0), many, SETTINGS, ())


def test_the_same_survey_makes_the_same_map_to_the_byte() -> None:
    points = [Shadows(9).point(*at) for at in grid(6, 4)]
    one, other = (to_json(fit(HALL, FOUR, SETTINGS, points, "d")) for _ in range(2))
    assert one == other


# --- the fields alone


def test_predicting_many_cells_at_once_or_few_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(10)
    places = np.column_stack([chance.uniform(0, 16, 30), chance.uniform(0, 12, 30), np.full(30, 1.2)])
    levels = Levels(np.array((2.0, 2.0, 2.5)), places, chance.normal(-70, 5, 30), np.full(30, 0.2))
    cells = np.column_stack([chance.uniform(0, 16, 100), chance.uniform(0, 12, 100), np.full(100, 1.2)])
    whole = predicted(levels, Fields(), cells)
    monkeypatch.setattr(gaussian, "CELLS_AT_ONCE", 7)
    parts = predicted(levels, Fields(), cells)
    assert whole[0] == pytest.approx(parts[0])
    assert whole[1] == pytest.approx(parts[1])


@pytest.mark.parametrize("turn", [0.0, np.pi / 2, np.pi])
def test_west_is_as_near_to_itself_as_every_other_direction(turn: float) -> None:
    """What is known just above it says as much of just below, though one angle is nearly pi, the other minus that."""
    at = np.zeros(3)
    one, other = ([5 * np.cos(turn + by), 5 * np.sin(turn + by), 1.0] for by in (-0.02, 0.02))
    _, sd = predicted(
        Levels(at, np.array([one]), np.array([-70.0]), np.array([0.1])), Fields(), np.array([other])
    )
    assert sd[0] == pytest.approx(3.1, abs=0.2)


def test_the_prediction_is_that_of_a_gaussian_process_written_out() -> None:
    at, fields = (
        np.array((0.0, 0.0, 1.2)),
        Fields(place_sd_db=3.0, place_m=4.0, turn_sd_db=0.5, turn_rad=1.0, near_sd_db=2.0),
    )
    places, dbm, noise = np.array([[5.0, 0.0, 1.2]]), np.array([-70.0]), np.array([1.0])
    cell = np.array([[5.0, 0.0, 1.2]])
    mean, sd = predicted(Levels(at, places, dbm, noise), fields, cell)
    trend = -10 * log10(5.0)
    prior = -60.0 + 2.0 * trend
    own = 3.0**2 + 0.5**2 + 10.0**2 + trend**2
    assert mean[0] == pytest.approx(prior + own / (own + 2.0**2 + 1.0) * (-70.0 - prior))
    assert sd[0] == pytest.approx(np.sqrt(own - own**2 / (own + 2.0**2 + 1.0)))


def test_the_numbers_chosen_are_likelier_than_those_begun_with() -> None:
    shadows = Shadows(11)
    at = {name: np.array((scanner.x, scanner.y, scanner.z)) for name, scanner in FOUR.items()}
    places = np.array([(x, y, 1.2) for x, y in grid(8, 6)])
    surveys = [
        Levels(
            at[name], places, np.array([shadows.level(name, x, y) for x, y in grid(8, 6)]), np.full(48, 0.1)
        )
        for name in FOUR
    ]
    chosen = fitted(surveys)
    assert (
        sum(likelihood(one, chosen) for one in surveys)
        > sum(likelihood(one, Fields()) for one in surveys) + 5
    )
    assert (
        chosen.near_sd_db < Fields().near_sd_db
    )  # waves of metres: nothing changes from one step to the next
    assert fitted([]) == Fields()


def test_path_loss_is_flat_within_a_metre() -> None:
    far = distances(np.array([[0.1, 0.0, 0.0], [0.0, 3.0, 4.0]]), np.zeros(3))
    assert far.tolist() == [1.0, 5.0]
