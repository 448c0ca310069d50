"""A visit in conversation: what a shopper decides, proposes, counts and forgets."""

from __future__ import annotations

import msgspec
import pytest

from actors import shopper as shopper_module
from actors.facts import Facts
from actors.shopper import BASKET_LINES_MAX, ZONES_MAX, Shopper, journey
from protocols.codec import to_json
from protocols.decisions import Checked, Grant
from protocols.effects import Decide, Emit, Know, Reply, Tell
from protocols.facts import Campaign, Condition, Creative, SignPlace, Zone
from protocols.ids import AccountId, CampaignId, CreativeId, Key, OfferId, Sku, SubjectId, ZoneId
from protocols.inputs import (
    AccountClaimed,
    BasketChanged,
    BasketLine,
    Caps,
    ClockSet,
    CreativeProposed,
    Given,
    Identified,
    MemberKnown,
    OfferProposed,
    OfferRefused,
    SaleClosed,
    VisitEnded,
    Woken,
    ZoneEntered,
    ZoneLeft,
)
from protocols.records import Stay, VisitClosed
from tests.unit.playbook import MONDAY, T0, Playbook, facts_of

DAIRY, WINE = ZoneId("dairy"), ZoneId("wine")
IN_DAIRY = Stay(DAIRY, T0 + 5_000, T0 + 65_000)
IN_WINE = Stay(WINE, T0 + 65_000, T0 + 200_000)
ANA = Identified(AccountId("A-1"), "phone-1", "Ana", True, "gold", ("offers",))
OFF = Grant("offer", title="Milk", sku="milk", discount_minor=30)
SCREEN = Grant("creative", creative=CreativeId("milk-card"))


def campaign(ident: str, trigger: str = "zone_entered", **fields: object) -> Campaign:
    given = {"grants": (OFF,), "zones": (DAIRY,), "lasts_s": 600} | fields
    return Campaign(CampaignId(ident), ident.title(), trigger, **given)  # type: ignore[arg-type]


def store(*campaigns: Campaign) -> Facts:
    return facts_of(
        zone={"dairy": Zone("Dairy"), "wine": Zone("Wine")},
        sign={
            "s1": SignPlace("By the milk", (DAIRY,), ()),
            "s2": SignPlace("Corner", (DAIRY, WINE), ()),
            "s3": SignPlace("Wine wall", (WINE,), ()),
        },
        creative={"milk-card": Creative("Milk", sku=Sku("milk"))},
        campaign={one.id: one for one in campaigns},
    )


def visit(*campaigns: Campaign) -> Playbook[Shopper]:
    book: Playbook[Shopper] = Playbook("shopper:ana", store(*campaigns))
    book.take(ANA)
    return book


def test_a_visit_begins_with_its_first_input_and_is_named_after_it() -> None:
    book = visit()
    assert book.state.visit == f"ana.{T0}"
    assert book.state.entered_at_ms == T0
    assert (book.state.account, book.state.tier, book.state.consent) == ("A-1", "gold", ("offers",))


def test_a_member_is_made_known_to_an_account_that_never_heard_of_it() -> None:
    book: Playbook[Shopper] = Playbook("shopper:ana", store())
    known = MemberKnown("Ana", "gold", ("offers",), (), unless_known=True)
    book.expect(ANA, Tell(Key("account:A-1"), known))
    book.expect(ANA)


def test_a_zone_entered_is_counted_decided_and_proposed() -> None:
    book = visit(campaign("milk", caps=Caps(visit=1)))
    first, second, decide, tell = book.take(ZoneEntered(DAIRY, 87), 5)
    assert first == Know(book="occupancy", key="dairy", field="shoppers", add=1)
    assert second == Know(book="occupancy", key="dairy", field="members", add=1)
    assert isinstance(decide, Decide)
    offer = OfferId(f"ana.{T0}.milk.1")
    assert decide.decision.winners == ("milk",)
    assert decide.decision.offers == (offer,)
    assert decide.decision.where == "Dairy" and decide.decision.subject_name == "Ana"
    assert tell == Tell(
        Key("account:A-1"),
        OfferProposed(
            offer=offer,
            campaign=CampaignId("milk"),
            campaign_version=1,
            subject=SubjectId("ana"),
            shopper=Key("shopper:ana"),
            zone=DAIRY,
            grants=(OFF,),
            until_ms=T0 + 605_000,
            caps=Caps(visit=1),
            say="Milk",
        ),
    )


