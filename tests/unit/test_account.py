"""An account in conversation: what it issues and refuses, and that its rows say it all."""

from __future__ import annotations

from actors.account import Account, account_from_rows, balance, wallet
from actors.ledger.offers import OFFERS_MAX
from actors.ledger.rows import ENTRIES_OPEN_MAX, posted
from protocols.effects import (
    BalancePosted,
    CapCounted,
    Emit,
    MemberPosted,
    Notify,
    PointsPosted,
    PoolSpent,
    Post,
    Reply,
    Tell,
)
from protocols.ids import AccountId, CampaignId, Key, OfferId, PoolId, ZoneId
from protocols.inputs import (
    AccountClaimed,
    Caps,
    Cause,
    ClockSet,
    ConsentChanged,
    Local,
    MemberKnown,
    OfferMoved,
    OfferSeen,
    OffersMoved,
    Woken,
    ZoneLeft,
)
from protocols.records import OfferIssued
from tests.unit.account_book import (
    A1,
    OFF,
    Book,
    campaign,
    issued,
    member,
    proposed,
    refused,
)
from tests.unit.playbook import MONDAY, T0

# --- offers


def test_a_proposal_is_issued_counted_recorded_and_told_to_the_phone() -> None:
    book = member(campaign("milk"))
    book.expect(
        proposed(),
        Post(issued()),
        Post(CapCounted(A1, CampaignId("milk"), MONDAY.day)),
        Emit("telemetry", OfferIssued("o1", "A-1", "milk", "dairy", T0)),
        Notify(A1),
    )
    assert book.wake_s == 600


def test_the_same_proposal_again_changes_nothing() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.expect(proposed())


def test_without_consent_nothing_is_issued_and_the_shopper_hears_why() -> None:
    book = member(campaign("milk"), consent=("news",))
    book.take(proposed())
    told = refused(book)
    assert (told.campaign, told.offer) == ("milk", "o1")
    assert (told.checked.fact, told.checked.want, told.checked.saw) == ("consent", "offers", ("news",))


def test_a_campaign_that_is_no_longer_live_is_refused() -> None:
    book = member()
    book.take(proposed())
    assert refused(book).checked.fact == "campaign"


def test_an_offer_whose_time_ran_out_on_the_way_is_refused() -> None:
    book = member(campaign("milk"))
    book.take(proposed(until_s=5), 5)
    assert refused(book).checked.fact == "until_ms"


def test_a_member_s_cap_holds_for_ever_and_a_day_s_until_the_next() -> None:
    book = member(campaign("milk"), campaign("wine"))
    tuesday = Local("2026-03-03", 600, 1)
    book.take(proposed("o1", caps=Caps(member=2)))
    book.take(proposed("o2", caps=Caps(member=2)), local=tuesday)
    book.take(proposed("o3", caps=Caps(member=2)), local=tuesday)
    assert (refused(book).checked.fact, refused(book).checked.want, refused(book).checked.saw) == (
        "cap_member",
        2,
        3,
    )
    book.take(proposed("o4", "wine", Caps(day=1)), local=tuesday)
    book.take(proposed("o5", "wine", Caps(day=1)), local=tuesday)
    assert refused(book).checked.fact == "cap_day"
    book.take(proposed("o6", "wine", Caps(day=1)), local=Local("2026-03-04", 600, 2))
    assert book.entries()[-1] == CapCounted(A1, CampaignId("wine"), "2026-03-04")


def test_a_day_that_comes_late_does_not_open_the_cap_again() -> None:
    book = member(campaign("milk"))
    book.take(proposed("o1", caps=Caps(day=1)), local=Local("2026-03-03", 600, 1))
    book.take(proposed("o2", caps=Caps(day=1)), local=MONDAY)
    assert refused(book).checked.fact == "cap_day"


def test_a_store_s_cap_is_a_pool_of_the_business_day() -> None:
    book = member(campaign("milk"))
    pool = PoolId(f"campaign:milk:{MONDAY.day}")
    book.facts.pools = {pool: 4}
    book.take(proposed(caps=Caps(store=5)))
    assert book.entries()[-1] == PoolSpent(pool, 1, 5)
    assert book.facts.pools_read == {pool: 4}
    book.take(proposed("o2", caps=Caps(store=5)), 1)
    assert (refused(book).checked.fact, refused(book).checked.saw) == ("cap_store", 6)


def test_a_newer_offer_of_a_campaign_replaces_the_older_one() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.take(proposed("o2"), 9)
    assert book.entries()[:2] == [issued(state="withdrawn"), issued("o2", at_s=9)]
    assert [offer.offer for offer in book.state.offers] == ["o2"]


def test_the_oldest_offer_makes_room_at_the_limit() -> None:
    names = [f"c{number:03}" for number in range(OFFERS_MAX + 1)]
    book = member(*(campaign(name) for name in names))
    for second, name in enumerate(names):
        book.take(proposed(f"o-{name}", name), second)
    assert len(book.state.offers) == OFFERS_MAX
    assert (book.entries()[0].offer, book.entries()[0].state) == ("o-c000", "expired")  # type: ignore[union-attr]


def test_an_offer_is_seen_once() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.expect(
        OfferSeen(OfferId("o1")), Post(issued(state="seen")), Notify(A1), Reply("done", b"{}"), operation="x"
    )
    book.expect(OfferSeen(OfferId("o1")))
    book.expect(OfferSeen(OfferId("o9")), Reply("expired", b"{}"), operation="y")


