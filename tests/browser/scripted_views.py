"""What the console is told of the scripted store."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edge.web.views import (
    CellView,
    ConsoleSnapshot,
    LatencyView,
    NeedsView,
    PersonView,
    RatesView,
    RateView,
    ScreenView,
    ShelfView,
    StageTime,
    TillView,
    ZoneView,
)

if TYPE_CHECKING:
    from tests.browser.scripted_door import Person, ScriptedDoor


def snapshot(door: ScriptedDoor) -> ConsoleSnapshot:
    """The scripted store as it is now."""
    floor = door.floor()
    inside = {zone: [one for one in door.people.values() if one.zone == zone] for zone in floor.zones}
    tills = list(floor.tills)
    return ConsoleSnapshot(
        incarnation="inc-1",
        seq=door.seq,
        now_ms=door.now_ms(),
        floor_version=floor.version,
        store=door.store().store,
        link=door.link,
        latency=_latency(door),
        rates=_rates(door),
        visits=len(door.people),
        sales_today_minor=door.sold_minor,
        sales_today=door.sales_today,
        people=tuple(_person(one) for one in door.people.values()),
        zones=tuple(ZoneView(zone, len(them), sum(p.member for p in them)) for zone, them in inside.items()),
        shelves=tuple(
            ShelfView(shelf, line.pieces, line.state, line.p) for shelf, line in door.facts.stock.items()
        ),
        screens=tuple(_screen(door, sign) for sign in floor.signs),
        tills=tuple(TillView(till, door.sales_today // 2, door.sold_minor // 2) for till in tills),
        cells=(
            CellView("floor", "ray" if door.ray else "here", 212, "ray"),
            CellView("account", "here", 61, "here"),
        ),
        needs=tuple(
            NeedsView("shelf_out", f"{floor.products[line.sku].name} is out", "Fill the shelf.", shelf, True)
            for shelf, line in door.facts.stock.items()
            if line.state == "out"
        ),
        decisions=tuple(door.made[:40]),
    )


def _person(one: Person) -> PersonView:
    return PersonView(
        one.subject, one.account, one.name, one.member, one.tier, one.zone, one.since_ms, len(one.zones),
        round(one.x, 2), round(one.y, 2), 0.6,
    )  # fmt: skip


def _screen(door: ScriptedDoor, sign: str) -> ScreenView:
    command = door.screen(sign)
    assert command is not None
    return ScreenView(
        sign, command.creative, command.campaign, command.version, door.screens[sign][3], command.until_ms,
        command.fields, door.heard.get(sign, 0), command.seq,
    )  # fmt: skip


def _latency(door: ScriptedDoor) -> LatencyView:
    typical = (("broker", 200), ("decode", 100), ("cell", 400), ("commit", 300), ("wire", 100))
    slow = (("broker", 500), ("decode", 200), ("cell", 1100), ("commit", 1400), ("wire", 200))
    return LatencyView(
        1100,
        3400,
        tuple(_wave(door, n, 3200, 260) for n in range(60)),
        tuple(StageTime(*one) for one in typical),
        tuple(StageTime(*one) for one in slow),
        3900,
    )


def _rates(door: ScriptedDoor) -> RatesView:
    return RatesView(
        RateView(412, tuple(_wave(door, n, 400, 26) for n in range(60))),
        RateView(38, tuple(_wave(door, n, 36, 7) for n in range(60))),
        RateView(3, tuple(float(max(0, _wave(door, n, 3, 2))) for n in range(20))),
    )


def _wave(door: ScriptedDoor, n: int, middle: int, swing: int) -> int:
    """A figure that wanders as a store does, and moves on with the clock."""
    at = door.now_ms() / 1000 + n
    return int(middle + swing * (math.sin(at / 7) + math.sin(at / 2.3 + middle)) / 2)
