"""The pages as people see them: pictures in light, dark and phone size, readable, quiet, without red lines."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.scripted_door import ScriptedDoor
from tests.browser.serving import NARROW, PHONE, UPRIGHT, WALL, WIDE, Store, look, open_store, probe, shots

SETTLE_MS = 5_500  # four steps of everybody, so that trails and the feed have something to show

PAGES: list[tuple[str, str, tuple[int, int], str]] = [
    ("console", "/", WIDE, "#feed li"),
    ("console-1024", "/", NARROW, "#feed li"),
    ("console-390", "/", PHONE, "#feed li"),
    ("phone", "/phone/A-1001", PHONE, ".offer"),
    ("kiosk", "/kiosk", UPRIGHT, ".tries .btn"),
    ("kiosk-390", "/kiosk", PHONE, ".tries .btn"),
    ("screen", "/screen/screen-1", WALL, ".play.product.on"),
    ("screen-390", "/screen/screen-1", PHONE, ".play.product.on"),
]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_store(ScriptedDoor()) as opened:
        yield opened


@pytest.fixture
async def still() -> AsyncIterator[Store]:
    async with open_store(ScriptedDoor(), moving=False) as opened:
        yield opened


async def _fits(page: Page) -> None:
    """Nothing stands out to the right: that would scroll the page sideways."""
    beyond = await probe(page, "beyond")
    assert beyond <= 0, f"{beyond} px too wide"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_each_page_is_fit_to_show(store: Store, browser: Browser, tmp_path: Path, scheme: str) -> None:
    folder = shots(tmp_path)
    for name, path, size, ready in PAGES:
        async with look(browser, size, scheme) as page:
            await page.goto(store.url + path)
            await page.wait_for_selector(ready)
            await page.wait_for_timeout(SETTLE_MS if name.startswith("console") else 700)
            await _fits(page)
            assert await probe(page, "contrast") == [], name
            await page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=name == "console-390")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_cut_wan_is_a_mode_on_the_console_and_the_phone(
    store: Store, browser: Browser, tmp_path: Path, scheme: str
) -> None:
    folder = shots(tmp_path)
    store.door.cut()
    async with look(browser, WIDE, scheme) as page:
        await page.goto(store.url)
        await expect(page.get_by_text("WAN cut")).to_be_visible()
        await expect(page.get_by_text("Selling as before")).to_be_visible()
        await expect(page.get_by_text("records").first).to_contain_text("1,")
        await page.wait_for_timeout(SETTLE_MS)
        await _fits(page)
        assert await probe(page, "contrast") == []
        await page.screenshot(path=folder / f"console-wan-cut-{scheme}.png")
    async with look(browser, PHONE, scheme) as page:
        await page.goto(f"{store.url}/phone/A-1001")
        await expect(page.locator("#note")).to_have_text(
            "Head office is out of reach. Everything below works in this store."
        )
        assert await probe(page, "contrast") == []
        await page.screenshot(path=folder / f"phone-wan-cut-{scheme}.png")


async def test_the_kiosk_greets_in_both_themes(store: Store, browser: Browser, tmp_path: Path) -> None:
    folder = shots(tmp_path)
    for scheme in ("light", "dark"):
        async with look(browser, UPRIGHT, scheme) as page:
            await page.goto(f"{store.url}/kiosk")
            await page.get_by_role("button", name="Ana").click()
            await expect(page.get_by_role("heading", name="Hello, Ana")).to_be_visible()
            await expect(page.locator(".cards button").first).to_be_visible()
            assert await probe(page, "contrast") == []
            await page.screenshot(path=folder / f"kiosk-greeted-{scheme}.png")


async def test_text_at_twice_its_size_loses_nothing(still: Store, browser: Browser) -> None:
    """Text grown to 200 % is a window of half the size."""
    async with look(browser, (720, 450)) as page:
        await page.goto(still.url)
        await page.wait_for_selector("#feed li")
        await _fits(page)
        for part in ("#top", "#floor", "#strip", "#feed", "#why"):
            await page.locator(part).scroll_into_view_if_needed()
            await expect(page.locator(part)).to_be_in_viewport()


async def test_with_reduced_motion_dots_jump_and_nothing_slides(still: Store, browser: Browser) -> None:
    async with look(browser, WIDE, calm=True) as page:
        await page.goto(still.url)
        await page.wait_for_selector("#feed li")
        assert await probe(page, "moving") == []


async def test_a_barcode_is_code_128_as_the_standard_draws_it(still: Store, browser: Browser) -> None:
    """Each symbol has six widths that sum to 11 modules, the stop 13, no two are alike, and the check fits.

    The check of "PJJ123C" is the worked example that textbooks of the symbology give: 54 or the letter V.
    """
    async with look(browser) as page:
        await page.goto(f"{still.url}/kiosk")
        drawn = await page.evaluate(
            """async () => { const { symbol, widths } = await import('/pages/lib/barcode.js');
              const all = Array.from({ length: 107 }, (_, n) => widths(n));
              return { all, example: symbol('PJJ123C') }; }"""
        )
    assert len(set(drawn["all"])) == 107
    assert [sum(map(int, widths)) for widths in drawn["all"]] == [11] * 106 + [13]
    assert all(sum(map(int, widths[::2])) % 2 == 0 for widths in drawn["all"][:106])  # bars are even
    values = drawn["example"]
    assert values[1:-2] == [ord(char) - 32 for char in "PJJ123C"]
    assert (values[0] + sum(n * value for n, value in enumerate(values[:-2]))) % 103 == values[-2]
