"""Whatever the keys: what a key made is its owner's, what none made is nobody's, but for one chance in 2^24 a key."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.presence.identity import (
    DRIFT_PERIODS,
    Eid,
    Irk,
    Resolver,
    cipher,
    ephemeral_id,
    temporary_key,
)

KEYS = st.binary(min_size=16, max_size=16)
NOW_MS = 1_772_445_600_000


def block(key: bytes, plain: bytes) -> bytes:
    """AES-128 of one block by another mode than the resolver's."""
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(plain)


def made(irk: bytes, random: int) -> str:
    """The address of the specification, by its text: 24 bits of which two are fixed, and their hash."""
    prand = (0b01 << 22 | random).to_bytes(3, "big")
    return (prand + block(irk, bytes(13) + prand)[-3:]).hex()


@given(st.lists(KEYS, min_size=1, max_size=8, unique=True), st.data())
def test_an_address_that_a_key_made_is_its_owners_or_anothers_by_the_same_hash(
    keys: list[bytes], data: st.DataObject
) -> None:
    resolver = Resolver()
    for key in keys:
        resolver.put(key, Irk(key))
    owner = data.draw(st.sampled_from(keys))
    random = data.draw(st.integers(0, 2**22 - 1))
    found = resolver.resolve(made(owner, random), NOW_MS)
    assert found == owner or (found is not None and made(found, random) == made(owner, random))
    resolver.drop(owner)
    assert resolver.resolve(made(owner, random), NOW_MS) != owner


@given(st.lists(KEYS, min_size=1, max_size=8, unique=True), st.binary(min_size=6, max_size=6))
def test_any_address_is_resolved_exactly_if_a_key_makes_it(keys: list[bytes], address: bytes) -> None:
    resolver = Resolver()
    for key in keys:
        resolver.put(key, Irk(key))
    prand = int.from_bytes(address[:3], "big")
    makers = [key for key in keys if prand >> 22 == 0b01 and made(key, prand & 0x3FFFFF) == address.hex()]
    found = resolver.resolve(address.hex(), NOW_MS)
    assert (found in makers) if makers else found is None


def test_of_a_million_pairs_of_a_strangers_address_and_a_key_at_most_a_few_agree() -> None:
    """A sixteenth is expected. More than three would come by chance once in two million runs."""
    agreed = 0
    for number in range(16):
        resolver = Resolver()
        key = cipher(b"the owner's keys")(bytes(15) + bytes((number,)))
        resolver.put(key, Irk(key))
        for low in range(65_536):
            noise = cipher_noise(number << 16 | low)
            agreed += (
                resolver.resolve(f"{0x40 | noise[0] & 0x3F:02x}{noise[1:6].hex()}", NOW_MS + low) is not None
            )
    assert agreed <= 3


_noise = cipher(b"addresses of all")


def cipher_noise(number: int) -> bytes:
    """Six bytes that look like any others, the same in each run."""
    return _noise(number.to_bytes(16, "big"))[:6]


@settings(max_examples=200)
@given(KEYS, st.integers(0, 15), st.integers(0, 2**32 - 1), st.integers(-40, 40), st.integers(0, 10**7))
def test_a_beacon_is_found_exactly_while_its_clock_is_off_by_no_more_than_the_drift(
    key: bytes, rotation: int, counter: int, off: int, later_s: int
) -> None:
    now_s = NOW_MS // 1_000
    resolver = Resolver()
    resolver.put(b"cart", Eid(key, rotation, now_s - counter))
    for passed_s in (0, later_s):  # the table is made anew, and brought forward
        its = (counter + passed_s + (off << rotation)) % 2**32
        said = ephemeral_id(cipher(temporary_key(cipher(key), its)), rotation, its)
        found = resolver.resolve(f"eid:{said.hex()}", NOW_MS + passed_s * 1_000)
        assert (found == b"cart") is (abs(off) <= DRIFT_PERIODS)


@given(
    st.text(max_size=40) | st.from_regex(r"(eid:|irk:)?[0-9a-f]{10,18}", fullmatch=True),
    st.integers(0, 2**53),
)
def test_no_id_of_a_stranger_is_fatal(device: str, at_ms: int) -> None:
    resolver = Resolver()
    resolver.put(b"ana", Irk(bytes(16)))
    resolver.put(b"cart", Eid(bytes(16), 0))
    assert resolver.resolve(device, at_ms) in (None, b"ana", b"cart")
