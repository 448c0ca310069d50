"""A survey beside the floor becomes a radio map, once for each state of the files, and goes when the survey goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from actors.facts import Facts
from actors.presence.ground import make_ground
from edge.book_radio import RADIO_BOOKS, digest_held
from edge.book_survey import write_survey
from edge.books import Books, BooksWrong, changed, read_books
from protocols.effects import Know
from protocols.facts import Fact, Radio, SurveyPoint

GROCERY = Path(__file__).parents[2] / "sim" / "grocery"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example store that a test may spoil."""
    copy = tmp_path / "store"
    shutil.copytree(GROCERY, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (copy / "survey.csv").unlink(missing_ok=True)
    return copy


def scanners_of(folder: Path) -> list[str]:
    return [know.key for know in read_books(folder).knows if know.book == "scanner"]


def surveyed(folder: Path, *, louder: int = 0) -> tuple[SurveyPoint, ...]:
    """Nine places at which every scanner of the floor heard the device, one strength and its neighbour."""
    points = tuple(
        SurveyPoint(
            x,
            y,
            1.2,
            "",
            {
                name: {-60 - number + louder: 20, -61 - number + louder: 10}
                for number, name in enumerate(scanners_of(folder))
            },
        )
        for x in (2.0, 8.0, 14.0)
        for y in (2.0, 6.0, 10.0)
    )
    (folder / "survey.csv").write_bytes(write_survey(points))
    return points


def held(knows: Iterable[Know], version: int = 1) -> list[Fact]:
    return [Fact(know.book, know.key, version, bytes(know.value)) for know in knows]


def all_of(books: Books) -> list[Fact]:
    return held((*books.knows, *(books.radio or ())))


def refused(folder: Path) -> list[str]:
    with pytest.raises(BooksWrong) as caught:
        read_books(folder)
    return caught.value.reason.splitlines()


def rewrite(folder: Path, before: str, after: str) -> None:
    floor = folder / "floor.yaml"
    text = floor.read_text(encoding="utf-8")
    assert before in text
    floor.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_a_store_without_a_survey_has_no_map(folder: Path) -> None:
    assert read_books(folder).radio == ()


def test_a_survey_beside_the_floor_becomes_one_radio_fact_and_a_signal_fact_a_scanner(folder: Path) -> None:
    surveyed(folder)
    books = read_books(folder)
    assert books.radio is not None
    assert {know.book for know in books.radio} == set(RADIO_BOOKS)
    assert [know.key for know in books.radio if know.book == "signal"] == sorted(scanners_of(folder))
    (radio,) = (msgspec.json.decode(know.value, type=Radio) for know in books.radio if know.book == "radio")
    assert (radio.source, radio.points) == ("survey", 9)
    assert radio.digest != ""


def test_a_cell_makes_its_ground_from_these_facts(folder: Path) -> None:
    surveyed(folder)
    facts = Facts()
    facts.apply(all_of(read_books(folder)), 1)
    ground = make_ground(facts)
    assert ground is not None
    assert sorted(ground.scanners) == sorted(scanners_of(folder))
    assert ground.zones


def test_the_map_of_the_same_files_is_not_made_again(folder: Path) -> None:
    surveyed(folder)
    books = read_books(folder)
    digest = digest_held(all_of(books))
    assert digest != ""
    again = read_books(folder, radio_held=digest)
    assert again.radio is None
    assert changed(all_of(books), again) == []  # and what the database holds of it stays


def test_the_same_counts_in_another_order_are_the_same_survey(folder: Path) -> None:
    points = surveyed(folder)
    digest = digest_held(all_of(read_books(folder)))
    mixed = [
        msgspec.structs.replace(
            point,
            heard={name: dict(reversed(counts.items())) for name, counts in reversed(point.heard.items())},
        )
        for point in points
    ]
    rows = write_survey(mixed).decode().splitlines()
    (folder / "survey.csv").write_text("\n".join([rows[0], *rows[1:]]) + "\n")
    assert read_books(folder, radio_held=digest).radio is None


def test_another_survey_another_scanner_or_another_height_makes_another_map(folder: Path) -> None:
    surveyed(folder)
    digest = digest_held(all_of(read_books(folder)))
    surveyed(folder, louder=3)
    louder = read_books(folder, radio_held=digest)
    assert louder.radio
    assert digest_held(all_of(louder)) != digest
    surveyed(folder)
    assert read_books(folder, radio_held=digest).radio is None
    floor = (folder / "floor.yaml").read_text(encoding="utf-8")
    rewrite(folder, "presence: {", "presence: {carried_z_m: 0.8, ")
    assert read_books(folder, radio_held=digest).radio
    (folder / "floor.yaml").write_text(floor, encoding="utf-8")
    assert read_books(folder, radio_held=digest).radio is None
    scanners = floor.index("scanners:")
    head, x, tail = floor[scanners:].partition("x: ")
    (folder / "floor.yaml").write_text(f"{floor[:scanners]}{head}{x}1{tail}", encoding="utf-8")
    assert read_books(folder, radio_held=digest).radio


def test_the_map_goes_with_the_survey(folder: Path) -> None:
    surveyed(folder)
    books = read_books(folder)
    facts = all_of(books)
    (folder / "survey.csv").unlink()
    after = read_books(folder, radio_held=digest_held(facts))
    gone = changed(facts, after)
    assert {know.book for know in gone} == set(RADIO_BOOKS)
    assert {bytes(know.value) for know in gone} == {b"null"}
    assert len(gone) == 1 + len(scanners_of(folder))
    assert digest_held(held(gone)) == ""


def test_presence_by_the_nearest_scanner_needs_no_map(folder: Path) -> None:
    surveyed(folder)
    rewrite(folder, "presence: {", "presence: {method: nearest, ")
    assert read_books(folder).radio == ()


def test_every_wrong_row_of_a_survey_is_told_by_its_line(folder: Path) -> None:
    surveyed(folder)
    rows = (folder / "survey.csv").read_text().splitlines()
    rows[2] = rows[2].replace(rows[2].split(",")[4], "loud", 1)
    rows[5] = ",".join(["milk", "a", *rows[5].split(",")[2:]])
    (folder / "survey.csv").write_text("\n".join(rows) + "\n")
    told = refused(folder)
    assert len(told) == 2
    assert told[0].startswith("survey.csv:3:")
    assert "rssi" in told[0]
    assert told[1].startswith("survey.csv:6:")


def test_a_plan_of_too_many_cells_is_told_with_what_to_do(folder: Path) -> None:
    surveyed(folder)
    rewrite(folder, "width: 24", "width: 1000")
    rewrite(folder, "presence: {", "presence: {cell_m: 0.25, ")
    rewrite(folder, "height: 20", "height: 1000")
    told = refused(folder)
    assert any("set a larger cell_m" in line for line in told), told
