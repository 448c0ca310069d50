"""One account's turn while it is made: entries change the state at once, and become effects in their order."""

from __future__ import annotations

from typing import Literal

from actors.ledger.rows import Account, posted
from protocols.effects import Effect, Entry, Post
from protocols.inputs import Given

Holder = Literal["member", "subject", "till"]


class Making:
    """The account as its entries leave it, and the effects so far. Lives for one step."""

    __slots__ = ("account", "effects", "given")

    def __init__(self, account: Account, given: Given) -> None:
        self.account = account
        self.given = given
        self.effects: list[Effect] = []

    def post(self, entry: Entry) -> None:
        """Posts one entry: the only way in which an account changes."""
        self.account = posted(self.account, entry)
        self.effects.append(Post(entry))

    def add(self, effect: Effect) -> None:
        """Any other effect."""
        self.effects.append(effect)


def holder(account: Account) -> Holder:
    """Who holds this account: a member, an anonymous subject, or a till's sales without a card."""
    if account.account.startswith("subject-"):
        return "subject"
    return "till" if account.account.startswith("till-") else "member"
