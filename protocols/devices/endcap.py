"""Our own form, for scales that speak no other: `{"grams": 1234}` on our own topic.

endcap/v1/<store>/in/shelf/<shelf>/weight

A fraction of a gram is rounded, ties to even. The topic names the shelf; the subscription names the store.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices.readings import GRAMS_MAX, MESSAGE_BYTES_MAX, Reading, Weight
from protocols.errors import Nonsense
from protocols.ids import is_safe_id


class _Scale(msgspec.Struct):
    # A scale that was tared with something on it reads below zero.
    grams: Annotated[float, msgspec.Meta(ge=-GRAMS_MAX, le=GRAMS_MAX)]


_scale = JsonDecoder[_Scale](_Scale, MESSAGE_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """The weight in one message of our own form, or Nonsense."""
    match topic.split("/"):
        case ["endcap", "v1", _, "in", "shelf", shelf, "weight"] if is_safe_id(shelf):
            return (Weight(shelf, round(_scale(payload).grams), at_ms),)
    raise Nonsense("no topic of a shelf's scale")
