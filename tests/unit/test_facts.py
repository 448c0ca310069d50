"""The books as a step sees them: what is applied, what is refused, and what is worked out from them."""

from __future__ import annotations

import pytest

from actors.concluded import conclusion
from actors.facts import Facts
from actors.kinds import BEHAVIOURS
from protocols.codec import to_json
from protocols.decisions import Grant
from protocols.errors import Nonsense
from protocols.facts import Campaign, Creative, Fact, PresenceSettings, ShelfPlace, SignPlace, StockLine, Zone
from protocols.ids import KINDS, CampaignId, CreativeId, Key, Sku, ZoneId
from protocols.inputs import Cause, VisitEnded
from tests.unit.playbook import facts_of

DAIRY = ZoneId("dairy")


def test_a_fact_is_set_replaced_and_taken_out() -> None:
    facts = Facts()
    facts.apply([Fact("zone", "dairy", 1, to_json(Zone("Dairy")))], 1)
    facts.apply([Fact("zone", "dairy", 2, to_json(Zone("Milk")))], 2)
    assert facts.zones["dairy"].name == "Milk" and facts.version == 2
    facts.apply([Fact("zone", "dairy", 3, b"null"), Fact("zone", "never", 3, b"null")], 3)
    assert facts.zones == {} and facts.version == 3


def test_settings_that_are_taken_out_are_the_defaults_again() -> None:
    facts = facts_of(presence={"presence": PresenceSettings(hold_s=9)})
    assert facts.presence.hold_s == 9
    facts.apply([Fact("presence", "presence", 2, b"null")], 2)
    assert facts.presence == PresenceSettings()


@pytest.mark.parametrize(
    ("book", "value"),
    [
        ("zone", b'{"name":5}'),
        ("zone", b"\xff\xfe"),
        ("stock", b"{"),
        ("gossip", b"{}"),
        ("shelf", b"[" * 100_000),
    ],
)
def test_a_bad_fact_is_refused_by_book_and_key_and_changes_nothing(book: str, value: bytes) -> None:
    facts = facts_of(zone={"dairy": Zone("Dairy")})
    good = Fact("zone", "wine", 2, to_json(Zone("Wine")))
    with pytest.raises(Nonsense, match=f"{book}/k-9"):
        facts.apply([good, Fact(book, "k-9", 2, value)], 2)
    assert set(facts.zones) == {"dairy"} and facts.version == 1


def test_a_pool_that_was_read_is_remembered_for_the_journal() -> None:
    facts = Facts()
    facts.pools = {"a": 4, "b": 7}
    assert (facts.spent("a"), facts.spent("z")) == (4, 0)
    assert facts.pools_read == {"a": 4, "z": 0}


def test_the_index_follows_campaigns() -> None:
    facts = Facts()
    assert len(facts.index) == 0
    before = facts.index
    assert facts.index is before
    one = Campaign(CampaignId("c1"), "One", "zone_entered")
    facts.apply([Fact("campaign", "c1", 1, to_json(one))], 1)
    assert len(facts.index) == 1
    facts.apply([Fact("occupancy", "dairy", 2, b"{}")], 2)
    held = facts.index
    facts.apply([Fact("campaign", "c1", 3, b"null")], 3)
    assert facts.index is not held and len(facts.index) == 0


def test_the_signs_of_a_zone_and_of_a_product_are_in_order() -> None:
    show = Grant("creative", creative=CreativeId("milk"))
    facts = facts_of(
        sign={
            "s2": SignPlace("B", (DAIRY,), ()),
            "s1": SignPlace("A", (DAIRY, ZoneId("wine")), ()),
            "s3": SignPlace("C", (ZoneId("door"),), (CreativeId("milk"),)),
        },
        creative={"milk": Creative("Milk", sku=Sku("milk"))},
    )
    assert facts.signs_of("dairy") == ("s1", "s2") and facts.signs_of("attic") == ()
    assert facts.signs_with("milk") == ("s3",)
    here = Campaign(CampaignId("c1"), "One", "zone_entered", grants=(show,), zones=(DAIRY,))
    facts.apply([Fact("campaign", "c1", 2, to_json(here))], 2)
    assert facts.signs_with("milk") == ("s1", "s2", "s3")
    facts.apply([Fact("sign", "s2", 3, b"null")], 3)
    assert facts.signs_of("dairy") == ("s1",) and facts.signs_with("milk") == ("s1", "s3")


def test_the_stock_of_a_product_is_that_of_its_shelves() -> None:
    line = StockLine(Sku("milk"), 3, "low", 90)
    facts = facts_of(
        shelf={name: ShelfPlace(DAIRY, Sku("milk"), 1, 9, 2) for name in ("d2", "d1", "d3")},
        stock={"d2": line, "d1": line, "gone": line},
    )
    assert facts.stock_of("milk") == [("d1", line), ("d2", line)]
    facts.apply([Fact("shelf", "d1", 2, b"null")], 2)
    assert facts.stock_of("milk") == [("d2", line)] and facts.stock_of("") == []


def test_every_kind_of_entity_has_its_behaviour_and_a_new_one_is_saved_as_it_is() -> None:
    assert set(BEHAVIOURS) == set(KINDS)
    for behaviour in BEHAVIOURS.values():
        state = behaviour.new("x")
        assert behaviour.decode(to_json(state)) == state
        assert behaviour.wake_at_ms(state) is None


def test_a_conclusion_s_id_follows_from_its_cause() -> None:
    cause = Cause(5, scanner="n1", subject="ana")
    one = conclusion(Key("shopper:ana"), VisitEnded(), cause)
    assert one.id == "n1/shopper:ana@5/VisitEnded"
    assert conclusion(Key("shopper:ana"), VisitEnded(), cause, "~9").id != one.id
