"""Reads what a campaign gives, and refuses a reward that costs more than it should or reaches nobody."""

from __future__ import annotations

from actors.campaigns.known import Known
from actors.campaigns.reading import Reading
from actors.campaigns.text import Node, Table
from actors.campaigns.words import money
from protocols.decisions import Grant, Trigger
from protocols.ids import CreativeId

GRANTS_MAX = 8
POINTS_MAX = 100_000
DISCOUNT_MAX = 100_000
"""Most that one offer may take off one piece, in minor units. A slip of the decimal point stops here."""

KINDS = ("offer", "points", "points_rate", "message", "creative")


def read_gives(
    reading: Reading, node: Node | None, place: Node, trigger: Trigger, known: Known
) -> list[Grant]:
    """The grants of one campaign. Whatever is wrong is told in `reading`."""
    entries = reading.listed(node, "gives")
    if not entries:
        reading.tell(node or place, f"a campaign gives something; list one or more of: {', '.join(KINDS)}")
    if len(entries) > GRANTS_MAX:
        reading.tell(entries[GRANTS_MAX], f"more than {GRANTS_MAX} rewards in one campaign; split it")
    grants = []
    for entry in entries[:GRANTS_MAX]:
        grant = _grant(reading, entry, trigger, known)
        if grant is not None and grant in grants:
            reading.tell(entry, "the same reward stands here twice; keep one")
        elif grant is not None:
            grants.append(grant)
    return grants


def _grant(reading: Reading, entry: Node, trigger: Trigger, known: Known) -> Grant | None:
    if not isinstance(entry, Table) or len(entry.entries) != 1:
        reading.tell(entry, f"a reward is one of {', '.join(KINDS)}, such as - points: 30")
        return None
    kind, node = next(iter(entry.entries.items()))
    if kind not in KINDS:
        reading.tell(entry.keys[kind], f"there is no reward '{kind[:40]}'; {reading.hint(kind, KINDS)}")
        return None
    if trigger == "shelf_low" and kind != "creative":
        reading.tell(
            entry.keys[kind], "nobody is there when a shelf runs low; give a creative, for the screens"
        )
        return None
    if trigger == "sale_closed" and kind == "creative":
        reading.tell(entry.keys[kind], "a closed sale has no zone, so no screen; use basket_changed for that")
        return None
    if trigger != "sale_closed" and kind == "points_rate":
        reading.tell(
            entry.keys[kind], "points for money spent need the trigger sale_closed; or give fixed points"
        )
        return None
    match kind:
        case "offer":
            return _offer(reading, node, known)
        case "points":
            return _points(reading, node, known)
        case "points_rate":
            return _rate(reading, node)
        case "message":
            return _message(reading, node)
    creative = reading.known(node, known.creatives, "creative")
    return None if creative is None else Grant("creative", creative=CreativeId(creative))


def _offer(reading: Reading, node: Node, known: Known) -> Grant | None:
    table = reading.table(node, ("sku", "off", "title", "text"), "an offer")
    if table is None:
        return None
    fields = table.entries
    for name in ("sku", "off"):
        if name not in fields:
            reading.tell(table, f"an offer needs '{name}'")
    sku = reading.known(fields.get("sku"), known.products, "product")
    off = reading.money(fields.get("off"), "off", high=DISCOUNT_MAX)
    title = reading.text(fields.get("title"), "title")
    text = reading.text(fields.get("text"), "text")
    if sku is None or off is None:
        return None
    product = known.products.get(sku) if known.products is not None else None
    if off == 0:
        reading.tell(fields["off"], "an offer of 0.00 off gives nothing; say how much")
    elif product is not None and off > product.price_minor:
        reading.tell(
            fields["off"], f"takes {money(off)} off a product of {money(product.price_minor)}; give less"
        )
    return Grant(
        "offer",
        title=title or (product.name if product else sku),
        text=text or "",
        sku=sku,
        discount_minor=off,
    )


def _points(reading: Reading, node: Node, known: Known) -> Grant | None:
    if not isinstance(node, Table):
        points = reading.whole(node, "points", low=1, high=POINTS_MAX)
        return None if points is None else Grant("points", points=points)
    table = reading.table(node, ("points", "title", "text", "sku"), "points")
    if table is None or "points" not in table.entries:
        reading.tell(node, "points need a number, such as points: 30, or {points: 30, title: Sourdough loaf}")
        return None
    points = reading.whole(table.entries["points"], "points", low=1, high=POINTS_MAX)
    title = reading.text(table.entries.get("title"), "title") or ""
    text = reading.text(table.entries.get("text"), "text") or ""
    sku = reading.known(table.entries.get("sku"), known.products, "product") or ""
    return None if points is None else Grant("points", points=points, title=title, text=text, sku=sku)


def _rate(reading: Reading, node: Node) -> Grant | None:
    table = reading.table(node, ("points", "per", "title"), "points_rate")
    if table is None:
        return None
    for name in ("points", "per"):
        if name not in table.entries:
            reading.tell(table, f"points_rate needs '{name}', such as {{points: 1, per: 1.00}}")
    points = reading.whole(table.entries.get("points"), "points", low=1, high=POINTS_MAX)
    per = reading.money(table.entries.get("per"), "per", high=DISCOUNT_MAX)
    title = reading.text(table.entries.get("title"), "title") or ""
    if points is None or per is None:
        return None
    if points > per:  # one point is worth one minor unit
        reading.tell(
            table, f"gives {points} points, worth {money(points)}, for every {money(per)}; give less"
        )
        return None
    return Grant("points_rate", points=points, per_minor=per, title=title)


def _message(reading: Reading, node: Node) -> Grant | None:
    if not isinstance(node, Table):
        text = reading.text(node, "message")
        title: str | None = ""
    else:
        table = reading.table(node, ("title", "text"), "a message")
        title = reading.text(node.entries.get("title"), "title") or ""
        text = reading.text(node.entries.get("text"), "text") if table is not None else None
    if not text:
        reading.tell(node, "a message needs a text")
        return None
    return Grant("message", title=title or "", text=text)
