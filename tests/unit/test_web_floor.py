"""The floor editor's doors over HTTP: drafts, refusals with places, pictures that cannot run, and who may change."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient

from edge.floor_picture import PICTURE_BYTES_MAX
from edge.settings import HttpSettings, Settings
from edge.web.app import build_app
from edge.web.floor_edit import DRAFT_BYTES_MAX
from edge.web.floor_views import ExpectedView, FloorDraft, FloorRefused, FloorSaved, PictureView, ToldApart
from tests.browser.scripted_door import ScriptedDoor
from tests.unit.test_floor_file import png

Client = AsyncTestClient[Any]
DRAFT = "/api/v1/floor/draft"
PICTURE = "/api/v1/floor/picture"


@pytest.fixture
def door() -> ScriptedDoor:
    return ScriptedDoor(people=3)


@pytest.fixture
async def client(door: ScriptedDoor) -> AsyncIterator[Client]:
    async with AsyncTestClient(build_app(door, Settings())) as opened:
        yield opened


async def test_a_draft_is_the_file_in_its_order_with_its_revision(client: Client) -> None:
    answer = await client.get(DRAFT)
    draft = msgspec.json.decode(answer.content, type=FloorDraft)
    assert list(json.loads(answer.content)["floor"]["zones"])[:3] == ["produce", "dairy", "bakery"]
    assert draft.floor.plan.width == 24 and len(draft.floor.plan.walls) == 10
    assert draft.floor.scanners["coffee"].z == 2.8
    assert draft.comments == 4
    assert answer.headers["cache-control"] == "no-store"


async def test_what_is_saved_is_what_the_store_reads(client: Client, door: ScriptedDoor) -> None:
    draft = (await client.get(DRAFT)).json()
    draft["floor"]["zones"]["coffee"]["polygon"][0] = [10.0, 4.4]
    body = {"revision": draft["revision"], "floor": draft["floor"]}
    looked = msgspec.json.decode(
        (await client.put(f"{DRAFT}?dry_run=true", json=body)).content, type=FloorSaved
    )
    assert looked == FloorSaved(False, draft["revision"], ())
    assert (await client.get("/api/v1/floor")).json()["version"] == 1
    saved = msgspec.json.decode((await client.put(DRAFT, json=body)).content, type=FloorSaved)
    assert saved.saved and saved.revision != draft["revision"]
    floor = (await client.get("/api/v1/floor")).json()
    assert (floor["version"], floor["zones"]["coffee"]["polygon"][0]) == (2, [10, 4.4])


async def test_errors_are_a_problem_with_the_place_of_each(client: Client, door: ScriptedDoor) -> None:
    draft = (await client.get(DRAFT)).json()
    draft["floor"]["scanners"]["coffee"]["x"] = 50
    draft["floor"]["presence"]["leave_p"] = 0.9
    answer = await client.put(DRAFT, json={"revision": draft["revision"], "floor": draft["floor"]})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    refused = msgspec.json.decode(answer.content, type=FloorRefused)
    assert {one.at: one.say for one in refused.problems} == {
        ("scanners", "coffee", "x"): "x is 50; it must be 0 to 24",
        ("presence",): "leave_p is 0.9 and enter_p 0.6: whoever enters would leave at once; "
        "choose leave_p below enter_p",
    }
    assert refused.code == "floor_wrong" and "(and 1 more)" in refused.detail
    assert door.the_floor.version == 1


async def test_an_older_revision_is_told_what_to_do(client: Client) -> None:
    draft = (await client.get(DRAFT)).json()
    answer = await client.put(DRAFT, json={"revision": "0" * 16, "floor": draft["floor"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "floor_changed")
    assert "GET the draft again" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"revision": "x"}, "floor"),
        ({"floor": {}, "revision": 5}, "revision"),
        ({"floor": [], "revision": ""}, "floor"),
        ({"floor": {}, "revision": "", "dry": True}, "dry"),
    ],
)
async def test_a_body_of_another_shape_is_refused(client: Client, body: Any, wanted: str) -> None:
    answer = await client.put(f"{DRAFT}?dry_run=true", json=body)
    assert answer.status_code == 400
    assert wanted in answer.json()["detail"]


async def test_hostile_floors_are_told_and_never_break_anything(client: Client) -> None:
    deep: Any = []
    for _ in range(20):
        deep = [deep]
    floors: list[dict[str, Any]] = [
        {},
        {"plan": 5, "zones": "x"},
        {"zones": {"../..": {}, "a b": None, "": 1, "x" * 2_000: {}}},
        {"plan": {"width": 1e300, "height": -1, "walls": [[1], "a", deep, None]}},
        {"zones": {"a": {"polygon": [[0, 0, 0], [1], "x"], "box": "y"}}},
        {"plan": {"name": "a\nzones: {}\n# \u2028 \x07"}, "}": {"{": "[", "- ": ": "}},
        {"scanners": {"s": {"zone": {"zone": ["zone"]}}}},
    ]
    for floor in floors:
        answer = await client.put(f"{DRAFT}?dry_run=true", json={"revision": "", "floor": floor})
        assert answer.status_code == 200, answer.text
        assert answer.json()["problems"], floor
    assert (await client.get(DRAFT)).status_code == 200


async def test_a_draft_beyond_its_limit_is_told_that_limit(client: Client) -> None:
    body = b'{"revision":"","floor":{"plan":"' + b"x" * DRAFT_BYTES_MAX + b'"}}'
    answer = await client.put(DRAFT, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert str(DRAFT_BYTES_MAX) in answer.json()["detail"]


async def test_a_picture_is_served_as_what_it_is_and_nothing_of_it_runs(client: Client) -> None:
    kept = await client.put(PICTURE, content=png(64, 48), headers={"Content-Type": "image/png"})
    view = msgspec.json.decode(kept.content, type=PictureView)
    assert (view.width_px, view.height_px) == (64, 48)
    answer = await client.get(f"{PICTURE}/{view.file}")
    assert answer.content == png(64, 48)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("floor-0123456789abcdef.png", "..%2ffloor.yaml", "floor.yaml", "%00.png"):
        assert (await client.get(f"{PICTURE}/{name}")).status_code == 404, name


@pytest.mark.parametrize(
    ("body", "kind", "status", "wanted"),
    [
        (b"<svg onload='alert(1)'/>", "image/svg+xml", 415, "An SVG can hold scripts, so it is not taken."),
        (b"<svg/>", "image/png", 415, "An SVG can hold scripts, so it is not taken."),
        (b"GIF89a", "image/gif", 415, "no picture that is known here"),
        (png(), "application/json", 415, "Content-Type: image/png"),
        (png(more=b"\0" * PICTURE_BYTES_MAX), "image/png", 413, "8388608"),
        (png(9_000, 9_000), "image/png", 413, "pixels"),
    ],
)
async def test_what_is_no_picture_is_refused_with_the_reason(
    client: Client, body: bytes, kind: str, status: int, wanted: str
) -> None:
    answer = await client.put(PICTURE, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert wanted in answer.json()["detail"]


async def test_beyond_loopback_the_floor_is_looked_at_and_not_changed_unless_told_so(
    door: ScriptedDoor,
) -> None:
    draft = msgspec.json.decode(msgspec.json.encode(await door.floor_desk.draft()))
    body = {"revision": draft["revision"], "floor": draft["floor"]}
    shut = Settings(http=HttpSettings(host="0.0.0.0"))
    async with AsyncTestClient(build_app(door, shut)) as plain:
        assert (await plain.get(DRAFT)).status_code == 200
        for path, sent in ((DRAFT, {"json": body}), (f"{DRAFT}?dry_run=true", {"json": body}), (PICTURE, {})):
            answer = await plain.put(path, **sent)
            assert (answer.status_code, answer.json()["code"]) == (403, "no_editing")
            assert "edit = true in [http]" in answer.json()["detail"]
    opened = Settings(http=HttpSettings(host="0.0.0.0", edit=True))
    async with AsyncTestClient(build_app(door, opened)) as told:
        assert (await told.put(DRAFT, json=body)).status_code == 200


async def test_expected_errors_are_there_once_the_floor_was_surveyed(
    client: Client, door: ScriptedDoor
) -> None:
    answer = await client.get("/api/v1/floor/expected")
    assert answer.status_code == 404
    assert "Survey the floor first" in answer.json()["detail"]
    door.expects = ExpectedView(
        2.0, 2, 1, (1.5, -1), {"coffee": ToldApart(0.4, "pantry", "Too fine.")}, ("Few points.",)
    )
    answer = await client.get("/api/v1/floor/expected")
    assert msgspec.json.decode(answer.content, type=ExpectedView) == door.expects
