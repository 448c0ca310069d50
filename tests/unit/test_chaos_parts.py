"""The pure parts of a chaos run: the deck, who is who among processes, how waits are told, what a sale is."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import msgspec
import pytest

from edge.books import read_books
from protocols.api import SaleRequest
from protocols.facts import Product
from sim.chaos.report import Result, as_json, minutes_of, quantile
from sim.chaos.sales import Sales, Shop, Wrong, otherwise
from sim.chaos.strikes import deck
from sim.chaos.victims import RAY, Process, process, ray_kind, started_at
from sim.chaos.works import BOOKS, TILLS

SERVICES = ("broker", "kafka", "cloud", "engine")


@pytest.mark.parametrize("strikes", [1, 6, 8, 100])
def test_a_deck_has_as_many_cards_as_strikes_and_the_same_ones_for_the_same_seed(strikes: int) -> None:
    cards = deck(strikes, 7, ray=True, services=SERVICES)
    assert len(cards) == strikes
    assert cards == deck(strikes, 7, ray=True, services=SERVICES)
    assert strikes < 6 or cards != deck(strikes, 8, ray=True, services=SERVICES)


def test_a_hundred_strikes_kill_and_stop_every_victim() -> None:
    cards = deck(100, 1, ray=True, services=SERVICES)
    killed = Counter(card.victim for card in cards if card.blow == "kill")
    assert set(killed) == {*SERVICES, *RAY}
    assert {card.victim for card in cards if card.blow == "stop"} >= {"engine", "cell", "broker"}
    assert all(0.2 <= card.stop_s <= 3.0 for card in cards)


def test_without_ray_nobody_of_ray_is_dealt() -> None:
    assert {card.victim for card in deck(40, 1, ray=False, services=SERVICES)} == set(SERVICES)


def test_the_first_card_of_each_victim_kills() -> None:
    assert {card.blow for card in deck(4, 3, ray=False, services=SERVICES)} == {"kill"}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("ray::HostedCell.hold\0", "cell"),
        ("ray::IDLE\0", ""),
        ("/lib/python3/ray/core/src/ray/gcs/gcs_server\0--log_dir=x\0", "gcs"),
        ("/lib/python3/ray/core/src/ray/raylet/raylet\0--raylet_socket_name=x\0", "raylet"),
        ("/usr/bin/python3\0-m\0edge.cells.ray_host\0", "ray child"),
        ("/usr/bin/python3\0-u\0/lib/ray/_private/workers/default_worker.py\0", ""),
        ("", ""),
    ],
)
def test_a_process_of_ray_is_known_by_its_command(command: str, kind: str) -> None:
    assert ray_kind(command) == kind


def test_a_number_that_another_process_has_now_is_not_hit() -> None:
    me = process(os.getpid())
    assert me is not None and me.lives
    earlier = Process(me.pid, me.started - 1)
    assert not earlier.lives
    assert earlier.send(signal.SIGKILL) is False  # this test would end here


def test_a_process_that_is_gone_has_no_start() -> None:
    assert started_at(2**22 + 1) == 0
    assert process(2**22 + 1) is None


def test_waits_are_told_by_the_minute_in_which_a_sale_began() -> None:
    waits = [(1.0, 0.010, 1), (59.9, 2.0, 3), (60.1, 0.020, 1)]
    assert minutes_of(waits) == [(0, 2, 2_000.0, 2_000.0, 2_000.0), (1, 1, 20.0, 20.0, 20.0)]


def test_the_quantile_of_nothing_is_nothing() -> None:
    assert quantile([], 0.99) == 0.0
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0


def test_one_wrong_thing_makes_a_result_bad_and_the_json_names_it() -> None:
    result = Result(seed=1)
    assert result.good
    result.wrong.append(Wrong("lost", "op-3", "acknowledged, and not in the store"))
    told = json.loads(as_json(result))
    assert told["good"] is False
    assert told["wrong"] == [{"kind": "lost", "what": "op-3", "detail": "acknowledged, and not in the store"}]


@pytest.fixture(scope="module")
def shop() -> Shop:
    books = read_books(BOOKS)
    decode = msgspec.json.Decoder(Product).decode
    products = {know.key: decode(bytes(know.value)) for know in books.knows if know.book == "product"}
    return Shop(5, TILLS, books.members, products)


def test_every_sale_has_an_id_of_its_own_and_its_body_names_it(shop: Shop) -> None:
    sales = [shop.next() for _ in range(200)]
    assert len({sale.operation for sale in sales}) == len({sale.sale for sale in sales}) == 200
    for sale in sales:
        request = msgspec.json.decode(sale.body, type=SaleRequest)
        assert (request.operation, request.sale) == (sale.operation, sale.sale)
        assert sale.total_minor > 0
    assert {sale.habit for sale in sales} == {"once", "again", "twice", "otherwise"}
    assert any(sale.account.startswith("till-") for sale in sales)
    assert any(sale.account.startswith("A-") for sale in sales)


def test_the_other_payload_differs_and_keeps_the_id(shop: Shop) -> None:
    sale = shop.next()
    other = msgspec.json.decode(otherwise(sale), type=SaleRequest)
    assert other.operation == sale.operation
    assert len(other.lines) == len(msgspec.json.decode(sale.body, type=SaleRequest).lines) + 1


def test_a_sale_without_a_verdict_waits(shop: Shop) -> None:
    sale, sales = shop.next(), Sales()
    sales.sent[sale.operation] = sale
    assert sales.waiting == [sale.operation]
