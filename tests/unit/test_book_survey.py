"""A survey file is read to exact counts, written back the same, and refused with every wrong line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import book_survey
from edge.book_survey import SurveyWrong, read_survey, write_survey
from protocols.errors import Nonsense
from protocols.facts import SurveyPoint

HEAD = "scanner,x,y,z,rssi,count,by,day\n"
PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "ble_walks" / "fingerprints.csv.gz"

names = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=8).filter(
    lambda text: not set(text) & set("/+#")
)
metres = st.integers(-1_000_000, 1_000_000).map(lambda mm: mm / 1_000 + 0.0)
heards = st.dictionaries(
    names, st.dictionaries(st.integers(-127, 126), st.integers(1, 10_000), min_size=1), min_size=1, max_size=3
)
points = st.builds(
    SurveyPoint, metres, metres, metres, names | st.just(""), heards, st.sampled_from(("", "2026-11-24"))
)


def refused(text: bytes | str) -> list[str]:
    with pytest.raises(SurveyWrong) as caught:
        read_survey(text)
    return caught.value.reason.splitlines()


def test_rows_of_one_place_are_one_point_and_rows_of_one_strength_add_up() -> None:
    text = (
        HEAD
        + "milk,4.5,2,1.2,-67,18,,\nmilk,4.5,2,1.2,-66,2,,\nbread,4.50,2.0,1.2,-80,1,,\nmilk,4.5,2,1.2,-67,1,,\n"
    )
    assert read_survey(text) == (
        SurveyPoint(4.5, 2.0, 1.2, "", {"milk": {-67: 19, -66: 2}, "bread": {-80: 1}}),
    )


def test_another_device_and_another_day_at_the_same_place_are_other_points() -> None:
    text = HEAD + "a,1,1,1,-60,1,,2026-11-24\na,1,1,1,-60,1,,2026-11-25\na,1,1,1,-60,1,b,2026-11-25\n"
    assert [(point.by, point.day) for point in read_survey(text)] == [
        ("", "2026-11-24"),
        ("", "2026-11-25"),
        ("b", "2026-11-25"),
    ]


def test_the_published_form_is_taken_with_columns_in_any_order_and_a_byte_order_mark() -> None:
    plain = (SurveyPoint(0.5, 2.0, 1.85, "", {"s1": {-94: 3}}),)
    assert read_survey("sensor,x,y,z,rssi,count\r\ns1,0.5,2,1.85,-94,3\r\n") == plain
    assert read_survey("\ufeffcount,rssi,z,y,x,sensor\n3,-94,1.85,2,0.5,s1\n") == plain


def test_an_empty_file_has_no_points() -> None:
    assert read_survey(b"") == () == read_survey(HEAD)


@given(st.lists(points, max_size=6, unique_by=lambda one: (one.x, one.y, one.z, one.by, one.day)))
def test_what_is_written_is_read_back_the_same(some: list[SurveyPoint]) -> None:
    written = write_survey(some)
    assert list(read_survey(written)) == some
    assert write_survey(read_survey(written)) == written


@given(st.binary(max_size=300) | st.text('sensor,xyzcount\n"-0123456789\x00é', max_size=300))
def test_any_bytes_are_points_or_a_refusal(text: bytes | str) -> None:
    try:
        read_survey(text)
    except SurveyWrong as wrong:
        assert wrong.problems


def test_every_wrong_line_is_told_with_what_it_must_be() -> None:
    text = (
        HEAD
        + "milk,4.5,2,1.2,-67,18,,\n"
        + "mi lk,4.5,2,1.2,-67,18,,\n"
        + "milk,nan,2,1.2,-67,18,,\n"
        + "milk,4.5,2,1200,-67,18,,\n"
        + "milk,4.5,2,1.2,-67.5,0,,\n"
        + "milk,4.5,2,1.2,-67,1,a/b,yesterday\n"
        + "milk,4.5\n"
    )
    assert refused(text) == [
        "survey.csv:3:1: a scanner is 1 to 128 characters without white space, '/', '+' or '#'",
        "survey.csv:4:1: x 'nan' must be metres, -1,000 to 1,000",
        "survey.csv:5:1: z '1200' must be metres, -1,000 to 1,000",
        "survey.csv:6:1: rssi '-67.5' must be a whole number, -127 to 126",
        "survey.csv:6:1: count '0' must be a whole number, 1 to 10,000,000",
        "survey.csv:7:1: by is a scanner: 1 to 128 characters without white space, '/', '+' or '#'",
        "survey.csv:7:1: day 'yesterday' is no day; write it as 2026-11-24, or leave it empty",
        "survey.csv:8:1: has 2 fields, but the first line names more",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("milk,4.5,2,1.2,-67,18\n", "survey.csv:1:1: no column 'scanner'; the first line names the columns"),
        ("sensor,scanner,x,y,z,rssi,count\n", "survey.csv:1:1: 'scanner' stands twice"),
        ("sensor,x,y,z,rssi,count,colour\n", "survey.csv:1:1: 'colour' is no column of a survey"),
        (HEAD + 'a,1,1,1,-60,1,,\n"a,1,1,1,-60,1,,\nb,1,1,1,-60,1,,\n', "survey.csv:3:1: is no CSV"),
        (HEAD.encode() + b"a,1,1,1,-60,1,,\n\xff,1,1,1,-60,1,,\n", "survey.csv:3:1: is not UTF-8"),
    ],
)
def test_a_file_of_another_form_is_refused_by_line(text: bytes | str, said: str) -> None:
    lines = refused(text)
    assert len(lines) == 1
    assert lines[0].startswith(said)


def test_only_the_first_hundred_errors_are_told_and_the_rest_counted() -> None:
    lines = refused(HEAD + "milk,1,1,1,-60,none,,\n" * 130)
    assert len(lines) == 101
    assert lines[-1].endswith("and 30 more errors")


def test_a_survey_over_a_limit_is_neither_read_nor_written(monkeypatch: pytest.MonkeyPatch) -> None:
    row = "s,{0},1,1,-60,1,,\n"
    many = HEAD + "".join(row.format(x) for x in range(4))
    monkeypatch.setattr(book_survey, "POINTS_MAX", 3)
    assert refused(many) == ["survey.csv:5:1: more than 3 points; take old days out"]
    with pytest.raises(Nonsense, match="at most 3 points"):
        write_survey(SurveyPoint(float(x), 1.0, 1.0, "", {"s": {-60: 1}}) for x in range(4))
    monkeypatch.setattr(book_survey, "POINTS_MAX", 4)
    monkeypatch.setattr(book_survey, "ROWS_MAX", 3)
    assert refused(many) == ["survey.csv:5:1: more than 3 rows; take old days out"]
    with pytest.raises(Nonsense, match="at most 3 rows"):
        write_survey([SurveyPoint(1.0, 1.0, 1.0, "", {"s": {-60: 1, -61: 1, -62: 1, -63: 1}})])
    monkeypatch.setattr(book_survey, "FILE_BYTES_MAX", 20)
    assert "is over" in refused(many)[0]


@pytest.mark.skipif(not PUBLIC.exists(), reason="../shared/data is not here")
def test_published_fingerprints_keep_every_count() -> None:
    text = gzip.decompress(PUBLIC.read_bytes())
    survey = read_survey(text)
    assert len(survey) == 81
    assert len({scanner for point in survey for scanner in point.heard}) == 12
    given = [line.split(",") for line in text.decode().splitlines()[1:]]
    found = {
        (p.x, p.y, p.z, s, r): n for p in survey for s, heard in p.heard.items() for r, n in heard.items()
    }
    assert found == {(float(x), float(y), float(z), s, int(r)): int(n) for s, x, y, z, r, n in given}
    assert read_survey(write_survey(survey)) == survey
