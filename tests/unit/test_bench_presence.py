"""The bench of presence walks people who can be located, and counts what it hands to the cell."""

from __future__ import annotations

import numpy as np
import pytest

from sim.bench.presence import LARGE, SMALL, People, Plan, Site, books, run

FEW = Plan(subjects=8, heard_by=6, warm_s=3, measured_s=3, rounds=1)


@pytest.mark.parametrize("site", [SMALL, LARGE])
def test_a_small_run_hands_over_every_sighting_and_finds_people_about_where_they_are(site: Site) -> None:
    took = run(FEW, site)
    assert took.sightings == 8 * 6 * 3
    assert took.scanners == site.scanners[0] * site.scanners[1]
    assert took.us_a_sighting > 0
    assert took.per_core_s == pytest.approx(1e6 / took.us_a_sighting, rel=0.05)
    assert took.core_share == pytest.approx(took.us_a_sighting * 6_000 / 1e6, abs=0.001)
    assert 0 <= took.take_p50_ms <= took.take_p99_ms <= took.take_max_ms
    assert took.take_max_ms > 0  # half of so small a run are takes that nothing was heard in
    assert took.error_p50_m < 4.0


def test_everybody_is_heard_once_a_second_evenly_over_it_by_the_loudest_scanners() -> None:
    _, level = books(LARGE)
    people = People(FEW, LARGE, level)
    batches = list(people.seconds(2))
    assert len(batches) == 2 * 1_000 // FEW.batch_ms
    assert [one.now_ms for one in batches] == sorted({one.now_ms for one in batches})
    sizes = [len(one.heard) for one in batches]
    assert sum(sizes) == 8 * 6 * 2
    assert max(sizes) == 6  # one at a time, since there are few
    for batch in batches:
        assert all(0 <= batch.now_ms - one.at_ms <= FEW.batch_ms for one in batch.heard)
        assert len({one.arrived_us for one in batch.heard}) == len(batch.heard)
    heard = np.array([one.rssi_dbm for batch in batches for one in batch.heard])
    assert heard.max() > -75.0
    assert heard.min() > -100.0


def test_people_walk_and_stay_on_the_floor() -> None:
    _, level = books(SMALL)
    people = People(FEW, SMALL, level)
    began = people.at.copy()
    for _ in people.seconds(30):
        pass
    gone = np.hypot(*(people.at - began).T)
    assert (gone > 1.0).sum() >= 6
    assert (people.at > 0).all()
    assert (people.at < (SMALL.width_m, SMALL.height_m)).all()
