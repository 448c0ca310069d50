"""The observer, as a process of its own: notes when each message of interest came, and the cause that it names.

    python -m sim.bench.observe PORT OUT COUNT FILTER...

Runs until SIGTERM, then writes what it saw. COUNT is a small file whose first eight bytes hold how many messages
came so far, for whoever waits until it is quiet.
"""

from __future__ import annotations

import contextlib
import mmap
import pickle
import signal
import struct
import sys
import time
from pathlib import Path

import msgspec

from protocols.inputs import Cause
from sim.bench.wire import CHUNK_BYTES, Reader, connect

CAUSE = b'"cause":'
CAUSE_BYTES_MAX = 400

_decode = msgspec.json.Decoder(Cause).decode


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One message: when it came, whether it was for a screen or a phone, whose, and its cause."""

    at_us: int
    kind: str
    target: str
    cause: Cause


def read_seen(path: Path) -> list[Seen]:
    """The screen commands and wallets that the process noted, in the order of their coming."""
    seen = []
    for at_us, topic, tail in pickle.loads(path.read_bytes()):
        *_, kind, target, _ = topic.decode().split("/")
        seen.append(Seen(at_us, kind, target, _decode(tail[: tail.index(b"}") + 1])))
    return seen


def read_times(path: Path) -> list[int]:
    """Only when messages came: for echoes, whose order is the order of sending."""
    return [at_us for at_us, _, _ in pickle.loads(path.read_bytes())]


def main(port: str, out: str, count: str, *filters: str) -> None:
    """Listens until SIGTERM."""
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    counter = Path(count)
    counter.write_bytes(bytes(8))
    wire = connect("127.0.0.1", int(port), f"bench-observer-{time.time_ns()}", *filters)
    wire.settimeout(0.1)
    noted: list[tuple[int, bytes, bytes]] = []
    reader = Reader()
    with counter.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        counter.with_suffix(".ready").touch()
        while not stopping:
            with contextlib.suppress(TimeoutError):
                chunk = wire.recv(CHUNK_BYTES)
                if not chunk:
                    break
                now_us = time.time_ns() // 1_000
                for topic, payload in reader.take(chunk):
                    place = payload.rfind(CAUSE)
                    tail = b"" if place < 0 else payload[place + len(CAUSE) : place + CAUSE_BYTES_MAX]
                    noted.append((now_us, topic, tail))
                struct.pack_into("q", shared, 0, len(noted))
    Path(out).write_bytes(pickle.dumps(noted))


if __name__ == "__main__":
    main(*sys.argv[1:])
