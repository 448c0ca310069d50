"""An enrolment with keys: who may be found by them, how many a store keeps, and what is no name for a person."""

from __future__ import annotations

import pytest

from actors.presence.identity import Eid, Irk
from edge import enrolling
from edge.enrolling import check_enrolment, keyed_rows
from edge.ports import Enrolled
from edge.roster import Roster
from protocols.api import EidRequest, EnrolRequest
from protocols.errors import Nonsense

SECRET = b"a secret of the store"
HEX = "ec0234a357c8ad05341010a60a397d9b"
NOW_MS = 1_772_445_600_000
ANA = Enrolled(b"phone", "ana", "A-1", "Ana", True, "gold", ("offers", "location"))
BOTH = EnrolRequest("ana", "A-1", irk=HEX, eid=EidRequest(HEX.upper(), 10, 65_280))


def test_each_key_is_a_row_of_the_person_under_its_own_token() -> None:
    roster = Roster(SECRET)
    irk, eid = keyed_rows(roster, ANA, BOTH, NOW_MS)
    for row in (irk, eid):
        assert (row.subject, row.account, row.name, row.consent) == ("ana", "A-1", "Ana", ANA.consent)
        assert row.key is not None
    assert len({ANA.token, irk.token, eid.token}) == 3
    assert eid.key is not None
    assert (eid.key.kind, eid.key.rotation, eid.key.clock_s) == ("eid", 10, NOW_MS // 1_000 - 65_280)


def test_the_keys_that_were_sent_are_those_that_are_kept() -> None:
    roster = Roster(SECRET)
    rows = keyed_rows(roster, ANA, BOTH, NOW_MS)
    clock_s = NOW_MS // 1_000 - 65_280
    keys = [roster._keyring.unwrap(row.token, row.key) for row in rows if row.key is not None]
    assert keys == [Irk(bytes.fromhex(HEX)), Eid(bytes.fromhex(HEX), 10, clock_s)]


def test_an_enrolment_without_keys_has_no_rows_of_keys() -> None:
    assert keyed_rows(Roster(SECRET), ANA, EnrolRequest("ana"), NOW_MS) == ()


@pytest.mark.parametrize("consent", [(), ("offers", "profile")])
def test_keys_without_consent_for_the_location_are_refused(consent: tuple[str, ...]) -> None:
    person = Enrolled(b"phone", "ana", "A-1", consent=consent)
    with pytest.raises(Nonsense, match="allows `location`") as refused:
        keyed_rows(Roster(SECRET), person, BOTH, NOW_MS)
    assert HEX not in str(refused.value).lower()


def test_a_store_that_has_all_its_keys_takes_no_more_but_an_old_one_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(enrolling, "KEYS_MAX", 2)
    roster = Roster(SECRET)
    roster.add(keyed_rows(roster, ANA, BOTH, NOW_MS))
    assert len(keyed_rows(roster, ANA, BOTH, NOW_MS)) == 2
    with pytest.raises(Nonsense, match="keeps 2 keys"):
        keyed_rows(roster, ANA, EnrolRequest("ben", irk="0" * 32), NOW_MS)


@pytest.mark.parametrize(
    "request_",
    [
        EnrolRequest("aabbccddee01"),
        EnrolRequest("x", "aa:bb:cc:dd:ee:01"),
        EnrolRequest("x", "A-1", "AA-BB-CC-DD-EE-01"),
    ],
)
def test_an_address_is_no_name_for_a_person(request_: EnrolRequest) -> None:
    with pytest.raises(Nonsense, match="A device's address is no name") as refused:
        check_enrolment(request_)
    assert "aabb" not in str(refused.value).lower().replace(":", "").replace("-", "")


def test_twelve_digits_are_a_number_that_somebody_gave() -> None:
    check_enrolment(EnrolRequest("290000000100", "290000000100"))
