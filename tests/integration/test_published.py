"""What a real store publishes back through a real broker: every topic, discovery, and all of it again after a loss."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from itertools import product
from math import dist, log10
from pathlib import Path
from random import gauss
from typing import Any

import aiomqtt
import pytest
import yaml

from tests import home_assistant
from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.process import wait_until
from tests.stores import STORE, Ear, RunningStore, ear, sighting, store_running

QUIET_S = 0.4
ZONE_SILENCE_S = 8
NODE = f"homeassistant/device/endcap-{STORE}"
ENGINE = f"endcap/v1/{STORE}/engine"
CELLAR = "  cellar: {name: Cellar, box: [20.0, 13.0, 3.0, 1.5]}\n"


def out(*parts: str) -> str:
    return "/".join(("endcap/v1", STORE, *parts))


async def retained(port: int) -> dict[str, bytes]:
    """Everything that a client finds that comes now."""
    found: dict[str, bytes] = {}
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("#")
        with contextlib.suppress(TimeoutError):
            while True:
                message = await asyncio.wait_for(anext(aiter(client.messages)), QUIET_S)
                if message.retain:
                    found[message.topic.value] = bytes(message.payload)
    return found


async def found(port: int, true: Callable[[dict[str, bytes]], bool], what: str) -> dict[str, bytes]:
    """What is retained, once that is true of it."""
    for _ in range(30):
        if true(standing := await retained(port)):
            return standing
        await asyncio.sleep(0.2)
    raise TimeoutError(f"{what}; retained are {sorted(standing)}")


def stands_whole(standing: dict[str, bytes]) -> bool:
    ours = {topic: body for topic, body in standing.items() if "device/other/" not in topic}
    return not home_assistant.problems(ours) and len(home_assistant.devices(ours)) >= 25


def level(gateway: dict[str, Any], x: float, y: float) -> float:
    """What a gateway hears of a beacon at a place: path loss in dBm."""
    far_m = dist((x, y, 1.2), (gateway["x"], gateway["y"], gateway["z"]))
    return -59 - 25 * log10(max(1.0, far_m))


def surveyed(gateways: dict[str, dict[str, Any]]) -> str:
    """A survey of the floor, a point every two metres."""
    rows = ["scanner,x,y,z,rssi,count"]
    for x, y in product(range(1, 24, 2), range(1, 20, 2)):
        rows += [
            f"{name},{x},{y},1.2,{dbm},20"
            for name, at in gateways.items()
            if (dbm := round(level(at, x, y))) > -88
        ]
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto_running(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[RunningStore]:
    running = RunningStore(tmp_path_factory.mktemp("store"), broker.port)
    floor = running.books / "floor.yaml"
    silences = "zone_silence_s: 12, visit_silence_s: 40"
    assert silences in floor.read_text()
    floor.write_text(
        floor.read_text().replace(silences, f"zone_silence_s: {ZONE_SILENCE_S}, visit_silence_s: 20")
    )
    running.start()
    try:
        yield running
    finally:
        running.process.kill()


async def test_whoever_walks_is_told_by_zone_by_place_by_count_and_in_companion_s_shape(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port, "#") as heard:
        for _ in range(5):
            await heard.say("espresense/devices/phone-tomas/coffee", sighting())
            await asyncio.sleep(0.3)
        entered = await heard.until(out("zone", "coffee"))
        placed = await heard.until(out("presence", "tomas"), lambda one: one["x"] is not None)
        crowd = await heard.until(out("occupancy", "coffee"), lambda one: one["shoppers"] == 1)
        attributes = await heard.until(
            "espresense/companion/endcap-014-tomas/attributes", lambda one: "x" in one
        )
        await heard.say("espresense/devices/phone-tomas/bakery", sighting(-30.0))
        left = await heard.until(out("zone", "coffee"), lambda one: one["event"] == "left")
        await heard.until(out("zone", "bakery"), lambda one: one["event"] == "entered")
        states = [
            bytes(message.payload)
            for _, message in heard.heard
            if message.topic.value == "espresense/companion/endcap-014-tomas"
        ]
    assert (entered["event"], entered["subject"], entered["dwell_s"]) == ("entered", "tomas", None)
    assert entered["cause"]["scanner"] == "coffee"
    assert (placed["zone"], round(placed["x"], 1), round(placed["y"], 1)) == ("coffee", 11.2, 8.6)
    assert placed["doubt_m"] > 0 and abs(placed["at_ms"] - placed["since_ms"]) < 5_000
    assert (crowd["members"], crowd["expected"], crowd["low"]) == (
        1,
        1.0,
        None,
    )  # no map: nobody knows bounds
    assert attributes["room"] == "Coffee" and attributes["in_zones"] == ["zone.home"]
    assert left["dwell_s"] >= 1
    assert states == [b"Coffee", b"Bakery"]


async def test_a_client_that_comes_late_finds_all_of_it_and_discovery_is_as_home_assistant_demands(
    store: RunningStore, broker: Mosquitto
) -> None:
    standing = await found(broker.port, stands_whole, "everything stands")
    names = {topic: body["device"]["name"] for topic, body in home_assistant.devices(standing).items()}
    assert names[f"{NODE}/store/config"] == "Harbour Street"
    assert names[f"{NODE}/zone-dairy/config"] == "Dairy"
    assert names[f"{NODE}/scanner-coffee/config"] == "Gateway coffee"
    zones = [topic for topic in standing if topic.startswith(out("occupancy", ""))]
    gateways = [topic for topic in standing if topic.startswith(out("scanner", ""))]
    assert (len(zones), len(gateways)) == (12, 12)
    assert not [
        topic for topic in standing if topic.startswith(out("zone", ""))
    ]  # an event is nobody's state
    assert json.loads(standing[out("scanner", "coffee")])["state"] in ("ok", "silent")


async def test_names_are_told_with_consent_alone_and_who_does_not_allow_location_is_no_device(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port, "#") as heard:
        allows = {"operation": "jin-profile", "consent": ["location", "profile"]}
        assert store.call("PUT", "/api/v1/accounts/A-1003/consent", allows).status == 200
        for phone in ("phone-jin", "phone-kofi", "phone-tala"):  # Tala allows nothing
            await heard.say(f"espresense/devices/{phone}/frozen", sighting())
        jin = await heard.until(f"{NODE}/person-jin/config")
        kofi = await heard.until(f"{NODE}/person-kofi/config")
        tala = await heard.until(out("presence", "tala"))
        companion = "espresense/companion/endcap-014-kofi"
        await heard.until(f"{companion}/attributes")
        assert (jin["device"]["name"], kofi["device"]["name"]) == ("Jin", "kofi")
        assert tala["x"] is None
        of_tala = {topic for topic in heard.topics() if "tala" in topic}
        assert of_tala == {out("presence", "tala"), "espresense/devices/phone-tala/frozen"}
        takes_back = {"operation": "kofi-none", "consent": []}
        assert store.call("PUT", "/api/v1/accounts/A-1004/consent", takes_back).status == 200
        kofis = {f"{NODE}/person-kofi/config", companion, f"{companion}/attributes"}
        standing = await found(broker.port, lambda one: not kofis & set(one), "Kofi is nothing here any more")
    assert f"{NODE}/person-jin/config" in standing
    assert b"Kofi" not in b"".join(body for topic, body in standing.items() if "phone/" not in topic)


async def test_whoever_falls_silent_is_not_home_and_then_no_device_at_all(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port, "#") as heard:
        await heard.say("espresense/devices/phone-olga/snacks", sighting())
        await heard.until(f"{NODE}/person-olga/config")
        state = "espresense/companion/endcap-014-olga"

        def said() -> list[bytes]:
            return [bytes(one.payload) for _, one in heard.heard if one.topic.value == state]

        await asyncio.to_thread(wait_until, lambda: b"" in said(), "Olga has left", 60)
        assert said()[-2:] == [b"not_home", b""]
        left = await heard.until(out("zone", "snacks"), lambda one: one["event"] == "left")
        assert left["dwell_s"] >= ZONE_SILENCE_S  # the zone's silence, which is how it was noticed
        gone = [one.topic.value for _, one in heard.heard if not one.payload and "olga" in one.topic.value]
        assert {out("presence", "olga"), f"{NODE}/person-olga/config", f"{state}/attributes"} <= set(gone)


async def test_a_home_assistant_that_starts_later_is_told_every_device_again(
    store: RunningStore, broker: Mosquitto
) -> None:
    before = home_assistant.devices(await found(broker.port, stands_whole, "everything stands"))
    async with ear(broker.port, "homeassistant/#") as heard:
        await asyncio.sleep(QUIET_S)
        heard.heard.clear()
        await heard.say("homeassistant/status", b"online")
        await heard.until(f"{NODE}/store/config")
        await heard.until(f"{NODE}/zone-tills/config")
        await asyncio.sleep(QUIET_S)
        assert {topic for topic in heard.topics() if topic.endswith("/config")} >= {
            topic for topic in before if "person" not in topic
        }


async def test_a_zone_that_comes_and_goes_with_the_floor_s_file_comes_and_goes_outside(
    store: RunningStore, broker: Mosquitto
) -> None:
    file = store.books / "floor.yaml"
    floor = file.read_text()
    device, count = f"{NODE}/zone-cellar/config", out("occupancy", "cellar")
    assert "zones:" in floor
    try:
        file.write_text(floor.replace("scanners:", f"{CELLAR}\nscanners:", 1))
        standing = await found(broker.port, lambda one: {device, count} <= set(one), "the cellar is there")
        assert json.loads(standing[count])["shoppers"] == 0
    finally:
        file.write_text(floor)
    await found(broker.port, lambda one: not {device, count} & set(one), "the cellar is gone")


async def test_a_dead_gateway_is_named_outside(store: RunningStore, broker: Mosquitto) -> None:
    async with ear(broker.port) as heard:
        await heard.say("espresense/rooms/pantry/status", b"offline")
        dead = await heard.until(out("scanner", "pantry"), lambda one: one["state"] == "silent")
        await heard.say("espresense/rooms/pantry/status", b"online")
        await heard.until(out("scanner", "pantry"), lambda one: one["state"] == "ok")
    assert dead["zone"] == "pantry"
    assert store.figure("endcap_scanner_state", scanner="pantry", state="ok") == 1


async def test_with_a_survey_counts_have_bounds_and_a_deaf_gateway_is_named(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    store = RunningStore(tmp_path / "store", mosquitto.port)
    gateways = yaml.safe_load((store.books / "floor.yaml").read_text())["scanners"]
    (store.books / "survey.csv").write_text(surveyed(gateways))
    off_db = dict.fromkeys(gateways, 0.0)

    async def walk(heard: Ear) -> None:
        places = {"phone-ana": (11.9, 2.4), "phone-vera": (11.0, 2.0), "phone-wen": (21.2, 8.6)}
        while True:
            for phone, place in places.items():
                for name, at in gateways.items():
                    if (dbm := level(at, *place) + off_db[name]) > -88:
                        body = {"rssi": dbm + gauss(0.0, 2.0), "rssi@1m": -59}
                        await heard.say(f"espresense/devices/{phone}/{name}", body)
            await asyncio.sleep(0.2)

    store.start()
    try:
        async with ear(mosquitto.port) as heard:
            walking = asyncio.create_task(walk(heard))
            crowd = await heard.until(
                out("occupancy", "dairy"), lambda one: one["shoppers"] == 2 and one["expected"] > 1.5, 30
            )  # bounds are told once a second, so they may follow the count
            placed = await heard.until(
                out("presence", "ana"), lambda one: one["zone"] == "dairy" and one["x"] is not None, 30
            )
            assert crowd["expected"] <= 2.5 and 1 <= crowd["low"] <= 2 <= crowd["high"] <= 3
            assert dist((placed["x"], placed["y"]), (11.9, 2.4)) < 3.0
            assert placed["p"] > 50
            zones = {one["zone"]: one for one in store.get("/api/v1/console")["zones"]}
            assert zones["dairy"]["high"] >= 2 and zones["tills"]["high"] == 0
            off_db["dairy"] = -16.0  # somebody hung a sign of tin in front of it
            deaf = await heard.until(
                out("scanner", "dairy"), lambda one: one["state"] in ("deaf", "moved"), 60
            )
            needs = {one["key"]: one["code"] for one in store.get("/api/v1/console")["needs"]}
            walking.cancel()
        assert deaf["off_db"] <= -5 and needs["dairy"] == f"gateway_{deaf['state']}"
    finally:
        store.process.kill()


async def test_a_broker_that_lost_everything_holds_everything_again(tmp_path: Path) -> None:
    first = Mosquitto(tmp_path / "first")
    first.start()
    try:
        with store_running(tmp_path / "store", first) as store:
            async with ear(first.port) as heard:
                await heard.say("espresense/devices/phone-ana/dairy", sighting())
                await heard.until(out("presence", "ana"), lambda one: one["x"] is not None)
            before = await found(first.port, stands_whole, "everything stands")
            first.kill()
            with mosquitto_running(tmp_path / "second", first.port) as second:
                wait_until(lambda: store.figure("endcap_link_up") >= 2, "both links are up", 30)
                after = await found(second.port, stands_whole, "everything stands again")
                assert set(home_assistant.devices(after)) == set(home_assistant.devices(before))
                assert (
                    after[out("presence", "ana")] and after["espresense/companion/endcap-014-ana"] == b"Dairy"
                )
                assert after[ENGINE] == b"online"
                store.stop()
                assert (await retained(second.port))[ENGINE] == b"offline"
    finally:
        first.stop()


@pytest.mark.parametrize("version", [5, 4])
async def test_what_an_earlier_life_left_behind_is_taken_away(
    tmp_path: Path, mosquitto: Mosquitto, version: int
) -> None:
    cellar = f"{NODE}/zone-cellar/config"
    others = "homeassistant/device/other/zone-cellar/config"
    mqtt: dict[str, Any] = {"version": version}
    async with ear(mosquitto.port) as heard:
        for topic in (cellar, others):
            await heard.say(topic, {"device": {"identifiers": ["x"]}}, retain=True)
    with store_running(tmp_path / "store", mosquitto, mqtt=mqtt) as store:
        standing = await found(mosquitto.port, lambda one: cellar not in one, "the cellar is gone")
        assert others in standing
        assert stands_whole(await found(mosquitto.port, stands_whole, "everything stands"))
        store.stop()
        assert f"{NODE}/zone-dairy/config" in await retained(mosquitto.port)
    with store_running(
        tmp_path / "store", mosquitto, mqtt=mqtt, publish={"home_assistant": False, "companion": False}
    ):
        standing = await found(
            mosquitto.port, lambda one: not home_assistant.devices(one).keys() - {others}, "no device is left"
        )
        assert others in standing and out("occupancy", "dairy") in standing
