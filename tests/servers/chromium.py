"""A headless Chromium from the system, driven by Playwright, that can reach this host and no other."""

import contextlib
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.servers.process import absent

EXECUTABLE = "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",  # root has no user namespace to put the pages in
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

expect.set_options(
    timeout=15_000
)  # two busy cores: what is right soon is right, and what is wrong stays wrong


@contextlib.asynccontextmanager
async def chromium_running(headless: bool = True) -> AsyncIterator[Browser]:
    """A browser on the running loop."""
    if shutil.which(EXECUTABLE) is None:
        absent("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGS, headless=headless)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of this test's own, on its loop; `await browser.new_context(...)` is another person."""
    async with chromium_running() as running:
        yield running


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """One empty page; a script error on it fails the test."""
    context = await browser.new_context()
    opened = await context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    await context.close()
    assert not errors, f"the page threw: {errors}"
