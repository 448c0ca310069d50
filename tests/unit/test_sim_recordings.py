"""Recordings of real radio as messages of real scanners."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.books import read_books
from protocols.devices import Sighting, read
from protocols.errors import Nonsense
from sim.feed_books import write_books
from sim.presence.score import Stay
from sim.recordings import GRID, Capture, Walk, cell_of, open_recording

DATA = Path(__file__).resolve().parents[3] / "shared/data"
WALKS = DATA / "ble_walks"
CAPTURE = DATA / "espresense_capture/stationary_x7_y14.75_z1.25.jsonp"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")

GATEWAYS = 'Dongles:{"0000000000aa": [[1.0, 1.0, 2.0], 1, "left"], "0000000000bb": [[20.0, 17.0, 2.0], 2, "right"]}\n'


def walk_of(folder: Path, *lines: str) -> Path:
    (folder / "gateways.txt").write_text(GATEWAYS)
    path = folder / "made.mbd.gz"
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def test_a_walk_becomes_messages_of_named_nodes_in_its_own_time(tmp_path: Path) -> None:
    found = open_recording(
        walk_of(
            tmp_path,
            "100.0,0000000000aa,c0ffee000001,-70,1.0,1.0,1.1,0",
            "100.5,0000000000bb,c0ffee000001,-80,20.0,17.0,1.1,0",
            "101.0,0000000000cc,c0ffee000001,-60,20.0,17.0,1.1,0",
            "101.5,0000000000aa,c0ffee000001,62,20.0,17.0,1.1,0",
        )
    )
    assert isinstance(found, Walk)
    assert [(packet.at_s, packet.topic) for packet in found.packets] == [
        (0.0, "espresense/devices/c0ffee000001/left"),
        (0.5, "espresense/devices/c0ffee000001/right"),
    ], "an unknown gateway and a receiver's error code are left out"
    [seen] = read(found.packets[1].topic, found.packets[1].payload, 0)
    assert isinstance(seen, Sighting)
    assert (seen.scanner, seen.device, seen.rssi_dbm) == ("right", "c0ffee000001", -80)
    assert found.stays == (Stay("r0c0", 0.0, 0.5), Stay("r2c2", 0.5, 1.5))


def test_a_walking_beacon_can_be_renamed(tmp_path: Path) -> None:
    found = open_recording(walk_of(tmp_path, "100.0,0000000000aa,c0ffee000001,-70,1,1,1,0"), "phone-ana")
    assert found.device == "phone-ana"
    assert found.packets[0].topic == "espresense/devices/phone-ana/left"


@pytest.mark.parametrize(
    "lines", [[], ["one,two"], ["100.0,0000000000aa,c0ffee000001,loud,1,1,1"], ["x" * 50]], ids=str
)
def test_a_file_that_is_no_walk_says_so(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(Nonsense):
        open_recording(walk_of(tmp_path, *lines))


def test_a_file_of_another_kind_says_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(Nonsense, match="jsonp"):
        open_recording(tmp_path / "notes.txt")
    broken = tmp_path / "broken.jsonp"
    broken.write_text('{"tst": "yesterday"}\n')
    with pytest.raises(Nonsense, match="line 1"):
        open_recording(broken)
    not_zipped = walk_of(tmp_path)
    not_zipped.write_bytes(b"plain text")
    with pytest.raises(Nonsense):
        open_recording(not_zipped)


def test_a_capture_names_its_nearest_scanner_and_those_that_its_configuration_does_not_place(
    tmp_path: Path,
) -> None:
    def line(second: int, room: str, distance: float) -> str:
        payload = {"id": "watch:1", "rssi": -60, "distance": distance}
        topic = f"espresense/devices/watch:1/{room}"
        return json.dumps(
            {"tst": f"2023-11-27T19:48:0{second}.000000-0500", "topic": topic, "payload": payload}
        )

    path = tmp_path / "still.jsonp"
    path.write_text(
        "\n".join([line(1, "back_stairs", 2.0), line(2, "attic", 0.5), line(3, "back_stairs", 9.0)])
    )
    (tmp_path / "config.yaml").write_text("nodes:\n  - {name: Back Stairs, point: [4.5, 7.5, 3.4]}\n")
    found = open_recording(path)
    assert isinstance(found, Capture)
    assert (found.device, found.lasts_s) == ("watch:1", 2.0)
    assert found.nearest() == ("attic", 0.5)
    assert found.unlisted() == ("attic",)
    assert found.places["back_stairs"].y == 7.5


@needs_data
def test_the_real_capture_is_nearest_to_a_scanner_that_is_not_listed() -> None:
    found = open_recording(CAPTURE)
    assert isinstance(found, Capture)
    assert len(found.packets) == 1_693
    assert len(found.scanners) == 10
    # The ten-line way: the smallest median of what the file itself says.
    distances: dict[str, list[float]] = {}
    for line in CAPTURE.read_text().splitlines():
        message = json.loads(line)
        distances.setdefault(message["topic"].split("/")[-1], []).append(message["payload"]["distance"])
    assert found.nearest()[0] == min(
        distances, key=lambda room: sorted(distances[room])[len(distances[room]) // 2]
    )
    assert found.unlisted() == (found.nearest()[0],)


@needs_data
def test_the_real_walks_change_zones_ten_times() -> None:
    walks = [open_recording(path) for path in sorted(WALKS.glob("*.mbd.gz"))]
    assert len(walks) == 3
    assert all(isinstance(walk, Walk) and len(walk.scanners) == 12 for walk in walks)
    assert sum(len(walk.stays) - 1 for walk in walks if isinstance(walk, Walk)) == 10
    assert sum(walk.lasts_s for walk in walks) == pytest.approx(189, abs=1)


@needs_data
@pytest.mark.parametrize("name", ["straight_01.mbd.gz", CAPTURE.name])
@pytest.mark.parametrize("speed", [0.0, 1.0, 4.0, 50.0])
def test_books_for_a_recording_are_books_that_a_store_takes(tmp_path: Path, name: str, speed: float) -> None:
    found = open_recording(next(DATA.rglob(name)))
    write_books(tmp_path, found, speed)
    books = read_books(tmp_path)
    scanners = {know.key for know in books.knows if know.book == "scanner"}
    assert scanners == set(found.scanners)
    zones = {know.key for know in books.knows if know.book == "zone"}
    assert zones == {know.key.removeprefix("offer-") for know in books.knows if know.book == "campaign"}
    assert [member.devices for member in books.members] == [(found.device,)]
    if isinstance(found, Walk):
        assert len(zones) == GRID * GRID


@given(st.floats(-5, 30), st.floats(-5, 30))
def test_every_point_is_in_one_of_nine_cells(x: float, y: float) -> None:
    assert cell_of(x, y) in {f"r{row}c{column}" for row in range(GRID) for column in range(GRID)}
