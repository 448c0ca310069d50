"""The simulated radio and scales: plausible, seeded, and in the words of real devices."""

from __future__ import annotations

import math

import numpy as np

from protocols.devices import ScannerSeen, Sighting, Weight, read
from sim.devices import FLOOR_DBM, SCALE_READINGS, Beacons, Radio, Scales, sighting, status, telemetry
from sim.goods import Goods
from tests.unit.test_sim_floor import FLOOR

NOW_MS = 1_790_000_000_000


def radio(people: int = 3, seed: int = 7) -> Radio:
    return Radio(FLOOR, [0.0] * people, seed)


def test_under_a_scanner_nobody_else_is_louder() -> None:
    one = radio()
    for room, place in FLOOR.scanners.items():
        levels = one.mean_dbm(np.array([0]), np.array([(place.x, place.y)]))[0]
        assert one.rooms[int(levels.argmax())] == room


def test_signal_falls_with_distance_and_through_a_gondola() -> None:
    one = radio()
    coffee = one.rooms.index("coffee")
    near, far = one.mean_dbm(np.array([0, 0]), np.array([(11.2, 8.0), (11.2, 5.0)]))[:, coffee]
    assert near > far
    # As far away as the other, but behind the shelves between breakfast and coffee.
    open_way, behind = one.mean_dbm(np.array([0, 0]), np.array([(11.2, 5.5), (8.1, 8.6)]))[:, coffee]
    assert open_way - behind > 3.0


def test_a_louder_phone_is_louder_everywhere() -> None:
    one = Radio(FLOOR, [0.0, 5.0], 7)
    quiet, loud = one.mean_dbm(np.array([0, 1]), np.array([(5.0, 5.0), (5.0, 5.0)]))
    assert np.allclose(loud - quiet, 5.0)


def test_the_same_seed_hears_the_same_and_noise_stays_noise() -> None:
    one, other = radio(), radio()
    at = [(3.0, 5.0), (11.2, 8.6), (20.0, 17.0)]
    for round_s in range(20):
        a, b = one.hear([0, 1, 2], at, float(round_s)), other.hear([0, 1, 2], at, float(round_s))
        assert np.array_equal(a, b, equal_nan=True)
        expected = one.mean_dbm(np.array([0, 1, 2]), np.array(at))
        assert np.nanmax(np.abs(a - expected)) < 18.0


def test_what_is_too_far_away_is_not_reported() -> None:
    one = radio(1)
    levels = np.array([one.hear([0], [(1.0, 1.0)], float(n))[0] for n in range(50)])
    collect = one.rooms.index("collect")
    assert np.isnan(levels[:, collect]).mean() > 0.8
    assert np.nanmin(levels) >= FLOOR_DBM


def test_each_device_is_heard_about_once_a_second_and_not_all_at_once() -> None:
    beacons = Beacons(40, 7)
    heard = [beacons.due(range(40), tenth / 10) for tenth in range(1, 301)]
    total = sum(map(len, heard))
    assert 40 * 30 * 0.9 < total < 40 * 30 * 1.1
    assert max(map(len, heard)) < 20


def test_who_was_away_is_not_heard_many_times_at_once() -> None:
    beacons = Beacons(1, 7)
    beacons.due([0], 1.0)
    assert sum(len(beacons.due([0], 1_000 + tenth / 10)) for tenth in range(10)) <= 2


def test_a_sighting_reads_as_an_espresense_nodes() -> None:
    topic, payload = sighting("coffee", "phone-ana", "", -71.26)
    assert topic == "espresense/devices/phone-ana/coffee"
    [seen] = read(topic, payload, NOW_MS)
    assert isinstance(seen, Sighting)
    assert (seen.scanner, seen.device, seen.rssi_dbm, seen.ref_dbm) == ("coffee", "phone-ana", -71.3, -59)
    assert seen.distance_m is not None
    assert 2.5 < seen.distance_m < 3.0


def test_a_strange_phone_is_heard_under_its_address() -> None:
    [seen] = read(*sighting("coffee", "c0ffee123456", "", -80.0), NOW_MS)
    assert isinstance(seen, Sighting)
    assert seen.device == "c0ffee123456"


def test_status_and_telemetry_read_as_a_nodes() -> None:
    [seen] = read(*status("coffee", False), NOW_MS)
    assert isinstance(seen, ScannerSeen)
    assert not seen.online
    [seen] = read(*telemetry("coffee", 30, 812), NOW_MS)
    assert isinstance(seen, ScannerSeen)
    assert (seen.uptime_s, seen.heard) == (30, 812)


def weights(messages: list[tuple[str, bytes]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for topic, payload in messages:
        [weight] = read(topic, payload, NOW_MS)
        assert isinstance(weight, Weight)
        found.setdefault(weight.shelf, []).append(weight.grams)
    return found


def readings(scales: Scales, from_s: float, to_s: float) -> dict[str, list[int]]:
    said: list[tuple[str, bytes]] = []
    for tenth in range(round(from_s * 10), round(to_s * 10)):
        said += scales.readings(tenth / 10)
    return weights(said)


def test_weights_equal_the_goods_that_lie_there() -> None:
    goods = Goods(FLOOR.shelves, 7)
    said = readings(Scales("014", goods, 7), 0, 5)
    assert set(said) == set(FLOOR.shelves)
    for shelf, grams in said.items():
        assert all(abs(one - goods.stocks[shelf].grams) < 12 for one in grams)


def test_a_taken_piece_is_felt_at_once_and_the_scale_comes_to_rest() -> None:
    goods = Goods(FLOOR.shelves, 7)
    scales = Scales("014", goods, 7)
    readings(scales, 0, 5)
    before = goods.stocks["dairy-1"].grams
    assert goods.take("dairy-1", 2, 5.0) == 2
    scales.moved("dairy-1", 5.0)
    grams = readings(scales, 5, 12)["dairy-1"]
    assert len(grams) == SCALE_READINGS
    assert grams[0] > before - 2 * 1032 + 100, "the hand weighs too"
    assert all(math.isclose(one, before - 2 * 1032, abs_tol=12) for one in grams[1:])


def test_a_scale_at_rest_says_so_now_and_then() -> None:
    goods = Goods(FLOOR.shelves, 7)
    scales = Scales("014", goods, 7)
    readings(scales, 0, 10)
    assert all(1 <= len(grams) <= 3 for grams in readings(scales, 10, 40).values())
