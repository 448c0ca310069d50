"""Settings: one TOML file and the environment, every one with a default, printed at start without secrets.

`ENDCAP_HTTP_PORT=9000` overrides `port` in `[http]`: section and name, upper case. No other module reads the
environment or the file.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from protocols.errors import Nonsense
from protocols.ids import is_safe_id


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[store]`: who we are, and where our files are."""

    id: str = "014"
    name: str = "Harbour Street"
    books: str = "."  # folder with floor.yaml, products.yaml, campaigns.yaml, members.yaml
    data: str = "var"  # folder of the store database
    timezone: str = "Europe/Dublin"
    closing_hour: Annotated[int, msgspec.Meta(ge=0, le=23)] = 4  # the business day ends at this local hour


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[http]`: pages and the till API. Loopback unless told otherwise."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    demo: bool = False  # opens the doors that only a demo has: the WAN switch, killing Ray
    edit: bool | None = None  # whether the console may change the floor; unset: only while host is loopback

    @property
    def may_edit(self) -> bool:
        """The API has no roles, so beyond loopback whoever reaches it could change the floor: not unless told to."""
        return is_loopback(self.host) if self.edit is None else self.edit


class MqttSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[mqtt]`: the store's broker."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    version: Annotated[int, msgspec.Meta(ge=4, le=5)] = (
        5  # 4 is MQTT 3.1.1, for brokers that speak nothing newer
    )
    username: str = ""
    password_file: str = ""
    sparkplug_host: str = ""  # the host id that edge nodes may wait for; empty: no STATE


class KafkaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[kafka]`: the line to head office. Empty `bootstrap`: this store stands alone."""

    bootstrap: str = ""
    key_file: str = ""  # the store's chain key; made beside the database when empty


class PublishSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[publish]`: what dashboards on the store's broker find without being configured."""

    home_assistant: bool = True  # by discovery: zones, gateways, the store; people if `companion` is on
    discovery_prefix: str = "homeassistant"
    companion: bool = True  # people in ESPresense Companion's shape: tags, and members who allow `location`


class CellSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[cells]`: where entities live. With `ray` off, everything runs in the engine's process."""

    ray: bool = True
    floor_cells: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0  # 0: by the number of cores
    deadline_ms: Annotated[int, msgspec.Meta(ge=10, le=10_000)] = 250
    entities_max: Annotated[int, msgspec.Meta(ge=100, le=10_000_000)] = 20_000  # per cell, idle ones go first


class InboxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[inbox]`: what may wait. A full money lane answers 503; a full telemetry lane sheds and counts."""

    money_max: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 4_096
    telemetry_max: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 20_000


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[journal]`: how long the table `turn` keeps what, in days."""

    floor_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 8
    money_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 35
    verdict_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 120
    ballast_mb: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 16  # released when the disk is full


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[log]`: structured lines on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json: bool = False


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a store."""

    store: StoreSettings = StoreSettings()
    http: HttpSettings = HttpSettings()
    mqtt: MqttSettings = MqttSettings()
    publish: PublishSettings = PublishSettings()
    kafka: KafkaSettings = KafkaSettings()
    cells: CellSettings = CellSettings()
    inbox: InboxSettings = InboxSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file (or none) and the environment. Raises Nonsense that names place and mend."""
    given: dict[str, Any] = {}
    if path is not None:
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Nonsense(f"{path}: no such settings file; make one or leave --settings out") from None
        except OSError as error:
            raise Nonsense(
                f"{path}: cannot be read: {error.strerror}; check what it is and its mode"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Nonsense(f"{path}: not TOML: {error}") from None
    _overlay(given, os.environ if environment is None else environment)
    try:
        settings = msgspec.convert(given, Settings)
    except msgspec.ValidationError as error:
        raise Nonsense(f"{path or 'environment'}: {_said(str(error))}") from None
    try:
        return _checked(settings, path)
    except Nonsense as error:
        raise Nonsense(f"{path or 'environment'}: {error.reason}") from None


def _said(error: str) -> str:
    """The codec's sentence with the place as people write it, and for an unknown name those that there are."""
    what, _, place = error.partition(" - at `$")
    section, _, setting = place.strip("`.").partition(".")
    names = [field.name for field in msgspec.structs.fields(Settings)]
    if setting:
        return f"[{section}] {setting}: {what}"
    if not section:
        return f"{what}; there are {', '.join(f'[{name}]' for name in names)}"
    for field in msgspec.structs.fields(Settings):
        if field.name == section and "unknown field" in what:
            what += f"; there are {', '.join(one.name for one in msgspec.structs.fields(field.type))}"
    return f"[{section}]: {what}"


def _overlay(given: dict[str, Any], environment: Mapping[str, str]) -> None:
    for section in msgspec.structs.fields(Settings):
        for setting in msgspec.structs.fields(section.type):
            name = f"ENDCAP_{section.name}_{setting.name}".upper()
            if name in environment:
                table = given.setdefault(section.name, {})
                if not isinstance(table, dict):
                    raise Nonsense(f"[{section.name}] must be a table")
                table[setting.name] = _typed(environment[name], setting.type, name)


def _typed(text: str, kind: Any, name: str) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Nonsense(f"environment {name}: {error}") from None


def _checked(settings: Settings, path: Path | None) -> Settings:
    if not is_safe_id(settings.store.id):
        raise Nonsense("[store] id: 1 to 128 characters without white space, '/', '+' or '#'")
    try:
        ZoneInfo(settings.store.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Nonsense(f"[store] timezone: '{settings.store.timezone}' is no IANA time zone") from None
    if settings.mqtt.sparkplug_host and not is_safe_id(settings.mqtt.sparkplug_host):
        raise Nonsense("[mqtt] sparkplug_host: 1 to 128 characters without white space, '/', '+' or '#'")
    if not all(is_safe_id(level) for level in settings.publish.discovery_prefix.split("/")):
        raise Nonsense("[publish] discovery_prefix: a topic such as 'homeassistant', without wildcards")
    for broker in settings.kafka.bootstrap.split(",") if settings.kafka.bootstrap else ():
        host, _, port = broker.strip().rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise Nonsense(
                f"[kafka] bootstrap: '{broker.strip()}' is no host:port; several are set apart by commas"
            )
    return settings if path is None else _rooted(settings, path.resolve().parent)


def _rooted(settings: Settings, base: Path) -> Settings:
    """Folders and files that a settings file names are relative to it."""

    def under(name: str) -> str:
        return str(base / name) if name else ""

    replace = msgspec.structs.replace
    store, mqtt, kafka = settings.store, settings.mqtt, settings.kafka
    return replace(
        settings,
        store=replace(store, books=str(base / store.books), data=str(base / store.data)),
        mqtt=replace(mqtt, password_file=under(mqtt.password_file)),
        kafka=replace(kafka, key_file=under(kafka.key_file)),
    )
