"""Whatever topic and bytes a device's parser is fed, it answers readings within bounds, or `Nonsense`."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols import devices
from protocols.devices import (
    RawWeight,
    Sighting,
    Weight,
    endcap,
    espresense,
    openmqttgateway,
    owntracks,
    raddec,
    theengs,
)
from protocols.errors import Nonsense
from protocols.ids import is_safe_id

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
