"""Keys at rest: only the store's own secret opens them, each only in its own row, and no two wrappings are alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from actors.presence.identity import Eid, IdentityKey, Irk
from edge.keyring import Keyring
from edge.ports import WrappedKey

SECRET = bytes(range(32))
TOKEN = b"t" * 16
KEY = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")
KEYS: list[IdentityKey] = [Irk(KEY), Eid(KEY, 10, -1_700_000_000), Eid(KEY, 0, 0)]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_a_key_comes_back_as_it_was_and_lies_there_as_something_else(key: IdentityKey) -> None:
    at_rest = Keyring(SECRET).wrap(TOKEN, key)
    assert Keyring(SECRET).unwrap(TOKEN, at_rest) == key
    assert KEY not in at_rest.wrapped
    assert KEY.hex() not in repr(at_rest)


def test_no_two_wrappings_of_one_key_are_alike() -> None:
    ring = Keyring(SECRET)
    assert len({ring.wrap(TOKEN, KEYS[0]).wrapped for _ in range(50)}) == 50


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_another_secret_another_row_or_anything_changed_opens_nothing(key: IdentityKey) -> None:
    ring = Keyring(SECRET)
    at_rest = ring.wrap(TOKEN, key)
    assert Keyring(b"another secret").unwrap(TOKEN, at_rest) is None
    assert ring.unwrap(b"u" * 16, at_rest) is None
    changed = [
        replace(at_rest, kind="eid" if at_rest.kind == "irk" else "irk"),
        replace(at_rest, rotation=at_rest.rotation + 1),
        replace(at_rest, clock_s=at_rest.clock_s + 1),
        *(
            replace(at_rest, wrapped=bytes(at_rest.wrapped[:n] + b"\x00" + at_rest.wrapped[n + 1 :]))
            for n in range(44)
            if at_rest.wrapped[n]
        ),
        *(replace(at_rest, wrapped=at_rest.wrapped[:n]) for n in (0, 5, 12, 20, 43)),
    ]
    assert [ring.unwrap(TOKEN, one) for one in changed] == [None] * len(changed)


def test_a_key_that_an_earlier_release_wrapped_opens_by_its_description_alone() -> None:
    """HKDF-SHA256 without salt, AES-256-GCM, nonce first, token and kind bound: written out once more."""
    derived = HKDF(SHA256(), 32, None, b"endcap identity keys, 1").derive(SECRET)
    sealed = AESGCM(derived).encrypt(b"n" * 12, KEY, TOKEN + b"/eid/10/7")
    assert Keyring(SECRET).unwrap(TOKEN, WrappedKey("eid", b"n" * 12 + sealed, 10, 7)) == Eid(KEY, 10, 7)
