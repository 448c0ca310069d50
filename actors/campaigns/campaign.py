"""Reads one campaign of the file: trigger, window, conditions, rewards, caps, group."""

from __future__ import annotations

from dataclasses import dataclass

from actors.campaigns.asked import read_conditions
from actors.campaigns.conditions import TRIGGERS, WEEKDAYS
from actors.campaigns.known import Known
from actors.campaigns.reading import Reading
from actors.campaigns.rewards import read_gives
from actors.campaigns.text import Mark, Node, Table, Text
from protocols.decisions import Grant, Trigger
from protocols.facts import Campaign, Condition, When
from protocols.ids import CampaignId, Sku, ZoneId
from protocols.inputs import Caps

FIELDS = (
    "id",
    "name",
    "trigger",
    "when",
    "conditions",
    "gives",
    "caps",
    "group",
    "priority",
    "lasts",
    "consent",
    "version",
)
TRIGGER_FIELDS: dict[Trigger, tuple[str, ...]] = {
    "zone_entered": ("zone", "zones"),
    "dwelled": ("zone", "zones", "for"),
    "basket_changed": ("zone", "zones", "sku", "skus", "category", "categories"),
    "sale_closed": ("sku", "skus", "category", "categories"),
    "shelf_low": ("zone", "zones", "sku", "skus", "category", "categories"),
}
DWELL_MAX_S = 4 * 3600
LASTS_S = 30 * 60
PURPOSES = ("offers", "location", "profile", "none")
PLACES_MAX = 100
PRIORITY_MAX = 1000
CAP_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Placed:
    """A campaign, where it stands in the file, and where each of its conditions does.

    `whole` is false when a reward could not be read: what follows from the rewards is then not judged.
    """

    campaign: Campaign
    mark: Mark
    condition_marks: tuple[Mark, ...]
    trigger_mark: Mark
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Start:
    """What fires a campaign."""

    trigger: Trigger
    zones: tuple[ZoneId, ...] = ()
    skus: tuple[Sku, ...] = ()
    categories: tuple[str, ...] = ()
    dwell_s: int = 0


@dataclass(frozen=True, slots=True)
class _Rank:
    """How a campaign stands among others, and how long its offers last."""

    group: str
    priority: int
    lasts_s: int
    version: int


def read_campaign(reading: Reading, node: Node, known: Known) -> Placed | None:
    """One campaign, or None if it has no identity or no trigger. Problems are told in `reading`."""
    table = reading.table(node, FIELDS, "a campaign")
    if table is None:
        return None
    fields = table.entries
    for needed in ("id", "name", "trigger", "gives"):
        if needed not in fields:
            reading.tell(table, f"a campaign needs '{needed}'")
    ident = reading.ident(fields.get("id"), "campaign")
    name = reading.text(fields.get("name"), "name")
    start = _trigger(reading, fields.get("trigger"), known)
    when = _when(reading, fields.get("when"))
    if start is None:
        return None
    asked = read_conditions(reading, fields.get("conditions"), start.trigger, known)
    before = len(reading.problems) + reading.untold
    grants = tuple(read_gives(reading, fields.get("gives"), table, start.trigger, known))
    whole = len(reading.problems) + reading.untold == before
    creative_only = whole and all(grant.kind == "creative" for grant in grants)
    caps = _caps(reading, table, start.trigger, creative_only)
    consent = _consent(reading, fields.get("consent"), start.trigger, grants)
    rank = _rank(reading, table)
    if ident is None or name is None:
        return None
    campaign = Campaign(
        id=CampaignId(ident),
        name=name,
        trigger=start.trigger,
        conditions=tuple(condition for condition, _ in asked),
        grants=grants,
        zones=start.zones,
        skus=start.skus,
        categories=start.categories,
        dwell_s=start.dwell_s,
        when=when,
        caps=caps,
        group=rank.group,
        priority=rank.priority,
        lasts_s=rank.lasts_s,
        needs_consent=consent,
        version=rank.version,
    )
    marks = tuple(entry.mark for _, entry in asked)
    return Placed(campaign, fields["id"].mark, marks, fields["trigger"].mark, whole)


def _rank(reading: Reading, table: Table) -> _Rank:
    fields = table.entries
    group = reading.ident(fields.get("group"), "group")
    priority = reading.whole(fields.get("priority"), "priority", low=-PRIORITY_MAX, high=PRIORITY_MAX)
    lasts = reading.seconds(fields.get("lasts"), "lasts", low=10)
    version = reading.whole(fields.get("version"), "version", low=1)
    return _Rank(group or "", priority or 0, LASTS_S if lasts is None else lasts, version or 1)


def _trigger(reading: Reading, node: Node | None, known: Known) -> _Start | None:
    if node is None:
        return None
    fields: Node | None = None
    if isinstance(node, Table) and len(node.entries) == 1:
        name, fields = next(iter(node.entries.items()))
    elif isinstance(node, Text):
        name = node.text
    else:
        reading.tell(
            node, f"a trigger is one of {', '.join(TRIGGERS)}, such as trigger: {{zone_entered: coffee}}"
        )
        return None
    trigger = next((one for one in TRIGGERS if one == name), None)
    if trigger is None:
        reading.tell(node, f"there is no trigger '{name[:40]}'; {reading.hint(name, TRIGGERS)}")
        return None
    if fields is not None and not isinstance(fields, Table) and trigger in ("zone_entered", "dwelled"):
        fields = Table({"zones": fields}, {"zones": fields.mark}, fields.mark)  # zone_entered: coffee
    table = reading.table(fields or Table({}, {}, node.mark), TRIGGER_FIELDS[trigger], trigger)
    return None if table is None else _started(reading, trigger, table, known)


