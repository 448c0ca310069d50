"""The people of a simulated store, living: one visit after another, each a story.

A visit is a story told by a generator: it yields acts (walk there, wait, take, queue, pay), and `Crowd.step` lives
through them. All chance is drawn from a generator seeded by the person, so the same seed gives the same people,
whatever the others do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot
from random import Random

from protocols.facts import Product
from sim.floor import Floor, Point
from sim.goods import Goods
from sim.habits import Habit

INSIDE_AT_OPENING = 0.4
"""The share of people who are in the middle of a visit when the world begins: a shop is never empty at noon."""

PAYING_S = (6.0, 13.0)
LED_STAY_S = 25.0
"""How long somebody stays where a visitor of the demo has led them."""

LOOKS_UP_S = (0.8, 2.0)
"""How often somebody in a queue looks whether they may move up."""

TAKES = 0.75
"""How often a stop before a shelf ends with goods in the basket."""

PUTS_BACK = 0.04

ROUND = (
    "produce", "seasonal", "dairy", "bakery", "frozen", "snacks", "pantry", "coffee", "breakfast",
)  # fmt: skip
"""The way round the shop that most people take; zones not named here come last."""


@dataclass(frozen=True, slots=True)
class Line:
    """Goods in a basket. `quantity` in thousandths: pieces, or grams of what is sold by weight."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody came in."""

    person: Person


@dataclass(frozen=True, slots=True)
class Took:
    """Somebody's hand went to a shelf with a scale: `pieces` gone, negative for put back."""

    person: Person
    shelf: str
    pieces: int


@dataclass(frozen=True, slots=True)
class Filled:
    """Somebody's basket is another one now."""

    person: Person


