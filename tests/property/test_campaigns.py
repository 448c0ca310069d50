"""Whatever bytes come, a campaign file gives campaigns or errors; whatever the facts, a decision explains itself."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.campaigns.checking import RELATIONS, compile_condition
from actors.campaigns.conditions import (
    FACTS,
    STOCK_STATES,
    TIERS,
    TRIGGERS,
    WEEKDAYS,
    Context,
    Goods,
    Seen,
    facts_of,
)
from actors.campaigns.decide import decide
from actors.campaigns.index import goods_of, window
from actors.campaigns.load import Known, load
from actors.facts import Facts
from protocols.codec import to_json
from protocols.decisions import Decision, Grant, Trigger
from protocols.facts import Campaign, Condition, Fact, Occupancy, Product, ShelfPlace, StockLine, When
from protocols.ids import CampaignId, Key, Sku, ZoneId
from protocols.inputs import BasketLine, Caps, Local

EXAMPLE = (Path(__file__).parents[2] / "sim" / "grocery" / "campaigns.yaml").read_bytes()
ZONES = ("coffee", "bakery", "dairy")
SKUS = ("s1", "s2", "s3")
CATEGORIES = ("c1", "c2")
PRODUCTS = {sku: Product(sku, CATEGORIES[place % 2], 100 + place) for place, sku in enumerate(SKUS)}

words = st.sampled_from(
    [
        "campaigns",
        "creatives",
        "id",
        "trigger",
        "zone_entered",
        "gives",
        "points",
        "fact",
        "has",
        "caps",
        "when",
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | words
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(words | st.text(max_size=6), inner, max_size=6)
    ),
    max_leaves=30,
)


def well_told(text: bytes | str) -> None:
    loaded = load(text, Known(products=PRODUCTS))
    for problem in loaded.problems:
        assert problem.line >= 1 and problem.column >= 1 and problem.reason
    if loaded.errors:
        assert not loaded.campaigns and not loaded.creatives
    else:
        books = Facts()
        books.apply([Fact("campaign", key, 1, to_json(one)) for key, one in loaded.campaigns.items()], 1)
        assert len(books.index) == len(loaded.campaigns)  # what was taken compiles


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_campaigns_or_errors(text: bytes) -> None:
    well_told(text)


@given(trees)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree_of_the_files_own_words_gives_campaigns_or_errors(tree: Any) -> None:
    import yaml

    well_told(yaml.safe_dump({"campaigns": [tree]} if not isinstance(tree, dict) else tree))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_example_file_with_bytes_changed_gives_campaigns_or_errors(data: st.DataObject) -> None:
    text = bytearray(EXAMPLE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        cut = data.draw(st.integers(0, 12))
        text[place : place + cut] = data.draw(st.binary(max_size=6))
    well_told(bytes(text))


def wants(name: str) -> st.SearchStrategy[Any]:
    kind = FACTS[name]
    closed = {
        "zone": ZONES,
        "product": SKUS,
        "category": CATEGORIES,
    }.get(kind.book) or {"tier": TIERS, "weekday": WEEKDAYS, "flag": (True, False)}.get(kind.form)
    if closed is None and kind.form == "text":
        closed = STOCK_STATES if kind.values else ("till-1", "till-2")
    if closed is None and kind.form == "set":
        closed = ("offers", "regulars", "holdout")
    if closed is None and kind.form == "day":
        closed = ("2026-11-01", "2026-11-24", "2026-12-01")
    return st.sampled_from(closed) if closed is not None else st.integers(-1, 900)


@st.composite
def conditions(draw: st.DrawFn, trigger: Trigger) -> Condition:
    name = draw(st.sampled_from(facts_of(trigger)))
    relation = draw(st.sampled_from(RELATIONS[FACTS[name].form]))
    many = relation in ("in", "not_in")
    want = tuple(draw(st.lists(wants(name), min_size=1, max_size=3))) if many else draw(wants(name))
    return Condition(name, relation, want, f"{name} {relation}")


@st.composite
def campaigns(draw: st.DrawFn, trigger: Trigger, number: int) -> Campaign:
    grant = draw(
        st.sampled_from([Grant("points", points=10), Grant("offer", sku="s1", discount_minor=5, title="S")])
    )
    return Campaign(
        id=CampaignId(f"c{number}"),
        name=f"C {number}",
        trigger=draw(st.sampled_from((trigger, trigger, *TRIGGERS))),
        conditions=tuple(draw(st.lists(conditions(trigger), max_size=3))),
        grants=(grant,),
        zones=tuple(ZoneId(zone) for zone in draw(st.lists(st.sampled_from(ZONES), max_size=2, unique=True))),
        skus=tuple(Sku(sku) for sku in draw(st.lists(st.sampled_from(SKUS), max_size=1))),
        dwell_s=draw(st.sampled_from((5, 20))),
        when=draw(
            st.sampled_from((When(), When(weekdays=(1, 5)), When(from_minute=600), When(to_minute=700)))
        ),
        caps=Caps(visit=draw(st.integers(0, 2))),
        group=draw(st.sampled_from(("", "g1", "g2"))),
        priority=draw(st.integers(0, 2)),
        needs_consent=draw(st.sampled_from(("", "offers"))),
    )


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Trigger, Context, list[Campaign], int | None]:
    trigger: Trigger = draw(st.sampled_from(TRIGGERS))
    count = draw(st.integers(0, 8))
    lines = tuple(
        BasketLine(Sku(sku), draw(st.sampled_from((250, 1000, 3000))), 150)
        for sku in draw(st.lists(st.sampled_from(SKUS), max_size=3))
    )
    seen = Context(
        key=Key("shopper:a"),
        local=Local("2026-11-24", draw(st.integers(0, 1439)), draw(st.integers(0, 6))),
        visit="v",
        zone=ZoneId(draw(st.sampled_from(ZONES))),
        dwell_s=draw(st.sampled_from((5, 20))),
        member=draw(st.booleans()),
        tier=draw(st.sampled_from((*TIERS, "odd"))),
        segments=tuple(draw(st.lists(st.sampled_from(("regulars", "holdout")), max_size=2))),
        consent=tuple(draw(st.lists(st.just("offers"), max_size=1))),
        basket=lines,
        sale=lines,
        sale_total_minor=150 * len(lines),
        sku=Sku(draw(st.sampled_from(SKUS))),
        shelf="sh1",
        pieces=draw(st.none() | st.integers(0, 5)),
        counts={CampaignId(f"c{number}"): draw(st.integers(0, 2)) for number in range(count)},
    )
    built = [draw(campaigns(trigger, number)) for number in range(count)]
    return trigger, seen, built, draw(st.none() | st.integers(0, 20))


def books_of(campaigns: list[Campaign], pieces: int | None) -> Facts:
    books = Facts()
    rows = [Fact("campaign", one.id, 1, to_json(one)) for one in campaigns]
    rows += [Fact("product", sku, 1, to_json(product)) for sku, product in PRODUCTS.items()]
    rows.append(Fact("shelf", "sh1", 1, to_json(ShelfPlace(ZoneId("coffee"), Sku("s1"), 100, 20, 4))))
    rows.append(Fact("occupancy", "coffee", 1, to_json(Occupancy(3, 1))))
    if pieces is not None:
        rows.append(Fact("stock", "sh1", 1, to_json(StockLine(Sku("s1"), pieces, "ok", 90))))
    books.apply(rows, 1)
    return books


def whole(trigger: Trigger, seen: Context, books: Facts) -> tuple[tuple[Campaign, ...], Decision, Decision]:
    books.explained = []
    decided = decide(trigger, seen, books)
    return decided.winners, decided.decision, books.explained[0]


@given(scenes(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_decision_does_not_depend_on_the_order_in_which_the_books_were_filled(
    scene: tuple[Trigger, Context, list[Campaign], int | None], chance: random.Random
) -> None:
    trigger, seen, built, pieces = scene
    shuffled = list(built)
    chance.shuffle(shuffled)
    first = whole(trigger, seen, books_of(built, pieces))
    second = whole(trigger, seen, books_of(shuffled, pieces))
    assert to_json(first[1]) == to_json(second[1])
    assert to_json(first[2]) == to_json(second[2])
    plain = decide(trigger, seen, books_of(built, pieces)).decision
    assert to_json(plain) == to_json(first[1])  # explaining changes nothing


@given(scenes())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_group_has_one_winner_and_nobody_of_it_that_could_win_ranks_higher(
    scene: tuple[Trigger, Context, list[Campaign], int | None],
) -> None:
    trigger, seen, built, pieces = scene
    winners, _, explained = whole(trigger, seen, books_of(built, pieces))
    by_id = {one.id: one for one in built}
    groups = [one.group for one in winners if one.group]
    assert len(groups) == len(set(groups))
    champions = {one.group: one for one in winners if one.group}
    for considered in explained.considered:
        if considered.outcome == "outranked":
            loser = by_id[considered.campaign]
            champion = champions[loser.group]
            assert (-champion.priority, champion.id) < (-loser.priority, loser.id)


@given(scenes())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_condition_named_really_fails_and_all_before_it_really_hold(
    scene: tuple[Trigger, Context, list[Campaign], int | None],
) -> None:
    trigger, seen, built, pieces = scene
    books = books_of(built, pieces)
    _, decision, explained = whole(trigger, seen, books)
    by_id = {one.id: one for one in built}
    assert decision.considered_count + decision.could_not_fire == len(built)
    assert len(explained.considered) == decision.considered_count
    for considered in explained.considered:
        campaign = by_id[considered.campaign]
        skus = goods_of(campaign, {})
        goods = Goods(skus, tuple(("sh1",) if sku == "s1" else () for sku in skus))
        asked = [compile_condition(one, goods) for one in (*window(campaign.when), *campaign.conditions)]
        holding = [one.holds(one.read(Seen(seen, books))) for one in asked]
        assert considered.of == len(asked)
        assert all(holding[: considered.held])
        if considered.outcome == "missed":
            assert not holding[considered.held]
            assert considered.failed is not None and not considered.failed.holds
            assert considered.failed.fact == asked[considered.held].condition.fact
        else:
            assert all(holding)
            assert (considered.failed is None) == (considered.outcome == "won")
    missed = [one for one in explained.considered if one.outcome == "missed"]
    assert decision.nearest_miss == (missed[0] if missed else None)
