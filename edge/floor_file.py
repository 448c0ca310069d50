"""`floor.yaml` as the console edits it: read as a draft, judged as the store will read it, replaced whole.

The file is the truth. A save writes another file and renames it over the old one, which is kept beside it; the
store then reads it like any file that a person changed. Nothing is remembered here but the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from actors.campaigns.load import FILE as CAMPAIGNS_FILE
from actors.campaigns.load import Problem
from actors.campaigns.reading import Reading
from actors.campaigns.text import TEXT_BYTES_MAX, Mark, Refused, parse
from edge.book_floor import FLOOR_FILE, Floor, read_floor
from edge.book_members import MEMBERS_FILE
from edge.book_radio import survey_of
from edge.books import PRODUCTS_FILE, BooksWrong, read_books
from edge.floor_picture import PICTURE_BYTES_MAX, TYPES, examined, is_picture_name
from edge.floor_text import comments_below, floor_text, lead_of, places
from edge.web.floor_views import (
    FloorChange,
    FloorDocument,
    FloorDraft,
    FloorProblem,
    FloorSaved,
    PictureView,
    PlanDraft,
    PlanPicture,
)
from edge.web.ports import FloorMoved, FloorWrong
from protocols.errors import Nonsense, NotNow

KEPT_MAX = 20
"""Earlier floors that are kept as floor.yaml.<time> beside the newest. The oldest beyond are removed at a save."""

PICTURES_MAX = 8
"""Pictures that are kept beside the newest and the one that floor.yaml names. Older ones go at an upload."""

log = structlog.get_logger("edge.floor_file")

_OTHERS = (PRODUCTS_FILE, CAMPAIGNS_FILE, MEMBERS_FILE)
_KEPT = re.compile(rf"{re.escape(FLOOR_FILE)}\.\d{{8}}-\d{{6}}(-\d+)?\Z")
_OURS = re.compile(r"floor-[0-9a-f]{16}\.(?:png|jpg|webp)\Z")


class FloorFile:
    """The file in one store's folder. Saves are one after another; reading and judging run in a thread."""

    def __init__(self, folder: Path, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._now_ms = now_ms
        self._saving = asyncio.Lock()

    async def draft(self) -> FloorDraft:
        """The file as it is now. Raises FloorWrong if it holds errors: what cannot be read cannot be kept."""
        return await asyncio.to_thread(self._draft)

    async def save(self, change: FloorChange, *, dry_run: bool) -> FloorSaved:
        """Judges a floor and, unless it is a dry run, makes it the file. Raises FloorMoved, FloorWrong, NotNow.

        A dry run answers every problem and writes nothing, whatever the revision.
        """
        async with self._saving:
            return await asyncio.to_thread(self._save, change, dry_run)

    async def keep_picture(self, body: bytes) -> PictureView:
        """Puts a picture beside the books, under a name made of its bytes. Raises what `examined` does, NotNow."""
        found = examined(body)
        name = f"floor-{hashlib.blake2b(body, digest_size=8).hexdigest()}.{found.kind}"
        async with self._saving:
            await asyncio.to_thread(self._keep, name, body)
        return PictureView(name, found.width_px, found.height_px)

    async def picture(self, name: str) -> tuple[bytes, str] | None:
        """A picture's bytes and type; None if there is none of this name, or it is no picture."""
        return await asyncio.to_thread(self._picture, name)

    # --- reading

    @property
    def _path(self) -> Path:
        """The file itself, also where floor.yaml only leads to it: a rename would put itself in the link's place."""
        return (self._folder / FLOOR_FILE).resolve()

    def _bytes(self) -> bytes:
        try:
            with self._path.open("rb") as opened:
                return opened.read(TEXT_BYTES_MAX + 1)
        except OSError as error:
            reason = f"{FLOOR_FILE} cannot be read: {error.strerror}. Make one in the store's folder."
            raise NotNow(reason) from None

    def _draft(self) -> FloorDraft:
        raw = self._bytes()
        reading = Reading(FLOOR_FILE)
        try:
            root = parse(raw, FLOOR_FILE)
        except Refused as refused:
            raise _unreadable((refused.problem,)) from None
        floor = read_floor(reading, root, None)  # which goods there are is for the save to judge
        if reading.failed:
            raise _unreadable(reading.told())
        return FloorDraft(_revision(raw), _document(floor), comments_below(raw.decode("utf-8-sig")))

    def _picture(self, name: str) -> tuple[bytes, str] | None:
        if not is_picture_name(name):
            return None
        with contextlib.suppress(OSError, Nonsense):
            with (self._folder / name).open("rb") as opened:
                body = opened.read(PICTURE_BYTES_MAX + 1)
            return body, TYPES[examined(body).kind]
        return None

    # --- judging

    def _problems(self, text: str) -> tuple[FloorProblem, ...]:
        """Everything that the store would say about its files if floor.yaml were this text.

        The survey is left out: making a map of it takes longer than a person draws.
        """
        with tempfile.TemporaryDirectory(prefix="endcap-floor-") as made:
            staged = Path(made)
            for name in _OTHERS:
                (staged / name).symlink_to((self._folder / name).resolve())
            (staged / FLOOR_FILE).write_text(text, encoding="utf-8", newline="\n")
            try:
                found = [one for one in read_books(staged).warnings if one.file == FLOOR_FILE]
            except BooksWrong as wrong:
                found = list(wrong.problems)
            except Nonsense as wrong:  # said of the folder as a whole, by whatever else it is read for
                found = [Problem(FLOOR_FILE, 1, 1, wrong.reason)]
        try:
            marks = places(parse(text, FLOOR_FILE))
        except Refused:
            marks = {}
        return tuple(
            FloorProblem(
                at=marks.get(Mark(one.line, one.column), ()) if one.file == FLOOR_FILE else (),
                say=one.reason.replace(made, str(self._folder)),
                level=one.level,
                file=one.file,
                line=one.line,
            )
            for one in found
        )

    # --- writing

    def _save(self, change: FloorChange, dry_run: bool) -> FloorSaved:
        raw = self._bytes()
        if not dry_run and _revision(raw) != change.revision:
            raise FloorMoved(
                f"{FLOOR_FILE} was changed since this draft was read, so nothing was saved. GET the draft again, "
                "make your changes on that, and send it with its revision."
            )
        text = floor_text(change.floor, lead_of(raw.decode("utf-8-sig", "replace")))
        problems = self._problems(text)
        if dry_run:
            return FloorSaved(False, _revision(raw), problems)
        of_survey: list[Problem] = []
        survey_of(self._folder, of_survey)  # with a broken one beside it the store would not take the floor
        problems += tuple(FloorProblem((), one.reason, one.level, one.file, one.line) for one in of_survey)
        if wrong := tuple(one for one in problems if one.level == "error"):
            raise FloorWrong(_said("The floor was not saved", wrong), wrong)
        body = text.encode()
        if body != raw:
            self._replace(raw, body)
        return FloorSaved(True, _revision(body), problems)

    def _replace(self, old: bytes, new: bytes) -> None:
        """Whole or not at all, also if the power goes: the old floor stands until the new one is on the disk."""
        path = self._path
        try:
            kept_as = self._unused(path)
            _write(kept_as, old)
            fresh = path.with_name(FLOOR_FILE + ".new")  # not *.yaml: the store looks at those
            _write(fresh, new)
            fresh.chmod(stat.S_IMODE(path.stat().st_mode))
            fresh.replace(path)
            _settle(path.parent)
        except OSError as error:
            raise _not_written(FLOOR_FILE, error) from None
        log.info("floor_saved", revision=_revision(new), before=kept_as.name)
        _thin(path.parent, _KEPT, KEPT_MAX, kept_as.name)

    def _unused(self, path: Path) -> Path:
        at = datetime.fromtimestamp(self._now_ms() / 1000, UTC)
        name = f"{FLOOR_FILE}.{at:%Y%m%d-%H%M%S}"
        number = 1
        while (free := path.with_name(name if number == 1 else f"{name}-{number}")).exists():
            number += 1
        return free

    def _keep(self, name: str, body: bytes) -> None:
        path = self._folder / name
        try:
            fresh = path.with_name(name + ".new")
            _write(fresh, body)
            fresh.replace(path)
            _settle(self._folder)
        except OSError as error:
            raise _not_written("The picture", error) from None
        found = re.search(rb"floor-[0-9a-f]{16}\.(?:png|jpg|webp)", self._bytes())
        _thin(self._folder, _OURS, PICTURES_MAX, name, found[0].decode() if found else "")


def _document(floor: Floor) -> FloorDocument:
    plan = floor.plan
    picture = None
    if plan.picture:
        picture = PlanPicture(plan.picture, plan.picture_x, plan.picture_y, plan.picture_width_m)
    return FloorDocument(
        PlanDraft(plan.name, plan.width_m, plan.height_m, plan.walls, picture),
        floor.presence,
        floor.zones,
        floor.scanners,
        floor.shelves,
        floor.signs,
        floor.tills,
    )


def _revision(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()


def _unreadable(problems: tuple[Problem, ...]) -> FloorWrong:
    told = tuple(FloorProblem((), one.reason, one.level, one.file, one.line) for one in problems)
    return FloorWrong(_said(f"{FLOOR_FILE} holds errors; mend it by hand first", told), told)


def _said(what: str, problems: tuple[FloorProblem, ...]) -> str:
    first = problems[0]
    place = ".".join(first.at) or f"{first.file} line {first.line}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{what}. {place}: {first.say}{more}."


def _not_written(what: str, error: OSError) -> NotNow:
    return NotNow(
        f"{what} could not be written: {error.strerror}. Nothing was changed. Let the store write to its folder, "
        "free space if the disk is full, and send it again."
    )


def _write(path: Path, body: bytes) -> None:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _thin(folder: Path, names: re.Pattern[str], most: int, *stay: str) -> None:
    """Removes the oldest files of a name beyond `most`; those that stay are not counted among them."""
    found = [one for one in folder.iterdir() if names.match(one.name) and one.name not in stay]
    for one in sorted(found, key=lambda one: one.stat().st_mtime_ns)[: -most or None]:
        with contextlib.suppress(OSError):  # it is tried again the next time
            one.unlink()


def _settle(folder: Path) -> None:
    """Puts names on the disk too: a rename that is only in memory is undone by a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
