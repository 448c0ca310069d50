"""The demo as a visitor sees it: real broker, real store on Ray, real head office, in a real browser.

Set ENDCAP_SHOTS to keep the pictures; the best of them stand in the README.
"""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Process, free_port, started

BIN = Path(sys.executable).parent
WALK = Path(__file__).parents[3] / "shared" / "data" / "ble_walks" / "straight_01.mbd.gz"
WALK_SPEED = 4

pytestmark = pytest.mark.timeout(240)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


async def until(what: str, holds: Any, limit_s: float = 60.0) -> Any:
    """Waits for a truth from outside; says what never came."""
    deadline = asyncio.get_running_loop().time() + limit_s
    while asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(OSError):
            if found := await asyncio.to_thread(holds):
                return found
        await asyncio.sleep(0.3)
    raise AssertionError(f"{what}: not within {limit_s:.0f} s")


@pytest.fixture
def demo(tmp_path: Path, browser: Browser) -> Iterator[str]:
    """A running demo; `browser` is named so that a machine without one skips before anything starts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [str(BIN / "endcap-sim"), "demo", "--no-browser", "--port", str(port)]
    argv += ["--folder", str(tmp_path / "demo")]
    with started(Process("demo", argv, tmp_path / "demo.log", lambda: serves(url))):
        yield url


def serves(url: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(get(f"{url}/api/v1/health")["ready"])
    return False


def keep(tmp_path: Path, name: str) -> Path:
    folder = Path(os.environ.get("ENDCAP_SHOTS", tmp_path / "shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"


async def open_page(browser: Browser, url: str, size: tuple[int, int], theme: str = "light") -> Page:
    page = await browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,  # type: ignore[arg-type]
    )
    await page.goto(url)
    return page


async def test_five_things_to_try_in_a_living_store(demo: str, browser: Browser, tmp_path: Path) -> None:
    await until("people came in", lambda: get(f"{demo}/api/v1/console")["visits"] >= 8, 90)
    await until(
        "the floor runs on Ray",
        lambda: any(cell["place"] == "ray" for cell in get(f"{demo}/api/v1/console")["cells"]),
        120,
    )
    page = await open_page(browser, demo, (1440, 900))
    await page.wait_for_selector(".dot")
    await page.wait_for_selector("#feed li")

    # Somebody is led to another zone, and the decision there can be read.
    before = get(f"{demo}/api/v1/console")["seq"]
    led = page.locator('[data-try="drag"].done')
    for _ in range(5):  # people walk on while a hand reaches for them
        await drag(page, "Coffee")
        with contextlib.suppress(AssertionError):
            await expect(led).to_be_visible(timeout=2_000)
            break
    await expect(led).to_be_visible()
    await until("the walk made turns", lambda: get(f"{demo}/api/v1/console")["seq"] > before)
    await page.locator("#feed li button").first.click()
    await expect(page.locator(".reasons thead")).to_contain_text("considered")

    # Goods are taken: the scale says so, and the store counts one less.
    shelf = page.locator(".shelf").first
    name = await shelf.get_attribute("data-shelf")
    stock = {one["shelf"]: one["pieces"] for one in get(f"{demo}/api/v1/console")["shelves"]}
    await shelf.click()
    await expect(page.locator('[data-try="take"]')).to_have_class("done")
    await until(
        "the scale was believed",
        lambda: (
            {s["shelf"]: s["pieces"] for s in get(f"{demo}/api/v1/console")["shelves"]}[name] < stock[name]
        ),
    )

    # A sale.
    await page.get_by_role("button", name="Pay").click()
    await expect(page.locator(".said-box")).to_contain_text("paid.")

    # The line is cut: selling as before, and the backlog grows; back, and it drains.
    await page.locator(".switch.wan").click()
    await expect(page.get_by_text("Selling as before").first).to_be_visible()
    await page.screenshot(path=keep(tmp_path, "console-wan-cut-light"))
    await until("the backlog grows", lambda: get(f"{demo}/api/v1/console")["link"]["backlog"] > 0, 90)
    await page.locator(".switch.wan").click()
    await until(
        "the backlog drained",
        lambda: (
            get(f"{demo}/api/v1/console")["link"]["state"] == "up"
            and get(f"{demo}/api/v1/console")["link"]["backlog"] < 20
        ),
    )

    # Ray is killed: a badge changes, and a sale goes through meanwhile.
    await page.get_by_role("button", name="Kill Ray").click()
    await expect(page.get_by_text("cells here")).to_be_visible()
    await expect(page.get_by_text("All five done")).to_be_visible()
    sold = get(f"{demo}/api/v1/console")["sales_today"]
    await until("selling goes on", lambda: get(f"{demo}/api/v1/console")["sales_today"] > sold, 120)
    await page.close()


async def test_the_pages_of_a_living_store_are_fit_to_show(
    demo: str, browser: Browser, tmp_path: Path
) -> None:
    await until("a sale was closed", lambda: get(f"{demo}/api/v1/console")["sales_today"] > 0, 120)
    person = await until("a member has an offer", lambda: member_with_offer(demo), 120)
    pages = {
        "console": ("/", (1440, 900), "#feed li"),
        "phone": (f"/phone/{person}", (390, 844), ".offer, article, li"),
        "screen": ("/screen/screen-1", (1920, 1080), "body"),
        "kiosk": ("/kiosk", (1080, 1920), "body"),
        "console-390": ("/", (390, 844), "#feed li"),
    }
    for name, (path, size, selector) in pages.items():
        for theme in ("light", "dark"):
            page = await open_page(browser, demo + path, size, theme)
            errors: list[str] = []
            page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
            await page.wait_for_selector(selector)
            await page.wait_for_timeout(2_500)
            await page.screenshot(path=keep(tmp_path, f"{name}-{theme}"))
            assert errors == []
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} scrolls sideways by {wide} px"
            assert not re.search(r"undefined|NaN|\[object", await page.inner_text("body"))
            await page.close()


def member_with_offer(demo: str) -> str | None:
    for person in get(f"{demo}/api/v1/console")["people"]:
        if person["member"] and get(f"{demo}/api/v1/accounts/{person['account']}/wallet")["offers"]:
            return str(person["account"])
    return None


async def drag(page: Page, zone: str) -> None:
    """Takes the followed shopper's dot by hand and drops it in the middle of a zone."""
    at = await page.evaluate(
        """(zone) => { const name = [...document.querySelectorAll('.zone-name')].find((n) => n.textContent === zone);
          const box = name.previousElementSibling.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2]; }""",
        zone,
    )
    box = await page.locator(".dot.own, .dot").first.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(at[0], at[1], steps=8)
    await page.mouse.up()


