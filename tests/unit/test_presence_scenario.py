"""ESPresense companion's scenario: .NET's draws, a simplex, and its published numbers again, digit for digit."""

from __future__ import annotations

import json
from math import hypot
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from actors.facts import Facts
from protocols.errors import Nonsense
from sim.presence.cli import presence
from sim.presence.dotnet import Random
from sim.presence.ours import known_path_loss
from sim.presence.ranging import nelder_mead
from sim.presence.scenario import (
    Noise,
    Scenario,
    companion,
    ours,
    read_published,
    read_scenario,
    result,
    samples,
)
from sim.presence.simplex import minimise
from sim.presence.walks import Place

DATA = Path(__file__).resolve().parents[3] / "shared/data/espresense_capture"
FILE = DATA / "baseline_4node_6x4m.json"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")

CORNERS = [Place(x, y, 2.4) for x in (0.2, 5.8) for y in (0.2, 3.8)]


@pytest.mark.parametrize(
    ("seed", "draws"),
    [
        (0, (0.72624326996796, 0.817325359590969, 0.768022689394663)),
        (1, (0.248668584157093, 0.110743977181029, 0.467010679872246)),
        (42, (0.668106465911542, 0.140907298373481, 0.125518289453126)),
    ],
)
def test_a_seed_draws_what_dotnet_draws(seed: int, draws: tuple[float, ...]) -> None:
    chance = Random(seed)
    assert [chance.next_double() for _ in draws] == pytest.approx(draws, abs=1e-14)


def test_a_seed_and_its_negative_draw_the_same_and_the_least_integer_is_a_seed() -> None:
    assert Random(-42).next_double() == Random(42).next_double()
    assert Random(-(2**31)).next_double() == Random(2**31 - 1).next_double()


def test_gaussian_draws_have_mean_0_and_sd_1() -> None:
    chance = Random(7)
    drawn = [chance.gaussian() for _ in range(20_000)]
    mean = sum(drawn) / len(drawn)
    assert abs(mean) < 0.03
    assert abs(sum((one - mean) ** 2 for one in drawn) / len(drawn) - 1.0) < 0.04


def test_the_simplex_goes_down_a_curved_valley() -> None:
    found = minimise(
        lambda at: (1 - at[0]) ** 2 + 100 * (at[1] - at[0] ** 2) ** 2, (-1.2, 1.0), (0.1, 0.1), 1e-12
    )
    assert found == pytest.approx([1.0, 1.0], abs=1e-4)


def test_the_simplex_gives_up_where_there_is_no_bottom() -> None:
    assert minimise(lambda at: -at[0], (0.0,), (1.0,), 1e-9) is None


@pytest.mark.parametrize(("x", "y"), [(1.0, 1.0), (3.0, 2.0), (5.5, 3.5)])
def test_the_locator_finds_the_place_of_true_distances(x: float, y: float) -> None:
    # On the stations' own plane: there it looks, since they all hang at one height.
    heard = [(at, hypot(at.x - x, at.y - y)) for at in CORNERS]
    found = nelder_mead(heard, (0.0, 0.0, 0.0), (6.0, 4.0, 3.0))
    assert hypot(found[0] - x, found[1] - y) < 0.01


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return read_scenario(FILE)


@needs_data
def test_every_published_number_is_found_again_to_its_last_digit(scenario: Scenario) -> None:
    published = read_published(FILE, scenario)
    assert [track.track for track in published.tracks] == ["diagonal_walk", "living_to_bedroom"]
    for track, wanted in zip(scenario.tracks, published.tracks, strict=True):
        drawn = samples(scenario, track, published.base_seed, published.noise)
        again = result(scenario, track.name, drawn, companion(scenario, drawn))
        for figure in ("median_error_m", "p95_error_m", "mean_error_m", "max_error_m", "room_misid_rate"):
            assert round(getattr(again, figure), 3) == getattr(wanted, figure), (track.name, figure)
        assert again.samples == wanted.samples
        for out, outage in wanted.single_station_outage.items():
            again = result(scenario, track.name, drawn, companion(scenario, drawn, out))
            assert round(again.median_error_m, 3) == outage.median_error_m, (track.name, out)
            assert round(again.p95_error_m, 3) == outage.p95_error_m, (track.name, out)


