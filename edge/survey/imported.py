"""Fingerprints from elsewhere: a file, maybe gzipped, maybe with other names for the scanners, as survey points."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from edge.book_survey import FILE_BYTES_MAX, read_survey
from protocols.errors import Nonsense
from protocols.facts import SurveyPoint
from protocols.ids import is_safe_id

NAMES_BYTES_MAX = 1024 * 1024
"""Largest file of names. A larger one is refused unread."""

_GZIP = b"\x1f\x8b"


def fingerprints(path: Path, names: Mapping[str, str]) -> tuple[SurveyPoint, ...]:
    """The points of a file, its scanners under the store's names. Raises SurveyWrong, Nonsense."""
    return renamed(read_survey(_read(path), path.name), names)


def renamed(points: Iterable[SurveyPoint], names: Mapping[str, str]) -> tuple[SurveyPoint, ...]:
    """Points with scanners by other names; those that are not named keep theirs."""
    found = []
    for point in points:
        heard: dict[str, dict[int, int]] = {}
        for scanner, counts in point.heard.items():
            into = heard.setdefault(names.get(scanner, scanner), {})
            for dbm, count in counts.items():
                into[dbm] = into.get(dbm, 0) + count
        found.append(msgspec.structs.replace(point, by=names.get(point.by, point.by), heard=heard))
    return tuple(found)


def read_names(path: Path) -> dict[str, str]:
    """Scanner name to the id under which its gateway speaks, from lines `Dongles:{"<id>": [[x, y, z], …, "<name>"]}`.

    Raises Nonsense.
    """
    try:
        with path.open("rb") as opened:
            text = opened.read(NAMES_BYTES_MAX + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Nonsense(f"{path}: cannot be read: {error}") from None
    if len(text) > NAMES_BYTES_MAX:
        raise Nonsense(f"{path}: is over {NAMES_BYTES_MAX // 1024 // 1024} MB; this is no list of gateways")
    names: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        kind, colon, body = line.partition(":")
        if not colon or not kind.strip().isalpha() or not body.strip().startswith("{"):
            continue
        try:
            names |= {str(entry[-1]): ident for ident, entry in json.loads(body).items()}
        except (ValueError, RecursionError, AttributeError, LookupError, TypeError):
            raise Nonsense(f'{path}:{number}: is no {{"<id>": [[x, y, z], …, "<name>"]}}') from None
    if not names:
        raise Nonsense(f"{path}: names no gateways; it needs a line Dongles:{{…}}")
    for ident in names.values():
        if not is_safe_id(ident):
            raise Nonsense(f"{path}: '{ident[:40]}' cannot be a scanner's name")
    return names


def _read(path: Path) -> bytes:
    """The file's bytes, unpacked, one more than the limit at most."""
    try:
        with path.open("rb") as opened:
            packed = opened.read(2) == _GZIP
            opened.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=opened) as unpacked:
                    return unpacked.read(FILE_BYTES_MAX + 1)
            return opened.read(FILE_BYTES_MAX + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Nonsense(f"{path}: is damaged; it ends or breaks within its compression") from None
    except OSError as error:
        raise Nonsense(f"{path}: cannot be read: {error.strerror}") from None
