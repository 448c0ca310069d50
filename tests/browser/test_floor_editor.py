"""The floor editor in an installer's hands: drawn by mouse, by finger and by keyboard alone, saved, and seen again."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, expect

from tests.browser.floor_hands import FINER, Hands, editing, surveyed
from tests.browser.scripted_door import ScriptedDoor
from tests.browser.serving import Store, look, open_store
from tests.unit.test_floor_file import png


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    door = ScriptedDoor()
    door.expects = surveyed()
    async with open_store(door, moving=False) as opened:
        yield opened


@pytest.fixture
async def hands(store: Store, browser: Browser) -> AsyncIterator[Hands]:
    async with editing(store, browser) as opened:
        yield opened


async def drafted(store: Store) -> dict[str, Any]:
    """The floor that the store's file holds now."""
    draft = await store.door.floor_desk.draft()
    return {
        "zones": {name: [list(point) for point in zone.polygon] for name, zone in draft.floor.zones.items()},
        "names": {name: zone.name for name, zone in draft.floor.zones.items()},
        "scanners": {name: (one.zone, one.x, one.y, one.z) for name, one in draft.floor.scanners.items()},
        "shelves": {name: (one.x, one.y, one.w, one.h) for name, one in draft.floor.shelves.items()},
        "walls": [[list(point) for point in wall] for wall in draft.floor.plan.walls],
        "picture": draft.floor.plan.picture,
        "comments": draft.comments,
    }


def box(x: float, y: float, right: float, bottom: float) -> list[list[float]]:
    return [[x, y], [right, y], [right, bottom], [x, bottom]]


async def test_a_zone_is_drawn_named_saved_and_there_after_a_reload(store: Store, hands: Hands) -> None:
    page = hands.page
    await hands.tool("Zone")
    await hands.drag((18.43, 13.22), (22.98, 14.61))
    await expect(hands.field("name")).to_be_focused()
    await page.keyboard.type("Flowers")
    await page.keyboard.press("Tab")
    await expect(page.locator("#things .chosen")).to_contain_text("Flowers4.6 × 1.4 m")
    await hands.judged()
    await page.get_by_role("button", name="Save", exact=True).click()
    asked = page.get_by_role("dialog", name="Save the floor")
    await expect(asked).to_contain_text("1 zone added: Flowers")
    await expect(asked).to_contain_text("4 lines with a comment in floor.yaml will be lost")
    await expect(asked).to_contain_text(
        "The comment at its top stays. The file as it is now is kept beside it."
    )
    await asked.get_by_role("button", name="Save floor").click()
    await expect(page.locator("#status")).to_have_text("Floor saved. The store reads it within a second.")
    floor = await drafted(store)
    assert floor["zones"]["flowers"] == box(18.4, 13.2, 23, 14.6)  # its id follows its first name
    assert (floor["names"]["flowers"], floor["comments"]) == ("Flowers", 0)
    await page.reload()
    await expect(page.locator("#floor .zone-name", has_text="Flowers")).to_be_visible()
    await page.get_by_role("button", name="Edit floor").click()
    await expect(page.locator("#things")).to_contain_text("Flowers")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()


async def test_a_zone_is_drawn_corner_by_corner_and_caught_by_its_neighbours_corners(
    store: Store, hands: Hands
) -> None:
    await hands.page.keyboard.press("z")
    # Near Dairy's corner at 6.9, 3.9, then free, then near Produce's at 6.7, 9; the first corner closes it.
    await hands.click((7.13, 3.82), (8.04, 4.21), (6.62, 9.1), (6.2, 6.5), (7.05, 3.95))
    await hands.page.keyboard.press("Escape")
    await hands.save()
    floor = await drafted(store)
    assert floor["zones"]["zone-13"] == [[6.9, 3.9], [8, 4.2], [6.7, 9], [6.2, 6.5]]


async def test_a_scanner_goes_by_hand_onto_the_grid_and_on_by_the_arrow_keys(
    store: Store, hands: Hands
) -> None:
    page = hands.page
    await hands.drag((11.2, 8.6), (11.63, 9.17))
    await expect(hands.field("x")).to_have_value("11.6")
    await expect(hands.field("y")).to_have_value("9.2")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Shift+ArrowDown")
    await expect(page.locator("#status")).to_have_text("coffee at 11.5, 10.2.")
    await hands.field("z").fill("3.1")
    await page.keyboard.press("Enter")
    await hands.save()
    assert (await drafted(store))["scanners"]["coffee"] == ("coffee", 11.5, 10.2, 3.1)
    assert store.door.the_floor.scanners["coffee"].y == 10.2


