"""The till's door: sales and baskets in, verdicts and refusals out."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from prometheus_client import CollectorRegistry

from edge.settings import HttpSettings, Settings
from edge.web.app import build_app
from protocols.errors import NotNow, Parked
from protocols.inputs import BasketChanged, SaleClosed
from tests.browser.scripted_door import ScriptedDoor

SALE = {
    "operation": "op-1",
    "sale": "0001",
    "till": "till-1",
    "card": "A-1001",
    "lines": [{"sku": "coffee-250", "discount_minor": 60}, {"sku": "bananas", "quantity": 842}],
}

Client = AsyncTestClient[Any]


@pytest.fixture
def door() -> ScriptedDoor:
    return ScriptedDoor()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def client(door: ScriptedDoor, registry: CollectorRegistry) -> AsyncIterator[Client]:
    app = build_app(door, Settings(http=HttpSettings(demo=True)), registry)
    async with AsyncTestClient(app, raise_server_exceptions=False) as opened:
        yield opened


async def test_a_sale_is_priced_from_the_range_and_goes_to_the_account_behind_the_card(
    client: Client, door: ScriptedDoor
) -> None:
    answer = await client.post("/api/v1/sales", json=SALE)
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    # 439 - 60, and 0.842 kg of 179 a kilogram
    assert receipt["body"]["total_minor"] == 379 + 151
    assert (receipt["outcome"], receipt["replayed"]) == ("done", False)
    entity, given, operation = door.asked[0]
    assert (entity, operation) == ("account:A-1001", "op-1")
    assert isinstance(given, SaleClosed)
    assert [(line.name, line.category) for line in given.lines] == [
        ("Ground coffee 250 g", "coffee"),
        ("Bananas", "produce"),
    ]


async def test_a_repeat_gets_the_stored_verdict_and_sells_nothing_twice(
    client: Client, door: ScriptedDoor
) -> None:
    first = (await client.post("/api/v1/sales", json=SALE)).json()
    again = (await client.post("/api/v1/sales", json=SALE)).json()
    assert again == {**first, "replayed": True}
    assert len(door.asked) == 1


async def test_another_payload_under_the_same_operation_is_a_conflict(client: Client) -> None:
    await client.post("/api/v1/sales", json=SALE)
    answer = await client.post("/api/v1/sales", json={**SALE, "sale": "0002"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "idempotency_mismatch"


async def test_not_now_says_when_to_try_again(client: Client, door: ScriptedDoor) -> None:
    door.fail_next = NotNow("the disk is full; nothing was charged", retry_after_s=5)
    answer = await client.post("/api/v1/sales", json=SALE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "the disk is full; nothing was charged"
    assert (await client.post("/api/v1/sales", json=SALE)).json()["replayed"] is False


async def test_a_parked_sale_names_its_reference_and_asks_for_no_retry(
    client: Client, door: ScriptedDoor
) -> None:
    door.fail_next = Parked(17)
    answer = await client.post("/api/v1/sales", json=SALE)
    assert answer.json()["code"] == "parked"
    assert "reference 17" in answer.json()["detail"]
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"till": "till-9"}, 404, "No till 'till-9'"),
        ({"lines": [{"sku": "moon-rock"}]}, 400, "no product 'moon-rock'"),
        ({"lines": [{"sku": "bananas", "discount_minor": 999}]}, 400, "discount is larger than the line"),
        ({"closed_at_ms": 1}, 400, "more than 120 days ago"),
        ({"closed_at_ms": 4_102_444_800_000}, 400, "in the future"),
        ({"lines": []}, 400, "length >= 1"),
        ({"lines": [{"sku": "bananas", "quantity": -5}]}, 400, ">= 1"),
        ({"surprise": 1}, 400, "unknown field `surprise`"),
        ({"operation": "a b"}, 400, "$.operation"),
        ({"lines": [{"sku": "bananas", "quantity": "1000"}]}, 400, "Expected `int`"),
    ],
)
async def test_nonsense_is_refused_with_a_sentence_and_nothing_is_asked(
    client: Client, door: ScriptedDoor, change: dict[str, object], status: int, says: str
) -> None:
    answer = await client.post("/api/v1/sales", json={**SALE, **change})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
    assert door.asked == []


async def test_a_sale_without_a_card_belongs_to_its_till(client: Client, door: ScriptedDoor) -> None:
    await client.post("/api/v1/sales", json={**SALE, "card": ""})
    assert door.asked[0][0] == "account:till-till-1"


async def test_a_product_of_no_range_sells_at_the_price_that_the_till_gives(client: Client) -> None:
    lines = [{"sku": "moon-rock", "price_minor": 250, "quantity": 2000}]
    answer = await client.post("/api/v1/sales", json={**SALE, "lines": lines})
    assert answer.json()["body"]["total_minor"] == 500


async def test_a_basket_replaces_the_one_before_for_a_visit_that_there_is(
    client: Client, door: ScriptedDoor
) -> None:
    body = {"lines": [{"sku": "sourdough"}]}
    assert (await client.put("/api/v1/subjects/ana/basket", json=body)).status_code == 200
    assert isinstance(door.asked[0][1], BasketChanged)
    gone = await client.put("/api/v1/subjects/nobody/basket", json=body)
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown")


async def test_every_refusal_is_counted_by_its_reason(client: Client, registry: CollectorRegistry) -> None:
    await client.post("/api/v1/sales", json={**SALE, "till": "till-9"})
    await client.post("/api/v1/sales", content=b"{", headers={"Content-Type": "application/json"})
    await client.get("/nowhere")
    counted = {
        reason: registry.get_sample_value("endcap_http_refused_total", {"reason": reason})
        for reason in ("unknown", "nonsense")
    }
    assert counted == {"unknown": 2, "nonsense": 1}
    shown = (await client.get("/metrics")).text
    assert 'endcap_http_refused_total{reason="unknown"} 2.0' in shown


async def test_a_card_that_nobody_knows_earns_under_its_token(client: Client, door: ScriptedDoor) -> None:
    answer = await client.post("/api/v1/sales", json={**SALE, "card": "2900000999999"})
    assert answer.status_code == 200, answer.text
    account = door.asked[0][0]
    assert account.startswith("account:card-")
    assert "2900000999999" not in account
