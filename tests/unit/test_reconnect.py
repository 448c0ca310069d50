"""How a link waits before it tries again, and what it logs: by a clock and a chance that the test hands in."""

import structlog

from edge.links.reconnect import FIRST_S, LONGEST_S, STEADY_S, Reconnect


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_delays_double_up_to_the_longest_and_chance_scales_them() -> None:
    whole = Reconnect("x", Clock(), lambda: 1.0)
    delays = [whole.delay_s() for _ in range(8)]
    assert delays[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert delays[-1] == LONGEST_S
    assert Reconnect("x", Clock(), lambda: 0.25).delay_s() == FIRST_S / 4


def test_an_outage_of_a_year_does_not_overflow() -> None:
    link = Reconnect("x", Clock(), lambda: 1.0)
    assert {link.delay_s() for _ in range(5000)} >= {FIRST_S, LONGEST_S}


def test_only_a_link_that_was_steady_starts_again_with_short_delays() -> None:
    clock = Clock()
    link = Reconnect("x", clock, lambda: 1.0)
    for _ in range(4):
        link.lost("refused")
        link.delay_s()
    link.up()
    clock.now_s += STEADY_S / 2
    link.lost("flapped")
    assert link.delay_s() == 16 * FIRST_S
    link.up()
    clock.now_s += STEADY_S
    link.lost("gone")
    assert link.delay_s() == FIRST_S


def test_an_outage_is_two_lines_however_many_tries_it_takes() -> None:
    clock = Clock()
    with structlog.testing.capture_logs() as lines:
        link = Reconnect("mqtt engine", clock, lambda: 1.0)
        link.up()
        for reason in ("reset", "refused", "refused"):
            link.lost(reason)
            link.delay_s()
            clock.now_s += 1.5
        assert link.reason == "refused"
        link.up()
    assert [line["event"] for line in lines] == ["link is up", "link lost", "link is back"]
    assert lines[1]["reason"] == "reset"
    assert (lines[2]["away_s"], lines[2]["tries"]) == (4.5, 3)
    assert link.reason == ""
