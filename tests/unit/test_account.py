"""An account in conversation: what it issues and refuses, what a sale does, and that its rows say it all."""

from __future__ import annotations

import msgspec

from actors.account import Account, account_from_rows, balance, wallet
from actors.ledger.offers import OFFERS_MAX
from actors.ledger.rows import ENTRIES_OPEN_MAX, posted
from protocols.api import SaleReceipt
from protocols.decisions import Grant
from protocols.effects import (
    BalancePosted,
    CapCounted,
    Decide,
    Effect,
    Emit,
    Entry,
    MemberPosted,
    Notify,
    OfferPosted,
    PointsPosted,
    PoolSpent,
    Post,
    Reply,
    SalePosted,
    Tell,
)
from protocols.facts import Campaign, Product, TillPlace
from protocols.ids import AccountId, CampaignId, Key, OfferId, PoolId, Sku, SubjectId, ZoneId
from protocols.inputs import (
    AccountClaimed,
    BalanceKnown,
    BasketLine,
    Caps,
    Cause,
    ClockSet,
    ConsentChanged,
    Input,
    Local,
    MemberKnown,
    OfferMoved,
    OfferProposed,
    OfferRefused,
    OfferSeen,
    OffersMoved,
    SaleClosed,
    Woken,
    ZoneLeft,
)
from protocols.records import OfferIssued, SaleLine, SaleRecorded
from tests.unit.playbook import MONDAY, T0, Playbook, facts_of

A1, MILK = AccountId("A-1"), Sku("milk")
OFF = Grant("offer", title="Milk", sku=MILK, discount_minor=30)
BASE = Campaign(
    CampaignId("base"),
    "Base",
    "sale_closed",
    grants=(Grant("points_rate", points=1, per_minor=100),),
    needs_consent="",
)


def campaign(ident: str, **fields: object) -> Campaign:
    given = {"trigger": "zone_entered", "grants": (OFF,)} | fields
    return Campaign(CampaignId(ident), ident.title(), **given)  # type: ignore[arg-type]


class Book(Playbook[Account]):
    """An account in conversation whose rows are kept, and after each step add up to the state it has."""

    def __init__(self, ident: str, *campaigns: Campaign) -> None:
        facts = facts_of(
            campaign={one.id: one for one in (*campaigns, BASE)},
            product={"milk": Product("Milk", "dairy", 119), "wine": Product("Wine", "wine", 990)},
            till={"till-2": TillPlace("Till 2")},
        )
        super().__init__(f"account:{ident}", facts)
        self.ident = ident
        self.rows: list[Entry] = []

    def take(
        self, given: Input, at_s: float = 0, *, operation: str = "", local: Local = MONDAY
    ) -> tuple[Effect, ...]:
        effects = super().take(given, at_s, operation=operation, local=local)
        self.rows += self.entries()
        assert account_from_rows(self.ident, self.rows) == self.state
        assert account_from_rows(self.ident, as_tables(self.rows)) == self.state
        return effects

    def entries(self) -> list[Entry]:
        return [effect.entry for effect in self.effects if isinstance(effect, Post)]


def as_tables(rows: list[Entry]) -> list[Entry]:
    """The rows as a database has them: the last of each key, cap counts summed, and read in another order."""
    latest: dict[object, Entry] = {}
    counts: dict[tuple[str, str, str], int] = {}
    points: list[Entry] = []
    for row in rows:
        match row:
            case OfferPosted():
                latest[row.offer] = row
            case MemberPosted() | BalancePosted():
                latest[type(row)] = row
            case CapCounted():
                place = (row.account, row.campaign, row.day)
                counts[place] = counts.get(place, 0) + row.times
            case PointsPosted():
                points.append(row)
    floor = next((row.as_of_entry for row in latest.values() if isinstance(row, BalancePosted)), 0)
    later = [row for row in points if isinstance(row, PointsPosted) and row.entry > floor]
    counted: list[Entry] = [
        CapCounted(AccountId(a), CampaignId(c), d, n) for (a, c, d), n in sorted(counts.items())
    ]
    return [*counted, *reversed(later), *reversed(list(latest.values()))]


