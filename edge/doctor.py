"""`endcap-store doctor`: what a store needs, looked at one by one, each with what to do if it is wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
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
from edge.db.care import check
from edge.db.connections import open_reader
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
        # Sections and lists in brackets are not markup.
        console.print(
            f"{'well ' if is_well else 'WRONG'}  {what}", highlight=False, markup=False, soft_wrap=True
        )
        if not is_well:
            console.print(f"       {mend}", highlight=False, markup=False, soft_wrap=True)
    return 0 if well else 1


def _served(settings: Settings) -> Finding:
    url = f"http://{settings.http.host}:{settings.http.port}/api/v1/health"
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_S) as answer:
            health = json.load(answer)
    except urllib.error.HTTPError as error:
        return (
            False,
            f"tills are served at {url}",
            f"It answers {error.code}: another program, or it is stopping.",
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        return False, f"tills are served at {url}", f"{error}. Start it: endcap-store run"
    served = health.get("store") if isinstance(health, dict) else None
    if served != settings.store.id:
        mend = f"Store '{served}' answers there. Stop it, or choose another [http] port."
        return False, f"tills are served at {url}", mend
    return True, f"tills are served at {url}", ""


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
    mend = "Restore a backup, or move the file away and let it be made anew."
    try:
        with contextlib.closing(open_reader(path)) as connection:
            if found := check(connection):
                return False, f"{path}: {found}", mend
            store = connection.execute("SELECT store FROM meta").fetchall()[0][0]
            parked = connection.execute("SELECT count(*) FROM parked").fetchall()[0][0]
    except (sqlite3.DatabaseError, IndexError) as error:
        return False, f"{path}: {error}", mend
    if store != settings.store.id:
        return (
            False,
            f"{path}: belongs to store '{store}'",
            "Name it in [store] id, or choose another data folder.",
        )
    told = f", {parked} inputs are parked (endcap-store explain --parked NUMBER)" if parked else ""
    return True, f"{path}: ok{told}", ""


def _secrets(settings: Settings) -> Finding:
    named = {"[mqtt] password_file": settings.mqtt.password_file, "[kafka] key_file": settings.kafka.key_file}
    for setting, file in named.items():
        if file and not Path(file).is_file():
            return False, f"{setting} is {file}", "There is no such file: make it, or leave the setting out."
    return True, "files with secrets are there, as far as any are named", ""


def _broker(settings: Settings) -> Finding:
    return _reached(settings.mqtt.host, settings.mqtt.port, "the broker", "[mqtt] host and port")


def _head_office(settings: Settings) -> Finding:
    if not settings.kafka.bootstrap:
        return True, "no head office: this store stands alone", ""
    # One of several brokers is enough; the settings saw to it that each has a port.
    host, _, port = settings.kafka.bootstrap.split(",")[0].strip().rpartition(":")
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
    _secrets,
    _broker,
    _head_office,
    _served,
)
