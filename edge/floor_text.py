"""Writes `floor.yaml`: one entry a line, what has its default left out, the comment at the top kept.

What is written is only laid out here, never judged: whether it is a floor is for `edge.book_floor` to say, with
line and column, and `places` leads from there back to the thing that was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from actors.campaigns.text import Many, Mark, Node, Table
from edge.book_floor import SECTIONS
from protocols.facts import PresenceSettings, Scanner, ShelfPlace, SignPlace, TillPlace, Zone

PLACES: dict[str, type[msgspec.Struct]] = {
    "zones": Zone,
    "scanners": Scanner,
    "shelves": ShelfPlace,
    "signs": SignPlace,
    "tills": TillPlace,
}
"""Sections that map ids to entries, and whose fields an entry has."""

DECIMALS = 4
"""Digits behind the point: a tenth of a millimetre. A page's 8.300000000000001 is written 8.3."""

Place = tuple[str, ...]

_PLAIN = re.compile(r"\w(?:[\w. -]*[\w.-])?\Z")
_COMMENT = re.compile(r"""(?:^|\s)#""")
_QUOTED = re.compile(r"""(?<![^\s\[{,:])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")


def floor_text(floor: Mapping[str, Any], lead: str = "") -> str:
    """The file. `floor` has the file's own shape; values of any other shape are written as they are."""
    names = [name for name in SECTIONS if name in floor] + sorted(set(floor) - set(SECTIONS))
    sections = [text for name in names if (text := _section(name, floor[name]))]
    return lead + "\n".join(sections)


def lead_of(text: str) -> str:
    """The comment that the file begins with, to stand before what is written next."""
    kept = "\n".join(_lead(text)).strip("\n")
    return kept + "\n" if kept else ""


def comments_below(text: str) -> int:
    """Lines with a comment below the first one: what writing the file anew loses."""
    below = _lines(text)[len(_lead(text)) :]
    return sum(_COMMENT.search(_QUOTED.sub("", line)) is not None for line in below)


def places(root: Node) -> dict[Mark, Place]:
    """What stands at each mark of a file, as the path to it. Where two begin at one mark it is the outer one."""
    found: dict[Mark, Place] = {}
    waiting: list[tuple[Node, Place]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        if not (
            isinstance(node, Table) and len(path) == 1 and path[0] in PLACES
        ):  # it begins at its first entry
            found.setdefault(node.mark, path)
        if isinstance(node, Many):
            waiting += [(item, (*path, str(number))) for number, item in enumerate(node.items)]
        elif isinstance(node, Table):
            for name, mark in node.keys.items():
                found.setdefault(mark, (*path, name))
            waiting += [(value, (*path, name)) for name, value in node.entries.items()]
    return found


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.removeprefix("\ufeff").split("\n")]


def _lead(text: str) -> list[str]:
    return list(takewhile(lambda line: not line or line.lstrip().startswith("#"), _lines(text)))


def _section(name: str, value: Any) -> str:
    if isinstance(value, Mapping) and name == "presence":
        value = _slim(value, PresenceSettings)
    if value is None or value == {}:
        return ""
    if name in PLACES and isinstance(value, Mapping):
        entries = (f"  {_text(key)}: {_flow(_entry(entry, name))}\n" for key, entry in value.items())
        return f"{_text(name)}:\n{''.join(entries)}"
    if name == "plan" and isinstance(value, Mapping):
        return f"plan:\n{''.join(_plan_line(key, one) for key, one in value.items() if one is not None)}"
    return f"{_text(name)}: {_flow(value)}\n"


def _plan_line(key: str, value: Any) -> str:
    if key == "walls" and isinstance(value, Sequence) and not isinstance(value, str):
        walls = "".join(f"    - {_flow(wall)}\n" for wall in value)
        return f"  walls:\n{walls}" if walls else ""
    return f"  {_text(key)}: {_flow(value)}\n"


def _entry(entry: Any, section: str) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    slim = _slim(entry, PLACES[section])
    if section == "zones" and (box := _box(slim.get("polygon"))) is not None:
        return {
            ("box" if key == "polygon" else key): box if key == "polygon" else v for key, v in slim.items()
        }
    return slim


def _slim(entry: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Without what the reader would take anyway."""
    usual = {field.name: field.default for field in msgspec.structs.fields(kind)}
    return {
        name: value
        for name, value in entry.items()
        if value is not None
        and (
            isinstance(value, bool) or (tuple(value) if isinstance(value, list) else value) != usual.get(name)
        )
    }


def _box(polygon: Any) -> tuple[float, ...] | None:
    """[x, y, width, height] of a polygon that is a box as `box` makes it: from the top left, clockwise."""
    try:
        ((x, y), (right, top), (east, bottom), (left, south)) = polygon
        if (
            x >= 0
            and y >= 0
            and (left, top, right, bottom) == (x, y, east, south)
            and right > x
            and bottom > y
        ):
            return x, y, round(right - x, DECIMALS), round(bottom - y, DECIMALS)
    except (TypeError, ValueError):
        pass
    return None


def _flow(value: Any) -> str:
    """Any JSON in one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key))}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number(value) if isinstance(value, int | float) else _text(str(value))


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _text(value: str) -> str:
    if _PLAIN.match(value) and value.isprintable():
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x1_0000 else f"\\U{ord(char):08x}"
