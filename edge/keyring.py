"""Identity keys at rest: wrapped under a key of the store's own, so that a copied database resolves nobody.

    roster.key ─► HKDF-SHA256 (RFC 5869) ─► AES-256-GCM (NIST SP 800-38D), the row's token and kind bound in

The roster's secret is in a file of its own and in no backup of the database.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from actors.presence.identity import Eid, IdentityKey, Irk
from edge.ports import WrappedKey

NONCE_BYTES = 12
"""Random for each wrapping; a store wraps some thousands of keys, far from the 2^32 that random nonces allow."""

PURPOSE = b"endcap identity keys, 1"
"""Names what the derived key is for. Another one would make every wrapped key unreadable."""


class Keyring:
    """Wraps and unwraps the keys of one store. Holds the derived key, in memory alone."""

    def __init__(self, secret: bytes) -> None:
        self._aead = AESGCM(HKDF(SHA256(), 32, None, PURPOSE).derive(secret))

    def wrap(self, token: bytes, key: IdentityKey) -> WrappedKey:
        """The key as it may be written, readable in the row of this token only."""
        nonce = os.urandom(NONCE_BYTES)
        kind, rotation, clock_s = (
            ("irk", 0, 0) if isinstance(key, Irk) else ("eid", key.rotation, key.clock_s)
        )
        wrapped = nonce + self._aead.encrypt(nonce, key.key, _bound(token, kind, rotation, clock_s))
        return WrappedKey(kind, wrapped, rotation, clock_s)

    def unwrap(self, token: bytes, at_rest: WrappedKey) -> IdentityKey | None:
        """The key, or None if another secret wrapped it, or anything of its row was changed."""
        kind, rotation, clock_s = at_rest.kind, at_rest.rotation, at_rest.clock_s
        nonce, sealed = at_rest.wrapped[:NONCE_BYTES], at_rest.wrapped[NONCE_BYTES:]
        try:
            key = self._aead.decrypt(nonce, sealed, _bound(token, kind, rotation, clock_s))
        except (InvalidTag, ValueError):  # ValueError: shorter than a nonce
            return None
        return Irk(key) if kind == "irk" else Eid(key, rotation, clock_s)


def _bound(token: bytes, kind: str, rotation: int, clock_s: int) -> bytes:
    return b"/".join((token, f"{kind}/{rotation}/{clock_s}".encode()))
