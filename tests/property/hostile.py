"""Values of any protocol type, as a hostile or broken sender would choose them: extremes, empties, repeats."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, NewType

import msgspec
from hypothesis import strategies as st

POOLS: dict[str, tuple[str, ...]] = {
    "ZoneId": ("dairy", "wine", "unknown", ""),
    "Sku": ("milk", "wine", ""),
    "CreativeId": ("card", "x", ""),
    "CampaignId": ("c1", "c2", "c4", ""),
    "OfferId": ("o1", "o2", "o3", ""),
    "AccountId": ("A-1", "subject-ana", ""),
    "Key": ("shopper:ana", "sign:s1", "nobody", ""),
}
"""Few enough that inputs meet: the same offer twice, the zone that it is in, the goods that it holds."""

STRANGE = "\x00/+#é\U0001f600"

WHOLE = (0, 1, -1, 2, 100, 1_000, 10**12, -(10**12), 2**53, 2**63 - 1, -(2**63))

texts = st.one_of(st.sampled_from(("", "ana", "offers")), st.text(max_size=8))
wholes = st.one_of(st.sampled_from(WHOLE), st.integers(-(2**63), 2**63 - 1), st.integers(-50, 50))


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as the protocols declare it: structs, tuples, literals, unions and plain ones."""
    if isinstance(kind, NewType):
        pool = POOLS.get(kind.__name__)
        return values_of(kind.__supertype__) if pool is None else st.sampled_from((*pool, STRANGE))
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple and args and args[-1] is Ellipsis:
        return st.lists(values_of(args[0]), max_size=3).map(tuple)
    if origin is typing.Union or origin is types.UnionType:
        return st.one_of([values_of(one) for one in args])
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        fields = {field.name: values_of(hints[field.name]) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)
    return {str: texts, int: wholes, bool: st.booleans(), type(None): st.none()}[kind]
