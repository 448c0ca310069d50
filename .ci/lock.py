"""Writes requirements.lock: every package pinned and hashed, in sections that build on one another.

The sections are read by name (see `lock_section` in the Makefile): `build` makes the wheel, `store` runs it,
`demo` adds the demo's own servers, `dev` adds what tests and lint need. The sections are cuts of one
resolution, so a developer, a store and an image run the same versions. No index and no address is written.
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


def resolve(uv: str, requirements: list[str], constraints: str) -> dict[str, str]:
    """Name and marker -> the locked lines of one requirement, for all platforms and Pythons we support."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, within = Path(folder, "in.txt"), Path(folder, "within.txt")
        wanted.write_text("\n".join(requirements))
        within.write_text(constraints)
        done = subprocess.run(
            [uv, "pip", "compile", str(wanted), "--constraints", str(within), *OPTIONS.split()],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    entries = re.findall(r"^\S.*(?:\n\s+--hash=.*)*", done.stdout, flags=re.MULTILINE)
    return {entry.split("\\")[0].strip(): entry for entry in entries}


def main() -> None:
    """Resolve everything once, then cut the smaller sections out of it."""
    uv = sys.argv[1]
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = pyproject["project"]["optional-dependencies"]
    build = pyproject["build-system"]["requires"]
    store = pyproject["project"]["dependencies"]
    demo = store + extras["demo"]
    dev = demo + build + [one for one in extras["dev"] if not one.startswith("endcap[")]

    everything = resolve(uv, dev, "")
    within = "\n".join(key for key in everything)
    cuts = {
        "build": resolve(uv, build, within),
        "store": resolve(uv, store, within),
        "demo": resolve(uv, demo, within),
        "dev": everything,
    }
    text, known = HEADER, set[str]()
    for name, cut in cuts.items():
        strangers = sorted(cut.keys() - everything.keys())
        assert not strangers, f"section {name} is no cut of the whole: {strangers}"
        text += f"\n# --- {name}\n" + "".join(f"{cut[key]}\n" for key in sorted(cut.keys() - known))
        if name != "build":
            known |= cut.keys()
    assert "://" not in text, "the lock names an address"
    LOCK.write_text(text)
    print(f"{LOCK.name}: " + ", ".join(f"{name} {len(cut)}" for name, cut in cuts.items()))


if __name__ == "__main__":
    main()