def write_books(feed: list[str], books: Path) -> None:
    subprocess.run([*feed, "--books", str(books)], check=True, capture_output=True, timeout=60)


async def test_a_recorded_walk_brings_offers_to_the_phone(
    mosquitto: Mosquitto, browser: Browser, tmp_path: Path
) -> None:
    if not WALK.exists():
        pytest.skip(f"no recording at {WALK.name}: ../shared/data is absent")
    books, port = tmp_path / "books", free_port()
    feed = [str(BIN / "endcap-sim"), "feed", str(WALK), "--speed", str(WALK_SPEED)]
    write_books(feed, books)
    settings = tmp_path / "store.toml"
    settings.write_text(
        f'[store]\nbooks = "{books}"\ndata = "var"\n[http]\nport = {port}\n[mqtt]\nport = {mosquitto.port}\n'
        "[cells]\nray = false\n"
    )
    url = f"http://127.0.0.1:{port}"
    argv = [str(BIN / "endcap-store"), "run", "--settings", str(settings)]
    with started(Process("store", argv, tmp_path / "store.log", lambda: serves(url))):
        page = await open_page(browser, f"{url}/phone/W-1", (390, 844))
        walking = await asyncio.create_subprocess_exec(
            *feed, "--port", str(mosquitto.port), stdout=asyncio.subprocess.PIPE
        )
        seen: set[str] = set()
        while walking.returncode is None:
            seen |= set(re.findall(r"\br\d+c\d+\b", await page.inner_text("body")))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(walking.wait()), 0.2)
        assert walking.stdout is not None
        said = (await walking.stdout.read()).decode()
        await page.screenshot(path=keep(tmp_path, "phone-walk"))
        announced = {
            campaign.removeprefix("offer-")
            for view in get(f"{url}/api/v1/decisions?limit=200")
            for campaign in view["decision"]["winners"]
        }
        await page.close()
    print(said)
    assert walking.returncode == 0, said
    assert re.search(r"missed", said), said
    assert len(announced) >= 2
    # Each zone that was announced had its offer on the phone.
    assert seen >= announced
