"""json-rules-engine as a peer for decisions: the same conditions as JSON rules, over the same baskets."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from sim.bench.peers.nodered import HERE, INSTALL_S, NODE
from sim.bench.rig import Missing
from sim.processes import program

PACKAGE = "json-rules-engine"
TIERS = ("base", "bronze", "silver", "gold", "platinum")


def total_wanted(number: int) -> int:
    """Minor units that campaign `number` wants in the basket."""
    return 4_000 + 200 * (number % 40)


def items_wanted(number: int) -> int:
    """Pieces that it wants."""
    return 40 + number % 30


def tier_wanted(number: int) -> str:
    """The tier that it wants at least."""
    return ("base", "silver", "gold")[number % 3]


def documents(count: int, categories: int) -> list[dict[str, Any]]:
    """The campaigns as json-rules-engine takes them."""
    return [
        {
            "name": f"Campaign {number}",
            "conditions": {
                "all": [
                    {"fact": "basket_total_minor", "operator": "greaterThanInclusive", "value": total_wanted(number)},
                    {"fact": "basket_items", "operator": "greaterThanInclusive", "value": items_wanted(number)},
                    {"fact": "basket_categories", "operator": "contains", "value": f"category-{number % categories}"},
                    {"fact": "tier_rank", "operator": "greaterThanInclusive",
                     "value": TIERS.index(tier_wanted(number))},
                ]
            },
            "event": {"type": "points", "params": {"points": 10 + number}},
        }
        for number in range(count)
    ]  # fmt: skip


def install(cache: Path) -> tuple[Path, Path, Path]:
    """The script, a Node.js and the folder to run it in. Installs the package once. Raises Missing."""
    folder = (cache / PACKAGE).resolve()
    node = folder / "node_modules" / "node" / "bin" / "node"
    if not (folder / "node_modules" / PACKAGE).exists() or not node.exists():
        npm = program("npm")
        if npm is None:
            raise Missing("npm is not installed, so json-rules-engine is left out")
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", f"{PACKAGE}@latest", NODE]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=INSTALL_S)
        except (subprocess.SubprocessError, OSError) as error:
            raise Missing(f"npm could not install {PACKAGE}, so it is left out: {error}") from None
    script = folder / "rules.cjs"
    shutil.copy(HERE / "rules.js", script)
    return script, node, folder
