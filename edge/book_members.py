"""Reads `members.yaml`: who the store knows without asking, their devices and cards, and anonymous tags.

A store with a head office gets its roster by mail; this file is for stores that stand alone, for tags of the
store's own (trolleys, guest phones), and for demonstrations. Device and card ids are hashed before they are kept,
keys of devices that change their ids are wrapped. No message about this file repeats a device's id or key:
messages are logged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.campaigns.conditions import TIERS
from actors.campaigns.reading import Reading
from actors.campaigns.text import Mark, Node, Table, Text
from actors.presence.identity import (
    KEYS_MAX,
    LOCATION,
    ROTATION_MAX,
    Eid,
    IdentityKey,
    Irk,
    device_of,
)
from edge.roster import is_pseudonym, one_form
from protocols.ids import AccountId, SubjectId, is_safe_id
from protocols.money import AMOUNT_MAX

MEMBERS_FILE = "members.yaml"
MEMBERS_MAX = 20_000
CARRIED_MAX = 10
"""Devices, cards, keys, segments or purposes of one account."""

CLOCK_S_MAX = 2**32
"""A beacon's counter has 32 bits, so its zero lies at most so many seconds from any time, either way."""

_KEY = re.compile(r"[0-9a-fA-F]{32}\Z", re.ASCII)


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
    keys: tuple[IdentityKey, ...] = ()


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
    if sum(len(member.keys) for member in members) > KEYS_MAX:
        reading.tell(table, f"more than {KEYS_MAX:,} keys; leave out those of members who seldom come")
    subjects: dict[str, Member] = {}
    for member in members:
        if member.subject in subjects:
            reading.tell(table, f"subject '{member.subject}' stands for two accounts or tags; rename one")
        subjects[member.subject] = member
    return tuple(members)


def _account(reading: Reading, ident: str, node: Node, taken: dict[str, Mark]) -> Member:
    names = ("name", "subject", "tier", "consent", "segments", "points", "devices", "cards", "keys")
    table = reading.table(node, names, _called(reading, "account", ident, node)) or Table({}, {}, node.mark)
    fields = table.entries
    consent = _names(reading, fields.get("consent"), "consent")
    subject = reading.ident(fields.get("subject"), "subject") or ident
    if subject != ident:
        _called(reading, "subject", subject, fields["subject"])
    return Member(
        subject=SubjectId(subject),
        account=AccountId(ident),
        name=reading.text(fields.get("name"), "name") or "",
        member=True,
        tier=reading.choice(fields.get("tier"), TIERS, "tier") or "base",
        consent=consent,
        segments=_names(reading, fields.get("segments"), "segments"),
        points=reading.whole(fields.get("points"), "points", 0, AMOUNT_MAX),
        devices=_carried(reading, fields.get("devices"), "devices", taken),
        cards=_carried(reading, fields.get("cards"), "cards", taken),
        keys=_keys(reading, fields.get("keys"), consent, taken),
    )


def _tag(reading: Reading, ident: str, node: Node, taken: dict[str, Mark]) -> Member:
    names = ("name", "consent", "devices", "keys")
    table = reading.table(node, names, _called(reading, "tag", ident, node)) or Table({}, {}, node.mark)
    fields = table.entries
    consent = _names(reading, fields.get("consent"), "consent")
    return Member(
        subject=SubjectId(ident),
        account=AccountId(""),
        name=reading.text(fields.get("name"), "name") or "",
        consent=consent,
        devices=_carried(reading, fields.get("devices"), "devices", taken),
        keys=_keys(reading, fields.get("keys"), consent, taken),
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
        name = reading.text(entry, what)
        if name is None:
            continue
        if not is_safe_id(name) or not name.isprintable():
            reading.tell(entry, f"an id of {what} is 1 to 128 characters, no spaces, '/', '+' or '#'")
        elif _is_free(reading, entry, name, what, taken):
            found.append(name)
    return tuple(found)


def _is_free(reading: Reading, entry: Node, name: str, what: str, taken: dict[str, Mark]) -> bool:
    """Whether nobody has it yet, in whichever spelling."""
    name = one_form(name)
    if name in taken:
        reading.tell(entry, f"this one of {what} belongs to the entry of line {taken[name].line} already")
        return False
    taken[name] = entry.mark
    return True


def _keys(
    reading: Reading, node: Node | None, consent: tuple[str, ...], taken: dict[str, Mark]
) -> tuple[IdentityKey, ...]:
    """Keys of devices that change their ids; each belongs to one entry only, and to one that allows `location`."""
    entries = reading.listed(node, "keys")
    if node is None or not entries:
        return ()
    if len(entries) > CARRIED_MAX:
        reading.tell(node, f"more than {CARRIED_MAX} keys of one account")
    if LOCATION not in consent:
        reading.tell(
            node, f"keys find somebody who allows '{LOCATION}': add it to consent, or take the keys out"
        )
    found = []
    for entry in entries[:CARRIED_MAX]:
        key = _key(reading, entry)
        if key is not None and _is_free(reading, entry, device_of(key), "keys", taken):
            found.append(key)
    return tuple(found)


def _key(reading: Reading, node: Node) -> IdentityKey | None:
    if not isinstance(node, Table) or not set(node.keys) <= {"irk", "eid", "rotation", "clock"}:
        reading.tell(node, "a key is {irk: 32 hex digits}, or {eid: 32 hex digits, rotation: 10, clock: 0}")
        return None
    fields = node.entries
    if ("irk" in fields) == ("eid" in fields) or ("irk" in fields and len(fields) > 1):
        reading.tell(
            node, "a key is one irk alone, or one eid with its rotation and clock; list each by itself"
        )
        return None
    kind = "irk" if "irk" in fields else "eid"
    text = fields[kind]
    if not isinstance(text, Text) or _KEY.match(text.text) is None:
        reading.tell(text, f"{kind} must be 32 hex digits, the most significant first")
        return None
    key = bytes.fromhex(text.text)
    if kind == "irk":
        return Irk(key)
    rotation = reading.whole(fields.get("rotation"), "rotation", 0, ROTATION_MAX)
    if "rotation" not in fields:
        reading.tell(
            node, f"an eid needs its rotation, 0 to {ROTATION_MAX}: a new id every 2^rotation seconds"
        )
    clock_s = reading.whole(fields.get("clock"), "clock", -CLOCK_S_MAX, CLOCK_S_MAX)
    return None if rotation is None else Eid(key, rotation, clock_s or 0)


def _called(reading: Reading, what: str, ident: str, node: Node) -> str:
    """How messages call an entry. Its id is written everywhere, so it may not be a device's address."""
    if is_pseudonym(ident):
        return f"{what} {ident}"
    reading.tell(
        node, f"a device's address is no id for a {what}: it would be kept as it is. Choose another one"
    )
    return f"this {what}"
