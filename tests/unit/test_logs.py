"""Log lines: an exception is told with its trace and none of the values that stood around it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SECRET = "ec0234a357c8ad05341010a60a397d9b"
THROWS = """
import logging, sys, structlog
from edge.logs import set_up_logs
set_up_logs("info", json={json})

def resolve(irk, device="AA:BB:CC:DD:EE:01"):
    kept = bytes.fromhex(irk)
    raise ValueError("the resolver broke")

try:
    resolve(sys.argv[1])
except ValueError as error:
    structlog.get_logger().error("threw", exc_info=error)
    logging.getLogger("library").exception("a library threw")
"""


@pytest.mark.parametrize("json", [True, False])
def test_a_trace_holds_no_value_of_a_variable(json: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", THROWS.format(json=json), SECRET], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the resolver broke") == 2
    assert "in resolve" in done.stderr
    for value in (SECRET, "AA:BB", repr(bytes.fromhex(SECRET))):
        assert value not in done.stderr
