"""How a condition is checked: compiled once into a reader and a judge, and told to people when it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.campaigns.conditions import FACTS, TIERS, FactKind, Form, Goods, Relation, Seen, Value
from protocols.decisions import Checked, Scalar
from protocols.facts import Condition
from protocols.money import MILLION

SAW_VALUES_MAX = 8
"""Values of a set that an explanation shows. Those that were asked for come first, so none of them is cut."""

_ORDERED: tuple[Relation, ...] = ("is", "is_not", "at_least", "at_most", "in", "not_in")
_NAMED: tuple[Relation, ...] = ("is", "is_not", "in", "not_in")
RELATIONS: dict[Form, tuple[Relation, ...]] = {
    "number": _ORDERED,
    "money": _ORDERED,
    "seconds": _ORDERED,
    "minute": _ORDERED,
    "day": _ORDERED,
    "tier": _ORDERED,
    "flag": ("is", "is_not"),
    "text": _NAMED,
    "weekday": _NAMED,
    "set": ("has", "has_not"),
}
"""Which relations make sense for which form of value. `has` a list means: has at least one of it."""

ORDERED_FORMS: tuple[Form, ...] = ("number", "money", "seconds", "minute")
"""Forms whose values have a distance. Tiers have one too, by rank."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """One condition, ready: `read` gives the value seen, `holds` judges it.

    `slot` is where a decision keeps the value, so that each is read once for all campaigns that ask for it.
    """

    condition: Condition
    kind: FactKind
    slot: str
    read: Callable[[Seen], Value]
    holds: Callable[[Value], bool]

    def checked(self, saw: Value) -> Checked:
        """The condition as it was checked, with the sentence for people."""
        holds = self.holds(saw)
        want = self.condition.want
        return Checked(
            say=self.condition.say,
            fact=self.condition.fact,
            relation=self.condition.relation,
            want=_shown(self.kind, want),
            saw=_shown_set(saw, want) if isinstance(saw, tuple) else _shown(self.kind, saw),
            holds=holds,
            distance=0 if holds else distance(self.kind.form, self.condition.relation, saw, want),
        )


def compile_condition(condition: Condition, goods: Goods) -> Compiled:
    """The condition as closures. Raises KeyError or ValueError for one that the loader would have refused."""
    kind = FACTS[condition.fact]
    if condition.relation not in RELATIONS[kind.form]:
        raise ValueError(f"{condition.fact} has no relation {condition.relation}")
    slot = f"{kind.name} {' '.join(goods.skus)}" if kind.own else kind.name
    return Compiled(condition, kind, slot, _reader(kind, slot, goods), _judge(kind, condition))


def _reader(kind: FactKind, slot: str, goods: Goods) -> Callable[[Seen], Value]:
    read = kind.read

    def once(seen: Seen) -> Value:
        try:
            return seen.values[slot]
        except KeyError:
            value = seen.values[slot] = read(seen, goods)
            return value

    return once


def _judge(kind: FactKind, condition: Condition) -> Callable[[Value], bool]:
    relation, want = condition.relation, condition.want
    if kind.form == "tier" and relation in ("at_least", "at_most"):
        rank = _rank(want)
        if relation == "at_least":
            return lambda saw: saw is not None and _rank(saw) >= rank
        return lambda saw: saw is not None and _rank(saw) <= rank
    many = frozenset(want if isinstance(want, tuple) else (want,))
    match relation:
        case "is":
            return lambda saw: saw is not None and saw == want
        case "is_not":
            return lambda saw: saw is not None and saw != want
        case "in":
            return lambda saw: saw is not None and saw in many
        case "not_in":
            return lambda saw: saw is not None and saw not in many
        case "has":
            return lambda saw: isinstance(saw, tuple) and not many.isdisjoint(saw)
        case "has_not":
            return lambda saw: isinstance(saw, tuple) and many.isdisjoint(saw)
    return _bound(kind, relation == "at_least", want)


def _bound(kind: FactKind, least: bool, want: Scalar | tuple[Scalar, ...]) -> Callable[[Value], bool]:
    if kind.form == "day" and isinstance(want, str):  # ISO days compare as text
        day = want
        if least:
            return lambda saw: isinstance(saw, str) and saw >= day
        return lambda saw: isinstance(saw, str) and saw <= day
    if not isinstance(want, int):
        raise ValueError(f"{kind.name} wants a bound, not {want!r}")
    limit = want
    if least:
        return lambda saw: isinstance(saw, int) and saw >= limit
    return lambda saw: isinstance(saw, int) and saw <= limit


DISTANCE_MAX = 2**53
"""Farther than this is all the same, and an integer that every reader of JSON takes exactly."""


def distance(form: Form, relation: str, saw: Value, want: Scalar | tuple[Scalar, ...]) -> int:
    """How far `saw` is from holding, in millionths of what was wanted; -1 where that has no meaning."""
    if relation == "has":
        return MILLION  # one is wanted and none is there
    if form == "tier" and relation in ("at_least", "at_most"):
        return abs(_rank(saw) - _rank(want)) * MILLION // max(1, _rank(want))
    if relation not in ("at_least", "at_most", "is", "in") or form not in ORDERED_FORMS:
        return -1
    if not isinstance(saw, int):
        return -1
    wants = [one for one in (want if isinstance(want, tuple) else (want,)) if isinstance(one, int)]
    nearest = min((abs(saw - one) * MILLION // max(1, abs(one)) for one in wants), default=-1)
    return min(nearest, DISTANCE_MAX)


def clock_text(minute: int) -> str:
    """A minute of the day as people write it: 14:05."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _rank(tier: object) -> int:
    return TIERS.index(tier) if isinstance(tier, str) and tier in TIERS else 0


def _shown(kind: FactKind, value: Scalar | tuple[Scalar, ...]) -> Scalar | tuple[Scalar, ...]:
    if kind.form != "minute":
        return value
    if isinstance(value, tuple):
        return tuple(clock_text(one) if isinstance(one, int) else one for one in value)
    return clock_text(value) if isinstance(value, int) else value


def _shown_set(saw: tuple[str, ...], want: Scalar | tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    wanted = set(want if isinstance(want, tuple) else (want,))
    found = [one for one in saw if one in wanted]
    return tuple((found + [one for one in saw if one not in wanted])[:SAW_VALUES_MAX])