async def test_what_is_placed_stands_for_the_zone_that_it_hangs_in(store: Store, hands: Hands) -> None:
    page = hands.page
    await hands.tool("Scanner")
    await hands.click((14.0, 11.02))
    await expect(hands.field("zone")).to_have_value("pantry")
    await hands.field("id").fill("esp-pantry-2")
    await page.keyboard.press("Enter")
    await hands.tool("Shelf")
    await hands.drag((20.0, 12.0), (21.5, 12.4))
    await expect(hands.field("zone")).to_have_value("frozen")
    await hands.field("sku").select_option("whole-milk")
    await hands.tool("Till")
    await hands.click((16.0, 17.6))
    await hands.save()
    floor = await drafted(store)
    assert floor["scanners"]["esp-pantry-2"] == ("pantry", 14, 11, 2.5)
    assert floor["shelves"]["frozen-17"] == (20, 12, 1.5, 0.4)
    assert store.door.the_floor.shelves["frozen-17"].sku == "whole-milk"
    assert store.door.the_floor.tills["till-3"].x == 16


async def test_corners_are_dragged_added_and_removed(store: Store, hands: Hands) -> None:
    page = hands.page
    await hands.choose("Zones", "zones/frozen")
    await hands.drag((23.7, 13.8), (23.42, 13.6))  # its last but one corner
    await hands.drag((21.575, 4.1), (21.5, 4.5))  # the dot between its first two
    await expect(page.locator(".corners tbody tr")).to_have_count(5)
    await page.get_by_role("button", name="Remove corner 5").click()
    await expect(page.locator("#status")).to_have_text("Corner 5 removed.")
    await hands.save()
    assert (await drafted(store))["zones"]["frozen"] == [
        [19.45, 4.1],
        [21.5, 4.5],
        [23.7, 4.1],
        [23.4, 13.6],
    ]


async def test_walls_are_lines_and_one_that_ends_where_it_began_is_a_fixture(
    store: Store, hands: Hands
) -> None:
    await hands.tool("Wall")
    await hands.click((20, 13.2), (22, 13.2), (22, 14.2))
    await hands.page.keyboard.press("Enter")
    await hands.tool("Wall")
    await hands.click((8.5, 13.5), (9.5, 13.5), (9.5, 14.5), (8.5, 13.5))
    await expect(hands.page.locator("#things .chosen")).to_contain_text("Fixture")
    await hands.save()
    assert (await drafted(store))["walls"][-2:] == [
        [[20, 13.2], [22, 13.2], [22, 14.2]],
        [[8.5, 13.5], [9.5, 13.5], [9.5, 14.5], [8.5, 13.5]],
    ]


async def test_a_whole_zone_moves_until_its_corner_lies_on_anothers(store: Store, hands: Hands) -> None:
    # Bakery's left edge is 0.2 m right of Dairy's right one: 0.25 m to the left is near enough to be caught.
    await hands.drag((20, 1.5), (19.75, 1.53))
    await hands.save()
    assert (await drafted(store))["zones"]["bakery"] == box(16.9, 0.8, 23.5, 3.9)


async def test_steps_are_undone_and_done_again_one_drag_a_step(store: Store, hands: Hands) -> None:
    page = hands.page
    at = page.locator("#things .chosen .second")
    await hands.drag((11.2, 8.6), (11.6, 9.2))
    for _ in range(4):
        await page.keyboard.press("ArrowRight")  # in one row: one step
    await expect(at).to_have_text("Coffee · 12, 9.2 · 2.8 m up")
    await page.keyboard.press("Control+z")
    await expect(at).to_have_text("Coffee · 11.6, 9.2 · 2.8 m up")
    await page.get_by_role("button", name="Undo").click()
    await expect(at).to_have_text("Coffee · 11.2, 8.6 · 2.8 m up")
    await expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    await expect(page.locator(".save-bar")).to_contain_text("Nothing changed yet")
    await page.keyboard.press("Control+Shift+z")
    await page.get_by_role("button", name="Redo").click()
    await expect(at).to_have_text("Coffee · 12, 9.2 · 2.8 m up")
    await page.locator(".draft").focus()
    await page.keyboard.press("Delete")
    await expect(page.locator("#status")).to_have_text("coffee removed. Ctrl Z brings it back.")
    await page.keyboard.press("Control+z")
    await expect(page.locator("#things")).to_contain_text("Coffee · 12, 9.2")


