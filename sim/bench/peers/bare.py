"""The job in a bare asyncio loop: one process, everything in dictionaries, nothing kept. The floor of latency.

python -m sim.bench.peers.bare PORT BOOKS.json
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from math import exp
from pathlib import Path

import msgspec
import uvloop

from edge.links import Incoming, MqttOptions
from edge.links.mqtt import Mqtt5Link
from protocols import topics
from protocols.api import OfferView, ScreenCommand, ScreenFields, Wallet
from protocols.codec import to_json
from protocols.decisions import Grant
from protocols.ids import Sku
from protocols.inputs import Cause

SHOWN_MS = 30_000
LASTS_MS = 12 * 3_600_000


class Person(msgspec.Struct):
    """Who carries a device."""

    subject: str
    account: str
    name: str
    member: bool
    segments: list[str]


class Rule(msgspec.Struct):
    """One campaign of a zone: its conditions, and what it gives."""

    id: str
    name: str
    member: bool
    segment: str
    sku: str
    discount_minor: int
    title: str
    creative: str
    creative_title: str


class Books(msgspec.Struct):
    """All that a peer knows: see `sim.bench.peers.books`."""

    store: str
    reference_dbm: float
    window_ms: float
    hysteresis_db: float
    people: dict[str, Person]
    scanners: dict[str, str]
    signs: dict[str, list[str]]
    campaigns: dict[str, list[Rule]]
    prices: dict[str, int]


class Heard(msgspec.Struct):
    """What a node says of a device."""

    rssi: float
    ref: float = msgspec.field(name="rssi@1m", default=-59.0)


class Level:
    """What one scanner hears of one subject."""

    __slots__ = ("at_ms", "dbm", "weight", "zone")

    def __init__(self, zone: str, dbm: float, at_ms: float) -> None:
        self.zone, self.dbm, self.at_ms, self.weight = zone, dbm, at_ms, 1.0


class Loop:
    """All state, and the one callback."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.link: Mqtt5Link | None = None
        self.levels: dict[str, dict[str, Level]] = defaultdict(dict)
        self.zones: dict[str, str] = {}
        self.offers: dict[str, dict[str, OfferView]] = defaultdict(dict)
        self.issued: dict[tuple[str, str], int] = defaultdict(int)
        self.shown: dict[str, str] = {}
        self.versions: dict[str, int] = defaultdict(int)
        self._heard = msgspec.json.Decoder(Heard).decode

    def arrived(self, message: Incoming) -> None:
        """One sighting, from the wire to the wire."""
        now_us = time.time_ns() // 1_000
        _, _, device, scanner = message.topic.split("/")
        person = self.books.people.get(device)
        zone = self.books.scanners.get(scanner)
        if person is None or zone is None:
            return
        heard = self._heard(message.payload)
        dbm = heard.rssi + self.books.reference_dbm - heard.ref
        if self._nearest(person.subject, scanner, zone, dbm, now_us / 1_000):
            self._entered(
                person, zone, Cause(now_us, scanner=scanner, subject=person.subject), now_us // 1_000
            )

    def _nearest(self, subject: str, scanner: str, zone: str, dbm: float, at_ms: float) -> bool:
        levels = self.levels[subject]
        level = levels.get(scanner)
        if level is None:
            level = levels[scanner] = Level(zone, dbm, at_ms)
        else:
            level.weight = level.weight * exp((level.at_ms - at_ms) / self.books.window_ms) + 1.0
            level.dbm += (dbm - level.dbm) / level.weight
            level.at_ms = at_ms
        current = self.zones.get(subject)
        if zone == current:
            return False
        own = best = -1e9
        best_zone = zone
        for one in levels.values():
            if at_ms - one.at_ms > self.books.window_ms:
                continue
            if one.zone == current:
                own = max(own, one.dbm)
            elif one.dbm > best:
                best, best_zone = one.dbm, one.zone
        if best - own < self.books.hysteresis_db:
            return False
        self.zones[subject] = best_zone
        return best_zone == zone

    def _entered(self, person: Person, zone: str, cause: Cause, at_ms: int) -> None:
        for rule in self.books.campaigns[zone]:
            if rule.member is person.member and rule.segment in person.segments:
                self._issue(person, rule, zone, cause, at_ms)
                for sign in self.books.signs[zone]:
                    self._show(sign, rule, cause, at_ms)
                return

    def _issue(self, person: Person, rule: Rule, zone: str, cause: Cause, at_ms: int) -> None:
        number = self.issued[person.account, rule.id] = self.issued[person.account, rule.id] + 1
        grant = Grant("offer", rule.title, "", rule.sku, rule.discount_minor)
        offers = self.offers[person.account]
        offers[rule.id] = OfferView(
            f"{person.subject}.{rule.id}.{number}",
            rule.id,
            "issued",
            (grant,),
            zone,
            at_ms,
            at_ms + LASTS_MS,
            rule.name,
        )
        version = self.versions[person.account] = self.versions[person.account] + 1
        wallet = Wallet(
            person.account,
            person.name,
            True,
            "base",
            version,
            100,
            at_ms,
            tuple(offers.values()),
            cause,
            version,
        )
        self._publish(topics.phone(self.books.store, person.account), to_json(wallet))

    def _show(self, sign: str, rule: Rule, cause: Cause, at_ms: int) -> None:
        if self.shown.get(sign) == rule.creative:
            return
        self.shown[sign] = rule.creative
        version = self.versions[sign] = self.versions[sign] + 1
        fields = ScreenFields("product", rule.creative_title, price_minor=self.books.prices[Sku(rule.sku)])
        command = ScreenCommand(
            sign, version, rule.creative, rule.id, at_ms + SHOWN_MS, fields, cause, version
        )
        self._publish(topics.screen(self.books.store, sign), to_json(command))

    def _publish(self, topic: str, payload: bytes) -> None:
        assert self.link is not None
        self.link.publish(topic, payload, retain=True)


async def run(port: int, books: Books) -> None:
    """Serves until it is ended."""
    loop = Loop(books)
    options = MqttOptions("127.0.0.1", port, "bench-bare", (("espresense/devices/+/+", 0),))
    loop.link = Mqtt5Link(options, loop.arrived, lambda state: print(f"link {state}", flush=True))
    await loop.link.run()


def main(port: str, books: str) -> None:
    """Reads the books and runs."""
    read = msgspec.json.decode(Path(books).read_bytes(), type=Books)
    uvloop.run(run(int(port), read))


if __name__ == "__main__":
    main(*sys.argv[1:3])
