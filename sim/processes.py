"""Child processes of a bench, a demo or a chaos run: started, waited for, and ended by their own pid.

    child = Child("broker", ["mosquitto", "-c", conf], log, lambda: accepts(port)); child.start(); …; child.stop()

A child never outlives a run that ends in order: use `Children` as a context, which stops them last first.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

READY_S = 30.0
"""A child that is not ready by then is ended, and the end of its log is told."""

STOP_S = 10.0
"""After this a polite request becomes SIGKILL."""

PORTS = range(20_000, 32_000)
"""Where free ports are looked for: above those of Ray's workers, and below those that Linux gives to connections that
go out, one of which could take a port before its server does."""

POLL_S = 0.005
LOG_TAIL = 2_000
"""Characters of a child's own log that a failure shows."""


_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl(2)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildFailed(Exception):
    """A child ended early or was not ready in time. The text holds the end of its log."""


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is free on loopback, else another port that nobody listened on a moment ago.

    Raises OSError when none of a thousand is free.
    """
    tried = random.sample(PORTS, 1_000)
    for port in (wanted, *tried) if wanted else tried:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port on loopback")


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """True once something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def program(name: str) -> str | None:
    """Where a program is, also in the administrator's folders; None if it is nowhere."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path)


def python(module: str, *arguments: str) -> list[str]:
    """The command line of a module of ours. `-P`: a stray folder where we stand shadows nothing."""
    return [sys.executable, "-P", "-m", module, *arguments]


def wait_until(
    holds: Callable[[], bool], what: str, within_s: float = READY_S, poll_s: float = POLL_S
) -> None:
    """Polls until `holds()`; past the deadline raises TimeoutError that says what did not happen."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(poll_s)


class Child:
    """One child process with a log file. `ready` is polled after each start; without one it is ready at once.

    `stop` asks with SIGTERM and insists with SIGKILL after `STOP_S`; `kill` is a crash. Soft state only.
    `apart` gives it a session of its own, so that Ctrl-C reaches us alone and we choose the order, and on Linux
    has it end when we die, however that happened; start such a child from the main thread.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        ready: Callable[[], bool] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        apart: bool = False,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.ready = ready
        self.env = dict(env or {})
        self.cwd = cwd
        self.apart = apart
        self.started_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of the child that was started last."""
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    @property
    def running(self) -> bool:
        """True while the child lives."""
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """What the child ended with; None while it lives or before it was started."""
        return None if self._child is None else self._child.poll()

    def start(self, within_s: float = READY_S) -> None:
        """Starts the child and returns when it is ready. Raises ChildFailed, and leaves nothing running then."""
        self.spawn()
        try:
            self.wait_ready(within_s)
        except BaseException:
            self.kill()
            raise

    def spawn(self) -> None:
        """Starts the child and returns at once."""
        assert not self.running, f"{self.name} runs already"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.started_at = time.monotonic()
            self._child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                start_new_session=self.apart,
                preexec_fn=_die_with_parent if self.apart and _libc is not None else None,
            )

    def wait_ready(self, within_s: float = READY_S) -> float:
        """Waits until the child is ready; gives the seconds since its start. Raises ChildFailed."""
        ready = self.ready or (lambda: True)
        try:
            wait_until(lambda: not self.running or ready(), f"{self.name} ready", within_s)
        except TimeoutError as error:
            raise ChildFailed(f"{error}; its log ends:\n{self.log_tail()}") from None
        if not self.running:
            raise ChildFailed(
                f"{self.name} ended with {self.returncode} before it was ready; its log ends:\n{self.log_tail()}"
            )
        return time.monotonic() - self.started_at

    def wait(self, within_s: float) -> int:
        """Waits for the child's own end and gives its return code. Raises ChildFailed past the deadline."""
        assert self._child is not None, f"{self.name} was never started"
        try:
            return self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"{self.name} did not end within {within_s:g} s; {self.log_tail()}") from None

    def signal(self, which: signal.Signals) -> None:
        """Sends a signal to the child, if it lives."""
        if self.running:
            assert self._child is not None
            self._child.send_signal(which)

    def stop(self, within_s: float = STOP_S) -> None:
        """Ends the child politely, then by SIGKILL; one that is gone already is fine."""
        if self._child is None:
            return
        if self.running:
            self._child.send_signal(signal.SIGTERM)
            self._child.send_signal(signal.SIGCONT)  # a stopped one could not hear us
            try:
                self._child.wait(within_s)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()

    def kill(self) -> None:
        """SIGKILL: what the child had not written to disk is lost."""
        if self.running:
            assert self._child is not None
            self._child.kill()
            self._child.wait()

    def log_tail(self) -> str:
        """The end of what the child printed."""
        return self.log.read_text(errors="replace")[-LOG_TAIL:] if self.log.exists() else "(no log)"


class Children:
    """Several children, as a context: whatever still runs at its end is stopped, the last one first."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def start(self, child: Child, within_s: float = READY_S) -> Child:
        """Starts a child, waits until it is ready, and remembers it."""
        self.add(child)
        child.start(within_s)
        return child

    def add(self, child: Child) -> Child:
        """Remembers a child that somebody else starts."""
        self._children.append(child)
        return child

    def stop(self) -> None:
        """Stops all of them, the last one first."""
        while self._children:
            self._children.pop().stop()

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _die_with_parent() -> None:
    """Runs in the child, between fork and exec."""
    assert _libc is not None, "only used where there is prctl"
    _libc.prctl(_DEATH_SIGNAL, signal.SIGTERM)
