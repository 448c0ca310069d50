"""A store's folder becomes facts and members, whole or not at all, and a swap writes only what differs."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from actors.facts import Facts
from edge.books import FILE_BOOKS, BooksWrong, changed, read_books
from protocols.effects import Know
from protocols.facts import BOOKS, Fact, ShelfPlace

GROCERY = Path(__file__).parents[2] / "sim" / "grocery"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example store that a test may spoil."""
    copy = tmp_path / "store"
    shutil.copytree(GROCERY, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def held(knows: tuple[Know, ...] | list[Know], version: int = 1) -> list[Fact]:
    return [Fact(know.book, know.key, version, bytes(know.value)) for know in knows]


def spoil(folder: Path, file: str, before: str, after: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def refused(folder: Path) -> list[str]:
    with pytest.raises(BooksWrong) as caught:
        read_books(folder)
    return caught.value.reason.splitlines()


def test_the_example_store_has_what_its_plan_shows() -> None:
    books = read_books(GROCERY, today="2026-11-24")
    counts = {book: sum(know.book == book for know in books.knows) for book in FILE_BOOKS}
    assert books.warnings == ()
    assert (counts["zone"], counts["scanner"], counts["sign"], counts["till"]) == (12, 12, 3, 2)
    assert counts["shelf"] >= 8
    assert counts["product"] >= 25
    assert counts["creative"] == 12
    assert counts["campaign"] >= 20
    assert len(books.members) == 60


def test_every_value_is_of_its_books_type_and_a_cell_can_take_it() -> None:
    books = read_books(GROCERY)
    for know in books.knows:
        msgspec.json.decode(know.value, type=BOOKS[know.book], strict=True)
    facts = Facts()
    facts.apply(held(books.knows), 1)
    assert facts.plan is not None and (facts.plan.width_m, facts.plan.height_m) == (24, 20)
    assert len(facts.index) == len(facts.campaigns) >= 20


def test_the_example_campaigns_use_every_trigger_relation_effect_and_cap() -> None:
    facts = Facts()
    facts.apply(held(read_books(GROCERY).knows), 1)
    campaigns = list(facts.campaigns.values())
    conditions = [condition for campaign in campaigns for condition in campaign.conditions]
    assert {campaign.trigger for campaign in campaigns} == {
        "zone_entered", "dwelled", "basket_changed", "sale_closed", "shelf_low"
    }  # fmt: skip
    assert {condition.relation for condition in conditions} == {
        "is", "is_not", "at_least", "at_most", "in", "not_in", "has", "has_not"
    }  # fmt: skip
    assert {grant.kind for campaign in campaigns for grant in campaign.grants} == {
        "offer", "points", "points_rate", "message", "creative"
    }  # fmt: skip
    for cap in ("visit", "day", "member", "store"):
        assert any(getattr(campaign.caps, cap) for campaign in campaigns)
    groups = [campaign.group for campaign in campaigns if campaign.group]
    assert len(groups) > len(set(groups))


def test_members_carry_devices_and_cards_and_tags_have_no_account() -> None:
    members = {str(member.subject): member for member in read_books(GROCERY).members}
    ana, trolley = members["ana"], members["trolley-01"]
    assert (ana.account, ana.name, ana.tier, ana.points, ana.member) == (
        "A-1001",
        "Ana",
        "silver",
        1240,
        True,
    )
    assert ana.devices and ana.cards and "offers" in ana.consent
    assert (trolley.account, trolley.member, trolley.points) == ("", False, None)
    devices = [device for member in members.values() for device in member.devices]
    assert len(devices) == len(set(devices)) == 60


def test_reading_twice_gives_the_same_bytes_and_nothing_to_write() -> None:
    first, second = read_books(GROCERY), read_books(GROCERY)
    assert first.knows == second.knows
    assert changed(held(first.knows), second) == []


def test_a_swap_writes_what_differs_and_takes_out_what_is_gone(folder: Path) -> None:
    before = held(read_books(folder).knows)
    spoil(folder, "products.yaml", "price: 1.19, picture: milk", "price: 1.25, picture: milk")
    spoil(folder, "floor.yaml", "  till-2: {name: Till 2, x: 13.4, y: 17.6}\n", "")
    spoil(folder, "floor.yaml", "tills:\n", "tills:\n  till-9: {name: Till 9, x: 15, y: 17.6}\n")
    differing = changed(before, read_books(folder))
    assert [(know.book, know.key) for know in differing] == [
        ("till", "till-9"),
        ("product", "whole-milk"),
        ("till", "till-2"),
    ]
    assert bytes(differing[-1].value) == b"null"
    assert changed([*before, *held(differing, 2)], read_books(folder)) == []


def test_a_swap_leaves_what_the_store_itself_wrote() -> None:
    books = read_books(GROCERY)
    own = [Fact("stock", "dairy-1", 9, b'{"sku":"whole-milk","pieces":3,"state":"low","p":90}')]
    own.append(Fact("occupancy", "coffee", 9, b'{"shoppers":2,"members":1}'))
    assert changed([*held(books.knows), *own], books) == []


def test_a_fact_written_by_an_older_release_in_another_order_is_not_written_again() -> None:
    books = read_books(GROCERY)
    facts = [
        Fact(fact.book, fact.key, 1, msgspec.json.format(fact.value, indent=2)) for fact in held(books.knows)
    ]
    assert changed(facts, books) == []


def test_the_errors_of_all_files_are_told_at_once(folder: Path) -> None:
    spoil(folder, "products.yaml", "price: 2.29", "price: cheap")
    spoil(folder, "floor.yaml", "sku: whole-milk", "sku: whole-mlik")
    spoil(folder, "floor.yaml", "playlist: [fresh-milk,", "playlist: [fresh-mlik,")
    spoil(folder, "campaigns.yaml", "{zone_entered: coffee}", "{zone_entered: coffe}")
    spoil(folder, "members.yaml", "phone-tomas", "phone-ana")
    told = refused(folder)
    assert any("products.yaml:3:" in line and "price must be an amount" in line for line in told)
    spoiled = (folder / "floor.yaml").read_text().splitlines()
    place = next(number for number, line in enumerate(spoiled, 1) if "whole-mlik" in line)
    assert any(f"floor.yaml:{place}:" in line and "did you mean 'whole-milk'?" in line for line in told)
    assert any("floor.yaml:" in line and "did you mean 'fresh-milk'?" in line for line in told)
    assert any("campaigns.yaml:" in line and "did you mean 'coffee'?" in line for line in told)
    assert any(
        "members.yaml:" in line and "this one of devices belongs to the entry of line" in line
        for line in told
    )
    assert len(told) == 5


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("low_at: 6, x: 10.98", "low_at: 24, x: 10.98", "it would always be low"),
        ("capacity: 24, low_at: 6, x: 10.98", "capacity: 0, low_at: 6, x: 10.98", "capacity is 0"),
        ("low_at: 6, x: 10.98", "low_at: 6, scale: cell-1, x: 10.98", "needs counts_per_kg"),
        ("low_at: 6, x: 10.98", "low_at: 6, zero_counts: 9000000, x: 10.98", "zero_counts is 9,000,000"),
        ("box: [6.9, 0.8, 10.0, 3.1]", "box: [6.9, 0.8, 99, 3.1]", "reaches over the plan of 24 × 20 m"),
        ("box: [6.9, 0.8, 10.0, 3.1]", "box: [7.0, 0.95]", "a box is [x, y, width, height]"),
        ("box: [6.9, 0.8, 10.0, 3.1]", "polygon: [[1, 1], [2, 2]]", "a polygon has 3 to 500 points"),
        ("width: 24", "width: .inf", "width must be a number"),
        ("width: 24", "width: -24", "width is -24; it must be 1 to 1000"),
        ("zone: dairy, x: 11.9", "zone: dary, x: 11.9", "there is no zone 'dary'; did you mean 'dairy'?"),
        ("visit_silence_s: 40", "visit_silence_s: 10", "a visit would end inside its zone"),
        ("  screen-1:", "  screen/1:", "'screen/1' is no id of signs"),
        ("playlist: [coffee-break, tea-time, house-card]", "playlist: []", "a playlist has 1 to 50"),
        ("\ntills:", "\ntill:", "floor.yaml has no field 'till'; did you mean 'tills'?"),
    ],
)
def test_a_slip_on_the_floor_is_told_where_it_stands(
    folder: Path, before: str, after: str, reason: str
) -> None:
    spoil(folder, "floor.yaml", before, after)
    told = refused(folder)
    assert any(line.startswith("floor.yaml:") and reason in line for line in told), told


