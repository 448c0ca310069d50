"""Sparkplug B payloads, decoded by hand: the same values as the protobuf runtime encodes, within bounds."""

import contextlib
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from protocols.devices import sparkplug
from protocols.devices.sparkplug import FIELDS_MAX, METRICS_MAX, PAYLOAD_BYTES_MAX, Metric
from protocols.errors import Nonsense, TooLarge
from tests.edge_nodes import (
    BOOLEAN,
    DOUBLE,
    FLOAT,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT8,
    UINT64,
    Payload,
    metric,
)

AT = 1_790_000_000_000


def encoded(*metrics: dict[str, Any], **more: Any) -> bytes:
    return bytes(Payload(metrics=list(metrics), **more).SerializeToString())


def test_a_payload_is_its_stamp_its_number_and_its_metrics() -> None:
    said = sparkplug.decode(
        encoded(
            metric("rssi/aa", -70, INT32, alias=7, timestamp=AT, is_historical=True),
            metric(alias=2**64 - 1, string_value="x"),
            metric("none", datatype=FLOAT, is_null=True, float_value=1.5),
            metric("more", bytes_value=b"\x00", metadata=b"\xff", properties=b"\xff"),
            timestamp=AT,
            seq=200,
            uuid="u",
            body=b"b",
        )
    )
    assert (said.timestamp_ms, said.seq) == (AT, 200)
    assert said.metrics == (
        Metric("rssi/aa", 7, AT, INT32, True, 2**32 - 70),
        Metric("", 2**64 - 1, 0, 0, False, "x"),
        Metric("none", None, 0, FLOAT),
        Metric("more"),
    )


def test_a_death_has_no_number() -> None:
    said = sparkplug.decode(encoded(metric("bdSeq", 3, UINT64)))
    assert (said.seq, said.metrics) == (None, (Metric("bdSeq", None, 0, UINT64, False, 3),))
    assert sparkplug.decode(b"") == sparkplug.Payload()


@pytest.mark.parametrize(
    ("value", "datatype", "number"),
    [
        (-70, INT8, -70),
        (2**8 - 70, INT8, -70),  # the sign in the type's own bits
        (-300, INT16, -300),
        (-70, INT32, -70),
        (-(2**40), INT64, -(2**40)),
        (200, UINT8, 200),
        (2**64 - 1, UINT64, 2**64 - 1),
        (-70.5, FLOAT, -70.5),
        (-70.25, DOUBLE, -70.25),
        (True, BOOLEAN, None),
        ("-70", STRING, None),
        (None, INT32, None),
    ],
)
def test_a_value_is_a_number_by_its_type(value: Any, datatype: int, number: float | None) -> None:
    [read] = sparkplug.decode(encoded(metric("m", value, datatype))).metrics
    assert sparkplug.number_of(read.value, datatype) == number


@pytest.mark.parametrize(("value", "datatype"), [(1, FLOAT), (1.0, INT32), (1, 0), (1, 99), (1.0, 0)])
def test_a_value_of_another_type_than_its_births_is_no_number(value: float, datatype: int) -> None:
    assert sparkplug.number_of(value, datatype) is None


def test_the_rebirth_command_reads_as_the_specification_wants_it() -> None:
    asked = Payload.FromString(sparkplug.rebirth(AT))
    [command] = asked.metrics
    assert (command.name, command.datatype, command.boolean_value) == ("Node Control/Rebirth", BOOLEAN, True)
    assert (asked.timestamp, command.timestamp) == (AT, AT)
    assert not asked.HasField("seq")
    assert not command.HasField("alias")
    [read] = sparkplug.decode(sparkplug.rebirth(AT)).metrics
    assert read == Metric("Node Control/Rebirth", None, AT, BOOLEAN, False, True)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x08",  # a number that is not there
        b"\x08" + b"\xff" * 10 + b"\x01",  # eleven bytes
        b"\x08" + b"\xff" * 9 + b"\x02",  # 65 bits
        b"\x00\x00",  # field 0
        b"\xf8\xff\xff\xff\xff\x01\x00",  # a field number of more than 29 bits
        b"\x0b\x0c",  # a group
        b"\x0f\x00",  # no wire type
        b"\x12\x05\x0a",  # a metric longer than the payload
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00",
        b"\x12\x02\x0a\xff",  # a name longer than its metric
        b"\x12\x03\x0a\x01\xff",  # no UTF-8
        b"\x12\x00",  # neither name nor alias
        b"\x12\x05\x0a\x01a\x65\x00",  # a float cut short
        b"\x12\x06\x0a\x01a\x69\x00\x00",  # a double cut short
    ],
)
def test_bytes_that_are_no_payload_are_nonsense(payload: bytes) -> None:
    with pytest.raises(Nonsense):
        sparkplug.decode(payload)


