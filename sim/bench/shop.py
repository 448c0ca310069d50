"""The shop that is measured: its files, and the walk that says who is heard where, and when that is news.

Subjects toggle between two zones each. All sightings are equally loud, the hysteresis is 0 and the window longer
than a run, so the zone of the newest scanner wins at once: one sighting concludes. In each zone a campaign for
each of three classes of subject issues an offer and shows a creative of its own at every entry; the walk orders
the subjects so that the next to enter a zone is always of another class, so that every entry really changes the
screen, and every change of zone asks for exactly one wallet and one screen command.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PAIRS = 4
ZONES = 2 * PAIRS
CLASSES = 3
PHASES = 5
"""One sighting in five changes the zone: a fifth of the subjects in each round."""

RSSI_DBM = -60
REFERENCE_DBM = -59
OPENING_MAX = 1_000
CAP = 1_000_000
"""The largest cap that a campaign file may name: campaigns of a shop must have one, and this never stops any."""


def subjects_fitting(wanted: int) -> int:
    """The next smaller number of subjects for which classes alternate in every zone: 20 × (3 n + 1)."""
    rows = max(1, wanted // (PAIRS * PHASES))
    return PAIRS * PHASES * (rows - (rows - 1) % CLASSES)


def zone_name(zone: int) -> str:
    """A zone, and the one scanner that hangs in it."""
    return f"zone-{zone}"


def sign_name(zone: int) -> str:
    """The one screen of a zone."""
    return f"sign-{zone}"


def device_name(subject: int) -> str:
    """The phone that a subject carries."""
    return f"phone-{subject:05d}"


def subject_name(subject: int) -> str:
    """The subject, as messages name it."""
    return f"s{subject:05d}"


def account_name(subject: int) -> str:
    """The member account that gets the subject's offers."""
    return f"A-{subject:05d}"


