"""The rules of tests/conftest.py hold: tried on small test files in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def pytest_on(tmp_path: Path, folder: str, source: str, **env: str) -> str:
    """Runs one test file as if it stood in tests/<folder>, and gives back what pytest said."""
    tests = tmp_path / "tests"
    (tests / folder).mkdir(parents=True)
    (tests / "servers").symlink_to(ROOT / "tests" / "servers")
    (tests / "__init__.py").touch()
    (tests / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tests / folder / "test_small.py").write_text(source)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, **env},
        capture_output=True,
        text=True,
    )
    return done.stdout


MISSING = """
from tests.servers.process import program

def test_needs_a_server():
    program("endcap-no-such-server")
"""


def test_a_missing_server_is_a_visible_skip(tmp_path: Path) -> None:
    said = pytest_on(tmp_path, "integration", MISSING)
    assert "1 skipped" in said
    assert "server not available: endcap-no-such-server" in said


def test_a_missing_server_is_a_failure_in_ci(tmp_path: Path) -> None:
    said = pytest_on(tmp_path, "integration", MISSING, CI="true")
    assert "1 failed" in said
    assert "server not available: endcap-no-such-server" in said


def test_another_skip_stays_a_skip_in_ci(tmp_path: Path) -> None:
    said = pytest_on(
        tmp_path, "integration", "import pytest\ndef test_later(): pytest.skip('later')", CI="true"
    )
    assert "1 skipped" in said


SOCKETS = """
import asyncio, socket, urllib.request
import pytest

def test_connect():
    with pytest.raises(RuntimeError, match="may not touch the network"):
        socket.create_connection(("127.0.0.1", 9))

def test_listen():
    with socket.socket() as one, pytest.raises(RuntimeError, match="may not touch the network"):
        one.bind(("127.0.0.1", 0))

def test_ray():
    with pytest.raises(RuntimeError, match="may not import Ray"):
        import ray

def test_a_loop_of_its_own_is_fine():
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"
"""


def test_a_unit_test_reaches_no_network_and_no_ray(tmp_path: Path) -> None:
    assert "4 passed" in pytest_on(tmp_path, "unit", SOCKETS)


def test_other_tests_may_open_sockets(tmp_path: Path) -> None:
    source = "import socket\ndef test_listen():\n    with socket.socket() as one: one.bind(('127.0.0.1', 0))"
    assert "1 passed" in pytest_on(tmp_path, "integration", source)


def test_a_test_that_hangs_is_ended(tmp_path: Path) -> None:
    source = "import time, pytest\n@pytest.mark.timeout(0.2)\ndef test_hangs(): time.sleep(30)"
    said = pytest_on(tmp_path, "unit", source)
    assert "1 failed" in said
    assert "Timeout" in said
