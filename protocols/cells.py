"""Batch and Answer: the only two messages between the engine and a cell, in process or over a socket.

One batch in flight a cell. The engine decides what a cell holds; a cell never invents a state, and an input
for a key that it does not hold comes back as untaken.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from protocols.effects import Effect
from protocols.facts import Fact
from protocols.ids import Key
from protocols.inputs import Given, Local

BATCH_BYTES_MAX = 90 * 1024
"""Target size of a batch of telemetry. The engine cuts a larger one in two."""

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""Largest frame on a cell's socket: a new cell gets every fact at once. Above it the socket is closed."""


class Load(msgspec.Struct, frozen=True, array_like=True):
    """Hold this entity from now on: its state as JSON at `version`, or empty and 0 for a new one."""

    key: Key
    version: int
    state: bytes = b""


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """One sighting of a subject that has a visit. Soft: it is not journalled, and may be dropped and counted.

    `placed` is x, y and standard error in metres, from a source that works out places itself; `rssi_dbm` means
    nothing then.
    """

    key: Key
    scanner: str
    rssi_dbm: float
    at_ms: int
    arrived_us: int
    placed: tuple[float, float, float] | None = None


class Weighed(msgspec.Struct, frozen=True, array_like=True):
    """One reading of a shelf's scale, in grams. Soft, like `Heard`."""

    key: Key
    grams: int
    at_ms: int
    arrived_us: int


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What a cell is handed: taken in the order load, forget, facts, pools, inputs, heard, weighed.

    `pools` holds what is spent so far of each pool that this cell spends from. `owed` names keys with older
    Tell rows that are not in this batch: the cell makes no told steps for them. `facts_version` is the newest
    version that the cell knows after applying `facts`. `fresh` says that the cell must forget everything first.
    """

    number: int
    now_ms: int
    local: Local
    facts_version: int
    load: list[Load] = []
    forget: list[Key] = []
    facts: list[Fact] = []
    pools: dict[str, int] = {}
    inputs: list[Given] = []
    heard: list[Heard] = []
    weighed: list[Weighed] = []
    owed: list[Key] = []
    fresh: bool = False


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """One step that was made. `state` is JSON, None when the entity is gone (a visit that ended).

    `pools` are the pool numbers that the step read. `digest` covers state and effects.
    """

    given: Given
    state: bytes | None
    effects: list[Effect]
    wake_at_ms: int | None
    digest: bytes
    facts_version: int
    pools: dict[str, int] = {}


class Untaken(msgspec.Struct, frozen=True, array_like=True):
    """An input that was not stepped: its key is not held (`missing`), or its step threw (`threw`).

    `state` and `trace` are kept with an input whose step threw, for the person who will look.
    """

    given: Given
    why: Literal["missing", "threw"]
    trace: str = ""
    state: bytes = b""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a subject is, soft: metres, the zone announced, and the doubt as a radius. At most one a second.

    `p` is how sure the zone is, in whole per cent; 0 where nothing was worked out.
    """

    key: Key
    x: float
    y: float
    zone: str
    doubt_m: float
    at_ms: int
    p: int = 0


class Crowd(msgspec.Struct, frozen=True, array_like=True):
    """How many of this cell's subjects a zone holds, soft: the sum of their p, and the variance of that sum."""

    zone: str
    expected: float
    variance: float


class ScannerHealth(msgspec.Struct, frozen=True, array_like=True):
    """What this cell makes of one scanner: whether it hears what it should. `off_db` is how far it is off."""

    scanner: str
    state: Literal["ok", "silent", "deaf", "moved"]
    since_ms: int
    off_db: float = 0.0


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a cell did with a batch. Told steps stand among `turns`, in the order in which they were made.

    `again_ms`: send a batch within so many milliseconds even if nothing arrives; 0 if that can wait for a tick.
    """

    number: int
    turns: list[Turn] = []
    untaken: list[Untaken] = []
    unheard: list[Key] = []
    pools: dict[str, int] = {}
    positions: list[Position] = []
    took_us: int = 0
    crowds: list[Crowd] = []
    scanners: list[ScannerHealth] = []
    again_ms: int = 0


def told_id(given_id: str, place: int) -> str:
    """The id of the input that the `place`-th effect of a turn tells: derived, so a repeat has the same one."""
    return f"{given_id}>{place}"


decode_batch = msgspec.msgpack.Decoder(Batch).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
