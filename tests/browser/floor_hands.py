"""Hands on the floor editor for its tests: metres of the plan, drags, clicks, and a floor that was surveyed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Browser, Page, expect

from edge.web.floor_views import ExpectedView, ToldApart
from tests.browser.serving import WIDE, Store, look

Point = tuple[float, float]

FINER = "The radio takes 4 of 10 people here for Pantry. Draw the two as one, or hang a scanner between them."


def surveyed() -> ExpectedView:
    """A floor whose middle is well heard and whose left edge nobody can stand on."""
    errors = [
        -1.0 if column == 0 else round(1.1 + 2.2 * (1 + math.sin(column / 3.6) * math.cos(row / 3.1)), 2)
        for row in range(20)
        for column in range(24)
    ]
    return ExpectedView(
        1.0,
        24,
        20,
        tuple(errors),
        {"coffee": ToldApart(0.41, "pantry", FINER), "pantry": ToldApart(0.93)},
        ("Half of all positions are expected within 2.4 m.",),
    )


class Hands:
    """One person at the editor. Points are metres of the plan."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def screen(self, at: Point) -> Point:
        """Where a point of the plan is in the window."""
        x, y = await self.page.evaluate(
            """([x, y]) => { const point = new DOMPoint(x * 30, y * 30)
              .matrixTransform(document.querySelector('.draft').getScreenCTM()); return [point.x, point.y]; }""",
            list(at),
        )
        return x, y

    async def drag(self, start: Point, end: Point, drop: bool = True) -> None:
        """Takes what is at one point to another."""
        await self.page.mouse.move(*await self.screen(start))
        await self.page.mouse.down()
        await self.page.mouse.move(*await self.screen(end), steps=6)
        if drop:
            await self.page.mouse.up()

    async def click(self, *points: Point) -> None:
        """Clicks one point after another."""
        for point in points:
            await self.page.mouse.click(*await self.screen(point))

    async def tool(self, name: str) -> None:
        """Takes a tool."""
        await self.page.get_by_role("radio", name=name).click()

    async def choose(self, tab: str, ref: str) -> None:
        """Picks a thing in the list."""
        await self.page.get_by_role("tab", name=tab).click()
        await self.page.locator(f'#things [data-ref="{ref}"]').click()

    def field(self, name: str) -> Any:
        """A field of the picked thing."""
        return self.page.locator(f'.fields [data-field="{name}"]')

    async def judged(self) -> None:
        """Waits until the store has said what it thinks of the floor as it is now."""
        await self.page.evaluate(
            """async () => { const { desk } = await import('/pages/console/edit/draft.js');
              while (!desk.checked) await new Promise((done) => setTimeout(done, 30)); }"""
        )

    async def save(self) -> None:
        """Saves by the button, and says yes."""
        await self.judged()
        await self.page.get_by_role("button", name="Save", exact=True).click()
        await self.page.get_by_role("button", name="Save floor").click()
        await expect(self.page.locator("#status")).to_have_text(
            "Floor saved. The store reads it within a second."
        )


@contextlib.asynccontextmanager
async def editing(
    store: Store,
    browser: Browser,
    size: tuple[int, int] = WIDE,
    scheme: str = "light",
    *,
    offline: bool = False,
) -> AsyncIterator[Hands]:
    """A page with the floor open for editing. With `offline`, a refusal may be a red line in its console."""
    async with look(browser, size, scheme, offline=offline) as page:
        await page.goto(store.url)
        await page.wait_for_selector("#feed li")
        await page.get_by_role("button", name="Edit floor").click()
        await page.wait_for_selector(".draft .e-zones .shape")
        yield Hands(page)
