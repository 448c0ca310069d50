"""What dashboards beside the store are told: people by place, zones by how many, gateways by how they are.

It knows when something is to be told; what is said is made in `edge.published` and `edge.homeassistant`. Where a
subject is announced to be goes out at once, with its commit. The rest is soft and goes out with the next look, a
few times a second: places, bounds, the health of gateways, and what Home Assistant makes of the floor. Soft state:
what was told last of whom, and which devices stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from math import hypot
from typing import Protocol

from actors.facts import GONE
from actors.shopper import Shopper
from edge import homeassistant, published
from edge.links import Incoming
from edge.now import Now
from edge.ports import Clock
from edge.published import Ears
from edge.settings import PublishSettings
from protocols import topics
from protocols.cells import Position
from protocols.codec import to_json
from protocols.facts import Fact
from protocols.ids import Key, ZoneId, ident_of
from protocols.inputs import Cause

LOOK_MS = 400
"""Looks that come sooner than this after the last one do nothing."""

PLACES_PER_LOOK_MAX = 50
"""Subjects whose place is told in one look. Of more, those that wait longest come first, each as it is by then."""

PLACE_STEP_M, PLACE_STEP_P = 0.2, 5
"""A place is told again once it is so far from the one told last, or its p so many per cent points."""

FIGURES_MS = 1_000
"""How often zones and gateways are looked at for figures that changed."""

PASSERS_MS = 5_000
"""How often devices that nobody enrolled are counted: there may be thousands of them."""

PEOPLE_MAX = 500
"""People in Companion's shape, and so in Home Assistant, at once. Whoever comes later is left out of both."""


class Board(Protocol):
    """The broker's retained topics, as whoever writes them sees them."""

    def stands(self, topic: str, payload: bytes) -> None:
        """This stands from now on; an empty payload takes the topic away. It is sent whatever stood before."""

    def renews(self, topic: str, payload: bytes) -> None:
        """The same, and nothing is sent if it stood already."""

    def again(self, topic: str) -> None:
        """Sends what stands on this topic once more, with what else waits."""


@dataclass(slots=True)
class _Told:
    """What was told of a subject inside: why, from which place, and whether it stands in Companion's shape.

    `lags`: its zone went out with the commit, and what Companion says beside the room waits for a look.
    """

    cause: Cause
    position: Position | None = None
    is_shown: bool | None = None  # None: not known, since an earlier life of this process may have shown it
    lags: bool = False


