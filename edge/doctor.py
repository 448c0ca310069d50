"""`endcap-store doctor`: what a store needs, looked at one by one, each with what to do if it is wrong."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from rich.console import Console

from edge.books import BooksWrong, read_books
from edge.settings import Settings

FREE_MB_MIN = 500
"""Below so much free space a store should be looked at."""

CONNECT_S = 2.0

Finding = tuple[bool, str, str]
"""Whether it is well, what was looked at, and what to do if it is not."""


def examine(settings: Settings, console: Console, *, quick: bool) -> int:
    """Prints a line for each thing looked at. Exit code 0 if all is well, else 1."""
    looks: Iterable[Callable[[Settings], Finding]] = (_served,) if quick else _LOOKS
    well = True
    for look in looks:
        is_well, what, mend = look(settings)
        well = well and is_well
        console.print(f"{'well ' if is_well else 'WRONG'}  {what}", highlight=False)
        if not is_well:
            console.print(f"       {mend}", highlight=False)
    return 0 if well else 1


def _served(settings: Settings) -> Finding:
    url = f"http://{settings.http.host}:{settings.http.port}/api/v1/health"
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_S) as answer:
            return answer.status == 200, f"tills are served at {url}", ""
    except (urllib.error.URLError, OSError) as error:
        return False, f"tills are served at {url}", f"{error}. Start it: endcap-store run"


def _imports(settings: Settings) -> Finding:
    places = {
        str(Path(str(import_module(name).__file__)).parents[1]) for name in ("edge", "actors", "protocols")
    }
    mend = "A folder named like one of our packages shadows it: run from elsewhere, or rename it."
    return (
        len(places) == 1,
        f"edge, actors and protocols come from one place: {', '.join(sorted(places))}",
        mend,
    )


def _python(settings: Settings) -> Finding:
    versions = f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    return sqlite3.sqlite_version_info >= (3, 37), versions, "SQLite 3.37 or newer is needed (STRICT tables)."


def _files(settings: Settings) -> Finding:
    folder = Path(settings.store.books)
    what = f"the store's files in {folder}"
    try:
        books = read_books(folder)
    except BooksWrong as error:
        return False, what, error.reason.replace("\n", "\n       ")
    return True, f"{what}: {len(books.knows)} facts, {len(books.members)} members and tags", ""


def _space(settings: Settings) -> Finding:
    folder = Path(settings.store.data)
    existing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    free_mb = shutil.disk_usage(existing).free // 1_000_000
    return free_mb >= FREE_MB_MIN, f"{free_mb:,} MB free for {folder}", f"Free at least {FREE_MB_MIN} MB."


def _database(settings: Settings) -> Finding:
    path = Path(settings.store.data) / "store.db"
    if not path.exists():
        return True, f"{path}: none yet, the first start makes it", ""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return (
        found == "ok",
        f"{path}: {found}",
        "Restore a backup, or move the file away and let it be made anew.",
    )


def _broker(settings: Settings) -> Finding:
    return _reached(settings.mqtt.host, settings.mqtt.port, "the broker", "[mqtt] host and port")


def _head_office(settings: Settings) -> Finding:
    if not settings.kafka.bootstrap:
        return True, "no head office: this store stands alone", ""
    host, _, port = settings.kafka.bootstrap.split(",")[0].rpartition(":")
    return _reached(host, int(port), "head office's Kafka", "[kafka] bootstrap. The store sells without it")


def _reached(host: str, port: int, what: str, where: str) -> Finding:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        return False, f"{what} at {host}:{port}", f"{error}. See {where}."
    return True, f"{what} at {host}:{port}", ""


_LOOKS: tuple[Callable[[Settings], Finding], ...] = (
    _python,
    _imports,
    _files,
    _space,
    _database,
    _broker,
    _head_office,
    _served,
)
