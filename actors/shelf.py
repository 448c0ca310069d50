"""One shelf: how many pieces lie there, from its scale, its staff and whoever else sees goods move.

    ok ─low─► low ─out─► out ─refilled─► low | ok          (and every other way between the three)

Pieces come from the change of weight, with a confidence from how near that is to whole pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from actors.campaigns.conditions import Context
from actors.campaigns.decide import decide
from actors.facts import Facts
from actors.saved import decoder, within_time
from protocols.codec import to_json
from protocols.effects import Decide, Effect, Emit, Know, Reply, Tell
from protocols.facts import Campaign, ShelfPlace, StockLine
from protocols.ids import Sku, key
from protocols.inputs import (
    ClockSet,
    CreativeProposed,
    Given,
    GoodsChanged,
    GoodsTaken,
    Restocked,
    WeightSettled,
)
from protocols.money import divide_half_even
from protocols.records import StockMoved

VERSION = 1

PIECES_MAX = 100_000
"""Pieces on one shelf. A count beyond is held at it."""

MATCH_MS = 10_000
"""A piece seen to go and a piece weighed to go within this time are one piece."""

FILLING_MS = 60_000
"""After staff said how many pieces are there, weight that is added for so long is those pieces arriving."""

GRAMS_MAX = 10_000_000

StockState = Literal["ok", "low", "out"]
Source = Literal["scale", "seen"]
_BEST: tuple[StockState, ...] = ("ok", "low", "out")


class Shelf(msgspec.Struct, frozen=True):
    """The state of a shelf. `pieces` and `weight_g` are None until something says so.

    `unmatched` pieces were reported by one source alone so far (positive: put) and wait until
    `unmatched_until_ms` for the other to report the same ones. `filling_until_ms` follows a count by staff.
    """

    shelf: str
    sku: Sku = Sku("")
    pieces: int | None = None
    state: StockState = "ok"
    p: int = 0
    weight_g: int | None = None
    unmatched: int = 0
    unmatched_by: Source = "scale"
    unmatched_until_ms: int = 0
    filling_until_ms: int = 0
    v: int = VERSION
    rest: dict[str, msgspec.Raw] = {}


Stepped = tuple[Shelf | None, tuple[Effect, ...]]


def new(ident: str) -> Shelf:
    """A shelf of which nothing is known yet."""
    return Shelf(ident)


def upgrade(shelf: Shelf) -> Shelf:
    """A state of an older version as one of this version. There is none older than 1."""
    return shelf


decode = decoder(Shelf, VERSION, upgrade)


def wake_at_ms(shelf: Shelf) -> int | None:
    """A shelf waits for nothing: its windows only say how the next report is read."""
    return None


def step(shelf: Shelf, given: Given, facts: Facts) -> Stepped:
    """One turn. A shelf that is not on the floor remembers its weight and does nothing else."""
    place = facts.shelves.get(shelf.shelf)
    match given.input:
        case WeightSettled():
            return _weighed(shelf, given.input, given, place, facts)
        case Restocked():
            return _restocked(shelf, given.input, given, place, facts)
        case GoodsTaken() if place is not None and shelf.pieces is not None:
            return _seen(shelf, given.input, given, place, facts)
        case ClockSet():
            by_ms = given.input.by_ms
            return msgspec.structs.replace(
                shelf,
                unmatched_until_ms=_moved(shelf.unmatched_until_ms, by_ms),
                filling_until_ms=_moved(shelf.filling_until_ms, by_ms),
            ), ()
    return shelf, ()


def state_of(pieces: int, low_at: int) -> StockState:
    """The state that so many pieces mean on a shelf that is low at `low_at`."""
    if pieces <= 0:
        return "out"
    return "low" if pieces <= low_at else "ok"


def pieces_in(change_g: int, unit_g: int) -> tuple[int, int]:
    """Whole pieces in a change of weight, and p in whole per cent: 100 at whole pieces, 50 half-way between two."""
    if unit_g <= 0:
        return 0, 0
    pieces = divide_half_even(change_g, unit_g)
    return pieces, 100 - 100 * abs(change_g - pieces * unit_g) // unit_g


# --- what the sources say


def _weighed(
    shelf: Shelf, weighed: WeightSettled, given: Given, place: ShelfPlace | None, facts: Facts
) -> Stepped:
    before_g, after_g = _grams(weighed.before_g), _grams(weighed.after_g)
    rested = msgspec.structs.replace(shelf, weight_g=after_g)
    if place is None:
        return rested, ()
    at_ms = within_time(given.at_ms)
    if shelf.pieces is None:
        pieces, p = pieces_in(max(after_g, 0), place.unit_g)
        return _stands_at(rested, pieces, p, "count", given, place, facts)
    if shelf.weight_g is not None and 2 * abs(before_g - shelf.weight_g) >= place.unit_g:
        # Concluded from a rest that is not the one of this state: the same change was taken already, or its
        # turn was lost. What counts is where the shelf stands.
        before_g = shelf.weight_g
    by, p = pieces_in(after_g - before_g, place.unit_g)
    if by == 0 or (by > 0 and at_ms < shelf.filling_until_ms):
        return rested, ()
    alone, by = _matched(rested, by, "scale", at_ms)
    return _stands_at(alone, shelf.pieces + by, p, "pick" if by < 0 else "put", given, place, facts)


def _seen(shelf: Shelf, taken: GoodsTaken, given: Given, place: ShelfPlace, facts: Facts) -> Stepped:
    assert shelf.pieces is not None
    alone, by = _matched(shelf, -_bounded(taken.pieces), "seen", within_time(given.at_ms))
    reason = "pick" if by < 0 else "put"
    return _stands_at(alone, shelf.pieces + by, shelf.p, reason, given, place, facts)


def _restocked(
    shelf: Shelf, restocked: Restocked, given: Given, place: ShelfPlace | None, facts: Facts
) -> Stepped:
    if place is None:
        return shelf, (Reply("withdrawn", to_json({"reason": "no such shelf on the floor"})),)
    counted = msgspec.structs.replace(
        shelf, unmatched=0, filling_until_ms=within_time(given.at_ms + FILLING_MS)
    )
    after, effects = _stands_at(counted, restocked.pieces, 100, "restock", given, place, facts)
    body = {"shelf": after.shelf, "sku": after.sku, "pieces": after.pieces, "state": after.state}
    return after, (*effects, Reply("done", to_json(body)))


def _matched(shelf: Shelf, by: int, source: Source, at_ms: int) -> tuple[Shelf, int]:
    """What of this report is news: pieces that the other source reported just now are not counted twice."""
    waiting = shelf.unmatched if at_ms < shelf.unmatched_until_ms else 0
    if waiting and shelf.unmatched_by != source and (waiting > 0) == (by > 0):
        same = min(abs(waiting), abs(by)) * (1 if by > 0 else -1)
        waiting, by = waiting - same, by - same
        if waiting:
            return msgspec.structs.replace(shelf, unmatched=waiting), by
        return _alone(shelf, by, source, at_ms), by
    if shelf.unmatched_by == source and (waiting > 0) == (by > 0):
        return _alone(shelf, waiting + by, source, at_ms), by
    return _alone(shelf, by, source, at_ms), by


def _alone(shelf: Shelf, by: int, source: Source, at_ms: int) -> Shelf:
    until_ms = within_time(at_ms + MATCH_MS) if by else 0
    return msgspec.structs.replace(
        shelf, unmatched=_bounded(by), unmatched_by=source, unmatched_until_ms=until_ms
    )


# --- what follows


def _stands_at(
    shelf: Shelf, pieces: int, p: int, reason: str, given: Given, place: ShelfPlace, facts: Facts
) -> tuple[Shelf, tuple[Effect, ...]]:
    """So many pieces lie there now: the book of stock, the record, the signs, and a decision if it went low."""
    pieces = min(max(pieces, 0), PIECES_MAX)
    state = state_of(pieces, place.low_at)
    after = msgspec.structs.replace(shelf, sku=place.sku, pieces=pieces, state=state, p=p)
    by = pieces - (shelf.pieces or 0)
    if by == 0 and shelf.pieces is not None and shelf.sku == place.sku and reason != "restock":
        return after, ()
    effects: list[Effect] = [Know("stock", after.shelf, to_json(StockLine(place.sku, pieces, state, p)))]
    if by:
        moved = StockMoved(
            operation=given.operation or given.id,
            shelf=after.shelf,
            sku=place.sku,
            by=by,
            pieces=pieces,
            reason=reason,
            p=p,
            at_ms=within_time(given.at_ms),
        )
        effects.append(Emit("money", moved))
    effects.extend(_told_signs(shelf, after, facts))
    if shelf.pieces is not None and shelf.state == "ok" and state != "ok":
        effects.extend(_decided(after, given, place, facts))
    return after, tuple(effects)


def _told_signs(before: Shelf, after: Shelf, facts: Facts) -> Iterable[Effect]:
    """Signs hear of a product, not of a shelf: it is as well off as its best shelf."""
    others = [line.state for shelf, line in facts.stock_of(after.sku) if shelf != after.shelf]
    was = _best([*others, before.state]) if before.pieces is not None else ""
    now = _best([*others, after.state])
    if now != was:
        yield from (
            Tell(key("sign", sign), GoodsChanged(after.sku, now)) for sign in facts.signs_with(after.sku)
        )


def _best(states: list[StockState]) -> StockState:
    return min(states, key=_BEST.index)


def _decided(shelf: Shelf, given: Given, place: ShelfPlace, facts: Facts) -> Iterable[Effect]:
    context = Context(
        key=given.key,
        local=given.local,
        visit=f"{shelf.shelf}.{within_time(given.at_ms)}",
        subject_name=shelf.shelf,
        zone=place.zone,
        shelf=shelf.shelf,
        sku=shelf.sku,
        pieces=shelf.pieces,
    )
    decided = decide("shelf_low", context, facts)
    yield Decide(decided.decision)
    for campaign in decided.winners:
        yield from _shown(campaign, given, place, facts)


def _shown(campaign: Campaign, given: Given, place: ShelfPlace, facts: Facts) -> Iterable[Effect]:
    signs = dict.fromkeys(sign for zone in (campaign.zones or (place.zone,)) for sign in facts.signs_of(zone))
    for grant in campaign.grants:
        if grant.kind == "creative":
            asked = CreativeProposed(
                creative=grant.creative,
                campaign=campaign.id,
                for_key=given.key,
                until_ms=within_time(given.at_ms + campaign.lasts_s * 1_000),
                priority=campaign.priority,
            )
            yield from (Tell(key("sign", sign), asked) for sign in signs)


def _bounded(pieces: int) -> int:
    return min(max(pieces, -PIECES_MAX), PIECES_MAX)


def _grams(grams: int) -> int:
    return min(max(grams, -GRAMS_MAX), GRAMS_MAX)


def _moved(until_ms: int, by_ms: int) -> int:
    return within_time(until_ms + by_ms) if until_ms else 0
