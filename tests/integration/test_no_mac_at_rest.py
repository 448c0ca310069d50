"""No address of a device, and no key that finds one, is anywhere that a store writes, publishes or shows.

A real store hears devices whose addresses are known here, in every format that carries one; some are enrolled, some
are strangers, some messages are broken. Then every byte that it left is searched. The members file is the operator's
own and is not searched; the broker keeps what gateways said only as long as it delivers it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.presence.identity import cipher, random_hash
from edge.db.care import back_up
from protocols import devices
from protocols.devices import Sighting
from protocols.devices.readings import is_address
from tests.edge_nodes import INT32, EdgeNode, metric
from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.process import wait_until
from tests.stores import STORE, Ear, RunningStore, ear, sale, store_running

IRKS = [bytes.fromhex(f"5c0{number}34a357c8ad05341010a60a397d9b") for number in range(3)]
"""One comes by the members file, one by an enrolment, and one is nobody's here: a gateway's own."""

EID_KEY = bytes.fromhex("7d0102030405060708090a1112131415")
TAG, TILE, PHONE, WATCH, CART = (f"d4ca6e1000{number:02x}" for number in range(1, 6))
"""Devices that people carry. The first is in the members file, the cart's too; the others enrol."""

STRANGERS = [f"e8b4a71000{number:02x}" for number in range(1, 24)]
MEMBERS = f"""
  A-2001: {{name: Veronika, subject: veronika, consent: [offers, location], devices: ["{TAG.upper()}"],
           keys: [{{irk: {IRKS[0].hex()}}}]}}
"""
CARTS = f"""
  cart-90: {{consent: [location], devices: ["{":".join(re.findall("..", CART))}"],
            keys: [{{eid: {EID_KEY.hex()}, rotation: 12, clock: 0}}]}}
"""


def colons(mac: str) -> str:
    return ":".join(re.findall("..", mac))


def private(irk: bytes, random: int) -> str:
    prand = (0x400000 | random).to_bytes(3, "big")
    return (prand + random_hash(cipher(irk), prand)).hex()


PRIVATE = [private(irk, random) for irk in IRKS for random in (1, 2)]
RESOLVED_BY_GATEWAY = [f"irk:{irk.hex()}" for irk in IRKS]


def messages(mac: str) -> list[tuple[str, Any]]:
    """One device in the formats that name it by its address: the topic, and the body before it is JSON."""
    node = EdgeNode()
    birth = node.birth(metric(f"rssi/{mac}", -60, INT32, alias=1))
    minew = [{"type": "Gateway", "mac": "AC233FC00001"}]
    minew.append({"type": "Unknown", "mac": mac.upper(), "rssi": -60, "rawData": "0201060303AAFE"})
    heard_by = [{"receiverId": "ac233fc00002", "rssi": -60}]
    return [
        (f"espresense/devices/{mac}/coffee", {"rssi": -60, "rssi@1m": -59, "mac": mac}),
        (f"espresense/devices/tile:{mac}/coffee", {"rssi": -60, "mac": mac}),
        ("espresense/rooms/coffee", {"id": mac, "rssi": -60, "mac": colons(mac)}),
        (f"home/coffee/BTtoMQTT/{mac.upper()}", {"id": colons(mac).upper(), "rssi": -60}),
        (f"theengs/coffee/BTtoMQTT/{mac.upper()}", {"id": colons(mac).upper(), "rssi": -60}),
        (f"raddec/{mac}", {"transmitterId": mac, "transmitterIdType": 2, "rssiSignature": heard_by}),
        ("room_presence/coffee", {"id": mac, "name": colons(mac), "rssi": -60, "distance": 1.0}),
        ("gw/ac233fc00001/status", minew),
        (f"homie/5/coffee/{mac}/rssi", b"-60"),
        birth,
        node.data(metric(alias=1, int_value=2**32 - 60)),
    ]


def broken(mac: str) -> list[tuple[str, bytes]]:
    """Messages that name a device and are refused."""
    return [
        (f"espresense/devices/{mac}/coffee", b'{"rssi": -600, "mac": "%s"}' % mac.encode()),
        (f"espresense/devices/{mac}/coffee", b'{"id": "%s"' % colons(mac).encode()),
        (f"home/coffee/BTtoMQTT/{mac.upper()}", b'{"id": "%s", "rssi": {}}' % colons(mac).upper().encode()),
        (f"raddec/{mac}", b'{"transmitterId": "%s", "rssiSignature": 1}' % mac.encode()),
        (f"homie/5/coffee/{mac}/rssi", b"loud"),
        (f"endcap/v1/{STORE}/in/till/till-1/sale", b'{"card": "%s", "sale": ' % colons(mac).encode()),
    ]


