"""Bounded encode and decode for MessagePack and JSON, and the one canonical hash.

Every decoder here takes bytes of unknown origin and gives a typed value or raises `Nonsense`. Sizes and
depth are bounded before decoding, so hostile bytes cost no more than their length.
"""

from __future__ import annotations

import hashlib
from typing import Any, Generic, TypeVar

import msgspec

from protocols.errors import Nonsense, TooLarge

T = TypeVar("T")

PAYLOAD_BYTES_MAX = 64 * 1024
"""Largest payload taken from MQTT, HTTP or a WebSocket. Larger ones are refused before decoding."""

RECORD_BYTES_MAX = 256 * 1024
"""Largest record on Kafka, enforced when it is written."""

DEPTH_MAX = 32
"""Deepest nesting taken from outside. Counted on the bytes, before a decoder recurses."""

HASH_BYTES = 16

to_json = msgspec.json.Encoder(order="deterministic").encode
to_msgpack = msgspec.msgpack.Encoder(order="deterministic").encode


class JsonDecoder(Generic[T]):
    """Decodes JSON from outside into `T`, or raises `Nonsense` with the place and what was wrong."""

    def __init__(self, kind: type[T] | Any, bytes_max: int = PAYLOAD_BYTES_MAX) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._bytes_max = bytes_max

    def __call__(self, payload: bytes) -> T:
        if len(payload) > self._bytes_max:
            raise TooLarge(f"{len(payload)} bytes; the limit is {self._bytes_max}")
        check_depth(payload)
        try:
            return self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            raise Nonsense(str(error)) from None


class MsgpackDecoder(Generic[T]):
    """Decodes MessagePack from outside into `T`, or raises `Nonsense`."""

    def __init__(self, kind: type[T] | Any, bytes_max: int = RECORD_BYTES_MAX) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)
        self._bytes_max = bytes_max

    def __call__(self, payload: bytes) -> T:
        if len(payload) > self._bytes_max:
            raise TooLarge(f"{len(payload)} bytes; the limit is {self._bytes_max}")
        try:
            return self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            raise Nonsense(str(error)) from None


def check_depth(payload: bytes) -> None:
    """Raises `Nonsense` when JSON nests deeper than `DEPTH_MAX`. Brackets in strings count too: rare, harmless."""
    if payload.count(b"[") + payload.count(b"{") <= DEPTH_MAX:
        return
    depth = 0
    for byte in payload:
        if byte in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise Nonsense(f"nested deeper than {DEPTH_MAX} levels")
        elif byte in b"]}":
            depth -= 1


def payload_hash(value: Any) -> bytes:
    """The canonical hash of a value: BLAKE2b-128 over its JSON with sorted keys (RFC 7693)."""
    return hashlib.blake2b(to_json(value), digest_size=HASH_BYTES).digest()


def digest(*parts: bytes) -> bytes:
    """Eight bytes that stand for what a turn did: BLAKE2b-64 over length-prefixed parts."""
    state = hashlib.blake2b(digest_size=8)
    for part in parts:
        state.update(len(part).to_bytes(4, "big"))
        state.update(part)
    return state.digest()
