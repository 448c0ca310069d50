"""A group while it is open: what was stepped where, what was told to whom, and what must be undone if it fails.

It becomes one `edge.ports.Group` when it is closed. Soft: a group that is not committed never happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from actors.cell import spend, tells
from edge.inbox import Item, Work
from edge.ports import Committed, Group, ParkedInput, SavedEntity, TakenTurn
from edge.seats import Seat
from protocols.cells import Answer, Heard, Turn, Weighed
from protocols.effects import Reply, Tell
from protocols.errors import Parked, Verdict
from protocols.ids import Key, ident_of
from protocols.inputs import Cause, Given, ZoneEntered


@dataclass(slots=True)
class Told:
    """A Tell of a turn of this group that nobody has stepped yet: the turn, the effect's place, the input it is."""

    by: TakenTurn
    place: int
    given: Given


class OpenGroup:
    """Turns that will commit together, and the seats that are held until they did."""

    def __init__(self, now_ms: int, work: Work) -> None:
        self.now_ms = now_ms
        self.work = work
        self.pools: dict[str, int] | None = None
        self.seats: list[Seat] = []
        self.rowed: dict[Key, None] = {}
        self.missing: dict[Seat, list[Item]] = {}
        self.answers: list[tuple[Seat, Answer]] = []
        self._items = {item.given.id: item for item in work.items}
        self._turns: list[TakenTurn] = []
        self._seat_of: dict[Key, Seat] = {}
        self._parked: list[ParkedInput] = []
        self._told: list[Told] = []
        self._told_ids: set[str] = set()
        self._stepped: set[str] = set()
        self._saved: dict[Key, SavedEntity] = {}
        self._closed: Group | None = None

    # --- seats

    @property
    def first_seat(self) -> Seat:
        """The seat whose inbox the work came from."""
        return self.seats[0]

    def hold(self, seat: Seat) -> None:
        """Counts a seat whose batch is out already as held by this group."""
        self.seats.append(seat)

    def try_hold(self, seat: Seat) -> bool:
        """Holds the seat until the commit if no batch of another group is out there.

        Nor if its own coroutine waits for it: a busy floor would otherwise keep a till waiting for ever.
        """
        if seat in self.seats:
            return True
        if seat.busy or seat.is_wanted:
            return False
        seat.take_now()
        self.seats.append(seat)
        return True

    # --- while it is stepped

    def answered(self, seat: Seat, answer: Answer) -> None:
        """Takes in what a cell did with one batch."""
        self.answers.append((seat, answer))
        told: list[Told] = []
        for turn in answer.turns:
            self._stepped.add(turn.given.id)
            taken = self._take(seat, turn)
            told.extend(Told(taken, _place(given.id), given) for given in tells(turn))
        self._told_ids.update(each.given.id for each in told)
        for untaken in answer.untaken:
            given = untaken.given
            if untaken.why == "threw":
                self._stepped.add(given.id)
                self._parked.append(ParkedInput(given, untaken.state, untaken.trace))
            elif given.id not in self._told_ids:
                seat.drop((given.key,))
                item = self._items.get(given.id) or Item(given)
                item.tries += 1
                self.missing.setdefault(seat, []).append(item)
        seat.drop(answer.unheard)
        self._told.extend(told)

    def untold(self) -> list[Told]:
        """Tells that were not stepped where they were made, each given out once, in order."""
        untold = [told for told in self._told if told.given.id not in self._stepped]
        self._told.clear()
        return untold

    def as_row(self, told: Told) -> None:
        """This Tell will be a row; a later one to the same entity may not overtake it."""
        self.rowed[told.given.key] = None
        effect = told.by.turn.effects[told.place]
        assert type(effect) is Tell
        told.by.tell_rows.append((told.place, effect))

    @property
    def is_empty(self) -> bool:
        """True if nothing needs a commit."""
        return not (self._turns or self._parked or any(item.beside for item in self.work.items))

    def _take(self, seat: Seat, turn: Turn) -> TakenTurn:
        key = turn.given.key
        resident = seat.residents[key]
        saved = self._saved.get(key)
        if saved is None:
            saved = self._saved[key] = SavedEntity(key, resident.version, 0, None, None)
            taken = TakenTurn(turn, seat.name, loaded=resident.load)
        else:
            taken = TakenTurn(turn, seat.name)
        saved.turns += 1
        saved.state, saved.wake_at_ms = turn.state, turn.wake_at_ms
        self._seat_of[key] = seat
        self._turns.append(taken)
        if seat.spends:
            assert self.pools is not None
            spend(self.pools, turn.effects)
        return taken

    # --- commit

    def close(self) -> Group:
        """What commits. An entity that came and went within the group leaves only its turns."""
        self._closed = Group(
            now_ms=self.now_ms,
            turns=self._turns,
            saved=[
                saved for saved in self._saved.values() if saved.state is not None or saved.base_version > 0
            ],
            parked=self._parked,
            rows_done=[taken.turn.given.row for taken in self._turns if taken.turn.given.row],
        )
        for item in self.work.items:
            if item.beside and not self._is_missing(item):
                self._closed.known.extend(item.beside.known)
                self._closed.enrolled.extend(item.beside.enrolled)
                if item.beside.mail_number is not None:
                    self._closed.mail_number = item.beside.mail_number
        return self._closed

    def settle(self) -> None:
        """The commit stands: what the cells hold is what the database has."""
        for key, saved in self._saved.items():
            residents = self._seat_of[key].residents
            if saved.state is None:
                residents.pop(key, None)
            elif (resident := residents.get(key)) is not None:
                resident.version = saved.base_version + saved.turns
                resident.turns += saved.turns
                resident.load = None

    def finish(self, committed: Committed) -> None:
        """Tells everybody who asked what became of it."""
        for taken, seq in zip(self._turns, committed.seqs, strict=True):
            item = self._items.get(taken.turn.given.id)
            if item is not None:
                item.finish(_verdict(taken.turn, seq))
        for parked, reference in zip(self._parked, committed.parked, strict=True):
            item = self._items.get(parked.given.id)
            if item is not None:
                item.finish(Parked(reference))

    # --- failure

    def undo(self) -> None:
        """Nothing was committed: every cell must forget what it stepped here."""
        for key, seat in self._seat_of.items():
            seat.drop((key,))

    @property
    def roots(self) -> list[Item]:
        """What made the group: the items that were taken, and what presence and scales concluded."""
        concluded = [
            Item(taken.turn.given)
            for taken in self._turns
            if taken.turn.given.id not in self._items
            and taken.turn.given.id not in self._told_ids
            and not taken.turn.given.id.startswith("born/")
        ]
        return list(self._items.values()) + concluded

    def _is_missing(self, item: Item) -> bool:
        return any(item in items for items in self.missing.values())


