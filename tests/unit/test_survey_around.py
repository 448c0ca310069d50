"""Devices around and scanners among themselves: the one in a hand is found, pairs are counted, little is kept."""

from __future__ import annotations

from edge.survey import around
from edge.survey.around import Around, kind_of
from edge.survey.scanners import Mutual, beacons
from protocols.facts import Scanner, SurveyPoint
from protocols.ids import ZoneId

MINE, OTHER = "aabbccddee01", "iBeacon:11111111-2222-3333-4444-555555555555-1-2"


def heard(found: Around, device: str, *levels: tuple[int, float], scanner: str = "milk") -> None:
    for at_s, dbm in levels:
        found.hear(device, scanner, dbm, at_s * 1000)


def searching() -> Around:
    found = Around()
    found.ask(0)
    return found


def test_the_device_that_came_to_a_scanner_stands_before_one_that_is_always_there() -> None:
    found = searching()
    heard(found, OTHER, *((at, -48) for at in range(1, 15)))
    heard(found, MINE, *((at, -75) for at in range(1, 8)))
    heard(found, MINE, *((at, -38) for at in range(9, 15)))
    heard(found, MINE, (14, -70), scanner="bread")
    first, second = found.ask(14_000)
    assert (first.number, first.kind, first.scanner, first.dbm, first.rise_db) == (
        2, "Bluetooth address", "milk", -38, 37,
    )  # fmt: skip
    assert (second.number, second.kind, second.rise_db) == (1, "iBeacon", 0)
    assert (found.device(2), found.device(1), found.device(9)) == (MINE, OTHER, None)


def test_a_device_that_is_not_heard_now_is_not_shown() -> None:
    found = searching()
    heard(found, MINE, (1, -40))
    assert len(found.ask(2_000)) == 1
    assert found.ask(9_000) == ()


def test_a_search_that_nobody_asks_for_any_more_forgets_everything() -> None:
    found = searching()
    heard(found, MINE, (1, -40))
    heard(found, OTHER, (20, -40))
    assert not found.searching
    assert found.device(1) is None
    found.ask(21_000)
    assert found.searching
    assert found.ask(22_000) == ()


def test_the_number_of_devices_has_a_limit() -> None:
    found = searching()
    for number in range(around.DEVICES_MAX + 10):
        found.hear(f"device-{number}", "milk", -60, 1_000)
    assert found.device(around.DEVICES_MAX) is not None
    assert found.device(around.DEVICES_MAX + 1) is None
    assert len(found.ask(1_000)) == around.SHOWN_MAX


def test_a_kind_never_tells_the_id() -> None:
    assert [kind_of(one) for one in (MINE, OTHER, "phone:ana", "tag-7", "a.b:secret", "x" * 40 + ":1")] == [
        "Bluetooth address", "iBeacon", "phone", "beacon", "beacon", "beacon",
    ]  # fmt: skip


SCANNERS = {
    "milk": Scanner(ZoneId("z"), 1, 2, 2.5, beacon="AA:BB:CC:00:00:01"),
    "bread": Scanner(ZoneId("z"), 9, 2, 2.5),
}


def test_a_beacon_is_whose_the_floor_says_or_whose_name_the_node_has() -> None:
    assert beacons(SCANNERS) == {"node:milk": "milk", "node:bread": "bread", "aabbcc000001": "milk"}


def test_what_scanners_hear_of_each_other_is_a_point_at_the_place_of_the_one_that_is_heard() -> None:
    mutual = Mutual(SCANNERS, 0, 10_000)
    for device, scanner, dbm in (
        ("node:milk", "bread", -70.2),
        ("aabbcc000001", "bread", -70.4),
        ("node:milk", "milk", -20.0),  # itself
        ("node:attic", "bread", -50.0),  # not on this floor
        ("node:bread", "milk", -66.0),
    ):
        mutual.hear((device,), scanner, dbm, 5_000)
    mutual.hear(("node:milk",), "bread", -70.0, 10_001)  # too late
    assert mutual.points(SCANNERS, "2026-11-24") == (
        SurveyPoint(9, 2, 2.5, "bread", {"milk": {-66: 1}}, "2026-11-24"),
        SurveyPoint(1, 2, 2.5, "milk", {"bread": {-70: 2}}, "2026-11-24"),
    )
