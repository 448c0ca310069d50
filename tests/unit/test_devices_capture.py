"""The real ESPresense recording, whole: each message is a sighting of the one device that lay at rest."""

import json
from collections import Counter
from pathlib import Path

import pytest

from protocols import devices
from protocols.devices import Sighting

CAPTURE = (
    Path(__file__).resolve().parents[3] / "shared/data/espresense_capture/stationary_x7_y14.75_z1.25.jsonp"
)


@pytest.mark.skipif(not CAPTURE.exists(), reason="the recordings are not on this machine")
def test_every_message_of_the_recording_is_a_sighting() -> None:
    heard: Counter[str] = Counter()
    for line in CAPTURE.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        [seen] = devices.read(message["topic"], json.dumps(message["payload"]).encode(), 1_790_000_000_000)
        assert isinstance(seen, Sighting)
        assert (seen.device, seen.rssi_dbm) == (message["payload"]["id"], message["payload"]["rssi"])
        assert (seen.distance_m, seen.ref_dbm) == (
            message["payload"]["distance"],
            message["payload"]["rssi@1m"],
        )
        heard[seen.scanner] += 1
    assert sum(heard.values()) == 1693
    assert len(heard) == 10
    assert heard["office_alt"] == 175
