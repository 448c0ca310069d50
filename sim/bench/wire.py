"""MQTT as cheap as it gets, for the load and the observer: blocking sockets and QoS 0, packets made ahead of time."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import mqtt5

CHUNK_BYTES = 256 * 1024
CONNECT_S = 10.0
PUBLISH = 0x30
RETAINED = 0x01


def publish_packet(topic: str, payload: bytes) -> bytes:
    """A QoS 0 PUBLISH, ready for the wire."""
    return bytes(mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_MOST_ONCE).write())


def connect(host: str, port: int, client_id: str, *filters: str) -> socket.socket:
    """A connection that the broker has accepted, subscribed to the filters at QoS 0."""
    wire = socket.create_connection((host, port), CONNECT_S)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    wire.sendall(mqtt5.ConnectPacket(client_id, clean_start=True, keep_alive=0).write())
    wire.recv(4096)  # CONNACK; a broker that refuses us closes, and the next call fails
    if filters:
        # A live message must come without the retained flag, which then tells old ones apart.
        wanted = [
            mqtt5.TopicFilter(one, max_qos=mqtt5.QoS.AT_MOST_ONCE, retain_as_published=False)
            for one in filters
        ]
        wire.sendall(mqtt5.SubscribePacket(1, wanted).write())
        _await_suback(wire)
    wire.settimeout(None)
    return wire


def _await_suback(wire: socket.socket) -> None:
    """Reads up to the SUBACK. Retained messages that the broker sends right after it are left for the caller."""
    kind = 0
    while kind != 0x90:
        head = _exactly(wire, 2)
        kind, size, shift = head[0] & 0xF0, head[1] & 0x7F, 7
        more = head[1] & 0x80
        while more:
            byte = _exactly(wire, 1)[0]
            size |= (byte & 0x7F) << shift
            more, shift = byte & 0x80, shift + 7
        _exactly(wire, size)


def _exactly(wire: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        part = wire.recv(size - len(read))
        if not part:
            raise ConnectionError("the broker closed the connection")
        read += part
    return read


class Reader:
    """Bytes of a connection in; live (not retained) QoS 0 publications out, as (topic, payload)."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every whole publication that the chunk completes. Other packets are passed over."""
        data = self._rest + chunk if self._rest else chunk
        at, end = 0, len(data)
        while at + 2 <= end:
            first, place, size, shift = data[at], at + 1, 0, 0
            while place < end:
                byte = data[place]
                size |= (byte & 0x7F) << shift
                place, shift = place + 1, shift + 7
                if byte < 0x80:
                    break
            else:
                break
            if place + size > end:
                break
            if first & 0xF0 == PUBLISH and not first & RETAINED:
                body = place + 2 + (data[place] << 8 | data[place + 1])
                # Properties: their length is one byte in what we and our peers send.
                yield data[place + 2 : body], data[body + 1 + data[body] : place + size]
            at = place + size
        self._rest = data[at:]
