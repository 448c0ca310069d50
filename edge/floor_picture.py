"""The picture that lies under the plan while it is drawn: what it is by its own bytes, and names that are safe.

Only pictures that cannot run anything are taken. Nothing is decoded here: type and size stand in the header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocols.errors import Nonsense, TooLarge

PICTURE_BYTES_MAX = 8 * 1024 * 1024
"""Largest picture. A larger one is refused; a plan scanned at 200 dpi has less."""

PICTURE_PIXELS_MAX = 40_000_000
"""Most pixels. A picture of more is refused: a tablet would need over 160 MB to draw it."""

TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
"""What is taken, and the type that each is served with."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(?:png|jpe?g|webp)\Z", re.ASCII)
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EXPORT = "Export the plan as PNG, JPEG or WebP and send that."


class WrongPicture(Nonsense):
    """No picture that is taken here. Nothing was stored; `reason` says what to send instead."""

    code = "wrong_picture"
    status = 415


@dataclass(frozen=True, slots=True)
class Picture:
    """What the bytes are: a key of TYPES, and their size before any turning that the picture asks for."""

    kind: str
    width_px: int
    height_px: int


def is_picture_name(name: str) -> bool:
    """Whether this may be the file name of a picture: plain characters and no folder."""
    return _NAME.match(name) is not None


def examined(body: bytes) -> Picture:
    """The picture that these bytes are. Raises TooLarge or WrongPicture."""
    if len(body) > PICTURE_BYTES_MAX:
        raise TooLarge(f"The picture is over {PICTURE_BYTES_MAX:,} bytes. Make it smaller and send it again.")
    kind, size = _kind(body), None
    try:
        size = {"png": _png, "jpg": _jpeg, "webp": _webp}[kind](body)
    except IndexError:
        size = None
    if size is None or min(size) < 1:
        raise WrongPicture(f"The picture is broken: its header does not say how large it is. {_EXPORT}")
    if size[0] * size[1] > PICTURE_PIXELS_MAX:
        raise TooLarge(
            f"The picture has {size[0]:,} × {size[1]:,} pixels; {PICTURE_PIXELS_MAX:,} are the most. "
            "Make it smaller and send it again."
        )
    return Picture(kind, *size)


def _kind(body: bytes) -> str:
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if body.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "webp"
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<?xml", b"<svg", b"<!--", b"<!doctype svg")):
        raise WrongPicture(f"An SVG can hold scripts, so it is not taken. {_EXPORT}")
    if head.startswith(b"%pdf"):
        raise WrongPicture(f"A PDF is not taken. {_EXPORT}")
    raise WrongPicture(f"These bytes are no picture that is known here. {_EXPORT}")


def _png(body: bytes) -> tuple[int, int] | None:
    if body[12:16] != b"IHDR" or len(body) < 24:
        return None
    return int.from_bytes(body[16:20], "big"), int.from_bytes(body[20:24], "big")


def _jpeg(body: bytes) -> tuple[int, int] | None:
    """The first frame header; the segments before it say their own length."""
    at = 2
    while at + 9 < len(body):
        if body[at] != 0xFF:
            return None
        marker = body[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            return int.from_bytes(body[at + 7 : at + 9], "big"), int.from_bytes(body[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    return None


def _webp(body: bytes) -> tuple[int, int] | None:
    chunk = body[12:16]
    if chunk == b"VP8 " and body[23:26] == b"\x9d\x01\x2a":
        sides = body[26:28], body[28:30]
        return (int.from_bytes(sides[0], "little") & 0x3FFF, int.from_bytes(sides[1], "little") & 0x3FFF)
    if chunk == b"VP8L" and body[20] == 0x2F:
        bits = int.from_bytes(body[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X" and len(body) >= 30:
        return int.from_bytes(body[24:27], "little") + 1, int.from_bytes(body[27:30], "little") + 1
    return None
