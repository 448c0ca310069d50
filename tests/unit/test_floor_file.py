"""floor.yaml under the editor's hand: nothing is lost on the way, what is wrong is told with its place, and whole
files take the place of whole files."""

from __future__ import annotations

import asyncio
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from actors.campaigns.reading import Reading
from actors.campaigns.text import Refused, parse
from edge.book_floor import SECTIONS, Floor, read_floor
from edge.floor_file import KEPT_MAX, PICTURES_MAX, FloorFile
from edge.floor_picture import PICTURE_BYTES_MAX, WrongPicture, examined, is_picture_name
from edge.floor_text import comments_below, floor_text, lead_of
from edge.web.floor_views import FloorChange, FloorDocument, FloorDraft
from edge.web.ports import FloorMoved, FloorWrong
from protocols.errors import NotNow, TooLarge

GROCERY = Path(__file__).parents[2] / "sim" / "grocery"
NOON_MS = 1_796_212_800_000  # 2026-12-02 12:00:00 UTC

# Every field that the reader knows, each with another value than its default.
WHOLE = """\
# The corner shop.
# Mind the step.

plan:
  name: "Corner: the shop"
  width: 12.5
  height: 8
  picture: {file: floor-0123456789abcdef.png, x: -1.25, y: 0.5, width: 14}
  walls:
    - [[0, 0], [12.5, 0], [12.5, 8]]
presence: {method: radio, enter_p: 0.7, leave_p: 0.2, cell_m: 0.5, carried_z_m: 1, beacon_sd_db: 3, window_s: 2,
  hysteresis_db: 5, hold_s: 2, zone_silence_s: 12, visit_silence_s: 40}
zones: # two of them
  10: {name: Door, box: [0.1, 0.2, 3, 4], margin_m: 0.5}
  milk-é: {name: "Milk, \\"fresh\\" # 1", polygon: [[4, 1], [8, 1.3], [6, 5]]}
scanners:
  esp-1: {zone: "10", x: 1, y: 2, z: 3, beacon: "e2:c5", smoothing_s: 15}
shelves:
  s1: {zone: milk-é, sku: milk, unit_g: 1032, capacity: 24, low_at: 6, x: 1, y: 2, w: 2, h: 0.3, scale: node-1,
    zero_counts: -5, counts_per_kg: 430}
signs:
  w: {name: Wall, zones: ["10"], playlist: [card], x: 3, y: 4, slot_s: 20}
tills:
  t: {name: Till, x: 5, y: 6}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example store that a test may change."""
    copy = tmp_path / "books"
    shutil.copytree(GROCERY, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


@pytest.fixture
def file(folder: Path) -> FloorFile:
    return FloorFile(folder, lambda: NOON_MS)


def floor_of(text: str) -> Floor:
    reading = Reading("floor.yaml")
    floor = read_floor(reading, parse(text, "floor.yaml"), None)
    assert reading.told() == ()
    return floor


def sent(draft: FloorDraft) -> dict[str, Any]:
    """The draft's floor as a page holds it: plain JSON."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(draft.floor))
    return plain


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(one.name for one in folder.glob(pattern))


def contents(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


async def at(file: FloorFile) -> tuple[str, dict[str, Any]]:
    draft = await file.draft()
    return draft.revision, sent(draft)


# --- the text


async def test_every_word_that_the_reader_knows_comes_through_a_draft_and_back(tmp_path: Path) -> None:
    (tmp_path / "floor.yaml").write_text(WHOLE, encoding="utf-8")
    draft = await FloorFile(tmp_path, lambda: 0).draft()
    again = floor_text(sent(draft), lead_of(WHOLE))
    before, after = floor_of(WHOLE), floor_of(again)
    for section in SECTIONS:
        assert getattr(after, section) == getattr(before, section), section
    assert list(after.zones) == ["10", "milk-é"]
    # What a later release adds to a fact must stand in WHOLE, or its way through the editor is not tested.
    for one in (before.plan, before.presence, before.zones["10"], *before.scanners.values(),
                *before.shelves.values(), *before.signs.values(), *before.tills.values()):  # fmt: skip
        for name, field in ((field.name, field) for field in msgspec.structs.fields(type(one))):
            assert getattr(one, name) != field.default, f"{type(one).__name__}.{name} has its default here"


def test_a_draft_has_every_section_of_the_file() -> None:
    assert FloorDocument.__struct_fields__ == SECTIONS


def test_the_example_is_written_as_a_person_would_and_reads_the_same() -> None:
    text = (GROCERY / "floor.yaml").read_text()
    floor = floor_of(text)
    document = {
        "zones": msgspec.to_builtins(floor.zones),
        "presence": {},
        "tills": msgspec.to_builtins(floor.tills),
    }
    assert floor_text(document, lead_of(text)).splitlines()[:4] == [
        "# Harbour Street, store 014. Metres from the top left corner; x to the right, y downwards.",
        "zones:",
        "  produce: {name: Produce, box: [0.3, 0.3, 6.4, 8.7]}",
        "  dairy: {name: Dairy, box: [6.9, 0.8, 10, 3.1]}",
    ]


def test_the_first_comment_is_kept_and_the_others_are_counted() -> None:
    text = '\n# one\n#\n# two\n\nplan: # three\n  name: "a # b"\n  # four\n  it: Ben\'s # five\n'
    assert lead_of(text) == "# one\n#\n# two\n"
    assert comments_below(text) == 3
    assert (lead_of("plan: {}\n"), comments_below("plan: {}\n")) == ("", 0)
    assert lead_of("# alone") == "# alone\n"


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(SECTIONS) | st.text(), _json, max_size=5))
def test_any_json_is_written_as_yaml_that_says_the_same(floor: dict[str, Any]) -> None:
    """Read by an ordinary YAML parser, each text that was in it is there again: no text breaks out of its place."""
    text = floor_text(floor)
    read = yaml.load(text, yaml.BaseLoader) or {}
    assert set(read) <= set(floor)
    for name in set(read) - set(SECTIONS):
        assert read[name] == _as_text(floor[name])
    reading = Reading("floor.yaml")
    try:
        read_floor(reading, parse(text, "floor.yaml"), None)
    except Refused as refused:
        assert refused.problem.reason
    assert all(problem.reason for problem in reading.told())


def _as_text(value: Any) -> Any:
    """What a parser that takes every scalar for text makes of it."""
    if isinstance(value, dict):
        return {key: _as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        text = f"{value:.4f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    return str(value)


# --- saving


async def test_a_save_replaces_the_file_and_keeps_the_one_before_under_its_time(
    folder: Path, file: FloorFile
) -> None:
    before = (folder / "floor.yaml").read_bytes()
    (folder / "floor.yaml").chmod(0o640)
    revision, floor = await at(file)
    floor["scanners"]["coffee"]["x"] = 11.6
    saved = await file.save(FloorChange(revision, floor), dry_run=False)
    assert saved.saved and saved.problems == ()
    text = (folder / "floor.yaml").read_text()
    assert text.startswith("# Harbour Street, store 014.")
    assert "  coffee: {zone: coffee, x: 11.6, y: 8.6, z: 2.8}" in text
    assert (folder / "floor.yaml.20261202-120000").read_bytes() == before
    assert (folder / "floor.yaml").stat().st_mode & 0o777 == 0o640
    assert names(folder, "*.new") == []
    draft = await file.draft()
    assert (draft.revision, draft.comments) == (saved.revision, 0)


async def test_a_save_that_changes_nothing_writes_nothing(folder: Path, file: FloorFile) -> None:
    revision, floor = await at(file)
    first = await file.save(FloorChange(revision, floor), dry_run=False)
    stamp = (folder / "floor.yaml").stat().st_mtime_ns
    again = await file.save(FloorChange(first.revision, floor), dry_run=False)
    assert again == first
    assert (folder / "floor.yaml").stat().st_mtime_ns == stamp
    assert len(names(folder, "floor.yaml.*")) == 1  # the first one took the comments


async def test_earlier_floors_are_kept_up_to_a_number(folder: Path, file: FloorFile) -> None:
    for n in range(KEPT_MAX + 3):
        revision, floor = await at(file)
        floor["plan"]["name"] = f"No {n}"
        await file.save(FloorChange(revision, floor), dry_run=False)
    kept = [text.decode() for name, text in contents(folder).items() if name.startswith("floor.yaml.")]
    assert len(kept) == KEPT_MAX + 1
    # The file of before is gone, and so is the first save; the newest are there.
    there = [n for n in range(KEPT_MAX + 3) if any(f"name: No {n}\n" in one for one in kept)]
    assert there == list(range(1, KEPT_MAX + 2))


async def test_a_dry_run_tells_everything_with_its_place_and_writes_nothing(
    folder: Path, file: FloorFile
) -> None:
    before = contents(folder)
    revision, floor = await at(file)
    floor["zones"]["coffee"]["polygon"][2] = [99, 12.7]
    floor["zones"]["coffee"]["marginal"] = 1
    floor["scanners"]["dairy"]["z"] = "high"
    floor["shelves"]["dairy-1"]["sku"] = "whole-mlik"
    del floor["zones"]["snacks"]
    said = await file.save(FloorChange("old", floor), dry_run=True)
    assert (said.saved, said.revision) == (False, revision)
    told = {one.at: one.say for one in said.problems if one.file == "floor.yaml"}
    assert told[("zones", "coffee", "marginal")].startswith("a zone has no field 'marginal'")
    assert told[("zones", "coffee")] == "reaches over the plan of 24 × 20 m"
    assert told[("scanners", "dairy", "z")] == "z must be a number, -10 to 50"
    assert "did you mean 'whole-milk'?" in told[("shelves", "dairy-1", "sku")]
    assert "there is no zone 'snacks'" in told[("scanners", "snacks", "zone")]
    assert "there is no zone 'snacks'" in told[("signs", "screen-3", "zones", "3")]
    campaigns = [one for one in said.problems if one.file == "campaigns.yaml"]
    assert campaigns and campaigns[0].line > 1 and campaigns[0].at == ()
    assert contents(folder) == before


async def test_a_floor_with_errors_is_not_saved(folder: Path, file: FloorFile) -> None:
    before = (folder / "floor.yaml").read_bytes()
    revision, floor = await at(file)
    floor["zones"]["coffee"]["margin_m"] = 6
    with pytest.raises(FloorWrong) as refused:
        await file.save(FloorChange(revision, floor), dry_run=False)
    assert "zones.coffee.margin_m: margin_m is 6; it must be 0 to 5" in refused.value.reason
    assert (folder / "floor.yaml").read_bytes() == before
    assert names(folder, "floor.yaml.*") == []


async def test_a_floor_beside_a_broken_survey_is_not_saved_as_the_store_would_not_take_it(
    folder: Path, file: FloorFile
) -> None:
    (folder / "survey.csv").write_text("scanner,x,y,z,rssi,count\ncoffee,1,1,1,loud,1\n")
    revision, floor = await at(file)
    assert (await file.save(FloorChange(revision, floor), dry_run=True)).problems == ()
    with pytest.raises(FloorWrong, match=r"survey\.csv line 2"):
        await file.save(FloorChange(revision, floor), dry_run=False)


async def test_a_file_that_somebody_else_changed_is_not_written_over(folder: Path, file: FloorFile) -> None:
    revision, floor = await at(file)
    text = (folder / "floor.yaml").read_text().replace("name: Coffee", "name: Coffee and tea")
    (folder / "floor.yaml").write_text(text)
    with pytest.raises(FloorMoved, match="GET the draft again"):
        await file.save(FloorChange(revision, floor), dry_run=False)
    assert "Coffee and tea" in (folder / "floor.yaml").read_text()


async def test_of_two_who_save_at_once_one_is_told(file: FloorFile) -> None:
    revision, floor = await at(file)
    other = msgspec.json.decode(msgspec.json.encode(floor))
    floor["plan"]["name"], other["plan"]["name"] = "Mine", "Yours"
    both = (file.save(FloorChange(revision, one), dry_run=False) for one in (floor, other))
    done = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["FloorMoved", "FloorSaved"]


async def test_a_file_that_cannot_be_read_whole_is_not_offered_for_editing(
    folder: Path, file: FloorFile
) -> None:
    (folder / "floor.yaml").write_text("plan: {width: 5, height: 5}\nzones:\n  a: {}\n")
    with pytest.raises(FloorWrong, match=r"mend it by hand first\. floor.yaml line 3: a zone needs 'name'"):
        await file.draft()
    (folder / "floor.yaml").write_text("plan: [")
    with pytest.raises(FloorWrong, match="not YAML"):
        await file.draft()
    (folder / "floor.yaml").unlink()
    with pytest.raises(NotNow, match="cannot be read"):
        await file.draft()


async def test_a_file_that_lies_elsewhere_stays_there(folder: Path, tmp_path: Path, file: FloorFile) -> None:
    real = tmp_path / "elsewhere.yaml"
    (folder / "floor.yaml").rename(real)
    (folder / "floor.yaml").symlink_to(real)
    revision, floor = await at(file)
    floor["plan"]["name"] = "Moved"
    await file.save(FloorChange(revision, floor), dry_run=False)
    assert (folder / "floor.yaml").is_symlink()
    assert "name: Moved" in real.read_text()


# --- pictures


def png(width: int = 4, height: int = 3, more: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + b"\xff" * width for _ in range(min(height, 64)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"") + more


JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xff\xc2\x00\x11\x08\x00\x30\x00\x40\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
)
WEBPS = {
    "lossy": b"VP8 \x20\x00\x00\x00\x30\x01\x00\x9d\x01\x2a\x40\x00\x30\x00",
    "lossless": b"VP8L\x20\x00\x00\x00\x2f\x3f\xc0\x0b\x00\x00\x00\x00\x00\x00",
    "extended": b"VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x3f\x00\x00\x2f\x00\x00\x00\x00\x00\x00",
}


def test_a_picture_is_what_its_bytes_say() -> None:
    found = examined(png(640, 480))
    assert (found.kind, found.width_px, found.height_px) == ("png", 640, 480)
    found = examined(JPEG)
    assert (found.kind, found.width_px, found.height_px) == ("jpg", 64, 48)
    for name, chunk in WEBPS.items():
        found = examined(b"RIFF\x00\x01\x00\x00WEBP" + chunk)
        assert (found.kind, found.width_px, found.height_px) == ("webp", 64, 48), name


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "An SVG can hold scripts"),
        (b'\xef\xbb\xbf  <?xml version="1.0"?><svg/>', "An SVG can hold scripts"),
        (b"<!-- a --><svg/>", "An SVG can hold scripts"),
        (b"%PDF-1.7", "A PDF is not taken"),
        (b"GIF89a", "no picture that is known here"),
        (b"<html><script>", "no picture that is known here"),
        (b"", "no picture that is known here"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "broken"),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\xff\xe0\x00\x00" * 9, "broken"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8L", "broken"),
        (png(0, 3), "broken"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_to_send(body: bytes, wanted: str) -> None:
    with pytest.raises(WrongPicture, match=wanted) as refused:
        examined(body)
    assert "PNG, JPEG or WebP" in refused.value.reason


def test_a_picture_has_its_limits_in_bytes_and_pixels() -> None:
    assert examined(png(more=b"\0" * (PICTURE_BYTES_MAX - len(png())))).width_px == 4
    with pytest.raises(TooLarge, match="8,388,608 bytes"):
        examined(png(more=b"\0" * PICTURE_BYTES_MAX))
    with pytest.raises(TooLarge, match="pixels"):
        examined(png(50_000, 50_000))


@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF1234WEBPVP8 "]),
    st.binary(max_size=200),
)
def test_any_bytes_are_a_picture_or_a_reason(head: bytes, body: bytes) -> None:
    try:
        assert examined(head + body).width_px > 0
    except (WrongPicture, TooLarge) as refused:
        assert refused.reason


def test_a_pictures_name_leads_nowhere_else() -> None:
    assert is_picture_name("floor-0123456789abcdef.png") and is_picture_name("Plan_2.v1.jpeg")
    for name in (
        "",
        ".png",
        "../a.png",
        "a/b.png",
        "a.svg",
        "a.png\n",
        "a.png.yaml",
        "é.png",
        "a" * 200 + ".png",
    ):
        assert not is_picture_name(name), name


async def test_a_picture_is_kept_under_a_name_of_its_bytes_and_old_ones_go(
    folder: Path, file: FloorFile
) -> None:
    first = await file.keep_picture(png(10, 10))
    assert (first.width_px, first.height_px) == (10, 10)
    assert await file.picture(first.file) == (png(10, 10), "image/png")
    assert (await file.keep_picture(png(10, 10))).file == first.file
    revision, floor = await at(file)
    floor["plan"]["picture"] = {"file": first.file, "x": 0, "y": 0, "width": 24}
    await file.save(FloorChange(revision, floor), dry_run=False)
    for n in range(PICTURES_MAX + 2):
        await file.keep_picture(png(20 + n, 10))
    assert await file.picture(first.file) is not None  # floor.yaml names it
    assert len(names(folder, "floor-*.png")) == PICTURES_MAX + 2
    assert await file.picture("floor.yaml") is None
    (folder / "not.png").write_text("<svg/>")
    assert await file.picture("not.png") is None
