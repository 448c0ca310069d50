"""What the engine and the child that drives Ray tell each other: one JSON object a line, over a pipe each way."""

from __future__ import annotations

import msgspec


class _Line(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    """Base of every line."""


# --- engine to child


class Begin(_Line, frozen=True):
    """The first line: which cells to host. `home` is the child's own folder, empty but for what it left."""

    home: str
    cells: tuple[str, ...]


class Restart(_Line, frozen=True):
    """This process of a cell takes connections no more: end it, and Ray starts another."""

    cell: str
    pid: int


Order = Begin | Restart

# --- child to engine


class Started(_Line, frozen=True):
    """Ray runs: its processes by name, and how long that took."""

    processes: dict[str, int]
    took_ms: int


class Ready(_Line, frozen=True):
    """A cell listens in a Ray actor."""

    cell: str
    address: str
    pid: int


class Gone(_Line, frozen=True):
    """A cell's process died. Ray starts another, which is told with `Ready`."""

    cell: str
    why: str


class Alive(_Line, frozen=True):
    """Said every second, so that a child that hangs is noticed."""


class Refused(_Line, frozen=True):
    """Ray would be reachable from other machines. The child ends, and starting it again changes nothing."""

    why: str


class Failed(_Line, frozen=True):
    """The child's last words."""

    why: str


Report = Started | Ready | Gone | Alive | Refused | Failed

decode_order = msgspec.json.Decoder(Order).decode
decode_report = msgspec.json.Decoder(Report).decode
_encode = msgspec.json.Encoder().encode


def line(said: Order | Report) -> bytes:
    """One line with its end."""
    return _encode(said) + b"\n"
