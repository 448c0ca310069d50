"""The child process that drives Ray: the only module of the edge that imports it.

    Begin ─► lock, sweep what an earlier life left ─► head node ─► one actor a cell ─► Ready (address, pid)
          ─► watch: an actor died → Gone, and Ready when Ray has started it again; Ray died → end
    the pipe to the engine closed ─► every process of this session is killed, this one last

Hard state: none. Run as `python -m edge.cells.ray_host` in a session of its own by `edge.cells.supervisor`.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import msgspec

from edge.cells import processes
from edge.cells.home import clean_home, make_home, remove_home
from edge.cells.orders import (
    Alive,
    Begin,
    Failed,
    Gone,
    Ready,
    Refused,
    Report,
    Restart,
    Started,
    decode_order,
    line,
)

OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""Ray's smallest is 75 MB. Nothing of ours goes through it, and it takes memory only when used."""

LOCK_WAIT_S = 5.0
"""How long an earlier child may take to end by itself; then it is ended, stopped ones too."""

PR_SET_PDEATHSIG = 1  # Linux, prctl.h

LOOK_EVERY_S = 0.25
ALIVE_EVERY_S = 1.0
REOPEN_PAUSE_S = 0.05

REOPEN_LIMIT_S = 20.0
"""A cell that Ray does not bring back in this time, because its constructor throws for example: start anew."""

RAY_SETTINGS = {
    # The head binds its ports on every interface of a Linux machine, whatever address it is told. This makes it
    # believe that clusters are not wanted, and in 2.60 all ports are on loopback. Checked after the start.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Workers run at nice 15 otherwise, behind everything else on a busy till server.
    "RAY_worker_niceness": "0",
    # A token between Ray's processes: other users of this machine can reach loopback too.
    "RAY_AUTH_MODE": "token",
    # Nobody is phoned, and no process is started for it.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Task events alone grow the GCS from 42 to 240 MB over days; nobody looks at them without a dashboard.
    "RAY_task_events_report_interval_ms": "0",
    # Metrics need an exporter that plain Ray does not have; without these two the agents retry for ever.
    "RAY_enable_metrics_collection": "0",
    "RAY_metrics_report_interval_ms": "3600000",
    "RAY_event_stats": "0",
    # The two knobs that cut noticing a dead worker from 2 s to 0.1 s.
    "RAY_timeout_ms_task_wait_for_death_info": "50",
    "RAY_core_worker_internal_heartbeat_ms": "100",
    # A store runs for months on a small disk: two megabytes a log.
    "RAY_ROTATION_MAX_BYTES": "1048576",
    "RAY_ROTATION_BACKUP_COUNT": "1",
    # Memory is watched by the machine's owner; Ray would kill a cell when something else grows.
    "RAY_memory_monitor_refresh_ms": "0",
}


class ExposedError(Exception):
    """Ray listens where other machines can reach it."""


