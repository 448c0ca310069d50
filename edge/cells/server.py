"""Serves a cell over a socket: a blocking loop in its own thread, one connection at a time.

    accept ─► a new, empty cell ─► greet ─► (read a batch ─► take ─► write the answer)… ─► closed: the cell ends

A cell lives as long as its connection and writes nothing to disk, so an engine that comes back finds it empty.
Runs inside a Ray actor (`HostedCell`), where Ray's own threads stay free to watch and restart the process.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.cell import Cell
from edge.cells import processes
from edge.cells.frames import HEADER_BYTES, FrameTooLarge, Hello, framed, length_of, tcp_place, unix_path
from edge.cells.local import Takes, timed
from protocols.cells import decode_batch

BACKLOG = 1
"""Connections that may wait: one engine, which may come back before its old connection is seen to be closed."""

READ_BYTES = 256 * 1024
"""Taken from the socket at once: more than a usual batch, so that one call is enough."""


PARENT_LOOK_S = 0.25


class CellServer:
    """One cell behind one address. Soft state only: each connection gets a new cell."""

    def __init__(self, name: str, make: Callable[[], Takes], address: str) -> None:
        self.name = name
        self._make = make
        self._listener = _listen(address)
        self._connection: socket.socket | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=f"cell {name}", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, with the port that was free."""
        if self._listener.family == socket.AF_UNIX:
            return f"unix:{self._listener.getsockname()}"
        host, port = self._listener.getsockname()[:2]
        return f"tcp:{host}:{port}"

    def start(self) -> None:
        """Begins to accept."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        """Returns when the serving thread has ended, or after `timeout_s`."""
        self._thread.join(timeout_s)

    def close(self) -> None:
        """Ends listening and the connection, from any thread."""
        self._closing = True
        for one in (self._listener, self._connection):
            if one is not None:
                with contextlib.suppress(OSError):  # it may be closed, or never have been connected
                    one.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed, the only way in which a listener of ours ends
            self._connection = connection
            try:
                with connection:
                    self._converse(connection)
            except (OSError, EOFError):
                pass  # the engine went away; the cell with all it held ends here
            except (FrameTooLarge, msgspec.DecodeError, RecursionError) as error:
                _complain(f"cell {self.name}: closed the socket: {error}")
            except Exception:
                # A batch that throws as a whole is a fault of ours: the engine takes the batch at home, where
                # it throws again in front of somebody who can park it.
                _complain(f"cell {self.name}: closed the socket:\n{traceback.format_exc()}")

    def _converse(self, connection: socket.socket) -> None:
        if connection.family != socket.AF_UNIX:
            # Without it, small answers wait for the engine's delayed acknowledgement: 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cell = self._make()
        reader = _Reader(connection)
        connection.sendall(framed(Hello(self.name, os.getpid())))
        while True:
            batch = decode_batch(reader.frame())
            connection.sendall(framed(timed(cell, batch)))


class _Reader:
    """Whole frames from a blocking socket. Raises EOFError when the other side closed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def frame(self) -> bytes:
        self._fill(HEADER_BYTES)
        end = HEADER_BYTES + length_of(self._buffer)
        self._fill(end)
        payload = bytes(memoryview(self._buffer)[HEADER_BYTES:end])
        del self._buffer[:end]
        return payload

    def _fill(self, wanted: int) -> None:
        while len(self._buffer) < wanted:
            chunk = self._connection.recv(READ_BYTES)
            if not chunk:
                raise EOFError
            self._buffer += chunk


class HostedCell:
    """What runs inside a Ray actor: a real cell behind a socket in the engine's own folder."""

    def __init__(self, name: str, address: str) -> None:
        self._server = CellServer(name, Cell, address)
        self._server.start()
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
        # Modules live for ever: taken out of the collector's sight, its full rounds cost what entities cost.
        gc.collect()
        gc.freeze()

    def where(self) -> tuple[str, int]:
        """The address and the process. Answered by a new process too, after Ray restarted the actor."""
        return self._server.address, os.getpid()

    def hold(self) -> None:
        """Returns never, while all is well: whoever called it learns at once that the process died."""
        self._server.wait()


def _end_with_parent(parent: int) -> None:
    """Ends this session when Ray's raylet dies: its agents would stay for a minute to report to nobody.

    Mostly the child that drives Ray does this; it may have been killed together with the engine.
    """
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_S)
    processes.kill(processes.of_my_session())
    os._exit(1)


def _listen(address: str) -> socket.socket:
    path = unix_path(address)
    if path is None:
        return socket.create_server(tcp_place(address), backlog=BACKLOG)
    # A process that was killed leaves the name of its socket behind; the folder is ours alone.
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(BACKLOG)
    return listener


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
