"""Whose a changing id is: published vectors, what is remembered and for how long, what is done at the limits."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from actors.presence import identity
from actors.presence.identity import (
    DRIFT_PERIODS,
    REMEMBERED_MS,
    Eid,
    IdentityKey,
    Irk,
    Resolver,
    cipher,
    device_of,
    ephemeral_id,
    is_resolvable,
    random_hash,
    temporary_key,
)

SPEC_IRK = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")
"""The key of the Core specification's sample data for `ah` (vol 3, part H, appendix D.7)."""

ANA, BEN, CART = b"ana", b"ben", b"cart"
NOW_MS = 1_772_445_600_000
NOW_S = NOW_MS // 1_000


def address(irk: bytes, random: int) -> str:
    """The resolvable private address that an owner of the key makes of 22 random bits."""
    prand = (0x400000 | random & 0x3FFFFF).to_bytes(3, "big")
    return (prand + random_hash(cipher(irk), prand)).hex()


def said(key: Eid, counter: int) -> str:
    """The id that a beacon says when its counter stands there."""
    under = cipher(temporary_key(cipher(key.key), counter))
    return f"eid:{ephemeral_id(under, key.rotation, counter).hex()}"


def resolver(**keys: IdentityKey) -> Resolver:
    made = Resolver()
    for name, key in keys.items():
        made.put(name.encode(), key)
    return made


# --- what the standards say


def test_the_hash_of_the_core_specifications_sample() -> None:
    assert random_hash(cipher(SPEC_IRK), bytes.fromhex("708194")).hex() == "0dfbaa"
    assert resolver(ana=Irk(SPEC_IRK)).resolve("7081940dfbaa", NOW_MS) == ANA


@pytest.mark.parametrize(
    ("key", "rotation", "counter", "eid"),
    [
        # Shared by two independent implementations that derive the key from Google's example key pairs.
        ("7c91330e61dfea4606b5b3ecb4457d76", 0, 0, "436bfe57d5a09505"),
        # Radius Networks' calculator: the first period, and 2,000 s later.
        ("0102030405060708090a111213141516", 10, 0, "a9b76a71c5f89290"),
        ("0102030405060708090a111213141516", 10, 2_000, "4144413e45fefa58"),
    ],
)
def test_ephemeral_ids_that_others_published(key: str, rotation: int, counter: int, eid: str) -> None:
    assert said(Eid(bytes.fromhex(key), rotation), counter) == f"eid:{eid}"


def test_temporary_keys_that_others_published() -> None:
    under = temporary_key(cipher(bytes.fromhex("7c91330e61dfea4606b5b3ecb4457d76")), 0)
    assert under.hex() == "4d7ad123b3f67bb3c7ac3ffd02599f6a"
    under = bytes.fromhex("b7c2d909d27d22df8343271162480210")
    assert ephemeral_id(cipher(under), 12, 1_518_080_946).hex() == "7dd8169dae94258c"


def test_an_ephemeral_id_is_what_another_mode_of_the_cipher_makes_of_the_same_block() -> None:
    """The layout of both blocks written out by hand, through CBC with a zero vector instead of ECB."""

    def block(key: bytes, text: str) -> bytes:
        return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(bytes.fromhex(text))

    under = block(SPEC_IRK, "00" * 11 + "ff" + "0000" + "89ab")
    eid = block(under, "00" * 11 + "0c" + "89abc000")[:8]
    assert said(Eid(SPEC_IRK, 12), 0x89AB_CDEF) == f"eid:{eid.hex()}"


@pytest.mark.parametrize(
    ("device", "may"),
    [
        ("4081940dfbaa", True),
        ("7f81940dfbaa", True),
        ("3f81940dfbaa", False),  # 00: private, and nobody can resolve it
        ("8081940dfbaa", False),  # 10: reserved
        ("c081940dfbaa", False),  # 11: static
        ("70:81:94:0d:fb:aa", False),  # readers give addresses without separators
        ("7081940DFBAA", False),
        ("7081940dfbaa00", False),
        ("name:phone", False),
    ],
)
def test_only_addresses_whose_top_bits_say_so_are_tried(device: str, may: bool) -> None:
    assert is_resolvable(device) is may


