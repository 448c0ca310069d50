"""Whose a changing id is: private Bluetooth addresses by their owner's IRK, Eddystone-EIDs by their beacon's key.

    4..7 and eleven more hex digits ─► every IRK's hash of the first half ─┐
    eid:<16 hex digits>             ─► the table of this period ± drift   ─┴─► the name under which the key was put

A key is here because its owner allowed it. Whether they still do is asked by the caller, at each sighting.
Pure: time comes with the question. Soft state: what was worked out, and the tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LOCATION = "location"
"""The purpose that a person must allow before any key of theirs resolves."""

KEY_BYTES = 16
"""An IRK and an Eddystone identity key: one AES-128 key, most significant byte first as it is printed."""

ROTATION_MAX = 15
"""An Eddystone-EID beacon takes a new id every 2^rotation seconds: a second to nine hours."""

KEYS_MAX = 5_000
"""Keys of one store: to try them all takes a new address about a millisecond. Who enrols more is refused."""

TRIED_PER_S_MAX = 250_000
"""Keys tried a second, some 50 ms of it. Beyond that a new address stays a stranger's until its next sighting."""

ADDRESSES_MAX = 20_000
"""Addresses remembered with their owners, and as many of strangers. Beyond it the oldest is worked out again."""

REMEMBERED_MS = 15 * 60_000
"""How long an address is remembered: phones take a new one about as often (Core, vol 3, part C, appendix A)."""

DRIFT_PERIODS = 8
"""Periods that a beacon's clock may be off either way: 2¼ hours at a rotation of 10, nearly two years of the
drift that the format allows. A beacon that is further off is a stranger: enrol it again with its counter."""

_COUNTER = 1 << 32
_RESOLVABLE = re.compile(r"[4-7][0-9a-f]{11}\Z")
_EPHEMERAL = re.compile(r"eid:([0-9a-f]{16})\Z")

Encrypt = Callable[[bytes], bytes]
"""One block under one key."""


@dataclass(frozen=True, slots=True)
class Irk:
    """The identity resolving key of a phone or a watch."""

    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Eid:
    """An Eddystone-EID beacon. `clock_s` is the Unix time at which its counter stood at 0, in seconds."""

    key: bytes = field(repr=False)
    rotation: int
    clock_s: int = 0


IdentityKey = Irk | Eid
T = TypeVar("T")


def device_of(key: IdentityKey) -> str:
    """The id that stands for a key's device: `irk:<hex>` is what ESPresense says of one that it resolved itself."""
    return f"{'irk' if isinstance(key, Irk) else 'eid-key'}:{key.key.hex()}"


def random_hash(encrypt: Encrypt, random: bytes) -> bytes:
    """The function `ah` of the Core specification (vol 3, part H, 2.2.2), under an IRK's cipher: 3 bytes of 3."""
    return encrypt(bytes(13) + random)[13:]


def is_resolvable(device: str) -> bool:
    """True for an address whose top bits say resolvable: 01 (Core, vol 6, part B, 1.3.2.2). Public ones may too."""
    return _RESOLVABLE.match(device) is not None


def temporary_key(encrypt: Encrypt, counter: int) -> bytes:
    """The key of 65,536 seconds, under the identity key's cipher (Google's `eid-computation`)."""
    return encrypt(bytes(11) + b"\xff\x00\x00" + (counter >> 16).to_bytes(2, "big"))


def ephemeral_id(encrypt: Encrypt, rotation: int, counter: int) -> bytes:
    """The 8 bytes that a beacon says at this count of seconds, under the temporary key's cipher."""
    rounded = counter >> rotation << rotation
    return encrypt(bytes(11) + bytes((rotation,)) + rounded.to_bytes(4, "big"))[:8]


