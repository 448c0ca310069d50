"""members.yaml: keys of devices that change their ids, each error at its line, and no id or key in any message."""

from __future__ import annotations

from textwrap import dedent

import pytest

from actors.campaigns.reading import Reading
from actors.campaigns.text import parse
from actors.presence.identity import Eid, Irk
from edge import book_members
from edge.book_members import Member, read_members

HEX = "ec0234a357c8ad05341010a60a397d9b"
MAC = "AA:BB:CC:DD:EE:01"


def read(text: str) -> tuple[dict[str, Member], list[str]]:
    """The members by subject, and what was told."""
    reading = Reading("members.yaml")
    members = read_members(reading, parse(dedent(text), "members.yaml"))
    return {str(member.subject): member for member in members}, [str(one) for one in reading.told()]


def told_of(keys: str, consent: str = "[offers, location]") -> list[str]:
    return read(f"accounts:\n  A-1:\n    consent: {consent}\n    keys: {keys}\n")[1]


def test_accounts_and_tags_bring_keys() -> None:
    members, told = read(
        f"""
        accounts:
          A-1:
            {{subject: ana, consent: [location], keys: [{{irk: {HEX}}}, {{irk: {"12" * 16}}}]}}
        tags:
          cart: {{consent: [location], keys: [{{eid: {HEX.upper()}, rotation: 10, clock: -1700000000}}]}}
          cart-2: {{consent: [location], keys: [{{eid: {"0" * 32}, rotation: 0}}]}}
        """
    )
    assert told == []
    assert members["ana"].keys == (Irk(bytes.fromhex(HEX)), Irk(b"\x12" * 16))
    assert members["cart"].keys == (Eid(bytes.fromhex(HEX), 10, -1_700_000_000),)
    assert members["cart-2"].keys == (Eid(bytes(16), 0, 0),)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (f"[{{irk: {HEX[:-1]}}}]", "irk must be 32 hex digits"),
        (f"[{{irk: {HEX}0}}]", "irk must be 32 hex digits"),
        ("[{irk: }]", "irk must be 32 hex digits"),
        ("[{irk: [1]}]", "irk must be 32 hex digits"),
        (f"[{{eid: x{HEX[1:]}, rotation: 3}}]", "eid must be 32 hex digits"),
        (f"[{{eid: {HEX}}}]", "an eid needs its rotation"),
        (f"[{{eid: {HEX}, rotation: 16}}]", "rotation is 16; it must be 0 to 15"),
        (f"[{{eid: {HEX}, rotation: 3, clock: soon}}]", "clock must be a whole number"),
        (f"[{{eid: {HEX}, rotation: 3, clock: 9999999999}}]", "it must be -4,294,967,296 to"),
        (f"[{{irk: {HEX}, rotation: 3}}]", "one irk alone, or one eid"),
        (f"[{{irk: {HEX}, eid: {HEX}}}]", "one irk alone, or one eid"),
        ("[{rotation: 3}]", "one irk alone, or one eid"),
        (f"[{HEX}]", "a key is {irk: 32 hex digits}"),
        (f"[{{{HEX}: irk}}]", "a key is {irk: 32 hex digits}"),
        (f"{{irk: {HEX}}}", "keys must be a list"),
        (f"[{{irk: {HEX}}}, {{irk: {HEX.upper()}}}]", "this one of keys belongs to the entry of line 4 already"),
        (str([f"{{irk: {number:032x}}}" for number in range(11)]).replace("'", ""), "more than 10 keys"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_told_at_its_line_and_never_repeated(keys: str, reason: str) -> None:
    told = told_of(keys)
    assert any(line.startswith("members.yaml:4:") and reason in line for line in told), told
    assert not any(HEX[1:-1] in line.lower() for line in told)


def test_keys_of_somebody_who_does_not_allow_their_location_are_refused() -> None:
    (told,) = told_of(f"[{{irk: {HEX}}}]", consent="[offers]")
    assert "members.yaml:4:" in told and "add it to consent, or take the keys out" in told
    assert told_of("[]", consent="[offers]") == []


def test_more_keys_than_a_store_keeps_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_members, "KEYS_MAX", 1)
    (told,) = told_of(f"[{{irk: {HEX}}}, {{irk: {'0' * 32}}}]")
    assert "more than 1 keys" in told


def test_one_device_of_two_people_is_told_however_it_is_spelled_and_not_by_its_address() -> None:
    _, (told,) = read(
        f"""
        accounts:
          A-1: {{devices: ["{MAC}"]}}
          A-2: {{devices: [aabbccddee01]}}
        """
    )
    assert "members.yaml:4:" in told and "belongs to the entry of line 3 already" in told
    assert "aabb" not in told.lower()


def test_a_device_that_is_no_id_is_told_without_it() -> None:
    _, (told,) = read(f'accounts: {{A-1: {{devices: ["{MAC} ", x]}}}}')
    assert "an id of devices is 1 to 128 characters" in told
    assert MAC not in told


@pytest.mark.parametrize(
    "text",
    [
        f'accounts: {{"{MAC}": {{subject: ana}}}}',
        f'accounts: {{A-1: {{subject: "{MAC}"}}}}',
        'tags: {"aabbccddee01": {devices: [x], nonsense: 1}}',
    ],
)
def test_an_address_is_no_id_of_a_person_because_it_would_be_kept(text: str) -> None:
    _, told = read(text)
    assert any("a device's address is no id for a" in line for line in told)
    assert not any("aa:bb" in line.lower() or "aabb" in line for line in told)
