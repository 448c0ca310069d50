"""A real walk through a real broker and a real store on Ray, as its console and the walker's phone show it.

The truth of the recording is compared with what can be seen: the dot on the plan, the zone on the presence topic, the
offers that come to the phone. Set ENDCAP_SHOTS to keep the strip of pictures that stands in the README.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from protocols import topics
from protocols.api import PresenceView, Wallet
from protocols.codec import JsonDecoder
from sim.feed_books import ACCOUNT, SUBJECT
from sim.presence.score import Stay
from sim.presence.walks import read_rows
from sim.recordings import Walk, cell_of, open_recording
from tests.browser.serving import look, shots
from tests.browser.test_living_store import get, serves, until, write_books
from tests.browser.walk_strip import BYTES_MAX, VIEW, Frame, compose, picture
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Process, free_port, started

BIN = Path(sys.executable).parent
WALK = Path(__file__).parents[3] / "shared/data/ble_walks/rectangular_without_rotation.mbd.gz"
STORE = "walked"

LOOK_S = 0.5
"""How often the dot is looked at."""

SOON_S = 7.0
"""An offer that comes later than so long after the walker entered its zone is late."""

EARLY_S = 1.0
"""So long before its zone was entered, half a metre of this walk, an offer is not early: it is where the line is."""

PICTURED_S = 5.0
"""The strip's pictures are taken so long after each true change of zone, wherever the dot is then."""

FIRST_S = 5.0
"""The first dot is there so soon after the first packet."""

GUESS_S = 1.0
"""A zone that is said sooner after the first packet is a guess out of one burst: here a wrong one, every time. After it
one more offer may be false, where the walk goes along a line between zones."""

ON_PHONE_S = 1.0
"""A phone's page and the broker's topic have an offer within so long of each other."""

RAY_S = 90.0
DRIFT_S = 0.5
"""A recording that was played with more delay than this measures the machine, not the store."""

pytestmark = [
    pytest.mark.skipif(not WALK.exists(), reason="../shared/data is absent"),
    pytest.mark.timeout(240),
]


# --- the truth


class Truth:
    """Where the beacon really was, by seconds since the first packet."""

    def __init__(self, recording: Path) -> None:
        found = open_recording(recording)
        assert isinstance(found, Walk)
        rows = read_rows(recording)
        self.stays: tuple[Stay, ...] = found.stays
        self.lasts_s = found.lasts_s
        self.packets = found.packets
        self._at_s = np.array([row.unix_s - rows[0].unix_s for row in rows])
        self._x, self._y = np.array([row.x for row in rows]), np.array([row.y for row in rows])

    def place(self, at_s: float) -> tuple[float, float]:
        """Between two packets it went straight."""
        return float(np.interp(at_s, self._at_s, self._x)), float(np.interp(at_s, self._at_s, self._y))

    def zone(self, at_s: float) -> str:
        return cell_of(*self.place(at_s))

    def way(self, until_s: float) -> list[tuple[float, float]]:
        return [self.place(at_s) for at_s in np.arange(0.0, until_s, 0.25)] + [self.place(until_s)]


# --- what was seen of it


@dataclass(frozen=True)
class Dot:
    """The walker's dot as drawn at an instant, in metres on the plan, and where it is walking to."""

    at_s: float
    x: float
    y: float
    to_x: float
    to_y: float


@dataclass(frozen=True)
class Offered:
    """A card that came to the phone."""

    at_s: float
    zone: str


@dataclass
class Heard:
    """What went over the broker, each with the time at which it came."""

    packets: list[float] = field(default_factory=list)
    said: list[tuple[float, PresenceView]] = field(default_factory=list)
    offers: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def listen(self, client: aiomqtt.Client) -> None:
        view, wallet = JsonDecoder(PresenceView), JsonDecoder(Wallet)
        async for message in client.messages:
            now, payload = time.time(), message.payload
            assert isinstance(payload, bytes | bytearray)
            if message.topic.matches("espresense/#"):
                self.packets.append(now)
            elif message.topic.matches(topics.phone(STORE, ACCOUNT)):
                for one in wallet(bytes(payload)).offers:
                    self.offers.setdefault(one.offer, (now, one.campaign.removeprefix("offer-")))
            elif payload:
                self.said.append((now, view(bytes(payload))))


@contextlib.asynccontextmanager
async def listening(broker: Mosquitto) -> AsyncIterator[Heard]:
    heard = Heard()
    async with aiomqtt.Client(broker.host, broker.port) as client:
        for topic in ("espresense/devices/#", topics.presence(STORE, SUBJECT), topics.phone(STORE, ACCOUNT)):
            await client.subscribe(topic)
        task = asyncio.create_task(heard.listen(client), name="listening")
        try:
            yield heard
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


