"""A small site of our own for presence tests: four gateways in a hall, a survey by path loss, and walks in files."""

from __future__ import annotations

from math import hypot, log10
from pathlib import Path

from sim.presence.grids import Floor
from sim.presence.walks import Place

FLOOR = Floor(12.0, 8.0)
GATEWAYS = {
    "nw": ("0000000000a1", Place(0.5, 0.5, 2.5)),
    "ne": ("0000000000a2", Place(11.5, 0.5, 2.5)),
    "sw": ("0000000000a3", Place(0.5, 7.5, 2.5)),
    "se": ("0000000000a4", Place(11.5, 7.5, 2.5)),
}
PLACES = {name: place for name, (_, place) in GATEWAYS.items()}
BEACON = "c0ffee000001"
BEGAN_S = 1_600_000_000.0
CARRIED_M = 1.2
GAP_S = 0.45


def level(place: Place, x: float, y: float, z: float = CARRIED_M) -> float:
    """-58 dBm at a metre, n of 2.2: the only law here."""
    return -58.0 - 22.0 * log10(max(0.5, hypot(hypot(place.x - x, place.y - y), place.z - z)))


def line(at_s: float, gateway: str, dbm: int, x: float, y: float) -> str:
    """One packet as a walk has it; a gateway by name, or any address."""
    address = GATEWAYS[gateway][0] if gateway in GATEWAYS else gateway
    return f"{BEGAN_S + at_s:.6f},{address},{BEACON},{dbm},{x:.3f},{y:.3f},{CARRIED_M}\n"


def walk_lines(bursts: int, speed_ms: float = 0.5) -> list[str]:
    """Along the middle of the hall from left to right; readings wobble by up to 3 dB in a fixed way."""
    lines = []
    for burst in range(bursts):
        x = min(1.0 + burst * GAP_S * speed_ms, 11.0)
        for number, name in enumerate(GATEWAYS):
            wobble = (burst * 7 + number * 5) % 7 - 3
            dbm = round(level(PLACES[name], x, 4.0)) + wobble
            lines.append(line(burst * GAP_S + number * 0.002, name, dbm, x, 4.0))
    return lines


def gateways_text() -> str:
    """The file of gateways."""
    rows = ", ".join(
        f'"{address}": [[{at.x}, {at.y}, {at.z}], 255, "{name}"]' for name, (address, at) in GATEWAYS.items()
    )
    return f"Dongles:{{{rows}}}\nBeacons:{{}}\n"


def survey_text() -> str:
    """A point every 2 m, 40 readings of each gateway spread over 5 dB."""
    rows = ["sensor,x,y,z,rssi,count"]
    for x in range(1, 12, 2):
        for y in range(1, 8, 2):
            for name, place in PLACES.items():
                at = round(level(place, x, y))
                rows += [f"{name},{x},{y},{CARRIED_M},{at + off},{8}" for off in range(-2, 3)]
    return "\n".join(rows) + "\n"


def write_site(folder: Path, lines: list[str], name: str = "walk.mbd") -> list[str]:
    """Writes the files, and gives the options that name them."""
    (folder / "gateways.txt").write_text(gateways_text())
    (folder / "survey.csv").write_text(survey_text())
    (folder / name).write_text("".join(lines))
    return [
        *("--gateways", str(folder / "gateways.txt")),
        *("--survey", str(folder / "survey.csv")),
        *("--walk", str(folder / name)),
        *("--floor", f"{FLOOR.width_m:g}x{FLOOR.height_m:g}"),
        *("--grid", "3x2"),
    ]
