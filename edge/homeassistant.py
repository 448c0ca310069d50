"""What Home Assistant makes of the store: device-based MQTT discovery, one message a device. Pure.

    store    its engine                         zone   how many people, and whether anybody
    person   where, as a tracker and a name     scanner   whether it is heard, and whether it hears as it should

A device's topic is `<prefix>/device/<node>/<thing>/config`, with one node a store, so that everything of ours is
found under one filter; an empty retained message takes the device away. Home Assistant's older `mqtt_room` sensor
is not served: it wants distances by gateway where we have a conclusion, cannot be discovered, and reads topics
that this store listens to itself. A device's `sensor` of its zone says the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from actors.facts import Facts
from actors.shopper import Shopper
from edge import published
from edge.published import Message
from protocols import topics
from protocols.codec import to_json

STATUS = "homeassistant/status"
"""Where Home Assistant says that it is there, whatever its discovery prefix."""

ONLINE = b"online"

MAKER = "Endcap"

_PLAIN = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def subscriptions(prefix: str, store: str) -> tuple[str, ...]:
    """What the store must hear: Home Assistant's birth, and which of our devices the broker holds."""
    statuses = dict.fromkeys((STATUS, f"{prefix}/status"))
    return (*statuses, topics.discovery(prefix, node(store), "+"))


def is_birth(prefix: str, topic: str, payload: bytes) -> bool:
    """Whether this message says that a Home Assistant has just come."""
    return topic in (STATUS, f"{prefix}/status") and payload == ONLINE


def is_ours(prefix: str, store: str, topic: str) -> bool:
    """Whether this topic is a device of this store, one that stands or one that once stood."""
    before, plus, after = topics.discovery(prefix, node(store), "+").partition("+")
    assert plus
    return topic.startswith(before) and topic.endswith(after)


def node(store: str) -> str:
    """The store's part of its discovery topics."""
    return f"endcap-{slug(store)}"


def slug(ident: str) -> str:
    """An id as discovery topics allow it: letters, digits, `_`, `-`. A hash tells apart what lost characters."""
    if _PLAIN.match(ident):
        return ident
    told_apart = hashlib.blake2b(ident.encode(), digest_size=4).hexdigest()
    return f"{re.sub('[^a-zA-Z0-9_-]', '_', ident)[:48]}-{told_apart}"


# --- devices


def floor(prefix: str, store: str, facts: Facts) -> Iterator[Message]:
    """Everything that seldom changes: the store, its zones, its gateways."""
    yield _store(prefix, store, facts)
    for zone, place in facts.zones.items():
        yield _zone(prefix, store, zone, place.name or zone)
    for scanner in facts.scanners:
        yield _scanner(prefix, store, scanner)


def person(prefix: str, store: str, shopper: Shopper) -> Message:
    """Somebody inside: by name if the member allows that, else by the subject, which is a pseudonym.

    The tracker has the zone's name as its state, and `in_zones` among its attributes: releases from 2026.7 read
    that, and from 2027.7 nothing else.
    """
    named = bool(shopper.name) and published.NAMED in shopper.consent
    device = published.companion_device(store, shopper.subject)
    state, attributes = topics.companion(device), topics.companion_attributes(device)
    tracker = {
        "platform": "device_tracker",
        "name": None,  # the device's own
        "state_topic": state,
        "json_attributes_topic": attributes,
        "source_type": "bluetooth_le",
    }
    zone = {"platform": "sensor", "name": "Zone", "icon": "mdi:map-marker", "state_topic": state}
    return _device(
        prefix,
        store,
        person_thing(shopper.subject),
        shopper.name if named else shopper.subject,
        "Shopper" if shopper.account else "Tag",
        {"tracker": tracker, "zone": zone},
    )


def person_thing(subject: str) -> str:
    """The thing of a subject, in its discovery topic."""
    return f"person-{slug(subject)}"


def person_topic(prefix: str, store: str, subject: str) -> str:
    """The discovery topic of a subject."""
    return topics.discovery(prefix, node(store), person_thing(subject))


def _store(prefix: str, store: str, facts: Facts) -> Message:
    name = facts.plan.name if facts.plan is not None and facts.plan.name else store
    engine = {
        "platform": "binary_sensor",
        "name": "Engine",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topics.engine_state(store),
        "payload_on": "online",
        "payload_off": "offline",
    }
    return _device(prefix, store, "store", name, "Store", {"engine": engine})


def _zone(prefix: str, store: str, zone: str, name: str) -> Message:
    topic = topics.occupancy(store, zone)
    people = {
        "platform": "sensor",
        "name": "Shoppers",
        "icon": "mdi:account-group",
        "unit_of_measurement": "people",
        "state_class": "measurement",
        "state_topic": topic,
        "value_template": "{{ value_json.shoppers }}",
        "json_attributes_topic": topic,
        "json_attributes_template": _attributes("members", "expected", "low", "high", "passers"),
    }
    occupied = {
        "platform": "binary_sensor",
        "name": "Occupancy",
        "device_class": "occupancy",
        "state_topic": topic,
        "value_template": "{{ 'ON' if value_json.shoppers > 0 else 'OFF' }}",
    }
    return _device(
        prefix, store, f"zone-{slug(zone)}", name, "Zone", {"shoppers": people, "occupied": occupied}
    )


def _scanner(prefix: str, store: str, scanner: str) -> Message:
    topic = topics.scanner(store, scanner)
    heard = {
        "platform": "binary_sensor",
        "name": "Connectivity",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topic,
        # `None` is Home Assistant's own word for a state that nobody knows.
        "value_template": "{{ {'silent': 'OFF', 'unknown': 'None'}.get(value_json.state, 'ON') }}",
    }
    trouble = {
        "platform": "binary_sensor",
        "name": "Problem",
        "device_class": "problem",
        "entity_category": "diagnostic",
        "state_topic": topic,
        "value_template": "{{ {'ok': 'OFF', 'unknown': 'None'}.get(value_json.state, 'ON') }}",
        "json_attributes_topic": topic,
        # An attribute called `state` would be dropped there.
        "json_attributes_template": _attributes("zone", "off_db", condition="state"),
    }
    return _device(
        prefix,
        store,
        f"scanner-{slug(scanner)}",
        f"Gateway {scanner}",
        "Gateway",
        {"heard": heard, "trouble": trouble},
    )


def _attributes(*names: str, **renamed: str) -> str:
    """A template that takes these values out of a message, some under another name."""
    taken = {**{name: name for name in names}, **renamed}
    pairs = ", ".join(f"'{name}': value_json.{value}" for name, value in taken.items())
    return f"{{{{ {{{pairs}}} | tojson }}}}"


def _device(
    prefix: str, store: str, thing: str, name: str, model: str, components: dict[str, dict[str, Any]]
) -> Message:
    of_store = node(store)
    ident = of_store if thing == "store" else f"{of_store}-{thing}"
    device: dict[str, Any] = {"identifiers": [ident], "name": name, "manufacturer": MAKER, "model": model}
    if thing != "store":
        device["via_device"] = of_store
    config: dict[str, Any] = {
        "device": device,
        "origin": {"name": MAKER, "sw_version": _version()},
        "components": {
            component: {"unique_id": f"{of_store}-{thing}-{component}", **settings}
            for component, settings in components.items()
        },
    }
    if thing != "store":  # whether the engine is there is what the store's own device says
        config["availability_topic"] = topics.engine_state(store)
    return topics.discovery(prefix, of_store, thing), to_json(config)


@cache
def _version() -> str:
    try:
        return version("endcap")
    except PackageNotFoundError:
        return "0"
