"""What crosses a cell's socket: a greeting, then one Batch and one Answer in turn, each in a bounded frame.

A frame is four bytes of length (big-endian) and so many bytes of MessagePack. The cell greets first, which
proves to the engine that the thread behind the socket runs and is the one that it wanted.
"""

from __future__ import annotations

import msgspec

from protocols.cells import FRAME_BYTES_MAX, Answer, Batch

HEADER_BYTES = 4

GREETING_VERSION = 1
"""Raised whenever Batch or Answer change their shape, so that two releases never misread each other."""


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """The cell's first frame: which cell it is, its process, and the shape of what follows."""

    cell: str
    pid: int
    version: int = GREETING_VERSION


class FrameTooLarge(Exception):
    """A frame above `FRAME_BYTES_MAX`, ours or theirs. Nothing of it was sent or read; close the socket."""

    def __init__(self, length: int) -> None:
        super().__init__(f"a frame of {length} bytes; the limit is {FRAME_BYTES_MAX}")


class BadAddress(ValueError):
    """Not `unix:<path>` and not `tcp:<host>:<port>`."""


_encode = msgspec.msgpack.Encoder().encode
decode_hello = msgspec.msgpack.Decoder(Hello).decode


def framed(message: Batch | Answer | Hello) -> bytes:
    """The message with its length in front. Raises FrameTooLarge."""
    payload = _encode(message)
    if len(payload) > FRAME_BYTES_MAX:
        raise FrameTooLarge(len(payload))
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


def length_of(header: bytes | bytearray | memoryview) -> int:
    """How many bytes follow this header. Raises FrameTooLarge before anything is read into memory."""
    length = int.from_bytes(header[:HEADER_BYTES], "big")
    if length > FRAME_BYTES_MAX:
        raise FrameTooLarge(length)
    return length


def unix_path(address: str) -> str | None:
    """The path in `unix:<path>`, or None for an address of another kind."""
    return address.removeprefix("unix:") if address.startswith("unix:") else None


def tcp_place(address: str) -> tuple[str, int]:
    """Host and port in `tcp:<host>:<port>`. Raises BadAddress."""
    kind, _, place = address.partition(":")
    host, _, port = place.rpartition(":")
    if kind != "tcp" or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise BadAddress(f"'{address}' is neither unix:<path> nor tcp:<host>:<port>")
    return host, int(port)
