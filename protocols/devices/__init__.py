"""Foreign devices: bytes in, readings or one declared error out.

readings                  what a device can tell: Sighting, Located, Weight, RawWeight, ScannerSeen, RegionCrossed
espresense                ESPresense nodes, today's payload and the older ones
openmqttgateway theengs   two gateways on one object, which `bluetooth` reads
raddec owntracks          reelyActive decodings / phones that range fixed beacons
minew aruba cisco_spaces  gateways and access points that pass on raw advertisements, or what Cisco made of them
mqtt_room                 Home Assistant's room trackers
adverts bthome packets    raw advertisements: who they name, what they measure; and a message full of them
pozyx impinj homie        tags that a positioning system places / RFID readers / Homie 5
sparkplug                 Sparkplug B payloads; what they mean needs their births, which `edge.sparkplug` keeps
endcap                    our own form for scales

A format is one file with one entry, `read(topic, payload, at_ms)`; `read` here chooses it by the topic's
first level. Time is arrival: a sender's own stamp becomes an age at most. Whatever the bytes, the answer is
a tuple (empty: understood, and nothing to say) or `protocols.errors.Nonsense`. Nothing here holds state.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols import topics
from protocols.devices import (
    aruba,
    cisco_spaces,
    endcap,
    espresense,
    homie,
    impinj,
    minew,
    mqtt_room,
    openmqttgateway,
    owntracks,
    pozyx,
    raddec,
    sparkplug,
    theengs,
)
from protocols.devices.readings import (
    Located,
    RawWeight,
    Reading,
    RegionCrossed,
    ScannerSeen,
    Sighting,
    Weight,
)
from protocols.errors import Nonsense
from protocols.facts import ShelfPlace

__all__ = [
    "SUBSCRIPTIONS",
    "Located",
    "RawWeight",
    "Reading",
    "RegionCrossed",
    "ScannerSeen",
    "Sighting",
    "Weight",
    "format_of",
    "grams_of",
    "read",
    "subscriptions",
]

Read = Callable[[str, bytes, int], tuple[Reading, ...]]

SUBSCRIPTIONS: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            *espresense.SUBSCRIPTIONS,
            *openmqttgateway.SUBSCRIPTIONS,
            *theengs.SUBSCRIPTIONS,
            *raddec.SUBSCRIPTIONS,
            *owntracks.SUBSCRIPTIONS,
            *minew.SUBSCRIPTIONS,
            *mqtt_room.SUBSCRIPTIONS,
            *aruba.SUBSCRIPTIONS,
            *cisco_spaces.SUBSCRIPTIONS,
            *pozyx.SUBSCRIPTIONS,
            *impinj.SUBSCRIPTIONS,
            *homie.SUBSCRIPTIONS,
            *sparkplug.SUBSCRIPTIONS,
        )
    )
)
"""Topic filters of every foreign format."""


def _unread(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    raise Nonsense("no format reads this topic")


_BY_FIRST_LEVEL: dict[str, tuple[str, Read]] = {
    "espresense": ("espresense", espresense.read),
    "home": ("openmqttgateway", openmqttgateway.read),
    "theengs": ("theengs", theengs.read),
    "raddec": ("raddec", raddec.read),
    "paretoanywhere": ("raddec", raddec.read),
    "owntracks": ("owntracks", owntracks.read),
    "endcap": ("endcap", endcap.read),
    "gw": ("minew", minew.read),
    "room_presence": ("mqtt_room", mqtt_room.read),
    "aruba": ("aruba", aruba.read),
    "cisco-spaces": ("cisco_spaces", cisco_spaces.read),
    "tags": ("pozyx", pozyx.read),
    "pozyx": ("pozyx", pozyx.read),
    "impinj": ("impinj", impinj.read),
    "homie": ("homie", homie.read),
    "spBv1.0": ("sparkplug", _unread),
}
_THEENGS_HOME = "home/TheengsGateway/"


def subscriptions(store: str) -> tuple[str, ...]:
    """Every topic filter that an engine listens to for readings: the foreign ones and its own shelves'."""
    return (*SUBSCRIPTIONS, topics.shelf_weight(store, "+"))


def format_of(topic: str) -> str:
    """The name of the format that reads this topic, for counting; empty if none does."""
    return _chosen(topic)[0]


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """The readings in one message that arrived at `at_ms`, or Nonsense with what was wrong."""
    return _chosen(topic)[1](topic, payload, at_ms)


def grams_of(raw: RawWeight, place: ShelfPlace) -> int:
    """What a load cell's counts weigh by its shelf's calibration, or by what it says itself; Nonsense without."""
    counts_per_kg = place.counts_per_kg or raw.counts_per_kg
    if counts_per_kg == 0:
        raise Nonsense(f"the load cell at '{raw.scanner}' has no counts_per_kg in floor.yaml")
    return round((raw.counts - place.zero_counts) * 1000 / counts_per_kg)


def _chosen(topic: str) -> tuple[str, Read]:
    if topic.startswith(_THEENGS_HOME):
        return _BY_FIRST_LEVEL["theengs"]
    # Minew's topics begin with a slash, so their first level is empty.
    return _BY_FIRST_LEVEL.get(topic.removeprefix("/").partition("/")[0], ("", _unread))
