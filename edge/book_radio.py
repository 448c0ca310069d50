"""The radio map of a store's files: made from its floor and `survey.csv` when either of them changed.

It takes tenths of a second for a usual shop, so it is made where files are read, never in a cell, and not at all
while the digest of everything that it is made from is that of the map which the database holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from actors.campaigns.text import Problem
from edge.book_floor import FLOOR_FILE, Floor
from edge.book_survey import FILE_BYTES_MAX, SURVEY_FILE, SurveyWrong, read_survey
from protocols.codec import to_json
from protocols.effects import Know
from protocols.errors import Nonsense
from protocols.facts import Fact, Radio, SurveyPoint

RADIO_BOOKS = ("radio", "signal")
"""The books whose one author is this module."""

ONLY = "store"

POINTS_MIN = 8
"""Points that a survey needs before presence goes by it on its own accord: a walk that has just begun is no map."""

_VERSION = b"1"
"""Raised whenever the map of the same files becomes another one."""

_radio = msgspec.json.Decoder(Radio)


def survey_of(folder: Path, problems: list[Problem]) -> tuple[SurveyPoint, ...]:
    """The points of the store's survey; none if there is no such file. Every error goes to `problems`."""
    try:
        with (folder / SURVEY_FILE).open("rb") as opened:
            return read_survey(opened.read(FILE_BYTES_MAX + 1))
    except FileNotFoundError:
        return ()
    except OSError as error:
        problems.append(
            Problem(SURVEY_FILE, 1, 1, f"cannot be read: {error.strerror}; check its owner and mode")
        )
    except SurveyWrong as error:
        problems.extend(error.problems)
    return ()


def digest_held(facts: Iterable[Fact]) -> str:
    """The digest of the radio map among these facts; empty if there is none."""
    for fact in facts:
        if fact.book == "radio" and fact.value != b"null":
            return _radio.decode(fact.value).digest
    return ""


def radio_knows(
    floor: Floor, points: Sequence[SurveyPoint], held: str, problems: list[Problem]
) -> tuple[Know, ...] | None:
    """The map as facts; none where presence goes by the nearest scanner; None if the map held is still right."""
    method = floor.presence.method
    if method == "nearest" or (method == "auto" and len(points) < POINTS_MIN) or not floor.scanners:
        return ()
    digest = _digest(floor, points)
    if digest == held:
        return None
    from actors.presence.radio import fit  # brings numpy, which a store without a map does without

    try:
        radio, signals = fit(floor.plan, floor.scanners, floor.presence, points, digest)
    except Nonsense as error:
        problems.append(Problem(FLOOR_FILE, 1, 1, error.reason))
        return ()
    maps = [Know("signal", name, to_json(signal)) for name, signal in sorted(signals.items())]
    return (Know("radio", ONLY, to_json(radio)), *maps)


def _digest(floor: Floor, points: Sequence[SurveyPoint]) -> str:
    """Of everything that the map is made from. Counts go as pairs: JSON in a fixed order takes no numbers as keys."""
    surveyed = [
        (
            one.x,
            one.y,
            one.z,
            one.by,
            [(name, sorted(counts.items())) for name, counts in sorted(one.heard.items())],
        )
        for one in points
    ]
    made_from = (floor.plan, sorted(floor.scanners.items()), floor.presence, surveyed)
    return hashlib.blake2b(_VERSION + to_json(made_from), digest_size=16).hexdigest()
