"""Reads `floor.yaml`: the plan, zones, scanners, shelves with scales, screens, tills, and presence settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from actors.campaigns.reading import Reading
from actors.campaigns.text import Mark, Node, Table
from edge.floor_picture import is_picture_name
from protocols.facts import (
    Plan,
    PresenceSettings,
    Product,
    Scanner,
    ShelfPlace,
    SignPlace,
    TillPlace,
    Zone,
)
from protocols.ids import UNKNOWN_ZONE, CreativeId, Sku, ZoneId

FLOOR_FILE = "floor.yaml"
SIDE_MAX_M = 1_000.0
MARGIN_MAX_M = 5.0
CELL_LEAST_M = 0.25
SMOOTHING_MAX_S = 120.0
PLACES_MAX = 2_000
POINTS_MAX = 500
PIECES_MAX = 100_000
PIECE_G_MAX = 1_000_000
COUNTS_MAX = 0x80_0000  # a load cell's amplifier has 24 bits with sign
PLAYLIST_MAX = 50
METHODS = ("auto", "radio", "nearest")
SECTIONS = ("plan", "presence", "zones", "scanners", "shelves", "signs", "tills")

Point = tuple[float, float]
T = TypeVar("T")


@dataclass(slots=True)
class Floor:
    """What the file says. A place that is wrong still counts as named, so that one slip is told once."""

    plan: Plan = field(default_factory=lambda: Plan("", 0.0, 0.0))
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    zones: dict[str, Zone] = field(default_factory=dict)
    scanners: dict[str, Scanner] = field(default_factory=dict)
    shelves: dict[str, ShelfPlace] = field(default_factory=dict)
    signs: dict[str, SignPlace] = field(default_factory=dict)
    tills: dict[str, TillPlace] = field(default_factory=dict)
    playlist_marks: list[tuple[str, Mark]] = field(default_factory=list)


def read_floor(reading: Reading, root: Node, products: Mapping[str, Product] | None) -> Floor:
    """The floor. Problems are told in `reading`; `products` None: the range is not known, any sku will do."""
    floor = Floor()
    table = reading.table(root, SECTIONS, FLOOR_FILE)
    if table is None:
        return floor
    sections = table.entries
    for name in ("plan", "zones"):
        if name not in sections:
            reading.tell(table, f"a floor needs '{name}'")
    floor.plan = _plan(reading, sections.get("plan"))
    floor.presence = _presence(reading, sections.get("presence"))
    reader = _PlaceReader(reading, floor, products)
    floor.zones = reader.section(sections.get("zones"), "zones", reader.zone)
    floor.scanners = reader.section(sections.get("scanners"), "scanners", reader.scanner)
    floor.shelves = reader.section(sections.get("shelves"), "shelves", reader.shelf)
    floor.signs = reader.section(sections.get("signs"), "signs", reader.sign)
    floor.tills = reader.section(sections.get("tills"), "tills", reader.till)
    return floor


def check_playlists(reading: Reading, floor: Floor, creatives: frozenset[str]) -> None:
    """Tells every creative of a playlist that the campaign file does not have."""
    for name, mark in floor.playlist_marks:
        if name not in creatives:
            reading.tell(mark, f"there is no creative '{name[:40]}'; {reading.hint(name, creatives)}")


def _plan(reading: Reading, node: Node | None) -> Plan:
    names = ("name", "width", "height", "walls", "picture")
    table = None if node is None else reading.table(node, names, "plan")
    if table is None:
        return Plan("", SIDE_MAX_M, SIDE_MAX_M)
    fields = table.entries
    for name in ("width", "height"):
        if name not in fields:
            reading.tell(table, f"a plan needs '{name}', in metres")
    walls = [_points(reading, wall, "a wall", 2) for wall in reading.listed(fields.get("walls"), "walls")]
    width_m = reading.number(fields.get("width"), "width", 1, SIDE_MAX_M) or SIDE_MAX_M
    return Plan(
        reading.text(fields.get("name"), "name") or "",
        width_m,
        reading.number(fields.get("height"), "height", 1, SIDE_MAX_M) or SIDE_MAX_M,
        tuple(wall for wall in walls if wall),
        *_picture(reading, fields.get("picture"), width_m),
    )


def _picture(reading: Reading, node: Node | None, width_m: float) -> tuple[str, float, float, float]:
    """The picture under the plan and where it lies; one without a width lies across the whole plan."""
    table = None if node is None else reading.table(node, ("file", "x", "y", "width"), "a picture")
    if table is None:
        return "", 0.0, 0.0, 0.0
    fields = table.entries
    file = reading.text(fields.get("file"), "file") or ""
    if not is_picture_name(file):
        where = fields.get("file", table)
        reading.tell(where, "needs 'file': the name of a PNG, JPEG or WebP that lies beside this file")
    x, y = (reading.number(fields.get(side), side, -SIDE_MAX_M, SIDE_MAX_M) or 0.0 for side in ("x", "y"))
    return file, x, y, reading.number(fields.get("width"), "width", 0.1, 10 * SIDE_MAX_M) or width_m


def _presence(reading: Reading, node: Node | None) -> PresenceSettings:
    given = PresenceSettings()
    limits = {
        "enter_p": (0.5, 0.99),
        "leave_p": (0.05, 0.95),
        "cell_m": (0.0, 2.0),
        "carried_z_m": (0.0, 2.5),
        "beacon_sd_db": (0.0, 20.0),
        "window_s": (0.1, 60.0),
        "hysteresis_db": (0.0, 40.0),
        "hold_s": (0.0, 60.0),
        "zone_silence_s": (1.0, 3600.0),
        "visit_silence_s": (5.0, 86_400.0),
    }
    table = None if node is None else reading.table(node, ("method", *limits), "presence")
    if table is None:
        return given
    read: dict[str, Any] = {}
    if (method := reading.choice(table.entries.get("method"), METHODS, "method")) is not None:
        read["method"] = method
    for name, (low, high) in limits.items():
        value = reading.number(table.entries.get(name), name, low, high)
        read[name] = getattr(given, name) if value is None else value
    if read["visit_silence_s"] < read["zone_silence_s"]:
        reading.tell(
            table, "visit_silence_s is shorter than zone_silence_s: a visit would end inside its zone"
        )
    if 0 < read["cell_m"] < CELL_LEAST_M:
        where = table.entries["cell_m"]
        reading.tell(where, f"cell_m must be {CELL_LEAST_M:g} to 2, or 0 to have it chosen by the floor")
    if read["leave_p"] >= read["enter_p"]:
        reading.tell(
            table,
            f"leave_p is {read['leave_p']:g} and enter_p {read['enter_p']:g}: whoever enters would leave at "
            "once; choose leave_p below enter_p",
        )
    return PresenceSettings(**read)


def _points(reading: Reading, node: Node, what: str, fewest: int) -> tuple[Point, ...]:
    entries = reading.listed(node, what)
    if not fewest <= len(entries) <= POINTS_MAX:
        reading.tell(node, f"{what} has {fewest} to {POINTS_MAX} points, each [x, y] in metres")
        return ()
    points = []
    for entry in entries:
        pair = reading.listed(entry, "a point")
        if len(pair) != 2:
            reading.tell(entry, "a point is [x, y] in metres")
            continue
        x, y = (reading.number(one, "a coordinate", -SIDE_MAX_M, SIDE_MAX_M) for one in pair)
        if x is not None and y is not None:
            points.append((x, y))
    return tuple(points)


class _PlaceReader:
    """Reads the places of one floor against its zones and the range."""

    def __init__(self, reading: Reading, floor: Floor, products: Mapping[str, Product] | None) -> None:
        self.reading = reading
        self.floor = floor
        self.products = products

    def section(self, node: Node | None, what: str, read: Callable[[Table], T]) -> dict[str, T]:
        """Every place of a section by its id."""
        found: dict[str, T] = {}
        for ident, entry in self.reading.keyed(node, what).items():
            if len(found) >= PLACES_MAX:
                self.reading.tell(entry, f"more than {PLACES_MAX:,} {what}; split the store")
                break
            if isinstance(entry, Table):
                found[ident] = read(entry)
            else:
                self.reading.tell(entry, f"an entry of {what} must be a mapping")
        return found

    def fields(self, table: Table, what: str, needed: tuple[str, ...], *others: str) -> dict[str, Node]:
        self.reading.table(table, (*needed, *others), what)
        for name in needed:
            if name not in table.entries:
                self.reading.tell(table, f"{what} needs '{name}'")
        return table.entries

    def zone(self, table: Table) -> Zone:
        fields = self.fields(table, "a zone", ("name",), "polygon", "box", "margin_m")
        polygon: tuple[Point, ...] = ()
        if "box" in fields and "polygon" in fields:
            self.reading.tell(table.keys["box"], "a zone has a box or a polygon; keep one")
        if "box" in fields:
            polygon = self._box(fields["box"])
        elif "polygon" in fields:
            polygon = _points(self.reading, fields["polygon"], "a polygon", 3)
        plan = self.floor.plan
        if any(not (0 <= x <= plan.width_m and 0 <= y <= plan.height_m) for x, y in polygon):
            self.reading.tell(table, f"reaches over the plan of {plan.width_m:g} × {plan.height_m:g} m")
        margin_m = self.reading.number(fields.get("margin_m"), "margin_m", 0, MARGIN_MAX_M)
        return Zone(self.reading.text(fields.get("name"), "name") or "", polygon, margin_m or 0.0)

    def _box(self, node: Node) -> tuple[Point, ...]:
        sides = [
            self.reading.number(one, "a side", 0, SIDE_MAX_M) for one in self.reading.listed(node, "box")
        ]
        if len(sides) != 4:
            self.reading.tell(node, "a box is [x, y, width, height] in metres")
            return ()
        x, y, width, height = (side or 0.0 for side in sides)
        right, bottom = round(x + width, 6), round(y + height, 6)
        return ((x, y), (right, y), (right, bottom), (x, bottom))

    def scanner(self, table: Table) -> Scanner:
        fields = self.fields(table, "a scanner", ("zone",), "x", "y", "z", "beacon", "smoothing_s")
        z = self.reading.number(fields.get("z"), "z", -10, 50)
        smoothing_s = self.reading.number(fields.get("smoothing_s"), "smoothing_s", 0, SMOOTHING_MAX_S)
        return Scanner(
            self._zone(fields.get("zone")),
            *self._place(fields),
            z=2.5 if z is None else z,
            beacon=self.reading.ident(fields.get("beacon"), "beacon") or "",
            smoothing_s=smoothing_s or 0.0,
        )

    def shelf(self, table: Table) -> ShelfPlace:
        needed = ("zone", "sku", "unit_g", "capacity", "low_at")
        calibration = ("scale", "zero_counts", "counts_per_kg")
        fields = self.fields(table, "a shelf", needed, "x", "y", "w", "h", *calibration)
        capacity = self.reading.whole(fields.get("capacity"), "capacity", 1, PIECES_MAX) or 1
        low_at = self.reading.whole(fields.get("low_at"), "low_at", 0, PIECES_MAX) or 0
        if low_at >= capacity and "low_at" in fields and "capacity" in fields:
            self.reading.tell(
                fields["low_at"], f"is low at {low_at} of {capacity} pieces: it would always be low"
            )
        sku = self.reading.known(fields.get("sku"), self.products, "product")
        width = self.reading.number(fields.get("w"), "w", 0.01, SIDE_MAX_M)
        height = self.reading.number(fields.get("h"), "h", 0.01, SIDE_MAX_M)
        x, y = self._place(fields)
        counts = {
            name: self.reading.whole(fields.get(name), name, -COUNTS_MAX, COUNTS_MAX) or 0
            for name in calibration[1:]
        }
        if "scale" in fields and not counts["counts_per_kg"]:
            self.reading.tell(
                fields["scale"], "needs counts_per_kg: how many counts more a kilogram makes on this scale"
            )
        return ShelfPlace(
            zone=self._zone(fields.get("zone")),
            sku=Sku(sku or ""),
            unit_g=self.reading.whole(fields.get("unit_g"), "unit_g", 1, PIECE_G_MAX) or 1,
            capacity=capacity,
            low_at=low_at,
            x=x,
            y=y,
            w=width or 1.0,
            h=height or 0.5,
            scale=self.reading.ident(fields.get("scale"), "scale") or "",
            zero_counts=counts["zero_counts"],
            counts_per_kg=counts["counts_per_kg"],
        )

    def sign(self, table: Table) -> SignPlace:
        fields = self.fields(table, "a sign", ("name", "zones", "playlist"), "x", "y", "slot_s")
        zones = [self._zone(node) for node in self.reading.listed(fields.get("zones"), "zones")]
        entries = self.reading.listed(fields.get("playlist"), "playlist")
        if "playlist" in fields and not 1 <= len(entries) <= PLAYLIST_MAX:
            self.reading.tell(fields["playlist"], f"a playlist has 1 to {PLAYLIST_MAX} creatives")
        playlist = []
        for entry in entries[:PLAYLIST_MAX]:
            name = self.reading.ident(entry, "creative")
            if name is not None:
                playlist.append(CreativeId(name))
                self.floor.playlist_marks.append((name, entry.mark))
        slot_s = self.reading.whole(fields.get("slot_s"), "slot_s", 1, 3600)
        name = self.reading.text(fields.get("name"), "name") or ""
        return SignPlace(
            name, tuple(dict.fromkeys(zones)), tuple(playlist), *self._place(fields), slot_s or 15
        )

    def till(self, table: Table) -> TillPlace:
        fields = self.fields(table, "a till", ("name",), "x", "y")
        return TillPlace(self.reading.text(fields.get("name"), "name") or "", *self._place(fields))

    def _zone(self, node: Node | None) -> ZoneId:
        return ZoneId(self.reading.known(node, (*self.floor.zones, UNKNOWN_ZONE), "zone") or UNKNOWN_ZONE)

    def _place(self, fields: Mapping[str, Node]) -> Point:
        x = self.reading.number(fields.get("x"), "x", 0, self.floor.plan.width_m)
        y = self.reading.number(fields.get("y"), "y", 0, self.floor.plan.height_m)
        return (x or 0.0, y or 0.0)
