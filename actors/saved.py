"""Saved states across releases: what an older one left out is filled in, what a newer one added is kept.

A state carries `v`, the version of its shape, and `rest`, the fields of a later shape that it does not know.
A new version only adds fields, so a release can be rolled back and forward again without loss.

States are saved with every field. Left-out defaults would save bytes and cost sameness: msgspec leaves a string
out only if it is the very object of the default, so equal states could have two encodings, and two digests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

TIME_MAX_MS = 253_402_300_799_000
"""The end of the year 9999. Times from outside are held between 1970 and this, so that sums stay small."""


S = TypeVar("S", bound=msgspec.Struct)


def decoder(kind: type[S], version: int, upgrade: Callable[[S], S]) -> Callable[[bytes], S]:
    """Decodes a saved `kind`, a struct with `v` and `rest`. `upgrade` takes a state of an older version to this one.

    Fields that a later release saved are lifted out of `rest` where they are known again, and kept in it where
    they are not.
    """
    plain = msgspec.json.Decoder(kind).decode
    by_name = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    known = {field.name for field in msgspec.structs.fields(kind)}

    def decode(state: bytes) -> S:
        saved: Any = plain(state)
        if saved.v == version and not saved.rest:
            return saved  # type: ignore[no-any-return]
        fields: dict[str, Any] = by_name(state)
        rest = dict(saved.rest) | {name: raw for name, raw in fields.items() if name not in known}
        lifted = {name: rest.pop(name) for name in tuple(rest) if name in known}
        if lifted:
            saved = plain(msgspec.json.encode({**fields, **lifted}))
        if saved.v < version:
            saved = upgrade(saved)
        return msgspec.structs.replace(saved, v=version, rest=rest)  # type: ignore[no-any-return]

    return decode


def within_time(at_ms: int) -> int:
    """A time from outside, held between 1970 and the year 9999."""
    return min(max(at_ms, 0), TIME_MAX_MS)
