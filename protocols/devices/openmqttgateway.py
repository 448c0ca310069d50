"""OpenMQTTGateway: `home/<gateway>/BTtoMQTT/<address>`, its last will, and its own state.

home/<gateway>/BTtoMQTT/<address>   the object of `protocols.devices.bluetooth`; the last level may be a word
home/<gateway>/LWT                  `online`, or by last will `offline`; retained
home/<gateway>/SYStoMQTT            {"uptime","version","freemem","rssi", …}
"""

from __future__ import annotations

import msgspec

from protocols.codec import JsonDecoder
from protocols.devices import bluetooth
from protocols.devices.readings import (
    MESSAGE_BYTES_MAX,
    Count,
    Reading,
    Rssi,
    ScannerSeen,
    Text,
    online,
    scanner_id,
)
from protocols.errors import Nonsense

SUBSCRIPTIONS = ("home/+/BTtoMQTT/+", "home/+/LWT", "home/+/SYStoMQTT")


class _State(msgspec.Struct):
    uptime: Count | None = None
    rssi: Rssi | None = None
    freemem: Count | None = None
    version: Text = ""


_state = JsonDecoder[_State](_State, MESSAGE_BYTES_MAX)


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """Readings of one OpenMQTTGateway message, or Nonsense."""
    match topic.split("/"):
        case ["home", gateway, "BTtoMQTT", last]:
            return bluetooth.sighting(gateway, last, payload, at_ms)
        case ["home", gateway, "LWT"]:
            return (ScannerSeen(scanner_id(gateway), at_ms, online(payload)),)
        case ["home", gateway, "SYStoMQTT"]:
            told = _state(payload)
            return (
                ScannerSeen(
                    scanner=scanner_id(gateway),
                    at_ms=at_ms,
                    uptime_s=told.uptime,
                    wifi_dbm=told.rssi,
                    free_bytes=told.freemem,
                    firmware=told.version,
                ),
            )
    raise Nonsense("no OpenMQTTGateway topic")
