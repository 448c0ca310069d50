"""Phone, kiosk and screen: what a shopper can do, and what stays when the store is out of reach."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from protocols.inputs import ConsentChanged, OfferSeen
from tests.browser.scripted_door import ScriptedDoor
from tests.browser.serving import PHONE, UPRIGHT, WALL, Store, look, open_store, probe

SALE = {"operation": "op-9", "sale": "9", "till": "till-2", "card": "A-1001", "lines": [{"sku": "sourdough"}]}


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_store(ScriptedDoor(), moving=False) as opened:
        yield opened


@pytest.fixture
async def phone(store: Store, browser: Browser) -> AsyncIterator[Page]:
    async with look(browser, PHONE) as opened:
        await opened.goto(f"{store.url}/phone/A-1001")
        await opened.wait_for_selector(".offer")
        yield opened


async def test_a_phone_shows_the_balance_with_its_age_the_code_and_the_offers(phone: Page) -> None:
    await expect(phone.locator(".balance")).to_have_text("1,240")
    await expect(phone.locator(".pass dl")).to_contain_text("today")
    await expect(phone.get_by_role("img", name="Barcode A-1001")).to_be_visible()
    await expect(phone.get_by_role("heading", name="Ground coffee 250 g")).to_be_visible()
    await expect(phone.locator(".offer .price").first).to_contain_text("€3.79")


async def test_showing_an_offer_tells_the_store_once(store: Store, phone: Page) -> None:
    await phone.wait_for_timeout(500)
    seen = [given for _, given, _ in store.door.asked if isinstance(given, OfferSeen)]
    assert len(seen) == len(store.door.accounts["A-1001"].offers)


async def test_why_these_speaks_in_the_sentences_of_the_conditions(phone: Page) -> None:
    await phone.get_by_role("button", name="Why these?").click()
    dialog = phone.get_by_role("dialog")
    await expect(dialog).to_contain_text("conditions hold")
    await expect(dialog).to_contain_text("Basket holds a bakery item")
    await phone.keyboard.press("Escape")
    await expect(phone.get_by_role("button", name="Why these?")).to_be_focused()


async def test_a_sale_shows_at_once_in_balance_and_receipts(store: Store, phone: Page) -> None:
    answer = await phone.request.post(f"{store.url}/api/v1/sales", data=SALE)
    assert answer.ok
    await expect(phone.locator(".balance")).to_have_text("1,246")
    await phone.get_by_role("button", name="Receipts").click()
    await expect(phone.locator(".receipt")).to_contain_text("€3.20")
    await phone.locator(".receipt summary").click()
    await expect(phone.locator(".receipt li")).to_contain_text("Sourdough loaf")


async def test_consent_is_a_switch_and_is_sent_whole(store: Store, phone: Page) -> None:
    await phone.get_by_role("button", name="You").click()
    await phone.get_by_role("switch", name="Where you walk").press("Space")
    await expect(phone.locator("#status")).to_have_text("Saved.")
    changed = [given for _, given, _ in store.door.asked if isinstance(given, ConsentChanged)]
    assert changed == [ConsentChanged(consent=("offers",))]


async def test_everything_to_touch_on_a_phone_is_large_enough(phone: Page) -> None:
    for tab in ("Offers", "Receipts", "You"):
        await phone.get_by_role("navigation").get_by_role("button", name=tab).click()
        assert await probe(phone, "small", 44, "button, a, label, summary") == []


async def test_an_account_that_nobody_knows_is_told_so(store: Store, browser: Browser) -> None:
    async with look(browser, PHONE, offline=True) as page:  # a 404 is a red line in any browser's console
        await page.goto(f"{store.url}/phone/A-9999")
        await expect(page.locator("#note")).to_have_text("We do not know this account. Ask at the till.")


async def test_a_phone_opens_with_the_store_out_of_reach_and_says_how_old_it_is(
    store: Store, browser: Browser
) -> None:
    async with look(browser, PHONE, offline=True) as page:
        await page.goto(f"{store.url}/phone/A-1001")
        await page.wait_for_selector(".offer")
        await page.evaluate("navigator.serviceWorker.ready")
        await page.reload()  # from here on the worker stands between page and store
        await page.wait_for_selector(".offer")
        await store.stop()
        await page.reload()
        await expect(page.locator(".balance")).to_have_text("1,240")
        await expect(page.locator("#note")).to_contain_text("The store is out of reach. What you see is from")
        await expect(page.get_by_role("img", name="Barcode A-1001")).to_be_visible()
        await store.start()
        await expect(page.locator("#note")).to_be_hidden(timeout=10_000)


@pytest.fixture
async def kiosk(store: Store, browser: Browser) -> AsyncIterator[Page]:
    async with look(browser, UPRIGHT, offline=True) as opened:
        await opened.clock.install()
        await opened.goto(f"{store.url}/kiosk")
        await opened.wait_for_selector(".tries .btn")
        yield opened


async def test_a_scanned_card_shows_balance_and_offers_and_is_forgotten_after_a_countdown(
    kiosk: Page,
) -> None:
    await kiosk.keyboard.type("2900000001001")
    await kiosk.keyboard.press("Enter")
    await expect(kiosk.get_by_role("heading", name="Hello, Ana")).to_be_visible()
    await expect(kiosk.get_by_label("Balance")).to_contain_text("1,240")
    await kiosk.clock.run_for(31_000)
    await expect(kiosk.get_by_text("Still there? Ends in", exact=False)).to_be_visible()
    await kiosk.clock.run_for(11_000)
    await expect(kiosk.get_by_role("heading", name="Scan your card or phone")).to_be_visible()


async def test_a_number_alone_shows_no_balance(kiosk: Page) -> None:
    await kiosk.get_by_role("button", name="Enter number").click()
    for digit in ("A-", "1", "0", "0", "1"):
        await kiosk.get_by_role("button", name=digit, exact=True).click()
    await kiosk.get_by_role("button", name="Go on").click()
    await expect(kiosk.get_by_text("Scan your card or phone to see your points.")).to_be_visible()
    await expect(kiosk.get_by_text("1,240")).to_have_count(0)
    await expect(kiosk.get_by_text("Ana", exact=True)).to_have_count(0)


async def test_an_unknown_card_is_told_what_to_do(kiosk: Page) -> None:
    await kiosk.keyboard.type("000")
    await kiosk.keyboard.press("Enter")
    await expect(
        kiosk.get_by_text("We do not know this card. Try again, or ask at the till.").first
    ).to_be_visible()
    await kiosk.get_by_role("button", name="Try again").click()
    await expect(kiosk.get_by_role("heading", name="Your number")).to_be_visible()


async def test_lower_moves_what_is_touched_down_and_all_of_it_is_large(kiosk: Page) -> None:
    await kiosk.get_by_role("button", name="Tomas").click()
    await expect(kiosk.get_by_label("Balance")).to_contain_text("points")
    top = "document.querySelector('.one').getBoundingClientRect().top + scrollY"
    before = await kiosk.evaluate(top)
    await kiosk.get_by_role("button", name="Lower").click()
    assert await kiosk.evaluate(top) > before + 200
    assert await probe(kiosk, "small", 96, "button") == []


async def test_a_screen_shows_what_it_is_told_with_a_price_that_can_be_read_from_afar(
    store: Store, browser: Browser
) -> None:
    async with look(browser, WALL) as page:
        await page.goto(f"{store.url}/screen/screen-1")
        await expect(page.locator(".play.on h1").last).to_contain_text("Ground coffee")
        size = await page.locator(".play.on .price").last.evaluate(
            "(node) => parseFloat(getComputedStyle(node).fontSize)"
        )
        assert size * 0.72 >= 1080 / 5  # cap height of the price, a fifth of the picture
        store.door._show("screen-1", "tea-time", "tea-tasting", 40)
        await expect(page.locator(".play.on h1").last).to_contain_text("Breakfast tea")
        await page.wait_for_timeout(1_200)
        assert await page.locator(".play").count() == 1


async def test_a_screen_is_never_black_and_never_shows_an_error(store: Store, browser: Browser) -> None:
    async with look(browser, WALL, offline=True) as page:
        await page.goto(f"{store.url}/screen/screen-3")
        await page.wait_for_selector(".play.product.on")
        await page.evaluate("navigator.serviceWorker.ready")
        await page.reload()
        await page.wait_for_selector(".play.product.on")
        await store.stop()
        await page.reload()
        await page.wait_for_selector(".play.on")
        first = await page.locator(".play.on h1").last.text_content()
        await expect(page.locator(".play.on h1").last).not_to_have_text(first or "", timeout=15_000)
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground not in ("rgb(0, 0, 0)", "rgba(0, 0, 0, 0)")


async def test_a_screen_that_nobody_knows_shows_the_stores_card(store: Store, browser: Browser) -> None:
    async with look(browser, WALL, offline=True) as page:
        await page.goto(f"{store.url}/screen/nowhere")
        await expect(page.locator(".play.card.on h1")).to_have_text("Welcome")
