"""Members and their opening balances, brought in from elsewhere; each once, however often it is run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
from sqlalchemy import Engine

from cloud.db import schema
from cloud.db.mail import balance_mail, number_mail
from cloud.db.writing import add_to_balances, insert_new, replace
from cloud.ledger import ISSUED, OPENING, available
from protocols.codec import to_json
from protocols.errors import Nonsense
from protocols.ids import is_safe_id
from protocols.mail import Mail, MemberMailed
from protocols.money import AMOUNT_MAX

IMPORT_SHARD = 0
"""The programme's row that opening balances are taken from."""


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member. `points` is the balance that they come with; `stores` hear of them at once."""

    account: str
    name: str = ""
    tier: str = "base"
    consent: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    points: Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)] = 0
    stores: tuple[str, ...] = ()


def import_members(engine: Engine, members: Sequence[Member], now_ms: int | None = None) -> int:
    """Writes members whole, over what was known, and mails them to their stores. Gives how many there were.

    An opening balance is posted once per account: importing the same list again changes no points.
    """
    at_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    for member in members:
        if not is_safe_id(member.account):
            raise Nonsense(f"member '{member.account}': an account has no white space, '/', '+' or '#'")
    ordered = sorted(members, key=lambda member: member.account)
    with engine.begin() as connection:
        opening = [_opening(member, at_ms) for member in ordered if member.points]
        new = insert_new(connection, schema.transfer, opening, "operation")
        moved: dict[str, int] = {}
        for member in ordered:
            points = member.points if (member.account,) in new else 0
            moved[available(member.account)] = moved.get(available(member.account), 0) + points
            moved[ISSUED] = moved.get(ISSUED, 0) - points
        balances = add_to_balances(connection, moved, IMPORT_SHARD)
        replace(connection, schema.member, [_row(member) for member in ordered])
        known_at = [{"account": m.account, "store": store} for m in ordered for store in m.stores]
        insert_new(connection, schema.account_store, known_at)
        mail: dict[str, list[Mail]] = {}
        for member in ordered:
            for store in member.stores:
                mail.setdefault(store, []).append(_mailed(member))
        for store, some in balance_mail(connection, [m.account for m in ordered], balances, at_ms).items():
            mail.setdefault(store, []).extend(some)
        number_mail(connection, mail, at_ms)
    return len(ordered)


def _opening(member: Member, at_ms: int) -> dict[str, object]:
    return {
        "store": "",
        "operation": member.account,
        "kind": OPENING,
        "debit": ISSUED,
        "credit": available(member.account),
        "points": member.points,
        "at_ms": at_ms,
    }


def _row(member: Member) -> dict[str, object]:
    return {
        "account": member.account,
        "name": member.name,
        "tier": member.tier,
        "consent": to_json(member.consent).decode(),
        "segments": to_json(member.segments).decode(),
        "devices": to_json(member.devices).decode(),
        "cards": to_json(member.cards).decode(),
        "imported": True,
    }


def _mailed(member: Member) -> MemberMailed:
    return MemberMailed(
        member.account,
        member.name,
        member.tier,
        member.consent,
        member.segments,
        member.devices,
        member.cards,
    )
