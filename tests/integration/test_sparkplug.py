"""Sparkplug at a real broker: a store that missed a node's birth asks for it, and its own STATE is always true."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt import subscribe

from protocols.devices.sparkplug import REBIRTH
from tests.edge_nodes import INT32, EdgeNode, Payload, metric
from tests.servers.mosquitto import Mosquitto, mosquitto_running
from tests.servers.process import wait_until
from tests.stores import STORE, RunningStore, ear, store_running

COFFEE = "coffee"  # the example store's scanner of that zone
HOST = "aisle-host"
STATE = f"spBv1.0/STATE/{HOST}"
STRENGTH = metric("rssi/phone-tomas", -50, INT32, alias=1)


class NodeAtBroker:
    """An edge node with a connection of its own: it is born when asked, and leaves its death with the broker."""

    def __init__(self, broker: Mosquitto) -> None:
        self.node = EdgeNode(COFFEE)
        self.asked: list[Any] = []
        self._lock = threading.Lock()
        self._listens = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._commanded
        self.client.on_subscribe = lambda *_: self._listens.set()
        self.client.will_set(*self.node.death(), qos=1, retain=False)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        self.client.subscribe(f"spBv1.0/shop/NCMD/{COFFEE}", qos=1)
        assert self._listens.wait(5)

    def born(self) -> paho.MQTTMessageInfo:
        with self._lock:
            return self.client.publish(*self.node.birth(STRENGTH))

    def hears(self, dbm: int) -> None:
        """By alias alone, as nodes do."""
        with self._lock:
            self.client.publish(*self.node.data(metric(alias=1, int_value=2**32 + dbm)))

    def cut_off(self) -> None:
        """Without a goodbye: the broker sends the death."""
        self.client.loop_stop()
        self.client.socket().close()

    def _commanded(self, client: paho.Client, told: object, message: paho.MQTTMessage) -> None:
        self.asked.append(message)
        self.born()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto_running(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def node(broker: Mosquitto) -> Iterator[NodeAtBroker]:
    """A node that was born while no store ran."""
    made = NodeAtBroker(broker)
    made.born().wait_for_publish(5)
    yield made
    made.client.loop_stop()


@pytest.fixture
def store(tmp_path: Path, broker: Mosquitto, node: NodeAtBroker) -> Iterator[RunningStore]:
    with store_running(tmp_path / "store", broker) as running:
        yield running


async def test_a_node_whose_birth_was_missed_is_asked_once_and_then_heard_until_its_death(
    store: RunningStore, broker: Mosquitto, node: NodeAtBroker
) -> None:
    async with ear(broker.port) as heard:
        node.hears(-50)
        wait_until(lambda: node.asked, "the store asks for a birth", 10)
        for _ in range(15):
            node.hears(-50)
            await asyncio.sleep(0.1)
        presence = await heard.until(f"endcap/v1/{STORE}/presence/tomas", lambda one: one["zone"] == COFFEE)
    assert presence["cause"]["scanner"] == COFFEE
    [asked] = node.asked
    [command] = Payload.FromString(asked.payload).metrics
    assert (command.name, command.boolean_value) == (REBIRTH, True)
    assert (asked.topic, asked.retain) == (f"spBv1.0/shop/NCMD/{COFFEE}", False)
    assert store.figure("endcap_mqtt_refused_total", reason="birth_missed") == 1

    node.cut_off()
    wait_until(lambda: COFFEE in silent(store), "the broker says that the node is gone", 10)


@pytest.mark.parametrize("version", [5, 4])
async def test_the_stores_state_is_online_while_it_runs_and_offline_however_it_went(
    tmp_path: Path, broker: Mosquitto, version: int
) -> None:
    mqtt = {"sparkplug_host": HOST, "version": version}
    with store_running(tmp_path / "store", broker, mqtt=mqtt) as store:
        async with ear(broker.port, STATE) as heard:
            first = await heard.until(STATE, lambda one: one["online"])
            assert store.figure("endcap_link_up", link="mqtt sparkplug") == 1

            store.process.kill()
            gone = await heard.until(STATE, lambda one: not one["online"])
            assert gone["timestamp"] == first["timestamp"]
            assert retained(broker) == {"online": False, "timestamp": first["timestamp"]}

            store.start()
            again = await heard.until(
                STATE, lambda one: one["online"] and one["timestamp"] > first["timestamp"]
            )
            await heard.say(STATE, {"online": False, "timestamp": first["timestamp"]}, qos=1, retain=True)
            wait_until(lambda: retained(broker)["online"], "a late will is answered", 5)
            assert retained(broker) == {"online": True, "timestamp": again["timestamp"]}

            store.stop()
            left = await heard.until(
                STATE, lambda one: not one["online"] and one["timestamp"] >= again["timestamp"]
            )
            assert left["timestamp"] > again["timestamp"], "its own death has the time of leaving"
            assert not retained(broker)["online"]

            store.start()
            await heard.until(STATE, lambda one: one["online"] and one["timestamp"] > left["timestamp"])
            assert store.logged("sparkplug_host_not_alone") == []


async def test_a_store_that_is_no_host_by_name_publishes_no_state(
    store: RunningStore, broker: Mosquitto
) -> None:
    async with ear(broker.port, "spBv1.0/STATE/#") as heard:
        await asyncio.sleep(0.5)
    assert heard.topics() == set()
    assert store.figure("endcap_link_up") == 2


def retained(broker: Mosquitto) -> dict[str, Any]:
    """The STATE that a node finds when it comes: what the broker holds now."""
    message = subscribe.simple(STATE, qos=1, hostname=broker.host, port=broker.port)  # type: ignore[no-untyped-call]
    assert message.retain and message.qos == 1
    said: dict[str, Any] = json.loads(message.payload)
    return said


def silent(store: RunningStore) -> set[str]:
    """Gateways that the console says are silent."""
    return {need["key"] for need in store.get("/api/v1/console")["needs"] if need["code"] == "gateway_silent"}
