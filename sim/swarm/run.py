"""Runs schedules: a straight one, and the same world with a crash at a step, lost cells and failed commits."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from protocols.errors import NotNow
from protocols.inputs import Cause, SignStarted
from sim.swarm.check import Outcome, broken, outcome_of
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.script import Script, make_script, play
from sim.swarm.store import SIGN, Life
from sim.virtual import Crashed, VirtualLoop

LIVES_MAX = 4


@dataclass(slots=True)
class Schedule:
    """One run: the world's seed, its faults, and at which step each life but the last is cut."""

    seed: int
    plan: FaultPlan = field(default_factory=FaultPlan)
    crashes: tuple[int, ...] = ()


@dataclass(slots=True)
class Ran:
    """What a run was, and what was wrong afterwards."""

    schedule: Schedule
    outcome: Outcome
    steps: list[int]
    lives: int
    lost_cells: int
    broken: list[str]


def run_schedule(schedule: Schedule, folder: Path) -> Ran:
    """Runs one schedule in `folder` to its end and checks what must hold."""
    script = make_script(schedule.seed)
    steps: list[int] = []
    lost = 0
    now_s = 0.0
    for number in range(LIVES_MAX + 1):
        crash_at = schedule.crashes[number] if number < len(schedule.crashes) else None
        loop = VirtualLoop(start_s=now_s, crash_at=crash_at)
        faults = Faults(replace(schedule.plan, seed=schedule.plan.seed + number))
        life = Life(folder, loop, faults)
        try:
            loop.run(_live(life, script))
            outcome = outcome_of(life)
            problems = broken(life, script)
            return Ran(schedule, outcome, [*steps, loop.steps], number + 1, lost + life.cells.lost, problems)
        except Crashed:
            loop.bury()
        finally:
            steps.append(loop.steps)
            lost += life.cells.lost
            life.close()
            now_s = loop.now_s + 0.5
    raise AssertionError("more crashes than lives")


async def _live(life: Life, script: Script) -> None:
    await life.begin()
    running = asyncio.create_task(life.engine.run(), name="engine")
    asking = asyncio.create_task(_world(life, script), name="world")
    done, _ = await asyncio.wait((running, asking), return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        await task
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _world(life: Life, script: Script) -> None:
    cause = Cause(life.clock.now_us(), operation="start")
    with contextlib.suppress(NotNow):  # a screen that was refused is started by the next life, or by staff
        await life.engine.ask(SIGN, SignStarted(), "", None, cause)
    await play(script, life.engine, life.clock, life.faults.calm)


def schedule_of(seed: int, steps: int) -> Schedule:
    """A seeded schedule: one or two crashes somewhere in `steps`, and some faults."""
    chance = random.Random(seed)
    plan = FaultPlan(
        seed=seed * 1_000,
        cell_lost_before=chance.choice((0.0, 0.01, 0.05)),
        cell_lost_after=chance.choice((0.0, 0.01, 0.05)),
        commit_refused=chance.choice((0.0, 0.0, 0.02)),
        disk_full=chance.choice((0.0, 0.0, 0.02)),
    )
    crashes = tuple(chance.randrange(2, max(3, steps)) for _ in range(chance.choice((0, 1, 1, 2))))
    return Schedule(seed, plan, crashes)


def run_swarm(schedules: int, seed: int, crash_at: int) -> int:
    """Runs many; the first that breaks is printed with the command that repeats it. Returns the exit code."""
    console = Console()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("schedules", total=schedules)
        lives = turns = 0
        for number in range(seed, seed + schedules):
            with tempfile.TemporaryDirectory(prefix="endcap-swarm-") as folder:
                straight = run_schedule(Schedule(number), Path(folder) / "straight")
                chosen = schedule_of(number, straight.steps[0])
                if crash_at:
                    chosen = Schedule(number, chosen.plan, (crash_at,))
                ran = run_schedule(chosen, Path(folder) / "cut")
            problems = ran.broken + ran.outcome.differs(straight.outcome)
            if problems:
                console.print(f"[bold]Seed {number} broke[/bold], {chosen}")
                for problem in problems:
                    console.print(f"  {problem}")
                again = f"endcap-sim swarm --schedules 1 --seed {number}"
                console.print(f"Repeat it: {again}" + (f" --crash-at {crash_at}" if crash_at else ""))
                return 1
            lives += ran.lives
            turns += ran.outcome.turns
            progress.advance(bar)
    console.print(f"{schedules} schedules, {lives} lives, {turns} turns: nothing broke.")
    return 0
