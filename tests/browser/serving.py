"""A scripted store behind the real web, and browsers that look at it, for the pages' tests."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from edge.settings import HttpSettings, Settings
from edge.web.app import build_app, listen, serve
from tests.browser.scripted_door import ScriptedDoor

WIDE = (1440, 900)
NARROW = (1024, 768)
PHONE = (390, 844)
UPRIGHT = (1080, 1920)
WALL = (1920, 1080)


class Store:
    """A served scripted door. `stop` takes the store away from its pages; `start` brings it back."""

    def __init__(self, door: ScriptedDoor) -> None:
        self.door = door
        self.port = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serves, on the same port as before if there was one."""
        listening = listen("127.0.0.1", self.port)
        self.port = listening.getsockname()[1]
        started = asyncio.Event()
        about = self.door.store().store
        app = build_app(self.door, Settings(http=HttpSettings(demo=about.demo, edit=about.edit)))
        self._task = asyncio.create_task(serve(app, listening, started))
        await asyncio.wait_for(started.wait(), 10)

    async def stop(self) -> None:
        """Ends the server; its pages are on their own."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None


@contextlib.asynccontextmanager
async def open_store(door: ScriptedDoor, moving: bool = True) -> AsyncIterator[Store]:
    """A store that moves by its script, or stands still until a test steps it."""
    store = Store(door)
    await store.start()
    script = asyncio.create_task(door.run()) if moving else None
    try:
        yield store
    finally:
        if script is not None:
            script.cancel()
        await store.stop()


@contextlib.asynccontextmanager
async def look(
    browser: Browser,
    size: tuple[int, int] = WIDE,
    scheme: str = "light",
    *,
    calm: bool = False,
    offline: bool = False,
) -> AsyncIterator[Page]:
    """A page of a person's own; a script error or a red line in its console fails the test.

    With `offline` the store is taken away on purpose, and what the browser says of that is expected.
    """
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce" if calm else "no-preference",
        device_scale_factor=2 if size == PHONE else 1,
    )
    page = await context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(f"threw: {error}"))
    page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
    yield page
    await context.close()
    if not offline:
        assert not said, said


def shots(tmp_path: Path) -> Path:
    """Where pictures go: ENDCAP_SHOTS, else the test's own folder."""
    folder = Path(os.environ.get("ENDCAP_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def probe(page: Page, name: str, *given: object) -> Any:
    """Asks the page one of the questions of probes.js."""
    return await page.evaluate(f"({_PROBES}).{name}({', '.join(json.dumps(one) for one in given)})")


_PROBES = Path(__file__).with_name("probes.js").read_text().partition("\n")[2].strip()
