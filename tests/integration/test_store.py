"""A real store: a process of its own beside a real broker, spoken to only through its public doors."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.process import wait_until
from tests.stores import STORE, RunningStore, ear, sale, sighting, store_running

IN = f"endcap/v1/{STORE}/in/till/till-1/sale"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto_running(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[RunningStore]:
    """One store that tests share; each uses members of its own."""
    with store_running(tmp_path_factory.mktemp("store"), broker) as running:
        yield running


def out(*parts: str) -> str:
    return "/".join(("endcap/v1", STORE, *parts))


def in_zone(zone: str) -> Callable[[Any], bool]:
    return lambda presence: bool(presence["zone"] == zone)


# --- from a beacon to a screen, a phone and whoever asks where somebody is


async def test_a_sighting_is_a_screen_command_a_wallet_and_a_presence(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port) as heard:
        said_us = time.time_ns() // 1_000
        await heard.say("espresense/devices/phone-tomas/coffee", sighting())
        shown = await heard.until(
            out("screen", "screen-1", "show"), lambda one: one["cause"].get("subject") == "tomas"
        )
        wallet = await heard.until(out("phone", "A-1002", "wallet"), lambda one: bool(one["offers"]))
        presence = await heard.until(out("presence", "tomas"))
        crowd = await heard.until(out("occupancy", "coffee"), lambda one: one["shoppers"] == 1)
    assert (shown["creative"], shown["campaign"]) == ("tea-time", "tea-tasting")
    assert shown["fields"]["price_minor"] == 329
    assert [offer["campaign"] for offer in wallet["offers"]] == ["tea-tasting"]
    assert (presence["subject"], presence["zone"]) == ("tomas", "coffee")
    assert crowd["members"] == 1
    for message in (shown, wallet, presence, crowd):
        cause = message["cause"]
        assert (cause["scanner"], cause["subject"]) == ("coffee", "tomas")
        assert said_us <= cause["arrived_us"] <= message["heard_us"]
    ledger = {stage: store.figure("endcap_latency_seconds_count", stage=stage) for stage in ("cell", "total")}
    assert ledger["total"] == ledger["cell"] >= 1


async def test_what_stands_is_retained_for_whoever_comes_later(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port) as late:
        for sign in ("screen-1", "screen-2", "screen-3"):
            assert (await late.until(out("screen", sign, "show")))["version"] >= 1
        assert (await late.until(out("phone", "A-1001", "wallet")))["points"] == 1240


async def test_a_weight_is_stock_and_an_empty_shelf_is_for_somebody_to_fill(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port) as heard:
        for grams in (16 * 1032, 0):
            for _ in range(4):
                await heard.say(out("in", "shelf", "dairy-1", "weight"), {"grams": grams})
                await asyncio.sleep(0.2)

    def shelf() -> tuple[int | None, str]:
        found = next(one for one in store.get("/api/v1/console")["shelves"] if one["shelf"] == "dairy-1")
        return found["pieces"], found["state"]

    wait_until(lambda: shelf() == (0, "out"), "the shelf is out", 10)
    needs = {one["key"]: one for one in store.get("/api/v1/console")["needs"]}
    assert needs["dairy-1"]["say"] == "Whole milk 1 L is out"


# --- tills


async def test_a_sale_is_on_the_phone_at_once_and_a_repeat_gets_the_stored_reply(store: RunningStore) -> None:
    async with connect(f"{store.ws}/ws/phone/A-1003") as phone, httpx.AsyncClient(base_url=store.url) as till:
        about = json.loads(await asyncio.wait_for(phone.recv(), 5))
        before = json.loads(await asyncio.wait_for(phone.recv(), 5))
        first = (await till.post("/api/v1/sales", json=sale("jin-1", "A-1003"))).json()
        after = json.loads(await asyncio.wait_for(phone.recv(), 1))
        again = (await till.post("/api/v1/sales", json=sale("jin-1", "A-1003"))).json()
        other = await till.post("/api/v1/sales", json=sale("jin-1", "A-1003", sale="another"))
    assert about["store"]["id"] == STORE
    assert first["body"]["points_earned"] == 6 + 6  # 2 a euro, and gold earns double
    assert after["points"] == before["points"] + 12 == first["body"]["balance_points"]
    assert after["cause"]["operation"] == "jin-1"
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert (again["body"], again["seq"]) == (first["body"], first["seq"])
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    assert store.get("/api/v1/accounts/A-1003/wallet")["points"] == after["points"]


async def test_repeats_beside_the_first_wait_for_it_and_sell_once(store: RunningStore) -> None:
    async with httpx.AsyncClient(base_url=store.url) as till:
        answers = await asyncio.gather(
            *(till.post("/api/v1/sales", json=sale("kofi-1", "2900000001034")) for _ in range(8))
        )
    receipts = [one.json() for one in answers]
    assert sorted(one["replayed"] for one in receipts) == [False] + [True] * 7
    assert len({json.dumps(one["body"]) for one in receipts}) == 1
    assert len(store.get("/api/v1/accounts/A-1004/receipts")) == 1


async def test_a_till_over_mqtt_is_answered_where_it_asked(store: RunningStore, broker: Mosquitto) -> None:
    answers = out("till", "till-1", "answers")
    async with ear(broker.port) as till:
        for _ in range(2):
            await till.say(
                IN, sale("mqtt-1", "A-1005"), qos=1, ResponseTopic=answers, CorrelationData=b"c-17"
            )
        first = await till.until(answers, lambda one: not one["replayed"])
        again = await till.until(answers, lambda one: one["replayed"])
        wallet = await till.until(
            out("phone", "A-1005", "wallet"), lambda one: one["cause"].get("operation") == "mqtt-1"
        )
        correlated = {
            bytes(message.properties.CorrelationData)  # type: ignore[union-attr]
            for _, message in till.heard
            if message.topic.value == answers
        }
    assert correlated == {b"c-17"}
    assert first["body"] == again["body"]
    assert first["body"]["points_earned"] == 6
    assert wallet["points"] == first["body"]["balance_points"]


@pytest.mark.parametrize(
    "hostile", [out("in", "till", "till-2", "sale"), out("engine"), "espresense/rooms/coffee/status"]
)
async def test_a_tills_answer_goes_nowhere_but_to_tills(
    store: RunningStore, broker: Mosquitto, hostile: str
) -> None:
    operation = f"hostile-{hostile}".replace("/", ".")
    async with ear(broker.port, "#") as heard:
        await heard.say(IN, sale(operation), qos=1, ResponseTopic=hostile)
        reply = await heard.until(
            out("till", "till-1", "reply"), lambda one: one.get("body", {}).get("operation") == operation
        )
        assert reply["outcome"] == "done"
        for _, message in heard.heard:
            assert message.topic.value != hostile or operation.encode() not in bytes(message.payload)


def test_a_sale_without_a_card_and_one_with_a_card_that_nobody_knows_are_taken(store: RunningStore) -> None:
    nobody = store.sell("nobody-1").json["body"]
    assert (nobody["account"], nobody["points_earned"], nobody["balance_points"]) == ("till-till-1", 0, None)
    stranger = store.sell("stranger-1", "5550000000001").json["body"]
    assert stranger["account"].startswith("card-")
    assert "5550000000001" not in stranger["account"]


# --- members


async def test_a_device_that_is_enrolled_is_followed_from_then_on(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port) as heard:
        before = store.figure("endcap_sightings_total")
        await heard.say("espresense/devices/phone-new/bakery", sighting())
        await asyncio.to_thread(
            wait_until, lambda: store.figure("endcap_sightings_total") > before, "it was heard", 5
        )
        assert store.figure("endcap_passers") >= 1
        enrolled = store.call(
            "PUT", "/api/v1/devices/phone-new", {"subject": "nils", "account": "A-2001", "name": "Nils"}
        )
        assert (enrolled.status, enrolled.json["member"]) == (200, True)
        await heard.say("espresense/devices/phone-new/bakery", sighting())
        presence = await heard.until(out("presence", "nils"))
    assert presence["zone"] == "bakery"
    assert b"phone-new" not in (store.data / "store.db").read_bytes()


def test_another_device_of_a_member_is_theirs_with_all_that_is_known_of_them(store: RunningStore) -> None:
    answer = store.call("PUT", "/api/v1/devices/watch-olga", {"subject": "olga", "account": "A-1008"})
    assert (answer.json["name"], answer.json["tier"]) == ("Olga", "bronze")
    assert store.get("/api/v1/cards/A-1008")["name"] == "Olga"


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "x", "account": "till-1"},
        {"subject": "x", "account": "card-1"},
        {"subject": "x", "account": "a/b"},
        {"subject": "x", "account": "A-1", "name": "n" * 1_000},
        {"subject": "x", "account": "A-1", "tier": "a b"},
        {"subject": "x", "account": "A-1", "consent": ["offers"] * 100},
        {"subject": "x", "account": "A-1", "consent": ["#"]},
    ],
)
def test_an_enrolment_that_says_nonsense_is_refused(store: RunningStore, wrong: dict[str, object]) -> None:
    answer = store.call("PUT", "/api/v1/devices/some-device", wrong)
    assert (answer.status, answer.json["code"]) == (400, "nonsense")
    assert store.call("GET", "/api/v1/cards/some-device").status == 404


async def test_consent_that_is_taken_back_takes_offers_away_and_stops_new_ones(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port) as heard:
        await heard.say("espresense/devices/phone-noor/coffee", sighting())
        await heard.until(out("phone", "A-1007", "wallet"), lambda one: bool(one["offers"]))
        asked = {"operation": "noor-no", "consent": ["location"]}
        assert store.call("PUT", "/api/v1/accounts/A-1007/consent", asked).status == 200
        gone = await heard.until(
            out("phone", "A-1007", "wallet"), lambda one: one["cause"].get("operation") == "noor-no"
        )
        assert gone["offers"] == []
        for zone, rssi in (
            ("seasonal", -45.0),
            ("produce", -30.0),
        ):  # each has an offer for whoever allows it
            await heard.say(f"espresense/devices/phone-noor/{zone}", sighting(rssi))
            await heard.until(out("presence", "noor"), in_zone(zone))
    decisions = [
        one for one in store.get("/api/v1/decisions?limit=50") if one["cause"].get("subject") == "noor"
    ]
    after = [one for one in decisions if one["decision"]["where"] in ("Seasonal", "Produce")]
    assert len(after) == 2
    assert all(one["decision"]["winners"] == [] for one in after)
    assert store.get("/api/v1/accounts/A-1007/wallet")["offers"] == []
    assert store.get("/api/v1/accounts/A-1007/consent")["allowed"] == ["location"]
    # A later repeat of an older choice changes nothing.
    assert (
        store.call(
            "PUT", "/api/v1/accounts/A-1007/consent", {"operation": "noor-yes", "consent": ["offers"]}
        ).status
        == 200
    )
    assert store.call("PUT", "/api/v1/accounts/A-1007/consent", asked).json["replayed"] is True
    assert store.get("/api/v1/accounts/A-1007/consent")["allowed"] == ["offers"]


# --- asking why, on the live database


def test_a_decision_is_explained_over_http_and_on_the_command_line(store: RunningStore) -> None:
    decided = next(
        one
        for one in store.get("/api/v1/decisions?limit=200")
        if one["decision"]["winners"] == ["tea-tasting"]
    )
    why = store.get(f"/api/v1/decisions/{decided['seq']}")
    assert why["same"] is True
    outcomes = {one["campaign"]: one["outcome"] for one in why["view"]["decision"]["considered"]}
    assert outcomes["tea-tasting"] == "won"
    assert len(outcomes) > 3
    shown = store.verb("explain", str(decided["seq"]))
    assert shown.returncode == 0, shown.stderr
    assert decided["decision"]["summary"].split(":")[0] in shown.stdout
    assert "Shelf holds 6 or more" in shown.stdout
    assert "The replay has the journal's digest." in shown.stdout
    assert str(decided["seq"]) in store.verb("explain").stdout
    assert store.verb("explain", "999999").returncode == 1
    assert "Nothing is parked" in store.verb("explain", "--parked", "5").stdout


def test_the_journal_of_a_running_store_replays_to_the_same_digest(store: RunningStore) -> None:
    told = store.verb("replay")
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"\d{2,} turns replayed in .* s, 0 differ", told.stdout)
    digests = re.findall(r"^(journal|replay) +([0-9a-f]{32})$", told.stdout, re.M)
    assert [name for name, _ in digests] == ["journal", "replay"]
    assert digests[0][1] == digests[1][1]


# --- restarts and crashes


async def test_a_restart_keeps_balance_offers_and_screens_and_a_kill_keeps_what_was_acknowledged(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    with store_running(tmp_path / "store", mosquitto) as store:
        async with ear(mosquitto.port) as heard:
            await heard.say("espresense/devices/phone-ana/coffee", sighting())
            wallet = await heard.until(out("phone", "A-1001", "wallet"), lambda one: bool(one["offers"]))
        sold = store.sell("ana-1", "A-1001").json
        asked = {"operation": "ana-consent", "consent": ["offers", "profile"]}
        assert store.call("PUT", "/api/v1/accounts/A-1001/consent", asked).status == 200
        before = {
            path: store.get(path) for path in ("/api/v1/accounts/A-1001/wallet", "/api/v1/signs/screen-1")
        }
        took_s = store.stop()
        assert took_s < 3.0
        print(f"stopped in {took_s:.2f} s")
        began = time.monotonic()
        store.start()
        print(f"ready again {time.monotonic() - began:.2f} s after its start")
        after = store.get("/api/v1/accounts/A-1001/wallet")
        assert after["points"] == before["/api/v1/accounts/A-1001/wallet"]["points"] == 1246
        assert after["offers"] == before["/api/v1/accounts/A-1001/wallet"]["offers"]
        assert wallet["offers"][0] in after["offers"]
        screen = store.get("/api/v1/signs/screen-1")
        assert screen["version"] >= before["/api/v1/signs/screen-1"]["version"]
        assert store.get("/api/v1/console")["visits"] == 1
        # The files say otherwise, but what the member chose since stands.
        assert store.get("/api/v1/accounts/A-1001/consent")["allowed"] == ["offers", "profile"]
        assert store.logged("books_swapped")[1:] == []

        with ThreadPoolExecutor(4) as tills:
            selling = [tills.submit(store.sell, f"k-{number}", "A-1002") for number in range(60)]
            wait_until(lambda: sum(one.done() for one in selling) >= 20, "twenty sales", 20)
            store.process.kill()
        acknowledged = [one.result() for one in selling if one.exception() is None]
        assert len(acknowledged) >= 20
        store.start()
        for receipt in (one.json for one in acknowledged):
            again = store.sell(receipt["body"]["operation"], "A-1002").json
            assert (again["replayed"], again["body"], again["seq"]) == (True, receipt["body"], receipt["seq"])
        rest = [store.sell(f"k-{number}", "A-1002").json for number in range(60)]
        assert len({one["seq"] for one in rest}) == 60
        assert store.get("/api/v1/accounts/A-1002/wallet")["points"] == 422 + 60 * 6
        assert store.get("/api/v1/health")["incarnation"] == sold["incarnation"]
        assert store.verb("replay").returncode == 0
        async with ear(mosquitto.port) as late:
            balance = await late.until(
                out("phone", "A-1002", "wallet"), lambda one: one["points"] == 422 + 60 * 6
            )
            assert balance["cause"]["operation"].startswith("k-")


async def test_a_broker_that_comes_later_is_found_and_told_what_stands(tmp_path: Path) -> None:
    with mosquitto_running(tmp_path / "broker") as later:
        later.kill()
        with store_running(tmp_path / "store", later, linked=False) as store:
            assert store.get("/api/v1/health")["ready"] is True
            assert store.sell("early-1", "A-1001").status == 200
            assert store.figure("endcap_link_up") == 0
            later.start()
            async with ear(later.port) as heard:
                wallet = await heard.until(out("phone", "A-1001", "wallet"), within_s=30)
                assert wallet["cause"]["operation"] == "early-1"
                assert (await heard.until(out("screen", "screen-2", "show")))["version"] >= 1
            assert [one["link"] for one in store.logged("link is down")].count("mqtt endcap-014-money") <= 1


# --- the store's files while it runs


async def test_files_that_change_are_swapped_in_and_broken_ones_change_nothing(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    with store_running(tmp_path / "store", mosquitto) as store:
        campaigns = store.books / "campaigns.yaml"
        good = campaigns.read_text()
        new = (
            "  - id: frozen-hello\n    name: Frozen hello\n    trigger: {zone_entered: frozen}\n"
            "    gives: [{message: {title: Hello, text: Mind the cold}}]\n    caps: {visit: 1, day: 5}\n"
        )
        campaigns.write_text(good + new)
        wait_until(lambda: len(store.logged("books_swapped")) == 2, "the new campaign is taken", 10)
        async with ear(mosquitto.port) as heard:
            await heard.say("espresense/devices/phone-wen/frozen", sighting())
            wallet = await heard.until(out("phone", "A-1016", "wallet"), lambda one: bool(one["offers"]))
            assert [one["campaign"] for one in wallet["offers"]] == ["frozen-hello"]

            version = store.get("/api/v1/floor")["version"]
            campaigns.write_text(good + new.replace("zone_entered: frozen", "zone_entered: cellar"))
            wait_until(lambda: len(store.logged("books_wrong")) == 1, "the error is told", 10)
            line = 1 + (good + new).splitlines().index("    trigger: {zone_entered: frozen}")
            assert f"campaigns.yaml:{line}:" in store.logged("books_wrong")[0]["problems"][0]
            assert store.get("/api/v1/floor")["version"] == version
            await heard.say("espresense/devices/phone-yara/frozen", sighting())
            still = await heard.until(out("phone", "A-1018", "wallet"), lambda one: bool(one["offers"]))
            assert [one["campaign"] for one in still["offers"]] == ["frozen-hello"]

        (store.books / "floor.yaml").unlink()  # as an editor does for a moment
        wait_until(lambda: len(store.logged("books_wrong")) == 2, "the missing file is told", 10)
        assert "floor.yaml" in store.logged("books_wrong")[1]["problems"][0]
        assert store.sell("swap-1").status == 200

        members = store.books / "members.yaml"
        members.write_text(
            members.read_text().replace(
                "tags:",
                "  A-3001: {name: Zed, subject: zed, consent: [offers], points: 55, devices: [phone-zed]}\ntags:",
            )
        )
        source = Path(__file__).parents[2] / "sim" / "grocery" / "floor.yaml"
        (store.books / "floor.yaml").write_text(source.read_text())
        campaigns.write_text(good)
        wait_until(
            lambda: store.call("GET", "/api/v1/accounts/A-3001/wallet").status == 200, "the new member", 10
        )
        assert store.get("/api/v1/accounts/A-3001/wallet")["points"] == 55
        assert "frozen-hello" not in store.get("/api/v1/floor")["campaigns"]
