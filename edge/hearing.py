"""From the wire to the inbox: decodes what a broker delivers, and knows whom a device belongs to.

A device that nobody enrolled is a number in its zone (`edge.passers`): no shopper, no turn, no dot.
What makes no sense is refused, counted by format and reason, and changes nothing. Soft state only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from actors.facts import Facts
from edge.engine import Engine
from edge.inbox import Item
from edge.links import Incoming
from edge.passers import Passers
from edge.ports import Clock
from edge.roster import Roster
from edge.sparkplug import SparkplugHost
from protocols import devices
from protocols.cells import Heard, Weighed
from protocols.devices import Located, RawWeight, Reading, RegionCrossed, ScannerSeen, Sighting, Weight
from protocols.devices.readings import is_address
from protocols.errors import Nonsense, NotNow, TooLarge
from protocols.ids import ZoneId, key
from protocols.inputs import Cause, Given, ZoneEntered, ZoneLeft

REFERENCE_DBM = -59.0
"""Strength at one metre that readings are brought to where the gateway says its own (Apple's iBeacon default)."""

SCANNERS_MAX = 2_000
"""Gateways remembered by name. A topic may name any; above it only those of the floor are."""

SPARKPLUG = "spBv1.0/"

GOODS = ("epc:", "tid:")
"""RFID tags hang on goods. One that nobody enrolled is no passer."""


class Hearing:
    """Everything that arrives over MQTT from devices. Never raises: a stranger's bytes are never fatal."""

    def __init__(
        self,
        engine: Engine,
        roster: Roster,
        clock: Clock,
        facts: Callable[[], Facts],
        publish: Callable[[str, bytes], object] = lambda topic, payload: None,
    ) -> None:
        self._engine, self._roster, self._clock, self._facts = engine, roster, clock, facts
        self._sparkplug, self._publish = SparkplugHost(), publish
        self._passers = Passers(clock)
        self.sightings = 0
        self.gateway_age_ms: float | None = None
        self.refused: Counter[tuple[str, str]] = Counter()
        self.scanners: dict[str, int] = {}
        self.silent: set[str] = set()
        self.survey: Callable[[Sighting, float], None] | None = None

    def arrived(self, message: Incoming) -> None:
        """Called by the link. A retained reading is an old one: only a gateway's status is taken from it."""
        self.take(message.topic, message.payload, retained=message.retain)

    def take(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """One message of a device or gateway."""
        arrived_us = self._clock.now_us()
        try:
            if topic.startswith(SPARKPLUG):
                readings = () if retained else self._of_edge_node(topic, payload, arrived_us // 1000)
            else:
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
        return self._passers.count()

    def passers_by_zone(self) -> dict[ZoneId, int]:
        """The same by the zone of the scanner that hears each best. Zones without any are left out."""
        scanners = self._facts().scanners
        zones: Counter[ZoneId] = Counter()
        for scanner, count in self._passers.by_scanner().items():
            if scanner in scanners:
                zones[scanners[scanner].zone] += count
        return dict(zones)

    def _reading(self, reading: Reading, arrived_us: int) -> None:
        match reading:
            case Sighting():
                self._sighted(reading, arrived_us)
            case Located():
                self._located(reading, arrived_us)
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

    def _of_edge_node(self, topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
        """What a Sparkplug node says. One whose birth was missed is asked for it, and counted."""
        readings, commands = self._sparkplug.take(topic, payload, at_ms)
        for command in commands:
            self.refused["sparkplug", "birth_missed"] += 1
            self._publish(*command)
        return readings

    def _sighted(self, sighting: Sighting, arrived_us: int) -> None:
        self.sightings += 1
        self._gateway(sighting.scanner, sighting.at_ms, online=True)
        if sighting.age_ms:
            before = sighting.age_ms if self.gateway_age_ms is None else self.gateway_age_ms
            self.gateway_age_ms = before + 0.01 * (sighting.age_ms - before)
        rssi_dbm = sighting.rssi_dbm
        if sighting.ref_dbm is not None:
            rssi_dbm += REFERENCE_DBM - sighting.ref_dbm
        if self.survey is not None:
            self.survey(sighting, rssi_dbm)
        carrier = self._roster.heard(sighting.device, sighting.also, sighting.at_ms)
        if carrier is None:
            self._pass(sighting, sighting.scanner, rssi_dbm)
            return
        shopper = key("shopper", carrier.subject)
        self._engine.hear(Heard(shopper, sighting.scanner, rssi_dbm, sighting.at_ms, arrived_us))

    def _located(self, located: Located, arrived_us: int) -> None:
        self.sightings += 1
        self._gateway(located.source, located.at_ms, online=True)
        carrier = self._roster.heard(located.device, located.also, located.at_ms)
        if carrier is None:
            self._pass(located, located.source, 0.0)
            return
        shopper = key("shopper", carrier.subject)
        placed = (located.x, located.y, located.error_m)
        self._engine.hear(Heard(shopper, located.source, 0.0, located.at_ms, arrived_us, placed))

    def _gateway(self, scanner: str, at_ms: int, *, online: bool) -> None:
        """A gateway was heard of. Names come from strangers' topics, so their number has a limit."""
        is_new = scanner not in self.scanners and scanner not in self._facts().scanners
        if is_new and len(self.scanners) >= SCANNERS_MAX:
            return
        self.scanners[scanner] = at_ms
        (self.silent.discard if online else self.silent.add)(scanner)

    def _pass(self, reading: Sighting | Located, scanner: str, dbm: float) -> None:
        """A stranger. Its address counts, if it has one: gateways make different names of the same device."""
        if reading.device.startswith(GOODS):
            return
        device = next((one for one in (reading.device, *reading.also) if is_address(one)), reading.device)
        self._passers.heard(device, scanner, dbm, reading.at_ms)

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
