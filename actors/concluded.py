"""What a soft stage concludes from readings: the input that is journalled and stepped in their place."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.ids import Key
from protocols.inputs import Cause, Input


@dataclass(frozen=True, slots=True)
class Concluded:
    """One conclusion on its way into a turn. `id` is derived from its cause, so a repeat has the same one."""

    key: Key
    id: str
    input: Input
    cause: Cause


def conclusion(key: Key, given: Input, cause: Cause, at: str = "") -> Concluded:
    """The conclusion with its derived id. `at` tells apart several that silence draws from one reading."""
    name = f"{type(given).__name__}{at}"
    return Concluded(key, f"{cause.scanner}/{key}@{cause.arrived_us}/{name}", given, cause)


def is_timed(ident: str) -> bool:
    """True for an input that time concluded, not a reading; and for whatever was told because of it."""
    return "~" in ident.partition(">")[0]