def proposed(ident: str = "o1", of: str = "milk", caps: Caps = Caps(), until_s: float = 600) -> OfferProposed:  # noqa: B008
    return OfferProposed(
        offer=OfferId(ident),
        campaign=CampaignId(of),
        campaign_version=1,
        subject=SubjectId("ana"),
        shopper=Key("shopper:ana"),
        zone=ZoneId("dairy"),
        grants=(OFF,),
        until_ms=T0 + round(until_s * 1000),
        caps=caps,
        say="Milk",
    )


def issued(ident: str = "o1", account: str = "A-1", state: str = "issued", at_s: float = 0) -> OfferPosted:
    return OfferPosted(
        OfferId(ident), AccountId(account), CampaignId("milk"), state, (OFF,), ZoneId("dairy"),  # type: ignore[arg-type]
        T0 + round(at_s * 1000), T0 + 600_000, "Milk",
    )  # fmt: skip


def sale(*lines: BasketLine, total: int = 1_999, till: str = "till-2") -> SaleClosed:
    return SaleClosed("S-7", till, lines or (BasketLine(Sku("wine"), 2000, 990),), total)


def member(*campaigns: Campaign, consent: tuple[str, ...] = ("offers",)) -> Book:
    book = Book("A-1", *campaigns)
    book.take(MemberKnown("Ana", "gold", consent))
    return book


def open_entries(book: Book) -> list[tuple[int, int]]:
    return list(book.state.entries_open)


def refused(book: Book) -> OfferRefused:
    (tell,) = book.effects
    assert isinstance(tell, Tell) and tell.key == "shopper:ana" and isinstance(tell.input, OfferRefused)
    return tell.input


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


# --- sales


def test_a_sale_earns_points_and_is_booked_recorded_and_answered_in_one_turn() -> None:
    book = member()
    book.take(BalanceKnown(100, T0 - 5, 0))
    book.take(sale(), 1, operation="op-1")
    lines = (BasketLine(Sku("wine"), 2000, 990),)
    assert book.entries() == [
        PointsPosted(A1, 1, 19, "sale S-7"),
        SalePosted("S-7", "till-2", A1, 1_999, "EUR", 19, lines, T0 + 1_000),
    ]
    assert book.one(Emit) == Emit(
        "money",
        SaleRecorded(
            "op-1", "S-7", "till-2", "A-1", 1_999, "EUR", 19, 1, T0 + 1_000, MONDAY.day,
            (SaleLine("wine", 2000, 990),),
        ),
    )  # fmt: skip
    assert book.one(Notify) == Notify(A1)
    receipt = msgspec.json.decode(book.one(Reply).body, type=SaleReceipt)
    assert receipt == SaleReceipt("op-1", "S-7", "A-1", 1_999, 19, 119)
    decision = book.one(Decide).decision
    assert (decision.trigger, decision.winners, decision.where) == ("sale_closed", ("base",), "Till 2")


def test_points_entries_are_numbered_and_those_head_office_counted_are_counted_once() -> None:
    book = member()
    book.take(sale(), 1)
    assert balance(book.state) is None
    book.take(BalanceKnown(500, T0, 0), 2)
    book.take(sale(total=700), 3)
    assert open_entries(book) == [(1, 19), (2, 7)] and balance(book.state) == 526
    book.take(BalanceKnown(519, T0 + 10, 1), 4)
    assert open_entries(book) == [(2, 7)] and balance(book.state) == 526


def test_a_balance_that_is_older_than_what_is_known_changes_nothing() -> None:
    book = member()
    book.take(sale(), 1)
    book.take(BalanceKnown(519, T0 + 10, 1), 4)
    book.expect(BalanceKnown(519, T0 + 10, 1), at_s=5)
    book.expect(BalanceKnown(500, T0 + 5, 0), at_s=5)
    book.expect(BalanceKnown(500, T0 + 50, 0), at_s=6)


def test_a_balance_cannot_count_entries_that_were_not_made_yet() -> None:
    book = member()
    book.take(BalanceKnown(500, T0, 40), 1)
    book.take(sale(total=700), 2)
    assert balance(book.state) == 507


