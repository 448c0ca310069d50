"""Sparkplug B as its host hears it: who was born, what their aliases mean, and whom to ask for a birth again.

A node's births give names, types and aliases; its data may carry aliases alone, and is sent only when something
changes. So data counts only behind a birth and without a gap in `seq`: of any other node nothing is taken, and it is
asked for a rebirth. Names that mean something here, of a node's own metrics or of those of a device behind it:

rssi/<tag>                           dBm: the device, or else the node, hears that tag; taken from data alone, since a
                                     birth repeats what was
weight, weight_g, weight_kg          grams, grams, kilograms on the shelf that the device is named for
weight/<shelf>, weight_g/<shelf>, …  the same where one node or device has several shelves

A node that is born or dead, and a device, is a gateway that is there or gone. Names of nodes and devices must be
unique in the shop. Whether a node may wait for this host is `edge.sparkplug_state`'s.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Literal, NamedTuple

from protocols.devices import Reading, ScannerSeen, Sighting, Weight, sparkplug
from protocols.devices.readings import (
    GRAMS_MAX,
    RSSI_MAX_DBM,
    RSSI_MIN_DBM,
    device_id,
    gateway_age_ms,
    scanner_id,
)
from protocols.devices.sparkplug import Metric, Payload
from protocols.errors import Nonsense, TooLarge
from protocols.ids import ID_LENGTH_MAX, DeviceId, ScannerId, is_safe_id

NODES_MAX = 256
"""Nodes whose births are remembered. Beyond it the one unheard for longest is forgotten, and asked when it speaks."""

DEVICES_MAX = 1_000
"""Devices of one node. Beyond it the one unheard for longest is forgotten; its data has the node asked again."""

KNOWN_MAX = 100_000
"""Aliases and names remembered of all nodes. Beyond it nodes are forgotten, those unheard for longest first."""

NODE_KNOWN_MAX = 20_000
"""Aliases and names of one node. A device's birth beyond it is refused: make several nodes of it."""

ASK_EVERY_MS = 10_000
"""A node is asked for a rebirth at most this often, whatever it sends."""

ASKED_MAX = 64
"""Nodes asked within `ASK_EVERY_MS`. The next one is asked by a later message: births of a whole shop come in turns."""

SEQ_END = 256
"""`seq` goes from 0 to 255 and begins again."""

_GROUP = re.compile(rf"[^/+#\x00]{{1,{ID_LENGTH_MAX}}}\Z")

Command = tuple[str, bytes]
NodeKey = tuple[str, str]


class _Known(NamedTuple):
    """What a metric means here. `each` is how many grams one of its units is."""

    kind: Literal["rssi", "weight", ""]
    subject: str = ""
    datatype: int = 0
    each: int = 1


_NOTHING = _Known("")
"""Any metric that means nothing here. Its alias is remembered all the same: an unknown one is a birth missed."""

_WEIGHTS = {"weight": 1, "weight_g": 1, "weight_kg": 1_000}

_Table = dict[int | str, _Known]


class _Node:
    """A node in a session: its death's number, the last `seq`, and its devices' metrics; its own stand under ''."""

    __slots__ = ("bd_seq", "seq", "tables")

    def __init__(self, bd_seq: int | None, seq: int, table: _Table) -> None:
        self.bd_seq = bd_seq
        self.seq = seq
        self.tables: OrderedDict[str, _Table] = OrderedDict({"": table})


