"""The demo as a visitor starts it: one command, and a store that lives, sells with the WAN cut, and closes in order."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from protocols import topics
from sim.door import Door, OutOfReach
from sim.processes import Child, free_port, python, wait_until

STORE = "014"
OPEN_S = 60.0
LIVES_S = 90.0


class Running:
    """A demo under test: its doors, its broker, and the process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        argv = python(
            "sim.cli", "demo", "--no-browser", "--no-ray", "--folder", str(folder), "--port", str(self.port)
        )
        self.child = Child(
            "demo", [*argv, *options], folder.parent / f"{self.port}.log", self.answers, apart=True
        )
        self.door = Door("127.0.0.1", self.port)

    def answers(self) -> bool:
        with suppress(OutOfReach):
            return self.door.ask("GET", "/api/v1/health").status == 200
        return False

    def store(self) -> Any:
        return self.door.ask("GET", "/api/v1/console").body

    def setting(self, file: str, section: str, name: str) -> int:
        text = (self.folder / file).read_text()
        found = re.search(rf"\[{section}\][^\[]*\b{name} = (\d+)", text)
        assert found is not None, text
        return int(found[1])

    @property
    def mqtt_port(self) -> int:
        return self.setting("store.toml", "mqtt", "port")

    @property
    def office(self) -> Door:
        return Door("127.0.0.1", self.setting("office.toml", "http", "port"))

    def totals(self) -> dict[str, Any]:
        [store] = self.office.ask("GET", "/api/v1/totals").body["stores"]
        return dict(store)

    def parts(self) -> dict[str, int]:
        """The demo's own children by name."""
        pids = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        names = {
            "mosquitto": "broker",
            "embedded_broker": "broker",
            "edge.cli": "store",
            "sim.world": "world",
        }
        found = {}
        for pid in pids:
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            found[next((part for sign, part in names.items() if sign in argv), "office")] = int(pid)
        return found

    def said(self) -> str:
        return self.child.log.read_text()


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Running]:
    demo = Running(folder, *options)
    try:
        demo.child.start(OPEN_S)
        wait_until(lambda: "Ctrl-C ends it." in demo.said(), "all parts are open", OPEN_S, 0.1)
        yield demo
    finally:
        demo.child.stop(20)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("demo") / "shop") as started:
        yield started


def eventually(holds: Any, what: str, within_s: float = LIVES_S) -> None:
    wait_until(holds, what, within_s, 0.25)


def test_people_walk_screens_play_and_decisions_are_made(demo: Running) -> None:
    eventually(lambda: demo.store()["visits"] >= 10, "ten visits")
    eventually(lambda: len(demo.store()["decisions"]) >= 10, "ten decisions")
    eventually(
        lambda: all(shelf["pieces"] is not None for shelf in demo.store()["shelves"]), "all shelves weighed"
    )
    now = demo.store()
    assert sum(zone["shoppers"] for zone in now["zones"]) >= 5
    assert len(now["screens"]) == 3
    assert all(screen["creative"] for screen in now["screens"])
    assert any(person["member"] for person in now["people"])
    assert any(not person["member"] for person in now["people"])
    assert now["store"]["demo"]


async def test_presence_is_on_the_broker_for_everybody_to_hear(demo: Running) -> None:
    async with aiomqtt.Client("127.0.0.1", demo.mqtt_port) as client:
        await client.subscribe(topics.presence(STORE, "+"))
        async for message in client.messages:
            assert b'"zone"' in bytes(message.payload)
            return


def test_tills_ring_and_head_office_hears_of_every_sale(demo: Running) -> None:
    eventually(lambda: demo.store()["sales_today"] >= 2, "two sales")
    eventually(lambda: in_step(demo), "head office is in step")
    assert demo.totals()["stock_moves"] > 0


def in_step(demo: Running) -> bool:
    """True if store and cloud say the same, and said so before and after: people go on buying meanwhile."""
    before = demo.store()
    totals = demo.totals()
    after = demo.store()
    same = before["sales_today"] == after["sales_today"] == totals["sales"]
    return bool(
        same and before["sales_today_minor"] == totals["total_minor"] and after["link"]["backlog"] == 0
    )


