"""One survey session: where to stand next, what is heard there, when it is enough, next, skip, undo.

    walking ── begin ─► standing ── enough is heard ─► enough ── finish ─► walking ─ … ─► done
        ▲                  └────────────── skip, undo ─────────────┘
    hard state: Session, written after each point      soft state: the readings at the point where somebody stands

Time comes with each call. Nothing here knows of files or of who asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot
from typing import Literal

import msgspec

from edge.book_survey import RSSI_MAX, RSSI_MIN
from edge.survey.points import Point, said_of
from protocols.errors import EndcapError
from protocols.facts import SurveyPoint

STAND_S = 20.0
"""How long to stand at a point."""

PATIENCE = 1.5
"""So many times as long, if not every scanner has said enough by then."""

FORGOTTEN = 3.0
"""So many times as long, and readings are not taken any more: whoever stood there has gone."""

READINGS_WANTED = 6
"""Readings of each scanner that hears the point; many scanners report every 3 to 5 s of a device at rest."""

READINGS_LEAST = 3
"""Readings of one scanner below which the map takes nothing from it: at least one must have so many."""

SETTLE_S = 1.0
"""Readings of the first second are of the step before."""

SETTLED = 2.0
"""A scanner that smooths has forgotten the step before after so many of its time constants…"""

SETTLE_MAX_S = 8.0
"""…but is not waited for longer than this."""

LOST_S = 15.0
"""A device that no scanner heard for so long is lost."""

STOPS_MAX = 2_000
"""Points of one session. Another one is refused: end the session and start the next."""

SAME_M = 0.3
"""A place that is tapped so near to a point is that point."""

Phase = Literal["none", "walking", "standing", "enough", "done"]


class OutOfStep(EndcapError):
    """The survey is not where the sender thought. Nothing was changed; the reason says what to do."""

    code = "out_of_step"
    status = 409


class NotHeard(OutOfStep):
    """Too little was heard of the device at this point."""

    code = "not_heard"


class Stop(msgspec.Struct, frozen=True):
    """A point to stand at. What was heard there stands beside it once it is done; `weak` says what is poor."""

    x: float
    y: float
    state: Literal["open", "done", "skipped"] = "open"
    readings: int = 0
    scanners: int = 0
    weak: str = ""


class Done(msgspec.Struct, frozen=True):
    """A point that was finished, in the order of the walk: which stop, and under which day it stands in the file."""

    stop: int
    day: str


class Session(msgspec.Struct, frozen=True):
    """What survives a restart. `token` stands for the device; its id is written nowhere.

    `at` is the stop to stand at next, -1 when all are done. `version` grows with each change.
    """

    token: str
    z: float
    stand_s: float
    stops: tuple[Stop, ...]
    at: int = 0
    walked: tuple[Done, ...] = ()
    version: int = 0


@dataclass(slots=True)
class Standing:
    """What was heard at the point so far."""

    since_ms: int
    heard: dict[str, dict[int, int]] = field(default_factory=dict)
    share: float = 0.0
    is_enough: bool = False


class Walk:
    """A session while it goes on. Raises OutOfStep, and then nothing was changed."""

    def __init__(self, session: Session, now_ms: int) -> None:
        self.session = session
        self.standing: Standing | None = None
        self.heard_ms: int | None = None
        self.strangers: dict[str, None] = {}
        self.session = self._moved(now_ms, session.at)

    # --- hearing

    def hear(self, scanner: str, dbm: float, now_ms: int, smoothing_s: float = 0.0) -> None:
        """A reading of the device by a scanner of the floor. Counted only while somebody stands, until enough."""
        self.heard_ms = max(now_ms, self.heard_ms or 0)  # gateways that send late are out of order
        standing = self.standing
        if standing is None or self.look(now_ms) == "enough":
            return
        stood_s = (now_ms - standing.since_ms) / 1000
        settle_s = max(SETTLE_S, min(SETTLE_MAX_S, SETTLED * smoothing_s))
        if min(settle_s, self.session.stand_s / 2) <= stood_s <= FORGOTTEN * self.session.stand_s:
            counts = standing.heard.setdefault(scanner, {})
            level = max(RSSI_MIN, min(RSSI_MAX, round(dbm)))
            counts[level] = counts.get(level, 0) + 1

    def look(self, now_ms: int) -> Phase:
        """The phase now. Enough stays enough until somebody finishes."""
        standing = self.standing
        if standing is None:
            return "walking" if self.session.at >= 0 else "done"
        if not standing.is_enough:
            stood = (now_ms - standing.since_ms) / 1000 / self.session.stand_s
            counts = [sum(one.values()) for one in standing.heard.values()]
            said = sum(min(count, READINGS_WANTED) for count in counts) / max(
                1, len(counts) * READINGS_WANTED
            )
            # A scanner that speaks up late does not take back what was shown.
            standing.share = max(standing.share, min(stood, said, 0.99))
            patient = stood >= PATIENCE and max(counts, default=0) >= READINGS_LEAST
            standing.is_enough = (stood >= 1 and said == 1) or patient
        return "enough" if standing.is_enough else "standing"

    def lost(self, now_ms: int) -> bool:
        """Whether no scanner hears the device now."""
        return self.heard_ms is None or now_ms - self.heard_ms > LOST_S * 1000

    # --- acting

    def begin(self, now_ms: int, place: Point | None = None) -> None:
        """Somebody stands: at the next stop, or at a place, which becomes a stop if none is there."""
        if place is None and self.session.at < 0:
            raise OutOfStep("All points are done. Tap another place on the plan, or end the survey.")
        at = self.session.at if place is None else self._stop_near(place)
        stops = self.session.stops
        if place is not None and at < 0:
            if len(stops) >= STOPS_MAX:
                raise OutOfStep(f"A session has at most {STOPS_MAX:,} points. End it and start another one.")
            at = len(stops)
            stops = (*stops, Stop(*place))
        self.standing = Standing(now_ms)
        self.session = self._moved(now_ms, at, stops)

    def point(self, now_ms: int, day: str) -> SurveyPoint:
        """What was heard at the point where somebody stands, to be written. Changes nothing."""
        if self.standing is None:
            raise OutOfStep("Nobody stands at a point. Begin one first.")
        heard = self.standing.heard
        if not heard:
            if self.lost(now_ms):
                raise NotHeard("No scanner hears that device yet. Bring it closer or check its id.")
            raise NotHeard("Nothing was heard here yet. Stay a little longer, or skip this point.")
        stop = self.session.stops[self.session.at]
        return SurveyPoint(stop.x, stop.y, self.session.z, "", {one: dict(heard[one]) for one in heard}, day)

    def finished(self, now_ms: int, point: SurveyPoint) -> Session:
        """The session once the point is on the disk: on to the next one."""
        at = self.session.at
        readings = sum(sum(counts.values()) for counts in point.heard.values())
        done = Stop(point.x, point.y, "done", readings, len(point.heard), said_of(point.heard))
        stops = _with(self.session.stops, at, done)
        walked = (*(one for one in self.session.walked if one.stop != at), Done(at, point.day))
        return self._moved(now_ms, _next(stops, at), stops, walked)

    def skipped(self, now_ms: int) -> Session:
        """The session past the stop that is next; what was heard there is dropped."""
        at = self.session.at
        if at < 0:
            raise OutOfStep("All points are done. There is none to skip.")
        stop = self.session.stops[at]
        if stop.state == "open":  # one that was done before keeps what it had
            stop = msgspec.structs.replace(stop, state="skipped")
        stops = _with(self.session.stops, at, stop)
        return self._moved(now_ms, _next(stops, at), stops)

    def last(self) -> tuple[Stop, str] | None:
        """The point that an undo takes back: its stop and day. None if somebody stands, or nothing was done."""
        if self.standing is not None or not self.session.walked:
            return None
        done = self.session.walked[-1]
        return self.session.stops[done.stop], done.day

    def undone(self, now_ms: int) -> Session:
        """The session off the point where somebody stands; else with the last point open again, and next."""
        if self.standing is not None:
            return self._moved(now_ms, self.session.at)
        if not self.session.walked:
            raise OutOfStep("No point of this session is done. There is nothing to take back.")
        *walked, done = self.session.walked
        stop = self.session.stops[done.stop]
        stops = _with(self.session.stops, done.stop, Stop(stop.x, stop.y))
        return self._moved(now_ms, done.stop, stops, tuple(walked))

    def become(self, session: Session) -> None:
        """Takes in what was written. Nobody stands any more."""
        self.session, self.standing = session, None

    # --- helpers

    def _stop_near(self, place: Point) -> int:
        near = [(hypot(one.x - place[0], one.y - place[1]), at) for at, one in enumerate(self.session.stops)]
        far_m, at = min(near, default=(SAME_M + 1, -1))
        return at if far_m <= SAME_M else -1

    def _moved(
        self,
        now_ms: int,
        at: int,
        stops: tuple[Stop, ...] | None = None,
        walked: tuple[Done, ...] | None = None,
    ) -> Session:
        before = self.session
        return msgspec.structs.replace(
            before,
            at=at,
            stops=before.stops if stops is None else stops,
            walked=before.walked if walked is None else walked,
            # From the clock, so that it also grows over a restart that forgot a step.
            version=max(before.version + 1, now_ms),
        )


def _with(stops: tuple[Stop, ...], at: int, stop: Stop) -> tuple[Stop, ...]:
    return (*stops[:at], stop, *stops[at + 1 :])


def _next(stops: tuple[Stop, ...], after: int) -> int:
    """The next open stop of the walk, from the beginning again after its end; -1 if none is open."""
    places = (*range(after + 1, len(stops)), *range(after + 1))
    return next((at for at in places if stops[at].state == "open"), -1)
