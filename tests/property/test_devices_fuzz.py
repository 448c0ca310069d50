"""Whatever topic and bytes a device's parser is fed, it answers readings within bounds, or `Nonsense`."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.sparkplug import SparkplugHost
from protocols import devices
from protocols.devices import (
    Located,
    RawWeight,
    ScannerSeen,
    Sighting,
    Weight,
    endcap,
    espresense,
    homie,
    impinj,
    openmqttgateway,
    owntracks,
    pozyx,
    raddec,
    sparkplug,
    theengs,
)
from protocols.errors import Nonsense
from protocols.ids import is_safe_id
from tests.edge_nodes import Payload as SparkplugPayload

AT = 1_790_000_000_000
PARSERS = {
    "espresense": (espresense.read, ["espresense/devices/w:a/till", "espresense/rooms/till"]),
    "espresense-rooms": (
        espresense.read,
        [f"espresense/rooms/till/{last}" for last in ("status", "telemetry", "raw_weight")],
    ),
    "openmqttgateway": (
        openmqttgateway.read,
        ["home/g/BTtoMQTT/45E174126E00", "home/g/BTtoMQTT/word", "home/g/LWT", "home/g/SYStoMQTT"],
    ),
    "theengs": (theengs.read, ["home/TheengsGateway/BTtoMQTT/45E174126E00", "theengs/g/LWT"]),
    "raddec": (raddec.read, ["raddec/x", "paretoanywhere/devices/a/2/raddec"]),
    "owntracks": (owntracks.read, ["owntracks/a/b/beacon", "owntracks/a/b/event"]),
    "endcap": (endcap.read, ["endcap/v1/014/in/shelf/s/weight"]),
    "all": (devices.read, ["endcap/v1/014/in/shelf/s/weight", "home/TheengsGateway/LWT", "other"]),
}
KEYS = [
    *(
        "rssi",
        "id",
        "mac",
        "rssi@1m",
        "distance",
        "uptime",
        "freeHeap",
        "adverts",
        "firm",
        "ver",
        "uuid",
        "major",
    ),
    *(
        "minor",
        "txpower",
        "freemem",
        "version",
        "transmitterId",
        "transmitterIdType",
        "rssiSignature",
        "timestamp",
    ),
    *("receiverId", "_type", "event", "desc", "t", "tst", "acc", "grams"),
]
LIKELY = st.sampled_from(
    [
        *("beacon", "transition", "encrypted", "enter", "leave", "b", "w:a", "58:B1:29:44:94:D3"),
        *("CA271EAE-5FA8-4E80-8F08-2A302A95A959", "001bc50940810000", "58b1294494d3"),
        *("\x00", "a/b", "+", "x" * 300, "\u2028"),
    ]
)
NUMBERS = st.one_of(
    st.integers(-130, 30),
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 2**53, 2**63, 2**64, AT, AT // 1000, 1e308, -0.0, 65_536]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, LIKELY, st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=8)
PAYLOADS = st.one_of(
    st.binary(max_size=200),
    OBJECTS.map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.integers(1, 9000).map(lambda depth: b'{"rssi":' * depth),
    st.sampled_from(
        [b"online", b"offline", b"", b" " * 40_000, b"[" * 40_000, b'{"rssi":-70,"rssi":-71}', b"-5"]
    ),
)
LEVELS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["espresense", "devices", "rooms", "home", "BTtoMQTT", "LWT", "raddec", "owntracks", "beacon"]
    )
    | st.sampled_from(
        ["event", "endcap", "v1", "in", "shelf", "weight", "theengs", "status", "w:a", "", "\x00"]
    ),
)
TOPICS = st.lists(LEVELS, max_size=8).map("/".join)


def check(reading: devices.Reading) -> None:
    """What the rest of the store relies on."""
    match reading:
        case Sighting():
            assert is_safe_id(reading.scanner)
            assert is_safe_id(reading.device)
            assert all(is_safe_id(other) and other != reading.device for other in reading.also)
            assert -127 <= reading.rssi_dbm <= 20
            assert reading.at_ms == AT
            assert 0 <= reading.age_ms <= 60_000
            assert reading.distance_m is None or (
                reading.distance_m >= 0 and math.isfinite(reading.distance_m)
            )
        case Weight():
            assert is_safe_id(reading.shelf)
            assert abs(reading.grams) <= 10_000_000
        case RawWeight():
            assert is_safe_id(reading.scanner)
            assert abs(reading.counts) <= 2**23
        case _:
            assert reading.at_ms == AT


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=300)
@given(data=st.data())
def test_a_parser_answers_readings_or_nonsense(name: str, data: st.DataObject) -> None:
    read, known = PARSERS[name]
    topic = data.draw(st.sampled_from(known) | TOPICS, "topic")
    payload = data.draw(PAYLOADS, "payload")
    try:
        readings = read(topic, payload, AT)
    except Nonsense as refused:
        assert refused.reason
        return
    assert isinstance(readings, tuple)
    for reading in readings:
        check(reading)


@given(rssi=st.integers(-127, 20), distance=st.floats(0, 1000) | st.none())
@example(rssi=-70, distance=1.5)
def test_a_sane_sighting_is_read_as_it_was_sent(rssi: int, distance: float | None) -> None:
    payload = json.dumps({"id": "w:a", "rssi": rssi, "distance": distance}).encode()
    [seen] = devices.read("espresense/devices/w:a/till", payload, AT)
    assert isinstance(seen, Sighting)
    assert (seen.rssi_dbm, seen.distance_m) == (rssi, distance)


@given(cut=st.integers(0, 120))
def test_a_message_cut_short_is_nonsense(cut: int) -> None:
    payload = b'{"mac":"dd8800003777","id":"w:a","rssi@1m":-59,"rssi":-81.10,"distance":6.58,"int":1}'
    if cut < len(payload):
        with pytest.raises(Nonsense):
            devices.read("espresense/devices/w:a/till", payload[:cut], AT)


# --- Pozyx, Impinj, Homie 5, Sparkplug B

INDUSTRIAL = {
    "pozyx": (pozyx.read, ["tags", "pozyx/t/tags", "pozyx/tags/1"]),
    "impinj": (impinj.read, ["impinj/r/events", "impinj/r/status"]),
    "homie": (
        homie.read,
        [f"homie/5/d/{rest}" for rest in ("$state", "n/rssi", "n/weight-g", "n/weight-kg", "n/raw-weight")],
    ),
}
INDUSTRIAL_KEYS = [
    *("tagId", "success", "data", "coordinates", "x", "y", "z", "timestamp", "hostname", "eventType"),
    *("tagInventoryEvent", "epc", "epcHex", "tid", "tidHex", "antennaPort", "peakRssiCdbm", "lastSeenTime"),
    *(
        "inventoryStatusEvent",
        "inventoryStatus",
        "status",
        "antennaDisconnectedEvent",
        "antennaConnectedEvent",
    ),
]
INDUSTRIAL_LIKELY = st.sampled_from(
    [
        *("4sRRo6UBH6APNUaT", "E2C451A3A5011FA00F354693", "30ab", "A", "====", "-_-_", "idle", "running"),
        *("2023-06-28T07:24:00.277766184Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
        *("200001449", "a b", "x" * 300, "ready", "lost", "-71", "-1e400", "1e4", "\x00"),
    ]
)
INDUSTRIAL_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, INDUSTRIAL_LIKELY, st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(INDUSTRIAL_KEYS), inner, max_size=8)
    ),
    max_leaves=20,
)
TAG_EVENT = {"tagInventoryEvent": {"epcHex": "30AB", "antennaPort": 1, "peakRssiCdbm": -6000}}
PLACED = {"tagId": "7", "success": True, "data": {"coordinates": {"x": 1.0, "y": 2.0}}}
WHOLE = {
    "tags": json.dumps([PLACED, {**PLACED, "timestamp": AT / 1000}]).encode(),
    "impinj/r/events": json.dumps(
        [TAG_EVENT, {"inventoryStatusEvent": {"inventoryStatus": "idle"}}]
    ).encode(),
    "homie/5/d/n/weight-kg": b"-12.345e-1",
}


def bent(value: Any, data: st.DataObject) -> Any:
    """A sane message with one of its parts replaced by anything."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: bent(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        return [*value[1:], bent(value[0], data)]
    return data.draw(INDUSTRIAL_VALUES)


