"""The surveyor's phone: choose a beacon, stand on the blue point, stay, go on; undo, elsewhere, done; by keyboard."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from math import dist, log10
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from edge.survey import file
from edge.web.survey_views import SurveyBegin, SurveyStart, SurveyStep, SurveyView
from protocols.devices import Sighting
from protocols.ids import DeviceId, ScannerId
from tests.browser.scripted_door import ScriptedDoor
from tests.browser.serving import PHONE, Store, look, open_store, probe, shots

MINE = "aabbccddee01"
STAND_S = 1.0


class Beacon:
    """A beacon that the scripted store's scanners hear, at the point where somebody stands or goes."""

    def __init__(self, door: ScriptedDoor) -> None:
        self.door = door
        self.held_to = ""
        self.silent = False

    def say(self) -> None:
        """One message by each scanner in reach."""
        walk = self.door.survey_desk._walk
        at = (1.5, 1.4)
        if walk is not None and walk.session.at >= 0:
            stop = walk.session.stops[walk.session.at]
            at = (stop.x, stop.y)
        for name, place in self.door.facts.scanners.items():
            far_m = max(1.0, dist((*at, 1.2), (place.x, place.y, place.z)))
            dbm = -31.0 if name == self.held_to else -61 - 27 * log10(far_m)
            if dbm > -88 and not self.silent:
                now_ms = self.door.now_ms()
                self.door.survey_desk.heard(Sighting(ScannerId(name), DeviceId(MINE), dbm, now_ms), dbm)
                other = Sighting(ScannerId(name), DeviceId("others-phone"), -72, now_ms)
                self.door.survey_desk.heard(other, -72)

    async def run(self) -> None:
        while True:
            self.say()
            await asyncio.sleep(0.1)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_store(ScriptedDoor(), moving=False) as opened:
        yield opened


@pytest.fixture
async def beacon(store: Store) -> AsyncIterator[Beacon]:
    carried = Beacon(store.door)
    running = asyncio.create_task(carried.run())
    try:
        yield carried
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def started(store: Store, stand_s: float = STAND_S, done: int = 0) -> SurveyView:
    """A session with some points done."""
    desk = store.door.survey_desk
    now = await desk.start(SurveyStart(device=MINE, stand_s=stand_s))
    while now.done < done:
        await desk.begin(SurveyBegin())
        while (await desk.view(now.version)).phase != "enough":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        now = await desk.finish(SurveyStep())
    return now


async def fit(page: Page) -> None:
    """As wide as the phone, readable, every control named and large enough for a thumb."""
    assert await probe(page, "beyond") <= 0
    assert await probe(page, "contrast") == []
    assert await probe(page, "unnamed") == []
    assert await probe(page, "small", 44, "button, input") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_survey_is_fit_to_show_from_the_first_point_to_the_last(
    store: Store, beacon: Beacon, browser: Browser, tmp_path: Path, scheme: str
) -> None:
    folder = shots(tmp_path)
    async with look(browser, PHONE, scheme) as page:
        await page.goto(f"{store.url}/survey")
        await expect(page.get_by_role("heading", name="Which beacon do you carry?")).to_be_visible()
        beacon.silent = True
        await expect(page.get_by_text("Listening…")).to_be_visible()
        await fit(page)
        beacon.silent = False
        await page.wait_for_timeout(7_000)  # what is now becomes what was before
        beacon.held_to = "coffee"
        await expect(
            page.get_by_role("button", name=re.compile("Just came right up to Coffee"))
        ).to_be_visible()
        await fit(page)
        await page.screenshot(path=folder / f"survey-choose-{scheme}.png")
        beacon.held_to = ""
        await page.get_by_role("button", name="Use this one").click()

        await expect(page.get_by_role("heading", name="Stand on the blue point.")).to_be_visible()
        await page.get_by_role("button", name="I am standing here").click()
        await expect(page.get_by_role("heading", name="Stay here")).to_be_visible()
        await expect(page.locator(".lead:visible")).to_contain_text("readings from")
        await page.wait_for_timeout(2_000)
        await fit(page)
        await page.screenshot(path=folder / f"survey-standing-{scheme}.png")
        await store.door.survey_desk.end()

    await started(store, done=9)
    async with look(browser, PHONE, scheme) as page:
        await page.goto(f"{store.url}/survey")
        await expect(page.locator("#about")).to_contain_text("9 of 56 points")
        await expect(page.locator(".tip")).to_be_visible()
        await fit(page)
        await page.screenshot(path=folder / f"survey-{scheme}.png")


