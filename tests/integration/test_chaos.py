"""A short chaos run with real processes and real signals: nothing lost, doubled, unequal or stuck."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sim.processes import program
from sim.servers import NotInstalled, kafka_command
from tests.servers.process import absent

ROOT = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 150


def _chaos(*arguments: str) -> dict[str, Any]:
    if program("mosquitto") is None:
        absent("mosquitto")
    try:
        kafka_command()
    except NotInstalled:
        absent("kafka")
    with subprocess.Popen(
        [sys.executable, "-m", "sim.cli", "chaos", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as chaos:
        try:
            out, err = chaos.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            chaos.terminate()  # politely: it stops what it started
            _, err = chaos.communicate(timeout=20)
            pytest.fail(f"no result within {WITHIN_S} s: {err[-4_000:]}")
    assert chaos.returncode in (0, 1), err[-4_000:]
    result: dict[str, Any] = json.loads(out)
    assert chaos.returncode == (0 if result["good"] else 1)
    return result


def _assert_nothing_was_lost(result: dict[str, Any]) -> None:
    assert result["wrong"] == []
    assert result["sent"] > 50
    assert result["sent"] == result["acknowledged"] == result["in_store"] == result["in_cloud"]
    assert result["turns"] == result["replayed"] > 0
    assert result["records"] > result["sent"]
    assert not Path(result["folder"]).exists(), "a good run leaves nothing behind"


@pytest.mark.timeout(180)
def test_killed_and_stopped_services_lose_no_sale_and_double_none() -> None:
    result = _chaos("--kills", "8", "--no-ray", "--seed", "2")
    _assert_nothing_was_lost(result)
    assert sum(result["kills"].values()) + sum(result["stops"].values()) == 8
    assert set(result["kills"]) == {"engine", "broker", "kafka", "cloud"}
    assert 1 <= len(result["serving_s"]) <= result["kills"]["engine"]
    assert max(result["serving_s"]) <= result["longest_outage_s"] + 0.01


@pytest.mark.timeout(180)
def test_killed_cells_and_a_killed_ray_lose_no_sale_and_double_none() -> None:
    result = _chaos("--kills", "6", "--seed", "3")
    _assert_nothing_was_lost(result)
    assert result["with_ray"] is True
    assert sum(result["kills"].values()) + sum(result["stops"].values()) == 6
    assert {"cell", "gcs", "raylet", "ray child"} & set(result["kills"])
