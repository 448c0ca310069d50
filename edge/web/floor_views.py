"""What the floor editor is told and what it sends: the file as JSON, what is wrong with it, and where.

The document has the shape of `floor.yaml` itself, so whoever knows one knows the other.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from protocols.api import Problem
from protocols.facts import PresenceSettings, Scanner, ShelfPlace, SignPlace, TillPlace, Zone

Point = tuple[float, float]


class PlanPicture(msgspec.Struct, frozen=True):
    """The picture under the plan: a file beside the books, its top left corner and its width in metres."""

    file: str
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0


class PlanDraft(msgspec.Struct, frozen=True):
    """The plan as the file says it: metres, walls as polylines, one that ends where it begins is a fixture."""

    name: str
    width: float
    height: float
    walls: tuple[tuple[Point, ...], ...] = ()
    picture: PlanPicture | None = None


class FloorDocument(msgspec.Struct, frozen=True):
    """`floor.yaml` as JSON, in the order of the file, every field with its value."""

    plan: PlanDraft
    presence: PresenceSettings
    zones: dict[str, Zone]
    scanners: dict[str, Scanner]
    shelves: dict[str, ShelfPlace]
    signs: dict[str, SignPlace]
    tills: dict[str, TillPlace]


class FloorDraft(msgspec.Struct, frozen=True):
    """GET /api/v1/floor/draft. `revision` stands for the file's bytes and is sent back with what is saved.

    `comments` counts lines with a comment below the one that the file begins with: saving loses them.
    """

    revision: str
    floor: FloorDocument
    comments: int = 0


class FloorChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /api/v1/floor/draft: the whole floor in the shape of FloorDocument, and the revision it was made from.

    What has its default may be left out, and what the file would not take is told with its place.
    """

    revision: str
    floor: dict[str, Any]


class FloorProblem(msgspec.Struct, frozen=True):
    """What is wrong and what to do. `at` leads to it in the document; empty for another file's line."""

    at: tuple[str, ...]
    say: str
    level: Literal["error", "warning"]
    file: str
    line: int


class FloorSaved(msgspec.Struct, frozen=True):
    """What became of a draft. After a dry run `saved` is false, and `revision` is that of the file as it is."""

    saved: bool
    revision: str
    problems: tuple[FloorProblem, ...] = ()


class FloorRefused(Problem, frozen=True):
    """A draft that was not saved, with everything that is wrong with it."""

    problems: tuple[FloorProblem, ...] = ()


class PictureView(msgspec.Struct, frozen=True):
    """PUT /api/v1/floor/picture: the name under which the picture lies beside the books, for `plan.picture.file`."""

    file: str
    width_px: int
    height_px: int


class ToldApart(msgspec.Struct, frozen=True):
    """How well the radio tells a zone: the share of it that is concluded as itself, and what it is taken for.

    `say` is empty unless the zone is drawn finer than the radio can tell.
    """

    told_apart_p: float
    confused_with: str = ""
    say: str = ""


class ExpectedView(msgspec.Struct, frozen=True):
    """GET /api/v1/floor/expected: how far off a position is expected to be, cell by cell, row by row.

    `error_m` is -1 where nobody can stand. The first cell is at the plan's origin.
    """

    cell_m: float
    columns: int
    rows: int
    error_m: tuple[float, ...]
    zones: dict[str, ToldApart] = {}
    say: tuple[str, ...] = ()