def checked(readings: tuple[devices.Reading, ...]) -> None:
    assert isinstance(readings, tuple)
    assert len(readings) <= 128
    for reading in readings:
        check(reading)
        if isinstance(reading, Located):
            assert is_safe_id(reading.source) and is_safe_id(reading.device)
            assert math.hypot(reading.x, reading.y) < 1_500
            assert 0 <= reading.age_ms <= 60_000 and reading.error_m > 0
        if isinstance(reading, ScannerSeen):
            assert is_safe_id(reading.scanner)


@pytest.mark.parametrize("name", INDUSTRIAL)
@settings(max_examples=300)
@given(data=st.data())
def test_an_industrial_parser_answers_readings_or_nonsense(name: str, data: st.DataObject) -> None:
    read, known = INDUSTRIAL[name]
    topic = data.draw(st.sampled_from(known) | TOPICS, "topic")
    sane = json.loads(WHOLE.get(topic, b"[]"))
    payload = data.draw(
        st.binary(max_size=60)
        | INDUSTRIAL_VALUES.map(lambda value: json.dumps(value).encode())
        | INDUSTRIAL_LIKELY.map(str.encode)
        | st.just(json.dumps(bent(sane, data)).encode()),
        "payload",
    )
    try:
        readings = read(topic, payload, AT)
    except Nonsense as refused:
        assert refused.reason
        return
    checked(readings)


