"""The store's figures for Prometheus, read when somebody scrapes: (name, what it says, value, labels)."""

from __future__ import annotations

from collections.abc import Iterable

from edge import published
from edge.bootstrap import Store

Figure = tuple[str, str, float, dict[str, str]]


def figures(store: Store) -> Iterable[Figure]:
    """Every figure that the parts count anyway."""
    counts = store.engine.counts
    for name, value in (
        ("turns", counts.turns),
        ("groups", counts.groups),
        ("commits_failed", counts.commits_failed),
        ("cells_lost", counts.cells_lost),
        ("parked", counts.parked),
        ("replayed", counts.replayed),
        ("told_as_rows", counts.told_as_rows),
    ):
        yield f"endcap_{name}_total", f"Engine: {name.replace('_', ' ')}", float(value), {}
    yield "endcap_seq", "Newest turn", float(store.now.seq), {}
    yield "endcap_visits", "Open visits", float(len(store.now.shoppers)), {}
    yield "endcap_passers", "Unknown devices heard lately", float(store.hearing.passers()), {}
    yield "endcap_sightings_total", "Sightings of devices", float(store.hearing.sightings), {}
    keys = store.roster.resolver
    yield "endcap_identity_keys", "Keys of devices that change their ids", float(len(keys)), {}
    yield "endcap_identities_deferred_total", "New addresses not tried in time", float(keys.deferred), {}
    for (form, reason), value in store.hearing.refused.items():
        labels = {"format": form, "reason": reason}
        yield "endcap_mqtt_refused_total", "Device messages refused", float(value), labels
    for reason, value in store.money.refused.items():
        yield "endcap_mqtt_sales_refused_total", "Sales over MQTT refused", float(value), {"reason": reason}
    yield from _floor(store)
    yield from _seats(store)
    yield from _links(store)
    outward = store.outward
    yield "endcap_wallets_sent_total", "Wallets sent to phones", float(outward.wallets_sent), {}
    yield "endcap_screens_sent_total", "Commands sent to screens", float(outward.screens_sent), {}
    yield "endcap_causes_answered_total", "Causes that messages answered", float(outward.causes_answered), {}


def _floor(store: Store) -> Iterable[Figure]:
    now, now_ms = store.now, store.clock.now_ms()
    for zone in now.facts.zones:
        counted = now.facts.occupancy.get(zone)
        shoppers = 0 if counted is None else counted.shoppers
        yield "endcap_zone_shoppers", "Subjects announced in the zone", float(shoppers), {"zone": zone}
        if (crowd := published.crowd_bounds(now, zone, now_ms)) is not None:
            for bound, value in zip(("expected", "low", "high"), crowd, strict=True):
                labels = {"zone": zone, "bound": bound}
                yield (
                    "endcap_zone_crowd",
                    "Subjects expected in the zone, and their bounds",
                    float(value),
                    labels,
                )
    for scanner in now.facts.scanners:
        view = published.scanner_view(now, store.hearing, scanner, now_ms)
        labels = {"scanner": scanner, "state": view.state}
        yield "endcap_scanner_state", "1 for how the gateway is now", 1.0, labels
        yield "endcap_scanner_off_db", "How far its readings are off", view.off_db, {"scanner": scanner}


def _seats(store: Store) -> Iterable[Figure]:
    for name, seat in store.engine.seats.items():
        cell = {"cell": name}
        yield "endcap_waiting", "Inputs and readings that wait", float(seat.inbox.waiting), cell
        yield "endcap_shed_total", "Readings dropped on purpose", float(seat.inbox.shed), cell
        yield "endcap_coalesced_total", "Readings replaced by newer ones", float(seat.inbox.coalesced), cell
        yield "endcap_entities", "Entities held", float(len(seat.residents)), cell
    for name, place in store.cells.places().items():
        labels = {"cell": name, "where": place.where}
        yield "endcap_cell_place", "1 where the cell runs now", 1.0, labels
        yield "endcap_cell_lost_total", "How often the cell was lost", float(place.losses), {"cell": name}


def _links(store: Store) -> Iterable[Figure]:
    links = {"telemetry": store.telemetry_link, "money": store.money_link}
    if store.sparkplug_state is not None:
        links["sparkplug"] = store.sparkplug_state.link
    for name, link in links.items():
        lane = {"link": f"mqtt {name}"}
        yield "endcap_link_up", "1 while the link is up", float(link.state == "up"), lane
        yield "endcap_link_received_total", "Messages received", float(link.counts.received), lane
        yield "endcap_link_published_total", "Messages published", float(link.counts.published), lane
        yield "endcap_link_dropped_total", "Messages not taken by the link", float(link.counts.dropped), lane
        yield (
            "endcap_link_refused_total",
            "Messages that cannot be read or sent",
            float(link.counts.refused),
            lane,
        )
    for stream, waiting in store.db.backlog().items():
        yield "endcap_backlog", "Records that head office has not applied", float(waiting), {"stream": stream}
    if store.sync is not None:
        up = store.sync.up.state().up
        yield "endcap_link_up", "1 while the link is up", float(up), {"link": "head office"}
