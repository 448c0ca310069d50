"""A survey session as a conversation: stand, hear, enough, next, skip, undo, and what is refused."""

from __future__ import annotations

import pytest

from edge.survey.walk import NotHeard, OutOfStep, Session, Standing, Stop, Walk
from protocols.facts import SurveyPoint

DAY = "2026-11-24"
STAND_S = 20.0


class Told:
    """A walk with a clock of its own, spoken to in seconds."""

    def __init__(self, *places: tuple[float, float], stand_s: float = STAND_S) -> None:
        stops = tuple(Stop(*place) for place in places or ((1, 1), (4, 1), (7, 1)))
        self.now_ms = 1_000_000
        self.walk = Walk(Session("token", 1.2, stand_s, stops), self.now_ms)

    def after(self, seconds: float) -> str:
        self.now_ms += round(seconds * 1000)
        return self.walk.look(self.now_ms)

    def hear(self, scanner: str, *levels: float, every_s: float = 0.0, smoothing_s: float = 0.0) -> str:
        for dbm in levels:
            self.after(every_s)
            self.walk.hear(scanner, dbm, self.now_ms, smoothing_s)
        return self.walk.look(self.now_ms)

    def begin(self, *place: float) -> str:
        self.walk.begin(self.now_ms, (place[0], place[1]) if place else None)
        return self.walk.look(self.now_ms)

    def finish(self) -> SurveyPoint:
        point = self.walk.point(self.now_ms, DAY)
        self.walk.become(self.walk.finished(self.now_ms, point))
        return point

    def skip(self) -> None:
        self.walk.become(self.walk.skipped(self.now_ms))

    def undo(self) -> None:
        self.walk.become(self.walk.undone(self.now_ms))

    @property
    def states(self) -> str:
        return " ".join(stop.state for stop in self.walk.session.stops)


def test_a_point_is_enough_when_one_stood_long_and_every_scanner_has_said_enough() -> None:
    told = Told()
    assert told.after(0) == "walking"
    assert told.begin() == "standing"
    assert told.hear("milk", *[-60.0] * 8, every_s=2) == "standing"  # 16 s: enough is heard, too early
    assert told.after(4) == "enough"
    point = told.finish()
    assert point == SurveyPoint(1, 1, 1.2, "", {"milk": {-60: 8}}, DAY)
    assert (told.after(0), told.walk.session.at, told.states) == ("walking", 1, "done open open")
    assert told.walk.session.stops[0] == Stop(1, 1, "done", 8, 1, "Only one scanner hears this spot.")


def test_a_scanner_that_hears_little_is_waited_for_and_not_for_ever() -> None:
    told = Told()
    told.begin()
    told.hear("milk", *[-60.0] * 9, every_s=2)
    told.hear("bread", -90.0, every_s=1)
    assert told.after(10) == "standing"  # 29 s
    assert told.after(1) == "enough"
    assert told.finish().heard == {"milk": {-60: 9}, "bread": {-90: 1}}


def test_at_a_point_where_nobody_says_three_readings_there_is_never_enough() -> None:
    told = Told()
    told.begin()
    told.hear("milk", -60, -61, every_s=2)
    assert told.after(55) == "standing"
    assert told.hear("milk", -62, every_s=1) == "enough"


def test_readings_of_the_step_before_and_of_after_enough_do_not_count() -> None:
    told = Told()
    told.hear("milk", -40.0)
    told.begin()
    told.hear("milk", -41.0, every_s=0.5)
    told.hear("slow", -42.0, every_s=1, smoothing_s=3.0)  # settled after 6 s
    told.hear("milk", *[-60.0] * 7, every_s=2.5)
    assert told.after(2.5) == "enough"
    told.hear("milk", -43.0, -44.0)
    assert told.finish().heard == {"milk": {-60: 7}}


