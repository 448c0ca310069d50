"""Who carries what: keyed hashes at rest, look-ups by anything that a till may scan, and what a birth is told."""

from __future__ import annotations

import pytest

from actors.presence.identity import Eid, IdentityKey, Irk, cipher, random_hash
from edge import roster as rosters
from edge.ports import Enrolled
from edge.roster import Roster, account_of, one_form, token_of
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


# --- devices that change their ids

NOW_MS = 1_772_445_600_000
KEY = Irk(bytes.fromhex("ec0234a357c8ad05341010a60a397d9b"))
HEARD = "7081940dfbaa"
BEACON = Eid(b"e" * 16, 10, NOW_MS // 1_000 - 70_000)


def private_address(key: bytes, random: int) -> str:
    prand = (0x400000 | random).to_bytes(3, "big")
    return (prand + random_hash(cipher(key), prand)).hex()


def person(subject: str, account: str = "", consent: tuple[str, ...] = ("offers", "location")) -> Enrolled:
    return Enrolled(b"", subject, account, member=bool(account), consent=consent)


def keyed(roster: Roster, who: Enrolled, key: IdentityKey = KEY) -> Enrolled:
    row = roster.keyed(who, key)
    roster.add([row])
    return row


def test_a_private_address_is_its_owners_by_the_key_that_they_enrolled() -> None:
    roster = Roster(SECRET)
    row = keyed(roster, person("ana", "A-1"))
    assert roster.heard(HEARD, (), NOW_MS) == row
    assert roster.heard("name:phone", (HEARD,), NOW_MS) == row
    assert roster.heard("7081940dfbab", (), NOW_MS) is None
    assert roster.carrier(HEARD) is None  # nobody enrolled the address


def test_an_enrolled_id_counts_before_one_that_a_key_made() -> None:
    roster = Roster(SECRET, [TROLLEY])
    keyed(roster, person("ana", "A-1"))
    assert roster.heard(HEARD, ("tag-1",), NOW_MS) is TROLLEY


def test_a_key_lies_wrapped_in_its_row_and_is_there_again_at_the_next_start() -> None:
    roster = Roster(SECRET)
    rows = [keyed(roster, person("ana", "A-1")), keyed(roster, person("cart"), BEACON)]
    for row, key in zip(rows, (KEY, BEACON), strict=True):
        assert row.key is not None
        assert key.key not in row.key.wrapped and key.key not in row.token
    again = Roster(SECRET, rows)
    assert again.heard(HEARD, (), NOW_MS) == rows[0]
    assert len(again.resolver) == 2


def test_a_row_that_is_made_again_is_the_same_so_that_a_file_which_says_it_again_writes_nothing() -> None:
    roster = Roster(SECRET)
    row = keyed(roster, person("cart"), BEACON)
    assert roster.keyed(person("cart"), BEACON) == row
    moved = roster.keyed(person("cart"), Eid(BEACON.key, 10, BEACON.clock_s + 60))
    assert moved.token == row.token
    assert moved.key != row.key


def test_under_another_secret_a_key_is_unreadable_counted_and_finds_nobody() -> None:
    row = Roster(SECRET).keyed(person("ana", "A-1"), KEY)
    other = Roster(b"another secret", [row])
    assert (other.unreadable, len(other.resolver)) == (1, 0)
    assert other.heard(HEARD, (), NOW_MS) is None


def test_a_key_that_was_moved_into_another_persons_row_is_unreadable() -> None:
    roster = Roster(SECRET)
    ana, ben = roster.keyed(person("ana"), KEY), roster.keyed(person("ben"), Irk(b"b" * 16))
    forged = Enrolled(ben.token, "ben", "", consent=("location",), key=ana.key)
    assert Roster(SECRET, [forged]).unreadable == 1


@pytest.mark.parametrize("consent", [(), ("offers",), ("offers", "profile")])
def test_no_key_finds_anybody_who_does_not_allow_their_location(consent: tuple[str, ...]) -> None:
    held = Roster(SECRET).keyed(person("ana", "A-1"), KEY)
    refused = Enrolled(held.token, "ana", "A-1", member=True, consent=consent, key=held.key)
    for roster in (Roster(SECRET, [refused]), Roster(SECRET, [held])):
        roster.add([refused])
        assert roster.heard(HEARD, (), NOW_MS) is None
        assert len(roster.resolver) == 0
        row = roster.row(held.token)
        assert row is not None and row.key is None


def test_a_key_is_lost_by_whichever_row_of_its_owner_says_no_and_nobody_elses_is() -> None:
    roster = Roster(SECRET, [CARD])
    ana = keyed(roster, person("ana", "A-1"))
    cart = keyed(roster, person("cart"), Irk(b"c" * 16))
    roster.add([enrolled("2900001", "ana", "A-1", consent=("offers",))])
    assert roster.heard(HEARD, (), NOW_MS) is None
    assert roster.heard(private_address(b"c" * 16, 1), (), NOW_MS) == cart
    row = roster.row(ana.token)
    assert row is not None
    assert (row.key, row.consent) == (None, ("offers",))


def test_consent_that_is_given_again_brings_no_key_back_until_it_is_enrolled_again() -> None:
    roster = Roster(SECRET)
    row = keyed(roster, person("ana", "A-1"))
    for consent in ((), ("location",)):
        roster.add([Enrolled(one.token, "ana", "A-1", consent=consent) for one in roster.rows_of("A-1")])
    assert roster.heard(HEARD, (), NOW_MS) is None
    roster.add([row])
    assert roster.heard(HEARD, (), NOW_MS) == row


def test_what_is_said_of_the_carrier_later_leaves_the_key() -> None:
    roster = Roster(SECRET)
    row = keyed(roster, person("ana", "A-1"))
    roster.add([Enrolled(row.token, "ana", "A-1", name="Ana", member=True, consent=("location",))])
    found = roster.heard(HEARD, (), NOW_MS)
    assert found is not None
    assert (found.name, found.key) == ("Ana", row.key)


def test_a_device_that_a_gateway_resolved_itself_is_followed_only_as_its_owner_allows() -> None:
    """ESPresense says `irk:<key>` of a device whose key it was given."""
    said = f"irk:{KEY.key.hex()}"
    roster = Roster(SECRET)
    row = keyed(roster, person("ana", "A-1"))
    assert roster.heard(said, (), NOW_MS) == row
    assert roster.heard(said.upper().replace("IRK", "irk"), (), NOW_MS) == row
    roster.add([Enrolled(row.token, "ana", "A-1", consent=("offers",))])
    assert roster.heard(said, (), NOW_MS) is None
    assert roster.carrier(said) is None


@pytest.mark.parametrize(
    "spelled", ["AA:BB:CC:DD:EE:01", "aa-bb-cc-dd-ee-01", "AABBCCDDEE01", "aabbccddee01"]
)
def test_an_address_is_one_device_however_it_is_spelled(spelled: str) -> None:
    roster = Roster(SECRET)
    row = Enrolled(roster.token(spelled), "ana", "A-1")
    roster.add([row])
    assert roster.carrier("aabbccddee01") is row
    assert roster.resolve("AA:BB:CC:DD:EE:01") is row


def test_an_address_is_no_name_for_a_person_and_twelve_decimal_digits_are() -> None:
    assert not rosters.is_pseudonym("aabbccddee01")
    assert not rosters.is_pseudonym("00:00:00:00:00:01")
    assert rosters.is_pseudonym("290000000100")
    assert rosters.is_pseudonym("ana")


def test_a_beacon_is_one_device_in_every_gateway_s_spelling() -> None:
    uuid = "e2c56db5-dffb-48d2-b060-d0f5a71096e0"
    assert one_form(f"{uuid.upper()}-1-2") == one_form(f"iBeacon:{uuid}-1-2") == f"iBeacon:{uuid}-1-2"
    assert one_form("AA:BB:CC:DD:EE:FF") == "aabbccddeeff"
    assert one_form("2900 0000 0001") == "2900 0000 0001"  # a card, and no device
