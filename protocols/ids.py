"""Identifiers, each its own type, and the keys that name entities.

A key is `kind:id`, for example `shopper:ana`, `shelf:dairy-2`, `account:A-1001`.
"""

from __future__ import annotations

import re
from typing import Literal, NewType

Key = NewType("Key", str)
StoreId = NewType("StoreId", str)
DeviceId = NewType("DeviceId", str)
ScannerId = NewType("ScannerId", str)
SubjectId = NewType("SubjectId", str)
AccountId = NewType("AccountId", str)
ZoneId = NewType("ZoneId", str)
CampaignId = NewType("CampaignId", str)
CreativeId = NewType("CreativeId", str)
OfferId = NewType("OfferId", str)
OperationId = NewType("OperationId", str)
PoolId = NewType("PoolId", str)
Sku = NewType("Sku", str)

Kind = Literal["shopper", "shelf", "sign", "account"]
KINDS: tuple[Kind, ...] = ("shopper", "shelf", "sign", "account")

UNKNOWN_ZONE = ZoneId("unknown")
"""The zone of a subject of whom the radio does not say enough. It is a zone like any other."""

ID_LENGTH_MAX = 128
"""Characters in any identifier. A longer one is refused, never cut: two cut ids could become one."""

# One segment of an MQTT topic, a file name and a URL path at once: no separators, wildcards or controls.
_SAFE = re.compile(r"[^\x00-\x1f\x7f/+#\s]{1,128}\Z")


def is_safe_id(text: str) -> bool:
    """True if `text` may be an identifier: 1 to 128 characters, no white space, `/`, `+`, `#` or control."""
    return _SAFE.match(text) is not None


def key(kind: Kind, ident: str) -> Key:
    """The key of one entity."""
    return Key(f"{kind}:{ident}")


def kind_of(entity: Key) -> Kind:
    """The kind part of a key. Raises KeyError for a kind that does not exist."""
    kind, _, _ = entity.partition(":")
    return _KIND_BY_NAME[kind]


def ident_of(entity: Key) -> str:
    """The id part of a key."""
    return entity.partition(":")[2]


_KIND_BY_NAME: dict[str, Kind] = {kind: kind for kind in KINDS}
