"""The store's side of a survey: a point is in the file before it counts, a session outlives its process."""

from __future__ import annotations

import asyncio
import functools
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.facts import Facts
from edge.book_survey import SurveyWrong, read_survey
from edge.clock import WallClock
from edge.hearing import Hearing
from edge.roster import Roster, token_of
from edge.survey import file
from edge.survey.desk import SESSION_FILE, Surveyor
from edge.survey.walk import NotHeard, OutOfStep
from edge.web.survey_views import SurveyBegin, SurveyListen, SurveyStart, SurveyStep, SurveyView
from protocols.devices import Sighting
from protocols.errors import Nonsense, NotNow
from protocols.facts import Plan, Scanner, SurveyPoint
from protocols.ids import DeviceId, ScannerId, ZoneId
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import Life
from sim.virtual import VirtualLoop
from tests.unit.playbook import facts_of

MINE = "aabbccddee01"
START_MS = 1_795_536_000_000  # 2026-11-24, 16:00 UTC


class Desk:
    """A surveyor over a folder, with a clock that a test moves; `again` is its next life on the same disk."""

    def __init__(self, folder: Path, facts: Facts) -> None:
        self.folder, self.facts = folder, facts
        self.now_ms = START_MS
        self.books, self.data = folder / "books", folder / "var"
        self.books.mkdir(exist_ok=True)
        self.data.mkdir(exist_ok=True)
        self.again()

    def again(self) -> None:
        clock = WallClock(
            "UTC", 4, wall_us=lambda: self.now_ms * 1000, monotonic_us=lambda: self.now_ms * 1000
        )
        token = functools.partial(token_of, b"secret")
        self.desk = Surveyor(self.books, self.data, clock, token, lambda: self.facts)

    def hear(self, scanner: str, *levels: float, device: str = MINE, every_s: float = 2.0) -> None:
        for dbm in levels:
            self.now_ms += round(every_s * 1000)
            self.desk.heard(Sighting(ScannerId(scanner), DeviceId(device), dbm - 5, self.now_ms), dbm)

    async def stand(self, *levels: float) -> SurveyView:
        await self.desk.begin(SurveyBegin())
        self.hear("milk", *levels)
        return await self.desk.finish(SurveyStep())

    def rows(self) -> tuple[SurveyPoint, ...]:
        return read_survey((self.books / "survey.csv").read_bytes())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    zone = ZoneId("z")
    scanners = {"milk": Scanner(zone, 1, 1, beacon="bb:00:00:00:00:01"), "bread": Scanner(zone, 8, 1)}
    return Desk(tmp_path, facts_of(plan={"store": Plan("", 9, 3)}, scanner=scanners))


async def test_a_point_is_in_the_file_as_soon_as_it_counts(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device="AA:BB:CC:DD:EE:01"))
    seen = await desk.stand(-60, -61, -60)
    assert (seen.phase, seen.at, seen.done, seen.points) == ("walking", 1, 1, 1)
    assert desk.rows() == (SurveyPoint(1.5, 1.5, 1.2, "", {"milk": {-60: 2, -61: 1}}, "2026-11-24"),)


