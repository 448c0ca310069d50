"""The strip of a walk: the console's plan at some instants, with the truth drawn over it, as one picture.

Cross and thin line for the truth are drawn here, and the name tag is hidden, as the cross would lie on it. Everything
else is the console as it was.
"""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page

TRUTH = "#6E4A1E"
"""Umber: nothing on the plan has it, and it is neither people nor money nor goods nor a line."""

WIDTH = 1740
COLUMNS = 3
BYTES_MAX = 600_000
"""A picture for the documents; a larger one belongs elsewhere."""

VIEW = (1440, 812)
"""A window in which the plan of the walks is as wide as one picture of the strip: nothing is scaled."""


@dataclass(frozen=True)
class Frame:
    """One picture: seconds into the walk, what was true, what the store said, how far the dot was from the truth."""

    png: bytes
    at_s: float
    true_zone: str
    said_zone: str
    p: int
    off_m: float


_DRAW = """([way, colour]) => {
  const plan = document.querySelector("svg.plan");
  const layer = plan.appendChild(document.createElementNS(plan.namespaceURI, "g"));
  const at = way.map(([x, y]) => `${x * 30} ${y * 30}`), [x, y] = way.at(-1).map((metres) => metres * 30);
  const line = (d, width, stroke) =>
    `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linejoin="round"/>`;
  const cross = `M${x - 8} ${y - 8}L${x + 8} ${y + 8}M${x - 8} ${y + 8}L${x + 8} ${y - 8}`;
  layer.id = "truth";
  layer.innerHTML = line(`M${at.join("L")}`, 1.6, colour) + line(cross, 6, "#fff") + line(cross, 3, colour);
  plan.querySelector(".tag").style.visibility = "hidden";
  const ground = plan.querySelector(".ground").getBoundingClientRect();
  return [ground.x, ground.y, ground.width, ground.height];
}"""

_UNDRAW = """() => {
  document.querySelector("#truth").remove();
  document.querySelector(".plan .tag").style.visibility = "";
}"""


async def picture(page: Page, way: Sequence[tuple[float, float]]) -> bytes:
    """The plan as it is now, with the true way until now over it; the page is as it was afterwards."""
    x, y, width, height = await page.evaluate(_DRAW, [[list(at) for at in way], TRUTH])
    clip = {"x": x - 4, "y": y - 4, "width": width + 8, "height": height + 8}
    taken = await page.screenshot(clip=clip)  # type: ignore[arg-type]
    await page.evaluate(_UNDRAW)
    return taken


async def compose(browser: Browser, frames: Sequence[Frame], names: dict[str, str], to: Path) -> None:
    """Writes the strip, laid out by the browser."""
    tokens = (Path(__file__).parents[2] / "edge/web/pages/tokens.css").read_text()
    page = await browser.new_page(viewport={"width": WIDTH, "height": 600}, color_scheme="light")
    figures = "".join(_figure(frame, names) for frame in frames)
    await page.set_content(f"<style>{tokens}{_STYLE}</style><main>{figures}</main>{_LEGEND}")
    await page.screenshot(path=to, full_page=True)
    await page.close()


def _figure(frame: Frame, names: dict[str, str]) -> str:
    picture_url = "data:image/png;base64," + base64.b64encode(frame.png).decode()
    right = frame.said_zone == frame.true_zone
    said = names.get(frame.said_zone, "zone unknown")
    says = f"Endcap says {'the same' if right else said}, {frame.p}\u00a0%"
    return (
        f'<figure><img src="{picture_url}" alt=""><figcaption><b>{frame.at_s:.1f} s</b>'
        f"<span>in {html.escape(names[frame.true_zone])}<br>{html.escape(says)}</span>"
        f"<em>{frame.off_m:.1f} m off</em></figcaption></figure>"
    )


_STYLE = f"""
body {{ margin: 0; padding: 18px; background: var(--paper); color: var(--ink); font: 20px/1.35 var(--font); }}
main {{ display: grid; grid-template-columns: repeat({COLUMNS}, 1fr); gap: 18px; }}
figure {{ margin: 0; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }}
img {{ display: block; width: 100%; border-radius: 11px 11px 0 0; border-bottom: 1px solid var(--line); }}
figcaption {{ display: flex; gap: 12px; padding: 12px 16px 14px; align-items: baseline; }}
b, em {{ font-style: normal; font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap; }}
b {{ min-width: 3.2em; }}
span {{ flex: 1; color: var(--ink-2); }}
footer {{ display: flex; gap: 40px; padding: 18px 4px 0; color: var(--ink-2); }}
footer div {{ display: flex; gap: 10px; align-items: center; }}
path {{ fill: none; stroke: {TRUTH}; }}
.cross {{ stroke-width: 3.4; }}
.way {{ stroke: var(--accent); stroke-width: 2.4; stroke-dasharray: 1 6; stroke-linecap: round; }}
.halo {{ fill: var(--accent); opacity: .16; }}
.dot {{ fill: var(--accent); stroke: #fff; stroke-width: 2.5; }}
"""

_LEGEND = """<footer>
<div><svg width="46" height="22"><path d="M1 11H45"/><path class="cross" d="M16 4L30 18M16 18L30 4"/></svg>
where the beacon was carried, and is</div>
<div><svg width="46" height="34"><circle class="halo" cx="23" cy="17" r="17"/>
<circle class="dot" cx="23" cy="17" r="8"/></svg>
where the console shows it, and its doubt</div>
<div><svg width="46" height="22"><path class="way" d="M3 11H45"/></svg>its way on the console</div>
</footer>"""
