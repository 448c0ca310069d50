"""The store as the console draws it, made from what the engine's outward side remembers. Soft, and read only."""

from __future__ import annotations

from collections.abc import Mapping

from edge.cells.house import Place
from edge.hearing import Hearing
from edge.measures import Measures
from edge.now import Now, account_of
from edge.seats import Seat
from edge.web.views import (
    CellView,
    ConsoleSnapshot,
    LinkView,
    NeedsView,
    PersonView,
    ScreenView,
    ShelfView,
    StoreView,
    TillView,
    ZoneView,
)
from protocols.ids import UNKNOWN_ZONE

SILENT_MS = 30_000
"""A gateway that said nothing for so long is named, if it was ever heard and anybody is in the store."""


def snapshot(
    now: Now,
    now_ms: int,
    incarnation: str,
    store: StoreView,
    link: LinkView,
    measures: Measures,
    hearing: Hearing,
    seats: Mapping[str, Seat],
    places: Mapping[str, Place],
    troubles: tuple[NeedsView, ...],
) -> ConsoleSnapshot:
    """Everything, whole."""
    facts = now.facts
    return ConsoleSnapshot(
        incarnation=incarnation,
        seq=now.seq,
        now_ms=now_ms,
        floor_version=now.floor_version,
        store=store,
        link=link,
        latency=measures.latency(now_ms, hearing.gateway_age_ms),
        rates=measures.rates(now_ms, sum(seat.inbox.shed for seat in seats.values())),
        visits=len(now.shoppers),
        sales_today_minor=sum(till.total_minor for till in now.tills.values()),
        sales_today=sum(till.sales for till in now.tills.values()),
        people=_people(now),
        zones=_zones(now),
        shelves=tuple(
            ShelfView(shelf, line.pieces, line.state, line.p)
            if (line := facts.stock.get(shelf)) is not None
            else ShelfView(shelf, None, "ok", 0)
            for shelf in facts.shelves
        ),
        screens=_screens(now),
        tills=tuple(
            TillView(till, today.sales, today.total_minor)
            if (today := now.tills.get(till)) is not None
            else TillView(till)
            for till in facts.tills
        ),
        cells=tuple(
            CellView(
                cell,
                place.where,
                len(seats[cell].residents) if cell in seats else 0,
                "here" if place.ray in ("off", "refused") else "ray",
            )
            for cell, place in places.items()
        ),
        needs=(*troubles, *_needs(now, hearing, now_ms)),
        decisions=tuple(reversed(now.decisions)),
    )


def _people(now: Now) -> tuple[PersonView, ...]:
    people = []
    for key, shopper in now.shoppers.items():
        at = now.positions.get(key)
        people.append(
            PersonView(
                subject=shopper.subject,
                account=account_of(shopper, key),
                name=shopper.name,
                member=shopper.member,
                tier=shopper.tier,
                zone=shopper.zone,
                since_ms=shopper.entered_at_ms,
                zones_seen=len(shopper.zones),
                x=None if at is None else round(at.x, 2),
                y=None if at is None else round(at.y, 2),
                doubt_m=0.0 if at is None else round(at.doubt_m, 2),
            )
        )
    return tuple(people)


def _zones(now: Now) -> tuple[ZoneView, ...]:
    shoppers: dict[str, int] = dict.fromkeys(now.facts.zones, 0)
    members: dict[str, int] = {}
    for shopper in now.shoppers.values():
        shoppers[shopper.zone] = shoppers.get(shopper.zone, 0) + 1
        members[shopper.zone] = members.get(shopper.zone, 0) + shopper.member
    shoppers.pop(UNKNOWN_ZONE, None)
    return tuple(ZoneView(zone, count, members.get(zone, 0)) for zone, count in shoppers.items())


def _screens(now: Now) -> tuple[ScreenView, ...]:
    return tuple(
        ScreenView(
            sign=sign,
            creative=shown.command.creative,
            campaign=shown.command.campaign,
            version=shown.command.version,
            since_ms=shown.since_ms,
            until_ms=shown.command.until_ms,
            fields=shown.command.fields,
            heard_ms=shown.heard_ms,
            seq=shown.command.seq,
        )
        for sign, shown in sorted(now.screens.items())
        if sign in now.facts.signs
    )


def _needs(now: Now, hearing: Hearing, now_ms: int) -> tuple[NeedsView, ...]:
    """What a person should look at: empty shelves, gateways that fell silent."""
    needs: list[NeedsView] = []
    facts = now.facts
    for shelf, line in facts.stock.items():
        product = facts.products.get(line.sku)
        if line.state == "out" and product is not None:
            needs.append(
                NeedsView("shelf_out", f"{product.name} is out", "Fill the shelf.", shelf, urgent=True)
            )
    for scanner in facts.scanners:
        heard_ms = hearing.scanners.get(scanner)
        is_silent = scanner in hearing.silent or (heard_ms is not None and now_ms - heard_ms > SILENT_MS)
        if is_silent and now.shoppers:
            say = f"Gateway {scanner} is silent"
            if heard_ms is not None:
                say += f", {(now_ms - heard_ms) // 1000} s"
            needs.append(NeedsView("gateway_silent", say, "Look at its power and Wi-Fi.", scanner))
    return tuple(needs)
