"""What is told outside of people, zones and gateways, as values: from the store as it is now to messages, and no more.

Pure. `edge.outward` decides when; `edge.homeassistant` says what Home Assistant is to make of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil, floor, sqrt
from typing import Protocol

from actors.facts import Facts
from actors.shopper import Shopper
from edge.now import Moved, Now
from protocols import topics
from protocols.api import CompanionView, OccupancyView, PresenceView, ScannerView, ZoneEvent
from protocols.cells import Position
from protocols.codec import to_json
from protocols.facts import Occupancy
from protocols.ids import UNKNOWN_ZONE
from protocols.inputs import Cause

FAR_M = 50.0
"""A place in such doubt is none, and is not told."""

Z_90 = 1.645
"""Standard deviations on either side of the mean between which nine in ten values of a normal distribution lie."""

SILENT_MS = 30_000
"""A gateway that said nothing for so long is silent, if it was ever heard and anybody is in the store."""

LOCATION = "location"
NAMED = "profile"
"""The purposes that a member must allow: to be shown by place at all, and to be shown by name."""

HOME = "zone.home"
"""Home Assistant's zone that a subject is in while it is in the store."""

NOT_HOME = "not_home"

Message = tuple[str, bytes]
"""A topic and its payload; an empty one takes a retained topic away."""


class Ears(Protocol):
    """What hearing knows of gateways: when each was last heard, and which the broker says are gone."""

    scanners: dict[str, int]
    silent: set[str]


# --- people


def may_locate(shopper: Shopper) -> bool:
    """Whether this subject's place may be told: a tag that nobody owns, or a member who allows it."""
    return not shopper.account or LOCATION in shopper.consent


def place(position: Position | None) -> Position | None:
    """The position, if it says where."""
    return None if position is None or position.doubt_m >= FAR_M else position


def presence_view(shopper: Shopper, position: Position | None, cause: Cause) -> PresenceView:
    """Where a subject is. Of a place that was worked out for another zone than the announced one, p is not taken."""
    if position is None or not may_locate(shopper):
        return PresenceView(shopper.subject, shopper.zone, shopper.zone_p, shopper.zone_entered_at_ms, cause)
    return PresenceView(
        subject=shopper.subject,
        zone=shopper.zone,
        p=_p(shopper, position),
        since_ms=shopper.zone_entered_at_ms,
        cause=cause,
        x=round(position.x, 2),
        y=round(position.y, 2),
        doubt_m=round(position.doubt_m, 2),
        at_ms=position.at_ms,
    )


def zone_events(store: str, moved: Moved) -> Iterator[Message]:
    """One message for the zone that was left and one for the zone that was entered, as far as there are such."""
    before, after = moved.before, moved.after
    if before is not None and before.zone != UNKNOWN_ZONE:
        dwell_s = max(0, moved.at_ms - before.zone_entered_at_ms) // 1_000
        event = ZoneEvent(
            "left", before.zone, before.subject, before.zone_p, moved.at_ms, moved.cause, dwell_s
        )
        yield topics.zone_event(store, before.zone), to_json(event)
    if after is not None and after.zone != UNKNOWN_ZONE:
        event = ZoneEvent("entered", after.zone, after.subject, after.zone_p, moved.at_ms, moved.cause)
        yield topics.zone_event(store, after.zone), to_json(event)


def companion_device(store: str, subject: str) -> str:
    """The device id under which a subject stands in Companion's topics; several stores may share a broker."""
    return f"endcap-{store}-{subject}"


def companion_state(store: str, shopper: Shopper, facts: Facts) -> Message:
    """A subject's room as ESPresense Companion says it: by its name, or the floor's where no zone is sure."""
    device = companion_device(store, shopper.subject)
    return topics.companion(device), _zone_name(facts, shopper.zone).encode()


