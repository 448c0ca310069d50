"""Who carries what: keyed hashes at rest, look-ups by anything that a till may scan, and what a birth is told."""

from __future__ import annotations

import pytest

from edge import roster as rosters
from edge.ports import Enrolled
from edge.roster import Roster, account_of, token_of
from protocols.ids import Key
from protocols.inputs import Identified, MemberKnown

SECRET = b"a secret of the store"


def enrolled(carried: str, subject: str, account: str = "", **more: object) -> Enrolled:
    return Enrolled(token_of(SECRET, carried), subject, account, member=bool(account), **more)  # type: ignore[arg-type]


ANA = enrolled("phone-ana", "ana", "A-1", name="Ana", tier="gold", consent=("offers",), segments=("new",))
CARD = enrolled("2900001", "ana", "A-1", name="Ana", tier="gold", consent=("offers",), segments=("new",))
TROLLEY = enrolled("tag-1", "trolley-1")


def test_a_device_is_known_by_its_keyed_hash_and_nothing_of_it_is_kept() -> None:
    roster = Roster(SECRET, [ANA])
    assert roster.carrier("phone-ana") is ANA
    assert "phone-ana" not in repr(ANA)
    assert Roster(b"another secret", [ANA]).carrier("phone-ana") is None


def test_a_stranger_is_nobody_until_enrolled_and_is_known_from_then_on() -> None:
    roster = Roster(SECRET)
    assert roster.carrier("tag-1") is None
    roster.add([TROLLEY])
    assert roster.carrier("tag-1") is TROLLEY
    assert len(roster) == 1


def test_a_device_that_moves_to_somebody_else_is_theirs_at_once() -> None:
    roster = Roster(SECRET, [TROLLEY])
    assert roster.carrier("tag-1") is TROLLEY
    moved = enrolled("tag-1", "ben", "A-2")
    roster.add([moved])
    assert roster.carrier("tag-1") is moved
    assert len(roster) == 1


@pytest.mark.parametrize("scanned", ["2900001", "phone-ana", "A-1", "ana"])
def test_a_till_may_scan_a_card_a_device_an_account_or_a_subject(scanned: str) -> None:
    found = Roster(SECRET, [ANA, CARD]).resolve(scanned)
    assert found is not None
    assert found.account == "A-1"


def test_what_nobody_here_carries_resolves_to_nobody() -> None:
    assert Roster(SECRET, [ANA]).resolve("A-2") is None


def test_every_device_and_card_of_an_account_is_found_and_so_are_a_subjects_own() -> None:
    roster = Roster(SECRET, [ANA, CARD, TROLLEY])
    assert set(map(id, roster.rows_of("A-1"))) == {id(ANA), id(CARD)}
    assert roster.rows_of("subject-trolley-1") == [TROLLEY]
    assert roster.rows_of("trolley-1") == []
    assert (account_of(ANA), account_of(TROLLEY)) == ("A-1", "subject-trolley-1")


def test_a_visit_is_told_who_it_is_and_an_account_whose_it_is() -> None:
    roster = Roster(SECRET, [ANA, TROLLEY])
    assert roster.births(Key("shopper:ana")) == (
        Identified(
            account="A-1",  # type: ignore[arg-type]
            name="Ana",
            member=True,
            tier="gold",
            consent=("offers",),
            segments=("new",),
        ),
    )
    assert roster.births(Key("account:A-1")) == (MemberKnown("Ana", "gold", ("offers",), ("new",)),)
    assert roster.births(Key("shopper:trolley-1")) == (Identified(account=""),)  # type: ignore[arg-type]
    assert roster.births(Key("account:subject-trolley-1")) == ()
    assert roster.births(Key("shopper:nobody")) == ()
    assert roster.births(Key("shelf:ana")) == ()


def test_the_memory_of_hashes_has_a_limit_and_forgets_no_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosters, "REMEMBERED_MAX", 10)
    roster = Roster(SECRET, [ANA])
    for number in range(100):
        assert roster.carrier(f"stranger-{number}") is None
        assert len(roster._by_device) <= 10
    assert roster.carrier("phone-ana") is ANA
