"""An account is its rows: read as the entries that they stand for, and added up by the domain's own function."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from actors.ledger.rows import ENTRIES_OPEN_MAX, account_from_rows
from protocols.cells import Load
from protocols.codec import to_json
from protocols.decisions import Grant
from protocols.effects import BalancePosted, CapCounted, Entry, MemberPosted, OfferPosted, PointsPosted
from protocols.ids import AccountId, CampaignId, key

_POINTS = """
    SELECT number, points, why FROM points_entry
    WHERE account = ?1 AND number > coalesce((SELECT as_of_entry FROM cloud_balance WHERE account = ?1), 0)
    ORDER BY number"""
# Days before the latest one count in the sum only; under no day's name they come first and are few.
_CAPS = """
    SELECT campaign, CASE WHEN day = (SELECT max(day) FROM cap_count WHERE account = ?1) THEN day ELSE '' END AS on_day,
           sum(count)
    FROM cap_count WHERE account = ?1 GROUP BY campaign, on_day ORDER BY on_day, campaign"""
_OFFERS = """
    SELECT offer, campaign, state, grants, zone, issued_at_ms, until_ms, say FROM offer
    WHERE account = ? AND state IN ('issued', 'seen') ORDER BY issued_at_ms, offer"""

_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_grants = msgspec.json.Decoder(tuple[Grant, ...]).decode


def load(reader: sqlite3.Connection, ident: str) -> Load | None:
    """The account's state as its rows add up to it, or None if it never took a turn. Call it inside a snapshot."""
    rows = reader.execute("SELECT version FROM account WHERE account = ?", (ident,)).fetchall()
    if not rows:
        return None
    account = account_from_rows(ident, entries(reader, AccountId(ident)))
    return Load(key("account", ident), rows[0][0], to_json(account))


def entries(reader: sqlite3.Connection, account: AccountId) -> Iterator[Entry]:
    """What the account's rows stand for, as far as it matters to its state today."""
    for name, tier, consent, segments in reader.execute(
        "SELECT name, tier, consent, segments FROM member WHERE account = ?", (account,)
    ).fetchall():
        yield MemberPosted(account, name, tier, _decode_words(consent), _decode_words(segments))
    for points, as_of_ms, as_of_entry in reader.execute(
        "SELECT points, as_of_ms, as_of_entry FROM cloud_balance WHERE account = ?", (account,)
    ).fetchall():
        yield BalancePosted(account, points, as_of_ms, as_of_entry)
    yield from _points(reader, account)
    for offer, campaign, state, grants, zone, issued_at_ms, until_ms, say in reader.execute(
        _OFFERS, (account,)
    ).fetchall():
        yield OfferPosted(
            offer, account, campaign, state, _decode_grants(grants), zone, issued_at_ms, until_ms, say
        )
    for campaign, day, count in reader.execute(_CAPS, (account,)).fetchall():
        yield CapCounted(account, CampaignId(campaign), day, count)


def _points(reader: sqlite3.Connection, account: AccountId) -> Iterator[PointsPosted]:
    """Entries that head office has not counted. A very long tail is made one, as the state does with it."""
    rows = reader.execute(_POINTS, (account,)).fetchall()
    surplus = len(rows) - ENTRIES_OPEN_MAX
    if surplus > 0:
        tail = rows[: surplus + 1]
        rows = [(tail[0][0], sum(points for _, points, _ in tail), tail[0][2]), *rows[surplus + 1 :]]
    for number, points, why in rows:
        yield PointsPosted(account, number, points, why)
