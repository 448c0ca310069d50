"""The folder of one store's Ray: short, ours alone, and named so that a later start finds what was left.

lock            held by the child as long as it lives: the next one waits for it
cells/          the cells' sockets
empty/          the working directory of every worker
token           what Ray's processes show each other
session_*/      Ray's own logs and sockets
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

PATH_BYTES_MAX = 34
"""Ray puts up to 73 bytes below it, and a unix socket's path ends at 107 (Linux, sockaddr_un)."""

PARTS = ("cells", "empty", "ray")


class HomeRefused(Exception):
    """The folder belongs to somebody else or is open to others. Nothing was started in it."""


def home_of(store_data: str) -> Path:
    """Where the Ray of the store with this data folder lives: the same at every start."""
    name = hashlib.blake2b(os.path.realpath(store_data).encode(), digest_size=4).hexdigest()
    home = Path(tempfile.gettempdir(), f"endcap-{os.getuid()}-{name}")
    return home if len(str(home)) <= PATH_BYTES_MAX else Path("/tmp", home.name)


def make_home(home: Path) -> None:
    """Makes the folder and its parts. Raises HomeRefused when another user could have made or can change it."""
    if len(str(home)) > PATH_BYTES_MAX:
        raise HomeRefused(f"{home}: longer than {PATH_BYTES_MAX} characters, too long for Ray's sockets")
    home.mkdir(mode=0o700, exist_ok=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise HomeRefused(f"{home}: must be a folder of this user that nobody else may open; remove it")
    for part in PARTS:
        (home / part).mkdir(mode=0o700, exist_ok=True)


def clean_home(home: Path) -> None:
    """Removes what earlier sessions left; lock and log stay, since somebody may wait for it and read it."""
    for part in PARTS:
        shutil.rmtree(home / part, ignore_errors=True)  # a leftover log does no harm
    (home / "token").unlink(missing_ok=True)


def remove_home(home: Path) -> None:
    """Removes the folder after a clean stop. Whoever waits for the lock notices that its file is another one."""
    shutil.rmtree(home, ignore_errors=True)
