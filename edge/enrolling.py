"""What an enrolment may say, and the rows that keep the keys of devices that change their ids."""

from __future__ import annotations

from dataclasses import replace

from actors.presence.identity import KEYS_MAX, LOCATION, Eid, IdentityKey, Irk, device_of
from edge.ports import Enrolled
from edge.roster import Roster, is_pseudonym
from protocols.api import EnrolRequest
from protocols.errors import Nonsense
from protocols.ids import is_safe_id

OWN_ACCOUNTS = ("subject-", "till-", "card-")
"""Beginnings of accounts that the store makes by itself."""

NAME_LENGTH_MAX = 128
PURPOSES_MAX = 64
"""Bounds of what an enrolment may say of a member."""


def check_enrolment(request: EnrolRequest) -> None:
    """What a member is called goes into topics and onto every screen: bounded, and of the right characters."""
    if request.account.startswith(OWN_ACCOUNTS):
        raise Nonsense(
            f"Accounts that begin with {', '.join(OWN_ACCOUNTS)} are the store's own. Choose another id."
        )
    for what, text in (("account", request.account), ("tier", request.tier), *_purposes(request)):
        if text and not is_safe_id(text):
            raise Nonsense(f"`{what}` is 1 to 128 characters without white space, '/', '+' or '#'.")
    if len(request.name) > NAME_LENGTH_MAX:
        raise Nonsense(f"`name` is at most {NAME_LENGTH_MAX} characters.")
    if not all(is_pseudonym(text) for text in (request.subject, request.account, request.name)):
        raise Nonsense(
            "A device's address is no name for its carrier: it would be kept as it is. Choose another."
        )


def keyed_rows(roster: Roster, person: Enrolled, request: EnrolRequest, now_ms: int) -> tuple[Enrolled, ...]:
    """The rows of the keys that a request brings for a person. Raises Nonsense without consent, or at the limit."""
    keys: list[IdentityKey] = []
    if request.irk is not None:
        keys.append(Irk(bytes.fromhex(request.irk)))
    if (eid := request.eid) is not None:
        keys.append(Eid(bytes.fromhex(eid.key), eid.rotation, now_ms // 1_000 - eid.counter))
    if keys and LOCATION not in person.consent:
        raise Nonsense(f"`irk` and `eid` find somebody who allows `{LOCATION}`: send it among `consent`.")
    new = [key for key in keys if roster.row(roster.token(device_of(key))) is None]
    if len(roster.resolver) + len(new) > KEYS_MAX:
        raise Nonsense(f"This store keeps {KEYS_MAX:,} keys, and has them. Enrol the device without its key.")
    return tuple(roster.keyed(replace(person, key=None), key) for key in keys)


def _purposes(request: EnrolRequest) -> list[tuple[str, str]]:
    if len(request.consent) > PURPOSES_MAX:
        raise Nonsense(f"`consent` names at most {PURPOSES_MAX} purposes.")
    return [("consent", purpose) for purpose in request.consent]
