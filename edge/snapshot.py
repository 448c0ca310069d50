"""The store as the console draws it, made from what the engine's outward side remembers. Soft, and read only."""

from __future__ import annotations

from collections.abc import Mapping

from actors.shopper import Shopper, journey
from edge.cells.house import Place
from edge.hearing import Hearing
from edge.measures import Measures
from edge.now import Now, account_of
from edge.published import crowd_bounds, scanner_view
from edge.seats import Seat
from edge.web.views import (
    CellView,
    ConsoleSnapshot,
    LinkView,
    NeedsView,
    PersonView,
    ScreenView,
    ShelfView,
    StayView,
    StoreView,
    TillView,
    ZoneView,
)
from protocols.api import ScannerView
from protocols.ids import UNKNOWN_ZONE, ZoneId

JOURNEY_STAYS_MAX = 12
"""A person's newest stays in one console message."""

JOURNEYS_MAX = 300
"""With more people inside than this the console's message has no journeys: it would be megabytes, twice a second."""

SCANNER_NEEDS = {
    "silent": ("gateway_silent", "Look at its power and Wi-Fi."),
    "deaf": ("gateway_deaf", "Look at its antenna and at what stands in front of it."),
    "moved": ("gateway_moved", "Hang it back, or draw it where it hangs now and survey again."),
}
"""The code of what a person should look at for each state of a gateway that is not well, and what to do."""


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
        zones=_zones(now, hearing, now_ms),
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
    with_journeys = len(now.shoppers) <= JOURNEYS_MAX
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
                journey=_journey(shopper) if with_journeys else (),
            )
        )
    return tuple(people)


def _journey(shopper: Shopper) -> tuple[StayView, ...]:
    stays = journey(shopper)[-JOURNEY_STAYS_MAX:]
    return tuple(StayView(stay.zone, stay.entered_at_ms, stay.left_at_ms or None) for stay in stays)


def _zones(now: Now, hearing: Hearing, now_ms: int) -> tuple[ZoneView, ...]:
    shoppers: dict[str, int] = dict.fromkeys(now.facts.zones, 0)
    members: dict[str, int] = {}
    for shopper in now.shoppers.values():
        shoppers[shopper.zone] = shoppers.get(shopper.zone, 0) + 1
        members[shopper.zone] = members.get(shopper.zone, 0) + shopper.member
    shoppers.pop(UNKNOWN_ZONE, None)
    passers = hearing.passers_by_zone()
    views = []
    for zone, count in shoppers.items():
        crowd = crowd_bounds(now, zone, now_ms)
        expected, low, high = (None, None, None) if crowd is None else crowd
        strangers = passers.get(ZoneId(zone), 0)
        views.append(ZoneView(zone, count, members.get(zone, 0), expected, low, high, strangers))
    return tuple(views)


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
    for scanner in facts.scanners if now.shoppers else ():
        view = scanner_view(now, hearing, scanner, now_ms)
        if view.state in SCANNER_NEEDS:
            code, do = SCANNER_NEEDS[view.state]
            needs.append(NeedsView(code, _said(view, now_ms), do, scanner))
    return tuple(needs)


def _said(view: ScannerView, now_ms: int) -> str:
    """What is the matter with a gateway, in a sentence."""
    if view.state == "silent":
        since = f", {(now_ms - view.since_ms) // 1000} s" if view.since_ms else ""
        return f"Gateway {view.scanner} is silent{since}"
    if view.state == "deaf":
        return f"Gateway {view.scanner} hears {abs(view.off_db):.0f} dB less than it should"
    return f"Gateway {view.scanner} hangs elsewhere than it is drawn"
