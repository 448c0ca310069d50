"""An account to talk with: a book that checks after each step that its rows add up to its state."""

from __future__ import annotations

from actors.account import Account, account_from_rows
from protocols.decisions import Grant
from protocols.effects import (
    BalancePosted,
    CapCounted,
    Effect,
    Entry,
    MemberPosted,
    OfferPosted,
    PointsPosted,
    Post,
    Tell,
)
from protocols.facts import Campaign, Product, TillPlace
from protocols.ids import AccountId, CampaignId, Key, OfferId, Sku, SubjectId, ZoneId
from protocols.inputs import (
    BasketLine,
    Caps,
    Input,
    Local,
    MemberKnown,
    OfferProposed,
    OfferRefused,
    SaleClosed,
)
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