DOT = """(subject) => {
  const dot = document.querySelector(`.dot[data-subject="${subject}"]`);
  if (!dot) return null;
  const drawn = new DOMMatrix(getComputedStyle(dot).transform), goal = new DOMMatrix(dot.style.transform);
  return [Date.now() / 1000, drawn.e / 30, drawn.f / 30, goal.e / 30, goal.f / 30];
}"""
"""Asks the console for a dot: in the middle of its step, the computed place is where the eye sees it."""

WATCH = """() => {
  window.cards = [];
  const had = new WeakSet(); // a card that is moved down the list is added again
  const note = (node) => {
    if (had.has(node) || !node.matches?.("article.offer:not(.over)")) return;
    had.add(node);
    cards.push([Date.now() / 1000, node.querySelector("h3").textContent]);
  };
  new MutationObserver((seen) => { for (const one of seen) for (const node of one.addedNodes) note(node); })
    .observe(document.querySelector("#tab-offers"), { childList: true, subtree: true });
}"""
"""Has the phone note each card at the moment at which it is there to be seen."""


async def dot_of(page: Page, began_s: float) -> Dot | None:
    found = await page.evaluate(DOT, SUBJECT)
    return None if found is None else Dot(found[0] - began_s, *found[1:])


# --- how well it follows


@dataclass
class Judged:
    """The offers of a walk: in time for the zone just entered, later or again while still there, and elsewhere."""

    right: list[Offered] = field(default_factory=list)
    late: list[Offered] = field(default_factory=list)
    false: list[Offered] = field(default_factory=list)


def off_m(truth: Truth, at_s: float, x: float, y: float) -> float:
    true_x, true_y = truth.place(at_s)
    return float(np.hypot(x - true_x, y - true_y))


def accuracy(truth: Truth, said: Sequence[tuple[float, str]]) -> float:
    """The share of the walk's time in which the zone said was the true one; before the first word none was."""
    ends = [at_s for at_s, _ in said[1:]] + [truth.lasts_s]
    right_s = sum(
        max(0.0, min(until_s, stay.until_s) - max(at_s, stay.from_s))
        for (at_s, zone), until_s in zip(said, ends, strict=True)
        for stay in truth.stays
        if stay.zone == zone
    )
    return right_s / truth.lasts_s


def judge(truth: Truth, offers: Sequence[Offered]) -> Judged:
    """Each offer by where the walker truly was when it came. A second one for the same stay is not right."""
    judged, served = Judged(), set[Stay]()
    for offer in offers:
        stay = next((stay for stay in truth.stays if _is_of(stay, offer)), None)
        if stay is None:
            judged.false.append(offer)
        elif offer.at_s - stay.from_s > SOON_S or stay in served:
            judged.late.append(offer)
        else:
            served.add(stay)
            judged.right.append(offer)
    return judged


def _is_of(stay: Stay, offer: Offered) -> bool:
    return stay.zone == offer.zone and stay.from_s - EARLY_S <= offer.at_s < stay.until_s


def in_words(offers: Sequence[Offered]) -> str:
    return ", ".join(f"{one.zone} at {one.at_s:.1f} s" for one in offers) or "none"


# --- the walk


@contextlib.contextmanager
def store_on_ray(folder: Path, broker: Mosquitto) -> Iterator[str]:
    """A store with the books of the walk; whoever enters waits for Ray by `until`."""
    write_books([str(BIN / "endcap-sim"), "feed", str(WALK)], folder / "books")
    port = free_port()
    settings = folder / "store.toml"
    settings.write_text(
        f'[store]\nid = "{STORE}"\nname = "The floor of the walk"\nbooks = "books"\ndata = "var"\n'
        f"[http]\nport = {port}\n[mqtt]\nport = {broker.port}\n[cells]\nray = true\n"
    )
    url = f"http://127.0.0.1:{port}"
    argv = [str(BIN / "endcap-store"), "run", "--settings", str(settings)]
    with started(Process("store", argv, folder / "store.log", lambda: serves(url))):
        yield url


def on_ray(url: str) -> bool:
    return any(cell["place"] == "ray" for cell in get(f"{url}/api/v1/console")["cells"])