async def test_escape_lets_go_of_a_drag_and_of_a_line_that_is_not_finished(
    store: Store, hands: Hands
) -> None:
    page = hands.page
    await hands.drag((11.2, 8.6), (12.0, 9.9), drop=False)
    await expect(page.locator("#things .chosen .second")).to_have_text("Coffee · 12, 9.9 · 2.8 m up")
    await page.keyboard.press("Escape")
    await page.mouse.up()
    await expect(page.locator("#things .chosen .second")).to_have_text("Coffee · 11.2, 8.6 · 2.8 m up")
    await hands.tool("Wall")
    await hands.click((20, 13.2), (22, 13.2))
    await expect(page.locator(".draft .sketch")).to_have_count(1)
    await page.locator(".draft").focus()
    await page.keyboard.press("Backspace")  # the last point
    await page.keyboard.press("Escape")
    await expect(page.locator(".draft .sketch")).to_have_count(0)
    await expect(page.get_by_role("radio", name="Wall")).to_be_checked()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("radio", name="Select")).to_be_checked()
    await expect(page.locator(".save-bar")).to_contain_text("Nothing changed yet")


async def test_what_is_wrong_is_told_where_it_is_and_nothing_is_saved_until_it_is_mended(
    store: Store, hands: Hands
) -> None:
    page = hands.page
    await hands.choose("Shelves", "shelves/coffee-1")
    await hands.field("x").fill("30")
    await page.keyboard.press("Enter")
    await hands.choose("Zones", "zones/tills")
    await expect(page.locator(".save-bar")).to_contain_text("1 to mend first")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    await expect(page.get_by_role("tab", name="Shelves, 1 problem")).to_be_visible()
    await expect(page.locator('.e-shelves.wrong[data-id="coffee-1"]')).to_have_count(1)
    await page.get_by_role("button", name="Show it").click()
    await expect(page.locator("#things .chosen")).to_contain_text("X is 30; it must be 0 to 24.")
    await expect(hands.field("x")).to_have_attribute("aria-invalid", "true")
    beside = page.locator(".fields .field", has=page.locator('[data-field="x"]'))
    await expect(beside).to_contain_text("X is 30; it must be 0 to 24.")
    await hands.field("x").fill("9.8")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    await expect(page.locator(".wrong")).to_have_count(0)


async def test_a_zone_that_others_name_is_told_wherever_it_is_named(store: Store, hands: Hands) -> None:
    page = hands.page
    await hands.choose("Zones", "zones/coffee")
    await page.get_by_role("button", name="Delete").click()
    await hands.judged()
    await page.get_by_role("tab", name="Scanners, 1 problem").click()
    await expect(page.locator("#things")).to_contain_text("There is no zone 'coffee'")
    await expect(page.locator(".elsewhere")).to_contain_text("campaigns.yaml line")
    assert "coffee" in store.door.the_floor.zones