def test_the_store_sells_with_the_wan_cut_and_catches_up(demo: Running) -> None:
    assert demo.door.ask("POST", "/api/v1/demo/wan", {"up": False}).status == 200
    eventually(lambda: demo.store()["link"]["state"] == "cut", "the link is cut")
    known, sold = demo.totals()["sales"], demo.store()["sales_today"]
    sale = {
        "operation": "test-1",
        "sale": "T-1",
        "till": "till-1",
        "card": "2900000001001",
        "lines": [{"sku": "coffee-250", "quantity": 2000}],
    }
    receipt = demo.door.ask("POST", "/api/v1/sales", sale)
    assert (receipt.status, receipt.body["outcome"], receipt.body["replayed"]) == (200, "done", False)
    assert receipt.body["body"]["points_earned"] > 0
    again = demo.door.ask("POST", "/api/v1/sales", sale)
    assert (again.status, again.body["replayed"], again.body["body"]) == (200, True, receipt.body["body"])
    eventually(lambda: demo.store()["sales_today"] >= sold + 3, "three more sales")
    assert demo.store()["link"]["backlog"] > 0
    assert demo.totals()["sales"] == known, "nothing goes through a cut line"
    assert demo.door.ask("POST", "/api/v1/demo/wan", {"up": True}).status == 200
    eventually(lambda: in_step(demo), "the backlog is drained and the totals are equal")
    assert demo.totals()["sales"] >= known + 3


def test_a_member_has_one_balance_in_the_store_and_at_head_office(demo: Running) -> None:
    def same() -> bool:
        wallet = demo.door.ask("GET", "/api/v1/accounts/A-1001/wallet").body
        return bool(wallet["points"] == demo.office.ask("GET", "/api/v1/accounts/A-1001").body["points"])

    eventually(same, "one balance")
    assert demo.door.ask("GET", "/api/v1/accounts/A-1001/wallet").body["points"] > 1_240


def test_a_visitor_leads_a_shopper_and_takes_goods(demo: Running) -> None:
    person = next(one for one in demo.store()["people"] if one["zone"] not in ("collect", "unknown"))
    subject = person["subject"]
    assert (
        demo.door.ask("POST", "/api/v1/demo/walk", {"subject": subject, "x": 20.9, "y": 16.6}).status == 200
    )

    def there() -> bool:
        return any(one["subject"] == subject and one["zone"] == "collect" for one in demo.store()["people"])

    eventually(there, "they are in the zone that they were led to", 60)

    def pieces() -> int:
        return int(next(one["pieces"] for one in demo.store()["shelves"] if one["shelf"] == "frozen-1"))

    before = pieces()
    assert demo.door.ask("POST", "/api/v1/demo/take", {"shelf": "frozen-1", "pieces": 2}).status == 200
    eventually(lambda: pieces() <= before - 2, "the shelf has two fewer", 20)


def test_a_part_that_dies_is_named_with_its_last_words_and_the_rest_is_stopped(demo: Running) -> None:
    parts = demo.parts()
    assert set(parts) == {"broker", "store", "world", "office"}
    os.kill(parts["world"], signal.SIGKILL)
    assert demo.child.wait(30) == 1
    assert "The world was ended by SIGKILL" in demo.said()
    assert "people walk" in demo.said(), "the end of its log"
    for name, pid in parts.items():
        assert not Path(f"/proc/{pid}").exists(), name


def test_a_second_run_goes_on_where_the_first_one_stopped(demo: Running) -> None:
    assert not demo.child.running, "the first one was ended by the test before"
    with running(demo.folder) as second:
        assert second.totals()["sales"] >= 4
        eventually(lambda: in_step(second), "head office is in step", 60)
        parts = second.parts()
        began = time.monotonic()
        second.child.signal(signal.SIGINT)
        assert second.child.wait(30) == 0
        assert time.monotonic() - began < 15
    assert "Everything is stopped." in second.said()
    assert not [name for name, pid in parts.items() if Path(f"/proc/{pid}").exists()]


def test_it_needs_no_broker_to_be_installed(tmp_path: Path) -> None:
    with running(tmp_path / "shop", "--broker", "amqtt", "--people", "20") as demo:
        eventually(lambda: demo.store()["visits"] >= 3, "visits over amqtt")
        eventually(lambda: demo.store()["sales_today"] >= 1, "a sale")
