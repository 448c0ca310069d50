"""Chaos: real processes, real signals, and outside checkers that count what was lost or doubled.

    tills, floor ─► store ─► Kafka ─► cloud          works      starts them all and knows their addresses
                      ▲ kill, stop                   keeper     starts again what ended, as systemd would
                   strikes ◄─ victims                victims    which processes of this run may be hit now
                                                     strikes    a shuffled deck of signals, paced
    sent ◄─ verdicts                                 tills      sales over HTTP and MQTT, sent until a verdict
                                                     floor      sightings and weights
    store.db, cloud database, Kafka ─► checks        check_*    what stands where, against what was acknowledged
                                                     report     the table at the end, or JSON

The load goes in through public doors only; the checkers read the databases, read-only, after everything is quiet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chaos:
    """What to do: how many signals, by which seed, with Ray or without, on which database of the cloud.

    `postgres` is the URL of an empty database, `here` for a server that the run starts (and kills), or empty
    for SQLite.
    """

    kills: int = 100
    seed: int = 1
    ray: bool = True
    postgres: str = ""
    json: bool = False


def run_chaos(chaos: Chaos) -> int:
    """Runs it and prints the result. 0: nothing was lost, doubled or stuck. 1: something was. 2: it could not run."""
    from sim.chaos.run import run

    return run(chaos)