def test_a_key_is_not_printed_with_whatever_holds_it() -> None:
    for key in (Irk(SPEC_IRK), Eid(SPEC_IRK, 10)):
        assert "ec02" not in repr(key) and "\\xec" not in repr(key)
    assert device_of(Irk(SPEC_IRK)) == f"irk:{SPEC_IRK.hex()}"


# --- addresses


def test_each_address_is_its_own_owners_and_a_strangers_is_nobodys() -> None:
    keys = resolver(ana=Irk(b"a" * 16), ben=Irk(b"b" * 16))
    for random in (1, 2, 3):
        assert keys.resolve(address(b"a" * 16, random), NOW_MS) == ANA
        assert keys.resolve(address(b"b" * 16, random), NOW_MS) == BEN
        assert keys.resolve(address(b"c" * 16, random), NOW_MS) is None


def test_a_static_address_with_the_same_hash_is_not_resolved() -> None:
    prand = bytes.fromhex("f08194")
    static = (prand + random_hash(cipher(SPEC_IRK), prand)).hex()
    assert resolver(ana=Irk(SPEC_IRK)).resolve(static, NOW_MS) is None


def test_a_dropped_key_finds_nobody_from_then_on_also_for_an_address_that_was_just_resolved() -> None:
    keys = resolver(ana=Irk(b"a" * 16), cart=Eid(b"e" * 16, 10))
    here, says = address(b"a" * 16, 1), said(Eid(b"e" * 16, 10), NOW_S)
    assert (keys.resolve(here, NOW_MS), keys.resolve(says, NOW_MS)) == (ANA, CART)
    keys.drop(ANA)
    keys.drop(CART)
    assert (keys.resolve(here, NOW_MS), keys.resolve(says, NOW_MS)) == (None, None)
    assert len(keys) == 0
    keys.drop(ANA)  # again: nothing


def test_a_key_that_is_put_later_finds_an_address_that_was_a_strangers() -> None:
    keys = resolver(ana=Irk(b"a" * 16))
    assert keys.resolve(address(b"b" * 16, 1), NOW_MS) is None
    keys.put(BEN, Irk(b"b" * 16))
    assert keys.resolve(address(b"b" * 16, 1), NOW_MS) == BEN


def test_an_address_is_worked_out_once_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[bytes] = []

    def counting(key: bytes) -> identity.Encrypt:
        real = cipher(key)
        return lambda block: blocks.append(block) or real(block)  # type: ignore[func-returns-value]

    monkeypatch.setattr(identity, "cipher", counting)
    keys = resolver(ana=Irk(b"a" * 16), ben=Irk(b"b" * 16))
    mine, strange = address(b"b" * 16, 1), address(b"c" * 16, 1)
    for at_ms in (NOW_MS, NOW_MS + 1, NOW_MS + REMEMBERED_MS - 1):
        assert keys.resolve(mine, at_ms) == BEN
        assert keys.resolve(strange, at_ms) is None
    assert len(blocks) == 4  # each key once for each address
    keys.resolve(mine, NOW_MS + REMEMBERED_MS)
    assert len(blocks) == 6


def test_addresses_are_remembered_up_to_a_limit_and_strangers_push_out_no_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identity, "ADDRESSES_MAX", 8)
    keys = resolver(ana=Irk(b"a" * 16))
    mine = address(b"a" * 16, 7)
    assert keys.resolve(mine, NOW_MS) == ANA
    for random in range(100):
        assert keys.resolve(address(b"c" * 16, random), NOW_MS) is None
    assert len(keys._foreign) == 8
    assert set(keys._owned) == {mine}
    for random in range(100):
        assert keys.resolve(address(b"a" * 16, random), NOW_MS) == ANA
    assert len(keys._owned) == 8


def test_more_new_addresses_than_there_is_time_for_are_strangers_until_the_next_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identity, "TRIED_PER_S_MAX", 20)
    keys = Resolver()
    for number in range(10):
        keys.put(str(number).encode(), Irk(bytes([number]) * 16))
    flood = [address(b"c" * 16, random) for random in range(50)]
    assert [keys.resolve(one, NOW_MS) for one in flood] == [None] * 50
    assert keys.deferred == 48
    late = address(bytes([7]) * 16, 1)
    assert keys.resolve(late, NOW_MS) is None  # no time, and not remembered as a stranger's
    assert keys.resolve(late, NOW_MS + 1_000) == b"7"