async def test_one_walks_from_point_to_point_and_the_page_goes_on_by_itself(
    store: Store, beacon: Beacon, browser: Browser
) -> None:
    await started(store)
    async with look(browser, PHONE) as page:
        await page.goto(f"{store.url}/survey")
        await expect(page.locator(".lead:visible")).to_have_text("In Produce. Hold the phone as usual.")
        await page.get_by_role("button", name="I am standing here").press("Enter")
        await expect(page.get_by_role("heading", name="Stay here")).to_be_focused()
        await expect(page.locator("#about")).to_contain_text("1 of 56 points")
        await expect(page.get_by_role("button", name="I am standing here")).to_be_focused()
        await expect(page.locator(".lead:visible")).to_have_text(
            "In Produce, 3 m down the plan. Hold the phone as usual."
        )
        await expect(page.locator("#status")).to_contain_text("1 of 56 done. In Produce, 3 m down the plan.")
        # Skipped, and taken back.
        await page.get_by_role("button", name="Skip").click()
        await expect(page.locator(".past")).to_have_count(1)
        await page.get_by_role("button", name="Undo last").click()
        await expect(page.locator("#about")).to_contain_text("0 of 56 points")
        await expect(page.get_by_role("button", name="Undo last")).to_be_disabled()
    assert file.read(store.door.floor_desk.folder) == ()


async def test_a_place_that_is_tapped_becomes_the_blue_point(
    store: Store, beacon: Beacon, browser: Browser
) -> None:
    await started(store)
    async with look(browser, PHONE) as page:
        await page.goto(f"{store.url}/survey")
        await expect(page.locator(".target")).to_be_visible()
        box = await page.locator(".fixture").nth(2).bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] - 6, box["y"] + box["height"] / 2)
        await expect(page.get_by_role("button", name="Next point")).to_be_visible()
        await expect(page.locator(".lead:visible")).to_contain_text("In Seasonal")
        await page.get_by_role("button", name="I am standing here").click()
        await expect(page.locator("#about")).to_contain_text("1 of 57 points")
        # By the keyboard, a place is typed.
        await page.get_by_role("button", name="Elsewhere").press("Enter")
        await page.keyboard.type("12")
        await page.keyboard.press("Tab")
        await page.keyboard.type("2.5")
        await page.keyboard.press("Enter")
        await expect(page.locator("#about")).to_contain_text("2 of 58 points")
    points = file.read(store.door.floor_desk.folder)
    assert (points[1].x, points[1].y) == (12.0, 2.5)
    assert 1.9 < points[0].x < 2.5
    assert 11.5 < points[0].y < 12.2


async def test_a_beacon_that_nobody_hears_is_told_in_words(
    store: Store, beacon: Beacon, browser: Browser
) -> None:
    beacon.silent = True
    async with look(browser, PHONE, offline=True) as page:  # a refusal is a red line in a browser's console
        await page.goto(f"{store.url}/survey")
        await page.get_by_label("Or type its id").fill("no such/thing")
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#note")).to_contain_text("must be 1 to 128 characters")
        await page.get_by_label("Or type its id").fill("AA:BB:CC:DD:EE:01")
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#note")).to_have_text(
            "No scanner hears that device yet. Bring it closer or check its id."
        )
        await page.get_by_role("button", name="I am standing here").click()
        await expect(page.locator(".lead:visible")).to_have_text(
            "No scanner hears that device yet. Bring it closer or check its id."
        )
        await expect(page.get_by_role("button", name="Enough, next")).to_be_disabled()
        beacon.silent = False
        await expect(page.locator(".lead:visible")).to_contain_text("readings from")


async def test_a_store_that_goes_away_is_waited_for_and_nothing_is_lost(
    store: Store, beacon: Beacon, browser: Browser
) -> None:
    await started(store, done=1)
    async with look(browser, PHONE, offline=True) as page:
        await page.goto(f"{store.url}/survey")
        await expect(page.locator("#about")).to_contain_text("1 of 56 points")
        await store.stop()
        await expect(page.locator("#note")).to_have_text(
            "The store engine does not answer. Points so far are safe. Trying again."
        )
        await store.start()
        await expect(page.locator("#note")).to_be_hidden()
        await page.get_by_role("button", name="I am standing here").click()
        await expect(page.locator("#about")).to_contain_text("2 of 56 points")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_at_the_end_weak_spots_are_named_and_the_console_is_a_link_away(
    store: Store, beacon: Beacon, browser: Browser, tmp_path: Path, scheme: str
) -> None:
    desk = store.door.survey_desk
    for scanner in list(store.door.facts.scanners)[4:]:
        del store.door.facts.scanners[scanner]  # few scanners: weak spots
    await desk.start(SurveyStart(device=MINE, stand_s=STAND_S, spacing_m=9))
    async with look(browser, PHONE, scheme) as page:
        await page.goto(f"{store.url}/survey")
        for number in range(1, 7):
            await page.get_by_role("button", name="I am standing here").click()
            if number < 6:
                await expect(page.locator("#about")).to_contain_text(f"{number} of 6 points")
        await expect(page.get_by_role("heading", name="The floor is surveyed.")).to_be_visible()
        await expect(page.locator(".weak-list li").first).to_contain_text("hear")
        await fit(page)
        await page.screenshot(path=shots(tmp_path) / f"survey-done-{scheme}.png")
        await page.get_by_role("button", name="End").click()
        await page.get_by_role("dialog").get_by_role("button", name="End").click()
        await expect(page.get_by_role("heading", name="Which beacon do you carry?")).to_be_visible()
        await expect(page.get_by_text("The survey has 6 points")).to_be_visible()
