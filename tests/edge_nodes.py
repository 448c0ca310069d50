"""A Sparkplug edge node for tests, encoded by the protobuf runtime: a second opinion on what we decode by hand."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, FLOAT, DOUBLE, BOOLEAN, STRING = range(1, 13)

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "uint32": _FIELD.TYPE_UINT32,
    "uint64": _FIELD.TYPE_UINT64,
    "float": _FIELD.TYPE_FLOAT,
    "double": _FIELD.TYPE_DOUBLE,
    "bool": _FIELD.TYPE_BOOL,
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
}
_METRIC = [
    (1, "name", "string"),
    (2, "alias", "uint64"),
    (3, "timestamp", "uint64"),
    (4, "datatype", "uint32"),
    (5, "is_historical", "bool"),
    (6, "is_transient", "bool"),
    (7, "is_null", "bool"),
    (8, "metadata", "bytes"),  # messages of their own in the schema: on the wire they are bytes too
    (9, "properties", "bytes"),
    (10, "int_value", "uint32"),
    (11, "long_value", "uint64"),
    (12, "float_value", "float"),
    (13, "double_value", "double"),
    (14, "boolean_value", "bool"),
    (15, "string_value", "string"),
    (16, "bytes_value", "bytes"),
    (17, "dataset_value", "bytes"),
    (18, "template_value", "bytes"),
]
_PAYLOAD = [(1, "timestamp", "uint64"), (3, "seq", "uint64"), (4, "uuid", "string"), (5, "body", "bytes")]
_VALUES = range(10, 19)


def _payload_type() -> Any:
    """The class of a payload, from the fields and numbers of `sparkplug_b.proto`."""
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package="sparkplug", syntax="proto2")
    payload = file.message_type.add(name="Payload")
    metric = payload.nested_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for number, name, kind in _METRIC:
        field = metric.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL, type=_SCALARS[kind])
        if number in _VALUES:
            field.oneof_index = 0
    for number, name, kind in _PAYLOAD:
        payload.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL, type=_SCALARS[kind])
    payload.field.add(
        name="metrics",
        number=2,
        label=_FIELD.LABEL_REPEATED,
        type=_FIELD.TYPE_MESSAGE,
        type_name=".sparkplug.Payload.Metric",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("sparkplug.Payload"))


Payload: Any = _payload_type()
"""The runtime's message class."""


def metric(name: str = "", value: Any = None, datatype: int = 0, **more: Any) -> dict[str, Any]:
    """A metric's fields, its value in the field of its type: the two's complement of what is below zero."""
    fields = {**({"name": name} if name else {}), **({"datatype": datatype} if datatype else {}), **more}
    if value is None:
        return fields
    if datatype == BOOLEAN:
        return {**fields, "boolean_value": value}
    if datatype == STRING:
        return {**fields, "string_value": value}
    if datatype in (FLOAT, DOUBLE):
        return {**fields, "float_value" if datatype == FLOAT else "double_value": value}
    if datatype in (INT64, UINT64):
        return {**fields, "long_value": value % 2**64}
    return {**fields, "int_value": value % 2**32}


class EdgeNode:
    """A node that counts as the specification wants, unless it is told to lose something."""

    def __init__(self, name: str = "gw-1", group: str = "shop", bd_seq: int = 0) -> None:
        self.name, self.group, self.bd_seq = name, group, bd_seq
        self.seq = 255

    def birth(self, *metrics: dict[str, Any]) -> tuple[str, bytes]:
        """NBIRTH, with what every one has."""
        self.seq = 255
        bd_seq = metric("bdSeq", self.bd_seq, UINT64)
        return self._counted("NBIRTH", "", (bd_seq, metric("Node Control/Rebirth", False, BOOLEAN), *metrics))

    def device_birth(self, device: str, *metrics: dict[str, Any]) -> tuple[str, bytes]:
        """DBIRTH."""
        return self._counted("DBIRTH", device, metrics)

    def data(self, *metrics: dict[str, Any], device: str = "") -> tuple[str, bytes]:
        """NDATA, or DDATA of a device."""
        return self._counted("DDATA" if device else "NDATA", device, metrics)

    def device_death(self, device: str) -> tuple[str, bytes]:
        """DDEATH."""
        return self._counted("DDEATH", device, ())

    def death(self) -> tuple[str, bytes]:
        """NDEATH, as the broker sends it: without seq."""
        payload = Payload(metrics=[metric("bdSeq", self.bd_seq, UINT64)])
        return f"spBv1.0/{self.group}/NDEATH/{self.name}", payload.SerializeToString()

    def lose(self) -> None:
        """A message of its own gets lost on the way."""
        self.seq = (self.seq + 1) % 256

    def _counted(self, kind: str, device: str, metrics: tuple[dict[str, Any], ...]) -> tuple[str, bytes]:
        self.seq = (self.seq + 1) % 256
        payload = Payload(timestamp=1, seq=self.seq, metrics=list(metrics))
        topic = "/".join(("spBv1.0", self.group, kind, self.name, *([device] if device else [])))
        return topic, payload.SerializeToString()
