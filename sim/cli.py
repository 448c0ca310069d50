"""`endcap-sim`: a living store to look at, recordings to play, and what measures and breaks a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="endcap-sim",
    help="A living store, recordings, benchmarks and faults, through the store's public doors.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the pages.")] = 8080,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its databases.")] = Path("endcap-demo"),
    people: Annotated[int, typer.Option(help="Shoppers who come and go.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.")] = 7,
    ray: Annotated[bool, typer.Option(help="Run floor cells on Ray; without it in the engine.")] = True,
    browser: Annotated[bool, typer.Option(help="Open the console in the browser.")] = True,
    fresh: Annotated[bool, typer.Option(help="Begin with empty databases.")] = False,
    broker: Annotated[
        Literal["mosquitto", "amqtt"] | None,
        typer.Option(help="Which broker to bring; without it Mosquitto if installed, else amqtt."),
    ] = None,
) -> None:
    """Opens a living store in a browser: people walk, shelves empty, screens change, phones buzz."""
    from sim.demo import Demo, run_demo

    raise typer.Exit(run_demo(Demo(port, folder, people, seed, ray, browser, fresh, broker)))


@app.command()
def feed(
    recording: Annotated[Path, typer.Argument(help="An ESPresense capture (.jsonp) or a walk (.mbd.gz).")],
    host: Annotated[str, typer.Option(help="Broker to play into.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.")] = 1883,
    speed: Annotated[float, typer.Option(help="1 is real time, 0 as fast as the broker takes it.")] = 1.0,
    device: Annotated[str, typer.Option(help="Name the walking beacon so; a capture keeps its own.")] = "",
    store: Annotated[str, typer.Option(help="The store whose conclusions are heard.")] = "014",
    books: Annotated[
        Path | None,
        typer.Option(help="Play nothing: write a store's files for this recording into a folder."),
    ] = None,
) -> None:
    """Plays a recording into a broker, as the messages that real scanners send, and says what the store made of it."""
    from sim.feed import run_feed

    played = run_feed(recording, host=host, port=port, speed=speed, device=device, store=store, books=books)
    raise typer.Exit(played)


@app.command()
def swarm(
    schedules: Annotated[int, typer.Option(help="How many schedules to run.")] = 200,
    seed: Annotated[int, typer.Option(help="The first seed; a failure prints the one that repeats it.")] = 1,
    crash_at: Annotated[
        int, typer.Option(help="Run one schedule, cut at this step. 0: chosen by the seed.")
    ] = 0,
) -> None:
    """Runs stores in virtual time with crashes, lost cells and failed commits, and checks what must hold."""
    from sim.swarm.run import run_swarm

    raise typer.Exit(run_swarm(schedules, seed, crash_at))


@app.command()
def chaos(
    kills: Annotated[int, typer.Option(help="Real signals to send before it ends.")] = 100,
    seed: Annotated[int, typer.Option(help="Which process when.")] = 1,
    ray: Annotated[bool, typer.Option(help="With Ray; without it the floor runs in the engine.")] = True,
    postgres: Annotated[
        str, typer.Option(help="URL of an empty database for the cloud; `here` starts one; else SQLite.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Kills and stops real processes while sales and sightings flow; ends with a table of what was lost."""
    from sim.chaos import Chaos, run_chaos

    raise typer.Exit(run_chaos(Chaos(kills, seed, ray, postgres, json)))


def main() -> None:
    """Entry of `endcap-sim`."""
    from sim.bench.cli import bench
    from sim.presence.cli import presence

    app.command()(presence)
    app.add_typer(bench, name="bench")
    app()


if __name__ == "__main__":
    main()
