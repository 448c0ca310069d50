"""After the commit: messages from saved state, the oldest cause and how many more, sent again to whoever is behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge import outward as outwards
from edge.links import Incoming
from edge.measures import Measures
from edge.now import Now
from edge.outward import StoreOutward
from edge.web.channels import Channels
from edge.web.ports import phone_channel, screen_channel
from protocols import topics
from protocols.cells import Crowd, Heard
from protocols.facts import Radio
from protocols.ids import AccountId, Key, Sku, ZoneId, key
from protocols.inputs import (
    BasketLine,
    Cause,
    ConsentChanged,
    Identified,
    Input,
    SaleClosed,
    SignStarted,
    ZoneLeft,
)
from sim.swarm.faults import FaultPlan, Faults
from sim.swarm.store import SIGN, Life
from sim.virtual import VirtualLoop
from tests.unit.recorded_link import RecordedLink

ANA = key("account", "A-ana")
SCREEN, PHONE = topics.screen("sim", "screen-1"), topics.phone("sim", "A-ana")
PRESENCE, DAIRY = topics.presence("sim", "ana"), topics.occupancy("sim", "dairy")


class Store:
    """A store in virtual time whose outward side is the real one, over a recorded link."""

    def __init__(self, folder: Path, loop: VirtualLoop) -> None:
        self.life = Life(folder, loop, Faults(FaultPlan()))
        self.now, self.channels = Now(), Channels()
        self.measures = Measures(CollectorRegistry())
        self.outward = StoreOutward("sim", self.now, self.life.clock, self.channels, self.measures)
        self.link = RecordedLink(self.outward.link_state)
        self.outward.link = self.link
        self.nudged = 0
        self.outward.nudge = self._nudge
        self.life.engine._outward = self.outward

    def _nudge(self) -> None:
        self.nudged += 1

    async def ask(self, entity: Key, given: Input, operation: str) -> None:
        cause = Cause(self.life.clock.now_us(), operation=operation)
        await self.life.engine.ask(entity, given, operation, operation, cause)

    async def sell(self, operation: str) -> None:
        line = BasketLine(Sku("bread"), 1000, 1_000)
        await self.ask(ANA, SaleClosed(operation, "till-1", (line,), 1_000), operation)

    async def walk(self, scanner: str = "north", subject: str = "ana", seconds: float = 2.0) -> None:
        for _ in range(int(seconds * 4)):
            at_us = self.life.clock.now_us()
            self.life.engine.hear(Heard(key("shopper", subject), scanner, -55.0, at_us // 1_000, at_us))
            await asyncio.sleep(0.25)

    def measured(self) -> float:
        return (
            self.measures.registry.get_sample_value("endcap_latency_seconds_count", {"stage": "total"}) or 0.0
        )


Test = Callable[[Store], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Runs a test beside the engine of a store; each call is another life of the same database."""

    def running(test: Test, *, start_s: float = 0.0, up: bool = True) -> Store:
        loop = VirtualLoop(start_s=start_s)
        store = Store(tmp_path / "store", loop)

        async def main() -> None:
            await store.life.begin()
            version, facts = store.life.db.facts()
            store.now.learn(version, facts)
            if up:
                store.link.go_up()
            engine = asyncio.create_task(store.life.engine.run())
            await asyncio.sleep(0.01)
            await test(store)
            engine.cancel()

        try:
            loop.run(main())
        finally:
            store.life.close()
        return store

    yield running