def test_to_try_every_key_that_a_store_may_keep_takes_a_new_address_a_few_milliseconds() -> None:
    keys = Resolver()
    for number in range(identity.KEYS_MAX):
        keys.put(number.to_bytes(4), Irk(number.to_bytes(16)))
    new = [address(b"c" * 16, random) for random in range(20)]
    began_s = time.perf_counter()
    assert [keys.resolve(one, NOW_MS) for one in new] == [None] * 20
    assert (time.perf_counter() - began_s) / 20 < 0.02  # about 1 ms on a core that nobody else uses


# --- beacons


CLOCK = Eid(b"e" * 16, 10, NOW_S - 70_000)
"""A beacon whose counter stands at 70,000 now: past the first change of its temporary key."""


@pytest.mark.parametrize("off", [-DRIFT_PERIODS, -1, 0, 1, DRIFT_PERIODS])
def test_a_beacon_whose_clock_is_off_within_the_limit_is_found(off: int) -> None:
    keys = resolver(cart=CLOCK)
    assert keys.resolve(said(CLOCK, 70_000 + off * 1_024), NOW_MS) == CART


@pytest.mark.parametrize("off", [-DRIFT_PERIODS - 1, DRIFT_PERIODS + 1])
def test_a_beacon_whose_clock_is_further_off_is_a_stranger(off: int) -> None:
    assert resolver(cart=CLOCK).resolve(said(CLOCK, 70_000 + off * 1_024), NOW_MS) is None


@pytest.mark.parametrize("rotation", [0, 1, 10, 15])
def test_a_beacon_is_followed_over_days_by_every_id_that_it_says(rotation: int) -> None:
    beacon = Eid(b"e" * 16, rotation, NOW_S - 65_280)
    keys = resolver(cart=beacon, ana=Eid(b"f" * 16, 3))
    for seconds in (0, 1, 500, 1_024, 1_025, 3_600, 65_536, 65_537, 86_400, 400_000):
        assert keys.resolve(said(beacon, 65_280 + seconds), NOW_MS + seconds * 1_000) == CART
        old = said(beacon, (65_280 + seconds - (20 << rotation)) % 2**32)
        assert keys.resolve(old, NOW_MS + seconds * 1_000) is None  # recorded and played again later
    assert len(keys._names) == 2 * (2 * DRIFT_PERIODS + 1)


def test_a_counter_that_begins_anew_after_136_years_is_followed() -> None:
    beacon = Eid(b"e" * 16, 10, NOW_S - (2**32 - 100))
    keys = resolver(cart=beacon)
    assert keys.resolve(said(beacon, 2**32 - 100), NOW_MS) == CART
    assert keys.resolve(said(beacon, 50), NOW_MS + 150_000) == CART


def test_a_clock_that_was_set_back_finds_the_beacon_again() -> None:
    keys = resolver(cart=CLOCK)
    assert keys.resolve(said(CLOCK, 70_000 + 86_400), NOW_MS + 86_400_000) == CART
    assert keys.resolve(said(CLOCK, 70_000), NOW_MS) == CART


def test_a_key_that_is_put_again_with_another_clock_replaces_the_one_before() -> None:
    keys = resolver(cart=CLOCK)
    keys.resolve(said(CLOCK, 70_000), NOW_MS)
    moved = Eid(CLOCK.key, 10, CLOCK.clock_s - 500_000)
    keys.put(CART, moved)
    assert keys.resolve(said(moved, 570_000), NOW_MS) == CART
    assert keys.resolve(said(CLOCK, 70_000), NOW_MS) is None
    assert (len(keys), len(keys._names)) == (1, 2 * DRIFT_PERIODS + 1)


@pytest.mark.parametrize(
    "device", ["eid:", "eid:00", "eid:00112233445566778", "eid:zz11223344556677", "EID:0011223344556677"]
)
def test_what_only_looks_like_an_ephemeral_id_is_nobodys(device: str) -> None:
    assert resolver(cart=CLOCK).resolve(device, NOW_MS) is None
