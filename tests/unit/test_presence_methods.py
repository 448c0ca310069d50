"""What others do and what ours does, packet by packet: by hand where it can be, and never with a look ahead."""

from __future__ import annotations

import json
from functools import partial
from math import hypot
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from protocols.facts import SurveyPoint
from sim.presence import fingerprints, ours, ranging
from sim.presence.baselines import (
    MqttRoom,
    Nearest,
    RoomAssistant,
    Smooth,
    WeightedMean,
    Window,
    nearest_scanner,
)
from sim.presence.cli import presence
from sim.presence.grids import Grid
from sim.presence.methods import SILENT, Contender, Said, Site
from sim.presence.play import Conditions, play
from sim.presence.ranging import DEFAULT, PathLoss, Trilateration, surveyed
from sim.presence.run import follow, run, told
from sim.presence.score import NOBODY
from sim.presence.walks import read_gateways, read_points, read_walk
from tests.unit.presence_site import CARRIED_M, FLOOR, PLACES, level, walk_lines, write_site

GRID = Grid(FLOOR, 3, 2)
NW, NE, SE = ((PLACES[name].x, PLACES[name].y) for name in ("nw", "ne", "se"))


def test_the_loudest_reading_of_a_window_wins_until_it_is_too_old() -> None:
    nearest = Nearest(PLACES, 1.0, Window.loudest)
    assert nearest.hear(0.0, "nw", -60) == NW
    assert nearest.hear(0.5, "ne", -65) == NW
    assert nearest.hear(1.0, "ne", -66) == NE  # the first reading is a second old


def test_the_loudest_mean_is_not_the_loudest_reading() -> None:
    by_mean, by_peak = Nearest(PLACES, 2.0, Window.means), Nearest(PLACES, 2.0, Window.loudest)
    for at_s, scanner, dbm in ((0.0, "nw", -50), (0.1, "nw", -80), (0.2, "ne", -60)):
        mean, peak = by_mean.hear(at_s, scanner, dbm), by_peak.hear(at_s, scanner, dbm)
    assert (mean, peak) == (NE, NW)


def test_mqtt_room_keeps_its_room_until_another_is_nearer_or_it_is_silent_for_five_seconds() -> None:
    room = MqttRoom(PLACES)
    assert room.hear(0.0, "nw", -60) == NW
    assert room.hear(1.0, "ne", -61) == NW  # weaker
    assert room.hear(2.0, "nw", -70) == NW  # its own, weaker: held from now on
    assert room.hear(3.0, "ne", -61) == NE  # now nearer
    assert room.hear(7.9, "se", -90) == NE
    assert room.hear(8.0, "se", -90) == SE  # nobody else for 5 s


def test_room_assistant_smooths_each_scanner_and_forgets_it_after_five_seconds() -> None:
    room = RoomAssistant(PLACES)
    assert room.hear(0.0, "nw", -60) == NW
    assert room.hear(0.1, "ne", -70) == NW
    assert room.hear(0.2, "ne", -52) == NW  # -70 + 15.8 / 30.8 × 18 = -60.8
    assert room.hear(0.3, "ne", -52) == NE  # and 8.5 / 23.5 × 8.8 more
    assert room.hear(5.2, "se", -90) == NE
    assert room.hear(5.3, "se", -90) == SE


def test_the_mean_of_places_weighs_by_the_square_of_distance() -> None:
    mean = WeightedMean(PLACES, lambda dbm: -dbm)
    assert repr(mean.hear(0.0, "nw", -1.0)) == "(nan, nan)"
    assert mean.hear(0.0, "ne", -2.0) == ((NW[0] + NE[0]) / 2, 0.5)  # with two, their middle
    x, y = mean.hear(0.0, "se", -2.0)
    assert x == pytest.approx((NW[0] * 1 + NE[0] * 0.25 + SE[0] * 0.25) / 1.5)
    assert y == pytest.approx((0.5 + 0.25 * 0.5 + 0.25 * 7.5) / 1.5)


def test_the_filter_over_places_follows_a_steady_walk_and_trusts_a_noisy_place_less() -> None:
    smooth = Smooth(0.5)
    for step in range(60):
        x, y = smooth.take(step * 0.5, step * 0.25, 3.0, 1.0)
    assert hypot(x - 59 * 0.25, y - 3.0) < 0.05
    assert smooth.take(30.0, x + 5.0, 3.0, 1e6)[0] < x + 0.5


