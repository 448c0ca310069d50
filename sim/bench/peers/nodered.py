"""Node-RED as a peer: installed once by npm into a cache, run headless with a flow of four nodes.

mqtt in (parsed JSON) ─► function (job.js) ─► mqtt out (screens), mqtt out (wallets)
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from sim.bench.rig import Missing
from sim.processes import Child, free_port, program

HERE = Path(__file__).parent
INSTALL_S = 600
_RED = Path("node_modules", "node-red", "red.js")
_NODE = Path("node_modules", "node", "bin", "node")
NODE = "node@24"
"""The Node.js that npm brings beside Node-RED, because a distribution's own is often too old for the latest."""


def is_installed(cache: Path) -> bool:
    """Whether it is in the cache already."""
    folder = cache / "node-red"
    return (folder / _RED).exists() and (folder / _NODE).exists()


def install(cache: Path) -> Path:
    """The folder with Node-RED in it. Installs what npm calls the latest, once. Raises Missing."""
    folder = (cache / "node-red").resolve()
    if not is_installed(cache):
        npm = program("npm")
        if npm is None:
            raise Missing(
                "npm is not installed, so Node-RED is left out; on Debian or Ubuntu: apt-get install npm"
            )
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "node-red@latest", NODE]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=INSTALL_S)
        except (subprocess.SubprocessError, OSError) as error:
            raise Missing(f"npm could not install Node-RED, so it is left out: {error}") from None
    return folder


def version(cache: Path) -> str:
    """Which one is installed."""
    package = install(cache) / "node_modules" / "node-red" / "package.json"
    return str(json.loads(package.read_text())["version"])


def nodered(cache: Path, folder: Path, port: int, books: Path) -> Child:
    """A Node-RED on the broker at `port`, not started yet. Raises Missing."""
    installed = install(cache)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "settings.js", folder / "settings.js")
    (folder / "flow.json").write_text(json.dumps(_flow((HERE / "job.js").read_text(), port)))
    log = folder / "node-red.log"
    child = Child(
        "node-red",
        [str(installed / _NODE), str(installed / _RED), "--userDir", str(folder.resolve())],
        log,
        lambda: "Connected to broker" in child.log_tail(),
        env={
            "BENCH_HTTP_PORT": str(free_port()),
            "BENCH_BOOKS": str(books.resolve()),
            "NODE_ENV": "production",
        },
    )
    return child


def _flow(job: str, port: int) -> list[dict[str, object]]:
    broker: dict[str, object] = {
        "id": "broker",
        "type": "mqtt-broker",
        "broker": "127.0.0.1",
        "port": str(port),
        "clientid": "bench-node-red",
        "autoConnect": True,
        "protocolVersion": "5",
        "keepalive": "60",
        "cleansession": True,
        "autoUnsubscribe": True,
    }
    tab: dict[str, object] = {"id": "tab", "type": "tab", "label": "The same job", "disabled": False}
    hear: dict[str, object] = {
        "id": "hear",
        "type": "mqtt in",
        "z": "tab",
        "topic": "espresense/devices/+/+",
        "qos": "0",
        "datatype": "json",
        "broker": "broker",
        "wires": [["job"]],
    }
    function: dict[str, object] = {
        "id": "job",
        "type": "function",
        "z": "tab",
        "func": 'const performance = global.get("performance");\n' + job,
        "outputs": 2,
        "wires": [["screens"], ["wallets"]],
    }
    out: list[dict[str, object]] = [
        {
            "id": name,
            "type": "mqtt out",
            "z": "tab",
            "topic": "",
            "qos": "0",
            "retain": "true",
            "broker": "broker",
            "wires": [],
        }
        for name in ("screens", "wallets")
    ]
    return [tab, broker, hear, function, *out]
