"""Recordings played into a real broker, to a real store: it shows what the recording itself says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from sim.door import Door, OutOfReach
from sim.processes import Child, free_port, python, wait_until
from tests.servers.mosquitto import Mosquitto

DATA = Path(__file__).resolve().parents[3] / "shared/data"
CAPTURE = DATA / "espresense_capture/stationary_x7_y14.75_z1.25.jsonp"
WALK = DATA / "ble_walks/straight_03.mbd.gz"
STORE = "recorded"
SPEED = 4.0
"""Presence lives by arrival; the books that `--books` writes for this speed have its times divided by it."""

RAY_S = 90.0

pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent"),
    pytest.mark.timeout(240),
]


def feed(recording: Path, *options: object) -> str:
    """Runs `endcap-sim feed` to its end and gives what it printed, on one line."""
    argv = [
        sys.executable,
        "-m",
        "sim.cli",
        "feed",
        str(recording),
        "--speed",
        str(SPEED),
        *map(str, options),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=200, env={"COLUMNS": "400"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def store_for(recording: Path, folder: Path, broker: Mosquitto, *, ray: bool = False) -> Iterator[Door]:
    """A store with the books of a recording, at that broker; with `ray` its floor has moved there."""
    feed(recording, "--books", folder / "books")
    port = free_port()
    (folder / "store.toml").write_text(
        f'[store]\nid = "{STORE}"\nbooks = "books"\ndata = "var"\n[http]\nport = {port}\n'
        f"[mqtt]\nport = {broker.port}\n[cells]\nray = {str(ray).lower()}\n"
    )
    door = Door("127.0.0.1", port)
    argv = python("edge.cli", "run", "--settings", str(folder / "store.toml"))
    child = Child("store", argv, folder / "store.log", lambda: answers(door), apart=True)
    try:
        child.start()
        if ray:
            wait_until(lambda: on_ray(door), "the floor is on Ray", RAY_S, 0.25)
        yield door
    finally:
        child.stop()


def answers(door: Door) -> bool:
    try:
        return door.ask("GET", "/api/v1/health").status == 200
    except OutOfReach:
        return False


def on_ray(door: Door) -> bool:
    return any(cell["place"] == "ray" for cell in door.ask("GET", "/api/v1/console").body["cells"])


def nearest_in(capture: Path) -> str:
    """The scanner that the file itself finds nearest."""
    distances: dict[str, list[float]] = {}
    for line in capture.read_text().splitlines():
        message = json.loads(line)
        distances.setdefault(message["topic"].split("/")[-1], []).append(message["payload"]["distance"])
    return min(distances, key=lambda scanner: median(distances[scanner]))


def offers_of(door: Door) -> list[str]:
    wallet: Any = door.ask("GET", "/api/v1/accounts/W-1/wallet").body
    return [offer["campaign"] for offer in wallet["offers"]]


@pytest.mark.parametrize("ray", [False, True], ids=["in the engine", "on Ray"])
def test_a_real_device_at_rest_is_shown_at_its_nearest_scanner(
    mosquitto: Mosquitto, tmp_path: Path, ray: bool
) -> None:
    nearest = nearest_in(CAPTURE)
    with store_for(CAPTURE, tmp_path, mosquitto, ray=ray) as door:
        said = feed(CAPTURE, "--port", mosquitto.port, "--store", STORE)
        [person] = door.ask("GET", "/api/v1/console").body["people"]
        assert person["zone"] == nearest
        assert on_ray(door) == ray
        assert f"offer-{nearest}" in offers_of(door)
    shown = re.search(r"The store shows it in (\S+), after (\d+) changes? ", said)
    assert shown is not None, said
    assert shown[1] == nearest
    assert int(shown[2]) <= 2
    assert f"Nearest in the recording: {nearest}" in said
    assert f"Not listed in its config.yaml, so without a place: {nearest}." in said


def test_a_real_walk_brings_the_offers_of_the_zones_announced(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with store_for(WALK, tmp_path, mosquitto) as door:
        said = feed(WALK, "--port", mosquitto.port, "--store", STORE)
        offers = offers_of(door)
        [person] = door.ask("GET", "/api/v1/console").body["people"]
    counts = {
        name: int(count) for name, count in re.findall(r"│ (crossed|announced|missed|false) +│ (\d+)", said)
    }
    assert counts["crossed"] == 3
    assert counts["missed"] == 0
    assert counts["false"] <= 1
    assert counts["announced"] == len(offers) >= 3
    assert f"offer-{person['zone']}" in offers
    assert "Without a survey" not in said


def test_a_recording_without_a_store_says_what_to_do(mosquitto: Mosquitto, tmp_path: Path) -> None:
    short = tmp_path / "short.jsonp"
    short.write_text("\n".join(CAPTURE.read_text().splitlines()[:40]))
    assert "--books" in feed(short, "--port", mosquitto.port)


def test_a_broker_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "sim.cli", "feed", str(CAPTURE), "--port", str(free_port())]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Is it running?" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
