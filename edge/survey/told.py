"""What a survey tells the page and the command: sentences, counts, the point where somebody stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge.survey.points import mean_dbm
from edge.survey.scanners import Mutual
from edge.survey.walk import FORGOTTEN, PATIENCE, READINGS_WANTED, Walk
from edge.web.survey_views import PairView, ScannerHeard, ScannersView, StopView, SurveyView
from protocols.facts import SurveyPoint

PAIRS_SHOWN_MAX = 500
"""Pairs of scanners in one answer, the most heard first; all are counted and written."""

UNHEARD = "No scanner hears that device yet. Bring it closer or check its id."


@dataclass(frozen=True, slots=True)
class InFile:
    """What survey.csv holds: points of a carried device, the newest day, or what is wrong with the file."""

    points: int
    last_day: str
    wrong: str = ""


def about(points: Iterable[SurveyPoint], wrong: str = "") -> InFile:
    """Counts a file."""
    walked = [point for point in points if not point.by]
    return InFile(len(walked), max((point.day for point in walked), default=""), wrong)


def survey_view(walk: Walk | None, device: str, in_file: InFile, since: int, now_ms: int) -> SurveyView:
    """The session as it is now; `stops` only if newer than `since`."""
    if walk is None:
        say = "No survey is under way."
        if in_file.wrong:
            say += f" The file holds errors. {in_file.wrong.splitlines()[0]}"
        return SurveyView("none", say, points=in_file.points, last_day=in_file.last_day)
    session, phase = walk.session, walk.look(now_ms)
    standing = walk.standing
    stood_s = 0.0 if standing is None else max(0, now_ms - standing.since_ms) / 1000
    stops = tuple(
        StopView(one.x, one.y, one.state, one.readings, one.scanners, one.weak) for one in session.stops
    )
    return SurveyView(
        phase=phase,
        say=_said(walk, now_ms, stood_s),
        version=session.version,
        at=None if session.at < 0 else session.at,
        share=0.0 if standing is None else 1.0 if standing.is_enough else round(standing.share, 3),
        stood_s=round(stood_s, 1),
        left_s=0.0 if standing is None else round(max(0.0, session.stand_s - stood_s), 1),
        heard=_heard(walk),
        is_heard=not walk.lost(now_ms),
        done=sum(one.state == "done" for one in session.stops),
        can_undo=standing is not None or bool(session.walked),
        device=device,
        points=in_file.points,
        last_day=in_file.last_day,
        stops=None if since == session.version else stops,
    )


def scanners_view(mutual: Mutual | None, trouble: str, now_ms: int) -> ScannersView:
    """What scanners heard of each other, the most heard pairs first."""
    if mutual is None:
        return ScannersView("Scanners are not listening to each other.")
    left_s = max(0, mutual.until_ms - now_ms) / 1000
    pairs = [
        PairView(by, scanner, sum(counts.values()), mean_dbm(counts))
        for by, heard in mutual.heard.items()
        for scanner, counts in heard.items()
    ]
    pairs.sort(key=lambda one: (-one.readings, one.by, one.scanner))
    if trouble:
        say = trouble
    elif left_s:
        say = f"Scanners listen to each other, {left_s:.0f} s left."
    elif pairs:
        say = "Done. What scanners heard of each other is in survey.csv."
    else:
        say = (
            "Scanners heard nothing of each other. Give each a beacon in floor.yaml, or let ESPresense nodes "
            "publish themselves, and listen again."
        )
    return ScannersView(say, round(left_s, 1), tuple(pairs[:PAIRS_SHOWN_MAX]), len(pairs))


def _heard(walk: Walk) -> tuple[ScannerHeard, ...]:
    if walk.standing is None:
        return ()
    found = [
        ScannerHeard(scanner, count := sum(counts.values()), mean_dbm(counts), count >= READINGS_WANTED)
        for scanner, counts in walk.standing.heard.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.dbm, one.scanner)))


def _said(walk: Walk, now_ms: int, stood_s: float) -> str:
    phase, stand_s = walk.look(now_ms), walk.session.stand_s
    if phase == "done":
        return "All points are done."
    if phase == "enough":
        return "That is enough here."
    if phase == "standing" and stood_s > FORGOTTEN * stand_s:
        return "Nobody seems to stand here any more. Begin this point again, or skip it."
    if walk.lost(now_ms):
        if walk.strangers:
            names = ", ".join(walk.strangers)
            return f"Only scanners that floor.yaml does not list hear that device: {names}. List them first."
        return UNHEARD
    if phase == "walking":
        return "Stand on the blue point. Hold the phone as usual."
    if stood_s >= PATIENCE * stand_s:
        return "Too little is heard here. Stay a little longer, or skip this point."
    if stood_s >= stand_s:
        return "Stay here, a few seconds more."
    return f"Stay here, {max(1, round(stand_s - stood_s))} s."