async def test_a_session_goes_on_after_a_restart_where_it_was(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    await desk.stand(-60, -61, -60)
    await desk.desk.begin(SurveyBegin())
    desk.hear("milk", -70)
    desk.again()
    seen = await desk.desk.view(0)
    assert (seen.phase, seen.at, seen.done) == ("walking", 1, 1)
    assert seen.stops is not None
    assert [stop.state for stop in seen.stops] == ["done", "open", "open"]
    await desk.stand(-80)  # the device is still known, though its id is written nowhere
    assert [point.x for point in desk.rows()] == [1.5, 4.5]
    assert MINE.encode() not in (desk.data / SESSION_FILE).read_bytes()
    assert stat.S_IMODE(os.stat(desk.data / SESSION_FILE).st_mode) == 0o600


async def test_a_point_that_never_reached_the_file_is_open_again(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    await desk.stand(-60)
    await desk.stand(-61)
    file.drop(desk.books, (1.5, 1.5, 1.2, "", "2026-11-24"))  # as if the power had gone in between
    desk.again()
    seen = await desk.desk.view(0)
    assert (seen.at, seen.done) == (0, 1)


async def test_a_damaged_session_is_left_and_the_points_stay(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    await desk.stand(-60)
    for damaged in (b"{", b"[]", (desk.data / SESSION_FILE).read_bytes().replace(b'"at":1', b'"at":77')):
        (desk.data / SESSION_FILE).write_bytes(damaged)
        desk.again()
        seen = await desk.desk.view(0)
        assert (seen.phase, seen.points, seen.last_day) == ("none", 1, "2026-11-24")


async def test_a_point_that_cannot_be_written_is_not_done(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    (desk.books / "survey.csv.new").mkdir()  # nothing can be written in its place
    with pytest.raises(NotNow, match="could not be written"):
        await desk.stand(-60)
    (desk.books / "survey.csv.new").rmdir()
    assert (await desk.desk.finish(SurveyStep())).done == 1


async def test_undo_takes_the_point_out_of_the_file(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    await desk.stand(-60)
    await desk.stand(-61)
    seen = await desk.desk.undo(SurveyStep())
    assert (seen.at, seen.done, [point.x for point in desk.rows()]) == (1, 1, [1.5])


async def test_a_step_that_was_sent_twice_acts_once(desk: Desk) -> None:
    seen = await desk.desk.start(SurveyStart(device=MINE))
    await desk.desk.skip(SurveyStep(version=seen.version))
    with pytest.raises(OutOfStep, match="moved on"):
        await desk.desk.skip(SurveyStep(version=seen.version))
    assert (await desk.desk.view(0)).at == 1


async def test_stops_are_sent_to_whoever_has_not_seen_them(desk: Desk) -> None:
    seen = await desk.desk.start(SurveyStart(device=MINE))
    assert (await desk.desk.view(seen.version)).stops is None
    assert (await desk.desk.view(seen.version - 1)).stops is not None


async def test_one_session_at_a_time_and_its_end_leaves_the_points(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    await desk.stand(-60)
    with pytest.raises(OutOfStep, match="under way"):
        await desk.desk.start(SurveyStart(device=MINE))
    seen = await desk.desk.end()
    assert (seen.phase, seen.points, seen.say) == ("none", 1, "No survey is under way.")
    assert not (desk.data / SESSION_FILE).exists()
    for act in (
        desk.desk.end,
        lambda: desk.desk.finish(SurveyStep()),
        lambda: desk.desk.begin(SurveyBegin()),
    ):
        with pytest.raises(OutOfStep, match="Start one first"):
            await act()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (SurveyStart(), "Say which device"),
        (SurveyStart(found=3), "Say which device"),
        (SurveyStart(device="a b"), "must be 1 to 128 characters"),
    ],
)
async def test_a_session_needs_a_device(desk: Desk, asked: SurveyStart, said: str) -> None:
    with pytest.raises(Nonsense, match=said):
        await desk.desk.start(asked)


async def test_a_survey_that_holds_errors_is_told_before_anybody_walks(desk: Desk) -> None:
    (desk.books / "survey.csv").write_text("scanner,x,y,z,rssi,count\nmilk,1,1,1,loud,1\n")
    with pytest.raises(SurveyWrong, match=r"survey.csv:2:1: rssi 'loud'"):
        await desk.desk.start(SurveyStart(device=MINE))
    assert "survey.csv:2:1" in (await desk.desk.view(0)).say


async def test_without_scanners_there_is_nothing_to_survey(desk: Desk) -> None:
    desk.facts.scanners.clear()
    with pytest.raises(Nonsense, match="Put a plan and scanners"):
        await desk.desk.start(SurveyStart(device=MINE))


@pytest.mark.parametrize(("x", "y"), [(9.5, 1.0), (1.0, None)])
async def test_a_place_is_on_the_floor(desk: Desk, x: float, y: float | None) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    with pytest.raises(Nonsense):
        await desk.desk.begin(SurveyBegin(x, y))


async def test_a_device_that_only_strangers_hear_is_told_with_their_names(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device=MINE))
    assert (await desk.desk.view(0)).say.startswith("No scanner hears that device yet.")
    desk.hear("lobby", -50)
    assert "floor.yaml does not list hear that device: lobby" in (await desk.desk.view(0)).say
    desk.hear("milk", -50)
    assert (await desk.desk.view(0)).say == "Stand on the blue point. Hold the phone as usual."
    await desk.desk.begin(SurveyBegin())
    with pytest.raises(NotHeard):
        await desk.desk.finish(SurveyStep())


async def test_a_device_is_known_by_any_id_of_a_message_and_others_are_left_out(desk: Desk) -> None:
    await desk.desk.start(SurveyStart(device="phone:ana"))
    await desk.desk.begin(SurveyBegin())
    desk.hear("milk", -40, -40, device="phone:ben")
    desk.now_ms += 2_000
    also = (DeviceId("other"), DeviceId("phone:ana"))
    desk.desk.heard(Sighting(ScannerId("bread"), DeviceId(MINE), -77, desk.now_ms, also=also), -70.4)
    desk.desk.heard(Sighting(ScannerId("bread"), DeviceId("phone:ana"), -77, desk.now_ms, age_ms=6_000), -71)
    await desk.desk.finish(SurveyStep())
    assert [point.heard for point in desk.rows()] == [
        {"bread": {-70: 1}}
    ]  # what is 6 s old was said elsewhere


async def test_a_device_that_was_found_by_holding_it_to_a_scanner_is_the_one_listened_to(desk: Desk) -> None:
    assert desk.desk.around() == ()
    desk.hear("milk", *[-50.0] * 3, device="others-phone")
    desk.hear("bread", -35)
    first, second = desk.desk.around()
    assert (first.number, first.scanner, second.number) == (2, "bread", 1)
    await desk.desk.start(SurveyStart(found=2))
    await desk.stand(-60)
    assert desk.rows()[0].heard == {"milk": {-60: 1}}


async def test_scanners_listen_to_each_other_until_they_are_stopped(desk: Desk) -> None:
    told = await desk.desk.listen(SurveyListen(seconds=60))
    assert told.say == "Scanners listen to each other, 60 s left."
    desk.hear("bread", -70, -70, -72, device="bb0000000001")
    desk.hear("milk", -66, device="node:bread")
    told = await desk.desk.listen(SurveyListen(seconds=0))
    assert [(one.by, one.scanner, one.readings) for one in told.pairs] == [
        ("milk", "bread", 3),
        ("bread", "milk", 1),
    ]
    assert told.say == "Done. What scanners heard of each other is in survey.csv."
    assert [(one.by, one.x, one.heard) for one in desk.rows()] == [
        ("bread", 8.0, {"milk": {-66: 1}}),
        ("milk", 1.0, {"bread": {-70: 2, -72: 1}}),
    ]
    desk.hear("bread", -70, device="bb0000000001")
    assert (desk.desk.scanners().pair_count, len(desk.rows())) == (2, 2)


async def test_scanners_stop_listening_by_themselves_and_say_if_nothing_was_heard(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.survey.desk.SAVE_S", 0.01)
    await desk.desk.listen(SurveyListen(seconds=1))
    desk.now_ms += 1_500
    await asyncio.sleep(0.1)
    told = desk.desk.scanners()
    assert told.left_s == 0
    assert told.say.startswith("Scanners heard nothing of each other. Give each a beacon")


async def test_what_scanners_heard_is_tried_again_when_it_could_not_be_written(desk: Desk) -> None:
    (desk.books / "survey.csv.new").mkdir()
    await desk.desk.listen(SurveyListen(seconds=60))
    desk.hear("milk", -66, device="node:bread")
    assert "could not be written" in (await desk.desk.listen(SurveyListen(seconds=0))).say


def test_a_scanner_that_hung_elsewhere_is_in_one_place_only(tmp_path: Path) -> None:
    walked = SurveyPoint(1.0, 1.0, 1.2, "", {"milk": {-60: 1}})
    before = SurveyPoint(1.0, 1.0, 2.5, "milk", {"bread": {-70: 9}}, "2026-11-20")
    other = SurveyPoint(8.0, 1.0, 2.5, "bread", {"milk": {-71: 9}}, "2026-11-20")
    after = SurveyPoint(3.0, 1.0, 2.5, "milk", {"bread": {-66: 9}}, "2026-11-24")
    file.put(tmp_path, (walked, before, other))
    assert file.put_beacons(tmp_path, (after,)) == (walked, other, after)


def test_points_are_put_replaced_and_dropped_and_the_rest_stays(tmp_path: Path) -> None:
    def point(x: float, **heard: int) -> SurveyPoint:
        return SurveyPoint(x, 1.0, 1.2, "", {one: {dbm: 1} for one, dbm in heard.items()}, "2026-11-24")

    file.put(tmp_path, (point(1.0, milk=-60), point(2.0, milk=-61)))
    file.put(tmp_path, (point(1.0, bread=-70),))
    assert file.read(tmp_path) == (point(1.0, bread=-70), point(2.0, milk=-61))
    file.drop(tmp_path, file.where(point(2.0)))
    file.drop(tmp_path, file.where(point(3.0)))
    assert file.read(tmp_path) == (point(1.0, bread=-70),)
    assert file.clear(tmp_path) == 1
    assert (file.clear(tmp_path), file.read(tmp_path)) == (0, ())


@pytest.mark.parametrize("act", [file.read, file.clear, lambda folder: file.put(folder, ())])
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, act: Callable[[Path], object]) -> None:
    if act is file.read:
        assert file.read(tmp_path / "none") == ()
        return
    with pytest.raises(NotNow, match=r"\[store\] books"):
        act(tmp_path / "none")


def test_a_survey_hears_every_sighting_with_its_strength_as_presence_takes_it(tmp_path: Path) -> None:
    life = Life(tmp_path, VirtualLoop(), Faults(FaultPlan()))
    heard: list[tuple[str, str, float]] = []
    hearing = Hearing(life.engine, Roster(b"salt"), life.clock, Facts)
    hearing.survey = lambda sighting, dbm: heard.append((sighting.scanner, sighting.device, dbm))
    body = b'{"id":"tag-1","rssi":-70,"rssi@1m":-65}'
    hearing.take("espresense/devices/tag-1/milk", body)
    hearing.take("espresense/devices/tag-1/milk", body, retained=True)
    life.close()
    assert heard == [("milk", "tag-1", -64.0)]