def _started(reading: Reading, trigger: Trigger, table: Table, known: Known) -> _Start:
    zones = _names(reading, table, ("zone", "zones"), "zone", known)
    skus = _names(reading, table, ("sku", "skus"), "product", known)
    categories = _names(reading, table, ("category", "categories"), "category", known)
    dwell_s = 0
    if trigger == "dwelled":
        if "for" not in table.entries:
            reading.tell(table, "dwelled needs 'for', such as {zone: dairy, for: 20s}")
        dwell_s = reading.seconds(table.entries.get("for"), "for", low=1, high=DWELL_MAX_S) or 0
    return _Start(
        trigger,
        tuple(ZoneId(zone) for zone in zones),
        tuple(Sku(sku) for sku in skus),
        tuple(categories),
        dwell_s,
    )


def _names(reading: Reading, table: Table, spelled: tuple[str, str], book: str, known: Known) -> list[str]:
    one, many = spelled
    if one in table.entries and many in table.entries:
        reading.tell(table.keys[many], f"'{one}' and '{many}' both stand here; keep one")
    node = table.entries.get(one, table.entries.get(many))
    entries = reading.listed(node, many)
    if node is not None and not 1 <= len(entries) <= PLACES_MAX:
        reading.tell(node, f"{many} must be a list of 1 to {PLACES_MAX}; leave it out for all")
        return []
    found = [reading.known(entry, known.names(book), book) for entry in entries]
    return list(dict.fromkeys(name for name in found if name is not None))


def _when(reading: Reading, node: Node | None) -> When:
    if node is None:
        return When()
    table = reading.table(node, ("days", "from", "to", "first_day", "last_day"), "when")
    if table is None:
        return When()
    fields = table.entries
    days = [reading.choice(day, WEEKDAYS, "a day") for day in reading.listed(fields.get("days"), "days")]
    start, end = reading.minute(fields.get("from"), "from"), reading.minute(fields.get("to"), "to")
    start, end = start or 0, 1440 if end is None else end
    if start >= end:
        place = fields.get("to") or fields.get("from") or table
        reading.tell(place, "the window ends before it begins; over midnight, make two campaigns of it")
    first_day = reading.day(fields.get("first_day"), "first_day") or ""
    last_day = reading.day(fields.get("last_day"), "last_day") or ""
    if first_day and last_day and last_day < first_day:
        reading.tell(fields["last_day"], f"ends on {last_day}, before it begins on {first_day}")
    weekdays = tuple(sorted({WEEKDAYS.index(day) for day in days if day is not None}))
    return When(first_day, last_day, weekdays, start, end)


def _caps(reading: Reading, table: Table, trigger: Trigger, creative_only: bool) -> Caps:
    node = table.entries.get("caps")
    if node is None:
        if trigger != "shelf_low" and not creative_only:
            reading.tell(
                table, "caps are missing; write how often, such as caps: {visit: 1, day: 2, store: 500}"
            )
        return Caps()
    if isinstance(node, Text) and node.text == "none":
        if trigger not in ("sale_closed", "shelf_low") and not creative_only:
            reading.tell(node, f"without caps it is given at every {trigger}; only a sale may go uncapped")
        return Caps()
    allowed = _allowed_caps(trigger, creative_only)
    caps = reading.table(node, ("visit", "day", "member", "store"), "caps")
    if caps is None:
        return Caps()
    for name in caps.entries:
        if name in ("visit", "day", "member", "store") and name not in allowed:
            what = f"{', '.join(allowed)} can" if allowed else "nothing can"
            reading.tell(caps.keys[name], f"'{name}' is not counted for this campaign; {what} be capped here")
    counts = {name: reading.whole(caps.entries.get(name), name, low=1, high=CAP_MAX) or 0 for name in allowed}
    if not caps.entries:
        reading.tell(caps, "caps are empty; write how often, such as {visit: 1}")
    return Caps(**counts)


def _allowed_caps(trigger: Trigger, creative_only: bool) -> tuple[str, ...]:
    """Which caps somebody counts: the shopper those of a visit, the account all others."""
    if trigger == "shelf_low":
        return ()
    if creative_only:
        return ("visit",)
    return ("day", "member", "store") if trigger == "sale_closed" else ("visit", "day", "member", "store")


def _consent(reading: Reading, node: Node | None, trigger: Trigger, grants: tuple[Grant, ...]) -> str:
    """The purpose that is asked for. Points on a sale are the programme itself; screens address nobody."""
    purpose = reading.choice(node, PURPOSES, "consent")
    if purpose is not None:
        return "" if purpose == "none" else purpose
    kinds = {grant.kind for grant in grants}
    if kinds & {"offer", "message"}:
        return "offers"
    return "offers" if "points" in kinds and trigger != "sale_closed" else ""


def condition_of(placed: Placed, fact: str, *relations: str) -> list[tuple[Condition, Mark]]:
    """The conditions of a campaign on one fact, with their places."""
    pairs = zip(placed.campaign.conditions, placed.condition_marks, strict=True)
    return [
        (one, mark)
        for one, mark in pairs
        if one.fact == fact and (not relations or one.relation in relations)
    ]
