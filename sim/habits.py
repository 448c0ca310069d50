"""Who the people of a simulated store are, and what they are used to: drawn once, from a seed and the store's books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from edge.book_members import Member
from protocols.facts import Product

Kind = Literal["member", "guest", "trolley", "stranger"]

SHARES: tuple[tuple[Kind, float], ...] = (
    ("member", 0.6),
    ("trolley", 0.15),
    ("guest", 0.1),
    ("stranger", 0.15),
)
"""Of any number of people, how many carry what: a member's phone, a trolley's tag, a guest's app, a strange phone."""

SPEED_MPS = (0.65, 1.15)
STOPS = (4, 10)
AWAY_S = (60.0, 400.0)
DWELL_S = (9.0, 24.0)
"""What one is used to, at least and at most. A single stop lasts between half and twice one's own dwell."""


@dataclass(frozen=True, slots=True)
class Habit:
    """Somebody, and what they are used to. `card` is shown at the till; `scans` puts each piece on the phone."""

    subject: str
    device: str
    kind: Kind
    account: str = ""
    card: str = ""
    scans: bool = False
    speed_mps: float = 0.9
    stops: int = 6
    dwell_s: float = 14.0
    away_s: float = 120.0
    likes: tuple[str, ...] = ()
    louder_db: float = 0.0


def crowd_of(
    members: Sequence[Member], products: Mapping[str, Product], people: int, seed: int
) -> tuple[Habit, ...]:
    """So many people, from the store's own members and tags as far as they go, and strangers for the rest."""
    known: dict[Kind, list[Member]] = {"member": [], "guest": [], "trolley": []}
    for one in members:
        if one.devices:
            kind: Kind = (
                "member" if one.member else "trolley" if one.devices[0].startswith("tag-") else "guest"
            )
            known[kind].append(one)
    habits: list[Habit] = []
    for kind, share in SHARES:
        if kind != "stranger":
            some = known[kind][: round(people * share)]
            habits.extend(_habit(kind, one, products, seed) for one in some)
    strangers = range(1, max(0, people - len(habits)) + 1)
    habits.extend(_stranger(n, products, seed) for n in strangers)
    return tuple(habits[:people])


def _habit(kind: Kind, one: Member, products: Mapping[str, Product], seed: int) -> Habit:
    chance = Random(f"{seed}/habit/{one.subject}")
    shows = bool(one.cards) and chance.random() < 0.9
    return _used_to(
        Habit(
            subject=one.subject,
            device=one.devices[0],
            kind=kind,
            account=one.account,
            card=one.cards[0] if shows else "",
            scans=chance.random() < (0.7 if kind == "member" else 0.3),
        ),
        products,
        chance,
    )


def _stranger(number: int, products: Mapping[str, Product], seed: int) -> Habit:
    chance = Random(f"{seed}/stranger/{number}")
    # A random address, as phones use them: its two highest bits say so.
    address = f"{chance.getrandbits(48) | 0xC000_0000_0000:012x}"
    return _used_to(Habit(f"stranger-{number}", address, "stranger"), products, chance)


def _used_to(habit: Habit, products: Mapping[str, Product], chance: Random) -> Habit:
    skus = sorted(products)
    return replace(
        habit,
        speed_mps=chance.uniform(*SPEED_MPS),
        stops=chance.randint(*STOPS),
        dwell_s=chance.uniform(*DWELL_S),
        away_s=chance.uniform(*AWAY_S),
        likes=tuple(chance.sample(skus, min(len(skus), 10))),
        louder_db=chance.gauss(0.0, 2.0),
    )
