"""Files of walks are read with every error by line, and played with gateways dead, smoothed, or faster."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from protocols.errors import Nonsense
from protocols.facts import SurveyPoint
from sim.presence.cli import presence
from sim.presence.mutual import heard_of_each_other
from sim.presence.play import Conditions, Played, bursts, play
from sim.presence.walks import Place, read_gateways, read_points, read_walk
from tests.unit.presence_site import (
    BEACON,
    FLOOR,
    GATEWAYS,
    gateways_text,
    line,
    survey_text,
    walk_lines,
    write_site,
)

app = typer.Typer()
app.command()(presence)


def run(*options: str) -> Result:
    return CliRunner().invoke(app, list(options))


def walk_of(folder: Path, lines: list[str], conditions: Conditions | None = None) -> Played:
    write_site(folder, lines)
    walk = read_walk(folder / "walk.mbd", read_gateways(folder / "gateways.txt"))
    return play(walk, FLOOR, conditions or Conditions())


def test_a_walk_is_played_in_its_own_time_with_its_truth_on_the_floor(tmp_path: Path) -> None:
    lines = [line(0.0, "nw", -70, 3, 4), line(1.0, "se", -80, 12.2, -0.1)]
    walk = walk_of(tmp_path, lines)
    assert walk.at_s.tolist() == [0.0, 1.0]
    assert walk.scanner == ("nw", "se")
    assert walk.dbm == (-70.0, -80.0)
    assert (walk.x.tolist(), walk.y.tolist()) == ([3.0, 12.0], [4.0, 0.0])


def test_error_codes_and_unlisted_gateways_are_counted_and_not_heard(tmp_path: Path) -> None:
    lines = [line(0, "nw", -70, 3, 4), line(1, "nw", 62, 3, 4), line(2, "00000000beef", -50, 3, 4)]
    write_site(tmp_path, lines)
    walk = read_walk(tmp_path / "walk.mbd", read_gateways(tmp_path / "gateways.txt"))
    assert (walk.refused, walk.unlisted, walk.scanners) == (1, 1, ("nw", None, None))
    assert walk_of(tmp_path, lines).at_s.tolist() == [0.0, 1.0, 2.0]  # the truth is known there all the same


def test_time_that_runs_back_by_microseconds_is_held(tmp_path: Path) -> None:
    lines = [line(0, "nw", -70, 3, 4), line(1.000002, "ne", -70, 3, 4), line(1.000001, "se", -70, 3, 4)]
    assert np.diff(walk_of(tmp_path, lines).at_s).min() >= 0.0


def test_a_packed_walk_and_survey_are_read_like_plain_ones(tmp_path: Path) -> None:
    write_site(tmp_path, walk_lines(3))
    gateways = read_gateways(tmp_path / "gateways.txt")
    for name in ("walk.mbd", "survey.csv"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert read_walk(tmp_path / "walk.mbd.gz", gateways) == read_walk(tmp_path / "walk.mbd", gateways)
    assert read_points(tmp_path / "survey.csv.gz") == read_points(tmp_path / "survey.csv")


def test_a_dead_gateway_is_not_heard_from_then_on(tmp_path: Path) -> None:
    walk = walk_of(tmp_path, walk_lines(10), Conditions(dead={"nw": 2.0}))
    heard = {float(at) for at, name in zip(walk.at_s, walk.scanner, strict=True) if name == "nw"}
    assert max(heard) < 2.0
    assert walk.scanner.count("ne") == 10
    assert walk.dead == ("nw",)


def test_gateways_that_die_by_chance_do_so_half_way_and_alike_for_one_seed(tmp_path: Path) -> None:
    conditions = Conditions(dead_random=2, seed=5)
    walk = walk_of(tmp_path, walk_lines(20), conditions)
    assert len(walk.dead) == 2
    assert walk_of(tmp_path, walk_lines(20), conditions).dead == walk.dead
    half = len(walk.at_s) // 2
    assert None not in walk.scanner[:half]
    assert walk.scanner[half:].count(None) == half // 2


def test_a_gateway_that_smooths_reports_its_mean(tmp_path: Path) -> None:
    lines = [line(0, "nw", -60, 3, 4), line(1, "ne", -80, 3, 4), line(2, "nw", -70, 3, 4)]
    walk = walk_of(tmp_path, lines, Conditions(smoothed_s=2.0))
    assert walk.dbm == pytest.approx((-60.0, -80.0, -60.0 - 10.0 * (1 - math.exp(-1.0))))


def test_a_faster_carrier_leaves_every_so_manieth_advertisement_at_its_usual_interval(tmp_path: Path) -> None:
    walk = walk_of(tmp_path, walk_lines(12), Conditions(speed=3.0))
    numbers = bursts(walk.at_s)
    assert numbers[-1] == 3
    assert walk.scanner[:4] == tuple(GATEWAYS)
    assert np.diff(walk.at_s[::4]) == pytest.approx([0.45, 0.45, 0.45])
    assert np.diff(walk.x[::4]) == pytest.approx([0.675, 0.675, 0.675])  # at 0.5 m/s it was 0.225


def test_backwards_is_the_same_walk_from_its_end(tmp_path: Path) -> None:
    walk = walk_of(tmp_path, walk_lines(12))
    back = walk_of(tmp_path, walk_lines(12), Conditions(backwards=True))
    assert back.scanner == walk.scanner[::-1] and back.dbm == walk.dbm[::-1]
    assert back.x.tolist() == walk.x.tolist()[::-1]
    assert back.at_s == pytest.approx((walk.at_s[-1] - walk.at_s)[::-1], abs=1e-6)
    assert back.unix_s[0] == pytest.approx(walk.unix_s[0])


def test_somebody_else_begins_with_the_first_packet_of_each_time(tmp_path: Path) -> None:
    walk = walk_of(tmp_path, walk_lines(12), Conditions(anew_s=1.0))
    begun = sorted(walk.anew)
    assert begun and all(int(walk.at_s[at]) == int(walk.at_s[at - 1]) + 1 for at in begun)
    assert len(begun) == int(walk.at_s[-1])
    assert walk_of(tmp_path, walk_lines(12)).anew == frozenset()


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        (Conditions(dead={"attic": 1.0}), "attic.*no such gateway.*ne, nw, se, sw"),
        (Conditions(dead_random=4), "one must be left"),
        (Conditions(speed=0.5), "1 or more"),
        (Conditions(speed=math.nan), "1 or more"),
        (Conditions(anew_s=0.1), "0.5 seconds or more"),
        (Conditions(anew_s=math.nan), "0.5 seconds or more"),
    ],
    ids=["unknown", "all", "slow", "no number", "brief", "no time"],
)
def test_conditions_that_cannot_be_are_refused(tmp_path: Path, conditions: Conditions, says: str) -> None:
    with pytest.raises(Nonsense, match=says):
        walk_of(tmp_path, walk_lines(4), conditions)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "walk.mbd: it is empty"),
        (line(0, "nw", -70, 1, 1) + "one,two\n", "walk.mbd: line 2 is no packet of a walk"),
        (line(0, "nw", -70, 1, 1).replace("-70", "loud"), "line 1 is no packet.*unix_ts,gateway,beacon,rssi"),
        (line(0, "nw", -70, 1, 1).replace("1.000", "nan"), "line 1.*places in metres"),
        (
            line(0, "nw", -70, 1, 1) + line(1, "ne", -70, 1, 1).replace(BEACON, "other"),
            "line 2 is of beacon other",
        ),
        (line(0, "00000000beef", -70, 1, 1), "no packet in it was heard"),
        ("x" * 50_000, "line 1 is no packet"),
        ("\u00e4", "cannot be read as a walk"),
    ],
    ids=["empty", "short", "no level", "no place", "two beacons", "nobody", "long", "no text"],
)
def test_a_file_that_is_no_walk_says_which_line_and_what_it_should_be(
    tmp_path: Path, text: str, says: str
) -> None:
    write_site(tmp_path, [])
    (tmp_path / "walk.mbd").write_text(text, encoding="utf-8")
    with pytest.raises(Nonsense, match=says):
        read_walk(tmp_path / "walk.mbd", read_gateways(tmp_path / "gateways.txt"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no line 'Dongles:"),
        ("Dongles:{", "is no table"),
        ("Dongles:[1, 2]", "is no table"),
        ("Dongles:" + "[" * 100_000, "is no table"),
        ("Dongles:{}", "0 gateways"),
        ('Dongles:{"a": [[1, 2], 0, "n"]}', "is no table"),
        ('Dongles:{"a": [[1, 2, 3], 0, "n"], "b": [[1, 2, 3], 0, "n"]}', "'n' needs a name of its own"),
        ('Dongles:{"a": [[1, 2, 3e9], 0, "n"]}', "'n' needs a place in metres"),
        ('Dongles:{"a": [[1, 2, 3], 0, "n/m"]}', "'n/m' needs a name"),
    ],
    ids=["empty", "cut", "list", "deep", "none", "flat", "twice", "far", "name"],
)
def test_gateways_that_are_none_are_refused_by_file(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "gateways.txt").write_text(text)
    with pytest.raises(Nonsense, match=says) as caught:
        read_gateways(tmp_path / "gateways.txt")
    assert caught.value.reason.startswith("gateways.txt: ")


def test_a_survey_without_readings_or_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "survey.csv").write_text("sensor,x,y,z,rssi,count\n")
    with pytest.raises(Nonsense, match="--no-survey"):
        read_points(tmp_path / "survey.csv")
    (tmp_path / "survey.csv.gz").write_text(survey_text())
    with pytest.raises(Nonsense, match=r"survey\.csv\.gz: is no gzip"):
        read_points(tmp_path / "survey.csv.gz")


def test_error_codes_of_a_survey_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "survey.csv").write_text(
        "sensor,x,y,z,rssi,count\nnw,1,1,1,-60,3\nnw,1,1,1,62,1\nne,1,1,1,5,1\n"
    )
    (point,) = read_points(tmp_path / "survey.csv")
    assert point.heard == {"nw": {-60: 3}}


# --- the verb


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give --gateways"),
        (["--gateways", "{}/gateways.txt", "--walk", "{}/walk.mbd"], "give --survey, or say --no-survey"),
        (["--gateways", "{}/none.txt", "--walk", "{}/walk.mbd", "--no-survey"], "none.txt: No such file"),
    ],
    ids=["nothing", "no survey", "no file"],
)
def test_what_is_missing_is_said_in_a_sentence(tmp_path: Path, options: list[str], says: str) -> None:
    write_site(tmp_path, walk_lines(3))
    result = run(*(option.format(tmp_path) for option in options))
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--dead", "nw"], "NAME@SECONDS"),
        (["--dead", "attic@3"], "no such gateway"),
        (["--grid", "3"], "COLUMNSxROWS"),
        (["--floor", "0x0"], "1 to 1,000 m"),
        (["--smoothed", "-1"], "time constant"),
        (["--set", "cell_m=9"], "cell_m"),
        (["--set", "colour=blue"], "colour"),
    ],
    ids=lambda options: options[0] if isinstance(options, list) else "",
)
def test_an_option_that_is_none_is_refused(tmp_path: Path, options: list[str], says: str) -> None:
    result = run(*write_site(tmp_path, walk_lines(3)), "--quick", *options)
    assert result.exit_code == 2
    assert says in result.output


def test_two_walks_of_one_name_are_refused(tmp_path: Path) -> None:
    options = write_site(tmp_path, walk_lines(3))
    result = run(*options, "--walk", str(tmp_path / "walk.mbd"))
    assert (result.exit_code, "two walks are called walk" in result.output) == (2, True)


def test_figures_are_printed_as_json_and_events_are_a_line_a_packet(tmp_path: Path) -> None:
    lines = walk_lines(12)
    result = run(
        *write_site(tmp_path, lines), "--quick", "--ours", "--json", "--events", str(tmp_path / "e.jsonl")
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["floor_m"], found["grid"], found["gateways"], found["survey_points"]) == (
        [12, 8],
        [3, 2],
        4,
        24,
    )
    assert [method["ours"] for method in found["methods"]] == [True, False]
    assert set(found["methods"][0]["walks"]) == {"walk"}
    events = [json.loads(event) for event in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert [event["t"] for event in events] == [float(one.split(",")[0]) for one in lines]
    assert all(set(event) == {"walk", "t", "zone", "p", "x", "y"} for event in events)
    assert events[-1]["zone"] != "unknown"


def test_gateways_file_of_the_site_is_what_the_reader_takes(tmp_path: Path) -> None:
    (tmp_path / "gateways.txt").write_text(gateways_text())
    assert read_gateways(tmp_path / "gateways.txt") == {
        address: (name, at) for name, (address, at) in GATEWAYS.items()
    }


def test_the_point_nearest_to_a_gateway_stands_for_its_beacon_and_the_gateway_does_not_hear_itself() -> None:
    near = SurveyPoint(1.0, 1.0, 1.2, "", {"a": {-40: 9}, "b": {-70: 9}})
    far = SurveyPoint(9.0, 1.0, 1.2, "", {"a": {-71: 9}, "b": {-41: 9}})
    found = heard_of_each_other((near, far), {"a": Place(0.5, 1.0, 2.5), "b": Place(9.5, 1.0, 2.0)})
    assert found == (
        SurveyPoint(0.5, 1.0, 2.5, "a", {"b": {-70: 9}}),
        SurveyPoint(9.5, 1.0, 2.0, "b", {"a": {-71: 9}}),
    )