def test_offers_expire_by_the_account_s_own_wake() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.expect(Woken(), at_s=599)
    book.expect(Woken(), Post(issued(state="expired")), Notify(A1), at_s=600)
    assert book.wake_s is None
    book.expect(Woken(), at_s=601)


def test_a_clock_that_jumps_gives_offers_their_full_time() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.take(ClockSet(3_600_000), 3_601)
    assert book.wake_s == 4_200
    book.expect(ClockSet(0))


# --- the member


def test_consent_is_replaced_whole_and_offers_without_it_are_withdrawn() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.take(ConsentChanged(("news", "news")), 5, operation="op")
    assert book.entries() == [MemberPosted(A1, "Ana", "gold", ("news",), ()), issued(state="withdrawn")]
    assert book.one(Reply).body == b'{"consent":["news"]}'
    book.expect(ConsentChanged(("news",)), Reply("done", b'{"consent":["news"]}'), operation="op2")


def test_what_a_visit_carries_replaces_nothing_that_is_known() -> None:
    book = member()
    book.take(ConsentChanged(()), 1)
    book.expect(MemberKnown("Ann", "base", ("offers",), (), unless_known=True))
    fresh = Book("A-1")
    fresh.take(MemberKnown("Ann", "base", ("offers",), (), unless_known=True))
    assert (fresh.state.name, fresh.state.consent) == ("Ann", ("offers",))


def test_what_the_roster_says_again_changes_nothing() -> None:
    book = member()
    book.expect(MemberKnown("Ana", "gold", ("offers",)))
    book.take(MemberKnown("Ana", "platinum", ("offers",)))
    assert book.state.tier == "platinum"


def test_an_input_of_another_kind_of_entity_is_harmless() -> None:
    book = member()
    before = book.state
    book.expect(ZoneLeft(ZoneId("dairy")))
    assert book.state == before


# --- a subject that turns out to be a member


def moved(ident: str = "o1") -> OfferMoved:
    return OfferMoved(OfferId(ident), CampaignId("milk"), (OFF,), ZoneId("dairy"), T0, T0 + 600_000, "Milk")


def test_an_anonymous_subject_s_offers_go_to_its_member_and_are_never_open_twice() -> None:
    book = Book("subject-ana", campaign("milk"))
    book.take(proposed())
    subject = AccountId("subject-ana")
    book.expect(
        AccountClaimed(A1),
        Post(issued(account="subject-ana", state="withdrawn")),
        Notify(subject),
        Tell(Key("account:A-1"), OffersMoved((moved(),))),
        at_s=5,
    )
    assert book.state.offers == ()
    book.expect(AccountClaimed(A1), at_s=6)


def test_a_member_takes_over_offers_within_consent_and_caps() -> None:
    book = member(campaign("milk", caps=Caps(member=1)))
    book.expect(
        OffersMoved((moved(),)),
        Post(issued()),
        Post(CapCounted(A1, CampaignId("milk"), MONDAY.day)),
        Notify(A1),
        at_s=5,
    )
    book.expect(OffersMoved((moved(),)), at_s=6)
    book.expect(OffersMoved((moved("o2"),)), at_s=7)
    other = member(campaign("milk"), consent=())
    other.expect(OffersMoved((moved(),)))


def test_a_member_s_own_account_cannot_be_claimed() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.expect(AccountClaimed(AccountId("A-2")))


# --- rows and wallet


def test_rows_of_another_account_change_nothing() -> None:
    mine = member(campaign("milk")).state
    for entry in (
        PointsPosted(AccountId("A-2"), 1, 5, "x"),
        CapCounted(AccountId("A-2"), CampaignId("milk"), "2026-03-02"),
        MemberPosted(AccountId("A-2"), "Ben", "base", (), ()),
        BalancePosted(AccountId("A-2"), 5, 5, 5),
        issued(account="A-2"),
    ):
        assert posted(mine, entry) == mine


def test_an_offer_that_went_to_another_account_is_gone_from_the_first() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    assert posted(book.state, issued(account="A-2")).offers == ()


def test_so_many_entries_that_head_office_never_counted_are_summed_and_never_show_more() -> None:
    entries = [PointsPosted(A1, number, 1, "sale") for number in range(1, ENTRIES_OPEN_MAX + 11)]
    account = account_from_rows("A-1", [BalancePosted(A1, 0, T0, 0), *entries])
    assert len(account.entries_open) == ENTRIES_OPEN_MAX
    assert balance(account) == ENTRIES_OPEN_MAX + 10
    late = posted(account, BalancePosted(A1, 1, T0 + 1, 1))
    assert (balance(late) or 0) <= ENTRIES_OPEN_MAX + 10


def test_the_wallet_is_the_saved_state_as_a_phone_shows_it() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    cause = Cause(7, scanner="n1", subject="ana")
    shown = wallet(book.state, 4, cause, seq=9)
    assert (shown.account, shown.name, shown.tier, shown.member, shown.version, shown.seq) == (
        "A-1",
        "Ana",
        "gold",
        True,
        4,
        9,
    )
    assert shown.points is None and shown.cause == cause
    assert [(one.offer, one.state, one.say, one.until_ms) for one in shown.offers] == [
        ("o1", "issued", "Milk", T0 + 600_000)
    ]
    assert not wallet(Account(AccountId("subject-x")), 1, cause).member
