"""The floor editor as it looks and feels: pictures in both themes, for readers, for fingers, and in a living store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.floor_hands import Hands, editing, surveyed
from tests.browser.scripted_door import ScriptedDoor
from tests.browser.serving import NARROW, WIDE, Store, open_store, probe, shots
from tests.servers.mosquitto import Mosquitto
from tests.stores import store_running


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    door = ScriptedDoor()
    door.expects = surveyed()
    async with open_store(door, moving=False) as opened:
        yield opened


async def _fit_to_show(page: Page) -> None:
    await page.wait_for_timeout(300)  # what fades into its new state has done so
    assert await probe(page, "beyond") <= 0
    assert await probe(page, "contrast") == []
    assert await probe(page, "unnamed") == []
    assert await probe(page, "small", 20, "button, select, .switch, .entry") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_editor_is_fit_to_show(store: Store, browser: Browser, tmp_path: Path, scheme: str) -> None:
    folder = shots(tmp_path)
    for size, width in ((WIDE, ""), (NARROW, "-1024")):
        async with editing(store, browser, size, scheme) as hands:
            page = hands.page
            await hands.choose("Zones", "zones/dairy")
            await hands.field("margin_m").fill("0.6")
            await page.keyboard.press("Enter")
            await hands.drag((16.9, 3.9), (16.6, 4.1))
            await page.mouse.move(5, 5)
            await hands.judged()
            await _fit_to_show(page)
            await page.screenshot(path=folder / f"floor-editor{width}-{scheme}.png")
            await page.locator("label.layer").click()
            await hands.choose("Shelves", "shelves/coffee-1")
            await hands.field("x").fill("30")
            await page.keyboard.press("Enter")
            await expect(page.locator(".save-bar")).to_contain_text("1 to mend first")
            await _fit_to_show(page)
            await page.screenshot(path=folder / f"floor-editor-heat{width}-{scheme}.png")
            await hands.choose("More", "presence/")
            await page.keyboard.press("Escape")
            await page.keyboard.press("Control+z")
            await hands.judged()
            await page.get_by_role("button", name="Save", exact=True).click()
            await _fit_to_show(page)
            await page.screenshot(path=folder / f"floor-editor-save{width}-{scheme}.png")


async def test_text_at_twice_its_size_still_edits_a_floor(store: Store, browser: Browser) -> None:
    async with editing(store, browser, (720, 450)) as hands:
        assert await probe(hands.page, "beyond") <= 0
        for part in (".edit-bar", ".draft", "#things", ".of-thing", ".save-bar"):
            await hands.page.locator(part).scroll_into_view_if_needed()
            await expect(hands.page.locator(part)).to_be_in_viewport()


async def test_readers_hear_what_is_picked_and_what_was_done(store: Store, browser: Browser) -> None:
    async with editing(store, browser) as hands:
        page = hands.page
        await expect(page.locator("#status")).to_have_text(
            "Editing the floor. The store goes on with the floor it has until you save."
        )
        await expect(page.get_by_role("group", name="Plan being edited")).to_have_accessible_description(
            "Arrows move what is picked by 0.1 metre, with shift by 1. Delete removes it, Escape lets go. "
            "Everything here is also in the list and the fields beside it."
        )
        await hands.choose("Scanners", "scanners/dairy")
        await expect(page.get_by_role("button", pressed=True)).to_contain_text("dairy")
        await hands.drag((11.9, 2.4), (12.4, 2.4))
        await expect(page.locator("#status")).to_have_text("dairy: Dairy · 12.4, 2.4 · 2.8 m up.")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_contain_text("move what is picked by 0.1 m")


async def test_zoomed_in_things_are_still_where_they_are_drawn(store: Store, browser: Browser) -> None:
    async with editing(store, browser) as hands:
        page = hands.page
        await page.mouse.move(*await hands.screen((11.2, 8.6)))
        await page.mouse.wheel(0, -250)
        near = await hands.screen((12.2, 8.6))
        far = await hands.screen((11.2, 8.6))
        assert near[0] - far[0] > 50  # pixels that a metre has now; it had some 30
        await hands.drag((11.2, 8.6), (11.41, 8.38))
        await expect(hands.field("x")).to_have_value("11.4")
        await hands.drag((12.95, 13.2), (12.6, 12.9))  # paper: nothing moves but the view
        assert (await hands.screen((11.2, 8.6)))[0] < far[0] - 10
        await page.keyboard.press("0")
        await hands.click((11.4, 8.4))
        await expect(page.locator("#things .chosen")).to_contain_text("coffee")
        await expect(page.locator(".save-bar")).to_contain_text("1 change")


LIFTED_MS = 400
"""Between two touches. No hand is quicker, and Chromium takes one that is for the end of a fling, not for a tap."""


class Finger:
    """Touches, as the browser gets them from a screen."""

    def __init__(self, hands: Hands, session: Any) -> None:
        self.hands, self.session = hands, session

    async def _send(self, kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        await self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    async def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        ax, ay = await self.hands.screen(start)
        bx, by = await self.hands.screen(end)
        await self._send("touchStart", (ax, ay))
        for step in range(1, 6):
            await self._send("touchMove", (ax + (bx - ax) * step / 5, ay + (by - ay) * step / 5))
        await self._send("touchEnd")
        await self.hands.page.wait_for_timeout(LIFTED_MS)

    async def spread(self, middle: tuple[float, float], pixels: float) -> None:
        x, y = await self.hands.screen(middle)
        await self._send("touchStart", (x - 30, y), (x + 30, y))
        for step in range(1, 6):
            wide = 30 + pixels * step / 5
            await self._send("touchMove", (x - wide, y), (x + wide, y))
        await self._send("touchEnd")


async def test_a_finger_picks_by_a_tap_and_only_then_moves_and_two_fingers_zoom(
    store: Store, browser: Browser
) -> None:
    context = await browser.new_context(
        viewport={"width": 1024, "height": 768}, has_touch=True, is_mobile=True
    )
    page = await context.new_page()
    await page.goto(store.url)
    await page.get_by_role("button", name="Edit floor").tap()
    await page.wait_for_selector(".draft .e-zones .shape")
    hands = Hands(page)
    finger = Finger(hands, await context.new_cdp_session(page))
    assert await probe(page, "small", 39, ".tool, .entry, .edit-plan .btn, .edit-side .btn.small") == []
    await finger.drag((21.2, 10.5), (20.5, 10.0))  # over Frozen, which is not picked
    await expect(page.locator(".save-bar")).to_contain_text("Nothing changed yet")
    await finger.drag((21.2, 10.5), (21.2, 10.5))  # a tap
    await expect(page.locator("#things .chosen")).to_contain_text("Frozen")
    await finger.drag((21.2, 10.5), (20.2, 12.0))
    await expect(page.locator(".save-bar")).to_contain_text("1 change")
    await expect(hands.field("corner-0-0")).to_have_value("18.45")
    await page.get_by_role("radio", name="Zone").tap()
    await finger.drag((18.6, 13.5), (22, 14.6))
    await expect(page.locator("#things .chosen")).to_contain_text("Zone 13")
    before = (await hands.screen((1, 0)))[0] - (await hands.screen((0, 0)))[0]
    await finger.spread((12, 10), 60)
    after = (await hands.screen((1, 0)))[0] - (await hands.screen((0, 0)))[0]
    assert after > 2 * before
    await context.close()


async def test_a_living_store_takes_the_floor_that_was_saved_without_a_restart(
    mosquitto: Mosquitto, browser: Browser, tmp_path: Path
) -> None:
    with store_running(tmp_path / "store", mosquitto) as running:
        started = running.get("/api/v1/health")["incarnation"]
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(f"http://127.0.0.1:{running.port}")
        await page.get_by_role("button", name="Edit floor").click()
        await page.wait_for_selector(".draft .e-zones .shape")
        hands = Hands(page)
        await hands.drag((11.2, 8.6), (11.6, 9.2))
        await hands.tool("Zone")
        await hands.drag((18.4, 13.2), (23, 14.6))
        await hands.field("name").fill("Flowers")
        await page.keyboard.press("Enter")
        await hands.save()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as client:
            for _ in range(100):
                floor = (await client.get("/api/v1/floor")).json()
                if "flowers" in floor["zones"]:
                    break
                await asyncio.sleep(0.1)
        assert floor["zones"]["flowers"]["name"] == "Flowers"
        assert (floor["scanners"]["coffee"]["x"], floor["scanners"]["coffee"]["y"]) == (11.6, 9.2)
        await page.get_by_role("button", name="Close", exact=True).click()
        await expect(page.locator("#floor .zone-name", has_text="Flowers")).to_be_visible()
        assert running.get("/api/v1/health")["incarnation"] == started
        kept = list(running.books.glob("floor.yaml.*"))
        assert len(kept) == 1 and "# the rooms of the gateways" in kept[0].read_text()
        assert (running.books / "floor.yaml").read_text().startswith("# Harbour Street, store 014.")
        await page.close()