def test_a_shelf_may_name_its_load_cell_and_how_it_counts(folder: Path) -> None:
    cell = "scale: cell-1, zero_counts: -8000, counts_per_kg: 20000"
    spoil(folder, "floor.yaml", "low_at: 6, x: 10.98", f"low_at: 6, {cell}, x: 10.98")
    shelf = next(know for know in read_books(folder).knows if (know.book, know.key) == ("shelf", "dairy-1"))
    place = msgspec.json.decode(bytes(shelf.value), type=ShelfPlace)
    assert (place.scale, place.zero_counts, place.counts_per_kg) == ("cell-1", -8_000, 20_000)


def test_a_missing_file_and_a_folder_in_its_place_say_what_to_do(folder: Path) -> None:
    (folder / "members.yaml").unlink()
    (folder / "products.yaml").unlink()
    (folder / "products.yaml").mkdir()
    told = refused(folder)
    assert any(line.startswith("members.yaml:1:1: no such file in") for line in told)
    assert any(line.startswith("products.yaml:1:1: cannot be read") for line in told)


def test_a_store_with_a_bare_floor_and_empty_files_opens(tmp_path: Path) -> None:
    (tmp_path / "floor.yaml").write_text(
        "plan: {name: Bare, width: 5, height: 4}\nzones: {all: {name: All}}\n"
    )
    for name in ("products.yaml", "campaigns.yaml", "members.yaml"):
        (tmp_path / name).touch()
    books = read_books(tmp_path)
    assert [know.book for know in books.knows] == ["plan", "presence", "zone"]
    assert books.members == ()


