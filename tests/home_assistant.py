"""What Home Assistant's documentation demands of a device's MQTT discovery, checked on messages as they were sent.

From the pages "MQTT", "MQTT sensor", "MQTT binary sensor" and "MQTT device tracker" of its documentation: only what
concerns the three platforms that the store uses. Unknown keys are allowed there and refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

TOPIC = re.compile(r"(?P<prefix>.+)/device/(?P<node>[a-zA-Z0-9_-]+)/(?P<thing>[a-zA-Z0-9_-]+)/config")

ROOT = {"device", "origin", "components", "availability_topic"}
DEVICE = {"identifiers", "name", "manufacturer", "model", "via_device"}
ORIGIN = {"name", "sw_version"}
ANY = {"platform", "unique_id", "name", "icon", "entity_category", "state_topic", "value_template",
       "json_attributes_topic", "json_attributes_template", "device_class"}  # fmt: skip
PLATFORMS: dict[str, set[str]] = {
    "sensor": ANY | {"unit_of_measurement", "state_class"},
    "binary_sensor": ANY | {"payload_on", "payload_off"},
    "device_tracker": (ANY - {"device_class"}) | {"source_type"},
}
BINARY_CLASSES = {"connectivity", "occupancy", "problem"}
DROPPED = {
    "available",
    "device_class",
    "entity_id",
    "friendly_name",
    "icon",
    "state",
    "unique_id",
    "unit_of_measurement",
}
"""Names of attributes that Home Assistant keeps for itself: a message's own are dropped."""

SOURCES = {"gps", "router", "bluetooth", "bluetooth_le"}


def devices(messages: Mapping[str, bytes]) -> dict[str, Any]:
    """The discovery messages among these, decoded, by topic."""
    return {topic: json.loads(body) for topic, body in messages.items() if TOPIC.fullmatch(topic)}


def problems(messages: Mapping[str, bytes]) -> list[str]:
    """Everything that is wrong with the discovery among retained messages, given all of them."""
    found: list[str] = []
    seen: dict[str, str] = {}
    config = devices(messages)
    identifiers = {one for body in config.values() for one in body.get("device", {}).get("identifiers", ())}
    for topic, body in config.items():
        found += [f"{topic}: {problem}" for problem in _device(body, identifiers)]
        for name, component in body.get("components", {}).items():
            said = [f"{topic} {name}: {problem}" for problem in _component(component, messages)]
            unique = component.get("unique_id", "")
            if unique in seen:
                said.append(f"{topic} {name}: unique_id {unique} is that of {seen[unique]} too")
            seen[unique] = topic
            found += said
        available = body.get("availability_topic")
        if available is not None and messages.get(available) not in (b"online", b"offline"):
            found.append(f"{topic}: nothing says online or offline on {available}")
    return found


def _device(body: dict[str, Any], identifiers: set[str]) -> Iterable[str]:
    device, origin = body.get("device", {}), body.get("origin", {})
    yield from _unknown(body, ROOT)
    yield from _unknown(device, DEVICE)
    yield from _unknown(origin, ORIGIN)
    if not device.get("identifiers") or not all(isinstance(one, str) for one in device["identifiers"]):
        yield "a device has at least one identifier"
    if not device.get("name"):
        yield "a device without a name"
    if not origin.get("name"):
        yield "an origin has a name"
    if not body.get("components"):
        yield "a device without components"
    if "via_device" in device and device["via_device"] not in identifiers:
        yield f"via_device {device['via_device']} is no device"


def _component(component: dict[str, Any], messages: Mapping[str, bytes]) -> Iterable[str]:
    platform = component.get("platform", "")
    if platform not in PLATFORMS:
        yield f"platform '{platform}' is none that is used here"
        return
    yield from _unknown(component, PLATFORMS[platform])
    if not component.get("unique_id"):
        yield "an entity needs a unique_id"
    needs_state = platform != "device_tracker" or "json_attributes_topic" not in component
    if needs_state and not component.get("state_topic"):
        yield "no state_topic"
    if platform == "binary_sensor" and component.get("device_class") not in BINARY_CLASSES:
        yield f"device_class {component.get('device_class')}"
    if platform == "device_tracker" and component.get("source_type") not in SOURCES:
        yield f"source_type {component.get('source_type')}"
    if component.get("entity_category", "diagnostic") not in ("config", "diagnostic"):
        yield "entity_category is config or diagnostic"
    if not component.get("icon", "mdi:").startswith("mdi:"):
        yield "an icon is mdi:name"
    for kind in ("state", "json_attributes"):
        topic = component.get(f"{kind}_topic")
        if topic is None:
            continue
        if topic not in messages:
            yield f"{kind}_topic {topic} holds nothing"
            continue
        template = component.get("value_template" if kind == "state" else "json_attributes_template", "")
        if template.count("{{") != template.count("}}"):
            yield f"template {template} is not closed"
        for value in re.findall(r"value_json\.(\w+)", template):
            if value not in json.loads(messages[topic]):
                yield f"template reads {value}, which {topic} does not hold"
        if kind == "json_attributes":
            attributes = (
                set(re.findall(r"'(\w+)':", template)) if template else set(json.loads(messages[topic]))
            )
            for name in sorted(attributes & DROPPED):
                yield f"an attribute {name} of {topic} would be dropped"


def _unknown(given: dict[str, Any], allowed: set[str]) -> Iterable[str]:
    for name in sorted(set(given) - allowed):
        yield f"unknown key {name}"
