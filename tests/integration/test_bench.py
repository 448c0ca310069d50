"""The bench runs: a real store on a real Mosquitto, measured from outside. What it finds is checked, not how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import program


@pytest.mark.timeout(300)
def test_the_path_is_measured_and_every_cause_is_answered(tmp_path: Path) -> None:
    program("mosquitto")
    figures = tmp_path / "path.json"
    command = [sys.executable, "-m", "sim.cli", "bench", "path", "--quick", "--no-ray"]
    command += ["--rate", "300", "--json", str(figures), "--folder", str(tmp_path / "bench")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    found = json.loads(figures.read_text())
    assert found["bench"] == "path"
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["fsync_us"]["p50"] > 0
    rows = {(row["system"], row["each_changes_a_zone"]): row for row in found["rows"]}
    assert {name for name, _ in rows} == {"broker echo", "bare asyncio loop", "endcap in process"}
    for every, changes in ((False, 0.2), (True, 1.0)):
        ours = rows["endcap in process", every]["runs"][0]
        for kind in ("screen", "phone"):
            assert ours[kind]["answered"] >= 0.99, ours
            assert 0 < ours[kind]["p50_ms"] <= ours[kind]["p99_ms"] <= ours[kind]["max_ms"]
        # A change is three turns: the shopper's, the account's and the sign's.
        assert ours["turns_per_s"] == pytest.approx(300 * changes * 3, rel=0.25)
        assert ours["decisions_per_s"] == pytest.approx(300 * changes, rel=0.25)
        assert rows["endcap in process", every]["p99_to_bare_loop"]["median"] > 0
    assert rows["broker echo", False]["runs"][0]["screen"]["exact"]
    raw = found["raw_sqlite"][0]
    assert raw["grouped_per_s"] > raw["single_per_s"] > 0
    assert "Sighting → screen and phone" in done.stdout


@pytest.mark.timeout(300)
def test_people_who_walk_are_answered_by_the_map_and_by_the_nearest_scanner(tmp_path: Path) -> None:
    program("mosquitto")
    figures = tmp_path / "walking.json"
    command = [sys.executable, "-m", "sim.cli", "bench", "walking", "--quick"]
    command += ["--json", str(figures), "--folder", str(tmp_path / "bench")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    rows = json.loads(figures.read_text())["rows"]
    assert [row["presence"] for row in rows] == ["nearest", "radio"]
    for row in rows:
        (run,) = row["runs"]
        assert run["shed"] == 0
        assert run["phone"]["count"] >= 5, run
        assert 0 < run["phone"]["p50_ms"] <= run["phone"]["p99_ms"] <= run["beacon"]["max_ms"]
        assert 0.3 < run["changes_per_s"] / run["moves_per_s"] < 3
        assert run["turns_per_s"] >= 2 * run["changes_per_s"]
        assert 0 < run["engine_core"] <= run["all_cores"]
    nearest, radio = (row["runs"][0] for row in rows)
    assert nearest["sent_per_s"] == pytest.approx(radio["sent_per_s"], rel=0.1)
    assert radio["engine_core"] > nearest["engine_core"]  # the map really was used
    assert "while people walk" in done.stdout
