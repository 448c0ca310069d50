"""The one commit transaction: a group's turns, and everything that they did, written by type of effect.

`write_group` runs inside the writer's transaction and changes nothing but the database; the numbers that it
gave are in `Numbers`, which the writer keeps only once the transaction is committed.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from edge.db import entities, inbound
from edge.db.bulk import Row, insert
from edge.db.facts import Learning, Seen
from edge.db.ledger import Postings
from edge.db.outbox import Heads, Numbering
from edge.db.rows import GIVEN_COLUMNS, given_columns
from edge.ports import Committed, Fenced, Group, TakenTurn
from protocols.cells import told_id
from protocols.codec import to_json
from protocols.decisions import Decision
from protocols.effects import Decide, Emit, Know, Post, Reply
from protocols.inputs import Given

_TURNS = insert(
    "turn",
    f"seq, lane, {GIVEN_COLUMNS}, facts_version, pools, loaded_version, loaded_state, outcome, reply, digest",
)
_DECISIONS = insert(
    "decision",
    "seq, place, at_ms, took_us, key, trigger, outcome, winners, nearest_miss, summary, decision",
)
_META = """
    UPDATE meta SET last_seq = ?1, facts_version = ?2,
        -- The high water of the clock. Groups of two cells may come a moment out of order; a clock that was
        -- set back by a person is followed, or the next start would run ahead of it.
        clock_ms = iif(?3 < clock_ms - 5000, ?3, max(clock_ms, ?3))
    WHERE epoch = ?4"""


@dataclass(slots=True)
class Numbers:
    """What the writer counts on from: the newest turn, the newest facts version, the heads of the streams."""

    last_seq: int
    facts_version: int
    heads: Heads


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes: the epoch that must still be the database's, the current life, the key of its chain."""

    epoch: int
    life: int
    chain_key: bytes


class _Rows:
    """The rows of one group, while they are gathered."""

    __slots__ = ("decisions", "learning", "numbering", "postings", "told", "turns")

    def __init__(self, learning: Learning, numbering: Numbering) -> None:
        self.turns: list[Row] = []
        self.told: list[Given] = []
        self.decisions: list[Row] = []
        self.postings = Postings()
        self.learning = learning
        self.numbering = numbering


def write_group(
    connection: sqlite3.Connection, owner: Owner, numbers: Numbers, seen: Seen, group: Group, now_us: int
) -> tuple[Committed, Numbers]:
    """Writes the group and returns what it was given, with the numbers as they stand after it.

    Raises Fenced, CommitFailed, sqlite3.Error or whatever a bad effect raises; the caller rolls back and empties
    `seen`.
    """
    rows = _Rows(Learning(connection, seen), Numbering(owner.life, owner.chain_key, numbers.heads))
    first = numbers.last_seq + 1
    for seq, taken in enumerate(group.turns, first):
        _gather(rows, seq, taken, now_us)
    for know in group.known:
        rows.learning.learn(know)
    _TURNS.run(connection, rows.turns)
    inbound.write_tells(connection, rows.told)
    inbound.delete_tells(connection, group.rows_done)
    entities.save(connection, group.saved)
    rows.postings.write(connection)
    _DECISIONS.run(connection, rows.decisions)
    rows.numbering.write(connection)
    facts = rows.learning.write(numbers.facts_version + 1)
    references = inbound.park(connection, group.parked)
    inbound.enrol(connection, group.enrolled)
    if group.mail_number is not None:
        connection.execute("UPDATE mailbox SET number = ?", (group.mail_number,))
    last_seq = numbers.last_seq + len(group.turns)
    version = numbers.facts_version + bool(facts)
    _fence(connection, owner, last_seq, version, group.now_ms)
    committed = Committed(range(first, last_seq + 1), references, rows.told, facts, version)
    return committed, replace(numbers, last_seq=last_seq, facts_version=version, heads=rows.numbering.heads)


def _fence(connection: sqlite3.Connection, owner: Owner, last_seq: int, version: int, now_ms: int) -> None:
    if connection.execute(_META, (last_seq, version, now_ms, owner.epoch)).rowcount != 1:
        raise Fenced("another engine has opened this database; this one must stop")


def _gather(rows: _Rows, seq: int, taken: TakenTurn, now_us: int) -> None:
    turn = taken.turn
    given = turn.given
    # What can be sent again has a verdict, even when the step had nothing to say: a repeat must find it.
    outcome: str | None = "done" if given.operation else None
    reply: str | None = "null" if given.operation else None
    for place, effect in enumerate(turn.effects):
        if isinstance(effect, Know):
            rows.learning.learn(effect)
        elif isinstance(effect, Decide):
            rows.decisions.append(_decision_row(seq, place, given, effect.decision, now_us))
        elif isinstance(effect, Post):
            rows.postings.post(seq, given, effect.entry)
        elif isinstance(effect, Emit):
            rows.numbering.add(effect)
        elif isinstance(effect, Reply):
            outcome, reply = effect.outcome, bytes(effect.body).decode()
    for place, tell in taken.tell_rows:
        row = inbound.row_number(seq, place)
        ident = told_id(given.id, place)
        rows.told.append(Given(tell.key, ident, tell.input, given.cause, given.at_ms, given.local, row=row))
    loaded = taken.loaded
    rows.turns.append(
        (
            seq,
            lane_of(given),
            *given_columns(given),
            turn.facts_version,
            to_json(turn.pools).decode() if turn.pools else None,
            None if loaded is None else loaded.version,
            loaded.state.decode() if loaded is not None and loaded.state else None,
            outcome,
            reply,
            turn.digest,
        )
    )


def lane_of(given: Given) -> str:
    """How long the row is kept: what belongs to an account or can be sent again is money, the rest is floor."""
    return "money" if given.operation or given.key.startswith("account:") else "floor"


def _decision_row(seq: int, place: int, given: Given, decision: Decision, now_us: int) -> tuple[Any, ...]:
    miss = decision.nearest_miss
    outcome = "won" if decision.winners else miss.outcome if miss is not None else "missed"
    return (
        seq,
        place,
        given.at_ms,
        max(0, now_us - given.cause.arrived_us),
        decision.key,
        decision.trigger,
        outcome,
        ", ".join(decision.winners),
        miss.campaign if miss is not None else None,
        decision.summary,
        to_json(decision).decode(),
    )