def test_a_decision_that_gives_nothing_names_the_nearest_miss() -> None:
    gold = Condition("tier", "is", "platinum", "The member is platinum")
    book = visit(campaign("milk", conditions=(gold,)))
    book.take(ZoneEntered(DAIRY, 87), 5)
    decision = book.one(Decide).decision
    assert decision.winners == () and book.only(Tell) == []
    assert decision.nearest_miss is not None and decision.nearest_miss.campaign == "milk"
    assert decision.nearest_miss.failed is not None and decision.nearest_miss.failed.saw == "gold"


def test_a_cap_a_visit_holds_when_the_zone_is_entered_again() -> None:
    book = visit(campaign("milk", caps=Caps(visit=1)))
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.take(ZoneEntered(WINE, 87), 10)
    book.take(ZoneEntered(DAIRY, 87), 15)
    assert book.one(Decide).decision.winners == () and book.only(Tell) == []


def test_each_proposal_of_a_visit_has_its_own_number() -> None:
    book = visit(campaign("milk"))
    offers = []
    for second, zone in enumerate((DAIRY, WINE, DAIRY)):
        book.take(ZoneEntered(zone, 87), second)
        offers += [tell.input.offer for tell in book.only(Tell) if isinstance(tell.input, OfferProposed)]
    assert offers == [f"ana.{T0}.milk.1", f"ana.{T0}.milk.2"]


def test_a_creative_goes_to_every_sign_of_the_zone_and_to_no_account() -> None:
    book = visit(campaign("milk", grants=(SCREEN,), priority=7))
    book.take(ZoneEntered(DAIRY, 87), 5)
    asked = CreativeProposed(CreativeId("milk-card"), CampaignId("milk"), Key("shopper:ana"), T0 + 35_000, 7)
    assert book.only(Tell) == [Tell(Key("sign:s1"), asked), Tell(Key("sign:s2"), asked)]
    assert book.one(Decide).decision.offers == ()


def test_moving_on_takes_the_shopper_from_one_zone_to_the_other() -> None:
    book = visit()
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.take(ZoneEntered(WINE, 60), 9)
    counts = [(know.key, know.field, know.add) for know in book.only(Know)]
    assert counts == [
        ("dairy", "shoppers", -1),
        ("dairy", "members", -1),
        ("wine", "shoppers", 1),
        ("wine", "members", 1),
    ]
    assert book.state.zones == (DAIRY, WINE)


def test_the_same_zone_again_changes_only_how_sure_we_are() -> None:
    book = visit(campaign("milk"))
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.expect(ZoneEntered(DAIRY, 91), at_s=9)
    assert book.state.zone_p == 91 and book.state.zone_entered_at_ms == T0 + 5_000


def test_leaving_a_zone_that_it_is_not_in_is_harmless() -> None:
    book = visit()
    book.take(ZoneEntered(DAIRY, 87), 5)
    before = book.state
    book.expect(ZoneLeft(WINE), at_s=6)
    assert book.state == before
    book.take(ZoneLeft(DAIRY), 7)
    assert book.state.zone == "unknown"
    book.expect(ZoneLeft(DAIRY), at_s=8)
    book.expect(ZoneLeft(ZoneId("unknown")), at_s=8)


@pytest.mark.parametrize("zone", ["unknown", ""])
def test_the_unknown_zone_is_never_claimed(zone: str) -> None:
    book = visit(campaign("anywhere", zones=()))
    book.expect(ZoneEntered(ZoneId(zone), 99))
    assert book.state.zones == ()


def test_dwell_is_the_shopper_s_own_wake() -> None:
    book = visit(campaign("wait", "dwelled", dwell_s=30), campaign("linger", "dwelled", dwell_s=90))
    book.take(ZoneEntered(DAIRY, 87), 5)
    assert book.wake_s == 35
    book.expect(Woken(), at_s=34)
    book.take(Woken(), 35)
    assert book.one(Decide).decision.winners == ("wait",)
    assert book.wake_s == 95
    book.expect(Woken(), at_s=36)
    book.take(Woken(), 95.2)
    assert book.one(Decide).decision.winners == ("linger",)
    assert book.wake_s is None
    book.expect(Woken(), at_s=500)


def test_a_late_wake_acts_on_every_dwell_that_has_passed() -> None:
    book = visit(campaign("wait", "dwelled", dwell_s=30), campaign("linger", "dwelled", dwell_s=90))
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.take(Woken(), 300)
    assert set(book.one(Decide).decision.winners) == {"wait", "linger"}
    assert book.wake_s is None


def test_leaving_ends_the_dwell_and_coming_back_begins_another() -> None:
    book = visit(campaign("wait", "dwelled", dwell_s=30))
    book.take(ZoneEntered(DAIRY, 87), 0)
    book.take(ZoneLeft(DAIRY), 20)
    assert book.wake_s is None
    book.take(ZoneEntered(DAIRY, 87), 25)
    assert book.wake_s == 55


