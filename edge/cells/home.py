"""The folder of one store's Ray: short, ours alone, and named so that a later start finds what was left.

The child holds a lock on the folder as long as it lives, and the next one waits for it.

cells/          the cells' sockets
empty/          the working directory of every worker
token           what Ray's processes show each other
ray/            Ray's sessions, logs and sockets; Ray opens it to everybody, the folder around it is closed
child.log       what the child and Ray said on standard error
"""

from __future__ import annotations

import contextlib
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
    """Makes the folder and its parts. Raises HomeRefused when it is another user's, or no folder at all."""
    if len(str(home)) > PATH_BYTES_MAX:
        raise HomeRefused(f"{home}: longer than {PATH_BYTES_MAX} characters, too long for Ray's sockets")
    with contextlib.suppress(FileExistsError):  # a folder, or something that is refused in a moment
        home.mkdir(mode=0o700)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise HomeRefused(f"{home}: must be a folder of this user; remove it")
    if found.st_mode & 0o077:
        # Anybody may have put anything in. Ray itself makes it like this when it was removed under its feet.
        shutil.rmtree(home)
        home.mkdir(mode=0o700)
    for part in PARTS:
        (home / part).mkdir(mode=0o700, exist_ok=True)


def clean_home(home: Path) -> None:
    """Removes what earlier sessions left; the log stays for whoever reads it."""
    for part in PARTS:
        shutil.rmtree(home / part, ignore_errors=True)  # a leftover log does no harm
    (home / "token").unlink(missing_ok=True)


def remove_home(home: Path) -> None:
    """Removes the folder after a clean stop. Whoever waits for its lock notices that it is another one."""
    shutil.rmtree(home, ignore_errors=True)
