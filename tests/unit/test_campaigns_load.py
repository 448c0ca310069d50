"""Campaign files: what a marketer writes becomes campaigns, and every slip is told with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from actors.campaigns.asked import SPELLINGS
from actors.campaigns.conditions import FACTS
from actors.campaigns.load import Known, Loaded, campaign_schema, load
from actors.campaigns.text import TEXT_BYTES_MAX
from protocols.decisions import Grant
from protocols.facts import Condition, Product, Scanner, ShelfPlace, SignPlace, When, Zone
from protocols.ids import CreativeId, Sku, ZoneId
from protocols.inputs import Caps

GROCERY = Path(__file__).parents[2] / "sim" / "grocery"

KNOWN = Known(
    zones={name: Zone(name.title()) for name in ("coffee", "dairy", "bakery", "attic")},
    products={
        "coffee-250": Product("Ground coffee 250 g", "coffee", 439),
        "sourdough": Product("Sourdough loaf", "bakery", 320),
    },
    shelves={"coffee-1": ShelfPlace(ZoneId("coffee"), Sku("coffee-250"), 270, 24, 5)},
    scanners={name: Scanner(ZoneId(name)) for name in ("coffee", "dairy", "bakery")},
    signs={"screen-1": SignPlace("Screen 1", (ZoneId("coffee"), ZoneId("dairy")), ())},
    today="2026-11-24",
)

WHOLE = """
creatives:
  coffee-break: {title: Coffee break, sku: coffee-250, was: 4.39}
campaigns:
  - id: coffee-break
    name: Coffee break
    when: {days: [mon, tue, wed, thu, fri], from: "07:00", to: "20:00"}
    trigger: {zone_entered: coffee}
    conditions:
      - {fact: stock_pieces, at_least: 6, say: "Shelf holds 6 or more"}
      - {fact: basket_total, at_least: 8.00}
    gives:
      - {offer: {sku: coffee-250, off: 0.60, title: "Ground coffee 250 g"}}
      - {creative: coffee-break}
    caps: {visit: 1, day: 2, store: 500}
    group: hot-drinks
    priority: 20
    lasts: 30 min