def test_a_clock_that_jumps_does_not_shorten_a_dwell() -> None:
    book = visit(campaign("wait", "dwelled", dwell_s=30))
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.expect(ClockSet(3_600_000), at_s=3_610)
    assert book.wake_s == 3_635
    book.expect(Woken(), at_s=3_611)


def test_a_basket_is_decided_when_it_changes_and_only_then() -> None:
    rich = Condition("basket_total_minor", "at_least", 1_000, "The basket is over €10")
    book = visit(campaign("rich", "basket_changed", zones=(), conditions=(rich,)))
    small = BasketChanged((BasketLine(Sku("milk"), 1000, 120),))
    book.take(small)
    assert book.one(Decide).decision.winners == ()
    book.expect(small)
    book.take(BasketChanged((BasketLine(Sku("wine"), 2000, 900),)), 9)
    assert book.one(Decide).decision.winners == ("rich",)


def test_a_basket_beyond_the_limit_is_cut() -> None:
    book = visit()
    line = BasketLine(Sku("milk"), 1000, 120)
    book.take(BasketChanged((line,) * (BASKET_LINES_MAX + 10)))
    assert len(book.state.basket) == BASKET_LINES_MAX


def test_whoever_sent_an_operation_is_answered() -> None:
    book = visit()
    book.take(BasketChanged(()), operation="op-1")
    assert book.one(Reply) == Reply("done", b"{}")


def test_an_anonymous_subject_s_offers_stand_under_its_own_account_and_follow_it() -> None:
    book: Playbook[Shopper] = Playbook("shopper:tag-7", store(campaign("milk", needs_consent="")))
    book.expect(Identified(AccountId(""), "tag-7"))
    book.take(ZoneEntered(DAIRY, 87), 5)
    assert book.one(Tell).key == "account:subject-tag-7"
    told = book.take(ANA, 9)
    assert told[0] == Tell(Key("account:subject-tag-7"), AccountClaimed(AccountId("A-1")))
    assert told[-1] == Know(book="occupancy", key="dairy", field="members", add=1)
    book.take(ZoneEntered(WINE, 87), 12)
    book.take(ZoneEntered(DAIRY, 87), 15)
    assert book.one(Tell).key == "account:A-1"


def test_a_refusal_stands_in_a_decision_of_its_own() -> None:
    book = visit(campaign("milk"))
    book.take(ZoneEntered(DAIRY, 87), 5)
    checked = Checked("At most once a day", "cap_day", "at_most", 1, 2, False)
    before = book.state
    book.take(OfferRefused(CampaignId("milk"), OfferId("o1"), checked), 6)
    decision = book.one(Decide).decision
    assert decision.trigger == "zone_entered" and decision.offers == ("o1",) and decision.winners == ()
    assert decision.nearest_miss is not None
    assert decision.nearest_miss.outcome == "capped" and decision.nearest_miss.failed == checked
    assert decision.summary == "Milk was not issued to Ana: At most once a day"
    assert book.state == before


def test_the_end_of_a_visit_is_recorded_and_the_shopper_is_gone() -> None:
    book = visit()
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.take(ZoneEntered(WINE, 87), 65)
    book.expect(
        VisitEnded(),
        Know(book="occupancy", key="wine", field="shoppers", add=-1),
        Know(book="occupancy", key="wine", field="members", add=-1),
        Emit(
            "telemetry", VisitClosed(f"ana.{T0}", "A-1", T0, T0 + 200_000, (DAIRY, WINE), (IN_DAIRY, IN_WINE))
        ),
        at_s=200,
    )
    assert book.gone


def test_a_journey_is_the_stays_with_when_they_began_and_ended() -> None:
    book = visit()
    assert journey(book.state) == ()
    book.take(ZoneEntered(DAIRY, 87), 5)
    assert journey(book.state) == (Stay(DAIRY, T0 + 5_000),)
    book.take(ZoneEntered(DAIRY, 91), 30)
    book.take(ZoneEntered(WINE, 87), 65)
    assert journey(book.state) == (IN_DAIRY, Stay(WINE, T0 + 65_000))
    book.take(ZoneLeft(WINE), 200)
    assert journey(book.state) == book.state.stays == (IN_DAIRY, IN_WINE)
    book.take(ZoneEntered(DAIRY, 87), 220)
    assert journey(book.state) == (IN_DAIRY, IN_WINE, Stay(DAIRY, T0 + 220_000))


