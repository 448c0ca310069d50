"""Whatever bytes come over HTTP: a problem with a reason, and the store goes on."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.testing import AsyncTestClient

from edge.settings import HttpSettings, Settings
from edge.web.app import build_app
from edge.web.bodies import decoded
from protocols.api import SaleRequest
from protocols.codec import JsonDecoder
from protocols.errors import Nonsense
from tests.browser.scripted_door import ScriptedDoor

JSON = {"Content-Type": "application/json"}
Client = AsyncTestClient[Any]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = build_app(ScriptedDoor(), Settings(http=HttpSettings(demo=True)))
    async with AsyncTestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"\xff\xfe{}", 400),
        (b'{"operation": NaN}', 400),
        (b"[" * 20_000, 400),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400),
        (b'{"operation":"a","operation":"b"}', 400),
        (b'{"operation":"' + b"x" * 70_000 + b'"}', 413),
        (b'{"n":' + b"9" * 5_000 + b"}", 400),
    ],
)
async def test_hostile_bodies_are_refused_with_a_problem(client: Client, body: bytes, status: int) -> None:
    answer = await client.post("/api/v1/sales", content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10
    assert (await client.get("/api/v1/health")).status_code == 200


async def test_a_name_that_stands_twice_is_named(client: Client) -> None:
    body = b'{"operation":"a","sale":"1","till":"till-1","lines":[{"sku":"bananas","quantity":1000,"quantity":9000}]}'
    answer = await client.post("/api/v1/sales", content=body, headers=JSON)
    assert answer.json()["detail"] == "'quantity' stands twice in one object. Send each name once."


async def test_a_body_that_does_not_say_json_is_refused(client: Client) -> None:
    answer = await client.post("/api/v1/sales", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/accounts/a%2Fb/wallet",
        "/api/v1/accounts/%00/wallet",
        "/api/v1/cards/%23",
        "/api/v1/signs/" + "x" * 300,
        "/api/v1/decisions/99999999999999999999",
        "/api/v1/decisions?limit=100000",
        "/api/v1/decisions?limit=x",
        "/pages/../../settings.py",
        "/pages/%2e%2e%2fapp.py",
        "/phone/a%20b",
    ],
)
async def test_hostile_addresses_are_refused_with_a_problem(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code in (400, 404), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_told_which_are_right(client: Client) -> None:
    answer = await client.delete("/api/v1/sales")
    assert (answer.status_code, answer.json()["code"]) == (405, "wrong_method")


async def test_a_point_outside_the_floor_is_refused(client: Client) -> None:
    answer = await client.post("/api/v1/demo/walk", json={"subject": "ana", "x": 1e9, "y": 2})
    assert answer.status_code == 400
    assert "outside the floor" in answer.json()["detail"]


async def test_a_store_that_is_no_demo_has_no_demo_doors() -> None:
    async with AsyncTestClient(build_app(ScriptedDoor(demo=False), Settings())) as plain:
        assert (await plain.post("/api/v1/demo/kill-ray", json={})).status_code == 404


async def test_every_answer_says_that_nothing_may_come_from_elsewhere(client: Client) -> None:
    for path in (
        "/",
        "/phone/A-1001",
        "/kiosk",
        "/screen/screen-1",
        "/pages/console.css",
        "/worker.js",
        "/schema",
    ):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


_sale: JsonDecoder[SaleRequest] = JsonDecoder(SaleRequest)
_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.binary(max_size=300) | _values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_nonsense_with_a_reason(body: bytes) -> None:
    with pytest.raises(Nonsense) as refused:  # what is drawn here is never a whole sale
        decoded(body, _sale)
    assert refused.value.reason
