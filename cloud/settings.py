"""Settings of head office: one TOML file and the environment, every one with a default.

`ENDCAP_CLOUD_HTTP_PORT=9000` overrides `port` in `[http]`. No other module reads the environment or the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from protocols.errors import Nonsense

ENVIRONMENT = "ENDCAP_CLOUD"


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[database]`: PostgreSQL (`postgresql+psycopg://user@host/name`) or a SQLite file."""

    url: str = "sqlite:///var/cloud.db"
    password_file: str = ""  # goes into the URL when it connects, and never into a log
    connections: Annotated[int, msgspec.Meta(ge=2, le=100)] = 10  # PostgreSQL; SQLite has one writer anyway


class KafkaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[kafka]`: where stores and head office meet."""

    bootstrap: str = "127.0.0.1:9092"
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 8  # of each way up; fixed when provisioned
    replication: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    mail_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 180  # longer than any store stays away
    record_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[workers]`: who applies what stores send. Without Ray they are tasks of this process."""

    ray: bool = False
    count: Annotated[int, msgspec.Meta(ge=1, le=256)] = 2  # partitions are dealt out among them
    fetch_records: Annotated[int, msgspec.Meta(ge=1, le=50_000)] = 5_000  # most in one transaction


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[http]`: the read API. Loopback unless told otherwise."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8090


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[log]`: structured lines on standard error."""

    level: str = "info"
    json: bool = False


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of head office."""

    database: DatabaseSettings = DatabaseSettings()
    kafka: KafkaSettings = KafkaSettings()
    workers: WorkerSettings = WorkerSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()


def read_settings(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file (or none) and the environment. Raises Nonsense that names place and mend."""
    given: dict[str, Any] = {}
    if path is not None:
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Nonsense(f"{path}: no such settings file; make one or leave --settings out") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Nonsense(f"{path}: not TOML: {error}") from None
    _overlay(given, os.environ if environment is None else environment)
    try:
        settings = msgspec.convert(given, Settings)
    except msgspec.ValidationError as error:
        raise Nonsense(f"{path or 'environment'}: {error}") from None
    if not settings.database.url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise Nonsense("[database] url: write sqlite:///<file> or postgresql+psycopg://<user>@<host>/<name>")
    return settings


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as they may be printed: a password that somebody put in the URL is blotted out."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    told["database"]["url"] = re.sub(r"://([^:/@]*):[^@]*@", r"://\1:***@", settings.database.url)
    return told


def _overlay(given: dict[str, Any], environment: Mapping[str, str]) -> None:
    for section in msgspec.structs.fields(Settings):
        for setting in msgspec.structs.fields(section.type):
            name = f"{ENVIRONMENT}_{section.name}_{setting.name}".upper()
            if name not in environment:
                continue
            table = given.setdefault(section.name, {})
            if not isinstance(table, dict):
                raise Nonsense(f"[{section.name}] must be a table")
            try:
                table[setting.name] = msgspec.convert(environment[name], setting.type, strict=False)
            except msgspec.ValidationError as error:
                raise Nonsense(f"environment {name}: {error}") from None