def test_path_loss_is_found_again_from_a_survey() -> None:
    points = [
        SurveyPoint(x, y, CARRIED_M, "", {"nw": {round(level(PLACES["nw"], x, y)): 10}, "ne": {-70: 1}})
        for x in range(1, 12)
        for y in range(1, 8)
    ]
    losses = surveyed(PLACES, points)
    assert losses["nw"].at_1m_dbm == pytest.approx(-58.0, abs=0.3)
    assert losses["nw"].n == pytest.approx(2.2, abs=0.05)
    assert losses["ne"].n == 1.0  # flat: clipped to what can be
    assert losses["sw"] == DEFAULT  # never heard


def test_distance_is_the_inverse_of_path_loss() -> None:
    assert PathLoss(-59, 3).distance_m(-59) == 1.0
    assert PathLoss(-59, 3).distance_m(-89) == pytest.approx(10.0)


@pytest.mark.parametrize(("x", "y"), [(3.0, 4.0), (9.0, 2.0), (6.0, 6.5), (1.0, 1.0)])
def test_trilateration_finds_the_place_that_the_levels_come_from(x: float, y: float) -> None:
    known = dict.fromkeys(PLACES, PathLoss(-58.0, 2.2))
    locator = Trilateration(FLOOR, PLACES, known, CARRIED_M)
    for step in range(40):
        for number, (name, place) in enumerate(PLACES.items()):
            found = locator.hear(step * 0.45 + number * 0.001, name, level(place, x, y))
    assert hypot(found[0] - x, found[1] - y) < 0.05


def test_trilateration_says_nothing_with_two_scanners() -> None:
    locator = Trilateration(FLOOR, PLACES, dict.fromkeys(PLACES, DEFAULT), CARRIED_M)
    locator.hear(0.0, "nw", -60)
    x, _ = locator.hear(0.1, "ne", -60)
    assert x != x


@pytest.fixture
def site(tmp_path: Path) -> Site:
    write_site(tmp_path, walk_lines(3))
    survey = tmp_path / "survey.csv"
    return Site(FLOOR, dict(PLACES), read_points(survey), survey.read_bytes())


def everything(site: Site) -> list[Contender]:
    return [
        *ours.contenders(site, GRID, {}),
        *nearest_scanner(site),
        *ranging.by_distance(site),
        *fingerprints.by_survey(site),
    ]


def test_a_fingerprint_is_found_where_it_was_taken(site: Site) -> None:
    (locator, _) = fingerprints.by_survey(site)
    method = locator.make(GRID)
    for number, (name, place) in enumerate(PLACES.items()):
        said = method.hear(number * 0.001, name, round(level(place, 5, 3)))
    assert hypot(said.x - 5, said.y - 3) < 1.2


def test_the_plain_filter_states_the_p_of_the_zone_it_says(site: Site) -> None:
    (_, plain) = fingerprints.by_survey(site)
    method = plain.make(GRID)
    for step in range(10):
        for number, (name, place) in enumerate(PLACES.items()):
            said = method.hear(step * 0.45 + number * 0.001, name, level(place, 2, 2))
    assert said.zone == said.likeliest == "r0c0"
    assert 0.6 <= said.p <= 1.0


def test_without_a_survey_there_are_only_methods_that_need_none(site: Site) -> None:
    bare = Site(FLOOR, dict(PLACES))
    names = {contender.name for contender in everything(bare)}
    assert "fingerprints" not in names and "trilateration, surveyed" not in names
    assert {ours.NAME, ours.NEAREST, "trilateration, default"} <= names
    assert ours.NEAREST in {contender.name for contender in everything(site)}


def test_every_method_ends_in_the_zone_where_a_walk_ends(site: Site, tmp_path: Path) -> None:
    """Four gateways and no noise to speak of: whoever fails here is a straw man."""
    write_site(tmp_path, walk_lines(45))
    walk = play(
        read_walk(tmp_path / "walk.mbd", read_gateways(tmp_path / "gateways.txt")), FLOOR, Conditions()
    )
    for contender in everything(site):
        said = follow(partial(contender.make, GRID), walk)
        assert said[-1].x > 6.0, contender.name
        assert 0.0 <= said[-1].p <= 1.0, contender.name
        assert said[-1].zone.endswith(("c2", "c1")), contender.name