@dataclass(frozen=True, slots=True)
class Rings:
    """Somebody pays: the till rings up their basket. They stay until `Person.served` is set."""

    person: Person
    till: str


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody went out."""

    person: Person


Event = Entered | Took | Filled | Rings | Left


@dataclass(frozen=True, slots=True)
class _Go:
    to: Point


@dataclass(frozen=True, slots=True)
class _Stay:
    seconds: float


@dataclass(frozen=True, slots=True)
class _Served:
    """Wait until the till has answered."""


_Act = _Go | _Stay | _Served | Event


@dataclass(slots=True, eq=False)
class Person:
    """One person now. `served` is set from outside when the till has its verdict.

    A `detour` is lived before the story goes on; `goal` is where the story itself last went.
    """

    habit: Habit
    chance: Random
    at: Point
    inside: bool = False
    visits: int = 0
    basket: list[Line] = field(default_factory=list)
    served: bool = False
    story: Iterator[_Act] = field(default_factory=lambda: iter(()))
    detour: Iterator[_Act] | None = None
    goal: Point | None = None
    way: tuple[Point, ...] = ()
    rest_s: float = 0.0
    waits_for_till: bool = False

    def put(self, line: Line) -> None:
        """Puts goods into the basket, beside what is there of the same; a quantity below zero takes them out."""
        held = {had.sku: had.quantity for had in self.basket}
        held[line.sku] = held.get(line.sku, 0) + line.quantity
        self.basket = [Line(sku, quantity) for sku, quantity in held.items() if quantity > 0]


class Crowd:
    """Everybody, in the store or away. `step` moves them on and says what happened, in the order of the people."""

    def __init__(
        self,
        floor: Floor,
        products: Mapping[str, Product],
        goods: Goods,
        habits: Sequence[Habit],
        seed: int,
    ) -> None:
        self.floor = floor
        self.products = products
        self.goods = goods
        self.now_s = 0.0
        self.queues: dict[str, list[Person]] = {till: [] for till in floor.tills}
        self._shelf_of = {str(place.sku): name for name, place in floor.shelves.items()}
        self.people = tuple(
            Person(habit, Random(f"{seed}/life/{habit.subject}"), floor.door) for habit in habits
        )
        for person in self.people:
            self._open(person)

    def person(self, subject: str) -> Person | None:
        """Somebody who is in the store now, by the name that the store gives them."""
        return next((one for one in self.people if one.inside and one.habit.subject == subject), None)

    def lead(self, person: Person, to: Point) -> None:
        """Leads somebody to a point. They stay there a while and then go on with what they were about."""
        self._leave_queue(person)
        person.detour = _led(self.floor.nearest_free(to), person.goal)
        person.way, person.rest_s = (), 0.0

    def step(self, dt_s: float) -> list[Event]:
        """Lives so many seconds on."""
        happened: list[Event] = []
        self.now_s += dt_s
        for person in self.people:
            self._live(person, dt_s, happened)
        return happened

    def _live(self, person: Person, left_s: float, happened: list[Event]) -> None:
        """Lives through acts until the time is used up."""
        while left_s > 0.0:
            if person.way:
                left_s = _walk(person, left_s)
            elif person.rest_s > 0.0:
                spent_s = min(person.rest_s, left_s)
                person.rest_s -= spent_s
                left_s -= spent_s
            elif person.waits_for_till and not person.served:
                return
            else:
                person.waits_for_till = False
                self._act(person, happened)

    def _act(self, person: Person, happened: list[Event]) -> None:
        if person.detour is not None:
            act = next(person.detour, None)
            if act is None:
                person.detour = None
                return
        else:
            act = next(person.story, None)
            if isinstance(act, _Go):
                person.goal = act.to
        match act:
            case None:
                person.story = self._visit(person, person.habit.stops)
                person.rest_s = person.chance.uniform(0.5, 1.5) * person.habit.away_s
            case _Go(to):
                person.way = self.floor.way(person.at, to)
            case _Stay(seconds):
                person.rest_s = seconds
            case _Served():
                person.waits_for_till = True
            case Entered() | Took() | Filled() | Rings() | Left():
                happened.append(act)

    # --- the story of one visit

    def _open(self, person: Person) -> None:
        """Where somebody is when the world begins: on the way, or not here yet."""
        chance = person.chance
        if chance.random() >= INSIDE_AT_OPENING:
            person.story = self._visit(person, person.habit.stops)
            person.rest_s = chance.random() * person.habit.away_s
            return
        wanted = self._list(person, person.habit.stops)
        been = chance.randint(0, len(wanted))
        for sku in wanted[:been]:
            if chance.random() < TAKES:
                person.put(Line(sku, self._quantity(sku, self._shelf_of.get(sku), 1, chance)))
        last = self._zone_of(wanted[been - 1]) if been else "entrance"
        zone = last if last in self.floor.zones else chance.choice(sorted(self.floor.zones))
        person.at = self.floor.spot(zone, chance)
        person.inside = True
        person.visits = 1
        person.rest_s = chance.uniform(0.0, 5.0)
        person.story = self._inside(person, wanted[been:])

    def _visit(self, person: Person, stops: int) -> Iterator[_Act]:
        person.at, person.inside, person.basket = self.floor.door, True, []
        person.visits += 1
        yield Entered(person)
        if "entrance" in self.floor.zones:
            yield _Go(self.floor.spot("entrance", person.chance))
            yield _Stay(person.chance.uniform(2.0, 9.0))
        yield from self._inside(person, self._list(person, stops))

    def _inside(self, person: Person, wanted: Sequence[str]) -> Iterator[_Act]:
        for sku in wanted:
            yield from self._stop(person, sku)
        if person.basket and self.queues:
            yield from self._pay(person)
        if person.basket and "collect" in self.floor.zones and person.chance.random() < 0.15:
            yield _Go(self.floor.spot("collect", person.chance))
            yield _Stay(person.chance.uniform(5.0, 15.0))
        yield _Go(self.floor.door)
        person.inside = False
        yield Left(person)

    def _list(self, person: Person, stops: int) -> list[str]:
        """What is looked for this time: mostly what one likes, in the order of the way round."""
        chance, likes = person.chance, person.habit.likes
        everything = sorted(self.products)
        wanted = {
            chance.choice(likes) if likes and chance.random() < 0.6 else chance.choice(everything)
            for _ in range(stops)
        }
        order = {zone: n for n, zone in enumerate(ROUND)}
        return sorted(wanted, key=lambda sku: (order.get(self._zone_of(sku), len(order)), sku))

    def _zone_of(self, sku: str) -> str:
        shelf = self._shelf_of.get(sku)
        return self.floor.shelves[shelf].zone if shelf is not None else self.products[sku].category

    def _stop(self, person: Person, sku: str) -> Iterator[_Act]:
        chance, shelf = person.chance, self._shelf_of.get(sku)
        zone = self._zone_of(sku)
        if shelf is not None:
            x, y = chance.choice(self.floor.stands[shelf])  # not all on the same spot
            yield _Go(self.floor.nearest_free((x + chance.gauss(0.0, 0.2), y + chance.gauss(0.0, 0.2))))
        elif zone in self.floor.zones:
            yield _Go(self.floor.spot(zone, chance))
        else:
            return
        yield _Stay(person.habit.dwell_s * chance.uniform(0.5, 2.0))
        pieces = chance.choice((1, 1, 1, 2)) if chance.random() < TAKES else 0
        if shelf is not None:
            pieces = self.goods.take(shelf, pieces, self.now_s)
        if pieces == 0:
            return
        if shelf is not None:
            yield Took(person, shelf, pieces)
        line = Line(sku, self._quantity(sku, shelf, pieces, chance))
        person.put(line)
        yield Filled(person)
        yield _Stay(chance.uniform(1.0, 3.0))
        if shelf is not None and chance.random() < PUTS_BACK:
            back = self.goods.take(shelf, -pieces, self.now_s)
            if back == -pieces:
                person.put(Line(sku, -line.quantity))
                yield Took(person, shelf, back)
                yield Filled(person)

    def _quantity(self, sku: str, shelf: str | None, pieces: int, chance: Random) -> int:
        """In thousandths: pieces, or kilograms of what is sold by weight."""
        if self.products[sku].unit != "kg":
            return pieces * 1000
        return pieces * self.floor.shelves[shelf].unit_g if shelf else round(chance.uniform(300.0, 1400.0))

    def _pay(self, person: Person) -> Iterator[_Act]:
        while True:
            till = min(self.queues, key=lambda name: (len(self.queues[name]), name))
            queue = self.queues[till]
            queue.append(person)
            stood = -1
            while person in queue:  # a visitor of the demo may lead them out of it
                place = queue.index(person)
                if place != stood:
                    stood = place
                    yield _Go(self.floor.queue_place(till, place))
                elif place > 0:
                    yield _Stay(person.chance.uniform(*LOOKS_UP_S))
                else:
                    yield _Stay(person.chance.uniform(*PAYING_S))
                    if person in queue:
                        person.served = False
                        yield Rings(person, till)
                        yield _Served()
                        self._leave_queue(person)
                        return

    def _leave_queue(self, person: Person) -> None:
        for queue in self.queues.values():
            if person in queue:
                queue.remove(person)
        person.waits_for_till = False


def _led(to: Point, back: Point | None) -> Iterator[_Act]:
    """There, a while, and back to where the story is: nobody takes goods from across the shop."""
    yield _Go(to)
    yield _Stay(LED_STAY_S)
    if back is not None:
        yield _Go(back)


def _walk(person: Person, left_s: float) -> float:
    """Walks on; gives the time that is left when the last point is reached."""
    speed = person.habit.speed_mps
    while person.way and left_s > 0.0:
        (x, y), (to_x, to_y) = person.at, person.way[0]
        rest_m = hypot(to_x - x, to_y - y)
        step_m = speed * left_s
        if step_m >= rest_m:
            person.at = person.way[0]
            person.way = person.way[1:]
            left_s -= rest_m / speed
        else:
            share = step_m / rest_m
            person.at = (x + (to_x - x) * share, y + (to_y - y) * share)
            left_s = 0.0
    return left_s