async def test_by_keyboard_alone_a_zone_is_added_placed_in_numbers_and_saved(
    store: Store, browser: Browser
) -> None:
    async with look(browser) as page:
        hands = Hands(page)
        await page.goto(store.url)
        await page.wait_for_selector("#feed li")
        await page.get_by_role("button", name="Edit floor").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".draft")).to_be_focused()
        await page.locator("#tab-zones").focus()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Add zone")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(hands.field("id")).to_be_focused()
        await page.keyboard.type("flowers")
        await page.keyboard.press("Tab")
        await expect(hands.field("name")).to_be_focused()
        await page.keyboard.press("Control+a")
        await page.keyboard.type("Flowers")
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowUp")  # the margin, a step of 0.1
        for value in ("18.4", "13.2", "23", "13.2", "23", "14.6", "18.4", "14.6"):
            await page.keyboard.press("Tab")
            while not await page.evaluate("document.activeElement.matches('.corners input')"):
                await page.keyboard.press("Tab")
            await page.keyboard.press("Control+a")
            await page.keyboard.type(value)
        await page.keyboard.press("Tab")
        await hands.judged()
        await page.keyboard.press("Control+s")
        await expect(page.get_by_role("button", name="Save floor")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#status")).to_contain_text("Floor saved.")
        # In the list: down to the next thing, Enter to its fields, Delete takes it away.
        await page.locator("#tab-scanners").focus()
        await page.keyboard.press("Enter")
        await page.locator("#things button").first.focus()
        await page.keyboard.press("ArrowDown")
        await expect(page.locator("#things .chosen")).to_contain_text("dairy")
        await page.keyboard.press("Enter")
        await expect(hands.field("zone")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator(".draft")).to_be_focused()
    floor = await drafted(store)
    assert floor["zones"]["flowers"] == box(18.4, 13.2, 23, 14.6)
    assert store.door.the_floor.zones["flowers"].margin_m == 0.1


async def test_a_floor_that_somebody_else_saved_meanwhile_is_theirs_or_mine_as_a_person_says(
    store: Store, browser: Browser
) -> None:
    file = store.door.floor_desk.folder / "floor.yaml"

    def theirs(name: str) -> None:
        file.write_text(file.read_text().replace("name: Coffee", f"name: {name}"))

    async with editing(store, browser, offline=True) as hands:  # a 409 is a red line in any browser's console
        page = hands.page
        await hands.drag((11.2, 8.6), (11.6, 9.2))
        theirs("Coffee house")
        await hands.judged()
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.get_by_role("button", name="Save floor").click()
        clash = page.get_by_role("dialog", name="Save the floor")
        await expect(clash).to_contain_text("Somebody else saved floor.yaml since you opened it.")
        assert "Coffee house" in file.read_text()
        await clash.get_by_role("button", name="Load theirs").click()
        await expect(page.locator("#things")).to_contain_text("Coffee house")
        await hands.drag((11.2, 8.6), (11.6, 9.2))
        theirs("Coffee corner")
        await hands.judged()
        await page.keyboard.press("Control+s")
        await page.get_by_role("button", name="Save floor").click()
        await page.get_by_role("button", name="Save mine over it").click()
        await expect(page.locator("#status")).to_contain_text("Floor saved.")
    assert "Coffee house" in file.read_text() and "Coffee corner" not in file.read_text()
    assert any("Coffee corner" in kept.read_text() for kept in file.parent.glob("floor.yaml.*"))
    assert (await drafted(store))["scanners"]["coffee"][1:3] == (11.6, 9.2)


async def test_a_picture_lies_under_the_plan_and_two_points_set_its_scale(store: Store, hands: Hands) -> None:
    page = hands.page
    await hands.choose("More", "picture/")
    async with page.expect_file_chooser() as choosing:
        await page.get_by_role("button", name="Upload a plan").click()
    await (await choosing.value).set_files(
        {"name": "p.png", "mimeType": "image/png", "buffer": png(300, 200)}
    )
    await expect(page.locator(".picture image")).to_have_attribute("height", "480")  # 24 m across, 16 m down
    await page.get_by_label("Picture", exact=True).fill("20")
    assert await page.locator("g.picture").evaluate("(node) => node.style.opacity") == "0.2"
    await page.get_by_role("button", name="Set scale").click()
    await hands.click((6, 4), (18, 4))
    known = page.get_by_role("dialog", name="Distance between the two points")
    await expect(known.get_by_role("spinbutton", name="Metres")).to_have_value("12")
    await known.get_by_role("spinbutton", name="Metres").fill("15")
    await known.get_by_role("button", name="Set scale").click()
    await expect(page.locator("#status")).to_have_text("Scale set: the picture is 30 m across.")
    await hands.drag((1, 1), (1.4, 1))  # picked, it goes by hand, whatever lies over it
    await hands.save()
    picture = (await drafted(store))["picture"]
    assert (picture.x, picture.y, picture.width) == (-1.1, -1, 30)
    assert (store.door.floor_desk.folder / picture.file).read_bytes() == png(300, 200)


async def test_a_picture_that_could_run_something_is_refused_and_says_what_to_send(
    store: Store, browser: Browser
) -> None:
    async with editing(store, browser, offline=True) as hands:
        await hands.choose("More", "picture/")
        async with hands.page.expect_file_chooser() as choosing:
            await hands.page.get_by_role("button", name="Upload a plan").click()
        drawn = {"name": "p.svg", "mimeType": "image/svg+xml", "buffer": b"<svg onload='alert(1)'/>"}
        await (await choosing.value).set_files(drawn)
        said = (
            "An SVG can hold scripts, so it is not taken. Export the plan as PNG, JPEG or WebP and send that."
        )
        await expect(hands.page.locator(".well > .hint", has_text=said)).to_be_visible()
        await expect(hands.page.locator(".save-bar")).to_contain_text("Nothing changed yet")


async def test_expected_errors_are_a_layer_in_metres_and_a_zone_drawn_too_fine_is_named(hands: Hands) -> None:
    page = hands.page
    await expect(page.locator("#things")).to_contain_text(FINER)
    await expect(page.locator('.e-zones.doubted[data-id="coffee"]')).to_have_count(1)
    await expect(page.locator(".heat path")).to_have_count(0)
    await page.locator("label.layer").click()
    await expect(page.get_by_role("switch", name="Expected error")).to_be_checked()
    drawn = await page.locator(".heat path").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('d').length)"
    )
    assert len(drawn) == 5 and sum(drawn) > 1_500
    await expect(page.locator(".heat-foot")).to_contain_text("0–11–22–33–55+m")
    await expect(page.locator(".heat-foot")).to_contain_text(
        "Half of all positions are expected within 2.4 m."
    )
    await page.locator("label.layer").click()
    await expect(page.locator(".heat-foot")).to_be_hidden()


