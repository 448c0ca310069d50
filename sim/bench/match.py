"""From messages seen outside to latencies: each message is matched to the oldest sighting that it answers.

Every change of zone asks for one wallet and one screen command, and an outward message says how many further
causes it answers. So per phone and per screen the messages account for the changes in the order of sending, and
the oldest cause of each message is known exactly, however long it took. If they do not add up (something was
shed or coalesced) the newest sighting sent before the arrival that the message names is taken instead: its
latency is then a lower bound, and the result says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.bench.load import Sent
from sim.bench.observe import Seen
from sim.bench.shop import account_name, sign_name, subject_name, zone_name

PERCENTILES = (50.0, 95.0, 99.0, 99.9)
KINDS = ("screen", "phone")


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from sending to receipt. `answered` is the share of causes answered, 0 to 1."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    answered: float
    exact: bool


NONE = Latency(0, *(float("nan"),) * 5, 0.0, False)


def latency_of(took_us: NDArray[np.int64] | Sequence[int], answered: float, exact: bool) -> Latency:
    """Percentiles of what it took."""
    took = np.asarray(took_us, np.float64) / 1e3
    if not len(took):
        return NONE
    p50, p95, p99, p999 = (round(float(one), 3) for one in np.percentile(took, PERCENTILES))
    return Latency(
        len(took), p50, p95, p99, p999, round(float(took.max()), 3), round(min(1.0, answered), 5), exact
    )


def matched(sent: Sent, seen: Iterable[Seen]) -> dict[str, Latency]:
    """Latency and answered share by kind, of the sightings after the warm-up that changed a zone."""
    by_target: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        if one.cause.scanner:  # a playlist's own change answers no sighting
            by_target[one.kind, one.target].append(one)
    changes = _changes(sent)
    return {kind: _of_kind(kind, sent, changes[kind], by_target) for kind in KINDS}


def _changes(sent: Sent) -> dict[str, dict[str, NDArray[np.int64]]]:
    """The numbers of the changing sightings for each target."""
    stretch = sent.stretch
    numbers = np.flatnonzero(stretch.change)
    subject, zone = stretch.subject[numbers], stretch.zone[numbers]
    return {
        "phone": {account_name(int(one)): numbers[subject == one] for one in np.unique(subject)},
        "screen": {sign_name(int(one)): numbers[zone == one] for one in np.unique(zone)},
    }


def _of_kind(
    kind: str,
    sent: Sent,
    changes: dict[str, NDArray[np.int64]],
    by_target: dict[tuple[str, str], list[Seen]],
) -> Latency:
    due = sum(int((numbers >= sent.first).sum()) for numbers in changes.values())
    took: list[int] = []
    answered = 0
    exact = True
    for target, numbers in changes.items():
        messages = by_target.get((kind, target), [])
        oldest = _counted(sent, numbers, messages)
        if oldest is None:
            exact = False
            oldest = _by_time(sent, numbers, messages)
        for number, message in zip(oldest, messages, strict=True):
            if number >= sent.first:
                took.append(message.at_us - int(sent.at_us[number]))
                answered += 1 + message.cause.more
    return latency_of(np.array(took, np.int64), answered / due if due else 0.0, exact)


def _counted(sent: Sent, numbers: NDArray[np.int64], messages: Sequence[Seen]) -> list[int] | None:
    """The oldest cause of each message by counting; None if the messages do not account for every change."""
    at, oldest = 0, []
    for message in messages:
        if at >= len(numbers) or not _is(sent, int(numbers[at]), message):
            return None
        oldest.append(int(numbers[at]))
        at += 1 + message.cause.more
    return oldest if at == len(numbers) else None


def _by_time(sent: Sent, numbers: NDArray[np.int64], messages: Sequence[Seen]) -> list[int]:
    """The newest change of the same subject and scanner that was sent before the arrival named; -1: none."""
    by_pair: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in numbers.tolist():
        by_pair[_pair(sent, number)].append(number)
    sent_us = {pair: [int(sent.at_us[number]) for number in of_pair] for pair, of_pair in by_pair.items()}
    found = []
    for message in messages:
        pair = (message.cause.scanner, message.cause.subject)
        place = bisect_right(sent_us.get(pair, []), message.cause.arrived_us)
        found.append(by_pair[pair][place - 1] if place else -1)
    return found


def _is(sent: Sent, number: int, message: Seen) -> bool:
    pair = (message.cause.scanner, message.cause.subject)
    return pair == _pair(sent, number) and int(sent.at_us[number]) <= message.at_us


def _pair(sent: Sent, number: int) -> tuple[str, str]:
    return zone_name(int(sent.stretch.zone[number])), subject_name(int(sent.stretch.subject[number]))