def test_an_offer_whose_goods_are_sold_is_used() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.take(sale(BasketLine(MILK, 1000, 119, 30), total=89), 5, operation="op")
    assert book.entries()[0] == issued(state="redeemed")
    assert msgspec.json.decode(book.one(Reply).body, type=SaleReceipt).offers_used == ("o1",)
    assert book.state.offers == ()


def test_an_offer_for_other_goods_or_past_its_time_is_not_used() -> None:
    book = member(campaign("milk"))
    book.take(proposed())
    book.take(sale(), 5)
    assert msgspec.json.decode(book.one(Reply).body, type=SaleReceipt).offers_used == ()
    book.take(sale(BasketLine(MILK, 1000, 119), total=119), 600)
    assert msgspec.json.decode(book.one(Reply).body, type=SaleReceipt).offers_used == ()


def test_points_that_a_visit_promised_come_with_the_next_sale() -> None:
    book = member(campaign("hello", grants=(Grant("points", points=50),)))
    hello = msgspec.structs.replace(proposed("o1", "hello"), grants=(Grant("points", points=50),))
    book.take(hello)
    assert open_entries(book) == []
    book.take(sale(), 5)
    assert open_entries(book) == [(1, 69)]


def test_a_rate_for_certain_goods_counts_those_goods_alone() -> None:
    double = campaign(
        "double",
        trigger="sale_closed",
        grants=(Grant("points_rate", points=2, per_minor=100),),
        skus=(MILK,),
        needs_consent="",
    )
    book = member(double)
    book.take(sale(BasketLine(MILK, 3000, 119), BasketLine(Sku("wine"), 1000, 990), total=1_347), 5)
    assert open_entries(book) == [(1, 13 + 2 * 3)]


def test_a_sale_s_campaign_may_issue_an_offer_for_the_next_visit_within_its_caps() -> None:
    thanks = campaign("thanks", trigger="sale_closed", caps=Caps(member=1))
    book = member(thanks)
    book.take(sale(), 5)
    assert [(offer.campaign, offer.state) for offer in book.state.offers] == [("thanks", "issued")]
    book.take(sale(), 6)
    decision = book.one(Decide).decision
    assert decision.winners == ("base",) and decision.offers == ()
    assert decision.nearest_miss is not None and decision.nearest_miss.outcome == "capped"
    assert decision.nearest_miss.failed is not None and decision.nearest_miss.failed.fact == "cap_member"


def test_points_with_a_cap_are_counted() -> None:
    once = campaign(
        "once",
        trigger="sale_closed",
        grants=(Grant("points", points=500),),
        caps=Caps(day=1),
        needs_consent="",
    )
    book = member(once)
    book.take(sale(), 5)
    book.take(sale(), 6)
    assert open_entries(book) == [(1, 519), (2, 19)]


def test_a_till_s_sale_without_a_card_earns_nothing_for_nobody() -> None:
    book = Book("till-2")
    book.take(sale(), operation="op")
    assert [type(effect) for effect in book.effects] == [Post, Emit, Reply]
    receipt = msgspec.json.decode(book.one(Reply).body, type=SaleReceipt)
    assert (receipt.points_earned, receipt.balance_points, receipt.account) == (0, None, "till-2")
    book.expect(proposed())
    assert book.state == Account(AccountId("till-2"))


def test_an_anonymous_subject_holds_offers_and_no_points() -> None:
    book = Book("subject-tag-7", campaign("milk"))
    book.take(proposed())
    assert len(book.state.offers) == 1
    book.take(sale(BasketLine(MILK, 1000, 119), total=5_000), 5)
    receipt = msgspec.json.decode(book.one(Reply).body, type=SaleReceipt)
    assert (receipt.points_earned, receipt.offers_used) == (0, ("o1",))
    assert open_entries(book) == []
    book.expect(BalanceKnown(100, T0, 0))
    book.expect(MemberKnown("Eve"))


def test_a_negative_total_earns_nothing() -> None:
    book = member()
    book.take(sale(total=-5_000))
    assert open_entries(book) == []


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
