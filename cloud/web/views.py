"""Bodies of the read API."""

from __future__ import annotations

import msgspec

from cloud.db.reads import StoreView, ZoneView


class StoreList(msgspec.Struct, frozen=True):
    """Every store, and when this was asked: ages are measured against `now_ms`."""

    now_ms: int
    stores: tuple[StoreView, ...]


class ZoneList(msgspec.Struct, frozen=True):
    """Stays in zones over the last days, all stores."""

    now_ms: int
    days: int
    zones: tuple[ZoneView, ...]


class Health(msgspec.Struct, frozen=True):
    """Whether head office can work. Kafka being away is not ill health: stores keep what they have."""

    database: bool
    workers: bool
