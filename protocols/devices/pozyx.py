"""Pozyx positioning: where tags are, worked out by its own gateway or companion software.

tags                    the stream of a gateway or of the companion software, on its own broker
tags/<tag>              the same by tag; read if it arrives, not subscribed to: it would be each place twice
pozyx/tags              the same through a bridge, which puts it under a name of its own: in Mosquitto
                        `topic tags in 0 pozyx/ ""`
pozyx/tags/<tag>        a bridge for some tags alone
pozyx/<tenant>/tags     a bridge from the cloud, which serves several sites
[{"version","tagId","timestamp" s,"success","data":{"coordinates":{"x","y","z"} mm,"score","anchorData",…}}]

Pozyx's coordinates are taken as metres on the store's plan: its map there must have the plan's origin and axes (top
left, y downwards). A failed positioning is no reading. The height is not used.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices.readings import Located, Reading, device_id, gateway_age_ms, scanner_id
from protocols.errors import Nonsense

SUBSCRIPTIONS = ("tags", "pozyx/tags", "pozyx/tags/+", "pozyx/+/tags")

TAGS_BYTES_MAX = 64 * 1024
"""The cloud sends places in batches, each with its tag's sensors. A larger message is refused before decoding."""

TAGS_MAX = 100
"""Places in one message. More is refused, so that one message cannot become thousands of readings."""

PLACE_MAX_MM = 1_000_000.0
"""A kilometre from the origin either way: no shop reaches further."""

ERROR_M = 0.3
"""Standard error of a place. Pozyx claims 0.1 m in the open and says none by message; shelves cost some of that."""

Millimetres = Annotated[float, msgspec.Meta(ge=-PLACE_MAX_MM, le=PLACE_MAX_MM)]


class _Coordinates(msgspec.Struct):
    x: Millimetres
    y: Millimetres


class _Data(msgspec.Struct):
    coordinates: _Coordinates | None = None


class _Tag(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = msgspec.field(name="tagId")
    success: bool = False
    timestamp: float = 0.0
    data: _Data | None = None


_tags = JsonDecoder[list[_Tag]](Annotated[list[_Tag], msgspec.Meta(max_length=TAGS_MAX)], TAGS_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """One place for each tag that was positioned, as `pozyx:<tag>`, or Nonsense."""
    match topic.split("/"):
        case ["tags"] | ["tags", _] | ["pozyx", "tags"] | ["pozyx", "tags", _]:
            source = scanner_id("pozyx")
        case ["pozyx", tenant, "tags"]:
            source = scanner_id(f"pozyx:{tenant}")
        case _:
            raise Nonsense("no Pozyx topic")
    return tuple(
        Located(
            source=source,
            device=device_id(f"pozyx:{tag.id}"),
            x=place.x / 1000,
            y=place.y / 1000,
            at_ms=at_ms,
            error_m=ERROR_M,
            age_ms=gateway_age_ms(tag.timestamp * 1000, at_ms),
        )
        for tag in _tags(payload)
        if tag.success and tag.data is not None and (place := tag.data.coordinates) is not None
    )
