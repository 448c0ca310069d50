"""`survey.csv` on the disk: read whole, changed whole, never half written, by the store and the command alike."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.book_survey import FILE_BYTES_MAX, SURVEY_FILE, read_survey, write_survey
from protocols.errors import NotNow
from protocols.facts import SurveyPoint

Where = tuple[float, float, float, str, str]
"""What makes a point one: its place, whose beacon, and the day."""

Points = tuple[SurveyPoint, ...]


def where(point: SurveyPoint) -> Where:
    """What makes this point one, as the file keeps it: to the millimetre."""
    x, y, z = (round(side, 3) + 0.0 for side in (point.x, point.y, point.z))
    return x, y, z, point.by, point.day


def read(folder: Path) -> Points:
    """The survey of a store's folder; none if there is no file. Raises SurveyWrong, NotNow."""
    try:
        with (folder / SURVEY_FILE).open("rb") as opened:
            return read_survey(
                opened.read(FILE_BYTES_MAX + 1)
            )  # one more than the limit, so that it is refused
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise NotNow(f"{SURVEY_FILE} cannot be read: {error.strerror}. Check its owner and mode.") from None


def put(folder: Path, points: Iterable[SurveyPoint]) -> Points:
    """Adds points; one that is there already is replaced. Gives the whole survey. Raises SurveyWrong, NotNow."""
    added = {where(point): point for point in points}
    return _change(folder, lambda held: {**{where(one): one for one in held}, **added}.values())


def put_beacons(folder: Path, points: Iterable[SurveyPoint]) -> Points:
    """Adds what scanners heard of each other. What was heard of the same beacons before is dropped.

    A scanner that was moved since would else be in two places.
    """
    added = tuple(points)
    again = {point.by for point in added}
    return _change(folder, lambda held: (*(one for one in held if one.by not in again), *added))


def drop(folder: Path, gone: Where) -> Points:
    """Takes a point out; one that is not there is no harm. Gives the rest. Raises SurveyWrong, NotNow."""
    return _change(folder, lambda held: (one for one in held if where(one) != gone))


def clear(folder: Path) -> int:
    """Removes the survey; gives how many points it had, -1 if the file could not be read as one. Raises NotNow."""
    with _alone(folder):
        try:
            count = len(read(folder))
        except Exception:  # whatever was wrong with it, it is wanted gone
            count = -1
        try:
            (folder / SURVEY_FILE).unlink(missing_ok=True)
            _settle(folder)
        except OSError as error:
            raise _not_written(SURVEY_FILE, error) from None
        return count


def replace(path: Path, body: bytes, mode: int = 0o644) -> None:
    """Writes a file whole or not at all, also if the power goes. Raises NotNow."""
    path = (
        path.resolve()
    )  # where it leads to, if it is a link: a rename would put the file in the link's place
    fresh = path.with_name(path.name + ".new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _settle(path.parent)
    except OSError as error:
        raise _not_written(path.name, error) from None


def _change(folder: Path, made: Callable[[Points], Iterable[SurveyPoint]]) -> Points:
    with _alone(folder):
        points = tuple(made(read(folder)))
        replace(folder / SURVEY_FILE, write_survey(points))
        return points


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder, so that the command and the store do not write over each other."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise NotNow(f"{folder}: {error.strerror}. Look at [store] books in the settings.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _settle(folder: Path) -> None:
    """Puts names on the disk too: a rename that is only in memory is undone by a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_written(name: str, error: OSError) -> NotNow:
    return NotNow(
        f"{name} could not be written: {error.strerror}. Nothing was changed. Let the store write to its folder, "
        "free space if the disk is full, and try again."
    )
