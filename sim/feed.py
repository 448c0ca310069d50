"""Plays a recording into a broker as the messages that real scanners send, and says what the store made of it.

A capture is played as it was recorded, topic and payload. A walk becomes ESPresense messages, one a packet. What the
store concluded is heard from outside, on its presence topic, and compared with where the walk really went.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import aiomqtt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edge.book_survey import SURVEY_FILE
from protocols import topics
from protocols.api import PresenceView
from protocols.codec import JsonDecoder
from protocols.errors import Nonsense
from protocols.ids import UNKNOWN_ZONE
from sim.feed_books import write_books
from sim.presence.score import Announced, follow
from sim.recordings import Capture, Packet, Recording, Walk, open_recording

LATE_S = 6.0
"""How long after its last message the store may still speak of the device, in time of the recording."""

PLAIN_SPEED = 1.0

_view: JsonDecoder[PresenceView] = JsonDecoder(PresenceView)


def run_feed(
    recording: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 1883,
    speed: float = PLAIN_SPEED,
    device: str = "",
    store: str = "014",
    books: Path | None = None,
) -> int:
    """Plays a recording, or with `books` writes the files of a store that it can be played to. Gives 0 if it could."""
    console = Console(highlight=False)
    try:
        found = open_recording(recording, device)
    except (Nonsense, OSError) as error:
        console.print(f"[bold red]{recording}[/]: {error}")
        return 2
    if books is not None:
        write_books(books, found, speed, _survey_beside(recording))
        console.print(
            f'Wrote {books}/: put `books = "{books}"` into \\[store] of a settings file, and run endcap-store with it.'
        )
        return 0
    _introduce(found, console)
    try:
        heard = asyncio.run(_play(found, host, port, speed, store, console))
    except aiomqtt.MqttError as error:
        console.print(f"[bold red]The broker at {host}:{port} does not answer[/]: {error}. Is it running?")
        return 1
    _conclude(found, heard, console, speed, _survey_beside(recording) is not None)
    return 0


def _survey_beside(recording: Path) -> Path | None:
    """The survey that lies beside a walk, under one of the names that such files have."""
    beside = (recording.parent / name for name in ("fingerprints.csv", "fingerprints.csv.gz", SURVEY_FILE))
    return next((path for path in beside if path.is_file()), None)


def _introduce(found: Recording, console: Console) -> None:
    console.print(
        f"{len(found.packets):,} messages of {found.device} by {len(found.scanners)} scanners in {found.lasts_s:.0f} s."
    )
    match found:
        case Capture():
            nearest, far_m = found.nearest()
            console.print(f"Nearest in the recording: [bold]{nearest}[/], a median of {far_m:.2f} m away.")
            missing = found.unlisted()
            if missing:
                console.print(
                    f"Not listed in its config.yaml, so without a place: [bold]{', '.join(missing)}[/]."
                )
        case Walk():
            zones = " → ".join(stay.zone for stay in found.stays)
            console.print(f"It walks through {zones}.")


async def _play(
    found: Recording, host: str, port: int, speed: float, store: str, console: Console
) -> list[Announced]:
    """Publishes everything in its time; gives what the store announced of the device meanwhile."""
    announced: list[Announced] = []
    async with aiomqtt.Client(host, port, protocol=aiomqtt.ProtocolVersion.V311) as client:
        await client.subscribe(topics.presence(store, "+"))
        began_s = time.monotonic()
        listening = asyncio.create_task(
            _listen(client, found, began_s, speed or PLAIN_SPEED, announced), name="presence"
        )
        try:
            with _progress(console) as progress:
                for packet in progress.track(found.packets, description="Playing"):
                    await _until(began_s, packet, speed)
                    await client.publish(packet.topic, packet.payload)
            await asyncio.sleep(LATE_S / max(speed, PLAIN_SPEED))
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
    return announced


async def _until(began_s: float, packet: Packet, speed: float) -> None:
    """Waits until it is this packet's turn. Never less than one turn of the loop: the listener lives in it too."""
    ahead_s = packet.at_s / speed - (time.monotonic() - began_s) if speed else 0.0
    if ahead_s > 0.0 or packet.number % 50 == 0:
        await asyncio.sleep(max(0.0, ahead_s))


async def _listen(
    client: aiomqtt.Client, found: Recording, began_s: float, speed: float, announced: list[Announced]
) -> None:
    """Notes each new zone. What is retained from before, and what names another device's cause, is not ours."""
    async for message in client.messages:
        if message.retain or not isinstance(message.payload, bytes | bytearray):
            continue
        try:
            view = _view(bytes(message.payload))
        except Nonsense:
            continue
        if view.cause.scanner not in found.scanners or view.zone == UNKNOWN_ZONE:
            continue
        if not announced or announced[-1].zone != view.zone:
            announced.append(Announced(view.zone, (time.monotonic() - began_s) * speed))


def _conclude(
    found: Recording, heard: Sequence[Announced], console: Console, speed: float, is_surveyed: bool
) -> None:
    if not heard:
        console.print(
            "The store announced nothing: no store listens at this broker, or it does not know the device. "
            "`--books FOLDER` writes the files of one that does."
        )
        return
    if speed == 0:
        console.print(
            "[dim]Played as fast as it went: presence lives by arrival, so its zones say little.[/]"
        )
    match found:
        case Capture():
            said = ", ".join(f"{one.zone} at {one.at_s:.1f} s" for one in heard)
            changes = "1 change" if len(heard) == 2 else f"{len(heard) - 1} changes"
            console.print(f"The store shows it in [bold]{heard[-1].zone}[/], after {changes} ({said}).")
        case Walk():
            console.print(_table(found, heard))
            if not is_surveyed:
                console.print(
                    "[dim]Without a survey beside the walk presence goes by the nearest scanner, which misses zones "
                    f"that are crossed quickly or have no scanner ({', '.join(found.deaf_zones()) or 'none here'}).[/]"
                )


def _table(found: Walk, heard: Sequence[Announced]) -> Table:
    result = follow(found.stays, heard)
    missed = [entry.zone for entry in result.entries if entry.missed]
    table = Table("", "", title="Zones", show_header=False, title_justify="left")
    table.add_row("crossed", str(len(result.entries)))
    table.add_row("announced", str(len(heard)))
    table.add_row("missed", f"{len(missed)}  [dim]{' '.join(missed)}[/]")
    table.add_row("false", f"{len(result.false)}  [dim]{' '.join(one.zone for one in result.false)}[/]")
    if result.delay_s is not None:
        table.add_row("delay, median", f"{result.delay_s:.1f} s")
    return table


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