def needles() -> dict[bytes, str]:
    """Every spelling of everything that must be nowhere, with what it is."""
    found: dict[bytes, str] = {}
    for mac in (TAG, TILE, PHONE, WATCH, CART, *STRANGERS, *PRIVATE):
        for text in (mac, colons(mac), colons(mac).replace(":", "-")):
            for spelled in (text, text.upper(), "".join(reversed(re.findall("..", mac)))):
                found[spelled.encode()] = f"address {mac}"
        raw = bytes.fromhex(mac)
        found |= dict.fromkeys((raw, raw[::-1], base64.b64encode(raw)), f"address {mac} in bytes")
    for key in (*IRKS, EID_KEY):
        texts = (key.hex(), key.hex().upper(), key[::-1].hex())
        found |= dict.fromkeys((text.encode() for text in texts), f"key {key.hex()}")
        found |= dict.fromkeys((key, key[::-1], base64.b64encode(key)), f"key {key.hex()} in bytes")
    return found


NEEDLES = needles()


def search(what: str, content: bytes) -> list[str]:
    return [f"{kind} as {needle!r} in {what}" for needle, kind in NEEDLES.items() if needle in content]


def search_files(store: RunningStore) -> list[str]:
    """Every file of the store but the operator's own: database, log of writes, sidecar, keys, logs, sessions."""
    files = [path for path in store.folder.rglob("*") if path.is_file() and store.books not in path.parents]
    assert {"store.db", "store.sidecar", "roster.key", "store.log"} <= {path.name for path in files}
    return [leak for path in files for leak in search(path.name, path.read_bytes())]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto_running(tmp_path_factory.mktemp("broker")) as running:
        yield running


def made(folder: Path, broker: Mosquitto) -> RunningStore:
    """A store with our members in its file, which writes all that it may into its log."""
    store = RunningStore(folder, broker.port, log={"level": "debug"}, journal={"ballast_mb": 0})
    members = store.books / "members.yaml"
    text = members.read_text()
    for heading, ours in (("accounts:", MEMBERS), ("tags:", CARTS)):
        assert text.count(f"\n{heading}") == 1
        text = text.replace(f"\n{heading}", f"\n{heading}{ours.rstrip()}", 1)
    members.write_text(text)
    return store


async def enrol(store: RunningStore) -> None:
    """Members with tags, phones and watches in several spellings; and enrolments that are refused."""
    both = {"subject": "ana", "account": "A-1001"}
    for device, body in (
        (f"tile:{TILE}", both),
        (colons(PHONE).upper(), {**both, "irk": IRKS[1].hex().upper()}),
        (WATCH, {"subject": "guest", "consent": ["location"]}),
    ):
        answer = await asyncio.to_thread(store.call, "PUT", f"/api/v1/devices/{device}", body)
        assert answer.status == 200, answer
    for device, body in (
        (STRANGERS[0], {"subject": colons(STRANGERS[0])}),
        (STRANGERS[1], {"subject": "x", "account": STRANGERS[1]}),
        (STRANGERS[2], {"subject": "x", "irk": IRKS[2].hex() + "0"}),
        (STRANGERS[3], {"subject": "x", "irk": IRKS[2].hex()}),  # without consent
        (STRANGERS[4], {"subject": "x", "nonsense": colons(STRANGERS[4])}),
    ):
        answer = await asyncio.to_thread(store.call, "PUT", f"/api/v1/devices/{device}", body)
        assert answer.status == 400, answer


async def feed(store: RunningStore, heard: Ear) -> int:
    """Sightings in every format of everybody, and what is refused. Gives how many sightings there were."""
    told = 0
    people = (TAG, TILE, PHONE, WATCH, CART)
    for mac in (*people, *STRANGERS[:6], *PRIVATE):
        for topic, body in messages(mac):
            await heard.say(topic, body)
            told += "/NBIRTH/" not in topic
    for device in RESOLVED_BY_GATEWAY:
        await heard.say(f"espresense/devices/{device}/coffee", {"rssi": -60, "id": device, "mac": PRIVATE[0]})
        told += 1
    for mac in (TAG, *STRANGERS[6:9]):
        for topic, raw in broken(mac):
            await heard.say(topic, raw, qos=1)
    for number, card in enumerate((STRANGERS[9], colons(STRANGERS[10]), TAG, colons(TAG).upper(), WATCH)):
        till = f"endcap/v1/{STORE}/in/till/till-1/sale"
        await heard.say(till, sale(f"by-mqtt-{number}", card), qos=1)
        assert (await asyncio.to_thread(store.sell, f"by-http-{number}", card)).status == 200
        await asyncio.to_thread(store.call, "GET", f"/api/v1/cards/{card}")
    return told


def test_each_message_of_the_feed_is_a_sighting_of_the_device_or_a_nodes_birth() -> None:
    for topic, body in messages(TAG):
        if topic.startswith("spBv1.0/"):
            continue
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        ids = {
            one
            for reading in devices.read(topic, payload, 1_772_445_600_000)
            if isinstance(reading, Sighting)
            for one in (reading.device, *reading.also)
        }
        assert any(TAG in one for one in ids), topic
        assert all(one == TAG for one in ids if is_address(one)), topic


