"""The pages' files: everything from the store itself, nothing inline, two dark sets that agree, readable colours."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parent.parent.parent / "edge" / "web" / "pages"
FILES = sorted(path for path in PAGES.rglob("*") if path.suffix in {".html", ".css", ".js", ".webmanifest"})
TEXT_ON = [
    *(
        ("ink", on)
        for on in ("paper", "surface", "sunken", "raised", "occ-4", "accent-soft", "money-soft", "heat-3")
    ),
    *(("ink-2", on) for on in ("paper", "surface", "sunken", "raised", "accent-soft", "money-soft", "occ-2")),
    *(("ink-3", on) for on in ("paper", "surface")),
    *((name, f"{name}-soft") for name in ("accent", "money", "stock", "out", "link", "cut")),
    *((name, "surface") for name in ("accent", "money", "stock", "out", "link", "cut")),
    ("accent-ink", "accent"),
    ("money-ink", "money"),
    ("pass-ink", "pass"),
]
MARKS_ON = [
    ("control", "surface"),
    ("plan-fill", "plan-shelf"),
    ("stock-mark", "stock-soft"),
    ("accent", "occ-3"),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_page_loads_nothing_from_elsewhere_and_has_nothing_inline(path: Path) -> None:
    text = path.read_text()
    foreign = [
        url for url in re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"')]*", text) if "www.w3.org" not in url
    ]
    assert foreign == []
    if path.suffix == ".html":
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
        assert 'lang="en"' in text
        assert "viewport" in text


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".js"], ids=lambda path: path.name)
def test_every_import_of_a_script_is_a_file_that_is_there(path: Path) -> None:
    for name in re.findall(r'from "(\.[^"]+)"', path.read_text()):
        assert (path.parent / name).resolve().is_file(), name


def _sets(text: str) -> dict[str, dict[str, str]]:
    """The custom properties of the light rule, and of the two dark ones."""
    light, _, rest = text.partition("@media (prefers-color-scheme: dark)")
    system, _, asked = rest.partition(':root[data-theme="dark"]')
    parts = {"light": light, "dark": system, "asked": asked}
    return {name: dict(re.findall(r"--([\w-]+): (#[0-9A-Fa-f]{6})", part)) for name, part in parts.items()}


def test_the_dark_of_the_system_and_the_dark_that_was_asked_for_are_one() -> None:
    sets = _sets((PAGES / "tokens.css").read_text())
    assert sets["dark"] == sets["asked"]
    assert set(sets["dark"]) == set(sets["light"])
    assert len(sets["dark"]) > 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_on_every_surface_and_marks_can_be_seen(scheme: str) -> None:
    colours = _sets((PAGES / "tokens.css").read_text())[scheme]
    low = [(ink, on, round(_contrast(colours[ink], colours[on]), 2)) for ink, on in TEXT_ON]
    assert [one for one in low if one[2] < 4.5] == []
    marks = [(ink, on, round(_contrast(colours[ink], colours[on]), 2)) for ink, on in MARKS_ON]
    assert [one for one in marks if one[2] < 2.9] == []


def _themes(text: str, before: str) -> dict[str, dict[str, str]]:
    found = re.findall(rf"^\s*{re.escape(before)}\.theme(\.\w+)? {{([^}}]+)}}", text, re.MULTILINE)
    plain = dict(re.findall(r"--(\w+): (#\w+)", found[0][1]))
    return {name or "plain": {**plain, **dict(re.findall(r"--(\w+): (#\w+)", body))} for name, body in found}


def test_each_theme_of_a_screen_is_readable_in_light_and_dark_and_the_two_darks_are_one() -> None:
    text = (PAGES / "themes.css").read_text()
    light = _themes(text, "")
    system = _themes(text, ':root:not([data-theme="light"]) ')
    asked = _themes(text, ':root[data-theme="dark"] ')
    assert system == asked
    assert set(light) == set(system)
    for themes in (light, system):
        for name, colours in themes.items():
            for ink, on in (("fg", "bg"), ("fg", "bg2"), ("fg2", "bg"), ("tagfg", "tag")):
                assert _contrast(colours[ink], colours[on]) >= 4.5, (name, ink, on)


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
