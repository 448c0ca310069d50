"""Reads and writes `survey.csv`: how often each scanner heard which strength from which place, as exact counts.

    scanner,x,y,z,rssi,count,by,day
    milk,4.5,2,1.2,-67,18,,2026-11-24          the surveyed device, standing at 4.5, 2
    milk,12,9.5,2.5,-71,40,bread,2026-11-24    the beacon of the scanner `bread`, which hangs there

`by` and `day` may be left out, and `scanner` may be called `sensor`: then it is the form in which fingerprints
are published. Rows of one place, device and day make one point; rows of one strength add up.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from math import isfinite

from actors.campaigns.text import Problem
from protocols.errors import Nonsense
from protocols.facts import SurveyPoint
from protocols.ids import is_safe_id

SURVEY_FILE = "survey.csv"
COLUMNS = ("scanner", "x", "y", "z", "rssi", "count", "by", "day")
NEEDED = COLUMNS[:6]
OTHER_NAMES = {"sensor": "scanner"}

POINTS_MAX = 2_000
"""Points of a survey. A file with more is refused; a walk ends there: 2,000 are 4 m² each of the largest shop."""

ROWS_MAX = 500_000
"""Rows of a survey. A file with more is refused whole."""

FILE_BYTES_MAX = 32 * 1024 * 1024
"""Largest survey file. A larger one is refused before it is parsed."""

PROBLEMS_MAX = 100
"""Errors told at once. Those beyond are counted, not told."""

PLACE_MAX_M = 1_000.0
"""Coordinates beyond are a slip of the unit."""

RSSI_MIN, RSSI_MAX = -127, 126
"""A controller reports a signed byte; 127 means that it has no value. What is absurd is for the map to drop."""

COUNT_MAX = 10_000_000
"""Readings in one row. A year of a beacon that sends ten times a second, spread over a few strengths, is less."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_MM = 3
"""Places are kept to the millimetre: so a file that was read and written is the same again."""

_Place = tuple[float, float, float, str, str]


class SurveyWrong(Nonsense):
    """The survey holds errors; nothing of it is taken. `problems` has each with its line, `reason` all of them."""

    code = "survey_wrong"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def read_survey(text: bytes | str, file: str = SURVEY_FILE) -> tuple[SurveyPoint, ...]:
    """The points in the order in which they first appear; none for an empty text. Raises SurveyWrong."""
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > FILE_BYTES_MAX:
        raise _wrong(file, 1, f"is over {FILE_BYTES_MAX // 1024 // 1024} MB; take old days out")
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _wrong(file, line, "is not UTF-8; save it as UTF-8") from None
    return _Reader(file).read(decoded)


def write_survey(points: Iterable[SurveyPoint]) -> bytes:
    """The file with these points, one row a strength. A point that nobody heard has no row.

    Raises Nonsense above the limits.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    number = 0
    places: set[_Place] = set()
    for point in points:
        places.add((point.x, point.y, point.z, point.by, point.day))
        for row in _rows(point):
            rows.writerow(row)
            number += 1
    if len(places) > POINTS_MAX:
        raise Nonsense(f"A survey has at most {POINTS_MAX:,} points. Take old days out.")
    if number > ROWS_MAX:
        raise Nonsense(f"A survey has at most {ROWS_MAX:,} rows. Take old days out.")
    written = text.getvalue().encode()
    if len(written) > FILE_BYTES_MAX:
        raise Nonsense(f"A survey has at most {FILE_BYTES_MAX // 1024 // 1024} MB. Take old days out.")
    return written


def write_fingerprints(points: Iterable[SurveyPoint]) -> bytes:
    """The points of carried devices in the published form: sensor,x,y,z,rssi,count."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("sensor", *NEEDED[1:]))
    for point in points:
        if not point.by:
            rows.writerows(row[: len(NEEDED)] for row in _rows(point))
    return text.getvalue().encode()


def _rows(point: SurveyPoint) -> Iterator[tuple[str, ...]]:
    place = tuple(_metres(one) for one in (point.x, point.y, point.z))
    for scanner in sorted(point.heard):
        for rssi, count in sorted(point.heard[scanner].items()):
            yield (scanner, *place, str(rssi), str(count), point.by, point.day)


def _metres(value: float) -> str:
    return f"{round(value, _MM) + 0.0:.{_MM}f}".rstrip("0").rstrip(".")


def _wrong(file: str, line: int, reason: str) -> SurveyWrong:
    return SurveyWrong((Problem(file, line, 1, reason),))


