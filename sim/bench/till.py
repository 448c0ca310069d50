"""Sales at a till beside a thousand sightings a second: with head office in reach, cut off, and with Ray killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from sim.bench.match import Latency, latency_of
from sim.bench.rates import Load, System, our_store
from sim.bench.report import Result, Sheet, plain, spread, told
from sim.bench.rig import Rig, StoreProcess
from sim.bench.tills import Rang, till

SALES_PER_S = 20.0
RATE = 1_000.0
STILL_S = 0.5
"""Sales go on while the sightings end, so it is never quiet."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    rounds: int = 3
    seconds: float = 10.0
    ray: bool = True
    load: Load = field(default_factory=Load)


@dataclass(frozen=True, slots=True)
class Rung:
    """A stretch of sales under one condition."""

    condition: str
    latency: Latency
    refused: int


ALONE = "nothing else"
BESIDE = "beside 1,000 sightings/s"
CUT = "the same, WAN cut"
KILLED = "the same, Ray killed in the middle"


def bench_till(plan: Plan, folder: Path, console: Console) -> Result:
    """Rings sales under each condition, on Ray or in process."""
    rungs: list[Rung] = []
    notes: list[str] = []
    for number in range(1, plan.rounds + 1):
        console.print(f"Round {number} of {plan.rounds}", highlight=False)
        with Rig(folder / "till") as rig, _head_office(notes) as kafka:
            rig.broker()
            with our_store(rig, plan.load, ray=plan.ray, kafka=kafka) as system:
                for rung in _conditions(plan, system, has_line=bool(kafka)):
                    rungs.append(rung)
                    console.print(
                        f"  {rung.condition}: p50 {rung.latency.p50_ms} ms, p99 {rung.latency.p99_ms} ms, "
                        f"refused {rung.refused}",
                        highlight=False,
                    )
    sheet = _sheet(plan, rungs)
    sheet.notes += sorted(set(notes))
    return Result("till", {"rungs": plain(rungs)}, [sheet])


class _head_office:
    """An embedded Kafka that takes the store's records, if the demo's extra is installed."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes
        self._kafka: object | None = None

    def __enter__(self) -> str:
        from protocols.topics import UP, down
        from sim.bench.rig import STORE
        from sim.embedded_kafka import EmbeddedKafka

        kafka = EmbeddedKafka()
        try:
            bootstrap = kafka.start()
            kafka.make_topics([*UP.values(), down(STORE)])
        except ImportError:
            self._notes.append(
                "confluent-kafka is not installed, so the store stands alone: pip install endcap[demo]"
            )
            return ""
        self._kafka = kafka
        return bootstrap

    def __exit__(self, *_: object) -> None:
        if self._kafka is not None:
            self._kafka.stop()  # type: ignore[attr-defined]


def _conditions(plan: Plan, system: System, *, has_line: bool) -> list[Rung]:
    store = system.store
    assert store is not None
    system.rig.send(system.walk.arrive(), RATE)
    rungs = [_rung(ALONE, store, plan, lambda: time.sleep(plan.seconds))]
    rungs.append(_rung(BESIDE, store, plan, lambda: _sightings(system, plan)))
    if has_line:
        assert store.post("demo/wan", {"up": False}) == 200
        rungs.append(_rung(CUT, store, plan, lambda: _sightings(system, plan)))
        assert store.post("demo/wan", {"up": True}) == 200
    if plan.ray:
        kill = threading.Timer(plan.seconds / 2, lambda: store.post("demo/kill-ray", {}))
        kill.start()
        rungs.append(_rung(KILLED, store, plan, lambda: _sightings(system, plan)))
        kill.join()
    return rungs


def _sightings(system: System, plan: Plan) -> None:
    system.rig.send(system.walk.walk(int(RATE * plan.seconds), every=False), RATE, STILL_S)


def _rung(condition: str, store: StoreProcess, plan: Plan, meanwhile: Callable[[], None]) -> Rung:
    with till(store.http, plan.load.subjects, SALES_PER_S) as caller:
        meanwhile()
    rang: list[Rang] = caller.rang[int(SALES_PER_S) :]  # the first second warms up
    good = [one for one in rang if one.status == 200]
    took = [int((one.sent + one.took_s - one.due) * 1e6) for one in good]
    return Rung(condition, latency_of(took, len(good) / max(1, len(rang)), True), len(rang) - len(good))


def _sheet(plan: Plan, rungs: list[Rung]) -> Sheet:
    sheet = Sheet(
        f"POST a sale, {SALES_PER_S:g} a second, cells {'on Ray' if plan.ray else 'in process'}",
        ("condition", "p50 ms", "p99 ms", "slowest ms", "not 200", "p99 ÷ beside sightings"),
    )
    beside = dict(enumerate(rung for rung in rungs if rung.condition == BESIDE))
    for condition in dict.fromkeys(rung.condition for rung in rungs):
        of = [rung for rung in rungs if rung.condition == condition]
        ratios = [one.latency.p99_ms / beside[number].latency.p99_ms for number, one in enumerate(of)]
        sheet.rows.append(
            (
                condition,
                told(spread(one.latency.p50_ms for one in of)),
                told(spread(one.latency.p99_ms for one in of)),
                told(spread(one.latency.max_ms for one in of)),
                str(sum(one.refused for one in of)),
                told(spread(ratios)),
            )
        )
    sheet.notes = [
        "From when a sale was due, so waiting behind a slow one counts. Six lines, a member's card."
    ]
    return sheet
