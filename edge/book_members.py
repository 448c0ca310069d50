"""Reads `members.yaml`: who the store knows without asking, their devices and cards, and anonymous tags.

A store with a head office gets its roster by mail; this file is for stores that stand alone, for tags of the
store's own (trolleys, guest phones), and for demonstrations. Device and card ids are hashed before they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.campaigns.conditions import TIERS
from actors.campaigns.reading import Reading
from actors.campaigns.text import Mark, Node, Table
from protocols.ids import AccountId, SubjectId
from protocols.money import AMOUNT_MAX

MEMBERS_FILE = "members.yaml"
MEMBERS_MAX = 20_000
CARRIED_MAX = 10
"""Devices, cards, segments or purposes of one account."""


@dataclass(frozen=True, slots=True)
class Member:
    """One line of the file. `account` is empty for an anonymous tag; `points` is None where nobody has said."""

    subject: SubjectId
    account: AccountId
    name: str = ""
    member: bool = False
    tier: str = "base"
    consent: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    points: int | None = None
    devices: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()


def read_members(reading: Reading, root: Node) -> tuple[Member, ...]:
    """Every account and tag, in the order of the file. Problems are told in `reading`."""
    table = reading.table(root, ("accounts", "tags"), MEMBERS_FILE)
    if table is None:
        return ()
    taken: dict[str, Mark] = {}
    members = [
        _account(reading, ident, node, taken)
        for ident, node in reading.keyed(table.entries.get("accounts"), "accounts").items()
    ]
    members += [
        _tag(reading, ident, node, taken)
        for ident, node in reading.keyed(table.entries.get("tags"), "tags").items()
    ]
    if len(members) > MEMBERS_MAX:
        reading.tell(table, f"more than {MEMBERS_MAX:,} members; let head office mail the roster")
    subjects: dict[str, Member] = {}
    for member in members:
        if member.subject in subjects:
            reading.tell(table, f"subject '{member.subject}' stands for two accounts or tags; rename one")
        subjects[member.subject] = member
    return tuple(members)


def _account(reading: Reading, ident: str, node: Node, taken: dict[str, Mark]) -> Member:
    names = ("name", "subject", "tier", "consent", "segments", "points", "devices", "cards")
    table = reading.table(node, names, f"account {ident}") or Table({}, {}, node.mark)
    fields = table.entries
    return Member(
        subject=SubjectId(reading.ident(fields.get("subject"), "subject") or ident),
        account=AccountId(ident),
        name=reading.text(fields.get("name"), "name") or "",
        member=True,
        tier=reading.choice(fields.get("tier"), TIERS, "tier") or "base",
        consent=_names(reading, fields.get("consent"), "consent"),
        segments=_names(reading, fields.get("segments"), "segments"),
        points=reading.whole(fields.get("points"), "points", 0, AMOUNT_MAX),
        devices=_carried(reading, fields.get("devices"), "devices", taken),
        cards=_carried(reading, fields.get("cards"), "cards", taken),
    )


def _tag(reading: Reading, ident: str, node: Node, taken: dict[str, Mark]) -> Member:
    table = reading.table(node, ("name", "consent", "devices"), f"tag {ident}") or Table({}, {}, node.mark)
    fields = table.entries
    return Member(
        subject=SubjectId(ident),
        account=AccountId(""),
        name=reading.text(fields.get("name"), "name") or "",
        consent=_names(reading, fields.get("consent"), "consent"),
        devices=_carried(reading, fields.get("devices"), "devices", taken),
    )


def _names(reading: Reading, node: Node | None, what: str) -> tuple[str, ...]:
    entries = reading.listed(node, what)
    if node is not None and len(entries) > CARRIED_MAX:
        reading.tell(node, f"more than {CARRIED_MAX} {what} of one account")
    found = [reading.ident(entry, what) for entry in entries[:CARRIED_MAX]]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _carried(reading: Reading, node: Node | None, what: str, taken: dict[str, Mark]) -> tuple[str, ...]:
    """Device or card ids; each belongs to one account only."""
    entries = reading.listed(node, what)
    if node is not None and len(entries) > CARRIED_MAX:
        reading.tell(node, f"more than {CARRIED_MAX} {what} of one account")
    found = []
    for entry in entries[:CARRIED_MAX]:
        name = reading.ident(entry, what)
        if name is None:
            continue
        if name in taken:
            reading.tell(entry, f"'{name}' belongs to the entry of line {taken[name].line} already")
            continue
        taken[name] = entry.mark
        found.append(name)
    return tuple(found)