def test_a_visit_that_ends_in_no_zone_closes_no_stay_twice() -> None:
    book = visit()
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.take(ZoneLeft(DAIRY), 65)
    book.take(VisitEnded(), 200)
    closed = book.one(Emit).record
    assert isinstance(closed, VisitClosed) and closed.stays == (IN_DAIRY,)


def test_a_clock_that_jumps_moves_the_whole_journey() -> None:
    book = visit()
    book.take(ZoneEntered(DAIRY, 87), 5)
    book.take(ZoneEntered(WINE, 87), 65)
    book.take(ClockSet(-60_000), 70)
    assert journey(book.state) == (Stay(DAIRY, T0 - 55_000, T0 + 5_000), Stay(WINE, T0 + 5_000))


def test_a_clock_that_went_back_makes_no_stay_that_ends_before_it_began() -> None:
    book = visit()
    book.take(ZoneEntered(DAIRY, 87), 65)
    book.take(ZoneLeft(DAIRY), 5)
    assert journey(book.state) == (Stay(DAIRY, T0 + 65_000, T0 + 65_000),)


def test_an_end_without_a_visit_leaves_no_record() -> None:
    book: Playbook[Shopper] = Playbook("shopper:ana", store())
    book.expect(VisitEnded())
    assert book.gone


def test_a_long_journey_forgets_its_beginning() -> None:
    book = visit()
    for number in range(ZONES_MAX + 5):
        book.take(ZoneEntered(ZoneId(f"z{number}"), 87), number)
    assert len(book.state.zones) == ZONES_MAX and book.state.zones[-1] == f"z{ZONES_MAX + 4}"
    assert len(book.state.stays) == ZONES_MAX and book.state.stays[-1].zone == f"z{ZONES_MAX + 3}"


def test_an_input_of_another_kind_of_entity_is_harmless() -> None:
    book = visit()
    before = book.state
    book.expect(SaleClosed("1", "till-1", (), 0))
    assert book.state == before


def test_what_a_later_release_saved_is_kept_through_this_one() -> None:
    later = b'{"subject":"ana","visit":"ana.5","mood":"keen","v":3}'
    here = shopper_module.decode(later)
    assert here.v == 2 and here.rest == {"mood": msgspec.Raw(b'"keen"')}
    given = Given(Key("shopper:ana"), "t", ZoneEntered(DAIRY, 80), None, T0, MONDAY)  # type: ignore[arg-type]
    after, _ = shopper_module.step(here, given, store())
    assert after is not None
    saved = shopper_module.decode(to_json(after))
    assert saved.zone == DAIRY and saved.rest == {"mood": msgspec.Raw(b'"keen"')}


def test_a_visit_that_an_older_release_saved_goes_on_and_remembers_its_stays_from_then() -> None:
    saved = (
        b'{"subject":"ana","visit":"ana.5","device":"","account":"A-1","name":"Ana","member":true,"tier":"gold",'
        b'"consent":["offers"],"segments":[],"zone":"dairy","zone_p":87,"zone_entered_at_ms":1700000005000,'
        b'"entered_at_ms":1700000000000,"zones":["wine","dairy"],"basket":[],"dwell_decided_s":-1,'
        b'"dwell_next_s":-1,"proposed":{},"v":1,"rest":{}}'
    )
    here = shopper_module.decode(saved)
    assert (here.v, here.stays, here.zones) == (2, (), (WINE, DAIRY))
    assert shopper_module.decode(to_json(here)) == here  # opened twice
    given = Given(Key("shopper:ana"), "t", ZoneLeft(DAIRY), None, T0 + 65_000, MONDAY)  # type: ignore[arg-type]
    after, _ = shopper_module.step(here, given, store())
    assert after is not None and after.stays == (IN_DAIRY,)


def test_an_older_release_keeps_the_stays_that_this_one_saved() -> None:
    from actors.saved import decoder

    class Older(msgspec.Struct, frozen=True):
        subject: str
        v: int = 1
        rest: dict[str, msgspec.Raw] = {}

    here = msgspec.structs.replace(shopper_module.new("ana"), stays=(IN_DAIRY,))
    there = decoder(Older, 1, lambda state: state)(to_json(here))
    assert shopper_module.decode(to_json(there)).stays == (IN_DAIRY,)


def test_a_field_that_was_kept_for_a_later_release_comes_back() -> None:
    class Later(Shopper, frozen=True, omit_defaults=True):
        mood: str = ""

    from actors.saved import decoder

    decode = decoder(Later, 3, lambda state: state)
    kept = decode(b'{"subject":"ana","visit":"ana.5","rest":{"mood":"keen","far":1},"v":1}')
    assert kept.mood == "keen" and kept.v == 3
    assert kept.rest == {"far": msgspec.Raw(b"1")}
