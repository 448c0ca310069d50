"""Reads the conditions of one campaign: the fact that its trigger can see, one relation, and what is wanted."""

from __future__ import annotations

from typing import get_args

from actors.campaigns.checking import RELATIONS, clock_text
from actors.campaigns.conditions import FACTS, TIERS, WEEKDAYS, FactKind, Relation, facts_of
from actors.campaigns.known import Known
from actors.campaigns.reading import Reading
from actors.campaigns.text import Many, Node, Table
from actors.campaigns.words import duration, money
from protocols.decisions import Scalar, Trigger
from protocols.facts import Condition
from protocols.money import AMOUNT_MAX

CONDITIONS_MAX = 16
WANTS_MAX = 50
ALL_RELATIONS: tuple[Relation, ...] = get_args(Relation)

SPELLINGS = {
    "basket_total": "basket_total_minor",
    "sale_total": "sale_total_minor",
    "dwell": "dwell_s",
    "time": "minute_of_day",
}
"""Friendlier names of facts in the file: amounts as people write them, times with their unit."""

_RELATION_WORDS: dict[Relation, str] = {
    "is": "is",
    "is_not": "is not",
    "at_least": "is at least",
    "at_most": "is at most",
    "in": "is one of",
    "not_in": "is none of",
    "has": "holds",
    "has_not": "does not hold",
}


def read_conditions(
    reading: Reading, node: Node | None, trigger: Trigger, known: Known
) -> list[tuple[Condition, Node]]:
    """The conditions with their places. Whatever is wrong is told in `reading`."""
    entries = reading.listed(node, "conditions")
    if node is not None and len(entries) > CONDITIONS_MAX:
        reading.tell(
            entries[CONDITIONS_MAX], f"more than {CONDITIONS_MAX} conditions; make two campaigns of it"
        )
    found = []
    for entry in entries[:CONDITIONS_MAX]:
        condition = _condition(reading, entry, trigger, known)
        if condition is not None:
            found.append((condition, entry))
    return found


def _condition(reading: Reading, entry: Node, trigger: Trigger, known: Known) -> Condition | None:
    table = reading.table(entry, ("fact", "say", *ALL_RELATIONS), "a condition")
    if table is None:
        return None
    kind, as_money = _fact(reading, table, trigger)
    relation = _relation(reading, table)
    if kind is None or relation is None:
        return None
    if relation not in RELATIONS[kind.form]:
        usable = ", ".join(RELATIONS[kind.form])
        reading.tell(
            table.keys[relation], f"'{kind.name}' has no relation '{relation}'; use one of: {usable}"
        )
        return None
    want = _want(reading, table.entries[relation], kind, relation, as_money, known)
    if want is None:
        return None
    say = reading.text(table.entries.get("say"), "say") or sentence(kind, relation, want)
    return Condition(kind.name, relation, want, say)


def _fact(reading: Reading, table: Table, trigger: Trigger) -> tuple[FactKind | None, bool]:
    node = table.entries.get("fact")
    if node is None:
        reading.tell(table, "a condition needs a fact; see the list in the schema of this file")
        return None, False
    written = reading.text(node, "fact")
    if written is None:
        return None, False
    kind = FACTS.get(SPELLINGS.get(written, written))
    visible = facts_of(trigger)
    if kind is None or trigger not in kind.triggers:
        spelled = [name for name, real in SPELLINGS.items() if real in visible]
        wrong = "there is no fact" if kind is None else f"a campaign on {trigger} cannot see"
        reading.tell(node, f"{wrong} '{written[:40]}'; {reading.hint(written, (*visible, *spelled))}")
        return None, False
    return kind, written in SPELLINGS and kind.form == "money"


def _relation(reading: Reading, table: Table) -> Relation | None:
    written = [relation for relation in ALL_RELATIONS if relation in table.entries]
    if len(written) == 1:
        return written[0]
    if not written:
        reading.tell(table, f"a condition needs one of: {', '.join(ALL_RELATIONS)}")
    else:
        reading.tell(
            table.keys[written[1]], f"a condition has one relation; make two of it: {', '.join(written)}"
        )
    return None


def _want(
    reading: Reading, node: Node, kind: FactKind, relation: Relation, as_money: bool, known: Known
) -> Scalar | tuple[Scalar, ...]:
    if relation in ("in", "not_in") or (relation in ("has", "has_not") and isinstance(node, Many)):
        entries = reading.listed(node, relation)
        if not entries or len(entries) > WANTS_MAX:
            reading.tell(node, f"{relation} wants a list of 1 to {WANTS_MAX} values")
            return None
        wants = [_one(reading, entry, kind, as_money, known) for entry in entries]
        return None if None in wants else tuple(dict.fromkeys(wants))
    return _one(reading, node, kind, as_money, known)


def _one(reading: Reading, node: Node, kind: FactKind, as_money: bool, known: Known) -> Scalar:
    what = kind.name
    match kind.form:
        case "number":
            return reading.whole(node, what, low=-(10**9))
        case "money":
            if as_money:
                return reading.money(node, what)
            return reading.whole(node, f"{what}, in cents", high=AMOUNT_MAX)
        case "seconds":
            return reading.seconds(node, what, high=86_400)
        case "minute":
            return reading.minute(node, what)
        case "day":
            return reading.day(node, what)
        case "flag":
            return reading.flag(node, what)
        case "tier":
            return reading.choice(node, TIERS, what)
        case "weekday":
            return reading.choice(node, WEEKDAYS, what)
    if kind.values:
        return reading.choice(node, kind.values, what)
    return reading.known(node, known.names(kind.book), kind.book or what)


def sentence(kind: FactKind, relation: Relation, want: Scalar | tuple[Scalar, ...]) -> str:
    """A plain sentence for a condition that brought none."""
    wants = want if isinstance(want, tuple) else (want,)
    shown = ", ".join(_shown(kind, one) for one in wants)
    name = kind.name.removesuffix("_minor").removesuffix("_s").replace("_", " ").capitalize()
    return f"{name} {_RELATION_WORDS[relation]} {shown}"


def _shown(kind: FactKind, want: Scalar) -> str:
    if isinstance(want, bool):
        return "yes" if want else "no"
    if isinstance(want, int):
        if kind.form == "money":
            return money(want)
        if kind.form == "seconds":
            return duration(want)
        return clock_text(want) if kind.form == "minute" else f"{want:,}"
    return str(want)
