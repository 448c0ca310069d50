"""Sparkplug nodes as the store hears them, in conversations: births, data, gaps, deaths, and whom it asks again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import sparkplug as hosts
from edge.sparkplug import ASK_EVERY_MS, ASKED_MAX, Command, SparkplugHost
from protocols.devices import Reading, ScannerSeen, Sighting, Weight
from protocols.devices.sparkplug import rebirth
from protocols.errors import Nonsense, TooLarge
from protocols.ids import DeviceId, ScannerId
from tests.edge_nodes import DOUBLE, FLOAT, INT8, INT32, STRING, UINT16, EdgeNode, metric

AT = 1_790_000_000_000
TAG = "aabbccddee01"


class Shop:
    """A host and the time, and a short way to let it hear something."""

    def __init__(self) -> None:
        self.host = SparkplugHost()
        self.at_ms = AT

    def hear(self, said: tuple[str, bytes]) -> tuple[list[Reading], list[Command]]:
        readings, commands = self.host.take(*said, self.at_ms)
        return list(readings), list(commands)

    def readings(self, said: tuple[str, bytes]) -> list[Reading]:
        readings, commands = self.hear(said)
        assert commands == []
        return readings

    def asked(self, said: tuple[str, bytes]) -> list[str]:
        """The topics on which it asks, having read nothing."""
        readings, commands = self.hear(said)
        assert readings == []
        assert all(payload == rebirth(self.at_ms) for _, payload in commands)
        return [topic for topic, _ in commands]


def seen(name: str, online: bool = True) -> ScannerSeen:
    return ScannerSeen(ScannerId(name), AT, online)


def heard(scanner: str, dbm: float, tag: str = TAG) -> Sighting:
    return Sighting(ScannerId(scanner), DeviceId(tag), dbm, AT)


REBIRTH = ["spBv1.0/shop/NCMD/gw-1"]
STRENGTH = metric(f"rssi/{TAG}", -60, INT32, alias=5)


def weight(name: str, value: float, datatype: int = FLOAT, **more: Any) -> dict[str, Any]:
    return metric(name, value, datatype, **more)


# --- born, heard, dead


def test_a_node_that_was_born_is_heard_by_the_aliases_of_its_birth() -> None:
    shop, node = Shop(), EdgeNode()
    assert shop.readings(node.birth(STRENGTH)) == [seen("gw-1")]  # the strength in a birth is an old one
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71)]
    assert shop.readings(node.data(metric(f"rssi/{TAG}", -72, INT32))) == [heard("gw-1", -72)]


def test_a_devices_strengths_are_heard_by_the_device() -> None:
    shop, node = Shop(), EdgeNode()
    assert shop.readings(node.birth()) == [seen("gw-1")]
    assert shop.readings(node.device_birth("door", STRENGTH)) == [seen("door")]
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71), device="door")) == [
        heard("door", -71)
    ]


def test_a_weight_is_of_the_shelf_that_its_device_or_its_name_says_and_stands_in_a_birth() -> None:
    shop, node = Shop(), EdgeNode()
    births = node.birth(weight("weight_kg/tea", 1.25, DOUBLE), weight("weight_g", 9.0))
    assert shop.readings(births) == [seen("gw-1"), Weight("tea", 1250, AT)]
    device = node.device_birth(
        "dairy-1", weight("weight_g", 4000, UINT16, alias=1), weight("weight/top", -1, INT8)
    )
    assert shop.readings(device) == [seen("dairy-1"), Weight("dairy-1", 4000, AT), Weight("top", -1, AT)]
    data = node.data(metric(alias=1, int_value=3000), weight("weight/top", 5, INT8), device="dairy-1")
    assert shop.readings(data) == [Weight("dairy-1", 3000, AT), Weight("top", 5, AT)]


def test_one_id_of_a_tag_is_the_same_in_every_spelling() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(metric("rssi/AA:BB:CC:DD:EE:01", -60, INT32, alias=5)))
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71)]


def test_a_metric_that_means_nothing_here_says_nothing_with_or_without_an_alias() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(metric("Temperature", 21.5, FLOAT, alias=9), metric("rssi/a b", 1, INT32, alias=10)))
    data = node.data(
        metric(alias=9, float_value=22.0),
        metric(alias=10, int_value=1),
        metric("Humidity", 0.5, FLOAT),
        metric("weight", 9.0, FLOAT),  # of a node that is no device: of no shelf
    )
    assert shop.readings(data) == []


def test_the_age_of_a_strength_is_its_own_or_its_messages() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    [aged] = shop.readings(node.data(metric(alias=5, int_value=2**32 - 71, timestamp=AT - 1500)))
    assert isinstance(aged, Sighting)
    assert (aged.at_ms, aged.age_ms) == (AT, 1500)


@pytest.mark.parametrize(
    "said",
    [
        {"alias": 5, "is_null": True},
        {"alias": 5, "int_value": 2**32 - 71, "is_historical": True},
        {"alias": 5, "int_value": 127},
        {"alias": 5, "int_value": 2**32 - 200},
        {"alias": 5, "string_value": "-71"},
        {"alias": 5, "float_value": -71.0},
        {"alias": 5},
    ],
)
def test_a_value_that_is_no_strength_of_now_says_nothing(said: dict[str, Any]) -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    assert shop.readings(node.data(said)) == []


def test_a_death_is_the_node_and_its_devices_gone() -> None:
    shop, node = Shop(), EdgeNode(bd_seq=7)
    shop.hear(node.birth())
    shop.hear(node.device_birth("door"))
    assert shop.readings(node.death()) == [seen("gw-1", False), seen("door", False)]
    assert shop.asked(node.data(STRENGTH)) == REBIRTH


def test_a_death_of_the_session_before_is_not_this_ones() -> None:
    shop = Shop()
    before, node = EdgeNode(bd_seq=7), EdgeNode(bd_seq=8)
    shop.hear(before.birth(STRENGTH))
    shop.hear(node.birth(STRENGTH))
    assert shop.readings(before.death()) == []
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71)]
    assert shop.readings(node.death()) == [seen("gw-1", False)]


def test_a_death_of_a_node_that_nobody_saw_born_is_a_gateway_gone() -> None:
    assert Shop().readings(EdgeNode().death()) == [seen("gw-1", False)]


def test_a_devices_death_leaves_its_node_alive() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    shop.hear(node.device_birth("door"))
    assert shop.readings(node.device_death("door")) == [seen("door", False)]
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71)]
    assert shop.asked(node.data(metric(alias=5, int_value=1), device="door")) == REBIRTH


# --- births missed


def test_data_before_a_birth_asks_for_it_once_and_is_heard_after_it() -> None:
    shop, node = Shop(), EdgeNode()
    node.birth(STRENGTH)  # nobody listened
    data = metric(alias=5, int_value=2**32 - 71)
    assert shop.asked(node.data(data)) == REBIRTH
    assert shop.asked(node.data(data)) == []
    assert shop.readings(node.birth(STRENGTH)) == [seen("gw-1")]
    assert shop.readings(node.data(data)) == [heard("gw-1", -71)]


def test_a_gap_asks_once_and_nothing_is_taken_until_the_next_birth() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    node.lose()
    data = metric(alias=5, int_value=2**32 - 71)
    assert shop.asked(node.data(data)) == REBIRTH
    assert shop.asked(node.data(data)) == []
    assert shop.asked(node.device_birth("door")) == []
    shop.hear(node.birth(STRENGTH))
    assert shop.readings(node.data(data)) == [heard("gw-1", -71)]


def test_a_request_that_got_lost_is_made_again_after_a_while() -> None:
    shop, node = Shop(), EdgeNode()
    assert shop.asked(node.data()) == REBIRTH
    shop.at_ms += ASK_EVERY_MS - 1
    assert shop.asked(node.data()) == []
    shop.at_ms += 1
    assert shop.asked(node.data()) == REBIRTH


def test_a_clock_that_runs_back_silences_no_request_for_good() -> None:
    shop, node = Shop(), EdgeNode()
    assert shop.asked(node.data()) == REBIRTH
    shop.at_ms -= 3_600_000
    assert shop.asked(node.data()) == REBIRTH


@pytest.mark.parametrize("said", [metric(alias=6, int_value=1), metric("rssi/other", -60, INT32)])
def test_a_metric_that_no_birth_told_of_asks_and_the_others_are_heard(said: dict[str, Any]) -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    known = metric(alias=5, int_value=2**32 - 71)
    readings, commands = shop.hear(node.data(said, known))
    assert readings == [heard("gw-1", -71)]
    assert [topic for topic, _ in commands] == REBIRTH
    assert shop.readings(node.data(known)) == [heard("gw-1", -71)]


def test_a_node_that_never_tells_of_a_metric_is_not_asked_with_each_message() -> None:
    shop, node = Shop(), EdgeNode()
    asked = 0
    for _ in range(50):
        shop.hear(node.birth())
        asked += len(shop.hear(node.data(metric(alias=6, int_value=1)))[1])
    assert asked == 1


def test_a_device_that_was_not_born_asks() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth())
    assert shop.asked(node.data(STRENGTH, device="door")) == REBIRTH


def test_a_birth_gives_aliases_a_new_meaning_and_forgets_the_devices() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    shop.hear(node.device_birth("door", metric("rssi/b", -60, INT32, alias=6)))
    shop.hear(node.birth(metric("rssi/other", -60, INT32, alias=5)))
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71, "other")]
    assert shop.asked(node.data(metric(alias=6, int_value=1), device="door")) == REBIRTH


def test_numbers_go_round_after_255() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    for _ in range(600):
        assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71)]


def test_the_same_message_again_is_refused_and_is_no_gap() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    said = node.data(metric(alias=5, int_value=2**32 - 71))
    shop.readings(said)
    with pytest.raises(Nonsense):
        shop.hear(said)
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 72))) == [heard("gw-1", -72)]


def test_two_nodes_count_each_for_itself() -> None:
    shop, one, other = Shop(), EdgeNode("gw-1"), EdgeNode("gw-2", group="Upper Floor")
    shop.hear(one.birth(STRENGTH))
    shop.hear(other.birth(STRENGTH))
    other.lose()
    assert shop.asked(other.data()) == ["spBv1.0/Upper Floor/NCMD/gw-2"]
    assert shop.readings(one.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71)]


# --- nonsense and limits


@pytest.mark.parametrize(
    "topic",
    [
        "spBv1.0/shop/NDATA",
        "spBv1.0/shop/NDATA/",
        "spBv1.0/shop/NDATA/gw-1/door",
        "spBv1.0/shop/DDATA/gw-1",
        "spBv1.0/shop/DDATA/gw-1/",
        "spBv1.0/shop/DDATA/gw-1/a b",
        "spBv1.0/shop/NDATA/gw 1",
        "spBv1.0//NDATA/gw-1",
        "spBv1.0/a+b/NDATA/gw-1",
        f"spBv1.0/{'g' * 129}/NDATA/gw-1",
        "spBv1.0/shop/NCMD/gw-1",
        "spBv1.0/STATE/scada",
        "spAv1.0/shop/NDATA/gw-1",
    ],
)
def test_a_topic_that_is_no_nodes_is_nonsense(topic: str) -> None:
    _, payload = EdgeNode().data()
    with pytest.raises(Nonsense):
        Shop().hear((topic, payload))


def test_a_message_without_a_number_is_nonsense() -> None:
    topic, _ = EdgeNode().data()
    with pytest.raises(Nonsense):
        Shop().hear((topic, b"\x08\x01"))


def test_a_message_that_cannot_be_read_is_a_gap() -> None:
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    topic, payload = node.data(STRENGTH)
    with pytest.raises(Nonsense):
        shop.hear((topic, payload[:-1]))
    assert shop.asked(node.data(STRENGTH)) == REBIRTH


def test_nodes_are_remembered_up_to_a_limit_and_the_idlest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hosts, "NODES_MAX", 3)
    shop, nodes = Shop(), [EdgeNode(f"gw-{number}") for number in range(4)]
    for node in nodes[:3]:
        shop.hear(node.birth())
    shop.readings(nodes[0].data())
    shop.hear(nodes[3].birth())
    assert shop.readings(nodes[0].data()) == []
    assert shop.asked(nodes[1].data()) == ["spBv1.0/shop/NCMD/gw-1"]


def test_devices_are_remembered_up_to_a_limit_and_the_idlest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hosts, "DEVICES_MAX", 2)
    shop, node = Shop(), EdgeNode()
    shop.hear(node.birth(STRENGTH))
    for device in ("a", "b"):
        shop.hear(node.device_birth(device))
    shop.readings(node.data(device="a"))
    shop.hear(node.device_birth("c"))
    assert shop.readings(node.data(device="a")) == []
    assert shop.readings(node.data(metric(alias=5, int_value=2**32 - 71))) == [heard("gw-1", -71)]
    assert shop.asked(node.data(device="b")) == REBIRTH


def test_metrics_are_remembered_up_to_a_limit_of_all_and_of_one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "KNOWN_MAX", 40)
    monkeypatch.setattr(hosts, "NODE_KNOWN_MAX", 20)
    many = [metric(f"m{number}", 1, INT32, alias=number + 1) for number in range(12)]
    shop, nodes = Shop(), [EdgeNode(f"gw-{number}") for number in range(4)]
    for node in nodes:
        shop.hear(node.birth(*many))
    assert shop.host._known <= 40
    assert shop.readings(nodes[3].data()) == []
    assert shop.asked(nodes[0].data()) == ["spBv1.0/shop/NCMD/gw-0"]
    with pytest.raises(TooLarge):
        shop.hear(nodes[3].device_birth("door", *many))
    assert shop.readings(nodes[3].data()) == []  # counted all the same


def test_what_is_remembered_is_counted_down_to_nothing() -> None:
    shop, node = Shop(), EdgeNode()
    for _ in range(3):
        shop.hear(node.birth(STRENGTH))
        shop.hear(node.device_birth("a", STRENGTH))
        shop.hear(node.device_birth("a", STRENGTH))
        shop.hear(node.device_birth("b", metric("x", "y", STRING, alias=1)))
        shop.hear(node.device_death("b"))
    assert shop.host._known == (2 + 1) * 2
    shop.hear(node.death())
    assert (shop.host._known, len(shop.host._nodes)) == (0, 0)


def test_strangers_that_speak_without_a_birth_are_asked_a_few_at_a_time_and_take_no_room() -> None:
    shop = Shop()
    asked = [shop.asked(EdgeNode(f"x{number}").data()) for number in range(1000)]
    assert sum(map(len, asked)) == ASKED_MAX
    assert (len(shop.host._nodes), len(shop.host._asked)) == (0, ASKED_MAX)
    shop.at_ms += ASK_EVERY_MS
    assert shop.asked(EdgeNode().data()) == REBIRTH


@given(
    st.lists(
        st.sampled_from(["birth", "device", "data", "ddata", "lose", "death", "ddeath", "wait"]), max_size=40
    )
)
def test_whatever_is_lost_nothing_is_heard_but_behind_whole_births(story: list[str]) -> None:
    shop, node = Shop(), EdgeNode()
    born = whole = False
    asks: list[int] = []
    for step in story:
        shop.at_ms += ASK_EVERY_MS if step == "wait" else 1
        said = {
            "birth": lambda: node.birth(STRENGTH),
            "device": lambda: node.device_birth("door", STRENGTH),
            "data": lambda: node.data(metric(alias=5, int_value=2**32 - 71)),
            "ddata": lambda: node.data(metric(alias=5, int_value=2**32 - 71), device="door"),
            "death": node.death,
            "ddeath": lambda: node.device_death("door"),
        }.get(step, lambda: None)()
        if step == "lose":
            node.lose()
            whole = False
        if said is None:
            continue
        readings, commands = shop.hear(said)
        if step == "birth":
            born = whole = True
        elif step == "death":
            born = False
        elif not whole:
            born = False  # until the next birth
        heard_now = any(isinstance(one, Sighting) for one in readings)
        assert heard_now <= (born and whole)
        assert heard_now >= (step == "data" and born and whole)
        asks += [shop.at_ms] * len(commands)
        assert len(commands) <= 1
    assert all(later - earlier >= ASK_EVERY_MS for earlier, later in pairwise(asks))