def facts_of(scenario: Scenario) -> Facts:
    return known_path_loss(
        (scenario.bounds.x_max, scenario.bounds.y_max),
        {room.name: (room.x_min, room.y_min, room.x_max, room.y_max) for room in scenario.rooms},
        {one.id: (Place(one.x, one.y, one.z), one.cal_rssi, one.absorption) for one in scenario.stations},
        {},
    )


@needs_data
@pytest.mark.parametrize("interval_s", [None, 0.5], ids=["each alone", "half a second apart"])
def test_ours_is_nearer_on_the_same_draws(scenario: Scenario, interval_s: float | None) -> None:
    published = read_published(FILE, scenario)
    for track, theirs in zip(scenario.tracks, published.tracks, strict=True):
        drawn = samples(scenario, track, published.base_seed, published.noise)
        mine = result(scenario, track.name, drawn, ours(scenario, facts_of(scenario), interval_s, drawn))
        assert mine.samples >= theirs.samples - 1
        assert mine.median_error_m < theirs.median_error_m
        assert mine.p95_error_m < theirs.p95_error_m
        assert mine.zone_wrong_rate is not None


@needs_data
def test_samples_that_stand_alone_know_nothing_of_each_other(scenario: Scenario) -> None:
    drawn = samples(scenario, scenario.tracks[0], 5, Noise())
    facts = facts_of(scenario)
    ahead = ours(scenario, facts, None, drawn)
    assert ours(scenario, facts, None, drawn[::-1]) == ahead[::-1]
    assert ours(scenario, facts, 0.5, drawn[::-1]) != ours(scenario, facts, 0.5, drawn)[::-1]


@needs_data
def test_without_noise_nothing_is_off(scenario: Scenario) -> None:
    track = scenario.tracks[0]
    drawn = samples(scenario, track, 1, Noise(0.0, 0.0, 0.0))
    of = result(scenario, track.name, drawn, companion(scenario, drawn))
    assert of.max_error_m < 0.05
    assert of.samples == 61
    assert of.room_misid_rate <= 1 / 61  # the sample on the very border may fall to either side


@needs_data
def test_a_point_on_the_border_of_two_rooms_is_in_the_first(scenario: Scenario) -> None:
    assert [scenario.room(x, 2.0) for x in (4.0, 4.01, 6.5)] == ["living", "bedroom", ""]


@needs_data
def test_the_verb_prints_the_scenario_as_json() -> None:
    app = typer.Typer()
    app.command()(presence)
    done = CliRunner().invoke(app, ["--scenario", str(FILE), "--seeds", "1", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert set(found) == {"diagonal_walk", "living_to_bedroom"}
    assert found["diagonal_walk"]["published"]["median_error_m"] == 0.599
    assert round(found["diagonal_walk"]["companion again"]["median_error_m"], 3) == 0.599
    assert found["diagonal_walk"]["companion"]["median_error_m"][0] > 0.3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no scenario"),
        ("{}", "is no scenario.*missing required field"),
        ("[" * 100_000, "is no scenario"),
        (" " * 2_000_000, "is over 1024 KB"),
    ],
    ids=["empty", "another", "deep", "long"],
)
def test_a_file_that_is_no_scenario_says_so(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(Nonsense, match=says):
        read_scenario(tmp_path / "s.json")


@needs_data
def test_a_scenario_without_a_report_beside_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_bytes(FILE.read_bytes())
    with pytest.raises(Nonsense, match=r"no report of baseline_4node_6x4m .* beside s\.json"):
        read_published(tmp_path / "s.json", read_scenario(tmp_path / "s.json"))
    few = json.loads(FILE.read_text())
    few["stations"] = few["stations"][:3]
    (tmp_path / "few.json").write_text(json.dumps(few))
    with pytest.raises(Nonsense, match="4 stations"):
        read_scenario(tmp_path / "few.json")
