"""A real Mosquitto on a free loopback port, with sessions and retained messages that survive a restart."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.servers import mosquitto_config
from tests.servers.process import Process, accepts, free_port, program, started


class Mosquitto:
    """A running broker. `restart` keeps sessions; `kill` then `start` is a crash, which may lose them."""

    def __init__(self, folder: Path, port: int | None = None, extra: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.config = folder / "mosquitto.conf"
        self.config.write_text(mosquitto_config(folder, self.port) + extra)
        self.process = Process(
            "mosquitto",
            [program("mosquitto"), "-c", str(self.config)],
            folder / "mosquitto.log",
            lambda: accepts(self.port),
        )

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:<port>`."""
        return f"mqtt://{self.host}:{self.port}"

    def start(self) -> None:
        """After `kill` or `stop`: the same port and files."""
        self.process.start()

    def stop(self) -> None:
        """A polite end; sessions are saved."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def restart(self) -> None:
        """A polite stop and a start: clients are cut off, sessions are kept."""
        self.process.restart()


@contextlib.contextmanager
def mosquitto_running(folder: Path, port: int | None = None, extra: str = "") -> Iterator[Mosquitto]:
    """A broker in `folder`; `extra` lines go to the end of its configuration."""
    broker = Mosquitto(folder, port, extra)
    with started(broker.process):
        yield broker


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of this test's own."""
    with mosquitto_running(tmp_path / "mosquitto") as broker:
        yield broker
