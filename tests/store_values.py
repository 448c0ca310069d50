"""Short ways to say a turn, a sale, a group: values for tests of the store's database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from edge.ports import Group, SavedEntity, TakenTurn
from protocols.cells import Load, Turn
from protocols.codec import payload_hash
from protocols.decisions import Decision
from protocols.effects import Decide, Effect, Emit, Know, PointsPosted, Post, Reply, SalePosted, Tell
from protocols.ids import AccountId, Key, ZoneId, ident_of
from protocols.inputs import BasketLine, Cause, Given, Input, Local, SaleClosed, ZoneEntered
from protocols.records import SaleRecorded

DAY = Local("2026-03-02", 600, 0)
NOW_MS = 1_772_445_600_000


def given(key: str, what: Input | None = None, *, ident: str = "", operation: str = "", **more: Any) -> Given:
    """An input for one entity; a sighting's conclusion unless it has an operation id."""
    what = what or ZoneEntered(ZoneId("dairy"), 90)
    at_ms = more.pop("at_ms", NOW_MS)
    if operation:
        cause = Cause(at_ms * 1_000, operation=operation)
    else:
        cause = Cause(at_ms * 1_000, scanner="scan-1", subject=ident_of(Key(key)))
    hashed = payload_hash(what) if operation else b""
    ident = ident or operation or f"scan-1/{key}@{at_ms}"
    return Given(Key(key), ident, what, cause, at_ms, more.pop("local", DAY), operation, hashed, **more)


def taken(
    what: Given,
    effects: Sequence[Effect] = (),
    *,
    state: bytes | None = b'{"zone":"dairy"}',
    loaded: int | None = None,
    facts_version: int = 0,
    pools: dict[str, int] | None = None,
) -> TakenTurn:
    """A turn; every Tell among its effects becomes a row. `loaded` is the version that it loaded."""
    turn = Turn(what, state, list(effects), None, b"8 bytes.", facts_version, pools or {})
    rows = [(place, effect) for place, effect in enumerate(effects) if isinstance(effect, Tell)]
    begun = None if loaded is None else Load(what.key, loaded, b'{"zone":"door"}' if loaded else b"")
    return TakenTurn(turn, "floor", begun, rows)


def group(*turns: TakenTurn, saved: Sequence[SavedEntity] = (), now_ms: int = NOW_MS, **more: Any) -> Group:
    """A group of turns."""
    return Group(now_ms, list(turns), list(saved), **more)


def saved(
    key: str, base: int, turns: int = 1, state: bytes | None = b'{"zone":"dairy"}', wake: int | None = None
) -> SavedEntity:
    """An entity on its way to its row."""
    return SavedEntity(Key(key), base, turns, state, wake)


def counted(zone: str, by: int) -> Know:
    """One shopper more or less in a zone."""
    return Know("occupancy", zone, field="shoppers", add=by)


def known(book: str, key: str, value: Any) -> Know:
    """A fact that is set."""
    return Know(book, key, msgspec.Raw(msgspec.json.encode(value)))


def decided(key: str, *winners: str) -> Decide:
    """A decision, short."""
    return Decide(
        Decision("zone_entered", Key(key), "Ana", "Dairy", winners, (), "Ana entered Dairy", None, 3, 40)  # type: ignore[arg-type]
    )


def sale(
    account: str, number: int, *, entry: int, points: int = 12, minor: int = 1250, **more: Any
) -> TakenTurn:
    """A sale of one line as its account's turn: posted, recorded for head office, answered."""
    ident = AccountId(account)
    operation = more.pop("operation", f"till-1/{account}/{number}")
    line = BasketLine("milk", 1000, minor, name="Milk", category="dairy")  # type: ignore[arg-type]
    closed = SaleClosed(str(number), "till-1", (line,), minor)
    effects: list[Effect] = [
        Post(SalePosted(str(number), "till-1", ident, minor, "EUR", points, (line,), NOW_MS)),
        Post(PointsPosted(ident, entry, points, f"sale {number}")),
        Emit(
            "money",
            SaleRecorded(
                operation, str(number), "till-1", account, minor, "EUR", points, entry, NOW_MS, DAY.day
            ),
        ),
        Reply("done", msgspec.Raw(b'{"sale":"%d"}' % number)),
    ]
    what = given(f"account:{account}", closed, operation=operation, **more)
    return taken(what, effects, state=b"{}")