def test_whoever_is_somebody_else_is_heard_as_if_for_the_first_time(site: Site, tmp_path: Path) -> None:
    write_site(tmp_path, walk_lines(45))
    lines = read_walk(tmp_path / "walk.mbd", read_gateways(tmp_path / "gateways.txt"))
    whole, anew = play(lines, FLOOR, Conditions()), play(lines, FLOOR, Conditions(anew_s=4.0))
    (contender, _) = ours.contenders(site, GRID, {})
    follows = [follow(partial(contender.make, GRID), walk) for walk in (whole, anew)]
    first = min(anew.anew)
    assert repr(follows[0][:first]) == repr(follows[1][:first])
    assert follows[0][first].zone != "unknown" and follows[1][first].zone == "unknown"


def test_ours_is_the_production_stage_by_the_map(site: Site, tmp_path: Path) -> None:
    write_site(tmp_path, walk_lines(45))
    walk = play(
        read_walk(tmp_path / "walk.mbd", read_gateways(tmp_path / "gateways.txt")), FLOOR, Conditions()
    )
    (contender, _) = ours.contenders(site, Grid(FLOOR, 3, 1), {})
    first = follow(partial(contender.make, Grid(FLOOR, 3, 1)), walk)[0]
    assert first.x != first.x or first.x > 0.0, "a subject that is nowhere yet is not at the origin"
    outcome = run(contender, [walk], Grid(FLOOR, 3, 1), True, lambda: None)
    assert outcome.pooled.right_s / outcome.pooled.time_s > 0.75
    assert len(outcome.shifted) == 25
    assert outcome.shifted_all is not None
    assert abs(outcome.shifted_all - outcome.pooled.right_s / outcome.pooled.time_s) < 0.2
    assert outcome.cost_us is not None and outcome.cost_us > 0.0


def test_the_cost_of_a_packet_is_not_that_of_making_the_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent_s = 0.0

    class Metered:
        def hear(self, at_s: float, scanner: str, rssi_dbm: float) -> Said:
            nonlocal spent_s
            spent_s += 0.002
            return SILENT

    def made(grid: Grid) -> Metered:
        nonlocal spent_s
        spent_s += 1_000.0
        return Metered()

    monkeypatch.setattr("sim.presence.run.time.process_time", lambda: spent_s)
    write_site(tmp_path, walk_lines(45))
    lines = read_walk(tmp_path / "walk.mbd", read_gateways(tmp_path / "gateways.txt"))
    walk = play(lines, FLOOR, Conditions(anew_s=4.0))
    outcome = run(Contender("metered", "", made, bare=made), [walk], GRID, False, lambda: None)
    assert outcome.cost_us == pytest.approx(2_000.0)


def test_a_zone_that_the_grid_does_not_have_counts_as_unknown() -> None:
    found = told((SILENT, SILENT._replace(zone="attic"), SILENT._replace(zone="r1c2")), GRID)
    assert found.cells.tolist() == [NOBODY, NOBODY, 5]
    assert found.likeliest.tolist() == [NOBODY, NOBODY, NOBODY]


@pytest.mark.parametrize("cut", [1, 4, 5, 37, 90])
def test_what_is_said_at_a_packet_never_changes_with_what_comes_after(tmp_path: Path, cut: int) -> None:
    lines = walk_lines(30)
    whole, part = (tmp_path / name for name in ("whole", "part"))
    app = typer.Typer()
    app.command()(presence)
    said = []
    for folder, some in ((whole, lines), (part, lines[:cut])):
        folder.mkdir()
        options = [*write_site(folder, some), "--quick", "--ours", "--events", str(folder / "events.jsonl")]
        options += ["--dead", "ne@5", "--smoothed", "1.5"]
        assert CliRunner().invoke(app, options).exit_code == 0
        said.append([json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()])
    assert len(said[1]) == cut
    assert said[0][:cut] == said[1]


def test_no_method_changes_what_it_said_with_what_comes_after(site: Site, tmp_path: Path) -> None:
    lines = walk_lines(30)
    gateways = read_gateways(tmp_path / "gateways.txt")
    for cut in (3, 41, 80):
        write_site(tmp_path, lines)
        whole = play(read_walk(tmp_path / "walk.mbd", gateways), FLOOR, Conditions())
        write_site(tmp_path, lines[:cut])
        part = play(read_walk(tmp_path / "walk.mbd", gateways), FLOOR, Conditions())
        for contender in everything(site):
            early = follow(partial(contender.make, GRID), part)
            # repr: a place that is none yet is NaN, which is not equal to itself
            assert repr(follow(partial(contender.make, GRID), whole)[:cut]) == repr(early), contender.name
