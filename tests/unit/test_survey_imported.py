"""Fingerprints from elsewhere are taken in: packed or not, under other names; and a walk is told in a terminal."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from rich.console import Console

from edge.book_survey import FILE_BYTES_MAX, SurveyWrong, read_survey, write_fingerprints
from edge.settings import HttpSettings, Settings, StoreSettings
from edge.survey.imported import fingerprints, read_names
from edge.survey.remote import Remote
from edge.survey.shown import Follower, listed, strangers, tables, totals
from edge.web.survey_views import ScannerHeard, StopView, SurveyView
from protocols.errors import Nonsense
from protocols.facts import SurveyPoint

PUBLISHED = b"sensor,x,y,z,rssi,count\nsensor10,1,2,1.2,-70,3\nsensor11,1,2,1.2,-70,4\n"
NAMES = 'Dongles:{"b827eb4521b4": [[7.0, 7.09, 1.22], 16711680, "sensor10"]}\nBeacons:{"e78f": [[], 1, "beacon1"] }\n'
GROCERY = Path(__file__).parents[2] / "sim" / "grocery"


def test_a_packed_file_is_taken_in_under_the_stores_names(tmp_path: Path) -> None:
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress(PUBLISHED, mtime=0))
    (tmp_path / "names.txt").write_text(NAMES)
    names = read_names(tmp_path / "names.txt")
    assert names == {"sensor10": "b827eb4521b4", "beacon1": "e78f"}
    assert fingerprints(tmp_path / "f.csv.gz", names) == (
        SurveyPoint(1.0, 2.0, 1.2, "", {"b827eb4521b4": {-70: 3}, "sensor11": {-70: 4}}),
    )


def test_two_names_of_one_scanner_add_up(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(PUBLISHED)
    both = fingerprints(tmp_path / "f.csv", {"sensor10": "milk", "sensor11": "milk"})
    assert both[0].heard == {"milk": {-70: 7}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(PUBLISHED, mtime=0)[:-12], "is damaged"),
        (b"\x1f\x8bnothing", "is damaged"),
        (gzip.compress(b"\n" * (FILE_BYTES_MAX + 1), mtime=0), "is over 32 MB"),
        (b"nothing\n", "no column 'scanner'"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, body: bytes, said: str) -> None:
    (tmp_path / "f").write_bytes(body)
    with pytest.raises(Nonsense, match=said):
        fingerprints(tmp_path / "f", {})
    with pytest.raises(Nonsense, match="cannot be read"):
        fingerprints(tmp_path / "none", {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        'Dongles:{"a": 3}',
        "Dongles:{",
        'Dongles:["a"]',
        'Dongles:{"a b": [[], 1, "s"]}',
        "\xff",
    ],
)
def test_a_list_of_names_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "names").write_bytes(text.encode("latin-1"))
    with pytest.raises(Nonsense):
        read_names(tmp_path / "names")


def test_what_is_exported_in_the_published_form_is_read_back_without_scanners_beacons() -> None:
    walked = SurveyPoint(1.5, 2.0, 1.2, "", {"a": {-60: 2}}, "2026-11-24")
    mutual = SurveyPoint(3.0, 2.0, 2.5, "b", {"a": {-70: 2}}, "2026-11-24")
    body = write_fingerprints((walked, mutual))
    assert body == b"sensor,x,y,z,rssi,count\na,1.5,2,1.2,-60,2\n"
    assert read_survey(body)[0].heard == walked.heard
    with pytest.raises(SurveyWrong):
        read_survey(body.replace(b"-60", b"low"))


def settings(host: str = "127.0.0.1", books: Path = GROCERY) -> Settings:
    return Settings(store=StoreSettings(books=str(books)), http=HttpSettings(host=host, port=8080))


def test_scanners_that_the_floor_does_not_list_are_named(tmp_path: Path) -> None:
    point = SurveyPoint(1, 1, 1, "attic", {"coffee": {-60: 1}, "lobby": {-60: 1}})
    assert strangers(settings(), (point,)) == "attic, lobby"
    assert listed(settings(books=tmp_path)) is None
    assert strangers(settings(books=tmp_path), (point,)) == ""


def shown(*points: SurveyPoint) -> str:
    console = Console(file=io.StringIO(), width=120)
    for table in tables(settings(), points):
        console.print(table, markup=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_survey_is_shown_by_point_and_by_scanner_with_its_weak_spots() -> None:
    heard = {"coffee": {-60: 3, -62: 1}, "pantry": {-70: 2}, "snacks": {-80: 1}}
    points = (
        SurveyPoint(10.5, 7.0, 1.2, "", heard, "2026-11-24"),
        SurveyPoint(1.0, 2.0, 1.2, "", {"produce": {-90: 1}}, "2026-11-24"),
        SurveyPoint(11.2, 8.6, 2.8, "coffee", {"pantry": {-71: 5}}, "2026-11-24"),
    )
    assert totals(points) == "2 points, 1 scanner's beacon, 4 scanners, 13 readings"
    text = shown(*points)
    assert "Only one scanner hears this spot." in text
    assert "1 weak spot. Hang a scanner nearer, or stand there again." in text
    rows = {line.split("│")[1].strip(): line for line in text.splitlines() if line.count("│") == 5}
    assert [cell.strip() for cell in rows["pantry"].split("│")[2:5]] == ["2 of 3", "7", "-71"]
    assert [cell.strip() for cell in rows["bakery"].split("│")[2:5]] == ["0 of 3", "0", "none"]


def test_a_walk_is_followed_with_a_line_for_each_step_and_none_for_a_countdown() -> None:
    console = Console(file=io.StringIO(), width=120)
    follower = Follower(console)
    stops = (StopView(1, 1, "open"), StopView(4, 1, "open"))
    weak = StopView(1, 1, "done", 9, 1, "Only one scanner hears this spot.")
    heard = (ScannerHeard("milk", 9, -60, enough=True),)
    for now in (
        SurveyView("none", "No survey is under way."),
        SurveyView("walking", "Stand on the blue point.", 7, at=0, stops=stops),
        SurveyView("standing", "Stay here, 3 s.", 8, at=0, heard=heard),
        SurveyView("standing", "Stay here, 2 s.", 8, at=0, heard=heard),
        SurveyView("done", "All points are done.", 9, done=1, points=12, stops=(weak,)),
    ):
        assert not follower.is_over
        follower.tell(now)
    assert follower.is_over
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "No survey is under way.",
        "point 1 of 2: Stand on the blue point.",
        "point 1 of 2: Stay here, 3 s.",
        "1 point done: All points are done.",
        "survey.csv has 12 points.",
        "point 1: Only one scanner hears this spot.",
    ]


@pytest.mark.parametrize(
    ("host", "url", "page", "hint"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080", "http://127.0.0.1:8080/survey", "no phone reaches it"),
        ("::1", "http://[::1]:8080", "http://[::1]:8080/survey", "no phone reaches it"),
        ("10.1.2.3", "http://10.1.2.3:8080", "http://10.1.2.3:8080/survey", ""),
    ],
)
def test_a_phone_is_told_where_the_page_is_and_what_keeps_it_away(
    host: str, url: str, page: str, hint: str
) -> None:
    remote = Remote(settings(host))
    assert remote.url == url
    address, said = remote.page()
    assert address == page
    assert hint in said
    assert bool(hint) == bool(said)


def test_a_store_that_listens_everywhere_is_asked_on_this_machine() -> None:
    assert [Remote(settings(host)).url for host in ("0.0.0.0", "::")] == [
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
    ]
