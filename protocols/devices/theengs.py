"""Theengs Gateway: the topics of OpenMQTTGateway under its own name, or a tree `theengs/` of the user's.

home/TheengsGateway/BTtoMQTT/<address>   the object of `protocols.devices.bluetooth`
home/TheengsGateway/LWT                  `online`, or by last will `offline`; retained
theengs/<gateway>/BTtoMQTT/<address>     where `--pub_topic theengs/<gateway>/BTtoMQTT` was given, so
theengs/<gateway>/LWT                    that each gateway of a shop has its own name
"""

from __future__ import annotations

from protocols.devices import bluetooth
from protocols.devices.readings import Reading, ScannerSeen, online, scanner_id
from protocols.errors import Nonsense

SUBSCRIPTIONS = ("home/+/BTtoMQTT/+", "home/+/LWT", "theengs/+/BTtoMQTT/+", "theengs/+/LWT")


def read(topic: str, payload: bytes, at_ms: int) -> tuple[Reading, ...]:
    """Readings of one Theengs Gateway message, or Nonsense."""
    match topic.split("/"):
        case ["home" | "theengs", gateway, "BTtoMQTT", last]:
            return bluetooth.sighting(gateway, last, payload, at_ms)
        case ["home" | "theengs", gateway, "LWT"]:
            return (ScannerSeen(scanner_id(gateway), at_ms, online(payload)),)
    raise Nonsense("no Theengs Gateway topic")
