"""The floor and the books of the scripted store: a small grocery, with goods in every state."""

from edge.web.views import FloorView
from protocols.facts import Creative, Plan, Product, Scanner, ShelfPlace, SignPlace, TillPlace, Zone
from protocols.ids import CreativeId, Sku, ZoneId


def _box(name: str, x: float, y: float, w: float, h: float) -> Zone:
    return Zone(name=name, polygon=((x, y), (x + w, y), (x + w, y + h), (x, y + h)))


ZONES = {
    "produce": _box("Produce", 1.0, 0.8, 5.6, 7.6),
    "bakery": _box("Bakery", 1.0, 9.0, 5.6, 4.6),
    "dairy": _box("Dairy", 7.6, 1.4, 8.4, 3.0),
    "chilled": _box("Chilled", 16.8, 1.4, 6.2, 3.0),
    "breakfast": _box("Breakfast", 7.6, 5.4, 3.2, 7.4),
    "coffee": _box("Coffee", 11.6, 5.4, 3.2, 7.4),
    "pantry": _box("Pantry", 15.6, 5.4, 3.2, 7.4),
    "frozen": _box("Frozen", 19.6, 5.4, 3.4, 7.4),
    "entrance": _box("Entrance", 1.0, 14.6, 6.2, 4.5),
    "tills": _box("Tills", 8.6, 14.6, 9.4, 4.5),
    "collect": _box("Collect", 18.8, 14.6, 4.2, 4.5),
}

PRODUCTS = {
    "coffee-250": Product("Ground coffee 250 g", "coffee", 439, picture="coffee"),
    "loaf-800": Product("Sourdough loaf 800 g", "bakery", 320, picture="loaf"),
    "milk-1": Product("Whole milk 1 L", "dairy", 119, unit="litre", picture="milk"),
    "banana": Product("Bananas", "produce", 179, unit="kg", picture="banana"),
    "eggs-12": Product("Free-range eggs, 12", "dairy", 345, picture="eggs"),
    "tomato": Product("Vine tomatoes 500 g", "produce", 229, picture="tomato"),
    "oats-1": Product("Porridge oats 1 kg", "breakfast", 189, picture="oats"),
    "yoghurt": Product("Natural yoghurt 500 g", "dairy", 165, picture="yoghurt"),
    "pasta": Product("Fusilli 500 g", "pantry", 109, picture="pasta"),
    "peas": Product("Garden peas 900 g", "frozen", 249, picture="peas"),
}

SHELVES = {
    "produce-1": ShelfPlace(ZoneId("produce"), Sku("banana"), 180, 60, 10, 2.4, 3.4, 2.8, 0.9),
    "produce-2": ShelfPlace(ZoneId("produce"), Sku("tomato"), 500, 40, 8, 2.4, 6.0, 2.8, 0.9),
    "bakery-1": ShelfPlace(ZoneId("bakery"), Sku("loaf-800"), 800, 20, 4, 2.4, 11.0, 2.8, 0.9),
    "dairy-1": ShelfPlace(ZoneId("dairy"), Sku("yoghurt"), 520, 36, 8, 7.6, 0.5, 2.6, 0.6),
    "dairy-2": ShelfPlace(ZoneId("dairy"), Sku("milk-1"), 1030, 36, 8, 10.5, 0.5, 2.6, 0.6),
    "dairy-3": ShelfPlace(ZoneId("dairy"), Sku("eggs-12"), 760, 24, 6, 13.4, 0.5, 2.6, 0.6),
    "breakfast-1": ShelfPlace(ZoneId("breakfast"), Sku("oats-1"), 1010, 24, 5, 10.9, 6.2, 0.55, 3.0),
    "coffee-1": ShelfPlace(ZoneId("coffee"), Sku("coffee-250"), 260, 48, 10, 14.9, 6.2, 0.55, 3.0),
    "pantry-1": ShelfPlace(ZoneId("pantry"), Sku("pasta"), 510, 40, 8, 18.9, 6.2, 0.55, 3.0),
    "frozen-1": ShelfPlace(ZoneId("frozen"), Sku("peas"), 910, 30, 6, 23.1, 6.2, 0.55, 3.0),
}

CREATIVES = {
    "coffee-break": Creative(
        "Ground coffee",
        eyebrow="Coffee break",
        line="250 g. Roasted on Monday, in Cork.",
        sku=Sku("coffee-250"),
        was_minor=439,
        theme="roast",
    ),
    "baked": Creative(
        "Sourdough loaf",
        eyebrow="Out of the oven at 13:40",
        line="800 g. Flour, water, salt, two days.",
        sku=Sku("loaf-800"),
        theme="bakery",
    ),
    "milk": Creative(
        "Whole milk", eyebrow="Every day", line="1 litre, from nearby.", sku=Sku("milk-1"), theme="dairy"
    ),
    "tomatoes": Creative(
        "Vine tomatoes", eyebrow="Ripe today", line="500 g, grown in Rush.", sku=Sku("tomato"), theme="garden"
    ),
    "welcome": Creative(
        "Good afternoon", template="message", line="Open until 21:00 tonight.", theme="plain"
    ),
}

SIGNS = {
    "coffee": SignPlace(
        "Screen 1", (ZoneId("coffee"),), (CreativeId("coffee-break"), CreativeId("milk")), 13.2, 13.4
    ),
    "fresh": SignPlace(
        "Screen 2", (ZoneId("produce"),), (CreativeId("tomatoes"), CreativeId("welcome")), 3.8, 13.9
    ),
    "dairy": SignPlace("Screen 3", (ZoneId("dairy"),), (CreativeId("milk"), CreativeId("baked")), 17.2, 13.4),
}

FLOOR = FloorView(
    version=1,
    plan=Plan(
        "Harbour Street",
        24.0,
        20.0,
        (((4.0, 19.6), (0.4, 19.6), (0.4, 0.4), (23.8, 0.4), (23.8, 19.6), (6.6, 19.6)),),
    ),
    zones=ZONES,
    scanners={f"gw-{n}": Scanner(ZoneId(zone), 2.0 * n, 1.0) for n, zone in enumerate(ZONES)},
    shelves=SHELVES,
    signs=SIGNS,
    tills={"1": TillPlace("Till 1", 11.0, 16.9), "2": TillPlace("Till 2", 14.6, 16.9)},
    products=PRODUCTS,
    creatives=CREATIVES,
    campaigns={
        "coffee-break": "Coffee break",
        "breakfast": "Breakfast bundle",
        "gold": "Gold doubles",
        "brunch": "Weekend brunch",
        "decaf": "Decaf week",
        "base": "A point a euro",
        "baked": "Fresh from the oven",
        "restock": "Swap what runs low",
    },
)
