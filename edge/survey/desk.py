"""The running store's side of a survey: sightings in, points written, one session that outlives a restart.

Hard state: survey.csv beside the store's books, and `survey.json` in its data folder while a session is open. A
device is in the latter by its token alone. Soft: readings at the point where somebody stands, the search, and
what scanners said since it was last written.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from actors.facts import Facts
from edge.book_survey import SURVEY_FILE
from edge.ports import Clock
from edge.survey import file
from edge.survey.around import Around
from edge.survey.points import suggested
from edge.survey.scanners import SAVE_S, Mutual
from edge.survey.told import about, scanners_view, survey_view
from edge.survey.walk import OutOfStep, Session, Stop, Walk
from edge.web.survey_views import (
    NearbyView,
    ScannersView,
    SurveyBegin,
    SurveyListen,
    SurveyStart,
    SurveyStep,
    SurveyView,
)
from protocols.codec import to_json
from protocols.devices import Sighting
from protocols.devices.readings import device_id
from protocols.errors import EndcapError, Nonsense

SESSION_FILE = "survey.json"

STRANGERS_MAX = 8
"""Scanners that floor.yaml does not list and that hear the device. Only so many are named."""

KNOWN_MAX = 10_000
"""Device ids that were compared with the surveyed one. Above it the memory is emptied: a hash costs a microsecond."""

log = structlog.get_logger("edge.survey")


class Surveyor:
    """One survey of one store. Changes are one after another; whatever touches the disk runs in a thread."""

    def __init__(
        self, books: Path, data: Path, clock: Clock, token: Callable[[str], bytes], facts: Callable[[], Facts]
    ) -> None:
        self._books, self._path = books, data / SESSION_FILE
        self._clock, self._token, self._facts = clock, token, facts
        self._changing = asyncio.Lock()
        self._around = Around()
        self._mutual: Mutual | None = None
        self._collecting: asyncio.Task[None] | None = None
        self._enough = asyncio.Event()
        self._trouble = ""
        self._device = ""
        self._is_ours: dict[str, bool] = {}
        self._in_file = about(())
        self._stamp: tuple[int, int] | None = None
        self._walk = self._resumed()

    # --- hearing

    def heard(self, sighting: Sighting, dbm: float) -> None:
        """Every sighting passes here, its strength as presence will take it. Cheap while no survey is under way."""
        walk, mutual = self._walk, self._mutual
        if walk is None and mutual is None and not self._around.searching:
            return
        scanners, scanner = self._facts().scanners, sighting.scanner
        place = scanners.get(scanner)
        at_ms = sighting.at_ms - sighting.age_ms
        if walk is not None and self._ours(sighting):
            if place is not None:
                walk.hear(scanner, dbm, at_ms, place.smoothing_s)
            elif len(walk.strangers) < STRANGERS_MAX:
                walk.strangers[scanner] = None
        if place is not None:
            if self._around.searching:
                self._around.hear(sighting.device, scanner, dbm, at_ms)
            if mutual is not None:
                mutual.hear((sighting.device, *sighting.also), scanner, dbm, at_ms)

    def _ours(self, sighting: Sighting) -> bool:
        walk = self._walk
        assert walk is not None
        for device in (sighting.device, *sighting.also):
            ours = self._is_ours.get(device)
            if ours is None:
                if len(self._is_ours) >= KNOWN_MAX:
                    self._is_ours.clear()
                ours = self._is_ours[device] = self._token(device).hex() == walk.session.token
            if ours:
                return True
        return False

    # --- a session

    async def start(self, asked: SurveyStart) -> SurveyView:
        """Opens a session over the floor as it is now. Raises OutOfStep if one is open, Nonsense, NotNow."""
        async with self._changing:
            if self._walk is not None:
                raise OutOfStep("A survey is under way. Go on with it, or end it first.")
            device = self._around.device(asked.found) if asked.found else asked.device
            if not device:
                raise Nonsense("Say which device: its id, or the number of one that is heard now.")
            device = device_id(device)
            facts = self._facts()
            if facts.plan is None or not facts.scanners:
                raise Nonsense(
                    "There is nothing to survey yet. Put a plan and scanners into floor.yaml first."
                )
            points = await asyncio.to_thread(suggested, facts.plan, dict(facts.shelves), asked.spacing_m)
            await asyncio.to_thread(
                file.read, self._books
            )  # one that holds errors is told before anybody walks
            stops = tuple(Stop(x, y) for x, y in points)
            token = self._token(device).hex()
            walk = Walk(
                Session(token, facts.presence.carried_z_m, asked.stand_s, stops), self._clock.now_ms()
            )
            await self._keep(walk.session)
            self._around.end()
            self._is_ours.clear()
            self._walk, self._device = walk, device
            log.info("survey_started", points=len(stops))
        return await self.view(0)

    async def view(self, since: int) -> SurveyView:
        """The session as it is now; its stops only if they are newer than `since`."""
        await self._look_at_file()
        return survey_view(self._walk, self._device, self._in_file, since, self._clock.now_ms())

    async def begin(self, asked: SurveyBegin) -> SurveyView:
        """Somebody stands. Raises OutOfStep, Nonsense."""
        async with self._changing:
            walk = self._open(asked.version)
            place = None
            if asked.x is not None or asked.y is not None:
                if asked.x is None or asked.y is None:
                    raise Nonsense("Give both x and y in metres on the plan, or neither for the next point.")
                place = (round(asked.x, 2), round(asked.y, 2))
                plan = self._facts().plan
                if plan is not None and not (place[0] <= plan.width_m and place[1] <= plan.height_m):
                    raise Nonsense(f"That is outside the floor of {plan.width_m:g} × {plan.height_m:g} m.")
            walk.begin(self._clock.now_ms(), place)
        return await self.view(0)

    async def finish(self, asked: SurveyStep) -> SurveyView:
        """The point is enough, or has to do: written, then on to the next. Raises OutOfStep, NotHeard, NotNow."""
        async with self._changing:
            walk = self._open(asked.version)
            now_ms = self._clock.now_ms()
            point = walk.point(now_ms, self._clock.local(now_ms).day)
            after = walk.finished(now_ms, point)
            # In this order: a stop that is done and not in the file is open again after a crash in between.
            await self._keep(after)
            await asyncio.to_thread(file.put, self._books, (point,))
            walk.become(after)
        return await self.view(0)

    async def skip(self, asked: SurveyStep) -> SurveyView:
        """Past the point that is next. Raises OutOfStep, NotNow."""
        async with self._changing:
            walk = self._open(asked.version)
            after = walk.skipped(self._clock.now_ms())
            await self._keep(after)
            walk.become(after)
        return await self.view(0)

    async def undo(self, asked: SurveyStep) -> SurveyView:
        """Off the point where somebody stands; else the last point is taken out again. Raises OutOfStep, NotNow."""
        async with self._changing:
            walk = self._open(asked.version)
            after = walk.undone(self._clock.now_ms())
            if (last := walk.last()) is not None:
                stop, day = last
                gone = (stop.x, stop.y, walk.session.z, "", day)
                await asyncio.to_thread(file.drop, self._books, gone)
            await self._keep(after)
            walk.become(after)
        return await self.view(0)

    async def end(self) -> SurveyView:
        """Closes the session; its points stay. Raises OutOfStep if none is open."""
        async with self._changing:
            self._open(None)
            with contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread(os.unlink, self._path)
            self._walk, self._device = None, ""
            self._is_ours.clear()
        return await self.view(0)

    # --- devices around, scanners among themselves

    def around(self) -> tuple[NearbyView, ...]:
        """Devices heard now, the likeliest to be in somebody's hand first. Asking keeps the search going."""
        found = self._around.ask(self._clock.now_ms())
        return tuple(NearbyView(one.number, one.kind, one.scanner, one.dbm, one.rise_db) for one in found)

    async def listen(self, asked: SurveyListen) -> ScannersView:
        """Listens to scanners' own beacons for so long, anew; 0 seconds stops. Raises Nonsense."""
        async with self._changing:
            if self._collecting is not None:
                self._enough.set()
                await self._collecting
                self._collecting = None
            if asked.seconds:
                if len(self._facts().scanners) < 2:
                    raise Nonsense("Scanners hear each other from two on. List them in floor.yaml first.")
                now_ms = self._clock.now_ms()
                self._enough.clear()
                self._trouble = ""
                self._mutual = Mutual(self._facts().scanners, now_ms, now_ms + 1_000 * asked.seconds)
                self._collecting = asyncio.create_task(self._collect(self._mutual), name="survey scanners")
        return self.scanners()

    def scanners(self) -> ScannersView:
        """What scanners heard of each other since they were last told to listen."""
        return scanners_view(self._mutual, self._trouble, self._clock.now_ms())

    async def _collect(self, mutual: Mutual) -> None:
        """Writes what was heard, now and then and at the end. Stopped with the store, it loses what is newer."""
        while (left_s := (mutual.until_ms - self._clock.now_ms()) / 1000) > 0 and not self._enough.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(SAVE_S, left_s)):
                    await self._enough.wait()
            await self._keep_mutual(mutual)
        mutual.close(self._clock.now_ms())
        await self._keep_mutual(mutual)

    async def _keep_mutual(self, mutual: Mutual) -> None:
        facts = self._facts()
        mutual.know(facts.scanners)
        points = mutual.points(facts.scanners, self._clock.local(mutual.since_ms).day)
        if not points:
            return
        try:
            await asyncio.to_thread(file.put_beacons, self._books, points)
        except EndcapError as error:  # told to whoever asks; tried again with the next round
            self._trouble = error.reason
            log.warning("survey_not_written", why=error.reason)
        else:
            self._trouble = ""

    # --- behind it

    def _open(self, version: int | None) -> Walk:
        """The open session, if it is still the one that the sender saw: a repeat must not act twice."""
        if self._walk is None:
            raise OutOfStep("No survey is under way. Start one first.")
        if version is not None and version != self._walk.session.version:
            raise OutOfStep("The survey has moved on since. Look at it again: GET /api/v1/survey.")
        return self._walk

    async def _keep(self, session: Session) -> None:
        await asyncio.to_thread(file.replace, self._path, to_json(session), 0o600)

    def _resumed(self) -> Walk | None:
        """The session that was open when the store went down, without points that never reached the file."""
        try:
            session = msgspec.json.decode(self._path.read_bytes(), type=Session)
            if not all(
                -1 <= at < len(session.stops) for at in (session.at, *(one.stop for one in session.walked))
            ):
                raise Nonsense("it names points that it does not have")
            held = {file.where(point) for point in file.read(self._books)}
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, EndcapError) as error:
            # The points are in survey.csv; what is lost is which of them was next.
            log.warning("survey_not_resumed", why=str(error))
            return None
        return Walk(_within(session, held), self._clock.now_ms())

    async def _look_at_file(self) -> None:
        """Counts anew what is in the file when it changed."""
        try:
            found = (self._books / SURVEY_FILE).stat()
            stamp = (found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = (0, 0)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._in_file = about(await asyncio.to_thread(file.read, self._books))
        except EndcapError as error:
            self._in_file = about((), error.reason)


def _within(session: Session, held: set[file.Where]) -> Session:
    """The session with every stop open again that is said to be done and is not in the file."""
    gone = {
        done.stop
        for done in session.walked
        if (session.stops[done.stop].x, session.stops[done.stop].y, session.z, "", done.day) not in held
    }
    if not gone:
        return session
    stops = tuple(Stop(one.x, one.y) if at in gone else one for at, one in enumerate(session.stops))
    walked = tuple(done for done in session.walked if done.stop not in gone)
    return msgspec.structs.replace(session, stops=stops, walked=walked, at=min(gone))
