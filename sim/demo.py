"""The demo: a broker, a Kafka, head office, a store and its people, from one command, with nothing needed before.

    broker ─┐
    Kafka ──┼─► store ─► the pages        opened side by side: the pages do not wait for head office
    office ─┘    ▲
               world (people, scanners, scales, tills)

Kafka lives in this process; the others are children with a log each, stopped by pid, the last one first.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn
from rich.status import Status
from rich.table import Table

from sim import demo_files
from sim.demo_files import Places
from sim.door import Door, OutOfReach
from sim.embedded_broker import EmbeddedBroker, Program, embedded_broker
from sim.embedded_kafka import EmbeddedKafka
from sim.processes import Child, ChildFailed, free_port, python

OPENS_S = 60.0
"""A part that is not ready by then is given up, with the end of its log."""

POLL_S = 0.02
WATCH_S = 0.5
STATUS_S = 2.0

OFFICE_PORT = 8090

LAST_LINES = 20
"""Of the log of a part that died."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What was asked for on the command line."""

    port: int = 8080
    folder: Path = Path("endcap-demo")
    people: int = 60
    seed: int = 7
    ray: bool = True
    browser: bool = True
    fresh: bool = False
    broker: Program | None = None


def run_demo(demo: Demo) -> int:
    """Opens the living store and stays until Ctrl-C. Gives 0, or 1 if a part of it died."""
    console = Console(highlight=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    house = House(demo, console)
    try:
        house.open()
        house.watch()
    except KeyboardInterrupt:
        console.print()
    except ChildFailed as error:
        console.print(f"[bold red]{error}[/]", soft_wrap=True)
        return 1
    finally:
        house.close()
    return 0


class House:
    """Everything that runs, in the order in which it was started."""

    def __init__(self, demo: Demo, console: Console) -> None:
        self.demo = demo
        self.console = console
        self.began_s = time.monotonic()
        self.kafka = EmbeddedKafka()
        self.children: list[Child] = []
        self.broker_open = self.store_open = False
        demo.folder.mkdir(parents=True, exist_ok=True)
        _forget(demo.folder, demo_files.KEPT if demo.fresh else demo_files.LOGS)
        port = free_port(demo.port)
        if port != demo.port:
            console.print(f"Port {demo.port} is taken: the pages are on {port}.")
        self.broker: EmbeddedBroker = embedded_broker(demo.folder / "broker", which=demo.broker)
        self.places = Places(
            folder=demo.folder.resolve(),
            http_port=port,
            office_port=free_port(OFFICE_PORT),
            mqtt_port=self.broker.port,
            mqtt_version=self.broker.version,
        )
        self.door = Door("127.0.0.1", port)
        self.office_door = Door("127.0.0.1", self.places.office_port)

    def open(self) -> None:
        """Starts everything, shows how far it is, and returns when all of it runs. Raises ChildFailed."""
        with Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[took]}[/]"),
            console=self.console,
        ) as progress:
            parts = {
                progress.add_task(words, total=1, took=""): opening
                for words, opening in (
                    (f"Broker ({self.broker.program})", self._open_broker()),
                    ("Store", self._open_store(progress.console)),
                    ("People, scanners, scales, tills", self._open_world()),
                    ("Head office", self._open_office()),
                )
            }
            while parts:
                for task, opening in list(parts.items()):
                    if self._moved_on(opening, progress, task):
                        del parts[task]
                self._all_well()
                time.sleep(POLL_S)
        self.console.print("[dim]Ctrl-C ends it.[/]")

    def watch(self) -> None:
        """Returns never: raises ChildFailed when a part dies. On a terminal a line says how the store is."""
        quiet = not self.console.is_terminal
        with Status("", console=self.console) as status:
            if quiet:
                status.stop()
            told_s = 0.0
            while True:
                self._all_well()
                if not quiet and time.monotonic() - told_s > STATUS_S:
                    told_s = time.monotonic()
                    status.update(self._summary())
                time.sleep(WATCH_S)

    def close(self) -> None:
        """Stops everything, the last one first."""
        running = [child for child in self.children if child.running]
        if running:
            self.console.print(f"Closing: {', '.join(child.name for child in reversed(running))}.")
        for child in reversed(self.children):
            child.stop()
        self.kafka.stop()
        if self.children:
            self.console.print(f"Everything is stopped. What it kept is in {self.demo.folder}.")

    # --- parts, each a generator that yields while it waits

    def _open_broker(self) -> Iterator[None]:
        self._spawn(self.broker.child)
        yield from self._until(self.broker.child)
        self.broker_open = True

    def _open_store(self, console: Console) -> Iterator[None]:
        bootstrap = self.kafka.start()
        demo_files.write_books(self.places, self.demo.seed)
        demo_files.write_store(self.places, bootstrap, ray=self.demo.ray)
        while not self.broker_open:
            yield
        child = self._child("store", "edge.cli", "run", "--settings", str(self.places.store_toml))
        child.ready = lambda: _answers(self.door)
        self._spawn(child)
        yield from self._until(child)
        self.store_open = True
        took_s = time.monotonic() - self.began_s
        console.print(self._urls(took_s))
        if self.demo.browser and _has_display():
            webbrowser.open(self.places.url)

    def _open_world(self) -> Iterator[None]:
        demo_files.write_world(self.places, self.demo.people, self.demo.seed)
        while not self.store_open:
            yield
        child = self._child("world", "sim.world", str(self.places.world_json))
        child.ready = lambda: "people walk" in child.log_tail()
        self._spawn(child)
        yield from self._until(child)

    def _open_office(self) -> Iterator[None]:
        while not self.kafka.bootstrap:
            yield
        new = demo_files.write_office(self.places, self.kafka.bootstrap)
        settings = ("--settings", str(self.places.office_toml))
        store = ("--store", demo_files.STORE, "--name", demo_files.NAME)
        yield from self._once("provision", *store, "--key-file", str(self.places.key), *settings)
        if new:
            demo_files.write_members(self.places)
            yield from self._once("members", str(self.places.members_json), *settings)
        child = self._child("office", "cloud.cli", "run", *settings)
        child.ready = lambda: _answers(self.office_door)
        self._spawn(child)
        yield from self._until(child)

    def _once(self, verb: str, *arguments: str) -> Iterator[None]:
        """A verb of head office that ends by itself."""
        child = self._child("office", "cloud.cli", verb, *arguments)
        child.spawn()
        try:
            while child.running:
                yield
            if child.returncode:
                raise ChildFailed(f"endcap-cloud {verb} {_ended(child)}")
        finally:
            child.stop()

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        return Child(name, python(module, *arguments), self.places.log(name), apart=True)

    def _spawn(self, child: Child) -> None:
        child.spawn()
        self.children.append(child)

    def _until(self, child: Child) -> Iterator[None]:
        assert child.ready is not None, "every part says when it is ready"
        while not child.ready():
            if time.monotonic() - child.started_at > OPENS_S:
                raise ChildFailed(f"The {child.name} is not ready after {OPENS_S:g} s.{_tail(child)}")
            yield

    def _moved_on(self, opening: Iterator[None], progress: Progress, task: TaskID) -> bool:
        try:
            next(opening)
        except StopIteration:
            took_s = time.monotonic() - self.began_s
            progress.update(task, completed=1, took=f"{took_s:.1f} s")
            return True
        return False

    def _all_well(self) -> None:
        for child in self.children:
            if not child.running:
                raise ChildFailed(f"The {child.name} {_ended(child)}")

    # --- words

    def _urls(self, took_s: float) -> Table:
        url, table = self.places.url, Table.grid(padding=(0, 2))
        table.add_row("[bold]Console[/]", f"[bold]{url}/[/]", f"[dim]open after {took_s:.1f} s[/]")
        table.add_row("Phone of Ana", f"{url}/phone/A-1001")
        table.add_row("Kiosk", f"{url}/kiosk")
        table.add_row("Screens", "  ".join(f"{url}/screen/screen-{n}" for n in (1, 2, 3)))
        table.add_row("Head office", f"http://127.0.0.1:{self.places.office_port}/api/v1/stores")
        table.add_row("Broker", f"mqtt://127.0.0.1:{self.places.mqtt_port}")
        table.add_row("Logs", str(self.demo.folder / "log"))
        return table

    def _summary(self) -> str:
        try:
            now: Any = self.door.ask("GET", "/api/v1/console").body
            link = now["link"]
            return (
                f"{now['visits']} visits, {now['sales_today']} sales today, link to head office {link['state']}"
                f", {link['backlog']} records to go"
            )
        except (OutOfReach, TypeError, KeyError):
            return "the store does not answer"


def _forget(folder: Path, names: tuple[str, ...]) -> None:
    """Removes our own files by name, and nothing else that may be in the folder."""
    for name in names:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _answers(door: Door) -> bool:
    """True once the door's health is well."""
    try:
        return door.ask("GET", "/api/v1/health").status == 200
    except OutOfReach:
        return False


def _ended(child: Child) -> str:
    code = child.returncode
    how = (
        f"was ended by {signal.Signals(-code).name}"
        if code is not None and code < 0
        else f"ended with {code}"
    )
    return f"{how}.{_tail(child)}"


def _tail(child: Child) -> str:
    lines = child.log_tail().rstrip().splitlines()[-LAST_LINES:]
    return "\n".join([f" The end of {child.log}:", *(f"  {line}" for line in lines)])


def _has_display() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