class SparkplugHost:
    """Every edge node of the shop. Soft state: what is lost is asked for when a node next speaks."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[NodeKey, _Node] = OrderedDict()  # the one unheard for longest first
        self._asked: OrderedDict[NodeKey, int] = OrderedDict()  # in the order of asking
        self._known = 0

    def take(self, topic: str, payload: bytes, at_ms: int) -> tuple[tuple[Reading, ...], tuple[Command, ...]]:
        """Readings of one message, and what to publish for it. One that cannot be read is a gap to the next one."""
        match topic.split("/"):
            case ["spBv1.0", group, "NBIRTH" | "NDATA" | "NDEATH" as kind, name]:
                device = ""
            case ["spBv1.0", group, "DBIRTH" | "DDATA" | "DDEATH" as kind, name, device] if device:
                pass
            case _:
                raise Nonsense("no topic of a Sparkplug node")
        if not _GROUP.match(group):
            raise Nonsense(f"a group's name must be 1 to {ID_LENGTH_MAX} characters without '+' and '#'")
        node_id, scanner = scanner_id(name), scanner_id(device or name)
        said = sparkplug.decode(payload)
        key = (group, node_id)
        if kind == "NDEATH":
            return self._died(key, said, at_ms), ()
        if said.seq is None:
            raise Nonsense("a message of a node needs seq")
        if kind == "NBIRTH":
            return self._born(key, said, at_ms), ()
        node = self._nodes.get(key)
        if node is not None and said.seq == node.seq:
            raise Nonsense("this seq was taken already: a repeat, or a sender that does not count")
        if node is None or said.seq != (node.seq + 1) % SEQ_END:
            self._forget(key)  # what was missed may have been a birth that gave its aliases another meaning
            return (), self._ask(key, at_ms)
        node.seq = said.seq
        self._nodes.move_to_end(key)
        if kind == "DBIRTH":
            return self._device_born(node, device, said, at_ms), ()
        table = node.tables.get(device)
        if table is None:
            return (), self._ask(key, at_ms)
        if kind == "DDEATH":
            del node.tables[device]
            self._known -= _size(table)
            return (ScannerSeen(scanner, at_ms, online=False),), ()
        node.tables.move_to_end(device)
        readings, is_whole = _told(table, device, scanner, said, at_ms)
        return readings, () if is_whole else self._ask(key, at_ms)

    def _born(self, key: NodeKey, said: Payload, at_ms: int) -> tuple[Reading, ...]:
        table = _table(said, "")
        self._forget(key)
        assert said.seq is not None  # checked by the caller
        self._nodes[key] = _Node(_bd_seq(said), said.seq, table)
        self._known += _size(table)
        self._make_room()
        return (ScannerSeen(ScannerId(key[1]), at_ms), *_standing(table, said, at_ms))

    def _device_born(self, node: _Node, device: str, said: Payload, at_ms: int) -> tuple[Reading, ...]:
        table = _table(said, device)
        self._known -= _size(node.tables.pop(device, None))
        if _size(table) + sum(_size(other) for other in node.tables.values()) > NODE_KNOWN_MAX:
            raise TooLarge(
                f"a node of more than {NODE_KNOWN_MAX} aliases and names; make several nodes of it"
            )
        node.tables[device] = table
        self._known += _size(table)
        if len(node.tables) > DEVICES_MAX + 1:
            idle = next(name for name in node.tables if name)
            self._known -= _size(node.tables.pop(idle))
        self._make_room()
        return (ScannerSeen(ScannerId(device), at_ms), *_standing(table, said, at_ms))

    def _died(self, key: NodeKey, said: Payload, at_ms: int) -> tuple[Reading, ...]:
        node = self._nodes.get(key)
        bd_seq = _bd_seq(said)
        if node is not None and None not in (bd_seq, node.bd_seq) and bd_seq != node.bd_seq:
            return ()  # the will of a session before: the node was back before its broker noticed
        self._forget(key)
        gone = [key[1], *(name for name in (node.tables if node is not None else ()) if name)]
        return tuple(ScannerSeen(ScannerId(name), at_ms, online=False) for name in gone)

    def _ask(self, key: NodeKey, at_ms: int) -> tuple[Command, ...]:
        """The command that asks a node for its births, unless it or too many others were asked just now."""
        while self._asked and not 0 <= at_ms - next(iter(self._asked.values())) < ASK_EVERY_MS:
            self._asked.popitem(last=False)
        if key in self._asked or len(self._asked) >= ASKED_MAX:
            return ()
        self._asked[key] = at_ms
        group, name = key
        return ((f"spBv1.0/{group}/NCMD/{name}", sparkplug.rebirth(at_ms)),)

    def _forget(self, key: NodeKey) -> None:
        node = self._nodes.pop(key, None)
        if node is not None:
            self._known -= sum(_size(table) for table in node.tables.values())

    def _make_room(self) -> None:
        while len(self._nodes) > NODES_MAX or self._known > KNOWN_MAX:
            self._forget(next(iter(self._nodes)))


def _table(said: Payload, device: str) -> _Table:
    """What a birth's metrics mean, by alias and, for those that mean something, by name."""
    table: _Table = {}
    for metric in said.metrics:
        known = _meaning(metric.name, device)._replace(datatype=metric.datatype)
        if not known.kind:
            known = _NOTHING
        else:
            table[metric.name] = known
        if metric.alias is not None:
            table[metric.alias] = known
    return table


def _meaning(name: str, device: str) -> _Known:
    head, _, rest = name.partition("/")
    if head == "rssi" and is_safe_id(rest):
        return _Known("rssi", device_id(rest))
    if head in _WEIGHTS and is_safe_id(shelf := rest or device):
        return _Known("weight", shelf, each=_WEIGHTS[head])
    return _NOTHING


def _size(table: _Table | None) -> int:
    return 0 if table is None else len(table) + 1


def _bd_seq(said: Payload) -> int | None:
    """The number that ties a death to its birth."""
    for metric in said.metrics:
        if metric.name == "bdSeq" and type(metric.value) is int:
            return metric.value
    return None


def _standing(table: _Table, said: Payload, at_ms: int) -> tuple[Reading, ...]:
    """What a birth says of now: weights stand, while a strength in it is an old one."""
    found = (_weight(table[metric.name], metric, at_ms) for metric in said.metrics if metric.name in table)
    return tuple(weight for weight in found if weight is not None)


def _told(
    table: _Table, device: str, scanner: ScannerId, said: Payload, at_ms: int
) -> tuple[tuple[Reading, ...], bool]:
    """Readings of a data message, and whether its births told of all of it."""
    found: list[Reading] = []
    is_whole = True
    for metric in said.metrics:
        known = table.get(metric.name or metric.alias or 0)
        if known is None:
            # A name that means nothing here is not remembered; anything else must have been in a birth.
            is_whole = is_whole and bool(metric.name) and not _meaning(metric.name, device).kind
            continue
        reading = _weight(known, metric, at_ms) or _sighting(known, metric, scanner, said, at_ms)
        if reading is not None:
            found.append(reading)
    return tuple(found), is_whole


def _weight(known: _Known, metric: Metric, at_ms: int) -> Weight | None:
    value = sparkplug.number_of(metric.value, known.datatype)
    if known.kind != "weight" or metric.historical or value is None:
        return None
    grams = value * known.each
    return Weight(known.subject, round(grams), at_ms) if -GRAMS_MAX <= grams <= GRAMS_MAX else None


def _sighting(
    known: _Known, metric: Metric, scanner: ScannerId, said: Payload, at_ms: int
) -> Sighting | None:
    dbm = sparkplug.number_of(metric.value, known.datatype)
    if known.kind != "rssi" or metric.historical or dbm is None or not RSSI_MIN_DBM <= dbm <= RSSI_MAX_DBM:
        return None  # a node that has lost a tag says null, or a number that is no strength
    age_ms = gateway_age_ms(metric.timestamp_ms or said.timestamp_ms, at_ms)
    return Sighting(scanner, DeviceId(known.subject), float(dbm), at_ms, age_ms=age_ms)
