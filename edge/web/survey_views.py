"""What the surveyor's phone asks and is told, as typed values: the session, devices around, scanners listening."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Metres = Annotated[float, msgspec.Meta(ge=0, le=1_000)]
Version = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class SurveyStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/survey. `device` is the id of the beacon or phone; or `found` its number among those heard now.

    Points stand about `spacing_m` apart, and one stands `stand_s` at each. It need not be enrolled.
    """

    device: Annotated[str, msgspec.Meta(max_length=128)] = ""
    found: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    spacing_m: Annotated[float, msgspec.Meta(ge=1, le=20)] = 3.0
    stand_s: Annotated[float, msgspec.Meta(ge=1, le=120)] = 20.0


class SurveyBegin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/survey/points: somebody stands at the next point, or at x, y, which then is a point.

    `version` is the session that the sender saw; with another one nothing is done.
    """

    x: Metres | None = None
    y: Metres | None = None
    version: Version | None = None


class SurveyStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/survey/points/finish, skip, undo. `version` is the session that the sender saw."""

    version: Version | None = None


class SurveyListen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/v1/survey/scanners: listen for so long to scanners' own beacons; 0 stops."""

    seconds: Annotated[int, msgspec.Meta(ge=0, le=24 * 3600)] = 300


class StopView(msgspec.Struct, frozen=True):
    """A point to stand at, and what was heard there. `weak` says what is poor about it."""

    x: float
    y: float
    state: Literal["open", "done", "skipped"]
    readings: int = 0
    scanners: int = 0
    weak: str = ""


class ScannerHeard(msgspec.Struct, frozen=True):
    """A scanner that hears the point where somebody stands: readings so far, their mean, whether they are enough."""

    scanner: str
    readings: int
    dbm: int
    enough: bool


class SurveyView(msgspec.Struct, frozen=True):
    """The session as it is now. `say` is what is so and what to do.

    `at` is the stop where to stand (next), None when all are done. `share` is how much of this point is in, 0 to 1.
    `stops` is left out for whoever has this `version`. `points` are in the file, from this session or before.
    """

    phase: Literal["none", "walking", "standing", "enough", "done"]
    say: str
    version: int = 0
    at: int | None = None
    share: float = 0.0
    stood_s: float = 0.0
    left_s: float = 0.0
    heard: tuple[ScannerHeard, ...] = ()
    is_heard: bool = False
    done: int = 0
    can_undo: bool = False
    device: str = ""
    points: int = 0
    last_day: str = ""
    stops: tuple[StopView, ...] | None = None


class NearbyView(msgspec.Struct, frozen=True):
    """A device heard right now, by a number that means nothing later. `rise_db`: how much closer than before."""

    number: int
    kind: str
    scanner: str
    dbm: int
    rise_db: int


class PairView(msgspec.Struct, frozen=True):
    """How often `scanner` heard the beacon of the scanner `by`, and their mean."""

    by: str
    scanner: str
    readings: int
    dbm: int


class ScannersView(msgspec.Struct, frozen=True):
    """Scanners listening to each other. `left_s` is 0 when it is over. The most heard pairs, and how many there are."""

    say: str
    left_s: float = 0.0
    pairs: tuple[PairView, ...] = ()
    pair_count: int = 0
