"""Writes and reads requirements.lock: every package pinned and hashed, in sections that build on one another.

`build` makes the wheel, `store` runs it, `demo` adds the demo's own servers, `dev` adds what tests and lint
need. The sections are cuts of one resolution, so a developer, a store and an image run the same versions.
No index and no address is written.

    python .ci/lock.py write UV            resolve again, by this uv
    python .ci/lock.py print build store   those sections, for `pip install --require-hashes --no-deps -r`
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
OPTIONS = (
    "--quiet --universal --python-version 3.11 --generate-hashes"
    " --no-emit-index-url --no-emit-find-links --no-header --no-annotate"
)
HEADER = """\
# Every package, pinned and hashed. Each section holds what it needs beyond the one above it;
# `build` stands alone. Written by `make lock`; do not edit.
"""
Entries = dict[str, str]  # a requirement with its marker -> its lines in the lock


def write(uv: str) -> None:
    """Resolves everything once, then cuts the smaller sections out of it."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = pyproject["project"]["optional-dependencies"]
    build = pyproject["build-system"]["requires"]
    store = pyproject["project"]["dependencies"]
    demo = store + extras["demo"]
    dev = demo + build + [one for one in extras["dev"] if not one.startswith("endcap[")]

    everything = _resolve(uv, dev, within={})
    cuts = {
        "build": _resolve(uv, build, everything),
        "store": _resolve(uv, store, everything),
        "demo": _resolve(uv, demo, everything),
        "dev": everything,
    }
    # The whole's marker is the widest: what one section needs somewhere, another may need everywhere.
    widest = {_pinned(key): entry for key, entry in everything.items()}
    text, known = HEADER, set[str]()
    for name, cut in cuts.items():
        pinned = {_pinned(key) for key in cut}
        assert pinned <= widest.keys(), f"section {name} is no cut of the whole: {pinned - widest.keys()}"
        text += f"\n# --- {name}\n" + "".join(f"{widest[key]}\n" for key in sorted(pinned - known))
        if name != "build":
            known |= pinned
    assert "://" not in text, "the lock names an address"
    LOCK.write_text(text)
    print(f"{LOCK.name}: " + ", ".join(f"{name} {len(cut)}" for name, cut in cuts.items()))


def read(names: list[str]) -> Entries:
    """The entries of these sections together, each once."""
    sections = dict(
        re.findall(r"^# --- (\w+)\n(.*?)(?=^# ---|\Z)", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    )
    found: Entries = {}
    for name in names:
        found |= _entries(sections[name])
    return found


def _resolve(uv: str, requirements: list[str], within: Entries) -> Entries:
    """What these requirements need on every platform and Python we support, in the versions of `within`."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, constraints = Path(folder, "in.txt"), Path(folder, "within.txt")
        wanted.write_text("\n".join(requirements))
        constraints.write_text("\n".join(within))
        done = subprocess.run(
            [uv, "pip", "compile", str(wanted), "--constraints", str(constraints), *OPTIONS.split()],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return _entries(done.stdout)


def _pinned(requirement: str) -> str:
    """Name and version, without the marker."""
    return requirement.partition(";")[0].strip()


def _entries(text: str) -> Entries:
    found = re.findall(r"^[^\s#].*(?:\n\s+--hash=.*)*", text, re.MULTILINE)
    return {entry.split("\\")[0].strip(): entry for entry in found}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", uv]:
            write(uv)
        case ["print", *names] if names:
            print("\n".join(read(names).values()))
        case _:
            sys.exit(__doc__)