class Host:
    """Drives Ray. Soft state only: which call stands for which cell."""

    def __init__(self, begin: Begin, out: IO[bytes]) -> None:
        self._home = Path(begin.home)
        self._cells = begin.cells
        self._out = out
        self._out_lock = threading.Lock()
        self._pids: dict[str, int] = {}

    def run(self) -> None:
        """Starts Ray and watches it. Returns never; raises what ended it."""
        started = time.monotonic()
        self._settle_in()
        import ray  # after the settings, which it reads when it is imported

        node = _start_head(len(self._cells), str(self._home / "ray"))
        self._refuse_exposure()
        ray.init(
            address=node.address,
            namespace="endcap",
            log_to_driver=False,  # a thread and a stream of lines for nobody
            configure_logging=False,
        )
        running = {name: process.process.pid for name, (process,) in node.all_processes.items()}
        self.say(Started(running, round((time.monotonic() - started) * 1_000)))
        _Watch(self, ray, node, self._cells).forever()

    def say(self, report: Report) -> None:
        """One line to the engine. When it is gone, the pipe's other end says so, and this process ends."""
        with self._out_lock, contextlib.suppress(BrokenPipeError):
            self._out.write(line(report))
            self._out.flush()

    def ready(self, cell: str, address: str, pid: int) -> None:
        """Tells where a cell listens, if nothing of Ray is exposed by then."""
        self._refuse_exposure()
        self._pids[cell] = pid
        self.say(Ready(cell, address, pid))

    def restart(self, cell: str, pid: int) -> None:
        """Ends a cell's process, from any thread; Ray starts another. One that has a successor is gone already."""
        if pid == self._pids.get(cell) and pid in processes.ours(str(self._home)):
            processes.kill([pid])

    def end_cell(self, cell: str) -> None:
        """Ends the process of a cell that runs and serves no more."""
        self.restart(cell, self._pids.get(cell, 0))

    def address(self, cell: str) -> str:
        """Where a cell is to listen. A folder of mode 0700 is what keeps others out."""
        return f"unix:{self._home}/cells/{cell}.sock"

    def end(self, status: int) -> None:
        """Kills every process of this session, this one last. From any thread; never returns."""
        left = processes.sweep(str(self._home))
        if status == 0:  # otherwise Ray's logs stay for whoever wants to know why, until the next start
            remove_home(self._home)
        os._exit(status if not left else 2)

    def _settle_in(self) -> None:
        _lock(self._home)
        clean_home(self._home)
        make_home(self._home)
        token = self._home / "token"
        with open(token, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(secrets.token_hex(32))
        os.environ.update(RAY_SETTINGS, RAY_AUTH_TOKEN_PATH=str(token))
        # Workers inherit it. A stray actors.py in the engine's folder would shadow ours there.
        os.chdir(self._home / "empty")

    def _refuse_exposure(self) -> None:
        open_ports = processes.exposed([os.getpid(), *processes.ours(str(self._home))])
        if open_ports:
            where = ", ".join(f"{one.address}:{one.port}" for one in open_ports)
            raise ExposedError(f"Ray listens on {where}, which other machines can reach")


class _Watch:
    """Opens the cells' actors, and learns of their deaths from a call that never returns while they live."""

    def __init__(self, host: Host, ray: Any, node: Any, cells: tuple[str, ...]) -> None:
        self._host, self._ray, self._node = host, ray, node
        self._actors = {cell: self._create(cell) for cell in cells}
        self._calls: dict[Any, tuple[str, str]] = {}
        self._asked_at = dict.fromkeys(cells, time.monotonic())
        for cell in cells:
            self._ask_where(cell)

    def _create(self, cell: str) -> Any:
        from edge.cells.server import HostedCell

        hosted = self._ray.remote(HostedCell)
        return hosted.options(
            name=f"cell:{cell}",
            num_cpus=0,  # the head's logical CPUs are there so that workers stand ready; a cell takes none
            max_restarts=-1,
            max_task_retries=0,  # a call that failed is news, not work to be done again
            max_concurrency=2,  # `hold` keeps one thread for ever
        ).remote(cell, self._host.address(cell))

    def _ask_where(self, cell: str) -> None:
        self._calls[self._actors[cell].where.remote()] = (cell, "where")

    def forever(self) -> None:
        alive_at = 0.0
        while True:
            for name, process in self._node.dead_processes():
                raise RuntimeError(f"Ray's {name} ended with {process.returncode}")
            if time.monotonic() >= alive_at:
                self._host.say(Alive())
                alive_at = time.monotonic() + ALIVE_EVERY_S
            done, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=LOOK_EVERY_S)
            for call in done:
                self._heard(call, *self._calls.pop(call))

    def _heard(self, call: Any, cell: str, asked: str) -> None:
        try:
            answer = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            if asked == "hold":
                self._host.say(Gone(cell, type(error).__name__))
                self._asked_at[cell] = time.monotonic()
            elif time.monotonic() - self._asked_at[cell] > REOPEN_LIMIT_S:
                raise RuntimeError(f"cell {cell} does not come back: {error}") from error
            else:
                time.sleep(REOPEN_PAUSE_S)  # while Ray restarts the actor, calls fail at once
            self._ask_where(cell)
            return
        if asked == "where":
            self._host.ready(cell, *answer)
            self._calls[self._actors[cell].hold.remote()] = (cell, "hold")
        else:
            self._host.say(Gone(cell, "it stopped serving"))
            self._host.end_cell(cell)
            self._asked_at[cell] = time.monotonic()
            self._ask_where(cell)


