"""A survey in a terminal: totals, tables of points, scanners and pairs, and a walk as it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

from actors.campaigns.reading import Reading
from actors.campaigns.text import Refused, parse
from edge.book_floor import FLOOR_FILE, read_floor
from edge.settings import Settings
from edge.survey.points import mean_dbm, strongest, weakness
from edge.web.survey_views import ScannersView, SurveyView
from protocols.facts import SurveyPoint

NAMES_SHOWN = 5


def totals(points: Sequence[SurveyPoint]) -> str:
    """How much a survey is, in a phrase."""
    walked = [point for point in points if not point.by]
    readings = sum(sum(counts.values()) for point in points for counts in point.heard.values())
    scanners = len({scanner for point in points for scanner in point.heard})
    said = [several(len(walked), "point")]
    if len(walked) < len(points):
        said.append(several(len(points) - len(walked), "scanner's beacon"))
    return ", ".join((*said, several(scanners, "scanner"), several(readings, "reading")))


def several(count: int, what: str) -> str:
    """A count with its noun."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def listed(settings: Settings) -> frozenset[str] | None:
    """The scanners of floor.yaml; None if it cannot be read."""
    try:
        root = parse((Path(settings.store.books) / FLOOR_FILE).read_bytes(), FLOOR_FILE)
    except (OSError, Refused):
        return None
    return frozenset(read_floor(Reading(FLOOR_FILE), root, None).scanners)


def strangers(settings: Settings, points: Sequence[SurveyPoint]) -> str:
    """Scanners of these points that floor.yaml does not list, as a phrase; empty if it lists all."""
    known = listed(settings)
    if known is None:
        return ""
    found = sorted({one for point in points for one in (*point.heard, point.by) if one} - known)
    more = f" and {len(found) - NAMES_SHOWN} more" if len(found) > NAMES_SHOWN else ""
    return ", ".join(found[:NAMES_SHOWN]) + more


def tables(settings: Settings, points: Sequence[SurveyPoint]) -> Iterator[Table | Text]:
    """Points, scanners, and a line with what is weak."""
    yield _points_table(points)
    yield _scanners_table(points, listed(settings) or frozenset())
    walked = [point for point in points if not point.by]
    weak = sum(bool(weakness(point)) for point in walked)
    mend = " Hang a scanner nearer, or stand there again." if weak else ""
    yield Text(f"{totals(points)}. {several(weak, 'weak spot')}.{mend}")
    if unknown := strangers(settings, points):
        yield Text(f"floor.yaml does not list {unknown}.")


def pairs_table(now: ScannersView) -> Table:
    """What scanners heard of each other."""
    table = Table("beacon of", "heard by", _right("readings"), _right("mean dBm"))
    for pair in now.pairs:
        table.add_row(pair.by, pair.scanner, f"{pair.readings:,}", str(pair.dbm))
    if now.pair_count > len(now.pairs):
        table.caption = f"and {now.pair_count - len(now.pairs):,} more pairs"
    return table


class Follower:
    """A walk as it goes on: one line that moves in a terminal, a line for each step elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[heard]}"), console=console
        )
        self._task = self._bar.add_task("", total=1.0, heard="")
        self._said = ""
        self._stops = 0
        self._weak: tuple[tuple[int, str], ...] = ()
        self._began = False
        self.version = 0
        self.is_over = False

    def __enter__(self) -> Follower:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def tell(self, now: SurveyView) -> None:
        """Shows how it is now."""
        self.version = now.version
        if now.stops is not None:
            self._stops = len(now.stops)
            self._weak = tuple((at, one.weak) for at, one in enumerate(now.stops, 1) if one.weak)
        self._began = self._began or now.phase != "none"
        self.is_over = self._began and now.phase in ("none", "done")
        place = (
            f"point {now.at + 1} of {self._stops}"
            if now.at is not None
            else f"{several(now.done, 'point')} done"
        )
        readings = sum(one.readings for one in now.heard)
        heard = (
            f"{several(readings, 'reading')} from {several(len(now.heard), 'scanner')}"
            if now.phase == "standing"
            else now.say
        )
        if self._live:
            self._bar.update(self._task, description=place, completed=now.share, heard=heard)
        elif (words := f"{place}: {now.say}" if self._began else now.say).split(",")[0] != self._said:
            self._said = words.split(",")[0]  # a countdown is not a step
            self._line(words)
        if self.is_over:
            self._line(f"survey.csv has {several(now.points, 'point')}.")
            for at, weak in self._weak:
                self._line(f"point {at}: {weak}")

    def _line(self, words: str) -> None:
        self._console.print(words, highlight=False, markup=False, soft_wrap=True)


def _points_table(points: Sequence[SurveyPoint]) -> Table:
    table = Table(
        _right("x"), _right("y"), _right("z"), "whose", "day", _right("scanners"), _right("readings"),
        _right("best dBm"), "weak",
    )  # fmt: skip
    for point in points:
        readings = sum(sum(counts.values()) for counts in point.heard.values())
        table.add_row(
            *(f"{side:g}" for side in (point.x, point.y, point.z)),
            point.by or "walked",
            point.day,
            str(len(point.heard)),
            f"{readings:,}",
            str(strongest(point.heard)),
            "" if point.by else weakness(point),
        )
    return table


def _scanners_table(points: Sequence[SurveyPoint], known: frozenset[str]) -> Table:
    table = Table("scanner", _right("hears points"), _right("readings"), _right("mean dBm"))
    for scanner in sorted(known | {one for point in points for one in point.heard}):
        heard = [point.heard[scanner] for point in points if scanner in point.heard]
        together: dict[int, int] = {}
        for counts in heard:
            for dbm, count in counts.items():
                together[dbm] = together.get(dbm, 0) + count
        mean = str(mean_dbm(together)) if together else "none"
        table.add_row(scanner, f"{len(heard)} of {len(points)}", f"{sum(together.values()):,}", mean)
    return table


def _right(name: str) -> Column:
    return Column(name, justify="right")