def cipher(key: bytes) -> Encrypt:
    """AES-128 of single blocks; made once for a key, an eighth of a microsecond a block from then on."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


class Resolver:
    """Finds the name under which the key of an id was put. As many keys as were put, memory within the limits."""

    def __init__(self) -> None:
        self._irks: dict[bytes, Encrypt] = {}
        self._beacons: dict[bytes, _Beacon] = {}
        self._names: dict[bytes, bytes] = {}
        self._turned_s = 0
        self._due_s = 0
        self._owned: dict[str, tuple[int, bytes]] = {}
        self._foreign: dict[str, int] = {}
        self._second = 0
        self._tried = 0
        self.deferred = 0
        """Addresses that were not tried because too many were new."""

    def __len__(self) -> int:
        return len(self._irks) + len(self._beacons)

    def put(self, name: bytes, key: IdentityKey) -> None:
        """From now on ids made from this key are this name's; it replaces the key before."""
        self.drop(name)
        self._foreign.clear()  # a stranger's address may be this one's
        if isinstance(key, Irk):
            self._irks[name] = cipher(key.key)
        else:
            self._beacons[name] = _Beacon(key)
            self._due_s = 0

    def drop(self, name: bytes) -> None:
        """Nothing is this name's any more."""
        if self._irks.pop(name, None) is not None:
            self._owned = {device: owned for device, owned in self._owned.items() if owned[1] != name}
        if (beacon := self._beacons.pop(name, None)) is not None:
            for ephemeral in beacon.ids.values():
                self._names.pop(ephemeral, None)

    def resolve(self, device: str, now_ms: int) -> bytes | None:
        """The name of the key that made this id, or None: no key did, or there was no time to try."""
        if self._irks and is_resolvable(device):
            return self._by_irk(device, now_ms)
        if self._beacons and (ephemeral := _EPHEMERAL.match(device)):
            self._turn(now_ms // 1_000)
            return self._names.get(bytes.fromhex(ephemeral[1]))
        return None

    # --- addresses

    def _by_irk(self, device: str, now_ms: int) -> bytes | None:
        until_ms, name = self._owned.get(device, (0, b""))
        if now_ms < until_ms:
            return name
        if now_ms < self._foreign.get(device, 0):
            return None
        second = now_ms // 1_000
        if second != self._second:
            self._second, self._tried = second, 0
        if self._tried >= TRIED_PER_S_MAX:
            self.deferred += 1
            return None
        self._tried += len(self._irks)
        block = bytes(13) + bytes.fromhex(device[:6])
        wanted = bytes.fromhex(device[6:])
        for name, encrypt in self._irks.items():
            if encrypt(block)[13:] == wanted:  # `random_hash`, without a call for each key
                _remember(self._owned, device, (now_ms + REMEMBERED_MS, name))
                return name
        _remember(self._foreign, device, now_ms + REMEMBERED_MS)
        return None

    # --- beacons

    def _turn(self, now_s: int) -> None:
        """Brings the table to this second: a beacon whose period has ended says one id more, and one less."""
        if self._turned_s <= now_s < self._due_s:
            return
        was_set_back = now_s < self._turned_s
        for name, beacon in self._beacons.items():
            if was_set_back or beacon.due_s <= now_s:
                gone, new = beacon.turn(now_s)
                for ephemeral in gone:
                    self._names.pop(ephemeral, None)
                self._names.update(dict.fromkeys(new, name))
        self._turned_s = now_s
        self._due_s = min(beacon.due_s for beacon in self._beacons.values())


class _Beacon:
    """One beacon's ids by period: the present one, and `DRIFT_PERIODS` to either side."""

    __slots__ = ("_encrypt", "_key", "_top", "_under", "due_s", "ids")

    def __init__(self, key: Eid) -> None:
        self._key = key
        self._encrypt = cipher(key.key)
        self._top = -1
        self._under = self._encrypt  # the temporary key's cipher, once there is one
        self.ids: dict[int, bytes] = {}
        self.due_s = 0

    def turn(self, now_s: int) -> tuple[list[bytes], list[bytes]]:
        """The ids that are not said any more, and those that may be said now."""
        rotation = self._key.rotation
        counter = (now_s - self._key.clock_s) % _COUNTER
        period, periods = counter >> rotation, _COUNTER >> rotation
        wanted = [(period + off) % periods for off in range(-DRIFT_PERIODS, DRIFT_PERIODS + 1)]
        new = [one for one in wanted if one not in self.ids]
        said = {one: self._said(one << rotation) for one in new}
        kept = set(wanted)
        gone = [ephemeral for one, ephemeral in self.ids.items() if one not in kept]
        self.ids = {one: ephemeral for one, ephemeral in self.ids.items() if one in kept} | said
        self.due_s = now_s + (1 << rotation) - counter % (1 << rotation)
        return gone, list(said.values())

    def _said(self, counter: int) -> bytes:
        if counter >> 16 != self._top:
            self._top = counter >> 16
            self._under = cipher(temporary_key(self._encrypt, counter))
        return ephemeral_id(self._under, self._key.rotation, counter)


def _remember(memory: dict[str, T], device: str, what: T) -> None:
    """Puts it behind all others; the one that was put first makes room."""
    memory.pop(device, None)
    if len(memory) >= ADDRESSES_MAX:
        del memory[next(iter(memory))]
    memory[device] = what