"""


def one(trigger: str = "{zone_entered: coffee}", rest: str = "", gives: str = "[points: 30]") -> str:
    """A file with one campaign; `rest` holds further fields."""
    caps = "" if "caps:" in rest else "    caps: {day: 1}\n"
    return (
        f"campaigns:\n  - id: one\n    name: One\n    trigger: {trigger}\n    gives: {gives}\n{caps}"
        + "".join(f"    {line}\n" for line in rest.splitlines())
    )


def told(text: str | bytes) -> list[str]:
    loaded = load(text, KNOWN)
    assert not loaded.campaigns or not loaded.errors
    return [str(problem) for problem in loaded.problems]


def only(text: str) -> str:
    (problem,) = told(text)
    return problem


def test_a_campaign_is_read_as_it_was_meant() -> None:
    loaded = load(WHOLE, KNOWN)
    assert loaded.problems == ()
    campaign = loaded.campaigns["coffee-break"]
    assert campaign.trigger == "zone_entered"
    assert campaign.zones == ("coffee",)
    assert campaign.when == When(weekdays=(0, 1, 2, 3, 4), from_minute=420, to_minute=1200)
    assert campaign.conditions == (
        Condition("stock_pieces", "at_least", 6, "Shelf holds 6 or more"),
        Condition("basket_total_minor", "at_least", 800, "Basket total is at least €8.00"),
    )
    assert campaign.grants == (
        Grant("offer", sku="coffee-250", discount_minor=60, title="Ground coffee 250 g"),
        Grant("creative", creative=CreativeId("coffee-break")),
    )
    assert campaign.caps == Caps(visit=1, day=2, store=500)
    assert (campaign.group, campaign.priority, campaign.lasts_s) == ("hot-drinks", 20, 1800)
    assert campaign.needs_consent == "offers"
    assert loaded.creatives["coffee-break"].was_minor == 439


def test_the_words_of_the_file_mean_what_they_look_like() -> None:
    text = one("{dwelled: {zones: [dairy, coffee], for: 2 min}}", "conditions: [{fact: dwell, at_most: 1h}]")
    campaign = load(text, KNOWN).campaigns["one"]
    assert (campaign.dwell_s, campaign.zones) == (120, ("dairy", "coffee"))
    assert campaign.conditions[0].want == 3600
    sale = load(one("sale_closed", 'caps: none\nconditions: [{fact: time, at_most: "18:00"}]'), KNOWN)
    assert sale.campaigns["one"].conditions[0].want == 1080
    assert sale.campaigns["one"].needs_consent == ""  # points on a sale are the programme itself


@pytest.mark.parametrize(
    ("text", "place_and_mend"),
    [
        ("campaigns: [", "campaigns.yaml:2:1: not YAML"),
        (
            "campains: []",
            "campaigns.yaml:1:1: campaigns.yaml has no field 'campains'; did you mean 'campaigns'?",
        ),
        ("just words", "must be a mapping of: creatives, campaigns"),
        (one("zone_left"), ":4:14: there is no trigger 'zone_left'; did you mean 'zone_entered'?"),
        (one("{zone_entered: cofee}"), ":4:29: there is no zone 'cofee'; did you mean 'coffee'?"),
        (one("{dwelled: {zone: dairy}}"), "dwelled needs 'for', such as {zone: dairy, for: 20s}"),
        (one("{dwelled: {zone: dairy, for: 0}}"), "for is 0 s; it must be 1 s to"),
        (one("{sale_closed: {zone: dairy}}", "caps: none"), "sale_closed has no field 'zone'"),
        (
            one(rest="conditions: [{fact: moon, is: 1}]"),
            "there is no fact 'moon'; use one of: basket_categories",
        ),
        (
            one(rest="conditions: [{fact: sale_total, at_least: 1}]"),
            "on zone_entered cannot see 'sale_total'",
        ),
        (one(rest="conditions: [{fact: member, at_least: true}]"), "'member' has no relation 'at_least'"),
        (one(rest="conditions: [{fact: member, is: maybe}]"), "member cannot be 'maybe'"),
        (
            one(rest="conditions: [{fact: basket_items, at_least: few}]"),
            "basket_items must be a whole number",
        ),
        (
            one(rest="conditions: [{fact: basket_total_minor, at_least: 8.00}]"),
            "in cents must be a whole number",
        ),
        (one(rest="conditions: [{fact: basket_total, at_least: .nan}]"), "must be an amount such as 0.60"),
        (one(rest="conditions: [{fact: basket_skus, has: tee}]"), "there is no product 'tee'"),
        (one(rest="conditions: [{fact: basket_categories, has: sweets}]"), "there is no category 'sweets'"),
        (one(rest="conditions: [{fact: tier, is: golden}]"), "tier cannot be 'golden'; did you mean 'gold'?"),
        (
            one(rest="conditions: [{fact: member, is: true, is_not: true}]"),
            "has one relation; make two of it",
        ),
        (one(rest="conditions: [{fact: member}]"), "a condition needs one of: is, is_not"),
        (one(rest="conditions: [{is: true}]"), "a condition needs a fact"),
        (one(rest="conditions: [{fact: zone_shoppers, in: []}]"), "in wants a list of 1 to 50"),
        (one(rest='when: {from: "20:00", to: "07:00"}'), "over midnight, make two campaigns of it"),
        (one(rest="when: {days: [funday]}"), "a day cannot be 'funday'"),
        (one(rest="when: {first_day: 2026-02-30}"), "must be a day of the calendar"),
        (
            one(rest="when: {first_day: 2026-03-02, last_day: 2026-03-01}"),
            "ends on 2026-03-01, before it begins",
        ),
        (one(rest="lasts: forever"), "lasts must be a time such as 20s"),
        (one(rest="priority: 1.5"), "priority must be a whole number"),
        (one(rest="caps: none"), "without caps it is given at every zone_entered"),
        (one(rest="caps: {}"), "caps are empty"),
        (one(rest="caps: {week: 1}"), "caps has no field 'week'"),
        (one(rest="caps: {day: 0}"), "day is 0; it must be 1 to"),
        (
            one("sale_closed", "caps: {visit: 1}"),
            "'visit' is not counted for this campaign; day, member, store can",
        ),
        (one(gives="[]"), "a campaign gives something"),
        (one(gives="[points: -5]"), "points is -5; it must be 1 to"),
        (one(gives="[fish: 1]"), "there is no reward 'fish'"),
        (one(gives="[{points: 5}, {points: 5}]"), "the same reward stands here twice"),
        (one(gives="[{offer: {sku: coffee-250, off: 0}}]"), "an offer of 0.00 off gives nothing"),
        (
            one(gives="[{offer: {sku: coffee-250, off: 5.00}}]"),
            "takes €5.00 off a product of €4.39; give less",
        ),
        (one(gives="[{offer: {sku: tea, off: 0.10}}]"), "there is no product 'tea'"),
        (one(gives="[{offer: {off: 0.10}}]"), "an offer needs 'sku'"),
        (one(gives="[{points_rate: {points: 1, per: 1.00}}]"), "need the trigger sale_closed"),
        (
            one("sale_closed", "caps: none", "[{points_rate: {points: 9, per: 0.05}}]"),
            "gives 9 points, worth €0.09",
        ),
        (one("sale_closed", "caps: none", "[{creative: poster}]"), "a closed sale has no zone, so no screen"),
        (one("shelf_low", "caps: none"), "nobody is there when a shelf runs low"),
        (one(gives="[{creative: poster}]", rest="caps: {visit: 1}"), "there is no creative 'poster'"),
        (one(gives="[{message: {title: Hi}}]"), "a message needs a text"),
    ],
)
def test_each_slip_is_told_with_its_place_and_a_mend(text: str, place_and_mend: str) -> None:
    problems = told(text)
    assert any(place_and_mend in problem for problem in problems), problems
    assert all(problem.startswith("campaigns.yaml:") for problem in problems)


def test_a_slip_is_told_once_and_nothing_follows_from_it() -> None:
    text = one(
        rest="conditions: [{fact: stock_pieces, at_least: 6}]", gives="[{offer: {sku: tea, off: 0.10}}]"
    )
    assert "there is no product 'tea'" in only(text)


def test_all_errors_come_at_once_in_the_order_of_the_file_and_nothing_is_loaded() -> None:
    text = (
        WHOLE.replace("stock_pieces", "stok_pieces").replace("off: 0.60", "off: six").replace("20\n", "x\n")
    )
    loaded = load(text, KNOWN)
    assert [problem.line for problem in loaded.errors] == [10, 13, 17]
    assert loaded.campaigns == {}
    assert loaded.creatives == {}
    assert loaded.named_creatives == {"coffee-break"}


def test_missing_caps_are_asked_for_unless_only_screens_are_addressed() -> None:
    text = one().replace("    caps: {day: 1}\n", "")
    assert "caps are missing; write how often" in only(text)
    screens = text.replace("[points: 30]", "[{creative: poster}]")
    assert told("creatives: {poster: {title: P, template: card}}\n" + screens) == []


def test_an_id_stands_once_and_so_does_a_key() -> None:
    twice = one() + one().removeprefix("campaigns:\n")
    assert ":7:9: 'one' is the id of line 2 already; choose another" in only(twice)
    assert ":3:5: 'name' stands here twice, first in line 2" in only("campaigns:\n  - name: a\n    name: b\n")


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ("{fact: basket_items, at_least: 5}, {fact: basket_items, at_most: 4}", "can never hold together"),
        ("{fact: tier, at_least: gold}, {fact: tier, at_most: silver}", "can never hold together"),
        (
            "{fact: basket_skus, has: sourdough}, {fact: basket_skus, has_not: [sourdough, coffee-250]}",
            "together",
        ),
        ("{fact: member, is: true}, {fact: member, is: false}", "can never hold together"),
        ("{fact: member, is: true}, {fact: member, is: true}", "stands here twice"),
        ("{fact: zone, is: dairy}", "the trigger fires in none of these zones"),
        ("{fact: weekday, in: [sun]}", "the window has none of these days"),
        ("{fact: stock_pieces, at_least: 25}", "the shelves of coffee-250 take 24 pieces"),
    ],
)
def test_what_can_never_hold_is_an_error_where_it_stands(conditions: str, reason: str) -> None:
    gives = "[{offer: {sku: coffee-250, off: 0.10}}]"
    text = one(rest=f"when: {{days: [mon]}}\nconditions: [{conditions}]", gives=gives)
    assert reason in only(text)


def test_goods_without_a_scale_have_no_stock_to_ask_for() -> None:
    gives = "[{offer: {sku: sourdough, off: 0.10}}]"
    text = one(rest="conditions: [{fact: stock_pieces, at_least: 1}]", gives=gives)
    assert "no shelf with a scale holds sourdough" in only(text)
    assert "no goods to look at" in only(one(rest="conditions: [{fact: stock_pieces, at_least: 1}]"))
    low = one("{shelf_low: {sku: sourdough}}", "caps: none", "[{creative: p}]")
    assert "can never fire: no shelf" in only("creatives: {p: {title: P, template: card}}\n" + low)


def test_two_that_could_win_a_group_at_once_need_different_priorities() -> None:
    def pair(first: str, second: str) -> list[str]:
        return told(
            one(rest=f"group: g\n{first}") + one(rest=f"group: g\n{second}")[11:].replace("one", "two", 1)
        )

    assert "may win group g together with one, both of priority 0; give one a higher" in pair("", "")[0]
    assert pair("priority: 1", "priority: 2") == []
    assert pair("when: {days: [mon]}", "when: {days: [tue]}") == []
    assert pair('when: {to: "12:00"}', 'when: {from: "12:00"}') == []
    assert pair("conditions: [{fact: member, is: true}]", "conditions: [{fact: member, is: false}]") == []
    assert pair("conditions: [{fact: tier, is: gold}]", "conditions: [{fact: tier, at_most: silver}]") == []


def test_two_discounts_on_one_product_do_not_add_up_unasked() -> None:
    gives = "[{offer: {sku: coffee-250, off: 0.10}}]"
    text = one(gives=gives) + one(gives=gives)[11:].replace("one", "two", 1)
    assert "takes money off coffee-250 together with one; put both in one group" in only(text)


def test_what_may_be_mended_later_is_a_warning_and_the_file_is_taken() -> None:
    loaded = load(one("{zone_entered: attic}", "when: {last_day: 2026-11-23}"), KNOWN)
    reasons = [problem.reason for problem in loaded.warnings]
    assert loaded.errors == ()
    assert set(loaded.campaigns) == {"one"}
    assert any("ended on 2026-11-23" in reason for reason in reasons)
    assert any("no scanner stands for zone attic" in reason for reason in reasons)
    assert " warning: " in str(loaded.warnings[0])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"campaigns: \xff\xfe", "not UTF-8"),
        (b"campaigns: \x00", "not YAML"),
        (b"a: &a [x]\nb: *a", "anchors (&name) are not taken"),
        (
            b"a: !!python/object:os.system {}",
            "tags (tag:yaml.org,2002:python/object:os.system) are not taken",
        ),
        (b"a: 1\n---\nb: 2", "a second document begins"),
        (b"[" * 50, "nested deeper than 12"),
        (b"{" * 50_000, "maximum nesting depth"),
        (b"? [a, b]\n: c", "cannot be a key"),
        (b" " * (TEXT_BYTES_MAX + 1), "a file may have 1,048,576"),
        (b"a: [" + b"x," * 100_001 + b"]", "more than 100,000 values"),
        (b"a: 'open", "not YAML"),
    ],
)
def test_hostile_text_is_refused_before_it_costs_anything(text: bytes, reason: str) -> None:
    loaded = load(text, KNOWN)
    assert len(loaded.problems) == 1
    assert reason in loaded.problems[0].reason


def test_a_flood_of_errors_is_counted_rather_than_told() -> None:
    text = "campaigns:\n" + "  - {id: 'a b'}\n" * 500
    problems = load(text, KNOWN).problems
    assert len(problems) == 101
    assert "more problems; mend those above first" in problems[-1].reason


def test_an_empty_file_is_a_store_without_campaigns() -> None:
    for text in ("", "campaigns:\n", "campaigns: []\ncreatives: {}\n", "# nothing yet\n"):
        assert load(text, KNOWN) == Loaded({}, {})


def test_the_schema_names_every_fact_and_accepts_what_the_loader_accepts() -> None:
    jsonschema = pytest.importorskip("jsonschema")

    class Yaml12(yaml.SafeLoader):
        """As editors read it: `off` is a word, not false."""

    Yaml12.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith((":bool", ":timestamp"))]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))
    schema = json.loads(json.dumps(campaign_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    text = json.dumps(schema)
    assert all(f'"const": "{name}"' in text for name in (*FACTS, *SPELLINGS))

    def accepts(source: str) -> bool:
        return bool(validator.is_valid(yaml.load(source, Loader=Yaml12)))

    assert accepts(WHOLE)
    assert accepts((GROCERY / "campaigns.yaml").read_text(encoding="utf-8"))
    assert accepts(one("{dwelled: {zone: dairy, for: 20s}}", "conditions: [{fact: member, is: true}]"))
    assert not accepts(one(rest="conditions: [{fact: moon, is: 1}]"))
    assert not accepts(one(rest="conditions: [{fact: sale_total, at_least: 1}]"))
    assert not accepts(one(rest="conditions: [{fact: member, at_least: true}]"))
    assert not accepts(one(rest="caps: {week: 1}"))
    assert not accepts(one("zone_left"))
