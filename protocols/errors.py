"""What a sender can be told: a verdict that stands, "not now", or that it sent nonsense.

Two families (as in h11): `Nonsense` is the sender's fault and changes nothing; `NotNow` is ours, stores
nothing, and the same request may be sent again under the same operation id. A `Verdict` is stored with its
operation id and is the answer for ever.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["done", "insufficient", "expired", "cap_reached", "withdrawn"]


class Verdict(msgspec.Struct, frozen=True):
    """The stored answer to one operation. `body` is JSON; `replayed` is true for a repeat's copy."""

    outcome: Outcome
    body: msgspec.Raw
    replayed: bool = False
    incarnation: str = ""
    seq: int = 0


class EndcapError(Exception):
    """Base of everything that a sender may be told."""

    code = "error"
    status = 500

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Nonsense(EndcapError):
    """They sent something that has no meaning here. Nothing was changed; `reason` says what to send."""

    code = "nonsense"
    status = 400


class TooLarge(Nonsense):
    """A message over a named limit. Nothing was decoded."""

    code = "too_large"
    status = 413


class Mismatch(Nonsense):
    """An operation id that already stands for another payload. The earlier verdict is untouched."""

    code = "idempotency_mismatch"
    status = 409


class NotNow(EndcapError):
    """Nothing was charged and nothing stored; the same operation may be sent again after `retry_after_s`."""

    code = "not_now"
    status = 503

    def __init__(self, reason: str, retry_after_s: float = 1.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Parked(NotNow):
    """The step of this input threw. It is kept with its state and trace under `reference` for a person."""

    code = "parked"

    def __init__(self, reference: int) -> None:
        super().__init__(f"parked, reference {reference}: nothing was charged; see endcap-store explain")
        self.reference = reference