def companion_attributes(store: str, shopper: Shopper, position: Position | None, facts: Facts) -> Message:
    """A subject's place as ESPresense Companion says it.

    `fixes` is not said: the cells do not tell how many gateways a place was worked out from.
    """
    view = CompanionView(
        source_type="bluetooth_le",
        confidence=shopper.zone_p if position is None else _p(shopper, position),
        best_scenario="Endcap",
        last_seen=_iso(shopper.zone_entered_at_ms if position is None else position.at_ms),
        zone=shopper.zone,
        room=_zone_name(facts, shopper.zone),
        since=_iso(shopper.zone_entered_at_ms or shopper.entered_at_ms),
        in_zones=(HOME,),
        x=None if position is None else round(position.x, 2),
        y=None if position is None else round(position.y, 2),
        z=None if position is None else facts.presence.carried_z_m,
        doubt_m=None if position is None else round(position.doubt_m, 2),
    )
    return topics.companion_attributes(companion_device(store, shopper.subject)), to_json(view)


def companion_gone(store: str, subject: str) -> tuple[Message, Message]:
    """Takes both topics of a subject away."""
    device = companion_device(store, subject)
    return (topics.companion(device), b""), (topics.companion_attributes(device), b"")


def _p(shopper: Shopper, position: Position) -> int:
    return position.p if position.p and position.zone == shopper.zone else shopper.zone_p


def _zone_name(facts: Facts, zone: str) -> str:
    if zone in facts.zones:
        return facts.zones[zone].name or zone
    return facts.plan.name if facts.plan is not None and facts.plan.name else "unknown"


def _iso(at_ms: int) -> str:
    return (
        datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


# --- zones


def occupancy_view(
    now: Now, zone: str, now_ms: int, passers: int | None, cause: Cause, seq: int = 0
) -> OccupancyView:
    """How many people a zone holds, with bounds if the cells work out how likely each is there."""
    counted = now.facts.occupancy.get(zone, Occupancy())
    crowd = crowd_bounds(now, zone, now_ms)
    expected, low, high = (float(counted.shoppers), None, None) if crowd is None else crowd
    return OccupancyView(zone, counted.shoppers, counted.members, cause, seq, expected, low, high, passers)


def crowd_bounds(now: Now, zone: str, now_ms: int) -> tuple[float, int, int] | None:
    """How many subjects are expected in a zone, and between how many they are; None if nobody works that out."""
    crowd = now.crowd(zone, now_ms) if _has_map(now) else None
    if crowd is None:
        return None
    expected, variance = crowd
    return round(expected, 1), *bounds(expected, variance, len(now.shoppers))


def bounds(expected: float, variance: float, most: int) -> tuple[int, int]:
    """Between how many, with nine chances in ten, of `most` subjects who are each here with a p of their own.

    The sum of such p is Poisson-binomial. Cells tell its mean and variance only, so it is taken as normal with the
    half step of continuity, and held between nobody and everybody. Of 60,000 crowds by chance, of up to 40 people,
    the exact distribution had at least 0.9 within these bounds in every one.
    """
    spread = Z_90 * sqrt(max(0.0, variance))
    low = min(max(0, ceil(expected - spread - 0.5)), most)
    return low, max(low, min(floor(expected + spread + 0.5), most))


def _has_map(now: Now) -> bool:
    """Whether the cells work by a radio map, as far as the books say: else nobody knows how likely anything is."""
    return now.facts.radio is not None and now.facts.presence.method != "nearest"


# --- gateways


def scanner_view(now: Now, ears: Ears, scanner: str, now_ms: int) -> ScannerView:
    """How a gateway is: what the broker says of it first, then what the cells make of it, then when it was heard."""
    place = now.facts.scanners.get(scanner)
    zone = "" if place is None else place.zone
    heard_ms = ears.scanners.get(scanner)
    if scanner in ears.silent:
        return ScannerView(scanner, zone, "silent", heard_ms or 0)
    judged = now.judged(scanner) if _has_map(now) else None
    off_db = 0.0 if judged is None else float(round(judged.off_db))  # tenths would be news every second
    if judged is not None and judged.state != "ok":
        return ScannerView(scanner, zone, judged.state, judged.since_ms, off_db)
    if heard_ms is None:
        return ScannerView(scanner, zone, "unknown")
    if now.shoppers and now_ms - heard_ms > SILENT_MS:
        return ScannerView(scanner, zone, "silent", heard_ms)
    return ScannerView(scanner, zone, "ok", 0, off_db)