def pair_of(subject: int) -> int:
    """The two zones that a subject walks between are 2 × pair and 2 × pair + 1."""
    return (subject // PHASES) % PAIRS


def class_of(subject: int) -> int:
    """The segment that a subject is in; the campaigns of a zone tell subjects apart by it."""
    return (subject // (PHASES * PAIRS) + 2 * (subject % PHASES)) % CLASSES


def campaign_name(zone: int, class_: int) -> str:
    """The campaign of one zone for one class; its creative has the same name."""
    return f"zone-{zone}-class-{class_}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a walk: for each sighting its subject, its zone, and whether it changes the subject's zone."""

    subject: NDArray[np.int32]
    zone: NDArray[np.int32]
    change: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.subject)

    def __add__(self, other: Stretch) -> Stretch:
        return Stretch(
            np.concatenate((self.subject, other.subject)),
            np.concatenate((self.zone, other.zone)),
            np.concatenate((self.change, other.change)),
        )


@dataclass(slots=True)
class Walk:
    """Where everybody is. `arrive` brings everybody in, or back; `walk` goes on, round after round."""

    subjects: int
    _moves: NDArray[np.int64] = field(init=False)
    _heard: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        assert self.subjects == subjects_fitting(self.subjects)
        self._moves = np.ones(self.subjects, np.int64)  # so that the first arrival is a change for everybody

    def arrive(self) -> Stretch:
        """Everybody goes to the first of their two zones, and once to the other one and back.

        After it every zone was entered last by the same class, so what is walked next alternates from the start.
        """
        everybody = np.arange(self.subjects, dtype=np.int32)
        change = self._moves % 2 == 1
        self._moves[:] = 0
        self._heard = 0
        home = Stretch(everybody, self._zones(everybody), change)
        return home + self.walk(2 * self.subjects, every=True)

    def walk(self, sightings: int, *, every: bool) -> Stretch:
        """The next sightings. With `every` each one changes a zone, else one in five does."""
        number = np.arange(self._heard, self._heard + sightings, dtype=np.int64)
        self._heard += sightings
        subject = (number % self.subjects).astype(np.int32)
        rounds = number // self.subjects
        change = np.ones(sightings, np.bool_) if every else subject % PHASES == rounds % PHASES
        zone = np.empty(sightings, np.int32)
        at = 0
        while at < sightings:  # a round at most: nobody is in it twice
            end = min(sightings, at + self.subjects - int(number[at] % self.subjects))
            part = slice(at, end)
            np.add.at(self._moves, subject[part][change[part]], 1)
            zone[part] = self._zones(subject[part])
            at = end
        return Stretch(subject, zone, change)

    def _zones(self, subject: NDArray[np.int32]) -> NDArray[np.int32]:
        pair = (subject // PHASES) % PAIRS
        return (2 * pair + self._moves[subject] % 2).astype(np.int32)


def sighting_topic(subject: int, zone: int) -> str:
    """Where an ESPresense node in that zone says that it hears that subject."""
    return f"espresense/devices/{device_name(subject)}/{zone_name(zone)}"


def sighting_payload(subject: int) -> bytes:
    """What it says: the fields of today's firmware, with a steady signal."""
    return json.dumps(
        {
            "mac": f"c0ffee{subject:06x}",
            "id": device_name(subject),
            "rssi@1m": REFERENCE_DBM,
            "rssi": RSSI_DBM,
            "rxAdj": 0,
            "rssiVar": 0.49,
            "distance": 1.12,
            "var": 0.05,
            "int": 512,
        },
        separators=(",", ":"),
    ).encode()


def write_books(folder: Path, subjects: int, *, products: int = 40) -> None:
    """Writes the four files of the shop. JSON is YAML, and is read and written more quickly."""
    folder.mkdir(parents=True, exist_ok=True)
    goods = {
        f"sku-{number:03d}": {
            "name": f"Article {number}",
            "category": f"category-{number % 8}",
            "price": f"{1 + number % 9}.{number % 100:02d}",
        }
        for number in range(products)
    }
    for name, content in (
        ("products", {"products": goods}),
        ("floor", _floor()),
        ("campaigns", _campaigns()),
        ("members", {"accounts": {account_name(one): _member(one, subjects) for one in range(subjects)}}),
    ):
        (folder / f"{name}.yaml").write_text(json.dumps(content, separators=(",", ":")))


def _floor() -> dict[str, object]:
    zones, side = range(ZONES), 6.0
    return {
        "plan": {"name": "Bench", "width": side * ZONES, "height": side},
        "presence": {
            "window_s": 60,
            "hysteresis_db": 0,
            "hold_s": 0,
            "zone_silence_s": 3600,
            "visit_silence_s": 7200,
        },
        "zones": {
            zone_name(zone): {"name": f"Zone {zone}", "box": [side * zone, 0, side, side]} for zone in zones
        },
        "scanners": {
            zone_name(zone): {"zone": zone_name(zone), "x": side * zone + side / 2, "y": side / 2}
            for zone in zones
        },
        "signs": {
            sign_name(zone): {
                "name": f"Screen {zone}",
                "zones": [zone_name(zone)],
                "playlist": ["house"],
                "x": side * zone + 1,
                "y": 1,
            }
            for zone in zones
        },
        "tills": {"till-1": {"name": "Till 1", "x": 1, "y": 5}, "till-2": {"name": "Till 2", "x": 2, "y": 5}},
    }


def _campaigns() -> dict[str, object]:
    places = [(zone, class_) for zone in range(ZONES) for class_ in range(CLASSES)]
    creatives: dict[str, object] = {"house": {"title": "Bench", "template": "card"}}
    for zone, class_ in places:
        creatives[campaign_name(zone, class_)] = {
            "title": f"For class {class_} in zone {zone}",
            "sku": sku_of(zone, class_),
        }
    campaigns: list[dict[str, object]] = [
        {
            "id": campaign_name(zone, class_),
            "name": f"Class {class_} in zone {zone}",
            "trigger": {"zone_entered": zone_name(zone)},
            "conditions": [
                {"fact": "member", "is": True, "say": "Is a member"},
                {"fact": "segments", "has": f"class-{class_}", "say": f"Is of class {class_}"},
            ],
            "gives": [
                {
                    "offer": {
                        "sku": sku_of(zone, class_),
                        "off": "0.50",
                        "title": f"Article of class {class_}",
                    }
                },
                {"creative": campaign_name(zone, class_)},
            ],
            "caps": {"member": CAP},
            "priority": 10,
            "lasts": "12 h",
        }
        for zone, class_ in places
    ]
    campaigns.append(
        {
            "id": "programme",
            "name": "One point for each unit of money",
            "trigger": "sale_closed",
            "gives": [{"points_rate": {"points": 1, "per": "1.00"}}],
            "caps": "none",
        }
    )
    return {"creatives": creatives, "campaigns": campaigns}


def sku_of(zone: int, class_: int) -> str:
    """The article that a campaign is about."""
    return f"sku-{zone * CLASSES + class_:03d}"


def _member(subject: int, subjects: int) -> dict[str, object]:
    # An opening balance is one turn each at the first start; with thousands of members it says nothing new.
    opening = {"points": 100} if subjects <= OPENING_MAX else {}
    return {
        "name": f"Member {subject}",
        "subject": subject_name(subject),
        "consent": ["offers"],
        "segments": [f"class-{class_of(subject)}"],
        **opening,
        "devices": [device_name(subject)],
    }