def test_a_payload_has_a_limit_in_bytes_metrics_and_fields() -> None:
    most = encoded(*[metric(alias=1)] * METRICS_MAX)
    assert len(sparkplug.decode(most).metrics) == METRICS_MAX
    for payload in (
        most + b"\x12\x02\x10\x01",
        b"\x08\x01" * (FIELDS_MAX + 1),
        b"\x12\x82\x80\x06\x10\x01" + b"\x18\x01" * (48 * 1024),  # the fields of a single metric
        bytes(PAYLOAD_BYTES_MAX + 1),
    ):
        with pytest.raises(TooLarge):
            sparkplug.decode(payload)


_VALUES = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda value: {"int_value": value}),
    st.integers(0, 2**64 - 1).map(lambda value: {"long_value": value}),
    st.floats(width=32, allow_nan=False).map(lambda value: {"float_value": value}),
    st.floats(allow_nan=False).map(lambda value: {"double_value": value}),
    st.booleans().map(lambda value: {"boolean_value": value}),
    st.text(max_size=9).map(lambda value: {"string_value": value}),
    st.binary(max_size=9).map(lambda value: {"bytes_value": value}),
    st.just({}),
)
_METRICS = st.builds(
    lambda value, more: {**more, **value},
    _VALUES,
    st.fixed_dictionaries(
        {"name": st.text(min_size=1, max_size=20)},
        optional={
            "alias": st.integers(0, 2**64 - 1),
            "timestamp": st.integers(0, 2**64 - 1),
            "datatype": st.integers(0, 2**32 - 1),
            "is_historical": st.booleans(),
            "is_transient": st.booleans(),
            "is_null": st.booleans(),
            "properties": st.binary(max_size=9),
        },
    ),
)
_PAYLOADS = st.builds(
    lambda metrics, more: encoded(*metrics, **more),
    st.lists(_METRICS, max_size=5),
    st.fixed_dictionaries(
        {}, optional={"timestamp": st.integers(0, 2**64 - 1), "seq": st.integers(0, 2**64 - 1)}
    ),
)


def by_the_runtime(payload: bytes) -> sparkplug.Payload:
    """What the protobuf runtime makes of the same bytes."""
    said = Payload.FromString(payload)
    metrics = []
    for one in said.metrics:
        kind = one.WhichOneof("value")
        value = (
            None if kind in (None, "bytes_value", "dataset_value", "template_value") else getattr(one, kind)
        )
        metrics.append(
            Metric(
                one.name,
                one.alias if one.HasField("alias") else None,
                one.timestamp,
                one.datatype,
                one.is_historical,
                None if one.is_null else value,
            )
        )
    return sparkplug.Payload(said.timestamp, said.seq if said.HasField("seq") else None, tuple(metrics))


@given(_PAYLOADS)
def test_whatever_the_runtime_encodes_is_read_as_the_runtime_reads_it(payload: bytes) -> None:
    assert repr(sparkplug.decode(payload)) == repr(by_the_runtime(payload))  # by repr: -0.0 is not 0.0


@given(_PAYLOADS, st.data())
def test_bytes_that_were_tampered_with_are_nonsense_or_what_the_runtime_reads(
    payload: bytes, data: st.DataObject
) -> None:
    bent = bytearray(payload or b"\x08\x01")
    for _ in range(data.draw(st.integers(1, 3))):
        bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = sparkplug.decode(bytes(bent))
    except Nonsense:
        return
    with contextlib.suppress(DecodeError, UnicodeDecodeError):  # where the runtime is stricter
        assert repr(read) == repr(by_the_runtime(bytes(bent)))
