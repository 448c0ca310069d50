"""A broker that needs no setting up: Mosquitto if it is installed, else amqtt in a child of its own.

Both listen on loopback only. amqtt speaks MQTT 3.1.1, so a store on it says `version = 4` in `[mqtt]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sim.processes import Child, accepts, free_port, program, python

DEFAULT_PORT = 1883
READY_S = 15.0

Program = Literal["mosquitto", "amqtt"]

_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
# Without this a small message waits 40 ms until the one before it is acknowledged.
set_tcp_nodelay true
# By default the 1,001st message that waits for a slow client is thrown away.
max_queued_messages 100000
max_queued_bytes 0
max_inflight_messages 1000
# Sessions of the money lane survive a restart; saved now and then, not at every message.
persistence true
persistence_location {folder}/
autosave_on_changes false
autosave_interval 60
log_dest stderr
log_type error
log_type warning
{user}
"""


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """A broker as a child process. `version` is the protocol for `[mqtt] version`: 5, or 4 for 3.1.1."""

    program: Program
    child: Child
    port: int
    version: int

    def start(self) -> None:
        """Starts it and returns when it accepts connections. Raises ChildFailed."""
        self.child.start(READY_S)

    def stop(self) -> None:
        """A polite end."""
        self.child.stop()


def embedded_broker(folder: Path, port: int = 0, which: Program | None = None) -> EmbeddedBroker:
    """A broker with its files in `folder`, not yet started. `which` None: the best that is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port(DEFAULT_PORT)
    found = None if which == "amqtt" else program("mosquitto")
    if found is None:
        if which == "mosquitto":
            raise FileNotFoundError("mosquitto is not installed")
        return EmbeddedBroker(
            "amqtt", _child(folder, port, python("sim.embedded_broker", str(port))), port, 4
        )
    config = folder / "mosquitto.conf"
    # Started by root it would become the user `mosquitto`, who may not write here.
    user = "user root" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    config.write_text(_CONFIG.format(port=port, folder=folder.resolve(), user=user), encoding="utf-8")
    return EmbeddedBroker("mosquitto", _child(folder, port, [found, "-c", str(config)]), port, 5)


def _child(folder: Path, port: int, argv: list[str]) -> Child:
    return Child("broker", argv, folder / "broker.log", lambda: accepts(port), apart=True)


async def _serve_amqtt(port: int) -> None:
    from amqtt.broker import Broker  # an extra that only the demo installs

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await stop.wait()
    with contextlib.suppress(TimeoutError):  # it waits for clients that do not leave
        async with asyncio.timeout(2):
            await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    # A client that drops its line is told at ERROR with a trace; that is a phone leaving, no error.
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    asyncio.run(_serve_amqtt(int(sys.argv[1])))
