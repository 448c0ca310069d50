"""What a figure is worth depends on where it was taken: the machine, the versions, the price of an fsync."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from sim.bench.peers import nodered
from sim.bench.rig import Missing
from sim.processes import program

SYNCS = 200


def facts(folder: Path, cache: Path) -> dict[str, Any]:
    """Cores, processor, kernel, versions, load before the start, and what an fsync costs in `folder`."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "endcap": importlib.metadata.version("endcap"),
        "sqlite": sqlite3.sqlite_version,
        "mosquitto": _mosquitto(),
        "ray": importlib.metadata.version("ray"),
        "node_red": _node_red(cache),
        "load_1_min": round(os.getloadavg()[0], 2),
        "fsync_us": fsync_us(folder),
    }


def fsync_us(folder: Path) -> dict[str, float]:
    """Append 4 KiB and fsync, many times: median and p99."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fsync.probe"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter_ns() - began) / 1e3)
    path.unlink()
    return {"p50": round(float(np.percentile(took, 50)), 1), "p99": round(float(np.percentile(took, 99)), 1)}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _mosquitto() -> str:
    path = program("mosquitto")
    if path is None:
        return "not installed"
    said = subprocess.run([path, "-h"], capture_output=True, text=True, timeout=10).stdout
    return said.splitlines()[0].rpartition(" ")[2] if said else "unknown"


def _node_red(cache: Path) -> str:
    try:
        return nodered.version(cache) if nodered.is_installed(cache) else "not installed"
    except Missing:
        return "not installed"
