"""A real PostgreSQL in a temporary folder: one for the run, a fresh database for each test."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sim.servers import INITDB, POSTGRES
from tests.servers.process import Process, absent, free_port, started


class Postgres:
    """A running server whose superuser is `postgres`, trusted from loopback."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self._numbers = itertools.count(1)
        bin_folder = _bin_folder()
        data = folder / "data"
        subprocess.run(
            [str(bin_folder / "initdb"), "-D", str(data), *INITDB.split()],
            check=True,
            capture_output=True,
            cwd=folder,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        with (data / "postgresql.conf").open("a") as config:
            config.write(POSTGRES.format(port=self.port))
        self.process = Process(
            "postgres",
            [str(bin_folder / "postgres"), "-D", str(data)],
            folder / "postgres.log",
            self._answers,
            cwd=folder,
            user=user,
            stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for every client to leave
        )

    def url(self, database: str = "postgres") -> str:
        """The address of a database as SQLAlchemy spells it."""
        return f"postgresql+psycopg://postgres@{self.host}:{self.port}/{database}"

    def dsn(self, database: str = "postgres") -> str:
        """The same address as psycopg spells it."""
        return f"postgresql://postgres@{self.host}:{self.port}/{database}"

    def create_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Drops it under whoever is still connected."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def start(self) -> None:
        """After `kill` or `stop`: the same port and data."""
        self.process.start()

    def stop(self) -> None:
        """A polite end; clients are cut off."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL: committed data is kept."""
        self.process.kill()

    def restart(self) -> None:
        """A polite stop and a start."""
        self.process.restart()

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn(), connect_timeout=2):
            return True
        return False

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(statement)


def _bin_folder() -> Path:
    """Debian keeps the server out of PATH, one folder a version; the newest is taken."""
    on_path = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    folders = [path for path in folders if (path / "initdb").exists()]
    if on_path is None and not folders:
        absent("postgresql")
    return folders[-1] if folders else Path(str(on_path)).resolve().parent


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root: its own user instead, else `nobody`; None where we are not root."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


@contextlib.contextmanager
def postgres_running() -> Iterator[Postgres]:
    """A server in a folder of its own, which goes with it. (pytest's folders are closed to other users.)"""
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="endcap-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        server = Postgres(folder, user)
        with started(server.process):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The run's one server; a test that kills it must start it again."""
    with postgres_running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh, empty database of this test's own, as an SQLAlchemy address."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)
