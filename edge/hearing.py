"""From the wire to the inbox: decodes what a broker delivers, and knows whom a device belongs to.

A device that nobody enrolled is a number in its zone under a salt of the day: no shopper, no turn, no dot.
What makes no sense is refused, counted by format and reason, and changes nothing. Soft state only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable

from actors.facts import Facts
from edge.engine import Engine
from edge.inbox import Item
from edge.links import Incoming
from edge.ports import Clock
from edge.roster import Roster
from protocols import devices
from protocols.cells import Heard, Weighed
from protocols.devices import RawWeight, Reading, RegionCrossed, ScannerSeen, Sighting, Weight
from protocols.errors import Nonsense, NotNow, TooLarge
from protocols.ids import ZoneId, key
from protocols.inputs import Cause, Given, ZoneEntered, ZoneLeft

REFERENCE_DBM = -59.0
"""Strength at one metre that readings are brought to where the gateway says its own (Apple's iBeacon default)."""

PASSERS_MAX = 50_000
"""Unknown devices counted at once. Above it new ones are not counted until others have gone quiet."""

PASSER_QUIET_MS = 60_000
"""An unknown device not heard for so long is not counted any more."""

SCANNERS_MAX = 2_000
"""Gateways remembered by name. A topic may name any; above it only those of the floor are."""


class Hearing:
    """Everything that arrives over MQTT from devices. Never raises: a stranger's bytes are never fatal."""

    def __init__(
        self,
        engine: Engine,
        roster: Roster,
        clock: Clock,
        facts: Callable[[], Facts],
        salt: bytes,
    ) -> None:
        self._engine, self._roster, self._clock, self._facts = engine, roster, clock, facts
        self._salt = salt
        self._passers: dict[bytes, tuple[str, int]] = {}
        self.sightings = 0
        self.gateway_age_ms: float | None = None
        self.refused: Counter[tuple[str, str]] = Counter()
        self.scanners: dict[str, int] = {}
        self.silent: set[str] = set()

    def arrived(self, message: Incoming) -> None:
        """Called by the link. A retained reading is an old one: only a gateway's status is taken from it."""
        self.take(message.topic, message.payload, retained=message.retain)

    def take(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """One message of a device or gateway."""
        arrived_us = self._clock.now_us()
        try:
            readings = devices.read(topic, payload, arrived_us // 1000)
        except Nonsense as error:
            reason = "too_large" if isinstance(error, TooLarge) else "nonsense"
            self.refused[devices.format_of(topic) or "unknown", reason] += 1
            return
        for reading in readings:
            if not retained or isinstance(reading, ScannerSeen):
                self._reading(reading, arrived_us)

    def passers(self) -> int:
        """Unknown devices heard of lately: a number, and nothing else is known of them."""
        now_ms = self._clock.now_ms()
        quiet = [who for who, (_, at_ms) in self._passers.items() if now_ms - at_ms > PASSER_QUIET_MS]
        for who in quiet:
            del self._passers[who]
        return len(self._passers)

    def _reading(self, reading: Reading, arrived_us: int) -> None:
        match reading:
            case Sighting():
                self._sighted(reading, arrived_us)
            case Weight() if reading.shelf not in self._facts().shelves:
                self.refused["endcap", "no_such_shelf"] += 1
            case Weight():
                self._engine.weigh(
                    Weighed(key("shelf", reading.shelf), reading.grams, reading.at_ms, arrived_us)
                )
            case RawWeight():
                self._raw_weight(reading, arrived_us)
            case ScannerSeen():
                self._gateway(reading.scanner, reading.at_ms, online=reading.online)
            case RegionCrossed():
                self._crossed(reading, arrived_us)

    def _sighted(self, sighting: Sighting, arrived_us: int) -> None:
        self.sightings += 1
        self._gateway(sighting.scanner, sighting.at_ms, online=True)
        if sighting.age_ms:
            before = sighting.age_ms if self.gateway_age_ms is None else self.gateway_age_ms
            self.gateway_age_ms = before + 0.01 * (sighting.age_ms - before)
        carrier = self._roster.carrier(sighting.device)
        for other in sighting.also if carrier is None else ():
            carrier = carrier or self._roster.carrier(other)
        if carrier is None:
            self._pass(sighting)
            return
        rssi_dbm = sighting.rssi_dbm
        if sighting.ref_dbm is not None:
            rssi_dbm += REFERENCE_DBM - sighting.ref_dbm
        shopper = key("shopper", carrier.subject)
        self._engine.hear(Heard(shopper, sighting.scanner, rssi_dbm, sighting.at_ms, arrived_us))

    def _gateway(self, scanner: str, at_ms: int, *, online: bool) -> None:
        """A gateway was heard of. Names come from strangers' topics, so their number has a limit."""
        is_new = scanner not in self.scanners and scanner not in self._facts().scanners
        if is_new and len(self.scanners) >= SCANNERS_MAX:
            return
        self.scanners[scanner] = at_ms
        (self.silent.discard if online else self.silent.add)(scanner)

    def _pass(self, sighting: Sighting) -> None:
        day = self._clock.local(sighting.at_ms).day.encode()
        who = hmac.new(self._salt + day, sighting.device.encode(), hashlib.sha256).digest()[:8]
        if who in self._passers or len(self._passers) < PASSERS_MAX:
            self._passers[who] = (sighting.scanner, sighting.at_ms)

    def _raw_weight(self, reading: RawWeight, arrived_us: int) -> None:
        scales = (
            (shelf, place) for shelf, place in self._facts().shelves.items() if place.scale == reading.scanner
        )
        shelf, place = next(scales, ("", None))
        if place is None:
            self.refused["espresense", "no_such_scale"] += 1
            return
        try:
            grams = devices.grams_of(reading, place)
        except Nonsense:
            self.refused["espresense", "not_calibrated"] += 1
            return
        self._engine.weigh(Weighed(key("shelf", shelf), grams, reading.at_ms, arrived_us))

    def _crossed(self, crossed: RegionCrossed, arrived_us: int) -> None:
        carrier = self._roster.carrier(crossed.device)
        if carrier is None:
            return
        zone = self._zone_named(crossed.region)
        if zone is None:  # a phone has regions of its own, such as its home: they are no business of ours
            self.refused["owntracks", "no_such_zone"] += 1
            return
        given = ZoneEntered(zone, 100) if crossed.entered else ZoneLeft(zone)
        shopper = key("shopper", carrier.subject)
        cause = Cause(arrived_us, scanner=f"region {zone}", subject=carrier.subject)
        ident = f"region/{shopper}@{arrived_us}"
        local = self._clock.local(crossed.at_ms)
        try:
            self._engine.submit(Item(Given(shopper, ident, given, cause, crossed.at_ms, local)))
        except NotNow:
            self.refused["owntracks", "not_now"] += 1

    def _zone_named(self, region: str) -> ZoneId | None:
        """The zone that a phone's region means, by its id or its name."""
        zones = self._facts().zones
        if region in zones:
            return ZoneId(region)
        return next((ZoneId(zone) for zone, place in zones.items() if place.name == region), None)