async def test_before_a_survey_the_layer_is_not_offered_and_says_what_to_do(
    store: Store, browser: Browser
) -> None:
    store.door.expects = None
    async with editing(store, browser, offline=True) as hands:  # a 404 is a red line in any browser's console
        await expect(hands.page.get_by_text("Survey the floor first.")).to_be_visible()
        await expect(hands.page.get_by_role("switch", name="Expected error")).to_be_hidden()


async def test_discarding_asks_and_leaves_the_floor_and_the_console_as_they_were(
    store: Store, hands: Hands
) -> None:
    page = hands.page
    await hands.drag((11.2, 8.6), (11.6, 9.2))
    await page.get_by_role("button", name="Discard").click()
    await expect(page.get_by_role("dialog")).to_contain_text("1 scanner moved: coffee")
    await page.get_by_role("button", name="Go on editing").click()
    await expect(page.locator(".draft")).to_be_visible()
    await page.get_by_role("button", name="Discard").click()
    await page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    await expect(page.locator(".draft")).to_be_hidden()
    await expect(page.locator("#floor .plan")).to_be_visible()
    await expect(page.locator("#feed li").first).to_be_visible()
    await expect(page.get_by_role("button", name="Edit floor")).to_be_focused()
    await page.get_by_role("button", name="Edit floor").click()
    await expect(page.locator(".save-bar")).to_contain_text("Nothing changed yet")
    assert store.door.the_floor.version == 1


async def test_a_store_out_of_reach_keeps_the_draft_until_it_is_back(store: Store, browser: Browser) -> None:
    async with editing(store, browser, offline=True) as hands:
        page = hands.page
        await store.stop()
        await hands.drag((11.2, 8.6), (11.6, 9.2))
        await expect(page.locator(".save-bar")).to_contain_text("The store engine does not answer.")
        await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
        await store.start()
        await page.keyboard.press("ArrowRight")
        await hands.save()
    assert (await drafted(store))["scanners"]["coffee"][1:3] == (11.7, 9.2)


async def test_a_file_that_holds_errors_is_said_and_not_opened(store: Store, browser: Browser) -> None:
    file = store.door.floor_desk.folder / "floor.yaml"
    file.write_text(file.read_text().replace("{name: Dairy, ", "{nmae: Dairy, "))
    async with look(browser, offline=True) as page:  # a 422 is a red line in any browser's console
        await page.goto(store.url)
        await page.wait_for_selector("#feed li")
        await page.get_by_role("button", name="Edit floor").click()
        await expect(page.locator("#floor").get_by_role("alert")).to_contain_text(
            "floor.yaml holds errors; mend it by hand first. floor.yaml line 22: a zone needs 'name'"
        )
        await expect(page.locator("#floor .plan")).to_be_visible()


async def test_after_a_save_expected_errors_are_those_of_the_new_floor(store: Store, hands: Hands) -> None:
    page = hands.page
    await page.locator("label.layer").click()
    await expect(page.locator("#things")).to_contain_text(FINER)
    assert store.door.expects is not None
    store.door.expects = msgspec.structs.replace(store.door.expects, zones={}, say=("All is well heard.",))
    await hands.drag((11.2, 8.6), (11.6, 9.2))
    await hands.save()
    await expect(page.locator(".heat-foot")).to_contain_text("All is well heard.")
    await page.get_by_role("tab", name="Zones").click()
    await expect(page.locator("#things")).not_to_contain_text(FINER)


async def test_where_editing_is_off_there_is_no_door_to_it(browser: Browser) -> None:
    async with open_store(ScriptedDoor(edit=False), moving=False) as shut, look(browser) as page:
        await page.goto(shut.url)
        await page.wait_for_selector("#feed li")
        await expect(page.get_by_role("button", name="Edit floor")).to_be_hidden()
