"""Engine's side of the child that drives Ray: starts it, hears its reports, ends it, starts it again.

    start child ─► Begin ─► reports… ─► it ended, hung or said nothing ─► kill its session ─► back-off ─► again

The child refusing to run exposed is final: starting it again would change nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from edge.cells import processes
from edge.cells.home import HomeRefused, make_home, remove_home
from edge.cells.orders import (
    Alive,
    Begin,
    Failed,
    Gone,
    Order,
    Ready,
    Refused,
    Report,
    Restart,
    Started,
    decode_report,
    line,
)

SECOND_LOOK_S = 1.0
"""If our own process stood still, what the child said meanwhile is waiting in the pipe."""

END_LIMIT_S = 5.0
"""How long a child whose pipe is closed may take before it is killed."""

LINE_BYTES_MAX = 64 * 1024
LOG_BYTES_MAX = 1024 * 1024
"""The child's own log is begun anew, with the one before beside it, when a start finds it longer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait before trying again, and for what."""

    start_limit_s: float = (
        90.0  # from starting the child to `Started`: ten seconds on a cold disk and busy cores
    )
    silence_limit_s: float = 15.0  # a child that says nothing, not even `Alive`, hangs or was stopped
    back_off_first_s: float = 0.5  # before another child; doubled each time
    back_off_max_s: float = 30.0
    hold_off_first_s: float = 1.0  # before a cell that was lost goes to Ray again; doubled each time
    hold_off_max_s: float = 10.0
    steady_s: float = 30.0  # what ran for so long starts its waits anew


State = Literal["off", "starting", "ready", "waiting"]

log = structlog.get_logger()


class Supervisor:
    """Keeps the child running. Soft state only; `ready` and `gone` are called with each cell's news."""

    def __init__(
        self,
        home: Path,
        cells: Sequence[str],
        ready: Callable[[Ready], None],
        gone: Callable[[str, str], None],
        pace: Pace,
    ) -> None:
        self._pace = pace
        self.home = home
        self.state: State = "off"
        self.refused = False
        self.note = ""
        self.took_ms = 0
        self.starts = 0
        self.processes: dict[str, int] = {}
        self._cells = tuple(cells)
        self._ready, self._gone = ready, gone
        self._child: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Runs until cancelled, or returns when the child refuses. No process is left in either case."""
        pace = self._pace
        back_off_s = pace.back_off_first_s
        try:
            while True:
                started = time.monotonic()
                why = await self._one_life()
                if self.refused:
                    log.error("ray_refused", why=why, mend="the store serves without Ray; see doctor")
                    return
                if time.monotonic() - started > pace.steady_s:
                    back_off_s = pace.back_off_first_s
                self.state = "waiting"
                log.warning("ray_ended", why=why, again_in_s=back_off_s)
                await asyncio.sleep(back_off_s)
                back_off_s = min(back_off_s * 2, pace.back_off_max_s)
        finally:
            await self._end_child()
            if not self.refused:  # then the child's log says more
                await asyncio.to_thread(remove_home, self.home)

    async def restart(self, cell: str, pid: int) -> None:
        """Asks for another process than `pid` for this cell. Nothing happens if there is no child any more."""
        await self._order(Restart(cell, pid))

    def kill_ray(self) -> list[int]:
        """SIGKILL to every process of our Ray but the child, which notices and ends; gives their pids."""
        child = self._child.pid if self._child is not None else 0
        doomed = [pid for pid in processes.ours(str(self.home)) if pid != child]
        processes.kill(doomed)
        return doomed

    @property
    def child_pid(self) -> int:
        """The child that drives Ray, or 0."""
        return self._child.pid if self._child is not None and self._child.returncode is None else 0

    async def _one_life(self) -> str:
        """Starts a child and hears it until it ends; gives the reason, and leaves none of its processes."""
        self.state, self.note = "starting", ""
        try:
            self._child = await self._spawn()
            self.starts += 1
            await self._order(Begin(str(self.home), self._cells))
            why = await self._hear(self._child)
            self._all_gone(why)  # before its processes are ended, which may take seconds
            return why
        except HomeRefused as error:
            self.refused = True
            return str(error)
        except OSError as error:
            return f"could not be started: {error}"
        finally:
            await self._end_child()

    async def _spawn(self) -> asyncio.subprocess.Process:
        make_home(self.home)
        # What the user's own Ray is told, by environment, is not meant for ours.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        environment[processes.MARK] = str(self.home)
        with _rotated(self.home / "child.log").open("ab") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "edge.cells.ray_host",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=self.home / "empty",  # `-m` puts it on the path of imports, before everything of ours
                env=environment,
                start_new_session=True,  # so that all that it starts can be told from everything else
                limit=LINE_BYTES_MAX,
            )

    async def _hear(self, child: asyncio.subprocess.Process) -> str:
        assert child.stdout is not None
        why = "it was killed or ended without a word"
        while True:
            limit_s = self._pace.start_limit_s if self.state == "starting" else self._pace.silence_limit_s
            try:
                text = await _line_within(child.stdout, limit_s)
            except TimeoutError:
                return f"it said nothing for {limit_s:g} s"
            except ValueError:
                return "it sent a line without an end"
            if not text:
                return why
            try:
                why = self._heard(decode_report(text)) or why
            except msgspec.DecodeError as error:
                return f"it sent nonsense: {error}"

    def _heard(self, report: Report) -> str:
        match report:
            case Started(running, took_ms):
                self.state, self.processes, self.took_ms = "ready", running, took_ms
                log.info("ray_started", took_ms=took_ms, starts=self.starts)
            case Ready():
                self._ready(report)
            case Gone(cell, why):
                self._gone(cell, why)
            case Refused(why):
                self.refused = True
                return why
            case Failed(why):
                return why
            case Alive():
                pass
        return ""

    def _all_gone(self, why: str) -> None:
        self.note, self.processes = why, {}
        for cell in self._cells:
            self._gone(cell, why)

    async def _order(self, order: Order) -> None:
        child = self._child
        if child is None or child.stdin is None:
            return
        with contextlib.suppress(ConnectionError):  # it ended; `_hear` sees that too
            child.stdin.write(line(order))
            await child.stdin.drain()

    async def _end_child(self) -> None:
        """Closes the pipe, waits, insists. Shielded, so that a cancelled engine leaves nothing behind either."""
        child, self._child = self._child, None
        if child is not None:
            await asyncio.shield(asyncio.ensure_future(_end(child, self.home)))


async def _end(child: asyncio.subprocess.Process, home: Path) -> None:
    if child.stdin is not None:
        child.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_LIMIT_S):
            await child.wait()
    # Also after a polite end: a child that was killed could not end the others.
    left = await asyncio.to_thread(processes.sweep, str(home))
    if left:
        log.error("ray_processes_left", pids=left)
    await child.wait()


async def _line_within(stream: asyncio.StreamReader, limit_s: float) -> bytes:
    reading: Awaitable[bytes] = asyncio.ensure_future(stream.readline())
    try:
        async with asyncio.timeout(limit_s):
            return await asyncio.shield(reading)
    except TimeoutError:
        async with asyncio.timeout(SECOND_LOOK_S):
            return await reading


def _rotated(path: Path) -> Path:
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(".log.1"))
    return path