def test_a_sighting_ends_on_screen_phone_and_presence_each_naming_it(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.ask(SIGN, SignStarted(), "")
        began_us = store.life.clock.now_us()
        await store.walk()
        shown, wallet = store.link.shows(SCREEN), store.link.shows(PHONE)
        presence, crowd = store.link.shows(PRESENCE), store.link.shows(DAIRY)
        assert (shown["creative"], shown["campaign"]) == ("milk", "milk-now")
        assert [offer["campaign"] for offer in wallet["offers"]] == ["milk-now"]
        assert (presence["zone"], presence["subject"]) == ("dairy", "ana")
        assert (crowd["shoppers"], crowd["members"], crowd["zone"]) == (1, 1, "dairy")
        for message in (shown, wallet, presence, crowd):
            assert (message["cause"]["scanner"], message["cause"]["subject"]) == ("north", "ana")
            assert began_us <= message["cause"]["arrived_us"] <= began_us + 1_000_000
        assert shown["seq"] > 0
        assert wallet["version"] > 0

    run(test)


def test_a_message_is_the_state_that_was_saved_and_its_version_is_the_rows(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.sell("s1")
        load = store.life.db.load(ANA)
        assert load is not None
        assert store.link.shows(PHONE)["version"] == load.version

    run(test)


def test_the_oldest_cause_is_named_and_how_many_more_it_answers(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.sell("s0")  # the account's life has begun
        sent = len(store.link.sent)
        await asyncio.gather(store.sell("s1"), store.sell("s2"), store.sell("s3"))
        wallets = [json.loads(body) for topic, body in store.link.sent[sent:] if topic == PHONE]
        assert sum(1 + wallet["cause"].get("more", 0) for wallet in wallets) == 3
        assert wallets[0]["cause"]["operation"] == "s1"
        assert wallets[-1]["cause"].get("more", 0) >= 1
        assert wallets[-1]["version"] == store.life.db.load(ANA).version  # type: ignore[union-attr]

    run(test)


def test_pages_that_listen_are_sent_the_same_message(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        listening = store.channels.subscribe(phone_channel("A-ana"), screen_channel("screen-1"))
        await store.ask(SIGN, SignStarted(), "")
        await store.sell("s1")
        heard = dict([await anext(listening), await anext(listening)])
        assert heard[phone_channel("A-ana")] == store.link.retained[PHONE]
        assert heard[screen_channel("screen-1")] == store.link.retained[SCREEN]
        assert (store.outward.screens_sent, store.outward.wallets_sent) == (1, 1)

    run(test)


def test_whatever_became_newer_while_the_broker_was_away_is_sent_when_it_is_back(
    run: Callable[..., Store],
) -> None:
    async def test(store: Store) -> None:
        await store.ask(SIGN, SignStarted(), "")
        await store.sell("s1")
        before = dict(store.link.retained)
        store.link.go_down()
        await store.walk()
        await store.sell("s2")
        assert store.link.retained == before
        store.link.go_up()
        assert store.link.shows(SCREEN)["creative"] == "milk"
        assert store.link.shows(PHONE)["cause"]["operation"] == "s2"
        assert store.link.shows(PRESENCE)["zone"] == "dairy"
        assert store.link.retained[topics.engine_state("sim")] == b"online"

    run(test)


def test_a_broker_that_forgot_everything_is_told_everything_again(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.ask(SIGN, SignStarted(), "")
        await store.walk()
        before = dict(store.link.retained)
        assert set(before) >= {SCREEN, PHONE, PRESENCE, DAIRY}
        store.link.go_down(forgets=True)
        store.link.go_up()
        assert store.link.retained == before

    run(test)


def test_what_a_choked_link_did_not_take_is_sent_once_it_can(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        store.link.choke()
        await store.sell("s1")
        await store.sell("s2")
        store.outward.catch_up()
        assert PHONE not in store.link.retained
        store.link.choke(False)
        store.outward.catch_up()
        assert store.link.shows(PHONE)["cause"]["operation"] == "s2"
        sent = len(store.link.sent)
        store.outward.catch_up()
        assert len(store.link.sent) == sent  # nobody is behind any more

    run(test)


def test_the_topics_that_are_kept_have_a_limit(
    run: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outwards, "STANDING_MAX", 2)

    async def test(store: Store) -> None:
        for number in range(5):
            store.outward.present_now(key("shopper", f"s{number}"), None, Cause(0))
            store.outward.wallet_now(f"A-{number}", b'{"account":"A-%d"}' % number, 1, Cause(0), 0)
        assert len(store.outward._standing) <= 2
        assert set(store.outward._unsent) <= set(store.outward._standing)

    run(test, up=False)


def test_a_visit_that_ended_takes_its_presence_away(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.walk()
        assert store.link.shows(PRESENCE)["zone"] == "dairy"
        await asyncio.sleep(40.0)
        assert PRESENCE not in store.link.retained
        assert (PRESENCE, b"") in store.link.sent
        assert store.now.shoppers == {}
        store.link.go_down()
        store.link.go_up()
        assert PRESENCE not in store.link.retained

    run(test)


def test_a_visit_that_ended_while_the_broker_was_away_is_taken_away_when_it_is_back(
    run: Callable[..., Store],
) -> None:
    async def test(store: Store) -> None:
        await store.walk()
        store.link.go_down()
        await asyncio.sleep(40.0)
        assert store.link.shows(PRESENCE) is not None
        store.link.go_up()
        assert PRESENCE not in store.link.retained

    run(test)


def test_presence_says_where_the_subject_is_saved_to_be_not_what_an_input_claimed(
    run: Callable[..., Store],
) -> None:
    async def test(store: Store) -> None:
        await store.walk()
        await store.ask(key("shopper", "ana"), ZoneLeft(ZoneId("bakery")), "")  # a zone that it is not in
        assert store.link.shows(PRESENCE)["zone"] == "dairy"
        await store.ask(key("shopper", "ana"), ZoneLeft(ZoneId("dairy")), "")
        assert store.link.shows(PRESENCE)["zone"] == "unknown"

    run(test)


def test_entering_and_leaving_are_events_that_nobody_keeps(run: Callable[..., Store]) -> None:
    events = topics.zone_event("sim", "dairy")

    async def test(store: Store) -> None:
        await store.walk()
        store.link.choke()
        await store.walk("south", seconds=12.0)
        store.link.choke(False)
        store.outward.catch_up()
        await store.walk("north", seconds=12.0)
        await asyncio.sleep(40.0)
        said = [json.loads(body) for topic, body in store.link.sent if topic == events]
        # What happened while the broker took nothing is not made up for: presence says where ana is.
        assert [one["event"] for one in said] == ["entered", "entered", "left"]
        assert said[0]["cause"]["scanner"] == "north" and said[0]["dwell_s"] is None
        assert said[2]["dwell_s"] >= 8  # the zone's silence
        assert events not in store.link.retained

    run(test)


def test_places_follow_with_the_next_look_and_consent_that_goes_takes_them_away(
    run: Callable[..., Store],
) -> None:
    ana = key("shopper", "ana")

    async def known(store: Store, *consent: str) -> None:
        said = Identified(AccountId("A-ana"), name="Ana", member=True, consent=consent)
        await store.ask(ana, said, "")

    async def test(store: Store) -> None:
        await store.walk(seconds=1.0)
        await known(store, "location")
        await store.walk(seconds=3.0)
        store.outward.catch_up()
        assert (store.link.shows(PRESENCE)["x"], store.link.shows(PRESENCE)["y"]) == (1.0, 1.0)
        assert store.link.retained[topics.companion("endcap-sim-ana")] == b"Dairy"
        await known(store)
        assert store.link.shows(PRESENCE)["x"] is None
        assert topics.companion("endcap-sim-ana") not in store.link.retained

    run(test)


def test_what_cells_make_of_zones_goes_out_with_the_next_look(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.walk()
        store.now.facts.radio = Radio(1.0, 10, 8, 4.0, "survey")
        store.outward.judged("floor", [Crowd("dairy", 0.9, 0.09)], [])
        store.outward.catch_up()
        crowd = store.link.shows(DAIRY)
        assert (crowd["shoppers"], crowd["expected"], crowd["low"], crowd["high"]) == (1, 0.9, 0, 1)
        assert crowd["cause"]["subject"] == "ana"

    run(test)


def test_a_home_assistant_that_comes_later_is_told_the_devices_once_more(run: Callable[..., Store]) -> None:
    zone = "homeassistant/device/endcap-sim/zone-dairy/config"

    async def test(store: Store) -> None:
        store.outward.catch_up()
        sent = [topic for topic, _ in store.link.sent].count(zone)
        assert sent == 1
        store.outward.dashboards.arrived(Incoming("homeassistant/status", b"online", 0, False))
        store.outward.catch_up()
        assert [topic for topic, _ in store.link.sent].count(zone) == 2

    run(test)


def test_whoever_never_came_has_no_presence(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.ask(key("shopper", "ben"), ZoneLeft(ZoneId("dairy")), "")
        assert topics.presence("sim", "ben") not in store.link.retained
        assert store.now.shoppers == {}

    run(test)


def test_a_members_choice_is_told_to_the_phone_as_its_cause(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.ask(ANA, ConsentChanged(("offers", "profile")), "c1")
        assert store.link.shows(PHONE)["cause"]["operation"] == "c1"

    run(test)


def test_latency_counts_what_was_answered_and_not_what_time_alone_concluded(
    run: Callable[..., Store],
) -> None:
    async def test(store: Store) -> None:
        await store.sell("s1")
        # Two causes: the sale, and the account's birth.
        assert (store.measured(), store.outward.causes_answered) == (1.0, 2)
        await store.walk(seconds=0.25)  # one reading: its zone is announced when the hold has passed
        await asyncio.sleep(3.0)
        assert [offer["campaign"] for offer in store.link.shows(PHONE)["offers"]] == ["milk-now"]
        assert store.outward.causes_answered > 2
        assert store.measured() == 1.0

    run(test)


def test_records_for_head_office_nudge_the_link(run: Callable[..., Store]) -> None:
    async def test(store: Store) -> None:
        await store.ask(SIGN, SignStarted(), "")
        assert store.nudged == 0
        await store.sell("s1")
        assert store.nudged == 1

    run(test)


def test_what_stands_at_start_is_said_by_what_the_database_knows(run: Callable[..., Store]) -> None:
    async def before(store: Store) -> None:
        await store.ask(SIGN, SignStarted(), "")
        await store.walk()

    async def after(store: Store) -> None:
        sign = store.life.db.load(SIGN)
        assert sign is not None
        seq, cause = store.life.db.last_cause(SIGN) or (0, Cause(0))
        store.outward.show_now("screen-1", sign.state, cause, seq)
        store.link.go_up()
        shown = store.link.shows(SCREEN)
        assert (shown["creative"], shown["cause"]["subject"], shown["seq"]) == ("milk", "ana", seq)

    run(before)
    run(after, start_s=10.0, up=False)
