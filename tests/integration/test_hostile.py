"""Every door of a real store under hostile input: each gets a clear refusal and a count, and nothing dies.

The tests share one process; the last one looks at what has become of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from protocols.codec import PAYLOAD_BYTES_MAX
from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.process import wait_until
from tests.stores import STORE, Ear, RunningStore, ear, sale, sighting, store_running

EXAMPLES = 12
"""Requests of each kind to each address."""

Case = schemathesis.Case[Any]

IN = f"endcap/v1/{STORE}/in"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto_running(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[RunningStore]:
    with store_running(tmp_path_factory.mktemp("store"), broker, http={"demo": True}) as running:
        running.first_pid = running.process.pid  # type: ignore[attr-defined]
        yield running


@pytest.fixture(autouse=True)
def _lives_on(store: RunningStore) -> Iterator[None]:
    """After each test: the same process, ready, and a normal sale is taken."""
    yield
    assert store.process.running, store.process.log_tail()
    assert store.process.pid == store.first_pid  # type: ignore[attr-defined]
    assert store.get("/api/v1/health")["ready"] is True
    assert store.sell(f"well-{time.monotonic_ns()}", "A-1001").status == 200


@pytest.fixture
async def heard(broker: Mosquitto) -> AsyncIterator[Ear]:
    async with ear(broker.port) as made:
        yield made


# --- MQTT: devices

NOT_JSON = [
    b"",
    b"null",
    b"{",
    b"\xff\xfe\xfd",
    b"[" * 5_000,
    b"{" * 60,
    b'{"rssi": NaN}',
    b'{"rssi": -Infinity}',
]
PAYLOADS = [
    *NOT_JSON,
    b'{"rssi": 1e400}',
    b'{"rssi": -1e9}',
    b'{"rssi": "-60"}',
    b'{"rssi": -60, "mac": "' + b"x" * 500 + b'"}',
    b'{"rssi": -60, "id": "a/b"}',
    b'{"rssi": -60, "id": "\\u0000"}',
    b'{"rssi": -60, "id": "\\ud800"}',
    b'{"rssi": -60, "distance": -5}',
    b'{"grams": 1e300}',
    b'{"grams": "heavy"}',
    b'{"id": 17, "rssi": -60}',
    b'{"transmitterId": "zz", "transmitterIdType": 2, "rssiSignature": []}',
    b'{"_type": "transition", "event": "enter", "desc": "dairy", "tst": 1}',
    b'{"_type": "transition", "event": "enter", "desc": "' + b"d" * 300 + b'"}',
    b" " * 20_000,
    b"9" * 100_000,
]
TOPICS = [
    "espresense/devices/phone-ana/coffee",
    "espresense/rooms/coffee",
    "espresense/rooms/coffee/status",
    "espresense/rooms/coffee/telemetry",
    "espresense/rooms/coffee/raw_weight",
    "home/coffee/BTtoMQTT/AABBCCDDEEFF",
    "home/coffee/LWT",
    "home/coffee/SYStoMQTT",
    "theengs/coffee/BTtoMQTT/AABBCCDDEEFF",
    "raddec/coffee",
    "owntracks/ana/phone/beacon",
    "owntracks/ana/phone/event",
    f"{IN}/shelf/dairy-1/weight",
]


async def test_devices_that_send_nonsense_are_refused_and_counted(store: RunningStore, heard: Ear) -> None:
    before = store.figure("endcap_mqtt_refused_total")
    received = store.figure("endcap_link_received_total")
    for topic in TOPICS:
        for payload in PAYLOADS:
            await heard.say(topic, payload, retain=False)
    sent = len(TOPICS) * len(PAYLOADS)
    await asyncio.to_thread(
        wait_until, lambda: store.figure("endcap_link_received_total") >= received + sent, "all arrived", 20
    )
    # Some of the payloads are sense for some of the topics; most are not.
    assert store.figure("endcap_mqtt_refused_total") >= before + 0.8 * sent
    for form in ("espresense", "openmqttgateway", "theengs", "raddec", "owntracks", "endcap"):
        assert store.figure("endcap_mqtt_refused_total", format=form, reason="nonsense") > 0
        assert store.figure("endcap_mqtt_refused_total", format=form, reason="too_large") > 0


@pytest.mark.parametrize(
    "topic",
    [
        "espresense/devices/a b/coffee",
        "espresense/devices/\u00a0/coffee",
        "espresense/devices/phone-ana/" + "c" * 60_000,
        "espresense/devices//",
        "espresense/devices/" + "é" * 120 + "/☃",
        "home/%s/BTtoMQTT/{}",
        "raddec/" + "x" * 30_000,
        f"{IN}/shelf/" + "s" * 200 + "/weight",
        f"{IN}/shelf/no-such-shelf/weight",
        f"{IN}/shelf/../weight",
        "owntracks/a:b/c/event",
    ],
)
async def test_topics_that_name_nonsense_are_nobodys(store: RunningStore, heard: Ear, topic: str) -> None:
    entities = len(store.get("/api/v1/console")["people"])
    received = store.figure("endcap_link_received_total")
    for body in (sighting(), {"grams": 500}, {"_type": "transition", "event": "enter", "desc": "dairy"}):
        await heard.say(topic, body)
    await asyncio.to_thread(
        wait_until, lambda: store.figure("endcap_link_received_total") >= received + 3, "all arrived", 10
    )
    assert len(store.get("/api/v1/console")["people"]) == entities
    assert not any("no-such-shelf" in one["shelf"] for one in store.get("/api/v1/console")["shelves"])


async def test_a_flood_of_gateways_and_strangers_fills_no_memory(store: RunningStore, heard: Ear) -> None:
    received = store.figure("endcap_link_received_total")
    for number in range(3_000):
        await heard.say(f"espresense/devices/stranger-{number}/gateway-{number}", b'{"rssi":-60}')
    await asyncio.to_thread(
        wait_until, lambda: store.figure("endcap_link_received_total") >= received + 3_000, "all arrived", 30
    )
    assert store.figure("endcap_passers") >= 3_000
    assert store.figure("endcap_visits") == 0


async def test_a_phone_that_says_it_is_at_home_is_not_in_the_store(store: RunningStore, heard: Ear) -> None:
    device = "owntracks:ana:phone"
    body = {"subject": "ana", "account": "A-1001"}
    assert store.call("PUT", f"/api/v1/devices/{device}", body).status == 200
    for region in ("Home", "../../engine", "dairy/#", "unknown"):
        await heard.say(
            "owntracks/ana/phone/event", {"_type": "transition", "event": "enter", "desc": region}
        )
    await asyncio.to_thread(
        wait_until,
        lambda: store.figure("endcap_mqtt_refused_total", reason="no_such_zone") >= 4,
        "all are refused",
        10,
    )
    assert store.get("/api/v1/console")["visits"] == 0
    counts = [
        json.loads(bytes(message.payload))["shoppers"]
        for _, message in heard.heard
        if "/occupancy/" in message.topic.value
    ]
    assert not any(counts)
    assert not any("Home" in topic or "/zone/" in topic for topic in heard.topics())


# --- MQTT: tills


@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((payload, "nonsense") for payload in NOT_JSON),
        (b'{"operation": "' + b"x" * 90_000 + b'"}', "too_large"),
        ({**sale("x1"), "till": "till-9"}, "nonsense"),
        ({**sale("x1"), "till": "till-2"}, "nonsense"),
        ({**sale("x 1")}, "nonsense"),
        ({**sale("x/1")}, "nonsense"),
        ({**sale("#")}, "nonsense"),
        ({**sale("x1"), "lines": []}, "nonsense"),
        ({**sale("x1"), "lines": [{"sku": "sourdough"}] * 501}, "nonsense"),
        ({**sale("x1"), "lines": [{"sku": "sourdough", "quantity": -1}]}, "nonsense"),
        ({**sale("x1"), "lines": [{"sku": "sourdough", "quantity": 1.5}]}, "nonsense"),
        ({**sale("x1"), "lines": [{"sku": "no-such-thing"}]}, "nonsense"),
        ({**sale("x1"), "lines": [{"sku": "sourdough", "discount_minor": 10_000}]}, "nonsense"),
        ({**sale("x1"), "closed_at_ms": 1}, "nonsense"),
        ({**sale("x1"), "closed_at_ms": -1}, "nonsense"),
        ({**sale("x1"), "closed_at_ms": 4_000_000_000_000}, "nonsense"),
        ({**sale("x1"), "closed_at_ms": 2**70}, "nonsense"),
        ({**sale("x1"), "unknown": 1}, "nonsense"),
        ({**sale("x1"), "card": "a b"}, "nonsense"),
        (json.dumps(sale("x1")).replace('"lines"', '"lines": [], "lines"').encode(), "nonsense"),
    ],
)
async def test_a_till_that_sends_nonsense_is_told_so_and_counted(
    store: RunningStore, heard: Ear, body: object, code: str
) -> None:
    before = store.figure("endcap_mqtt_sales_refused_total", reason=code)
    turns = store.figure("endcap_turns_total")
    await heard.say(f"{IN}/till/till-1/sale", body, qos=1, CorrelationData=b"\xff\x00")
    reply = await heard.until(f"endcap/v1/{STORE}/till/till-1/reply")
    assert (reply["code"], reply["status"] in (400, 413)) == (code, True)
    assert len(reply["detail"]) > 8
    assert store.figure("endcap_mqtt_sales_refused_total", reason=code) == before + 1
    assert store.figure("endcap_turns_total") - turns < 40  # signs play on; no account took anything
    assert store.call("GET", "/api/v1/accounts/till-till-1/receipts").status in (200, 404)


async def test_sales_on_topics_of_no_till_are_answered_nowhere_else(store: RunningStore, heard: Ear) -> None:
    for till in ("..", "$SYS", "till-1%2fx", "é" * 100, "t" * 5_000):
        await heard.say(f"{IN}/till/{till}/sale", sale("x2"), qos=1, ResponseTopic=f"{IN}/till/till-1/sale")
    await heard.say(f"{IN}/till/till-1/sale", sale("x3"), qos=1)
    done = await heard.until(f"endcap/v1/{STORE}/till/till-1/reply", lambda one: one.get("outcome") == "done")
    assert done["body"]["operation"] == "x3"
    assert store.call("POST", "/api/v1/sales", sale("x2")).json["replayed"] is False


# --- HTTP


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        *((payload, 400) for payload in NOT_JSON),
        (b'{"operation": "' + b"x" * 90_000 + b'"}', 413),
        (json.dumps(sale("x")).replace('"sale"', '"sale": "1", "sale"').encode(), 400),
        (b'{"n":' + b"9" * 6_000 + b"}", 400),
    ],
)
def test_a_body_that_is_nonsense_is_a_problem(store: RunningStore, raw: bytes, status: int) -> None:
    before = store.figure("endcap_http_refused_total")
    answer = store.call("POST", "/api/v1/sales", raw=raw)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert len(answer.json["detail"]) > 8
    assert store.figure("endcap_http_refused_total") == before + 1


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_a_body_of_another_kind_is_refused(store: RunningStore, kind: str) -> None:
    answer = store.call("POST", "/api/v1/sales", raw=json.dumps(sale("x")).encode(), kind=kind)
    assert (answer.status, answer.json["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/accounts/%00/wallet",
        "/api/v1/accounts/a%2Fb/wallet",
        "/api/v1/accounts/" + "a" * 5_000 + "/wallet",
        "/api/v1/decisions?limit=99999999999999999999",
        "/api/v1/decisions?limit=-1",
        "/api/v1/decisions?before=-99999999999999999999999",
        "/api/v1/decisions?offer=" + "%F0%9F%92%A9" * 500,
        "/api/v1/decisions/9999999999999999999999999",
        "/pages/..%2f..%2fsettings.py",
        "/phone/%ff%fe",
        "/screen/%23",
        "/api/v1/%E2%98%83",
    ],
)
def test_an_address_that_is_nonsense_is_a_problem_and_never_a_bug(store: RunningStore, path: str) -> None:
    before = store.figure("endcap_http_refused_total")
    answer = store.call("GET", path)
    assert answer.status in (200, 400, 404), answer
    assert store.figure("endcap_http_refused_total") == before + (answer.status != 200)


def _raw(store: RunningStore, *parts: bytes, pause_s: float = 0.0, wait_s: float = 15.0) -> bytes:
    """Sends bytes as they are; gives what came back until the store closed or said it all."""
    with socket.create_connection(("127.0.0.1", store.port), timeout=wait_s) as line:
        with contextlib.suppress(OSError):  # the store may refuse before everything is sent
            for part in parts:
                line.sendall(part)
                time.sleep(pause_s)
        found = b""
        with contextlib.suppress(OSError):
            while chunk := line.recv(65_536):
                found += chunk
                if b"\r\n\r\n" in found and b"}" in found:
                    break
        return found


HEAD = b"POST /api/v1/sales HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def test_a_chunked_body_over_the_limit_is_cut_off(store: RunningStore) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    answer = _raw(store, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 64)
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert PAYLOAD_BYTES_MAX < 64 * 0x8000


def test_a_length_that_lies_is_not_believed(store: RunningStore) -> None:
    answer = _raw(store, HEAD + b"Content-Length: 999999999999\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]


def test_a_body_that_never_ends_holds_nobody_up(store: RunningStore) -> None:
    with socket.create_connection(("127.0.0.1", store.port), timeout=20) as slow:
        slow.sendall(HEAD + b"Content-Length: 400\r\n\r\n{")
        began = time.monotonic()
        assert store.sell(f"beside-{os.getpid()}", "A-1002").status == 200
        assert time.monotonic() - began < 5
        answer = slow.recv(4_096)
    assert answer.startswith(b"HTTP/1.1 408"), answer[:200]


@pytest.mark.parametrize(
    "head",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 300,
        b"GET /api/v1/health HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_bytes_that_are_no_request_end_with_their_connection(store: RunningStore, head: bytes) -> None:
    answer = _raw(store, head, wait_s=5)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_api_answers_as_its_document_says_whatever_it_is_asked(
    store: RunningStore, mode: GenerationMode
) -> None:
    document = schemathesis.openapi.from_url(f"{store.url}/schema/openapi.json")
    asked: Counter[str] = Counter()

    def ask(case: Case) -> None:
        # What a schema allows may still make no sense in this store: a product that it does not sell, 4.0 pieces.
        case.call_and_validate(excluded_checks=[positive_data_acceptance], timeout=20)
        asked[case.operation.label] += 1

    for found in document.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        assert operation is not None
        strategy = operation.as_strategy(generation_mode=mode)
        bounded = settings(
            max_examples=EXAMPLES,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        with contextlib.suppress(Unsatisfiable):  # an operation without input cannot be asked wrongly
            bounded(given(strategy)(ask))()
    assert len(asked) >= 6
    assert sum(asked.values()) >= 4 * EXAMPLES


# --- WebSockets


@pytest.mark.parametrize("path", ["/ws/console", "/ws/phone/A-1001", "/ws/screen/screen-1"])
@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "{",
        "[" * 3_000,
        '{"version": NaN}',
        '{"version": 1, "version": 2}',
        '{"version": "1"}',
        '{"version": 1, "x": 1}',
        '{"version": ' + "9" * 400 + "}",
        "x" * 5_000,
        b"\xff\xfe binary",
    ],
)
async def test_a_frame_that_is_nonsense_closes_its_own_socket_with_a_reason(
    store: RunningStore, path: str, frame: str | bytes
) -> None:
    before = store.figure("endcap_ws_refused_total")
    async with connect(store.ws + path) as page:
        await page.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(20):
                await asyncio.wait_for(page.recv(), 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason
    assert store.figure("endcap_ws_refused_total") == before + 1


async def test_a_page_that_beats_too_often_is_closed(store: RunningStore) -> None:
    async with connect(f"{store.ws}/ws/console") as page:
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(100):
                await page.send('{"version": 1}')
            while True:
                await asyncio.wait_for(page.recv(), 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_frame_beyond_any_size_ends_its_socket(store: RunningStore) -> None:
    with contextlib.suppress(ConnectionClosed, OSError):
        async with connect(f"{store.ws}/ws/console", max_size=None) as page:
            await page.send("x" * 3_000_000)
            while True:
                await asyncio.wait_for(page.recv(), 5)


async def test_a_page_of_another_site_is_not_served(store: RunningStore) -> None:
    with pytest.raises(Exception, match="403"):
        async with connect(f"{store.ws}/ws/console", origin="https://elsewhere.example"):  # type: ignore[arg-type]
            pass


# --- files


def _is_told(store: RunningStore, before: int) -> bool:
    return len(store.logged("books_wrong")) > before


def test_files_that_are_nonsense_change_nothing_and_are_told(store: RunningStore) -> None:
    hostile = [
        b"\xff\xfe\x00",
        b"campaigns: &a [*a]",
        b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c,*%c]\n" % (n, n, n - 1, n - 1, n - 1) for n in range(98, 110)),
        b"!!python/object/apply:os.system ['true']",
        b"campaigns: " + b"[" * 5_000,
        b"campaigns:\n  - {id: x, id: y}\n",
        b"campaigns:\n" + b"  - {id: c}\n" * 5_000,
        b"x" * 3_000_000,
        b"campaigns: [{id: a, name: a, trigger: {zone_entered: coffee}, gives: [{points: -5}], caps: {visit: 1}}]",
        b"campaigns: [{id: a, name: a, trigger: {zone_entered: coffee}, gives: [{points: 1e999}], caps: {day: .nan}}]",
        b"",
    ]  # fmt: skip
    campaigns = store.books / "campaigns.yaml"
    good = campaigns.read_bytes()
    before = store.get("/api/v1/floor")["campaigns"]
    try:
        for text in hostile:
            told = len(store.logged("books_wrong"))
            campaigns.write_bytes(text)
            wait_until(partial(_is_told, store, told), f"{text[:40]!r} is told", 15)
            problem = store.logged("books_wrong")[-1]["problems"][0]
            # Without a creative it is the floor's playlists that name what is not there.
            assert problem.startswith(("campaigns.yaml:", "floor.yaml:")), problem
            assert store.get("/api/v1/floor")["campaigns"] == before
    finally:
        campaigns.write_bytes(good)


# --- what has become of it


async def test_after_all_of_it_nothing_is_parked_and_a_shopper_is_served(
    store: RunningStore, heard: Ear
) -> None:
    assert store.figure("endcap_parked_total") == 0
    assert store.figure("endcap_http_refused_total", reason="bug") == 0
    assert store.figure("endcap_commits_failed_total") == 0
    await heard.say("espresense/devices/phone-rosa/coffee", sighting())
    wallet = await heard.until(f"endcap/v1/{STORE}/phone/A-1011/wallet", lambda one: bool(one["offers"]))
    assert wallet["offers"][0]["campaign"] == "tea-tasting"
    assert store.verb("replay").returncode == 0
    errors = [line for line in store.log.read_text().splitlines() if '"level": "error"' in line]
    assert [line for line in errors if "books_wrong" not in line] == []
    assert "Traceback" not in store.log.read_text()
