"""The JSON Schema (2020-12) of a campaign file, made from the same tables that the loader reads by.

An editor that knows it completes facts and triggers while a marketer types. The loader stays the judge: it
also looks at the store's other books.
"""

from __future__ import annotations

from typing import Any

from actors.campaigns.asked import ALL_RELATIONS, CONDITIONS_MAX, SPELLINGS
from actors.campaigns.campaign import CAP_MAX, FIELDS, PRIORITY_MAX, PURPOSES, TRIGGER_FIELDS
from actors.campaigns.checking import RELATIONS
from actors.campaigns.conditions import FACTS, TIERS, WEEKDAYS, FactKind, Form, facts_of
from actors.campaigns.reading import TEXT_LENGTH_MAX
from actors.campaigns.rewards import GRANTS_MAX, POINTS_MAX
from protocols.decisions import Trigger

Schema = dict[str, Any]

CLOCK = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DURATION = r"^[0-9]{1,9} ?(s|sec|min|m|h|d)?$"
IDENT = r"^[^\u0000-\u001f\u007f/+#\s]+$"


def campaign_schema() -> Schema:
    """The schema as a plain value, ready for JSON."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Endcap campaigns",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "creatives": {
                "type": "object",
                "propertyNames": _ident(),
                "additionalProperties": {"$ref": "#/$defs/creative"},
            },
            "campaigns": {"type": "array", "items": {"$ref": "#/$defs/campaign"}},
        },
        "$defs": {
            "creative": _creative(),
            "campaign": _campaign(),
            "reward": _reward(),
            **{f"conditions_{trigger}": _conditions(trigger) for trigger in TRIGGER_FIELDS},
        },
    }


def _campaign() -> Schema:
    properties: Schema = {
        "id": _ident(),
        "name": _text(),
        "trigger": {"oneOf": [_trigger(trigger) for trigger in TRIGGER_FIELDS]},
        "when": _when(),
        "conditions": {"type": "array", "maxItems": CONDITIONS_MAX},
        "gives": {
            "type": "array",
            "minItems": 1,
            "maxItems": GRANTS_MAX,
            "items": {"$ref": "#/$defs/reward"},
        },
        "caps": _caps(),
        "group": _ident(),
        "priority": _whole(-PRIORITY_MAX, PRIORITY_MAX),
        "lasts": _duration(),
        "consent": {"enum": list(PURPOSES)},
        "version": _whole(1, 10**9),
    }
    assert tuple(properties) == FIELDS
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "name", "trigger", "gives"],
        "properties": properties,
        "allOf": [
            {
                "if": {"properties": {"trigger": _trigger(trigger)}},
                "then": {"properties": {"conditions": {"$ref": f"#/$defs/conditions_{trigger}"}}},
            }
            for trigger in TRIGGER_FIELDS
        ],
    }


def _trigger(trigger: Trigger) -> Schema:
    fields: Schema = {name: _names() for name in TRIGGER_FIELDS[trigger]}
    forms: list[Schema] = []
    if trigger == "dwelled":
        fields["for"] = _duration()
    else:
        forms.append({"const": trigger})
    inside: Schema = {"type": "object", "additionalProperties": False, "properties": fields}
    if trigger == "dwelled":
        inside["required"] = ["for"]
    elif trigger == "zone_entered":
        inside = {"oneOf": [_names(), inside]}
    forms.append(
        {
            "type": "object",
            "additionalProperties": False,
            "required": [trigger],
            "properties": {trigger: inside},
        }
    )
    return {"oneOf": forms}


def _conditions(trigger: Trigger) -> Schema:
    spelled = {name: FACTS[real] for name, real in SPELLINGS.items()}
    kinds = {**{name: FACTS[name] for name in facts_of(trigger)}}
    kinds |= {name: kind for name, kind in spelled.items() if trigger in kind.triggers}
    return {"items": {"oneOf": [_condition(name, kind) for name, kind in kinds.items()]}}


def _condition(name: str, kind: FactKind) -> Schema:
    as_money = name in SPELLINGS and kind.form == "money"
    one = {"type": ["number", "string"]} if as_money else _want(kind)
    many = {"oneOf": [one, {"type": "array", "minItems": 1, "items": one}]}
    relations = RELATIONS[kind.form]
    wants = {
        relation: many if relation in ("in", "not_in", "has", "has_not") else one for relation in relations
    }
    return {
        "type": "object",
        "description": kind.meaning,
        "additionalProperties": False,
        "required": ["fact"],
        "properties": {"fact": {"const": name}, "say": _text(), **wants},
        "oneOf": [{"required": [relation]} for relation in ALL_RELATIONS if relation in relations],
    }


def _want(kind: FactKind) -> Schema:
    forms: dict[Form, Schema] = {
        "number": {"type": "integer"},
        "money": {"type": "integer", "minimum": 0},
        "seconds": _duration(),
        "minute": {"type": "string", "pattern": CLOCK},
        "day": {"type": "string", "pattern": DAY},
        "flag": {"type": "boolean"},
        "tier": _any_case(TIERS),
        "weekday": _any_case(WEEKDAYS),
    }
    if kind.values and kind.form not in forms:
        return _any_case(kind.values)
    return forms.get(kind.form, _ident())


def _when() -> Schema:
    clock, day = {"type": "string", "pattern": CLOCK}, {"type": "string", "pattern": DAY}
    days = _any_case(WEEKDAYS)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "days": {"oneOf": [days, {"type": "array", "items": days}]},
            "from": clock,
            "to": clock,
            "first_day": day,
            "last_day": day,
        },
    }


def _caps() -> Schema:
    caps = {name: _whole(1, CAP_MAX) for name in ("visit", "day", "member", "store")}
    table = {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": caps}
    return {"oneOf": [{"const": "none"}, table]}


def _reward() -> Schema:
    fixed = {"points": _whole(1, POINTS_MAX), "title": _text(), "text": _text(), "sku": _ident()}
    rate = {"points": _whole(1, POINTS_MAX), "per": _amount(), "title": _text()}
    offer = {"sku": _ident(), "off": _amount(), "title": _text(), "text": _text()}
    rewards = {
        "offer": _table(offer, "sku", "off"),
        "points": {"oneOf": [_whole(1, POINTS_MAX), _table(fixed, "points")]},
        "points_rate": _table(rate, "points", "per"),
        "message": {"oneOf": [_text(), _table({"title": _text(), "text": _text()}, "text")]},
        "creative": _ident(),
    }
    return {"oneOf": [_table({name: inside}, name) for name, inside in rewards.items()]}


def _creative() -> Schema:
    words = {name: _text() for name in ("title", "eyebrow", "line", "picture", "theme")}
    template = {"enum": ["product", "message", "card"]}
    return _table({**words, "template": template, "sku": _ident(), "was": _amount()}, "title")


def _table(properties: Schema, *required: str) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _any_case(names: tuple[str, ...]) -> Schema:
    return {"enum": sorted({name for one in names for name in (one, one.lower(), one.capitalize())})}


def _names() -> Schema:
    return {"oneOf": [_ident(), {"type": "array", "minItems": 1, "items": _ident()}]}


def _ident() -> Schema:
    return {"type": "string", "pattern": IDENT, "maxLength": 128}


def _text() -> Schema:
    return {"type": "string", "maxLength": TEXT_LENGTH_MAX}


def _whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _amount() -> Schema:
    return {"type": ["number", "string"], "minimum": 0}


def _duration() -> Schema:
    return {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": DURATION}]}
