"""What pages read: wallets, receipts, consent, the floor, decisions, playlists, the OpenAPI document."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient

from edge.settings import HttpSettings, Settings
from edge.web.app import build_app
from edge.web.channels import LISTENERS_MAX, Channels
from edge.web.files import Files
from edge.web.screen import playlist
from edge.web.views import ConsoleSnapshot, Explained, FloorView, PlaylistView
from protocols.api import Wallet
from protocols.errors import NotNow
from protocols.inputs import ConsentChanged, OfferSeen, Restocked
from tests.browser.scripted_door import ScriptedDoor

Client = AsyncTestClient[Any]


@pytest.fixture
def door() -> ScriptedDoor:
    return ScriptedDoor()


@pytest.fixture
async def client(door: ScriptedDoor) -> AsyncIterator[Client]:
    async with AsyncTestClient(build_app(door, Settings(http=HttpSettings(demo=True)))) as opened:
        yield opened


async def test_the_console_the_floor_and_a_why_decode_as_their_types(
    client: Client, door: ScriptedDoor
) -> None:
    console = msgspec.json.decode((await client.get("/api/v1/console")).content, type=ConsoleSnapshot)
    floor = msgspec.json.decode((await client.get("/api/v1/floor")).content, type=FloorView)
    seq = console.decisions[0].seq
    why = msgspec.json.decode((await client.get(f"/api/v1/decisions/{seq}")).content, type=Explained)
    assert console.floor_version == floor.version
    assert floor.forms["basket_total_minor"] == "money"
    assert why.view.seq == seq
    assert len(why.view.decision.considered) == why.view.decision.considered_count
    assert console.decisions[0].decision.considered == ()


async def test_a_wallet_shows_what_was_issued_and_a_phone_says_that_it_was_seen(
    client: Client, door: ScriptedDoor
) -> None:
    wallet = msgspec.json.decode((await client.get("/api/v1/accounts/A-1001/wallet")).content, type=Wallet)
    offer = wallet.offers[0].offer
    assert (await client.post(f"/api/v1/accounts/A-1001/offers/{offer}/seen", json={})).status_code == 200
    assert door.asked[0][1:] == (OfferSeen(offer=offer), f"seen:{offer}")  # type: ignore[arg-type]
    other = await client.post("/api/v1/accounts/A-1002/offers/not-mine/seen", json={})
    assert other.status_code == 404


async def test_the_decision_behind_an_offer_is_found_by_the_offer(client: Client, door: ScriptedDoor) -> None:
    offer = door.accounts["A-1001"].offers[0].offer
    (found,) = (await client.get("/api/v1/decisions", params={"offer": offer})).json()
    assert offer in found["decision"]["offers"]


async def test_decisions_are_paged_by_their_number(client: Client) -> None:
    first = (await client.get("/api/v1/decisions?limit=3")).json()
    second = (await client.get(f"/api/v1/decisions?limit=3&before={first[-1]['seq']}")).json()
    numbers = [one["seq"] for one in first + second]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 6


async def test_consent_is_replaced_whole_and_an_unknown_purpose_is_refused(
    client: Client, door: ScriptedDoor
) -> None:
    body = {"operation": "c-1", "consent": ["offers", "location", "offers"]}
    assert (await client.put("/api/v1/accounts/A-1001/consent", json=body)).status_code == 200
    assert door.asked[0][1] == ConsentChanged(consent=("location", "offers"))
    assert (await client.get("/api/v1/accounts/A-1001/consent")).json()["allowed"] == ["location", "offers"]
    refused = await client.put(
        "/api/v1/accounts/A-1001/consent", json={"operation": "c-2", "consent": ["all"]}
    )
    assert "No purpose 'all'" in refused.json()["detail"]


async def test_a_sale_stands_among_the_receipts(client: Client) -> None:
    sale = {
        "operation": "o",
        "sale": "77",
        "till": "till-1",
        "card": "A-1001",
        "lines": [{"sku": "sourdough"}],
    }
    await client.post("/api/v1/sales", json=sale)
    (receipt,) = (await client.get("/api/v1/accounts/A-1001/receipts")).json()
    assert (receipt["sale"], receipt["lines"][0]["name"]) == ("77", "Sourdough loaf")


async def test_staff_count_a_shelf_that_there_is(client: Client, door: ScriptedDoor) -> None:
    body = {"operation": "r-1", "pieces": 16}
    assert (await client.post("/api/v1/shelves/breakfast-1/restock", json=body)).status_code == 200
    assert door.asked[0][:2] == ("shelf:breakfast-1", Restocked(pieces=16))
    assert (await client.post("/api/v1/shelves/none/restock", json=body)).status_code == 404


async def test_a_card_is_told_by_account_card_or_device(client: Client) -> None:
    for known in ("A-1001", "2900000001001", "phone-ana"):
        assert (await client.get(f"/api/v1/cards/{known}")).json()["name"] == "Ana"
    unknown = await client.get("/api/v1/cards/123")
    assert unknown.json()["detail"] == "We do not know this card. Try again, or ask at the till."


async def test_a_device_is_enrolled(client: Client) -> None:
    body = {"subject": "zoe", "account": "A-2000", "name": "Zoe", "consent": ["offers"]}
    assert (await client.put("/api/v1/devices/phone-zoe", json=body)).json()["account"] == "A-2000"


async def test_a_creative_without_a_price_is_left_out_of_the_playlist(
    client: Client, door: ScriptedDoor
) -> None:
    body = (await client.get("/api/v1/signs/screen-1/playlist")).content
    assert len(msgspec.json.decode(body, type=PlaylistView).items) == 3
    floor = msgspec.structs.replace(door.the_floor, products={})
    left = playlist("screen-1", floor, door.store().store)
    assert [one.template for one in left.items] == ["card"]


async def test_a_file_that_the_browser_has_is_not_sent_again(client: Client) -> None:
    first = await client.get("/pages/console.css")
    again = await client.get("/pages/console.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_worker_keeps_every_script_and_style_and_a_new_release_is_a_new_cache(
    client: Client,
) -> None:
    body = (await client.get("/worker.js")).text
    files = Files()
    kept = {name for name in files.names() if name.endswith((".js", ".css")) and name != "worker.js"}
    assert all(f'"/pages/{name}"' in body for name in kept)
    assert files.digest in body


async def test_the_openapi_document_describes_every_route_and_every_reference_leads_somewhere(
    client: Client,
) -> None:
    document = (await client.get("/schema")).json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    referenced = _references(document)
    assert {ref.rpartition("/")[2] for ref in referenced} <= set(schemas)
    served = {
        route.path_format
        for route in client.app.routes
        if getattr(route, "path_format", "").startswith("/api/")
    }
    assert {path for path in served if "/demo/" not in path} == set(document["paths"])
    assert schemas["SaleRequest"]["properties"]["lines"]["maxItems"] == 500


def _references(part: object) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in part.values()))
    return set().union(*(_references(value) for value in part)) if isinstance(part, list) else set()


async def test_a_slow_listener_gets_the_newest_of_each_channel_and_no_queue_grows() -> None:
    channels = Channels()
    slow = channels.subscribe("phone:a", "store")
    for n in range(1000):
        channels.publish("phone:a", b"%d" % n)
    channels.publish("store", b"s")
    assert [await anext(slow), await anext(slow)] == [("phone:a", b"999"), ("store", b"s")]
    assert slow.replaced == 999
    slow.close()
    slow.close()
    assert (channels.listeners(), channels.listened("store")) == (0, False)


async def test_too_many_pages_are_told_not_now() -> None:
    channels = Channels()
    for _ in range(LISTENERS_MAX):
        channels.subscribe("console")
    with pytest.raises(NotNow):
        channels.subscribe("console")
