"""Reads typed fields out of a YAML tree and collects every problem, each with its place and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal

from actors.campaigns.text import PROBLEMS_MAX, Many, Mark, Node, Problem, Table, Text, shortened
from protocols.ids import is_safe_id
from protocols.money import AMOUNT_MAX

TEXT_LENGTH_MAX = 200
DAY_S = 86_400
LISTED_MAX = 12
"""Known names that a message lists when nothing is close to what was written."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}\Z", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,6})?\Z", re.ASCII)
_MONEY = re.compile(r"(-?)€? ?([0-9]{1,9})(?:\.([0-9]{1,2}))?\Z", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,9}) ?(s|sec|min|m|h|d|)\Z", re.ASCII)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})\Z", re.ASCII)
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z", re.ASCII)
_UNIT_S = {"s": 1, "sec": 1, "": 1, "min": 60, "m": 60, "h": 3600, "d": DAY_S}
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Reading:
    """One file's reader. Every method returns None after it told a problem; the caller goes on."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.untold = 0

    @property
    def failed(self) -> bool:
        """Whether there is an error among the problems."""
        return any(problem.level == "error" for problem in self.problems)

    def tell(self, place: Node | Mark, reason: str, level: Literal["error", "warning"] = "error") -> None:
        """Notes a problem."""
        mark = place if isinstance(place, Mark) else place.mark
        if len(self.problems) >= PROBLEMS_MAX:
            self.untold += 1
            return
        self.problems.append(Problem(self.file, mark.line, mark.column, reason, level))

    def told(self) -> tuple[Problem, ...]:
        """Every problem in the order of the file."""
        listed = sorted(self.problems, key=lambda one: (one.line, one.column, one.reason))
        if self.untold:
            reason = f"and {self.untold} more problems; mend those above first"
            listed.append(Problem(self.file, 1, 1, reason))
        return tuple(listed)

    # --- shapes

    def table(self, node: Node, fields: Iterable[str], what: str) -> Table | None:
        """A mapping that has no other fields than these."""
        if isinstance(node, Text) and not node.text:
            node = Table({}, {}, node.mark)
        if not isinstance(node, Table):
            self.tell(node, f"{what} must be a mapping of: {', '.join(fields)}")
            return None
        allowed = tuple(fields)
        for key, mark in node.keys.items():
            if key not in allowed:
                hint = self.hint(key, allowed)
                self.tell(mark, f"{what} has no field '{shortened(key)}'; {hint}")
        return node

    def keyed(self, node: Node | None, what: str) -> dict[str, Node]:
        """A mapping from ids to entries; every id is checked."""
        if node is None or (isinstance(node, Text) and not node.text):
            return {}
        if not isinstance(node, Table):
            self.tell(node, f"{what} must be a mapping from ids to entries")
            return {}
        for key, mark in node.keys.items():
            self.check_ident(key, mark, what)
        return {key: value for key, value in node.entries.items() if is_safe_id(key) and key.isprintable()}

    def listed(self, node: Node | None, what: str) -> list[Node]:
        """A list; one value alone counts as a list of one."""
        if node is None or (isinstance(node, Text) and node.plain and not node.text):
            return []
        if isinstance(node, Many):
            return list(node.items)
        if isinstance(node, Text):
            return [node]
        self.tell(node, f"{what} must be a list")
        return []

    # --- scalars

    def text(self, node: Node | None, what: str, limit: int = TEXT_LENGTH_MAX) -> str | None:
        """A text of one line."""
        if not isinstance(node, Text):
            if node is not None:
                self.tell(node, f"{what} must be a text")
            return None
        if len(node.text) > limit:
            self.tell(node, f"{what} has {len(node.text)} characters; {limit} are the most")
            return None
        if not all(char.isprintable() for char in node.text):
            self.tell(node, f"{what} holds a line break or a control character; take it out")
            return None
        return node.text

    def ident(self, node: Node | None, what: str) -> str | None:
        """An identifier."""
        text = self.text(node, what, limit=TEXT_LENGTH_MAX)
        if node is None or text is None or not self.check_ident(text, node.mark, what):
            return None
        return text

    def check_ident(self, text: str, mark: Mark, what: str) -> bool:
        """Whether an id is safe in topics, URLs and file names; told if not."""
        if is_safe_id(text) and text.isprintable():
            return True
        self.tell(
            mark, f"'{shortened(text)}' is no id of {what}: 1 to 128 characters, no spaces, '/', '+' or '#'"
        )
        return False

    def known(self, node: Node | None, names: Iterable[str] | None, what: str) -> str | None:
        """An id that must be among `names` (None: not known here, any will do)."""
        text = self.ident(node, what)
        if text is None or node is None:
            return None
        if names is not None and text not in (among := tuple(names)):
            self.tell(node, f"there is no {what} '{shortened(text)}'; {self.hint(text, among)}")
            return None
        return text

    def choice(self, node: Node | None, names: tuple[str, ...], what: str) -> str | None:
        """One of a closed list, in any case."""
        text = self.text(node, what)
        if text is None or node is None:
            return None
        for name in names:
            if text.lower() == name.lower():
                return name
        self.tell(node, f"{what} cannot be '{shortened(text)}'; {self.hint(text, names)}")
        return None

    def flag(self, node: Node | None, what: str) -> bool | None:
        """true or false."""
        text = self.choice(node, ("true", "false"), what)
        return None if text is None else text == "true"

    def whole(self, node: Node | None, what: str, low: int = 0, high: int = 10**9) -> int | None:
        """A whole number in a range."""
        if node is None:
            return None
        if not isinstance(node, Text) or _WHOLE.match(node.text) is None:
            self.tell(node, f"{what} must be a whole number, {low:,} to {high:,}")
            return None
        number = int(node.text)
        if not low <= number <= high:
            self.tell(node, f"{what} is {number:,}; it must be {low:,} to {high:,}")
            return None
        return number

    def number(self, node: Node | None, what: str, low: float, high: float) -> float | None:
        """A number in a range: metres, decibels. NaN and infinity are no numbers here."""
        if node is None:
            return None
        if not isinstance(node, Text) or _NUMBER.match(node.text) is None:
            self.tell(node, f"{what} must be a number, {low:g} to {high:g}")
            return None
        number = float(node.text)
        if not low <= number <= high:
            self.tell(node, f"{what} is {number:g}; it must be {low:g} to {high:g}")
            return None
        return number

    def money(self, node: Node | None, what: str, high: int = AMOUNT_MAX) -> int | None:
        """An amount as people write it, in minor units: 0.60 is 60."""
        if node is None:
            return None
        match = _MONEY.match(node.text) if isinstance(node, Text) else None
        if match is None:
            self.tell(node, f"{what} must be an amount such as 0.60, two places at most")
            return None
        sign, whole, part = match.groups()
        minor = int(whole) * 100 + int((part or "").ljust(2, "0"))
        if sign or minor > high:
            self.tell(node, f"{what} must be 0.00 to {high // 100:,}.{high % 100:02d}")
            return None
        return minor

    def seconds(self, node: Node | None, what: str, low: int = 0, high: int = 31 * DAY_S) -> int | None:
        """A time such as 20s, 30 min, 2 h; a number alone is seconds."""
        if node is None:
            return None
        match = _DURATION.match(node.text) if isinstance(node, Text) else None
        if match is None:
            self.tell(node, f"{what} must be a time such as 20s, 30 min or 2 h")
            return None
        seconds = int(match[1]) * _UNIT_S[match[2]]
        if not low <= seconds <= high:
            self.tell(node, f"{what} is {seconds:,} s; it must be {low:,} s to {high:,} s")
            return None
        return seconds

    def minute(self, node: Node | None, what: str) -> int | None:
        """A time of day, 00:00 to 24:00, as minutes."""
        if node is None:
            return None
        match = _CLOCK.match(node.text) if isinstance(node, Text) else None
        minute = int(match[1]) * 60 + int(match[2]) if match is not None and int(match[2]) < 60 else -1
        if not 0 <= minute <= 1440:
            self.tell(node, f'{what} must be a time of day in quotes, "00:00" to "24:00"')
            return None
        return minute

    def day(self, node: Node | None, what: str) -> str | None:
        """A calendar day, as 2026-11-24."""
        if node is None:
            return None
        match = _DAY.match(node.text) if isinstance(node, Text) else None
        if match is None or not _is_day(int(match[1]), int(match[2]), int(match[3])):
            self.tell(node, f"{what} must be a day of the calendar, such as 2026-11-24")
            return None
        return match[0]

    @staticmethod
    def hint(text: str, names: Iterable[str]) -> str:
        """The nearest known name, or all of them if they are few."""
        among = sorted(names)
        close = get_close_matches(text[:TEXT_LENGTH_MAX], among, n=1, cutoff=0.6)
        if close:
            return f"did you mean '{close[0]}'?"
        if not among:
            return "there are none yet"
        return f"use one of: {', '.join(among[:LISTED_MAX])}{' …' if len(among) > LISTED_MAX else ''}"


def _is_day(year: int, month: int, day: int) -> bool:
    if not (1970 <= year <= 9999 and 1 <= month <= 12):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= _MONTH_DAYS[month - 1] + (1 if leap and month == 2 else 0)


def first(entries: Mapping[str, Node], *names: str) -> Node | None:
    """The first of several spellings of a field that is there."""
    return next((entries[name] for name in names if name in entries), None)