class _Reader:
    """One pass over one file: points so far, errors so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.untold = 0
        self.points: dict[_Place, dict[str, dict[int, int]]] = {}
        self.places: dict[tuple[str, str, str, str, str], _Place] = {}

    def read(self, text: str) -> tuple[SurveyPoint, ...]:
        lines = csv.reader(text.splitlines(), strict=True)
        columns: tuple[int, ...] = ()
        line = 0
        try:
            for number, fields in enumerate(lines):
                if lines.line_num != line + 1:
                    raise csv.Error("a quote is not closed on its line")
                line = lines.line_num
                if number > ROWS_MAX:
                    self.tell(line, f"more than {ROWS_MAX:,} rows; take old days out")
                    break
                if not fields:
                    continue
                if not columns:
                    columns = self.header(line, fields)
                elif len(fields) > max(columns):
                    self.row(line, *(fields[column] if column >= 0 else "" for column in columns))
                else:
                    self.tell(line, f"has {len(fields)} fields, but the first line names more")
        except csv.Error as error:
            self.tell(line + 1, f"is no CSV: {error}")
        if self.untold:
            self.problems.append(Problem(self.file, line, 1, f"and {self.untold:,} more errors"))
        if self.problems:
            raise SurveyWrong(tuple(self.problems))
        return tuple(
            SurveyPoint(x, y, z, by, heard, day) for (x, y, z, by, day), heard in self.points.items()
        )

    def header(self, line: int, fields: list[str]) -> tuple[int, ...]:
        """Where each of COLUMNS stands; -1 for one that is not there. Raises SurveyWrong."""
        names = [OTHER_NAMES.get(field.strip().lower(), field.strip().lower()) for field in fields]
        missing = [name for name in NEEDED if name not in names]
        if missing:
            wanted = f"the first line names the columns, as in {','.join(COLUMNS)}"
            raise _wrong(self.file, line, f"no column '{missing[0]}'; {wanted}")
        for name in names:
            if name not in COLUMNS or names.count(name) > 1:
                what = "stands twice" if names.count(name) > 1 else "is no column of a survey"
                raise _wrong(self.file, line, f"'{name[:40]}' {what}; there are {', '.join(COLUMNS)}")
        return tuple(names.index(name) if name in names else -1 for name in COLUMNS)

    def row(
        self, line: int, scanner: str, x: str, y: str, z: str, rssi: str, count: str, by: str, day: str
    ) -> None:
        place = self.places.get((x, y, z, by, day)) or self.place(line, x, y, z, by, day)
        level = self.whole(line, rssi, "rssi", RSSI_MIN, RSSI_MAX)
        times = self.whole(line, count, "count", 1, COUNT_MAX)
        if not is_safe_id(scanner):
            self.tell(line, "a scanner is 1 to 128 characters without white space, '/', '+' or '#'")
        elif place is not None and level is not None and times is not None:
            heard = self.points[place].setdefault(scanner, {})
            heard[level] = heard.get(level, 0) + times

    def place(self, line: int, x: str, y: str, z: str, by: str, day: str) -> _Place | None:
        """The point of these texts, made if it is new; None if one of them is wrong."""
        told = len(self.problems) + self.untold
        where = [self.metres(line, text, name) for text, name in ((x, "x"), (y, "y"), (z, "z"))]
        if by and not is_safe_id(by):
            self.tell(line, "by is a scanner: 1 to 128 characters without white space, '/', '+' or '#'")
        if day and not _DAY.match(day):
            self.tell(line, f"day '{day[:40]}' is no day; write it as 2026-11-24, or leave it empty")
        if len(self.problems) + self.untold > told:
            return None
        place = (where[0], where[1], where[2], by, day)
        if place not in self.points:
            if len(self.points) == POINTS_MAX:
                self.tell(line, f"more than {POINTS_MAX:,} points; take old days out")
                return None
            self.points[place] = {}
        self.places[x, y, z, by, day] = place
        return place

    def metres(self, line: int, text: str, name: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not isfinite(value) or abs(value) > PLACE_MAX_M:
            self.tell(line, f"{name} '{text[:40]}' must be metres, {-PLACE_MAX_M:,g} to {PLACE_MAX_M:,g}")
            return 0.0
        return round(value, _MM) + 0.0  # no minus zero: it would be another point

    def whole(self, line: int, text: str, name: str, low: int, high: int) -> int | None:
        try:
            value = int(text) if len(text) <= 12 else None
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            self.tell(line, f"{name} '{text[:40]}' must be a whole number, {low} to {high:,}")
            return None
        return value

    def tell(self, line: int, reason: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(self.file, line, 1, reason))
        else:
            self.untold += 1
