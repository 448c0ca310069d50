"""The bench's own arithmetic: the walk that makes every change visible, and messages matched to what they answer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from protocols.inputs import Cause
from sim.bench import strollers
from sim.bench.load import Sent
from sim.bench.match import latency_of, matched
from sim.bench.observe import Seen
from sim.bench.rates import Run
from sim.bench.report import Result, Sheet, markdown, plain, spread
from sim.bench.shop import (
    ZONES,
    Walk,
    account_name,
    class_of,
    sign_name,
    subject_name,
    subjects_fitting,
    zone_name,
)
from sim.bench.strollers import Played, Strollers, zone_at
from sim.bench.sustained import Climb, climb, holds
from sim.bench.walking import Run as WalkingRun
from sim.bench.walking import counted_of, ratio, took_of
from sim.bench.wire import Reader, publish_packet


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("subjects", [80, 500, 5_000])
def test_whoever_enters_a_zone_next_is_of_another_class(subjects: int, every: bool) -> None:
    assert subjects_fitting(subjects) <= subjects
    walk = Walk(subjects_fitting(subjects))
    stretch = walk.arrive() + walk.walk(12 * walk.subjects + 7, every=every)
    settled = walk.subjects  # in the first part everybody goes home, from wherever they were
    for zone in range(ZONES):
        entering = [
            class_of(int(subject))
            for subject, where, change in zip(
                stretch.subject[settled:], stretch.zone[settled:], stretch.change[settled:], strict=True
            )
            if where == zone and change
        ]
        assert len(entering) > 10
        assert all(one != other for one, other in pairwise(entering))


def test_one_sighting_in_five_changes_a_zone_and_the_others_repeat_it() -> None:
    walk = Walk(500)
    walk.arrive()
    stretch = walk.walk(25_000, every=False)
    assert stretch.change.mean() == pytest.approx(0.2)
    last: dict[int, int] = {}
    for subject, zone, change in zip(stretch.subject, stretch.zone, stretch.change, strict=True):
        if int(subject) in last:
            assert (last[int(subject)] != zone) == change
        last[int(subject)] = int(zone)


def sent(count: int, *, first: int = 0, gap_us: int = 1_000) -> Sent:
    """A walk sent at a steady rate, in which each sighting changes a zone."""
    walk = Walk(80)
    walk.arrive()
    at_us = 1_000_000 + np.arange(count, dtype=np.int64) * gap_us
    return Sent(walk.walk(count, every=True), at_us, np.zeros(count, np.int64), first)


def seen(load: Sent, number: int, took_us: int, *, more: int = 0, lag_us: int = 50) -> list[Seen]:
    """The screen command and the wallet that answer one sighting."""
    subject, zone = int(load.stretch.subject[number]), int(load.stretch.zone[number])
    at_us = int(load.at_us[number])
    cause = Cause(at_us + lag_us, scanner=zone_name(zone), subject=subject_name(subject), more=more)
    return [
        Seen(at_us + took_us, "screen", sign_name(zone), cause),
        Seen(at_us + took_us, "phone", account_name(subject), cause),
    ]


def test_every_message_counts_from_the_sending_of_its_oldest_cause() -> None:
    load = sent(400, first=100)
    found = matched(load, [one for number in range(400) for one in seen(load, number, 2_000)])
    for latency in found.values():
        assert latency.exact
        assert latency.count == 300
        assert latency.answered == 1.0
        assert (latency.p50_ms, latency.max_ms) == (2.0, 2.0)


def test_a_message_that_came_after_the_pair_was_heard_again_still_counts_from_its_own_sighting() -> None:
    load = sent(400)
    slow_us = 250_000  # the same subject is heard there again after 160 ms
    found = matched(
        load, [one for number in range(400) for one in seen(load, number, slow_us, lag_us=200_000)]
    )
    assert found["phone"].exact
    assert found["phone"].p50_ms == 250.0


def test_a_message_that_answers_several_causes_answers_them_all() -> None:
    load = sent(160)
    screens: dict[int, list[int]] = {}
    for number in range(160):
        screens.setdefault(int(load.stretch.zone[number]), []).append(number)
    messages = []
    for numbers in screens.values():
        for first, second in zip(numbers[::2], numbers[1::2], strict=True):
            messages.append(seen(load, first, 9_000, more=1)[0])
            assert second > first
    found = matched(load, messages)
    assert found["screen"].answered == 1.0
    assert found["screen"].exact
    assert found["screen"].count == 80
    assert found["phone"].answered == 0.0


def test_when_causes_are_missing_the_share_says_so_and_latency_is_a_lower_bound() -> None:
    load = sent(400)
    answered = [number for number in range(400) if number % 4]
    found = matched(load, [one for number in answered for one in seen(load, number, 3_000)])
    assert found["phone"].answered == pytest.approx(0.75)
    assert not found["phone"].exact
    assert found["phone"].p99_ms == 3.0


def test_the_reader_finds_live_publications_in_any_chunks_and_passes_over_retained_ones() -> None:
    packets = [publish_packet(f"a/{number}", b"x" * (number * 40)) for number in range(12)]
    retained = bytes((packets[3][0] | 1,)) + packets[3][1:]
    stream = b"".join([*packets, b"\xd0\x00", retained])
    for size in (1, 7, 100, len(stream)):
        reader = Reader()
        chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
        read = [found for chunk in chunks for found in reader.take(chunk)]
        assert read == [(b"a/%d" % number, b"x" * (number * 40)) for number in range(12)]


def run_at(rate: float, limit: float) -> Run:
    """A run of something that sheds above a limit."""
    latency = latency_of([1_000], 1.0, True)
    return Run(rate, False, 0.1, latency, latency, shed=0 if rate <= limit else 5, sent_per_s=rate)


def test_the_climb_ends_close_below_what_can_be_sustained() -> None:
    found = Climb("x")
    climb(lambda rate: run_at(rate, 7_300), 2_000, found)
    assert found.held is not None and found.failed is not None
    assert 7_300 / 1.07 < found.held.per_second <= 7_300 < found.failed.per_second
    assert holds(found.held)


def test_the_climb_goes_down_when_the_first_rate_is_too_much() -> None:
    found = Climb("x")
    climb(lambda rate: run_at(rate, 700), 2_000, found)
    assert found.held is not None
    assert 700 / 1.07 < found.held.per_second <= 700


def test_what_is_no_number_is_null_in_json_and_left_out_of_a_spread() -> None:
    assert plain({"a": [float("nan"), 1.0]}) == {"a": [None, 1.0]}
    assert spread([float("nan")]) is None
    assert str(spread([1.0, 3.0, 2.0])) == "2.00 (1.00–3.00)"


def test_the_page_holds_every_table_and_the_machine() -> None:
    sheet = Sheet("A | table", ("what", "ms"), [("p99", "1.0")], ["A note."])
    page = markdown([Result("x", {}, [sheet])], {"cores": 2, "fsync_us": {"p50": 80}})
    assert "- fsync_us: p50 80" in page
    assert "| p99 | 1.0 |" in page
    assert "A note." in page


# --- people who really walk


def test_beacons_are_spread_over_the_second_and_each_packet_is_heard_within_milliseconds() -> None:
    walk = Strollers(40, 7).play(40, 1, 4)
    at_s = np.arange(len(walk)) / walk.per_second
    took_s = [np.ptp(at_s[walk.burst == burst]) for burst in np.unique(walk.burst)]
    assert len(took_s) == 40 * 5
    assert max(took_s) < 2 * strollers.BURST_S
    by_tenth = np.bincount((at_s * 10).astype(int))
    assert by_tenth.max() < 1.2 * by_tenth.min()
    heard_by = np.bincount(walk.burst)
    assert heard_by.max() <= strollers.ZONES
    assert heard_by.mean() > 0.9 * strollers.ZONES


def test_the_same_seed_gives_the_same_walk_and_people_cross_zones_on_their_feet() -> None:
    one, other = Strollers(30, 7), Strollers(30, 7)
    before = list(one.at)
    walk = one.play(30, 0, 20)
    again = other.play(30, 0, 20)
    assert np.array_equal(walk.scanner, again.scanner)
    assert np.array_equal(walk.dbm, again.dbm)
    assert walk.moves > 20
    assert all(one._floor.is_free(at) for at in one.at)
    far = [np.hypot(x - was_x, y - was_y) for (x, y), (was_x, was_y) in zip(one.at, before, strict=True)]
    assert 1.0 < max(far) <= 20 * strollers.SPEED_MPS[1]


def test_the_loudest_scanner_is_mostly_the_one_of_the_zone() -> None:
    crowd = Strollers(60, 7)
    walk = crowd.play(60, 0, 1)
    right = 0
    for subject in range(60):
        of = walk.subject == subject
        right += int(walk.scanner[of][walk.dbm[of].argmax()]) == zone_at(*crowd.at[subject])
    assert right > 40


def walked() -> tuple[Played, NDArray[np.int64]]:
    """Two packets of one subject, each heard by two scanners; the first one warms up."""
    one = np.zeros(4, np.int64)
    return Played(one, np.array([0, 1, 0, 1]), one - 60.0, np.array([0, 0, 1, 1]), 2, 1, 0), np.array(
        [1_000_000, 1_004_000, 2_000_000, 2_006_000]
    )


def test_a_message_counts_from_the_reading_that_decided_and_from_the_packet_behind_it() -> None:
    walk, at_us = walked()
    before = Cause(1_004_500, scanner=zone_name(1), subject=subject_name(0))
    cause = Cause(2_006_500, scanner=zone_name(1), subject=subject_name(0), more=2)
    messages = [
        Seen(1_006_000, "phone", account_name(0), before),
        Seen(2_009_000, "phone", account_name(0), cause),
        Seen(2_010_000, "screen", sign_name(1), cause),
        Seen(2_010_000, "screen", sign_name(1), Cause(2_008_000)),  # a playlist's own change
    ]
    counted = counted_of(messages, walk, at_us, frozenset())
    assert (counted.phone, counted.screen, counted.beacon) == ([2_500], [3_500], [9_000, 10_000])


def test_what_time_alone_concluded_is_no_latency() -> None:
    walk, at_us = walked()
    cause = Cause(2_000_500, scanner=zone_name(0), subject=subject_name(0), more=1)
    timed = frozenset({Cause(2_000_500, scanner=zone_name(0), subject=subject_name(0))})
    counted = counted_of([Seen(2_900_000, "phone", account_name(0), cause)], walk, at_us, timed)
    assert (counted.phone, counted.waited) == ([], [899_500])


def walking_run(way: strollers.Way, p99_ms: float) -> WalkingRun:
    """A run of which only the p99 of the phone counts."""
    fast, slow = took_of([1_000]), took_of([int(1_000 * p99_ms)])
    return WalkingRun(
        way, "in process", 88, 1e3, 0.1, fast, slow, slow, took_of([]), 9.0, 9.0, 30.0, 0.2, 0.2, 0, 0
    )


def test_the_price_of_the_map_is_formed_within_each_round() -> None:
    runs = [walking_run(way, ms) for way, ms in (("nearest", 2), ("radio", 3), ("nearest", 4), ("radio", 4))]  # type: ignore[arg-type]
    price = ratio(runs, "in process", 88)
    assert price is not None
    assert (price.low, price.median, price.high) == (1.0, 1.25, 1.5)
