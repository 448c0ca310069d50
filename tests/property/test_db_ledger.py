"""The ledger in the database against a plain model, whatever is posted in whatever order and grouping."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from actors.ledger.rows import Account, decode, new, posted
from edge.db import open_db
from edge.ports import CommitFailed
from protocols.effects import (
    BalancePosted,
    CapCounted,
    Entry,
    MemberPosted,
    OfferPosted,
    PointsPosted,
    PoolSpent,
    Post,
)
from protocols.ids import AccountId, CampaignId, Key, OfferId, PoolId, ZoneId
from protocols.inputs import Woken
from tests.store_values import given, group, saved, taken

ACCOUNTS = st.sampled_from([AccountId("A-1"), AccountId("A-2"), AccountId("subject-ben")])
CAMPAIGNS = st.sampled_from([CampaignId("c1"), CampaignId("c2")])
POINTS = st.integers(-500, 500)
POOL_OF = 20


class Ledger(RuleBasedStateMachine):
    """Groups of entries go to the database and to a model; only what the database took counts in the model."""

    entries: Bundle[tuple[AccountId, Entry]] = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.opened()
        self.accounts: dict[AccountId, Account] = {}
        self.versions: dict[AccountId, int] = {}
        self.numbers: set[tuple[AccountId, int]] = set()
        self.spent = 0
        self.issued = 0
        self.turns = 0

    def opened(self) -> None:
        self.db = open_db(Path(self.folder.name), threaded=False)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @rule(target=entries, account=ACCOUNTS, points=POINTS)
    def points(self, account: AccountId, points: int) -> tuple[AccountId, Entry]:
        return account, PointsPosted(account, 0, points, "sale")  # the number is given when it is posted

    @rule(target=entries, account=ACCOUNTS, campaign=CAMPAIGNS, day=st.sampled_from("123"))
    def cap(self, account: AccountId, campaign: CampaignId, day: str) -> tuple[AccountId, Entry]:
        return account, CapCounted(account, campaign, f"2026-03-0{day}")

    @rule(
        target=entries,
        account=ACCOUNTS,
        number=st.integers(1, 4),
        state=st.sampled_from(["issued", "seen", "redeemed", "expired", "withdrawn"]),
        at_ms=st.integers(0, 5),
    )
    def offer(self, account: AccountId, number: int, state: Any, at_ms: int) -> tuple[AccountId, Entry]:
        ident = OfferId(f"{account}.{number}")
        zone, campaign = ZoneId("dairy"), CampaignId("c1")
        return account, OfferPosted(ident, account, campaign, state, (), zone, at_ms, at_ms + 10, "Milk")

    @rule(target=entries, account=ACCOUNTS, tier=st.sampled_from(["base", "gold"]))
    def member(self, account: AccountId, tier: str) -> tuple[AccountId, Entry]:
        return account, MemberPosted(account, "Ana", tier, ("offers",), ())

    @rule(target=entries, account=ACCOUNTS, points=POINTS, behind=st.integers(0, 3))
    def balance(self, account: AccountId, points: int, behind: int) -> tuple[AccountId, Entry]:
        return account, BalancePosted(account, points, 7, behind)  # `as_of_entry` is set when it is posted

    @rule(target=entries, account=ACCOUNTS, amount=st.integers(1, 9))
    def pool(self, account: AccountId, amount: int) -> tuple[AccountId, Entry]:
        return account, PoolSpent(PoolId("campaign:c1"), amount, POOL_OF)

    @rule(
        chosen=st.lists(entries, min_size=1, max_size=8),
        stale=st.booleans(),
        again=st.booleans(),
    )
    def commit(self, chosen: list[tuple[AccountId, Entry]], stale: bool, again: bool) -> None:
        accounts = dict(self.accounts)
        by_account: dict[AccountId, list[Post]] = {}
        spent, issued, numbers, doubled = self.spent, self.issued, set(self.numbers), False
        for account, entry in chosen:
            before = accounts.get(account) or new(account)
            if isinstance(entry, PointsPosted):
                number = before.next_entry - (again and before.next_entry > 1)
                doubled |= (account, number) in numbers
                numbers.add((account, number))
                entry = msgspec.structs.replace(entry, entry=number)
                issued += entry.points
            elif isinstance(entry, BalancePosted):
                as_of = max(before.as_of_entry, before.next_entry - 1 - entry.as_of_entry)
                entry = msgspec.structs.replace(entry, as_of_entry=as_of)
            elif isinstance(entry, PoolSpent):
                spent += entry.amount
            accounts[account] = posted(before, entry)
            by_account.setdefault(account, []).append(Post(entry))
        work = group(
            *(
                taken(given(f"account:{account}", Woken()), posts, state=b"{}")
                for account, posts in by_account.items()
            ),
            saved=[
                saved(f"account:{account}", self.versions.get(account, 0) + stale, state=b"{}")
                for account in by_account
            ],
        )
        try:
            self.run(self.db.commit(work))
        except CommitFailed as failed:
            assert failed.by_turn
            assert stale or doubled or spent > POOL_OF
            return
        assert spent <= POOL_OF
        assert not doubled
        assert not stale or all(not self.versions.get(account) for account in by_account)
        self.accounts, self.spent, self.issued, self.numbers = accounts, spent, issued, numbers
        self.turns += len(by_account)
        for account in by_account:
            self.versions[account] = self.versions.get(account, 0) + stale + 1

    @rule()
    def restart(self) -> None:
        self.db.close()
        self.opened()

    @invariant()
    def agrees(self) -> None:
        totals = self.db.totals()
        assert totals.points_off_by == 0
        assert totals.points_issued == self.issued
        assert totals.turns == totals.last_seq == self.turns
        assert self.db.pools() == ({"campaign:c1": self.spent} if self.spent else {})
        for ident, account in self.accounts.items():
            load = self.db.load(Key(f"account:{ident}"))
            assert load is not None
            assert load.version == self.versions[ident]
            assert decode(load.state) == account

    def teardown(self) -> None:
        self.db.close()
        self.loop.close()
        self.folder.cleanup()


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
