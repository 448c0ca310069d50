"""Reads walks of a beacon past fixed gateways, with the truth of where it was: the files, every error by line.

`gateways.txt` has a line `Dongles:{"address": [[x, y, z], colour, "name"], …}`. A walk is a line a packet,
`unix_ts,gateway,beacon,rssi,x,y,z,…`. A survey is a file that a store takes too. Each may be packed by gzip.
"""

from __future__ import annotations

import ast
import gzip
import math
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.book_survey import FILE_BYTES_MAX, read_survey
from protocols.errors import Nonsense
from protocols.facts import SurveyPoint
from protocols.ids import is_safe_id

LINES_MAX = 5_000_000
"""Packets in one walk. A longer file is refused: it is weeks, not a walk."""

LINE_CHARS_MAX = 4_096
"""Characters in one line. A longer one is no packet; without a bound a packed file could fill the memory."""

GATEWAYS_MAX = 10_000
"""Gateways of one floor. More are refused."""

ERROR_CODE_DBM = -20
"""Anything louder in these files is a receiver's error code."""

COORDINATE_MAX_M = 10_000.0
"""Coordinates beyond are a slip of the unit."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scanner hangs, in metres."""

    x: float
    y: float
    z: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a walk: which gateway heard the beacon, how loud, and where the beacon was."""

    unix_s: float
    gateway: str
    beacon: str
    dbm: int
    x: float
    y: float


@dataclass(frozen=True)
class Walk:
    """A walk with its gateways by name. `scanners` has the name for each row; None: it is not to be heard.

    `listed` are all gateways that there are, whether they heard it or not.
    """

    name: str
    rows: tuple[Row, ...]
    scanners: tuple[str | None, ...]
    refused: int
    unlisted: int
    listed: tuple[str, ...] = ()

    @property
    def lasts_s(self) -> float:
        """From the first packet to the last."""
        return self.rows[-1].unix_s - self.rows[0].unix_s


Gateways = dict[str, tuple[str, Place]]
"""Address to name and place."""


def read_walk(path: Path, gateways: Gateways) -> Walk:
    """A walk. Error codes and gateways that are not listed are counted, not heard. Raises Nonsense, OSError."""
    rows = tuple(read_rows(path))
    names: list[str | None] = []
    refused = unlisted = 0
    for row in rows:
        listed = gateways.get(row.gateway)
        if row.dbm > ERROR_CODE_DBM:
            refused += 1
        elif listed is None:
            unlisted += 1
        names.append(None if listed is None or row.dbm > ERROR_CODE_DBM else listed[0])
    if not any(names):
        raise Nonsense(f"{path.name}: no packet in it was heard by a gateway of the list")
    name = path.name.removesuffix(".gz").removesuffix(".mbd")
    listed_names = tuple(sorted(each for each, _ in gateways.values()))
    return Walk(name, rows, tuple(names), refused, unlisted, listed_names)


def read_rows(path: Path) -> list[Row]:
    """The packets of one beacon, in the order of the file. Raises Nonsense with the line that is wrong."""
    rows: list[Row] = []
    for number, line in enumerate(_lines(path), 1):
        if number > LINES_MAX:
            raise Nonsense(f"{path.name}: more than {LINES_MAX:,} lines; cut it into walks")
        try:
            at, gateway, beacon, dbm, x, y, *_ = line.split(",")
            row = Row(float(at), gateway, beacon, int(dbm), float(x), float(y))
        except ValueError as error:
            raise Nonsense(
                f"{path.name}: line {number} is no packet of a walk: {_short(error)}; "
                "a line is unix_ts,gateway,beacon,rssi,x,y,z"
            ) from None
        if not math.isfinite(row.unix_s) or not all(abs(at) <= COORDINATE_MAX_M for at in (row.x, row.y)):
            raise Nonsense(f"{path.name}: line {number}: time and place must be numbers, places in metres")
        if rows and row.beacon != rows[0].beacon:
            raise Nonsense(
                f"{path.name}: line {number} is of beacon {row.beacon[:40]}, the lines before of "
                f"{rows[0].beacon[:40]}; give each beacon a file"
            )
        rows.append(row)
    if not rows:
        raise Nonsense(f"{path.name}: it is empty")
    return rows


def read_gateways(path: Path) -> Gateways:
    """The gateways, from the line that begins with `Dongles:`. Raises Nonsense, OSError."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        head, _, table = line.partition(":")
        if head.strip() == "Dongles":
            return _gateways(path.name, table.strip())
    raise Nonsense(f'{path.name}: no line \'Dongles:{{"address": [[x, y, z], colour, "name"], …}}\'')


def _gateways(file: str, table: str) -> Gateways:
    try:
        listed = {
            str(address): (str(name), Place(*(float(one) for one in at)))
            for address, (at, _, name) in ast.literal_eval(table).items()
        }
    except (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise Nonsense(f"{file}: the line 'Dongles:' is no table: {_short(error)}") from None
    names = [name for name, _ in listed.values()]
    if not 1 <= len(names) <= GATEWAYS_MAX:
        raise Nonsense(f"{file}: has {len(names):,} gateways; there are 1 to {GATEWAYS_MAX:,}")
    twice = {name for name, count in Counter(names).items() if count > 1}
    for name, place in listed.values():
        if not is_safe_id(name) or name in twice:
            raise Nonsense(
                f"{file}: gateway '{name[:40]}' needs a name of its own without white space or '/'"
            )
        if not all(abs(at) <= COORDINATE_MAX_M for at in (place.x, place.y, place.z)):
            raise Nonsense(f"{file}: gateway '{name}' needs a place in metres")
    return listed


def survey_text(path: Path) -> bytes:
    """The survey's text, unpacked. Raises Nonsense, OSError."""
    raw = path.read_bytes()
    if not path.name.endswith(".gz"):
        return raw
    try:
        text = zlib.decompressobj(wbits=31).decompress(raw, FILE_BYTES_MAX + 1)
    except zlib.error as error:
        raise Nonsense(f"{path.name}: is no gzip: {_short(error)}") from None
    if len(text) > FILE_BYTES_MAX:
        raise Nonsense(
            f"{path.name}: is over {FILE_BYTES_MAX // 1024 // 1024} MB unpacked; take old days out"
        )
    return text


def read_points(path: Path) -> tuple[SurveyPoint, ...]:
    """The survey's points, without error codes. Raises Nonsense, OSError."""
    points = read_survey(survey_text(path), path.name)
    if not points:
        raise Nonsense(f"{path.name}: no reading in it; leave it away and say --no-survey")
    return tuple(_sane(point) for point in points)


def _sane(point: SurveyPoint) -> SurveyPoint:
    heard = {
        scanner: {dbm: count for dbm, count in levels.items() if dbm <= ERROR_CODE_DBM}
        for scanner, levels in point.heard.items()
    }
    return SurveyPoint(
        point.x, point.y, point.z, point.by, {name: at for name, at in heard.items() if at}, point.day
    )


def _lines(path: Path) -> Iterator[str]:
    packed = path.name.endswith(".gz")
    try:
        with gzip.open(path, "rt", encoding="ascii") if packed else path.open(encoding="ascii") as opened:
            while line := opened.readline(LINE_CHARS_MAX):
                yield line
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Nonsense(f"{path.name}: cannot be read as a walk: {_short(error)}") from None


def _short(error: BaseException) -> str:
    return str(error)[:80]
