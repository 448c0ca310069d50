"""YAML from outside, bounded, every node with its line and column.

Anchors, tags, several documents and deep nesting are refused while the events stream by, so hostile text
costs no more than its length. Scalars stay text: whoever reads a field says what it must be, so `no` is never
taken for false by accident.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml

TEXT_BYTES_MAX = 1024 * 1024
"""Largest file of a store. A larger one is refused before it is parsed."""

DEPTH_MAX = 12
NODES_MAX = 100_000
PROBLEMS_MAX = 100
"""Problems told at once. What comes after them is counted, not told."""

_LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml where it is there: thirty times quicker


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file, both counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what to do. A warning changes nothing about what is loaded."""

    file: str
    line: int
    column: int
    reason: str
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        warning = "warning: " if self.level == "warning" else ""
        return f"{self.file}:{self.line}:{self.column}: {warning}{self.reason}"


class Refused(Exception):
    """The text is no YAML that we take. `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as it was written. `plain` is false in quotes."""

    text: str
    plain: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    items: list[Node]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, entries in the order of the file. No key stands twice."""

    entries: dict[str, Node]
    keys: dict[str, Mark]
    mark: Mark


Node = Text | Many | Table


def parse(text: bytes | str, file: str) -> Node:
    """The one document of a file. Raises Refused."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > TEXT_BYTES_MAX:
        reason = f"{len(raw):,} bytes; a file may have {TEXT_BYTES_MAX:,}: split it, or take old entries out"
        raise Refused(Problem(file, 1, 1, reason))
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refused(Problem(file, line, 1, "not UTF-8; save the file in UTF-8")) from None
    try:
        return _Builder(file).document(iter(yaml.parse(decoded, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark()
        reason = f"not YAML: {error.problem or error.context}; check quotes, colons and indentation here"
        raise Refused(Problem(file, place.line, place.column, reason)) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        first = str(error).splitlines()[0] if str(error) else "unreadable"
        raise Refused(Problem(file, 1, 1, f"not YAML: {first}; check for control characters")) from None


class _Builder:
    """Builds the tree from events with a stack of its own, so depth costs no recursion until it is refused."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.nodes = 0
        self.open: list[tuple[Many | Table, Text | None]] = []
        self.root: Node | None = None
        self.key: Text | None = None

    def document(self, events: Iterator[Any]) -> Node:
        documents = 0
        for event in events:
            mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(mark, "a second document begins; keep one a file, without '---' between")
            elif isinstance(event, yaml.AliasEvent):
                self.refuse(mark, "aliases (*name) are not taken here; write the value out")
            elif isinstance(event, (yaml.CollectionEndEvent)):
                self.close()
            elif isinstance(event, yaml.NodeEvent):
                self.check(event, mark)
                self.take(event, mark)
        return self.root if self.root is not None else Table({}, {}, Mark())

    def refuse(self, mark: Mark, reason: str) -> None:
        raise Refused(Problem(self.file, mark.line, mark.column, reason))

    def check(self, event: Any, mark: Mark) -> None:
        self.nodes += 1
        if event.anchor is not None:
            self.refuse(mark, "anchors (&name) are not taken here; write the value out where it is needed")
        if event.tag is not None and event.tag != "!":
            self.refuse(mark, f"tags ({event.tag}) are not taken here; leave it out")
        if len(self.open) >= DEPTH_MAX:
            self.refuse(mark, f"nested deeper than {DEPTH_MAX} levels")
        if self.nodes > NODES_MAX:
            self.refuse(mark, f"more than {NODES_MAX:,} values in one file; split it")

    def take(self, event: Any, mark: Mark) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(Text(event.value, event.style is None or event.style == "", mark))
            return
        node: Many | Table = (
            Many([], mark) if isinstance(event, yaml.SequenceStartEvent) else Table({}, {}, mark)
        )
        key = self.place(node)
        self.open.append((node, key))

    def scalar(self, node: Text) -> None:
        inside = self.open[-1][0] if self.open else None
        if isinstance(inside, Table) and self.key is None:
            if node.text in inside.entries:
                first = inside.keys[node.text].line
                self.refuse(
                    node.mark, f"'{shortened(node.text)}' stands here twice, first in line {first}; keep one"
                )
            self.key = node
        else:
            self.place(node)

    def place(self, node: Node) -> Text | None:
        """Puts a value where it belongs, and returns the key that it stands under."""
        if not self.open:
            self.root = node
            return None
        inside = self.open[-1][0]
        if isinstance(inside, Many):
            inside.items.append(node)
            return None
        if self.key is None:
            self.refuse(node.mark, "a list or a mapping cannot be a key; use a plain word")
        key, self.key = self.key, None
        assert key is not None
        inside.entries[key.text] = node
        inside.keys[key.text] = key.mark
        return key

    def close(self) -> None:
        self.open.pop()


def shortened(text: str, limit: int = 40) -> str:
    """Foreign text inside a message: printable, and not longer than a message can bear."""
    clean = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return clean if len(clean) <= limit else f"{clean[:limit]}…"
