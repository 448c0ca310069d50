"""What is started to be measured: a broker, a store on it, the peers; each a real process, ended by its pid."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import struct
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocols import topics
from sim.bench.load import Sent, read_sent, write_plan
from sim.bench.observe import Seen, read_seen, read_times
from sim.bench.shop import Stretch, write_books
from sim.processes import Child, Children, accepts, free_port, program, wait_until

STORE = "bench"
RAY_READY_S = 60.0
QUIET_S = 0.7
"""A run is over when nothing has come for so long."""

QUIET_WITHIN_S = 90.0
"""A backlog that takes longer is left alone."""

BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
# Without this a small message waits 40 ms for the one before it to be acknowledged.
set_tcp_nodelay true
# A queue's limits must not decide a benchmark.
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 1000
persistence false
log_dest stdout
log_type error
log_type warning
{user}
"""


class Missing(Exception):
    """Something that is measured is not on this machine. The text says what and how to get it."""


@dataclass(slots=True)
class Rig:
    """A folder on a real disk, a broker, and whatever is started beside it. Use as a context."""

    folder: Path
    children: Children = field(default_factory=Children)
    port: int = 0
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def __enter__(self) -> Rig:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.children.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def broker(self) -> None:
        """Starts Mosquitto on a free port. Raises Missing."""
        path = program("mosquitto")
        if path is None:
            raise Missing("mosquitto is not installed; on Debian or Ubuntu: apt-get install mosquitto")
        self.port = free_port()
        config = self.folder / "mosquitto.conf"
        # Started by root it would become the user `mosquitto`, who may not read this folder.
        config.write_text(BROKER.format(port=self.port, user="user root" if os.geteuid() == 0 else ""))
        port = self.port
        self.children.start(
            Child(
                "mosquitto", [path, "-c", str(config)], self.folder / "mosquitto.log", lambda: accepts(port)
            )
        )

    def python(self, name: str, module: str, *arguments: str, env: dict[str, str] | None = None) -> Child:
        """A child of this interpreter, not started yet."""
        log = self.folder / f"{name}-{next(self._number)}.log"
        return Child(name, [sys.executable, "-m", module, *arguments], log, env=env)

    def observed(
        self,
        stretch: Stretch,
        per_second: float,
        first: int,
        *filters: str,
        within_s: float = QUIET_WITHIN_S,
    ) -> Observed:
        """Sends a stretch at a rate while an observer listens, and waits until nothing comes any more."""
        due_s = len(stretch) / per_second
        sent, out = self.played(
            lambda plan: write_plan(plan, self.port, stretch, per_second), due_s, *filters, within_s=within_s
        )
        return Observed(read_sent(sent, stretch, first), out)

    def played(
        self,
        write: Callable[[Path], None],
        due_s: float,
        *filters: str,
        within_s: float = QUIET_WITHIN_S,
    ) -> tuple[Path, Path]:
        """Sends a plan that `write` writes and that takes `due_s`: the files of when it was sent, and of what came."""
        base = self.folder / f"run-{next(self._number)}"
        plan, sent, out, count = (
            base.with_suffix(end) for end in (".plan.npz", ".sent.npz", ".seen", ".count")
        )
        write(plan)
        observer = self.python(
            "observer", "sim.bench.observe", str(self.port), str(out), str(count), *(filters or _OUTWARD)
        )
        load = self.python("load", "sim.bench.load", str(plan), str(sent))
        observer.ready = count.with_suffix(".ready").exists
        with Children() as run:
            run.start(observer)
            run.add(load).spawn()
            load.wait(60 + 3 * due_s)
            if load.returncode:
                raise RuntimeError(f"the load failed: {load.log_tail()}")
            _until_quiet(count, within_s)
        return sent, out

    def send(self, stretch: Stretch, per_second: float, within_s: float = QUIET_WITHIN_S) -> None:
        """Sends a stretch and waits until nothing comes any more, without keeping anything."""
        self.observed(stretch, per_second, 0, within_s=within_s)


_OUTWARD = (topics.screen(STORE, "+"), topics.phone(STORE, "+"))


@dataclass(frozen=True, slots=True)
class Observed:
    """A run as seen from outside."""

    sent: Sent
    out: Path

    def messages(self) -> list[Seen]:
        """The outward messages."""
        return read_seen(self.out)

    def times_us(self) -> list[int]:
        """Only when they came."""
        return read_times(self.out)


def _until_quiet(count: Path, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    last, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        now = struct.unpack("q", count.read_bytes())[0]
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > QUIET_S:
            return
        time.sleep(0.05)


@dataclass(slots=True)
class StoreProcess:
    """One `endcap-store run`, with its own folder and settings."""

    rig: Rig
    subjects: int
    ray: bool
    http: int = field(default_factory=free_port)
    kafka: str = ""
    books: Callable[[Path, int], None] = write_books
    folder: Path = field(init=False)
    child: Child = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.rig.folder / f"store-{next(self.rig._number)}"
        self.books(self.folder / "books", self.subjects)
        settings = self.folder / "store.toml"
        settings.write_text(
            f'[store]\nid = "{STORE}"\nname = "Bench"\nbooks = "books"\ndata = "data"\n'
            f"[http]\nport = {self.http}\ndemo = true\n"
            f"[mqtt]\nport = {self.rig.port}\n"
            f'[kafka]\nbootstrap = "{self.kafka}"\n'
            f"[cells]\nray = {str(self.ray).lower()}\n"
            '[log]\nlevel = "warning"\n'
        )
        self.child = Child(
            "store",
            [sys.executable, "-m", "edge.cli", "run", "--settings", str(settings)],
            self.folder / "store.log",
            self.is_ready,
        )

    @property
    def where(self) -> str:
        """How tables call it."""
        return "on Ray" if self.ray else "in process"

    def start(self) -> None:
        """Starts it; with Ray, waits until every cell that is wanted there runs there."""
        self.rig.children.start(self.child)
        if self.ray:
            wait_until(self.is_on_ray, "every floor cell on Ray", RAY_READY_S, 0.1)

    def stop(self) -> None:
        """A polite end."""
        self.child.stop(30.0)

    def is_ready(self) -> bool:
        """Whether it says that a till is served."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            return bool(self.get("health")["ready"])
        return False

    def is_on_ray(self) -> bool:
        """Whether every cell that is wanted on Ray runs there."""
        cells = [cell for cell in self.get("console")["cells"] if cell.get("wanted") == "ray"]
        return bool(cells) and all(cell["place"] == "ray" for cell in cells)

    def get(self, path: str) -> Any:
        """GET /api/v1/<path> as JSON."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/api/v1/{path}", timeout=5) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any = None) -> int:
        """POST /api/v1/<path>; the status."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/api/v1/{path}",
            json.dumps(body).encode() if body is not None else b"",
            {"content-type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def metrics(self) -> dict[str, float]:
        """Every figure of /metrics, labels in its name."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    @property
    def database(self) -> Path:
        """Its database file."""
        return self.folder / "data" / "store.db"
