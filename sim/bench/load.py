"""The load, as a process of its own: sends sightings at times that were fixed beforehand, come what may.

    python -m sim.bench.load PLAN.npz SENT.npz

The plan holds ready packets, which one goes when, and where to; the result holds when each really went.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.bench.shop import Stretch, sighting_payload, sighting_topic
from sim.bench.wire import connect, publish_packet

BURST_MAX = 256
"""Sightings in one write: after a stall the load catches up in portions that the broker can take."""

LEAD_S = 0.3
"""From the connection to the first sighting."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: wall clock in microseconds, and how late after its time, for each sighting of the stretch."""

    stretch: Stretch
    at_us: NDArray[np.int64]
    late_us: NDArray[np.int64]
    first: int
    """The first sighting that counts: those before it were warm-up."""


def write_plan(path: Path, port: int, stretch: Stretch, per_second: float) -> None:
    """Writes a plan: the stretch at a steady rate."""
    pairs = stretch.subject.astype(np.int64) << 16 | stretch.zone
    distinct, which = np.unique(pairs, return_inverse=True)
    packets = [
        publish_packet(sighting_topic(int(one >> 16), int(one & 0xFFFF)), sighting_payload(int(one >> 16)))
        for one in distinct
    ]
    np.savez(
        path,
        blob=np.frombuffer(b"".join(packets), np.uint8),
        ends=np.cumsum([len(packet) for packet in packets]),
        which=which.astype(np.int32),
        per_second=per_second,
        port=port,
    )


def read_sent(path: Path, stretch: Stretch, first: int) -> Sent:
    """What the process wrote."""
    with np.load(path) as sent:
        return Sent(stretch, sent["at_us"], sent["late_us"], first)


def main(plan: str, result: str) -> None:
    """Sends the plan."""
    with np.load(plan) as read:
        blob, ends = read["blob"].tobytes(), read["ends"].tolist()
        which: list[int] = read["which"].tolist()
        per_second, port = float(read["per_second"]), int(read["port"])
    packets = [blob[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    wire = connect("127.0.0.1", port, "bench-load")
    at_us, late_us = np.zeros(len(which), np.int64), np.zeros(len(which), np.int64)
    period_ns = 1e9 / per_second
    clock, wall, send, sleep = time.monotonic_ns, time.time_ns, wire.sendall, time.sleep
    began = clock() + int(LEAD_S * 1e9)
    done, total = 0, len(which)
    while done < total:
        now = clock() - began
        wait_ns = done * period_ns - now
        if wait_ns > 0:
            sleep(wait_ns / 1e9)
            continue
        due = min(total, int(now / period_ns) + 1, done + BURST_MAX)
        stamp = wall() // 1_000
        send(packets[which[done]] if due == done + 1 else b"".join([packets[one] for one in which[done:due]]))
        at_us[done:due] = stamp
        late_us[done:due] = (
            (now - np.arange(done, due) * period_ns) / 1e3 if due > done + 1 else -wait_ns / 1e3
        )
        done = due
    np.savez(result, at_us=at_us, late_us=late_us)
    wire.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
