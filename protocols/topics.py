"""Every name on MQTT and Kafka.

In: `espresense/…`, `home/+/BTtoMQTT/…`, `raddec/…`, `/gw/…`, `spBv1.0/…` and more (see protocols.devices), and our own
under `endcap/v1/<store>/in/…`. Out: everything else under `endcap/v1/<store>/`, and for those that know nothing of us
`espresense/companion/…`, Home Assistant's discovery and Sparkplug's `spBv1.0/STATE/…`.
"""

from __future__ import annotations

ROOT = "endcap/v1"


def screen(store: str, sign: str) -> str:
    """What a screen shows now: retained JSON `ScreenCommand`."""
    return f"{ROOT}/{store}/screen/{sign}/show"


def phone(store: str, account: str) -> str:
    """What an account's phone shows now: retained JSON `Wallet`."""
    return f"{ROOT}/{store}/phone/{account}/wallet"


def presence(store: str, subject: str) -> str:
    """Where a subject is: retained JSON `PresenceView`."""
    return f"{ROOT}/{store}/presence/{subject}"


def occupancy(store: str, zone: str) -> str:
    """How many people a zone holds: retained JSON `OccupancyView`."""
    return f"{ROOT}/{store}/occupancy/{zone}"


def zone_event(store: str, zone: str) -> str:
    """Whoever enters or leaves a zone: JSON `ZoneEvent`, one each, not retained."""
    return f"{ROOT}/{store}/zone/{zone}"


def scanner(store: str, scanner: str) -> str:
    """How a gateway is: retained JSON `ScannerView`."""
    return f"{ROOT}/{store}/scanner/{scanner}"


def engine_state(store: str) -> str:
    """`online` or, by the broker's last will, `offline`. Retained."""
    return f"{ROOT}/{store}/engine"


def sparkplug_state(host: str) -> str:
    """Whether a Sparkplug host is there: retained JSON `{"online": true, "timestamp": <ms UTC>}`."""
    return f"spBv1.0/STATE/{host}"


def till_request(store: str, till: str) -> str:
    """Where a till without HTTP asks; the answer goes to its MQTT 5 response topic, or to `till_reply`."""
    return f"{ROOT}/{store}/in/till/{till}/sale"


def till_reply(store: str, till: str) -> str:
    """Where a till that named no response topic hears its verdicts."""
    return f"{ROOT}/{store}/till/{till}/reply"


def shelf_weight(store: str, shelf: str) -> str:
    """A scale's reading in grams, for scales that speak our own form: JSON `{"grams": 1234}`."""
    return f"{ROOT}/{store}/in/shelf/{shelf}/weight"


def demo_walk(store: str, subject: str) -> str:
    """Demo only: a visitor leads a shopper to a point, JSON `{"x": 3.5, "y": 2.0}`; the world hears it."""
    return f"{ROOT}/{store}/demo/walk/{subject}"


def demo_take(store: str, shelf: str) -> str:
    """Demo only: a visitor takes goods from a shelf, JSON `{"pieces": 1}`; the world hears it."""
    return f"{ROOT}/{store}/demo/take/{shelf}"


def companion(device: str) -> str:
    """Which room a device is in, as ESPresense Companion says it: plain text, `not_home` for none. Retained."""
    return f"espresense/companion/{device}"


def companion_attributes(device: str) -> str:
    """Where a device is, as ESPresense Companion says it: retained JSON `CompanionView`."""
    return f"espresense/companion/{device}/attributes"


def discovery(prefix: str, node: str, thing: str) -> str:
    """What Home Assistant makes a device of: retained JSON of its device-based MQTT discovery."""
    return f"{prefix}/device/{node}/{thing}/config"


UP_MONEY = "endcap.up.money.v1"
UP_TELEMETRY = "endcap.up.telemetry.v1"
PARKED = "endcap.parked.v1"
UP = {"money": UP_MONEY, "telemetry": UP_TELEMETRY}


def down(store: str) -> str:
    """The mailbox topic of one store."""
    return f"endcap.down.{store}"