def newcomers(
    givens: Iterable[Given], heard: Sequence[Heard], weighed: Sequence[Weighed]
) -> Iterator[tuple[Key, Cause, int, bool]]:
    """Every key of a batch once, with the cause and time of its first input, and whether that may begin a life.

    A sighting begins a visit; a Tell to a shopper who has left does not bring the visit back.
    """
    seen: set[Key] = set()
    for given in givens:
        if given.key not in seen:
            seen.add(given.key)
            begins = not given.key.startswith("shopper:") or type(given.input) is ZoneEntered
            yield given.key, given.cause, given.at_ms, begins
    for sighting in heard:
        if sighting.key not in seen:
            seen.add(sighting.key)
            cause = Cause(sighting.arrived_us, scanner=sighting.scanner, subject=ident_of(sighting.key))
            yield sighting.key, cause, sighting.at_ms, True
    for reading in weighed:
        if reading.key not in seen:
            seen.add(reading.key)
            yield reading.key, Cause(reading.arrived_us, scanner=ident_of(reading.key)), reading.at_ms, True


def _place(told_id: str) -> int:
    return int(told_id.rpartition(">")[2])


def _verdict(turn: Turn, seq: int) -> Verdict | None:
    for effect in turn.effects:
        if type(effect) is Reply:
            return Verdict(effect.outcome, msgspec.Raw(effect.body), seq=seq)
    return None
