"""`endcap-cloud`: head office on the command line."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cloud.bootstrap import open_database, run_cloud
from cloud.db.engine import connect
from cloud.links.kafka import topic_partitions
from cloud.members import Member, import_members
from cloud.ports import Fenced, LinkDown
from cloud.provisioning import NewStore, provision, read_or_make_key
from cloud.settings import Settings, read_settings, shown
from protocols.codec import JsonDecoder
from protocols.errors import EndcapError
from protocols.topics import PARKED, UP

app = typer.Typer(
    help="Head office: takes what stores send exactly once, keeps the members' ledger, writes back by mail.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SettingsPath = Annotated[
    Path | None,
    typer.Option("--settings", help="A TOML file; ENDCAP_CLOUD_* in the environment goes over it."),
]
MEMBERS_BYTES_MAX = 256 * 1024 * 1024


@app.command()
def run(settings: SettingsPath = None) -> None:
    """Take records, keep the ledger, write mail, answer on the read API, until stopped."""
    told = read_settings(settings)
    _log(told)
    structlog.get_logger("cloud").info("settings", **shown(told))
    asyncio.run(_run(told))


@app.command("provision")
def provision_command(
    store: Annotated[list[str], typer.Option("--store", help="A store's id; may be given again.")],
    key_file: Annotated[
        Path,
        typer.Option("--key-file", help="The store's chain key; made if it is missing. One store at a time."),
    ],
    name: Annotated[str, typer.Option("--name", help="What people call the store.")] = "",
    settings: SettingsPath = None,
) -> None:
    """Make topics and tables, and write the store with its partition and key. Doing it again is harmless."""
    told = read_settings(settings)
    if len(store) > 1:
        raise typer.BadParameter(
            "each store has its own key: provision them one at a time", param_hint="--store"
        )
    engine = connect(told.database.url, told.database.password_file)
    new = NewStore(store[0], name or store[0], read_or_make_key(key_file))
    partitions = asyncio.run(provision(told, engine, [new]))
    typer.echo(f"store {new.store}: partition {partitions[new.store]}, chain key {key_file}")


@app.command("members")
def members_command(
    file: Annotated[
        Path, typer.Argument(help="JSON: a list of members with account, name, points, stores …")
    ],
    settings: SettingsPath = None,
) -> None:
    """Bring in members with their opening balances, and mail them to their stores. Each balance counts once."""
    told = read_settings(settings)
    decode: JsonDecoder[list[Member]] = JsonDecoder(list[Member], bytes_max=MEMBERS_BYTES_MAX)
    members = decode(file.read_bytes())
    typer.echo(f"{import_members(open_database(told), members)} members")


@app.command()
def doctor(settings: SettingsPath = None) -> None:
    """Say whether database, Kafka and topics are as they should be, and what to do about each that is not."""
    told = read_settings(settings)
    found = [_database_is_well(told), asyncio.run(_kafka_is_well(told)), _modules_are_ours()]
    for good, line in found:
        typer.echo(f"{'ok ' if good else 'BAD'}  {line}")
    raise typer.Exit(0 if all(good for good, _ in found) else 1)


def main() -> None:
    """The command. Errors that have a mend are one line, not a trace."""
    try:
        app()
    except (EndcapError, LinkDown, Fenced, SQLAlchemyError, OSError) as error:
        typer.echo(
            f"endcap-cloud: {str(error).splitlines()[0] if str(error) else type(error).__name__}", err=True
        )
        raise SystemExit(1) from None


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(port: int) -> None:
        structlog.get_logger("cloud").info("ready", api=f"http://{settings.http.host}:{port}/api/v1/stores")

    try:
        await run_cloud(settings, stop, ready)
    except* Fenced as group:
        raise (
            group.exceptions[0]
            if not isinstance(group.exceptions[0], BaseExceptionGroup)
            else Fenced("another head office took over these partitions")
        ) from None


def _database_is_well(settings: Settings) -> tuple[bool, str]:
    try:
        with connect(settings.database.url, settings.database.password_file).connect() as connection:
            stores = connection.execute(text("SELECT count(*) FROM store")).scalar_one()
    except (SQLAlchemyError, OSError) as error:
        reason = str(error).splitlines()[0]
        return False, f"database: {reason}; check [database] url, then run endcap-cloud provision"
    return True, f"database: {stores} store(s)"


async def _kafka_is_well(settings: Settings) -> tuple[bool, str]:
    wanted = [*UP.values(), PARKED]
    try:
        found = await topic_partitions(settings.kafka.bootstrap, wanted)
    except LinkDown as error:
        return False, f"Kafka at {settings.kafka.bootstrap}: {error}; check [kafka] bootstrap"
    missing = [topic for topic in wanted if topic not in found]
    if missing:
        return False, f"Kafka has no topic {', '.join(missing)}; run endcap-cloud provision"
    return True, "Kafka: " + ", ".join(f"{topic} {found[topic]} partition(s)" for topic in wanted)


def _modules_are_ours() -> tuple[bool, str]:
    """A stray folder beside the user would shadow a package of ours."""
    import cloud
    import protocols

    places = {
        name: str(Path(str(module.__file__)).parent.parent) for name, module in _named(cloud, protocols)
    }
    if len(set(places.values())) != 1:
        return False, f"packages come from different places: {json.dumps(places)}"
    return True, f"packages from {next(iter(places.values()))}"


def _named(*modules: Any) -> list[tuple[str, Any]]:
    return [(module.__name__, module) for module in modules]


def _log(settings: Settings) -> None:
    """Structured lines on standard error."""
    level = getattr(logging, settings.log.level.upper(), logging.INFO)
    renderer: Any = (
        structlog.processors.JSONRenderer() if settings.log.json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    main()
