"""The two ports of the engine, and what passes through them: the database and the cells.

`Db` reads are plain calls that see committed data only; `commit` is awaited and done in one thread.
`Cells.take` is awaited. Production, the simulation and the tests differ only in what stands behind these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from protocols.cells import Answer, Batch, Crowd, Load, Position, ScannerHealth, Turn
from protocols.effects import Know, Tell
from protocols.errors import Outcome
from protocols.facts import Fact
from protocols.ids import Key, Kind
from protocols.inputs import Given, Local


class CommitFailed(Exception):
    """Nothing of the group was written. `by_turn` is true if a constraint or a version failed, not the disk."""

    def __init__(self, reason: str, *, by_turn: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.by_turn = by_turn


class DiskFull(CommitFailed):
    """Nothing of the group was written, and nothing will be until there is space."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, by_turn=False)


class Fenced(Exception):
    """Another engine owns this database now. Stop: whatever this one still holds is stale."""


class CellLost(Exception):
    """The cell did not answer in time, died, or moved. It holds nothing any more; take the inputs again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The verdict that stands for an operation id, from the journal."""

    payload_hash: bytes
    outcome: Outcome
    body: bytes
    seq: int


@dataclass(slots=True)
class TakenTurn:
    """A turn on its way into a group's commit.

    `loaded` is set on the turn that loaded its entity. `tell_rows` are the Tells that were not stepped in this
    group, with the place of the effect: each becomes a row, committed with its cause.
    """

    turn: Turn
    cell: str
    loaded: Load | None = None
    tell_rows: list[tuple[int, Tell]] = field(default_factory=list)


@dataclass(slots=True)
class SavedEntity:
    """One entity, written once a group: only if it still is at `base_version`, and then to base + `turns`."""

    key: Key
    base_version: int
    turns: int
    state: bytes | None
    wake_at_ms: int | None


@dataclass(slots=True)
class ParkedInput:
    """An input whose step threw: kept with the state before it and the trace, for a person."""

    given: Given
    state: bytes
    trace: str


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """An identity key as it is written (`edge.keyring`). `kind`: irk, or eid with its rotation and its clock's zero."""

    kind: str
    wrapped: bytes
    rotation: int = 0
    clock_s: int = 0


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device or card that the store knows without asking: who carries it. No raw address is kept.

    `token` is the store's keyed hash of the device or card id. `account` is empty for an anonymous tag.
    `key` is for a device that changes its id; it is kept as long as `consent` names the location.
    """

    token: bytes
    subject: str
    account: str
    name: str = ""
    member: bool = False
    tier: str = "base"
    consent: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    key: WrappedKey | None = None


@dataclass(slots=True)
class Group:
    """What commits together. `mail_number` moves the mailbox's cursor with the turns that the mail made.

    `known` are facts that no turn made: the store's own files and mail. `enrolled` are roster rows.
    """

    now_ms: int
    turns: list[TakenTurn] = field(default_factory=list)
    saved: list[SavedEntity] = field(default_factory=list)
    parked: list[ParkedInput] = field(default_factory=list)
    rows_done: list[int] = field(default_factory=list)
    known: list[Know] = field(default_factory=list)
    enrolled: list[Enrolled] = field(default_factory=list)
    mail_number: int | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What the writer gave: a number per turn, a reference per parked input, row numbers per Tell, new facts."""

    seqs: Sequence[int]
    parked: Sequence[int]
    rows: Sequence[Given]
    facts: Sequence[Fact]
    facts_version: int
    wal_pages: int = 0


class Outward(Protocol):
    """What happens after a commit: messages to phones, screens and tills. Plain calls; they never wait."""

    def committed(self, group: Group, committed: Committed, stepped_us: int, commit_us: int) -> None:
        """The group stands in the database. Called in commit order of each cell."""

    def positions(self, positions: Sequence[Position]) -> None:
        """Where subjects are; soft, not journalled."""

    def judged(self, cell: str, crowds: Sequence[Crowd], scanners: Sequence[ScannerHealth]) -> None:
        """What a cell makes of its zones and of gateways; soft, not journalled. Called only if it says anything."""


class Clock(Protocol):
    """The one clock of a store. It never goes back; its high water is saved with commits."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""

    def now_us(self) -> int:
        """Microseconds since 1970."""

    def local(self, at_ms: int) -> Local:
        """The store's calendar at an instant."""


class Db(Protocol):
    """The store database as the engine sees it."""

    def load(self, key: Key) -> Load | None:
        """The entity's committed state, or None if there is none. An account is assembled from its rows."""

    def keys(self, kind: Kind) -> list[Key]:
        """Every entity of one kind."""

    def verdict(self, operation: str) -> Stored | None:
        """The verdict that stands for this operation id, or None."""

    def owed(self, after_row: int, limit: int) -> list[Given]:
        """Tell rows not yet taken, in row order; parked ones are stepped over."""

    def due(self, now_ms: int, limit: int) -> list[Key]:
        """Entities whose wake has passed, the longest overdue first."""

    def next_wake_ms(self) -> int | None:
        """When the next entity wants to be woken, or None."""

    def facts(self) -> tuple[int, list[Fact]]:
        """Every current fact, and the newest version."""

    def pools(self) -> dict[str, int]:
        """What is spent of each pool."""

    def roster(self) -> list[Enrolled]:
        """Every enrolled device and card."""

    def now_high_water_ms(self) -> int:
        """The latest `now_ms` that was committed: the clock starts no earlier."""

    async def commit(self, group: Group) -> Committed:
        """Writes the group in one transaction, or raises CommitFailed, DiskFull or Fenced and writes nothing."""


class Cells(Protocol):
    """The cells as the engine sees them, by name."""

    def life(self, cell: str) -> int:
        """A number that is another one whenever a different process, or an emptied one, stands behind the name.

        The engine asks before each batch: a new number means that the cell holds nothing.
        """

    async def take(self, cell: str, life: int, batch: Batch) -> Answer:
        """Hands the batch to that life of the cell. Raises CellLost past the deadline or if it is gone."""