@pytest.mark.parametrize("topic", WHOLE)
def test_an_industrial_message_cut_short_anywhere_is_readings_or_nonsense(topic: str) -> None:
    whole = WHOLE[topic]
    assert devices.read(topic, whole, AT)
    for cut in range(len(whole)):
        try:
            checked(devices.read(topic, whole[:cut], AT))
        except Nonsense as refused:
            assert refused.reason


SPARKPLUG_KINDS = st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"])
SPARKPLUG_METRICS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(
            [
                "rssi/aabbccddee01",
                "rssi/a/b",
                "rssi/",
                "weight",
                "weight_kg/tea",
                "weight_g/",
                "bdSeq",
                "x",
                "\x00",
            ]
        ),
        "alias": st.integers(0, 3) | st.just(2**64 - 1),
        "datatype": st.integers(0, 14),
        "timestamp": st.sampled_from([0, AT, AT - 1500, 2**64 - 1]),
        "is_historical": st.booleans(),
        "is_null": st.booleans(),
    },
).flatmap(
    lambda fields: st.one_of(
        st.just({}),
        st.sampled_from([0, 1, 60, 2**32 - 71, 2**31, 2**32 - 1]).map(lambda value: {"int_value": value}),
        st.sampled_from([0, 2**64 - 71, 2**64 - 1]).map(lambda value: {"long_value": value}),
        st.floats(width=32).map(lambda value: {"float_value": value}),
        st.floats().map(lambda value: {"double_value": value}),
        st.just({"string_value": "-71"}),
    ).map(lambda value: {**fields, **value})
)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            SPARKPLUG_KINDS,
            st.sampled_from(["gw-1", "gw-2", "a b", ""]),
            st.sampled_from(["door", "", "x" * 200]),
            st.lists(SPARKPLUG_METRICS, max_size=4),
            st.none() | st.integers(0, 4) | st.just(255),
            st.none() | st.integers(0, 40),
        ),
        max_size=12,
    )
)
def test_a_sparkplug_host_answers_readings_or_nonsense_whatever_nodes_say(story: list[Any]) -> None:
    host = SparkplugHost()
    for kind, node, device, metrics, seq, cut in story:
        path = [node, device] if kind.startswith("D") else [node]
        payload = SparkplugPayload(metrics=metrics, seq=seq).SerializeToString()
        try:
            readings, commands = host.take("/".join(("spBv1.0", "shop", kind, *path)), payload[:cut], AT)
        except Nonsense as refused:
            assert refused.reason
            continue
        checked(readings)
        assert len(commands) <= 1
        assert all(topic == f"spBv1.0/shop/NCMD/{node}" for topic, _ in commands)


@given(
    st.sampled_from(["spBv1.0/shop/NDATA/gw-1", "spBv1.0/shop/DDATA/gw-1/door"]) | TOPICS,
    st.binary(max_size=80),
)
def test_a_sparkplug_host_answers_any_bytes(topic: str, payload: bytes) -> None:
    with contextlib.suppress(Nonsense):
        readings, commands = SparkplugHost().take(topic, payload, AT)
        assert (readings, len(commands)) == ((), 1) or "DEATH" in topic or "BIRTH" in topic


def test_a_sparkplug_payload_cut_short_anywhere_is_a_payload_or_nonsense() -> None:
    metric = {
        "name": "rssi/aabbccddee01",
        "alias": 5,
        "timestamp": AT,
        "datatype": 3,
        "int_value": 2**32 - 71,
    }
    whole = bytes(SparkplugPayload(timestamp=AT, seq=0, metrics=[metric, metric]).SerializeToString())
    assert len(sparkplug.decode(whole).metrics) == 2
    for cut in range(len(whole)):
        with contextlib.suppress(Nonsense):
            said = sparkplug.decode(whole[:cut])
            assert whole.startswith(SparkplugPayload.FromString(whole[:cut]).SerializeToString())
            assert len(said.metrics) <= 2