def _start_head(cells: int, folder: str) -> Any:
    """Starts Ray's GCS and raylet as children that the kernel ends with this process.

    This is what `ray start --head --no-monitor --include-log-monitor=false` does, in this process: a second
    interpreter costs a second, and children of `ray start` outlive whoever asked for them. It is also the only
    way to leave out the API server, which is 65 MB and two seconds for usage statistics that are off.
    """
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    class Head(Node):  # type: ignore[misc, unused-ignore]
        def start_api_server(self, **_: Any) -> None:
            """None: nothing of ours asks it, and the dashboard is not installed."""

    wanted = RayParams(
        num_cpus=cells + 1,  # one waiting worker more than cells: a restart takes it at once
        num_gpus=0,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        include_log_monitor=False,  # type: ignore[arg-type]  # declared as text, used as a truth value
        no_monitor=True,  # the autoscaler; there is nothing to scale in a shop
        temp_dir=folder,
        node_ip_address="127.0.0.1",
        gcs_server_port=0,  # 0 everywhere: any free port, so that two stores fit on one machine
        node_manager_port=0,
        object_manager_port=0,
        dashboard_agent_listen_port=0,
    )
    return Head(wanted, head=True, shutdown_at_exit=False, spawn_reaper=True)


def _lock(home: Path) -> None:
    """Waits until no earlier child lives in this home, ends what it left, and keeps the lock until the end."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while not _locked(home):
        if time.monotonic() > deadline:
            _sweep_others(home)  # its engine is gone, or ours would not have the database
        time.sleep(REOPEN_PAUSE_S)
    _sweep_others(home)


def _locked(home: Path) -> bool:
    make_home(home)
    # The folder itself is locked: that also tells systemd-tmpfiles, which empties /tmp of what is ten days old,
    # to leave it alone.
    lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == home.stat().st_ino:
            return True  # and the number stays open until this process ends
    except (BlockingIOError, FileNotFoundError):
        pass  # held by an earlier child, or removed by one that ended at this moment
    os.close(lock)
    return False


def _sweep_others(home: Path) -> None:
    if left := processes.sweep(str(home)):
        raise RuntimeError(f"an earlier Ray of this store does not end: {left}")


def _obey(orders: IO[bytes], host: Host) -> None:
    """Reads the engine's orders until its end of the pipe closes, however it ended."""
    for text in orders:
        order = decode_order(text)
        if isinstance(order, Restart):
            host.restart(order.cell, order.pid)
    host.end(0)


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes under numbers of their own, which Ray's processes do not inherit; 0 and 1 become harmless."""
    orders = os.fdopen(os.dup(0), "rb")
    reports = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return orders, reports


def _go_on_when_the_engine_dies() -> None:
    """A stopped child could not see the pipe close: the kernel then sends it SIGCONT, harmless otherwise."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT)


def main() -> None:
    """Runs until the pipe closes or Ray fails; ends with every process that it started."""
    orders, reports = _take_pipes()
    _go_on_when_the_engine_dies()
    begin = decode_order(orders.readline())
    if not isinstance(begin, Begin) or os.environ.get(processes.MARK) != begin.home:
        raise SystemExit("run by edge.cells.supervisor only")
    host = Host(begin, reports)
    threading.Thread(target=_obey, args=(orders, host), name="orders", daemon=True).start()
    try:
        host.run()
    except ExposedError as error:
        host.say(Refused(str(error)))
    except Exception as error:  # the engine logs it and starts another child, with back-off
        host.say(Failed(f"{type(error).__name__}: {error}"))
        sys.excepthook(type(error), error, error.__traceback__)
    host.end(1)


if __name__ == "__main__":
    try:
        main()
    except msgspec.DecodeError as error:
        raise SystemExit(f"the first line must be Begin: {error}") from None