async def follow_walk(
    console: Page, truth: Truth, heard: Heard, walking: asyncio.subprocess.Process
) -> tuple[list[Dot], list[Frame]]:
    """Looks at the dot until the walk is over, and takes the strip's pictures on the way."""
    dots: list[Dot] = []
    frames: list[Frame] = []
    due = [stay.from_s + PICTURED_S for stay in truth.stays[1:]]
    while not heard.packets:
        assert walking.returncode is None
        await asyncio.sleep(0.01)
    began_s = heard.packets[0]
    is_followed = False
    while (now_s := time.time() - began_s) < truth.lasts_s:
        dot = await dot_of(console, began_s)
        if dot is not None:
            dots.append(dot)
        if dot is not None and not is_followed:
            await console.keyboard.press("f")
            is_followed = True
        if dot is not None and due and now_s >= due[0]:
            due.pop(0)
            png = await picture(console, truth.way(dot.at_s))
            view = heard.said[-1][1]
            far_m = off_m(truth, dot.at_s, dot.x, dot.y)
            frames.append(Frame(png, dot.at_s, truth.zone(dot.at_s), view.zone, view.p, far_m))
        await asyncio.sleep(max(0.0, began_s + now_s + LOOK_S - time.time()))
    return dots, frames


async def test_dot_and_offers_follow_a_real_walk_through_broker_ray_and_browser(
    mosquitto: Mosquitto, browser: Browser, tmp_path: Path
) -> None:
    truth = Truth(WALK)
    with store_on_ray(tmp_path, mosquitto) as url:
        await until("the floor is on Ray", lambda: on_ray(url), RAY_S)
        async with (
            look(browser, VIEW) as console,
            look(browser, (390, 844)) as phone,
            listening(mosquitto) as heard,
        ):
            await console.goto(url)
            await phone.goto(f"{url}/phone/{ACCOUNT}")
            await expect(console.locator("#top")).to_contain_text("on Ray")
            await expect(phone.locator("#tab-offers")).to_contain_text("No offers right now.")
            await phone.evaluate(WATCH)
            walking = await asyncio.create_subprocess_exec(
                *(str(BIN / "endcap-sim"), "feed", str(WALK), "--store", STORE),
                *("--port", str(mosquitto.port)),
                stdout=asyncio.subprocess.DEVNULL,
            )
            try:
                dots, frames = await follow_walk(console, truth, heard, walking)
                assert await asyncio.wait_for(walking.wait(), 30) == 0
            finally:
                if walking.returncode is None:
                    walking.kill()
                    await walking.wait()
            began_s = heard.packets[0]
            cards = [
                Offered(at_s - began_s, title.removeprefix("Goods of "))
                for at_s, title in await phone.evaluate("cards")
            ]
            assert on_ray(url)
        names = {zone: one["name"] for zone, one in get(f"{url}/api/v1/floor")["zones"].items()}
    strip = shots(tmp_path) / "walk-strip.png"
    await compose(browser, frames, names, strip)

    # The recording was played as it was walked, and looked at all the while.
    assert len(heard.packets) == len(truth.packets)
    played_s = heard.packets[-1] - began_s
    assert abs(played_s - truth.lasts_s) < DRIFT_S, f"{played_s:.1f} s instead of {truth.lasts_s:.1f}"
    assert len(dots) >= 0.8 * truth.lasts_s / LOOK_S
    assert dots[0].at_s <= FIRST_S

    # The dot, where the eye sees it, against the truth of that instant: its age and its step of a second are in it.
    far_m = np.array([off_m(truth, dot.at_s, dot.x, dot.y) for dot in dots])
    goal_m = np.array([off_m(truth, dot.at_s, dot.to_x, dot.to_y) for dot in dots])
    said = [(at - began_s, view.zone) for at, view in heard.said]
    right = accuracy(truth, said)
    offers = judge(truth, cards)
    print(
        f"\n{len(dots)} looks at the dot, {far_m.max():.2f} m off at most; "
        f"median {np.median(far_m):.2f}, p95 {np.percentile(far_m, 95):.2f} m; where it walks to "
        f"{np.median(goal_m):.2f}, {np.percentile(goal_m, 95):.2f} m\nzone right {right:.1%} of the time\n"
        f"offers right: {in_words(offers.right)}\nlate: {in_words(offers.late)}\nfalse: {in_words(offers.false)}\n"
        f"entered: {', '.join(f'{stay.zone} at {stay.from_s:.1f} s' for stay in truth.stays)}"
    )
    assert np.median(far_m) <= 2.0
    assert np.percentile(far_m, 95) <= 4.5
    assert right >= 0.8

    # Each zone had its offer, on the phone, while the walker was there.
    first, later = ([one for one in offers.false if (one.at_s < GUESS_S) == early] for early in (True, False))
    assert len(first) <= 1
    assert len(later) <= 1
    assert len(offers.late) <= 1
    assert len(offers.right) >= len(truth.stays) - 1
    announced = sorted(heard.offers.values())
    assert [zone for _, zone in announced] == [card.zone for card in cards]
    for (at, _), card in zip(announced, cards, strict=True):
        assert abs(at - began_s - card.at_s) < ON_PHONE_S

    assert len(frames) == len(truth.stays) - 1
    assert strip.stat().st_size <= BYTES_MAX