class Dashboards:
    """Keeps what dashboards read up to date. `ears` and `passers` are set by whoever has them."""

    def __init__(self, store: str, now: Now, clock: Clock, settings: PublishSettings, board: Board) -> None:
        self._store, self._now, self._clock, self._settings = store, now, clock, settings
        self._board = board
        self._told: dict[Key, _Told] = {}
        self._shown = 0
        self._unplaced: dict[Key, None] = {}
        self._crowd_causes: dict[str, tuple[Cause, int]] = {}
        self._began = Cause(clock.now_us(), operation="start")
        self._floor_version = -1
        self._floor_topics: set[str] = set()
        self._roots = (f"{settings.discovery_prefix}/", f"{homeassistant.STATUS.partition('/')[0]}/")
        self._looked_ms = self._figures_ms = self._passers_ms = 0
        self._passers: Mapping[ZoneId, int] | None = None
        self.ears: Ears | None = None
        self.passers: Callable[[], Mapping[ZoneId, int]] | None = None

    # --- with a commit

    def present(self, entity: Key, shopper: Shopper | None, cause: Cause) -> None:
        """Where a subject is, by the zone announced; None: it has left."""
        topic = topics.presence(self._store, ident_of(entity))
        if shopper is None:
            self._unplaced.pop(entity, None)
            told = self._told.pop(entity, None)
            self._board.stands(topic, b"")
            if told is None or told.is_shown is not False:
                self._hide(ident_of(entity), told)
            return
        if (told := self._told.get(entity)) is None:
            began_here = shopper.entered_at_ms * 1_000 > self._began.arrived_us
            told = self._told[entity] = _Told(cause, is_shown=False if began_here else None)
        told.cause, told.position = cause, published.place(self._now.positions.get(entity))
        view = published.presence_view(shopper, told.position, cause)
        self._board.stands(topic, to_json(view))
        self._show(entity, shopper, told)

    def identified(self, entity: Key) -> None:
        """More is known of a subject, or it allows something else than before."""
        told, shopper = self._told.get(entity), self._now.shoppers.get(entity)
        if told is not None and shopper is not None:
            self.present(entity, shopper, told.cause)
            if told.is_shown:
                self._introduce(shopper, told)

    def crowd(self, zone: str, cause: Cause, seq: int) -> None:
        """The count of a zone changed."""
        self._crowd_causes[zone] = (cause, seq)
        if zone in self._now.facts.zones:
            self._board.stands(*self._occupancy(zone))
        else:
            self._board.renews(topics.occupancy(self._store, zone), b"")

    def learned(self, facts: Iterable[Fact]) -> None:
        """Facts were committed: what is not on the floor any more is told nothing of."""
        for fact in facts:
            if fact.value == GONE and fact.book == "zone":
                self._crowd_causes.pop(fact.key, None)
                self._board.stands(topics.occupancy(self._store, fact.key), b"")
            elif fact.value == GONE and fact.book == "scanner":
                self._board.stands(topics.scanner(self._store, fact.key), b"")

    # --- with time

    def placed(self, keys: Iterable[Key]) -> None:
        """These subjects have a newer place."""
        self._unplaced.update(dict.fromkeys(key for key in keys if key in self._told))

    def look(self) -> None:
        """Tells what changed since the last look and waited for this one."""
        now_ms = self._clock.now_ms()
        if now_ms - self._looked_ms < LOOK_MS:
            return
        self._looked_ms = now_ms
        self._tell_floor()
        for entity in list(islice(self._unplaced, PLACES_PER_LOOK_MAX)):
            del self._unplaced[entity]
            self._tell_place(entity)
        if now_ms - self._figures_ms >= FIGURES_MS:
            self._figures_ms = now_ms
            self._tell_figures(now_ms)

    def _tell_floor(self) -> None:
        if self._floor_version == self._now.floor_version:
            return
        self._floor_version = self._now.floor_version
        devices: dict[str, bytes] = {}
        if self._settings.home_assistant:
            prefix = self._settings.discovery_prefix
            devices = dict(homeassistant.floor(prefix, self._store, self._now.facts))
        for topic in self._floor_topics - set(devices):
            self._board.stands(topic, b"")
        for topic, payload in devices.items():
            self._board.renews(topic, payload)
        self._floor_topics = set(devices)

    def _tell_place(self, entity: Key) -> None:
        told, shopper = self._told.get(entity), self._now.shoppers.get(entity)
        position = published.place(self._now.positions.get(entity))
        if told is None or shopper is None:
            return
        if position is not None and _differs(told.position, position):
            told.position, told.lags = position, True
            if published.may_locate(shopper):
                view = published.presence_view(shopper, position, told.cause)
                self._board.renews(topics.presence(self._store, shopper.subject), to_json(view))
        if told.is_shown and told.lags:
            self._tell_attributes(shopper, told)

    def _tell_figures(self, now_ms: int) -> None:
        if self.passers is not None and now_ms - self._passers_ms >= PASSERS_MS:
            self._passers_ms, self._passers = now_ms, self.passers()
        for zone in self._now.facts.zones:
            self._board.renews(*self._occupancy(zone))
        if self.ears is not None:
            for scanner in self._now.facts.scanners:
                view = published.scanner_view(self._now, self.ears, scanner, now_ms)
                self._board.renews(topics.scanner(self._store, scanner), to_json(view))

    def _occupancy(self, zone: str) -> published.Message:
        cause, seq = self._crowd_causes.get(zone, (self._began, 0))
        passers = None if self._passers is None else self._passers.get(ZoneId(zone), 0)
        view = published.occupancy_view(self._now, zone, self._clock.now_ms(), passers, cause, seq)
        return topics.occupancy(self._store, zone), to_json(view)

    # --- people in others' shapes

    def _show(self, entity: Key, shopper: Shopper, told: _Told) -> None:
        may = self._settings.companion and published.may_locate(shopper)
        if may and not told.is_shown and self._shown >= PEOPLE_MAX:
            may = False
        if not may:
            if told.is_shown is not False:
                self._hide(shopper.subject, told)
            return
        self._board.renews(*published.companion_state(self._store, shopper, self._now.facts))
        if told.is_shown:
            told.lags = True
            self._unplaced[entity] = None
        else:
            told.is_shown = True
            self._shown += 1
            self._introduce(shopper, told)

    def _introduce(self, shopper: Shopper, told: _Told) -> None:
        """What else there is to say of a subject that is new, or of whom more is known."""
        self._tell_attributes(shopper, told)
        if self._settings.home_assistant:
            prefix = self._settings.discovery_prefix
            self._board.renews(*homeassistant.person(prefix, self._store, shopper))

    def _tell_attributes(self, shopper: Shopper, told: _Told) -> None:
        told.lags = False
        facts = self._now.facts
        self._board.renews(*published.companion_attributes(self._store, shopper, told.position, facts))

    def _hide(self, subject: str, told: _Told | None) -> None:
        """Takes a subject out of Companion's shape: first it is not here, then its device goes, then its topics."""
        state, attributes = published.companion_gone(self._store, subject)
        if told is not None and told.is_shown:
            self._shown -= 1
            self._board.stands(state[0], published.NOT_HOME.encode())
        prefix = self._settings.discovery_prefix
        self._board.stands(homeassistant.person_topic(prefix, self._store, subject), b"")
        self._board.stands(*attributes)
        self._board.stands(*state)
        if told is not None:
            told.is_shown = False

    # --- from the broker

    def subscriptions(self) -> tuple[str, ...]:
        """What `arrived` wants to hear."""
        return homeassistant.subscriptions(self._settings.discovery_prefix, self._store)

    def arrived(self, message: Incoming) -> bool:
        """Takes in what concerns Home Assistant; gives whether it was that.

        A Home Assistant that has just come is told its devices again. A device of ours that the broker still holds
        and that does not stand (the floor or the settings changed while nobody was looking) is taken away.
        """
        if not message.topic.startswith(self._roots):  # nearly all that arrives is readings
            return False
        prefix = self._settings.discovery_prefix
        if homeassistant.is_ours(prefix, self._store, message.topic):
            if message.retain and message.payload:
                self._tell_floor()
                if message.topic not in self._devices():
                    self._board.stands(message.topic, b"")
            return True
        if homeassistant.is_birth(prefix, message.topic, message.payload) and not message.retain:
            for topic in self._devices():
                self._board.again(topic)
        return message.topic in self.subscriptions()

    def _devices(self) -> set[str]:
        if not self._settings.home_assistant:
            return set()
        prefix = self._settings.discovery_prefix
        people = {
            homeassistant.person_topic(prefix, self._store, ident_of(entity))
            for entity, told in self._told.items()
            if told.is_shown
        }
        return self._floor_topics | people


def _differs(told: Position | None, position: Position) -> bool:
    if told is None:
        return True
    is_far = hypot(position.x - told.x, position.y - told.y) >= PLACE_STEP_M
    return is_far or abs(position.p - told.p) >= PLACE_STEP_P