def test_an_ended_campaign_warns_and_the_store_still_opens(folder: Path) -> None:
    spoil(folder, "campaigns.yaml", "last_day: 2035-12-31", "last_day: 2026-01-31")
    (warning,) = read_books(folder, today="2026-11-24").warnings
    assert "ended on 2026-01-31" in warning.reason


def test_the_words_of_a_radio_map_are_read_into_the_facts(folder: Path) -> None:
    spoil(
        folder,
        "floor.yaml",
        "{window_s: 2, ",
        "{method: radio, enter_p: 0.7, leave_p: 0.3, cell_m: 0.5, carried_z_m: 1, beacon_sd_db: 4, window_s: 2, ",
    )
    spoil(folder, "floor.yaml", "box: [6.9, 0.8, 10.0, 3.1]}", "box: [7.0, 0.95, 9.9, 2.95], margin_m: 0.8}")
    spoil(
        folder,
        "floor.yaml",
        "x: 11.9, y: 2.4, z: 2.8}",
        "x: 11.9, y: 2.4, z: 2.8, beacon: esp-dairy, smoothing_s: 15}",
    )
    spoil(
        folder,
        "floor.yaml",
        "  height: 20\n",
        "  height: 20\n  picture: {file: plan.png, x: -1.5, y: 2, width: 30}\n",
    )
    facts = Facts()
    facts.apply(held(read_books(folder).knows), 1)
    assert facts.plan is not None and facts.presence is not None
    plan, presence = facts.plan, facts.presence
    assert (plan.picture, plan.picture_x, plan.picture_y, plan.picture_width_m) == ("plan.png", -1.5, 2, 30)
    assert (presence.method, presence.enter_p, presence.leave_p, presence.cell_m) == ("radio", 0.7, 0.3, 0.5)
    assert (presence.carried_z_m, presence.beacon_sd_db, presence.window_s) == (1, 4, 2)
    assert (facts.zones["dairy"].margin_m, facts.zones["bakery"].margin_m) == (0.8, 0)
    assert (facts.scanners["dairy"].beacon, facts.scanners["dairy"].smoothing_s) == ("esp-dairy", 15)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("{window_s: 2, ", "{method: magic, window_s: 2, ", "'magic'; use one of: auto, nearest, radio"),
        ("{window_s: 2, ", "{enter_p: 0.4, window_s: 2, ", "enter_p is 0.4; it must be 0.5 to 0.99"),
        ("{window_s: 2, ", "{leave_p: 0.6, window_s: 2, ", "choose leave_p below enter_p"),
        ("{window_s: 2, ", "{leave_p: 0.04, window_s: 2, ", "leave_p is 0.04; it must be 0.05 to 0.95"),
        ("{window_s: 2, ", "{cell_m: 0.1, window_s: 2, ", "cell_m must be 0.25 to 2, or 0 to have it chosen"),
        ("{window_s: 2, ", "{carried_z_m: 3, window_s: 2, ", "carried_z_m is 3; it must be 0 to 2.5"),
        ("{window_s: 2, ", "{beacon_sd_db: 21, window_s: 2, ", "beacon_sd_db is 21; it must be 0 to 20"),
        ("{name: Dairy, ", "{name: Dairy, margin_m: 6, ", "margin_m is 6; it must be 0 to 5"),
        ("{zone: dairy, x: 11.9", "{zone: dairy, smoothing_s: 200, x: 11.9", "smoothing_s is 200; it must be 0 to 120"),
        ("{zone: dairy, x: 11.9", "{zone: dairy, beacon: a b, x: 11.9", "'a b' is no id of beacon"),
        ("  height: 20\n", "  height: 20\n  picture: {file: ../x.png}\n", "a PNG, JPEG or WebP that lies beside"),
        ("  height: 20\n", "  height: 20\n  picture: {file: plan.svg}\n", "a PNG, JPEG or WebP that lies beside"),
        ("  height: 20\n", "  height: 20\n  picture: {x: 1}\n", "a PNG, JPEG or WebP that lies beside"),
        ("  height: 20\n", "  height: 20\n  picture: {file: a.png, width: 0}\n", "width is 0; it must be 0.1 to"),
    ],
)  # fmt: skip
def test_each_word_of_a_radio_map_has_its_bounds(folder: Path, before: str, after: str, wanted: str) -> None:
    spoil(folder, "floor.yaml", before, after)
    (told,) = refused(folder)
    assert wanted in told
