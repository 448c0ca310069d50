"""A real store beside a real broker is surveyed: walked over HTTP as the page does it, imported, and by scanners."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from math import dist, log10
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.book_survey import read_survey
from protocols.facts import SurveyPoint
from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.process import ROOT, wait_until
from tests.stores import BOOKS, COMMAND, Ear, RunningStore, ear, store_running

DEVICE = "e78f135624ce"
WALKS = ROOT.parent / "shared" / "data" / "ble_walks"
SCANNERS: dict[str, dict[str, Any]] = yaml.safe_load((BOOKS / "floor.yaml").read_text())["scanners"]
EVERY_S = 0.1


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto_running(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, broker: Mosquitto) -> Iterator[RunningStore]:
    with store_running(tmp_path / "store", broker) as running:
        yield running


def heard_at(x: float, y: float) -> dict[str, int]:
    """What each scanner hears of a beacon carried at a place: path loss in whole dBm, above -88."""
    found = {}
    for name, place in SCANNERS.items():
        far_m = max(1.0, dist((x, y, 1.2), (place["x"], place["y"], place["z"])))
        if (dbm := round(-59 - 25 * log10(far_m))) > -88:
            found[name] = dbm
    return found


class Beacon:
    """A beacon that nodes hear ten times a second, wherever it is now."""

    def __init__(self, mqtt: Ear) -> None:
        self.mqtt = mqtt
        self.at = (1.0, 1.0)

    async def run(self) -> None:
        while True:
            for scanner, dbm in heard_at(*self.at).items():
                body = {"id": DEVICE, "rssi": dbm, "rssi@1m": -59, "distance": 3.0}
                await self.mqtt.say(f"espresense/devices/{DEVICE}/{scanner}", body)
            await asyncio.sleep(EVERY_S)


@asynccontextmanager
async def carried(broker: Mosquitto) -> AsyncIterator[Beacon]:
    async with ear(broker.port, "none/of/it") as mqtt:
        beacon = Beacon(mqtt)
        running = asyncio.create_task(beacon.run())
        try:
            yield beacon
        finally:
            running.cancel()


class Phone:
    """Does what the page does."""

    def __init__(self, store: RunningStore) -> None:
        self.store = store

    async def ask(self, method: str, path: str = "", body: Any = None, status: int = 200) -> Any:
        answer = await asyncio.to_thread(self.store.call, method, f"/api/v1/survey{path}", body)
        assert answer.status == status, answer
        return answer.json

    async def until(self, path: str, holds: Callable[[Any], bool], within_s: float = 10.0) -> Any:
        """Looks until what the store says is so."""
        deadline = asyncio.get_running_loop().time() + within_s
        for _ in range(1_000):
            if holds(now := await self.ask("GET", path)):
                return now
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {within_s:g} s: {now}")

    async def stand(self, beacon: Beacon, **place: float) -> Any:
        """Walks to the next point, or to a place, stands there until it is enough, and goes on."""
        now = await self.ask("GET")
        stop = place or now["stops"][now["at"]]
        beacon.at = (stop["x"], stop["y"])
        await asyncio.sleep(2 * EVERY_S)
        now = await self.ask("POST", "/points", {"version": now["version"], **place})
        assert now["phase"] == "standing"
        now = await self.until("", lambda now: bool(now["phase"] == "enough"))
        return await self.ask("POST", "/points/finish", {"version": now["version"]})

    def points(self) -> tuple[SurveyPoint, ...]:
        file = self.store.books / "survey.csv"
        return read_survey(file.read_bytes()) if file.exists() else ()


def command(store: RunningStore, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [*COMMAND, "survey", *words, "--settings", str(store.file)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=ROOT)


async def test_a_walk_fills_the_survey_point_by_point_and_goes_on_after_a_crash(
    store: RunningStore, broker: Mosquitto
) -> None:
    phone = Phone(store)
    async with carried(broker) as beacon:
        now = await phone.ask("POST", "", {"device": "E7:8F:13:56:24:CE", "stand_s": 1})
        assert (now["phase"], now["at"], now["done"]) == ("walking", 0, 0)
        stops = [(stop["x"], stop["y"]) for stop in now["stops"]]
        for done in (1, 2):
            assert (await phone.stand(beacon))["done"] == done
            assert len(phone.points()) == done
        # The power goes while somebody stands at the third point.
        await phone.ask("POST", "/points", {})
        await asyncio.to_thread(store.process.kill)
        await asyncio.to_thread(store.start)
        now = await phone.ask("GET")
        assert (now["phase"], now["at"], now["done"]) == ("walking", 2, 2)
        await phone.stand(beacon)
        # A place of one's own, one that is past, and one that was a mistake.
        await phone.stand(beacon, x=12.0, y=3.0)
        now = await phone.ask("POST", "/points/skip", {})
        assert now["at"] == 4
        await phone.stand(beacon)
        now = await phone.ask("POST", "/points/undo", {})
        assert (now["at"], now["done"]) == (4, 4)
        now = await phone.ask("DELETE")
    assert (now["phase"], now["points"]) == ("none", 4)
    points = phone.points()
    assert [(point.x, point.y) for point in points] == [*stops[:3], (12.0, 3.0)]
    for point in points:
        assert (point.z, point.by) == (1.2, "")
        for scanner, dbm in heard_at(point.x, point.y).items():
            # A message of the step before may still be under way when one stands; no more than that.
            counts = point.heard[scanner]
            assert counts[dbm] >= 4, (point, scanner)
            assert sum(counts.values()) - counts[dbm] <= 1
    assert DEVICE.encode() not in b"".join(one.read_bytes() for one in store.data.iterdir() if one.is_file())


async def test_a_device_is_found_by_holding_it_to_a_scanner_and_a_silent_one_is_told(
    store: RunningStore, broker: Mosquitto
) -> None:
    phone = Phone(store)
    async with ear(broker.port, "none/of/it") as mqtt:
        await phone.ask("GET", "/around")
        for dbm in (-80, -79, -30, -31, -30):
            await mqtt.say(f"espresense/devices/{DEVICE}/coffee", {"id": DEVICE, "rssi": dbm})
            await mqtt.say("espresense/devices/others/pantry", {"id": "others", "rssi": -55})
        found = await phone.until("/around", lambda found: len(found) >= 2)
        assert (found[0]["scanner"], found[0]["kind"]) == ("coffee", "Bluetooth address")
        assert DEVICE not in str(found)
        await phone.ask("POST", "", {"found": found[0]["number"], "stand_s": 1})
        await phone.ask("POST", "/points", {})
        await asyncio.sleep(1.2)
        refused = await phone.ask("POST", "/points/finish", {}, status=409)
        assert refused["code"] == "not_heard"
        assert refused["detail"] == "No scanner hears that device yet. Bring it closer or check its id."
        again = await phone.ask("POST", "", {"device": DEVICE}, status=409)
        assert again["detail"] == "A survey is under way. Go on with it, or end it first."


async def test_scanners_that_hear_each_other_calibrate_each_other(
    store: RunningStore, broker: Mosquitto
) -> None:
    following = asyncio.create_task(asyncio.to_thread(command, store, "scanners", "--seconds", "60"))
    phone = Phone(store)
    await phone.until("/scanners", lambda now: bool(now["left_s"]))
    async with ear(broker.port, "none/of/it") as mqtt:
        for dbm in (-70, -70, -71):
            await mqtt.say("espresense/devices/node:coffee/pantry", {"id": "node:coffee", "rssi": dbm})
        await mqtt.say("espresense/devices/node:pantry/coffee", {"id": "node:pantry", "rssi": -68})
    await phone.until("/scanners", lambda now: bool(now["pair_count"] == 2))
    stopped = await asyncio.to_thread(command, store, "scanners", "--stop", "--once")
    assert "Done. What scanners heard of each other is in survey.csv." in stopped.stdout
    followed = await following
    assert followed.returncode == 0, followed.stderr
    assert "Scanners listen to each other, 60 s left." in followed.stdout
    assert "coffee" in followed.stdout
    assert [(one.by, one.x, one.heard) for one in phone.points()] == [
        ("coffee", 11.2, {"pantry": {-70: 2, -71: 1}}),
        ("pantry", 14.3, {"coffee": {-68: 1}}),
    ]


async def test_the_command_says_where_the_page_is_and_follows_the_walk(
    store: RunningStore, broker: Mosquitto
) -> None:
    following = asyncio.create_task(asyncio.to_thread(command, store, "walk", "--device", DEVICE))
    phone = Phone(store)
    await phone.until("", lambda now: bool(now["phase"] == "walking"))
    async with carried(broker) as beacon:
        beacon.at = (1.5, 1.4)
        await phone.ask("POST", "/points", {})
        await phone.until("", lambda now: bool(now["heard"]))
        await asyncio.sleep(1.5)
        await phone.ask("POST", "/points/finish", {})
        await asyncio.sleep(1.5)
        await phone.ask("DELETE")
        followed = await following
    assert followed.returncode == 0, followed.stderr
    assert f"Open {store.url}/survey" in followed.stdout
    assert "no phone reaches it" in followed.stdout
    assert "point 1 of 56: Stay here" in followed.stdout
    assert "point 2 of 56: Stand on the blue point. Hold the phone as usual." in followed.stdout
    assert "survey.csv has 1 point." in followed.stdout


@pytest.mark.skipif(not WALKS.exists(), reason="../shared/data is not here")
def test_published_fingerprints_are_taken_in_with_exact_counts_and_shown(store: RunningStore) -> None:
    done = command(
        store, "import", str(WALKS / "fingerprints.csv.gz"), "--names", str(WALKS / "gateways.txt")
    )
    assert done.returncode == 0, done.stderr
    assert "survey.csv in" in done.stdout
    assert "81 points, 12 scanners, 3,322,774 readings" in done.stdout
    assert "floor.yaml does not list 000000000101, 000000000102" in done.stdout
    again = command(
        store, "import", str(WALKS / "fingerprints.csv.gz"), "--names", str(WALKS / "gateways.txt")
    )
    assert again.returncode == 0
    original = gzip.decompress((WALKS / "fingerprints.csv.gz").read_bytes()).decode().splitlines()[1:]
    counts = sorted(line.partition(",")[2] for line in original)
    plain = store.folder / "out.csv.gz"
    assert command(store, "export", "--published", str(plain)).returncode == 0
    exported = gzip.decompress(plain.read_bytes()).decode().splitlines()
    assert exported[0] == "sensor,x,y,z,rssi,count"
    numbers = sorted(tuple(map(float, line.partition(",")[2].split(","))) for line in exported[1:])
    assert numbers == sorted(tuple(map(float, line.split(","))) for line in counts)
    assert {line.partition(",")[0] for line in exported[1:]} >= {"b827eb4521b4", "000000000402"}
    shown = command(store, "show")
    assert "81 points, 12 scanners, 3,322,774 readings. 0 weak spots." in shown.stdout
    assert store.get("/api/v1/survey")["points"] == 81
    assert command(store, "clear").returncode == 2
    assert "The survey is removed: 81 points." in command(store, "clear", "--yes").stdout
    wait_until(lambda: store.get("/api/v1/survey")["points"] == 0, "the store sees that it is gone", 5)


def test_a_wrong_file_is_refused_by_line_and_changes_nothing(store: RunningStore) -> None:
    wrong = store.folder / "wrong.csv"
    wrong.write_text("sensor,x,y,z,rssi,count\na,1,1,1,-60,1\na,1,1,1,loud,1\n")
    done = command(store, "import", str(wrong))
    assert done.returncode == 1
    assert "wrong.csv:3:1: rssi 'loud' must be a whole number" in done.stderr
    assert command(store, "import", str(store.folder / "none.csv")).returncode == 1
    assert not (store.books / "survey.csv").exists()


def test_a_store_whose_pages_may_change_nothing_is_not_surveyed_by_them(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with store_running(tmp_path / "store", broker, http={"edit": False}) as store:
        for method, path in (("GET", ""), ("GET", "/around"), ("POST", "/points/undo"), ("DELETE", "")):
            refused = store.call(method, f"/api/v1/survey{path}", {} if method == "POST" else None)
            assert (refused.status, refused.json["code"]) == (403, "no_editing")
            assert "Set edit = true in [http]" in refused.json["detail"]
        done = command(store, "walk", "--once")
        assert done.returncode == 1
        assert "cannot be surveyed from here" in done.stderr
