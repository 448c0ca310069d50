"""Which processes of this run may be hit, by what they are; nothing that the run did not start is ever named.

Services are the run's own children. Ray's processes are the store's grandchildren: they carry the folder of the
store's Ray in their environment, and their command lines say what each one is.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from edge.cells.processes import ours
from sim.processes import Child

SERVICES = ("engine", "broker", "kafka", "cloud", "postgres")
RAY = ("cell", "ray child", "gcs", "raylet")
VICTIMS = (*SERVICES, *RAY)


@dataclass(frozen=True, slots=True)
class Process:
    """One process, told from another one that got the same number later by when it was started."""

    pid: int
    started: int

    @property
    def lives(self) -> bool:
        """Whether it is still the same process."""
        return started_at(self.pid) == self.started

    def send(self, which: signal.Signals) -> bool:
        """Sends a signal; False if the process is gone."""
        if not self.lives:
            return False
        try:
            os.kill(self.pid, which)
        except ProcessLookupError:
            return False
        return True


def started_at(pid: int) -> int:
    """When a process was started, in the kernel's ticks; 0 if it is gone or has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def process(pid: int) -> Process | None:
    """The process with this number now."""
    started = started_at(pid)
    return Process(pid, started) if started else None


def alive(services: dict[str, Child], ray_home: str) -> dict[str, Process]:
    """Everything that can be hit now, by what it is."""
    found: dict[str, Process] = {}
    for name, child in services.items():
        if child.running and (one := process(child.pid)) is not None:
            found[name] = one
    for pid in ours(ray_home) if ray_home else ():
        kind = ray_kind(_command(pid))
        if kind and kind not in found and (one := process(pid)) is not None:
            found[kind] = one
    return found


def ray_kind(command: str) -> str:
    """What a process of Ray is, by its command line; empty for its helpers and for workers that wait."""
    first = command.split("\0")[0]
    if first.startswith("ray::"):
        return "" if first.startswith("ray::IDLE") else "cell"
    if "edge.cells.ray_host" in command:
        return "ray child"
    name = os.path.basename(first)
    return {"gcs_server": "gcs", "raylet": "raylet"}.get(name, "")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
