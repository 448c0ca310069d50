"""The console in a visitor's hands: follow, drag, ring, take, cut, kill; by keyboard and for readers too."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from protocols.errors import NotNow
from protocols.inputs import SaleClosed
from tests.browser.scripted_door import ScriptedDoor
from tests.browser.serving import NARROW, WIDE, Store, look, open_store, probe


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_store(ScriptedDoor(), moving=False) as opened:
        yield opened


@pytest.fixture
async def page(store: Store, browser: Browser) -> AsyncIterator[Page]:
    async with look(browser, WIDE) as opened:
        await opened.goto(store.url)
        await opened.wait_for_selector(".dot.own")
        yield opened


async def _drag(page: Page, subject: str, zone: str) -> None:
    """Takes a dot by hand and drops it in the middle of a zone."""
    at = await page.evaluate(
        """(zone) => { const name = [...document.querySelectorAll('.zone-name')].find((n) => n.textContent === zone);
          const box = name.previousElementSibling.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2]; }""",
        zone,
    )
    box = await page.locator(f'.dot[data-subject="{subject}"]').bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(at[0], at[1], steps=8)
    await page.mouse.up()


async def test_whoever_stays_is_not_put_in_anew_when_others_come_and_go(store: Store, page: Page) -> None:
    found = await page.evaluate(
        """async () => {
          const { el, keep } = await import('/pages/lib/dom.js');
          const box = el('div');
          const show = (names) => keep(box, names, (name) => name, (name) => el('i', { text: name }));
          show(['gone', 'held', 'last']);
          const held = box.children[1];
          const moved = new MutationObserver(() => {});
          moved.observe(box, { childList: true });
          show(['held', 'new', 'last']);
          const out = moved.takeRecords().flatMap((one) => [...one.removedNodes]);
          return [box.textContent, out.length, out.includes(held)]; }"""
    )
    assert found == ["heldnewlast", 1, False]


async def test_five_things_tick_themselves_as_they_are_done(store: Store, page: Page) -> None:
    await _drag(page, "ana", "Bakery")
    await expect(page.locator('[data-try="drag"]')).to_have_class("done")
    subject, x, y = store.door.walked[0]
    assert (subject, store.door.zone_at(x, y)) == ("ana", "bakery")
    before = store.door.facts.stock["coffee-1"].pieces
    await page.locator('.shelf[data-shelf="coffee-1"]').click()
    await expect(page.locator('[data-try="take"]')).to_have_class("done")
    assert store.door.facts.stock["coffee-1"].pieces == before - 1
    await page.get_by_role("button", name="Pay").click()
    await expect(page.locator('[data-try="sale"]')).to_have_class("done")
    await page.locator(".switch.wan").click()
    await expect(page.get_by_text("WAN cut", exact=False).first).to_be_visible()
    await expect(page.locator('[data-try="wan"]')).not_to_have_class("done")
    await page.wait_for_timeout(800)
    await page.locator(".switch.wan").click()
    await expect(page.locator('[data-try="wan"]')).to_have_class("done")
    await page.get_by_role("button", name="Kill Ray").click()
    await expect(page.get_by_text("cells here")).to_be_visible()
    await expect(page.get_by_text("All five done")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("All five done")).to_be_visible()


async def test_a_dragged_shoppers_decision_can_be_read(store: Store, page: Page) -> None:
    await _drag(page, "ana", "Seasonal")
    await expect(page.locator("#why h2")).to_contain_text("Ana")
    row = page.locator("#feed li").first
    await row.locator("button").click()
    await expect(row).to_have_class("chosen")
    await expect(page.locator(".reasons thead")).to_contain_text("considered")


async def test_a_sale_is_charged_once_and_the_phone_beside_it_shows_the_points(
    store: Store, page: Page
) -> None:
    await expect(page.locator(".mini-balance")).to_contain_text("1,240")
    await page.get_by_role("button", name="Pay").click()
    await expect(page.locator(".said-box")).to_contain_text("paid.")
    sold = [given for _, given, _ in store.door.asked if isinstance(given, SaleClosed)]
    assert len(sold) == 1
    await expect(page.locator(".mini-balance")).to_contain_text(f"{1240 + sold[0].total_minor // 50:,}")


async def test_a_refused_sale_says_that_nothing_was_charged_and_keeps_its_operation(
    store: Store, browser: Browser
) -> None:
    async with look(browser, offline=True) as page:  # a 503 is a red line in any browser's console
        await page.goto(store.url)
        await page.wait_for_selector(".dot.own")
        sent: list[str] = []
        page.on(
            "request", lambda one: sent.append(one.post_data or "") if one.url.endswith("/sales") else None
        )
        store.door.fail_next = NotNow(
            "The disk is full. Nothing was charged. Free space, then ring it up again."
        )
        await page.get_by_role("button", name="Pay").click()
        await expect(page.locator(".said-box")).to_contain_text("Sale not taken.")
        await expect(page.locator(".said-box")).to_contain_text("Nothing was charged.")
        await page.get_by_role("button", name="Ring it up again").click()
        await expect(page.locator(".said-box")).to_contain_text("paid.")
        assert len(sent) == 2
        assert sent[0] == sent[1]


async def test_a_row_opens_by_enter_and_esc_comes_back_to_it(page: Page) -> None:
    rows = page.locator("#feed li button")
    await rows.nth(0).focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(rows.nth(1)).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("Escape")
    await expect(rows.nth(1)).to_be_focused()
    await expect(page.get_by_text("Choose a decision to read why.")).to_be_visible()


async def test_keys_pause_find_follow_and_list_themselves(page: Page) -> None:
    await page.keyboard.press("p")
    await expect(page.get_by_text("paused", exact=False).first).to_be_visible()
    await page.keyboard.press("p")
    await page.keyboard.press("/")
    await page.keyboard.type("Ana")
    await expect(page.locator("#feed li").first).to_contain_text("Ana")
    assert await page.locator("#feed li").filter(has_not_text="Ana").count() == 0
    await page.keyboard.press("Escape")
    await page.locator("body").click(position={"x": 700, "y": 5})
    first = await page.locator(".who h2").text_content()
    await page.keyboard.press("f")
    await expect(page.locator(".who h2")).not_to_have_text(first or "")
    await page.keyboard.press("Shift+F")
    await expect(page.locator(".who h2")).to_have_text(first or "")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("follow the next visit")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_tab_goes_from_the_skip_link_by_person_and_place_to_the_reasons(page: Page) -> None:
    seen: list[str] = []
    for _ in range(40):
        await page.keyboard.press("Tab")
        place = await probe(page, "place")
        if place and (not seen or seen[-1] != place):
            seen.append(place)
        assert await probe(page, "ringed"), f"no focus ring in {place}"
        if place == "feed":
            break
    assert seen == ["skip", "top", "who", "till", "floor", "feed"]


async def test_readers_get_roles_names_and_a_summary_of_the_plan(store: Store, page: Page) -> None:
    plan = page.get_by_role("img", name="Floor plan")
    label = await plan.get_attribute("aria-label")
    assert label is not None
    assert f"{len(store.door.people)} visits" in label
    assert "low or out" in label
    await expect(page.get_by_role("switch", name="WAN")).to_be_checked()
    await expect(page.get_by_role("log")).to_have_attribute("aria-live", "off")
    await expect(page.get_by_role("region", name="Why Ana gets", exact=False)).to_be_visible()
    await page.locator(".switch.wan").click()
    await expect(page.locator("#status")).to_have_text("WAN cut. Selling as before.")
    await expect(page.locator("#counted")).to_contain_text("decision", timeout=7_000)
    assert await probe(page, "unnamed") == []
    assert await probe(page, "small", 20, "button, .pick, .switch") == []


async def test_the_plan_as_a_table_does_what_hands_do_on_the_plan(store: Store, page: Page) -> None:
    await page.get_by_role("button", name="As a table").click()
    await page.get_by_role("row", name="Dairy").get_by_role("button").click()
    await expect(page.locator("#status")).to_have_text("On the way to Dairy.")
    assert store.door.walked[0][0] == "ana"
    row = page.get_by_role("row", name="Rolled oats 1 kg")
    await expect(row).to_contain_text("out")
    await page.get_by_role("row", name="Whole milk 1 L").first.get_by_role("button").click()
    await expect(page.get_by_role("row", name="Whole milk 1 L").first).to_contain_text("5 of 24")


async def test_an_engine_that_stops_answering_is_said_and_the_last_figures_stay_dated(
    store: Store, browser: Browser
) -> None:
    async with look(browser, offline=True) as page:
        await page.goto(store.url)
        await page.wait_for_selector(".dot.own")
        await store.stop()
        lost = page.get_by_role("alert")
        await expect(lost).to_contain_text("The store engine stopped answering.", timeout=8_000)
        await expect(lost).to_contain_text("What you see is from")
        await expect(page.locator("body")).to_have_class("is-lost")
        await expect(page.locator(".kv").filter(has_text="Visits")).to_contain_text(
            str(len(store.door.people))
        )
        await store.start()
        store.door.publish()
        await expect(lost).to_be_hidden(timeout=8_000)


async def test_an_empty_store_says_so(browser: Browser) -> None:
    door = ScriptedDoor()
    door.forget_everybody()
    async with open_store(door, moving=False) as store, look(browser) as page:
        await page.goto(store.url)
        await expect(page.get_by_text("No decisions yet.")).to_be_visible()
        await expect(page.get_by_text("The first sighting shows here.")).to_be_visible()
        await expect(page.get_by_text("No one is in the store.").first).to_be_visible()


async def test_a_store_that_is_no_demo_shows_no_demo_doors(browser: Browser) -> None:
    async with open_store(ScriptedDoor(demo=False), moving=False) as store, look(browser) as page:
        await page.goto(store.url)
        await page.wait_for_selector(".dot.own")
        await expect(page.get_by_role("switch", name="WAN")).to_be_disabled()
        for hidden in ("#till", ".tries"):
            await expect(page.locator(hidden)).to_be_hidden()
        await expect(page.get_by_role("button", name="Kill Ray")).to_be_hidden()


async def test_on_a_small_screen_the_left_column_becomes_tabs(store: Store, browser: Browser) -> None:
    async with look(browser, NARROW) as page:
        await page.goto(store.url)
        await page.wait_for_selector(".dot.own")
        await expect(page.locator("#who")).to_be_hidden()
        await page.get_by_role("tab", name="Ana's phone").click()
        await expect(page.locator("#who")).to_be_visible()
        await expect(page.locator("#feed")).to_be_hidden()
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tab", name="Till")).to_be_focused()
        await expect(page.locator("#till")).to_be_visible()


async def test_a_replayed_turn_shows_that_it_came_out_the_same(page: Page) -> None:
    await page.get_by_role("button", name="Replay turn").click()
    await expect(page.locator(".why-foot")).to_contain_text("Replayed: same result in 0.6 ms")