async def test_no_address_and_no_key_is_in_any_file_topic_or_page(tmp_path: Path, broker: Mosquitto) -> None:
    store = made(tmp_path / "store", broker)
    store.start()
    try:
        async with ear(broker.port) as heard:
            await enrol(store)
            assert store.figure("endcap_identity_keys") == 3
            survey = await asyncio.to_thread(store.call, "POST", "/api/v1/survey", {"device": colons(PHONE)})
            assert survey.status == 200, survey
            told = await feed(store, heard)
            for subject in (
                "veronika",
                "ana",
                "guest",
                "cart-90",
            ):  # who was enrolled is found, by tag or by key
                await heard.until(
                    f"endcap/v1/{STORE}/presence/{subject}", lambda one: one["zone"] == "coffee"
                )
            wait_until(lambda: store.figure("endcap_sightings_total") >= told, "all of it was heard", 20)
            assert store.figure("endcap_mqtt_refused_total") >= 16
            assert store.figure("endcap_passers") >= 6
            said = [f"{message.topic.value} {bytes(message.payload)!r}" for _, message in heard.heard]
        ours = [line for line in said if f"endcap/v1/{STORE}/in/" not in line.split(" ")[0]]
        assert len(ours) > 20
        assert [leak for line in ours for leak in search("a message of the store's", line.encode())] == []

        async with ear(broker.port, "#") as late:  # everything retained is the store's: nothing here retains
            await late.until(f"endcap/v1/{STORE}/presence/veronika")
            await asyncio.sleep(0.5)
            kept = [message.topic.value.encode() + b" " + bytes(message.payload) for _, message in late.heard]
        assert len(kept) > 20
        assert [leak for one in kept for leak in search("a retained message", one)] == []

        pages = ["/metrics", "/api/v1/console", "/api/v1/floor", "/api/v1/store", "/api/v1/health", "/schema"]
        pages += [
            "/api/v1/decisions?limit=200",
            "/api/v1/accounts/A-2001/wallet",
            "/api/v1/accounts/A-1001/receipts",
        ]
        pages += [f"/api/v1/decisions/{one['seq']}" for one in store.get("/api/v1/decisions?limit=200")]
        for page in pages:
            answer = await asyncio.to_thread(store.call, "GET", page)
            assert answer.status == 200, page
            assert search(page, answer.body) == []
        for verb in (["explain"], ["explain", "--parked", "5"], ["replay"], ["doctor"]):
            done = await asyncio.to_thread(store.verb, *verb)
            assert search(" ".join(verb), (done.stdout + done.stderr).encode()) == []

        await asyncio.to_thread(back_up, store.data, store.folder / "copy.db")
        assert search_files(store) == []  # while it runs, with its log of writes
        store.process.kill()
        assert search_files(store) == []  # as a crash leaves it
        store.start()
        store.stop()
        assert search_files(store) == []
        assert (
            b"cart-90" in (store.data / "store.db").read_bytes()
        )  # what may be kept is found by the same search
    finally:
        if store.process.running:
            store.process.kill()


async def test_whoever_takes_consent_back_is_a_stranger_under_each_address_from_then_on(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with store_running(tmp_path / "store", broker) as store:
        enrolled = {
            "subject": "nils",
            "account": "A-2002",
            "consent": ["offers", "location"],
            "irk": IRKS[2].hex(),
        }
        assert store.call("PUT", "/api/v1/devices/nils-phone", enrolled).status == 200
        async with ear(broker.port) as heard:
            await heard.say(f"espresense/devices/{private(IRKS[2], 1)}/coffee", {"rssi": -55})
            await heard.until(f"endcap/v1/{STORE}/presence/nils", lambda one: one["zone"] == "coffee")
            visits = store.figure("endcap_visits")
            asked = {"operation": "nils-no", "consent": ["offers"]}
            assert store.call("PUT", "/api/v1/accounts/A-2002/consent", asked).status == 200
            passers, sightings = store.figure("endcap_passers"), store.figure("endcap_sightings_total")
            for device in (private(IRKS[2], 1), private(IRKS[2], 2), f"irk:{IRKS[2].hex()}"):
                await heard.say(f"espresense/devices/{device}/bakery", {"rssi": -30})
            await asyncio.to_thread(
                wait_until,
                lambda: store.figure("endcap_sightings_total") >= sightings + 3,
                "they were heard",
                10,
            )
            await asyncio.sleep(1.5)  # longer than a zone must be ahead
            zones = {
                json.loads(bytes(message.payload))["zone"]
                for _, message in heard.heard
                if message.topic.value == f"endcap/v1/{STORE}/presence/nils" and message.payload
            }
        assert zones == {"coffee"}
        assert store.figure("endcap_passers") == passers + 3
        assert store.figure("endcap_visits") == visits
        store.stop()
        assert [leak for leak in search_files(store) if "key" in leak] == []
