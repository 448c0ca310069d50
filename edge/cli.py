"""`endcap-store`: runs a store, checks it, and explains and replays what it did."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from edge.cli_shared import SettingsFile, say, settings_of
from edge.cli_survey import survey
from edge.settings import Settings

app = typer.Typer(
    name="endcap-store",
    help="The real-time engine of one store.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(survey, name="survey")

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter while another wants it."""


@app.command()
def run(settings: SettingsFile = None) -> None:
    """Runs the store until it is told to stop (SIGINT, SIGTERM)."""
    from edge.logs import set_up_logs

    read = settings_of(settings)
    set_up_logs(read.log.level, json=read.log.json)
    raise typer.Exit(_run(read))


@app.command()
def doctor(
    settings: SettingsFile = None,
    quick: Annotated[bool, typer.Option(help="Only whether a running store serves tills.")] = False,
) -> None:
    """Checks what a store needs, and says what to do about what is wrong."""
    from edge.doctor import examine

    raise typer.Exit(examine(settings_of(settings), Console(), quick=quick))


@app.command()
def explain(
    seq: Annotated[int, typer.Argument(help="Number of the turn, as decisions name it.")] = 0,
    parked: Annotated[int, typer.Option(help="Show a parked input instead, by its reference.")] = 0,
    settings: SettingsFile = None,
) -> None:
    """Why, and why not: replays the turn of a decision and shows every campaign that was considered."""
    from edge.explain import show_decision, show_parked

    read = settings_of(settings)
    raise typer.Exit(show_parked(read, parked, Console()) if parked else show_decision(read, seq, Console()))


@app.command()
def replay(
    settings: SettingsFile = None,
    after: Annotated[int, typer.Option(help="Begin after this turn.")] = 0,
    limit: Annotated[int, typer.Option(help="Most turns to replay.")] = 1_000_000,
) -> None:
    """Replays the journal in this process and compares every digest."""
    from edge.explain import replay_journal

    raise typer.Exit(replay_journal(settings_of(settings), after, limit, Console()))


def _run(settings: Settings) -> int:
    import uvloop

    # The writer thread needs the interpreter between two statements; at the default of 5 ms a busy loop makes
    # each of them wait, and the p99 of a single commit is 20 times what it is here.
    sys.setswitchinterval(SWITCH_S)
    return uvloop.run(_until_stopped(settings))


async def _until_stopped(settings: Settings) -> int:
    import structlog

    from edge.books import BooksWrong
    from edge.bootstrap import build
    from edge.db.care import Damaged
    from edge.db.lives import AlreadyOpen, WrongStore
    from edge.db.migrations import SchemaTooNew
    from edge.ports import CommitFailed, Fenced
    from edge.runtime import Runtime

    log = structlog.get_logger("edge")
    try:
        store = build(settings)
    except (AlreadyOpen, WrongStore, SchemaTooNew, Damaged, CommitFailed, OSError) as error:
        say.print(f"The store does not start: {error}", highlight=False, markup=False, soft_wrap=True)
        return 2
    runtime = Runtime(store)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, runtime.stop.set)
    log.info("starting", **_shown(settings))
    announcing = asyncio.create_task(_announce(runtime, settings), name="announce")
    try:
        await runtime.run()
    except BooksWrong as error:
        reason = f"The store's files hold errors; nothing was started:\n{error.reason}"
        say.print(reason, highlight=False, markup=False, soft_wrap=True)
        return 2
    except (CommitFailed, OSError) as error:
        say.print(f"The store does not start: {error}", highlight=False, markup=False, soft_wrap=True)
        return 2
    except ExceptionGroup as group:
        if group.subgroup(Fenced) is None:
            raise
        log.error("fenced", why="another engine has this database now; this one stopped")
        return 3
    finally:
        announcing.cancel()
    log.info("stopped")
    return 0


async def _announce(runtime: object, settings: Settings) -> None:
    import structlog

    from edge.runtime import Runtime

    assert isinstance(runtime, Runtime)
    await runtime.ready.wait()
    structlog.get_logger("edge").info("ready", console=f"http://{settings.http.host}:{runtime.port}/")


def _shown(settings: Settings) -> dict[str, object]:
    """The settings as one log line, without what is secret."""
    import msgspec

    shown: dict[str, object] = {}
    for section in settings.__struct_fields__:
        for name, value in msgspec.to_builtins(getattr(settings, section)).items():
            if name not in ("password_file", "key_file", "username"):
                shown[f"{section}.{name}"] = value
    return shown


def main() -> None:
    """Entry of `endcap-store`."""
    app()


if __name__ == "__main__":
    main()