def test_whoever_went_away_without_a_word_leaves_no_readings() -> None:
    told = Told()
    told.begin()
    told.after(3 * STAND_S + 1)
    told.hear("milk", -60.0, -60.0)
    with pytest.raises(NotHeard, match="Nothing was heard here yet"):
        told.finish()
    told.begin()  # once more
    told.hear("milk", -60.0, every_s=2)
    assert told.finish().heard == {"milk": {-60: 1}}  # early, as asked


def test_what_is_shown_of_a_point_never_goes_back() -> None:
    told = Told()
    told.begin()
    told.hear("milk", *[-60.0] * 6, every_s=2)
    standing = told.walk.standing
    assert isinstance(standing, Standing)
    before = standing.share
    assert before == pytest.approx(0.6)
    told.hear("bread", -90.0, every_s=1)
    assert standing.share >= before


def test_without_a_scanner_that_hears_it_a_point_is_refused_with_what_to_do() -> None:
    told = Told()
    assert told.walk.lost(told.now_ms)
    told.begin()
    told.after(30)
    with pytest.raises(
        NotHeard, match=r"No scanner hears that device yet\. Bring it closer or check its id\."
    ):
        told.finish()
    assert told.states == "open open open"


def test_a_skipped_point_is_gone_past_and_the_walk_ends_when_none_is_open() -> None:
    told = Told((1, 1), (4, 1))
    told.begin()
    told.hear("milk", -60.0, every_s=2)
    told.skip()
    assert (told.walk.session.at, told.walk.standing) == (1, None)
    told.begin()
    told.hear("milk", -60.0, every_s=2)
    told.finish()
    assert (told.after(0), told.states) == ("done", "skipped done")
    with pytest.raises(OutOfStep, match="There is none to skip"):
        told.skip()
    with pytest.raises(OutOfStep, match="Tap another place"):
        told.begin()


def test_undo_steps_off_first_and_then_takes_points_back_one_by_one() -> None:
    told = Told()
    for _ in range(2):
        told.begin()
        told.hear("milk", -60.0, every_s=2)
        told.finish()
    told.begin()
    told.undo()
    assert (told.after(0), told.walk.session.at, told.states) == ("walking", 2, "done done open")
    assert told.walk.last() == (Stop(4, 1, "done", 1, 1, "Only one scanner hears this spot."), DAY)
    told.undo()
    told.undo()
    assert (told.walk.session.at, told.states) == (0, "open open open")
    with pytest.raises(OutOfStep, match="nothing to take back"):
        told.undo()


def test_a_tapped_place_is_a_point_of_its_own_unless_one_is_there() -> None:
    told = Told()
    told.begin(4.1, 1.1)
    assert (told.walk.session.at, len(told.walk.session.stops)) == (1, 3)
    told.begin(5.5, 2.0)
    told.hear("milk", -60.0, every_s=2)
    assert told.finish() == SurveyPoint(5.5, 2.0, 1.2, "", {"milk": {-60: 1}}, DAY)
    assert (told.states, told.walk.session.at) == ("open open open done", 0)


def test_a_point_that_is_done_can_be_stood_at_again() -> None:
    told = Told((1, 1), (4, 1))
    for dbm in (-60.0, -70.0):
        told.begin(1, 1)
        told.hear("milk", dbm, every_s=2)
        told.finish()
    assert (told.states, told.walk.session.at, len(told.walk.session.walked)) == ("done open", 1, 1)
    told.begin(1, 1)
    told.skip()  # thought better of it: what it had stays
    assert told.states == "done open"


def test_a_version_grows_with_each_step_and_over_a_restart() -> None:
    told = Told()
    seen = [told.walk.session.version]
    told.begin()
    seen.append(told.walk.session.version)
    told.hear("milk", -60.0, every_s=2)
    told.finish()
    seen.append(told.walk.session.version)
    seen.append(Walk(told.walk.session, told.now_ms).session.version)
    assert seen == sorted(set(seen))
