"""Decisions alone: a hundred live campaigns and a basket of thirty lines, explained; and three hundred rules.

Pure code in this process, no store. Beside it json-rules-engine decides over the same rules and the same baskets.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from actors.campaigns.conditions import Context
from actors.campaigns.decide import decide
from actors.facts import Facts
from protocols.codec import to_json
from protocols.decisions import Grant, Trigger
from protocols.facts import Campaign, Condition, Fact, Product, Zone
from protocols.ids import CampaignId, Key, Sku, ZoneId
from protocols.inputs import BasketLine, Caps, Local
from sim.bench.peers import rules
from sim.bench.report import Result, Sheet, plain, spread, told
from sim.bench.rig import Missing

CAMPAIGNS = 100
RULES = 300
LINES = 30
RANGE = 120
CATEGORIES = 12
ZONES = 30
TUESDAY = Local("2026-11-24", 14 * 60 + 32, 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    decisions: int = 5_000
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Took:
    """Microseconds a decision, and how many a second one core makes."""

    what: str
    p50_us: float
    p99_us: float
    per_core_s: float


def bench_campaigns(plan: Plan, cache: Path, console: Console) -> Result:
    """Measures both, and the peer if it is there."""
    notes: list[str] = []
    decisions: list[Took] = []
    events: list[Took] = []
    for _ in range(plan.rounds):
        basket = books(CAMPAIGNS, "basket_changed"), books(CAMPAIGNS, "basket_changed", goods=True)
        for what, facts in zip(
            (f"endcap, all {CAMPAIGNS} considered", "endcap, indexed by goods"), basket, strict=True
        ):
            decisions.append(_timed(what, facts, "basket_changed", plan, explained=True))
        try:
            decisions.append(_peer(plan, cache))
        except Missing as missing:
            notes.append(str(missing))
        zone = books(RULES, "zone_entered"), books(RULES, "zone_entered", zones=True)
        for what, facts in zip(("every rule evaluated", f"indexed by {ZONES} zones"), zone, strict=True):
            events.append(_timed(what, facts, "zone_entered", plan, explained=False))
    figures = {"decisions": plain(decisions), "events": plain(events), "rules": RULES}
    console.print(f"  {len(decisions)} series of {plan.decisions:,} decisions", highlight=False)
    return Result(
        "campaigns", figures, [_decision_sheet(decisions, sorted(set(notes))), _event_sheet(events)]
    )


def books(count: int, trigger: Trigger, *, goods: bool = False, zones: bool = False) -> Facts:
    """A store with so many campaigns, each with four conditions; bound to goods or to zones, or to nothing."""
    facts = Facts()
    rows: list[tuple[str, str, Any]] = [("zone", f"zone-{one}", Zone(f"Zone {one}")) for one in range(ZONES)]
    rows += [
        ("product", f"sku-{one}", Product(f"Article {one}", f"category-{one % CATEGORIES}", 100 + one))
        for one in range(RANGE)
    ]
    rows += [
        ("campaign", f"c{one}", _campaign(one, trigger, goods=goods, zones=zones)) for one in range(count)
    ]
    facts.apply([Fact(book, key, 1, to_json(value)) for book, key, value in rows], 1)
    return facts


def _campaign(number: int, trigger: Trigger, *, goods: bool, zones: bool) -> Campaign:
    return Campaign(
        id=CampaignId(f"c{number}"),
        name=f"Campaign {number}",
        trigger=trigger,
        conditions=(
            Condition("basket_total_minor", "at_least", rules.total_wanted(number), "Basket is large enough"),
            Condition("basket_items", "at_least", rules.items_wanted(number), "Basket holds enough pieces"),
            Condition(
                "basket_categories", "has", f"category-{number % CATEGORIES}", "Basket holds the category"
            ),
            Condition("tier", "at_least", rules.tier_wanted(number), "Tier is high enough"),
        ),
        grants=(Grant("points", points=10 + number),),
        zones=(ZoneId(f"zone-{number % ZONES}"),) if zones else (),
        skus=(Sku(f"sku-{number % RANGE}"),) if goods else (),
        caps=Caps(visit=1),
    )


def baskets(count: int) -> list[Context]:
    """Shoppers with thirty lines each, no two alike."""
    contexts = []
    for number in range(count):
        lines = tuple(
            BasketLine(
                Sku(f"sku-{(number * 7 + line * 11) % RANGE}"),
                1000 * (1 + (number + line) % 3),
                100 + (number * 7 + line * 11) % RANGE,
                category=f"category-{(number * 7 + line * 11) % RANGE % CATEGORIES}",
            )
            for line in range(LINES)
        )
        contexts.append(
            Context(
                key=Key(f"shopper:s{number}"),
                local=TUESDAY,
                visit=f"v{number}",
                subject_name=f"Member {number}",
                zone=ZoneId(f"zone-{number % ZONES}"),
                member=True,
                tier=("base", "silver", "gold")[number % 3],
                consent=("offers",),
                basket=lines,
            )
        )
    return contexts


def _timed(what: str, facts: Facts, trigger: Trigger, plan: Plan, *, explained: bool) -> Took:
    contexts = baskets(500)
    clock: Callable[[], int] = time.perf_counter_ns
    took = np.empty(plan.decisions, np.int64)
    for number in range(200):
        decide(trigger, contexts[number % len(contexts)], facts)
    cpu = time.process_time()
    for number in range(plan.decisions):
        context = contexts[number % len(contexts)]
        facts.explained = [] if explained else None
        began = clock()
        decide(trigger, context, facts)
        took[number] = clock() - began
    cpu = time.process_time() - cpu
    facts.explained = None
    p50, p99 = np.percentile(took, (50, 99)) / 1e3
    return Took(what, round(float(p50), 1), round(float(p99), 1), round(plan.decisions / cpu, 1))


def _peer(plan: Plan, cache: Path) -> Took:
    script, node, folder = rules.install(cache)
    document = {
        "decisions": plan.decisions,
        "rules": rules.documents(CAMPAIGNS, CATEGORIES),
        "baskets": [_as_json(context) for context in baskets(500)],
    }
    path = folder / "rules.json"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        [str(node), str(script), str(path)], cwd=folder, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise Missing(f"json-rules-engine failed, so it is left out: {done.stderr[-300:]}")
    found = json.loads(done.stdout)
    return Took("json-rules-engine", found["p50_us"], found["p99_us"], found["per_core_s"])


def _as_json(context: Context) -> dict[str, Any]:
    return {
        "tier": context.tier,
        "lines": [
            {
                "sku": line.sku,
                "quantity": line.quantity,
                "price_minor": line.price_minor,
                "category": line.category,
            }
            for line in context.basket
        ],
    }


def _decision_sheet(decisions: list[Took], notes: list[str]) -> Sheet:
    sheet = Sheet(
        f"A decision: {CAMPAIGNS} live campaigns of four conditions, {LINES} lines in the basket, explained",
        ("who", "p50 ms", "p99 ms", "decisions/s a core"),
        notes=notes,
    )
    for what in dict.fromkeys(one.what for one in decisions):
        of = [one for one in decisions if one.what == what]
        sheet.rows.append(
            (
                what,
                told(spread(one.p50_us / 1e3 for one in of)),
                told(spread(one.p99_us / 1e3 for one in of)),
                told(spread(one.per_core_s for one in of)),
            )
        )
    sheet.notes.append(
        "Explained: every campaign with its first failing condition, the value seen and the value wanted."
    )
    return sheet


def _event_sheet(events: list[Took]) -> Sheet:
    sheet = Sheet(f"{RULES} rules", ("how", "events/s a core", "evaluations/s a core", "p99 ms an event"))
    for what in dict.fromkeys(one.what for one in events):
        of = [one for one in events if one.what == what]
        sheet.rows.append(
            (
                what,
                told(spread(one.per_core_s for one in of)),
                told(spread(one.per_core_s * RULES for one in of)),
                told(spread(one.p99_us / 1e3 for one in of)),
            )
        )
    sheet.notes = [
        f"An event answered is {RULES} rules answered: those that an index rules out need no look."
    ]
    return sheet
