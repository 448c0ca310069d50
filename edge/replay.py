"""Replay: feeds each entity its own rows of the journal again, and compares digests turn by turn.

One function with several callers: `endcap-store replay` (is the journal deterministic), `explain` (why this
decision), and the chaos run's checker. The digest of a journal does not depend on how its turns were grouped or
where its cells ran, because each entity's chain of digests is folded on its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.cell import digest_of
from actors.facts import Facts
from actors.kinds import BEHAVIOURS
from edge.db.rows import JournalRow
from protocols.codec import to_json
from protocols.decisions import Decision
from protocols.facts import Fact
from protocols.ids import Key, ident_of, kind_of

DIFFERENCES_MAX = 100
"""Turns that are named when they differ; more are only counted, save those that somebody asked for."""

THREW = b"threw"
"""Stands for the digest of a step that threw in the replay."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A turn whose replay did something else than the journal says."""

    seq: int
    key: Key
    journal: bytes
    replayed: bytes


@dataclass(slots=True)
class Replayed:
    """What a replay found. `skipped` are turns whose entity's load lies before the window."""

    turns: int = 0
    skipped: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)
    digest: str = ""
    decisions: dict[int, list[Decision]] = field(default_factory=dict)
    states: dict[Key, bytes | None] = field(default_factory=dict)


def replay(
    rows: Iterable[JournalRow], history: Sequence[Fact], explain: frozenset[int] = frozenset()
) -> Replayed:
    """Steps the rows again. `history` is every fact in the order of its version (`null`: gone).

    `explain` names the turns whose decisions are wanted whole. Order of work: by facts version and then by
    number, which keeps each entity's own order, since a cell's facts never go back.
    """
    found = Replayed()
    chains: dict[Key, bytes] = {}
    held: dict[Key, Any] = {}
    facts = Facts()
    place = 0
    for row in sorted(rows, key=lambda row: (row.facts_version, row.seq)):
        ahead = place
        while ahead < len(history) and history[ahead].version <= row.facts_version:
            ahead += 1
        if ahead > place or facts.version != row.facts_version:
            facts.apply(history[place:ahead], row.facts_version)
            place = ahead
        _replay_row(found, facts, held, chains, row, explain=row.seq in explain)
    found.digest = _folded(chains)
    return found


def journal_digest(rows: Iterable[JournalRow]) -> str:
    """The digest of a journal as it was written, folded as `replay` folds its own."""
    chains: dict[Key, bytes] = {}
    for row in rows:
        chains[row.given.key] = _link(chains.get(row.given.key, b""), row.digest)
    return _folded(chains)


def _replay_row(
    found: Replayed,
    facts: Facts,
    held: dict[Key, Any],
    chains: dict[Key, bytes],
    row: JournalRow,
    *,
    explain: bool,
) -> None:
    key = row.given.key
    behaviour = BEHAVIOURS[kind_of(key)]
    if row.loaded is not None:
        state = row.loaded.state
        held[key] = behaviour.decode(state) if state else behaviour.new(ident_of(key))
    elif key not in held:
        found.skipped += 1
        return
    facts.pools = row.pools
    facts.explained = [] if explain else None
    found.turns += 1
    try:
        after, effects = behaviour.step(held[key], row.given, facts)
    except Exception:  # it went well once: the code or its facts are others now, and that is what is asked
        _differs(found, row, THREW, always=explain)
        del held[key]
        return
    encoded = None if after is None else to_json(after)
    digest = digest_of(encoded, effects)
    if digest != row.digest:
        _differs(found, row, digest, always=explain)
    if facts.explained is not None:
        found.decisions[row.seq] = facts.explained
    chains[key] = _link(chains.get(key, b""), digest)
    found.states[key] = encoded
    if after is None:
        del held[key]
    else:
        held[key] = after


def _differs(found: Replayed, row: JournalRow, digest: bytes, *, always: bool) -> None:
    found.differing += 1
    if always or len(found.differences) < DIFFERENCES_MAX:
        found.differences.append(Difference(row.seq, row.given.key, row.digest, digest))


def _link(before: bytes, digest: bytes) -> bytes:
    return hashlib.blake2b(before + digest, digest_size=8).digest()


def _folded(chains: dict[Key, bytes]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for key in sorted(chains):
        total.update(key.encode() + chains[key])
    return total.hexdigest()
