"""Finding our own processes in /proc: who they are, what they listen on, what they weigh, and ending them.

Every process of a child's session carries the child's folder in its environment (`MARK`) and works below it.
Some of Ray's agents overwrite the former, so whoever shares a session with a marked process is ours as well.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "ENDCAP_RAY_HOME"
"""The environment variable that marks a process as belonging to the Ray of one store."""

LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp (Linux, net/tcp_states.h)

SWEEP_STEP_S = 0.01


@dataclass(frozen=True, slots=True)
class Listening:
    """A TCP port that a process accepts connections on."""

    pid: int
    address: str
    port: int


def ours(home: str) -> list[int]:
    """The processes of the Ray that lives in `home`, without the caller. Ended ones that wait are not counted."""
    wanted = f"{MARK}={home}".encode()
    sessions: dict[int, int] = {}
    marked: set[int] = set()
    for pid in _pids():
        state, session = _state_and_session(pid)
        if state in "ZX":
            continue
        sessions[pid] = session
        if wanted in _read(pid, "environ").split(b"\0") or _works_below(pid, home):
            marked.add(pid)
    # Session 0 is what a process outside our pid namespace shows: it says nothing about kinship.
    kin = {sessions[pid] for pid in marked} - {0}
    mine = {pid for pid, session in sessions.items() if pid in marked or session in kin}
    return sorted(mine - {os.getpid()})


def of_my_session() -> list[int]:
    """The other processes of the caller's session, ended ones left out."""
    mine = os.getsid(0)
    found = ((pid, *_state_and_session(pid)) for pid in _pids() if pid != os.getpid())
    return [pid for pid, state, session in found if session == mine and state not in "ZX"]


def kill(pids: Iterable[int]) -> None:
    """SIGKILL, which also ends a stopped process. Who is gone already is fine."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def sweep(home: str, within_s: float = 5.0) -> list[int]:
    """Ends every process of the Ray in `home` but the caller; gives those that would not go."""
    deadline = time.monotonic() + within_s
    while left := ours(home):
        if time.monotonic() > deadline:
            return left
        kill(left)  # again each time round: one that was just being started is caught by the next look
        time.sleep(SWEEP_STEP_S)
    return []


def exposed(pids: Iterable[int]) -> list[Listening]:
    """The ports among those of `pids` that another machine could reach."""
    return [one for one in listening(pids) if not ipaddress.ip_address(one.address).is_loopback]


def listening(pids: Iterable[int]) -> list[Listening]:
    """Every TCP port that these processes listen on."""
    by_inode = {inode: (address, port) for inode, address, port in _tcp_listeners()}
    found: list[Listening] = []
    for pid in pids:
        for inode in _socket_inodes(pid):
            if inode in by_inode:
                found.append(Listening(pid, *by_inode[inode]))
    return found


def pss_kb(pids: Iterable[int]) -> int:
    """Proportional memory of these processes in KiB: shared pages are counted once, in shares."""
    total = 0
    for pid in pids:
        for line in _read(pid, "smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                total += int(line.split()[1])
    return total


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isascii() and name.isdigit():
            yield int(name)


def _read(pid: int, name: str) -> bytes:
    """A file of a process, or nothing when it is gone or another user's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _works_below(pid: int, home: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd").startswith(f"{home}/")
    except OSError:
        return False


def _state_and_session(pid: int) -> tuple[str, int]:
    # The name stands in brackets and may hold anything, so count from the last one: state ppid pgrp session.
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return (fields[0].decode(), int(fields[3])) if len(fields) > 3 else ("X", 0)


def _socket_inodes(pid: int) -> set[str]:
    inodes: set[str] = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    inodes.add(target[len("socket:[") : -1])
    return inodes


def _tcp_listeners() -> Iterator[tuple[str, str, int]]:
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # a kernel without IPv6 has no tcp6
            for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == LISTENING:
                    address, _, port = fields[1].partition(":")
                    yield fields[9], _address(address), int(port, 16)


def _address(digits: str) -> str:
    """`0100007F` to `127.0.0.1`: words of four bytes, each in the machine's (little-endian) order."""
    words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
