"""One child process of a test run: started, waited for, stopped by its own pid."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from sim.processes import accepts as accepts
from sim.processes import free_port as free_port

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache"

READY_S = 60.0  # a cold JVM on two busy cores needs 15
STOP_S = 10.0  # after this a polite request becomes SIGKILL
POLL_S = 0.02
LOG_TAIL = 2_000  # characters of the server's own log that a failure shows

ABSENT = "server not available"


def absent(what: str) -> NoReturn:
    """Skips the test because `what` is not on this machine; in CI that is a failure."""
    pytest.skip(f"{ABSENT}: {what} (tests/servers/setup.sh brings it)")


def program(name: str, *folders: str) -> str:
    """Where a server's program is, also in the administrator's folders; skips the test if it is nowhere."""
    found = shutil.which(
        name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *folders])
    )
    if found is None:
        absent(name)
    return found


def wait_until(true: Callable[[], bool], what: str, within_s: float = READY_S) -> None:
    """Polls until `true()`; past the deadline raises `TimeoutError` that says what did not happen."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(POLL_S)


class Process:
    """A server as a child process with a log file.

    `ready` is polled after each start. `user` drops root's rights for servers that refuse them.
    `stop` asks with `stop_signal` and insists with SIGKILL; `kill` is a crash.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        ready: Callable[[], bool],
        *,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.ready = ready
        self.env = env
        self.cwd = cwd
        self.user = user
        self.stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of the running child."""
        assert self._child is not None, f"{self.name} is not running"
        return self._child.pid

    @property
    def running(self) -> bool:
        """True while the child lives."""
        return self._child is not None and self._child.poll() is None

    def start(self, within_s: float = READY_S) -> None:
        """Starts the child and returns when it is ready; a child that ends first is an error with its log."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(self.env or {})},
                cwd=self.cwd,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
            )
        try:
            wait_until(lambda: not self.running or self.ready(), f"{self.name} ready", within_s)
            if not self.running:
                raise RuntimeError(f"{self.name} ended with {self._child.returncode} before it was ready")
        except (TimeoutError, RuntimeError) as error:
            self.kill()
            raise RuntimeError(f"{error}; its log ends:\n{self.log_tail()}") from None

    def stop(self) -> None:
        """Ends the child politely, and by SIGKILL after `STOP_S`; a child that is gone is fine."""
        if self._child is None:
            return
        if self.running:
            self._child.send_signal(self.stop_signal)
            try:
                self._child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()

    def kill(self) -> None:
        """SIGKILL: what the child had not written to disk is lost."""
        if self.running:
            assert self._child is not None
            self._child.kill()
            self._child.wait()

    def restart(self) -> None:
        """A polite stop, if it still runs, and a start on the same ports and files."""
        self.stop()
        self.start()

    def log_tail(self) -> str:
        """The end of what the child printed."""
        return self.log.read_text(errors="replace")[-LOG_TAIL:] if self.log.exists() else "(no log)"


@contextlib.contextmanager
def started(process: Process) -> Iterator[Process]:
    """The process, running inside the block and gone after it."""
    process.start()
    try:
        yield process
    finally:
        process.stop()
