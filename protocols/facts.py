"""The books: what many may read. A fact is a row (book, key, version, value), its value JSON of the book's type.

A key has one author. `Know` sets it, or, in a counted book, adds to it in the writer. A replaced value is kept
in the past as long as any turn may need it, so a turn's facts can be seen again by their version.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from protocols.decisions import Grant, Scalar, Trigger
from protocols.ids import CampaignId, CreativeId, Sku, ZoneId
from protocols.inputs import Caps


class Fact(msgspec.Struct, frozen=True, array_like=True):
    """One fact as it travels to a cell. `value` is JSON; `null` means that the key is gone."""

    book: str
    key: str
    version: int
    value: bytes


class Plan(msgspec.Struct, frozen=True):
    """The floor: metres, origin top left, x to the right, y downwards. Walls are polylines of [x, y].

    `picture` is a file beside the books that lies under the plan while it is drawn: its top left corner at
    `picture_x`, `picture_y`, `picture_width_m` across; its height follows from its own shape.
    """

    name: str
    width_m: float
    height_m: float
    walls: tuple[tuple[tuple[float, float], ...], ...] = ()
    picture: str = ""
    picture_x: float = 0.0
    picture_y: float = 0.0
    picture_width_m: float = 0.0


class Zone(msgspec.Struct, frozen=True):
    """An area drawn around goods: a polygon of [x, y] in metres.

    `margin_m` is the width of the band along its border, half inside and half outside: a subject is in the zone
    once it is inside the band, and still is until it is outside of it.
    """

    name: str
    polygon: tuple[tuple[float, float], ...] = ()
    margin_m: float = 0.0


class Scanner(msgspec.Struct, frozen=True):
    """A gateway: where it hangs and the zone that it stands for when there is no map.

    `beacon` is the device id under which other scanners hear it, if it has one. `smoothing_s` is the time
    constant of the mean that it reports instead of single readings; 0 for one that reports each reading.
    """

    zone: ZoneId
    x: float = 0.0
    y: float = 0.0
    z: float = 2.5
    beacon: str = ""
    smoothing_s: float = 0.0


class ShelfPlace(msgspec.Struct, frozen=True):
    """A shelf with its scale: what lies there, what a piece weighs, when it is low.

    `scale` is the node whose load cell stands under it, for scales that report raw counts: `zero_counts` when
    empty, `counts_per_kg` more (or, negative, fewer) for each kilogram.
    """

    zone: ZoneId
    sku: Sku
    unit_g: int
    capacity: int
    low_at: int
    x: float = 0.0
    y: float = 0.0
    w: float = 1.0
    h: float = 0.5
    scale: str = ""
    zero_counts: int = 0
    counts_per_kg: int = 0


class SignPlace(msgspec.Struct, frozen=True):
    """A screen: the zones whose shoppers see it and what it plays by itself."""

    name: str
    zones: tuple[ZoneId, ...]
    playlist: tuple[CreativeId, ...]
    x: float = 0.0
    y: float = 0.0
    slot_s: int = 15


class TillPlace(msgspec.Struct, frozen=True):
    """A till on the floor."""

    name: str
    x: float = 0.0
    y: float = 0.0


class Product(msgspec.Struct, frozen=True):
    """An item of the range. Money in minor units."""

    name: str
    category: str
    price_minor: int
    unit: str = "piece"
    brand: str = ""
    picture: str = ""


class Creative(msgspec.Struct, frozen=True):
    """What a screen can show: template fields. With a `sku`, the price is read from the product when shown."""

    title: str
    template: Literal["product", "message", "card"] = "product"
    eyebrow: str = ""
    line: str = ""
    sku: Sku = Sku("")
    was_minor: int = 0
    picture: str = ""
    theme: str = "plain"


class Condition(msgspec.Struct, frozen=True):
    """One typed condition: the fact, the relation, what is wanted, and a sentence for people."""

    fact: str
    relation: Literal["is", "is_not", "at_least", "at_most", "in", "not_in", "has", "has_not"]
    want: Scalar | tuple[Scalar, ...]
    say: str


class When(msgspec.Struct, frozen=True):
    """A window: ISO days inclusive, weekdays (0 = Monday), minutes of the local day. Empty means always."""

    first_day: str = ""
    last_day: str = ""
    weekdays: tuple[int, ...] = ()
    from_minute: int = 0
    to_minute: int = 1440


class Campaign(msgspec.Struct, frozen=True):
    """Who, when, where, which goods, which reward, which caps. The loader made and checked it from YAML."""

    id: CampaignId
    name: str
    trigger: Trigger
    conditions: tuple[Condition, ...] = ()
    grants: tuple[Grant, ...] = ()
    zones: tuple[ZoneId, ...] = ()
    skus: tuple[Sku, ...] = ()
    categories: tuple[str, ...] = ()
    dwell_s: int = 0
    when: When = When()
    caps: Caps = Caps()
    group: str = ""
    priority: int = 0
    lasts_s: int = 1800
    needs_consent: str = "offers"
    version: int = 1


class PresenceSettings(msgspec.Struct, frozen=True):
    """How presence concludes. Seconds, decibels, metres.

    `method`: by a radio map, by the nearest scanner, or `auto`: by the map where there is a survey or scanners have
    heard each other. `enter_p` and `leave_p` are the p at which a zone is entered and left by the map's posterior.
    `cell_m` is the side of the filter's cells; 0 chooses it by the floor. `carried_z_m` is how high devices are worn.
    `beacon_sd_db` is how far the power of one device may be from that of the surveyed one.
    """

    method: Literal["auto", "radio", "nearest"] = "auto"
    enter_p: float = 0.6
    leave_p: float = 0.4
    cell_m: float = 0.0
    carried_z_m: float = 1.2
    beacon_sd_db: float = 6.0
    window_s: float = 3.0
    hysteresis_db: float = 6.0
    hold_s: float = 1.0
    zone_silence_s: float = 20.0
    visit_silence_s: float = 120.0


class Radio(msgspec.Struct, frozen=True):
    """The radio map's frame: cells of `cell_m`, `columns` × `rows`, the first one at the plan's origin.

    `source` says what it was made from, `points` from how many places. `reading_sd_db` is the scatter of readings at
    one spot, `near_sd_db` that of the level from one step to the next, `map_sd_db` how much of the map's error over
    some metres is learned on the way. `digest` covers everything that it was made from.
    """

    cell_m: float
    columns: int
    rows: int
    reading_sd_db: float
    source: Literal["survey", "scanners", "plan"]
    points: int = 0
    digest: str = ""
    near_sd_db: float = 2.8
    map_sd_db: float = 2.0


class SurveyPoint(msgspec.Struct, frozen=True):
    """A place where somebody stood, and what was heard of their device there: scanner -> whole dBm -> readings.

    `by` is empty for the surveyed device, else the scanner whose own beacon was heard: the place is that
    scanner's. `day` is when, ISO; empty if nobody said.
    """

    x: float
    y: float
    z: float
    by: str
    heard: dict[str, dict[int, int]]
    day: str = ""


class SignalMap(msgspec.Struct, frozen=True):
    """How one scanner hears the surveyed device from each cell, row by row. Keyed by scanner.

    `level` is the expected reading in hundredths of a dBm, 16 bits with sign, little-endian; `doubt` is the
    standard error of it in tenths of a dB, one byte each.
    """

    level: bytes
    doubt: bytes


class StockLine(msgspec.Struct, frozen=True):
    """A stock level: pieces on the shelf, its state, and how sure we are in whole per cent. Keyed by shelf id."""

    sku: Sku
    pieces: int
    state: Literal["ok", "low", "out"]
    p: int


class Occupancy(msgspec.Struct, frozen=True):
    """People in a zone, a counted book (`Know` adds): subjects with a visit, and the members among them."""

    shoppers: int = 0
    members: int = 0


BOOKS: dict[str, Any] = {
    "plan": Plan,
    "zone": Zone,
    "scanner": Scanner,
    "shelf": ShelfPlace,
    "sign": SignPlace,
    "till": TillPlace,
    "product": Product,
    "creative": Creative,
    "campaign": Campaign,
    "presence": PresenceSettings,
    "radio": Radio,
    "signal": SignalMap,
    "stock": StockLine,
    "occupancy": Occupancy,
}
"""Every book and the type of its values. A fact of another book, or of another shape, is refused by name."""
