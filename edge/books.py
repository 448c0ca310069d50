"""A store's own files into facts and members: floor, products, campaigns and creatives, members.

The files are read together and taken together: with any error nothing changes, and every error of every file
is told at once with file, line and what to do. `changed` finds what differs from the facts that the store
holds, so new files are taken in one commit while people shop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from actors.campaigns.load import FILE as CAMPAIGNS_FILE
from actors.campaigns.load import Known, Loaded, Problem, load
from actors.campaigns.reading import Reading
from actors.campaigns.text import TEXT_BYTES_MAX, Node, Refused, parse
from edge.book_floor import FLOOR_FILE, Floor, check_playlists, read_floor
from edge.book_members import MEMBERS_FILE, Member, read_members
from edge.book_radio import RADIO_BOOKS, radio_knows, survey_of
from protocols.codec import to_json
from protocols.effects import Know
from protocols.errors import Nonsense
from protocols.facts import Fact, Product

PRODUCTS_FILE = "products.yaml"
PRODUCTS_MAX = 20_000
PRICE_MAX = 10_000_000
UNITS = ("piece", "kg", "l")
ONLY = "store"
"""Key of a book that holds one value: the plan, the presence settings."""

FILE_BOOKS = (
    "plan",
    "presence",
    "zone",
    "scanner",
    "shelf",
    "sign",
    "till",
    "product",
    "creative",
    "campaign",
)
"""The books whose one author is these files. Stock and occupancy are written by the store's own turns."""

_GONE = b"null"


class BooksWrong(Nonsense):
    """The files hold errors; nothing was changed. `problems` has each with its place, `reason` all of them."""

    code = "books_wrong"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Books:
    """What the files say: facts in the order of books and keys, members, and warnings for a person."""

    knows: tuple[Know, ...]
    members: tuple[Member, ...]
    warnings: tuple[Problem, ...] = ()
    radio: tuple[Know, ...] | None = ()


def read_books(folder: Path, today: str = "", radio_held: str = "") -> Books:
    """Reads the files of a store's folder. Raises BooksWrong with every error of all of them.

    `radio_held` is the digest of the radio map that the store has: while it still is that of the files, no map is
    made, and `Books.radio` is None.
    """
    problems: list[Problem] = []
    products_text, products_root = _parsed(folder, PRODUCTS_FILE, problems)
    products = _products(products_text, products_root)
    floor_text, floor_root = _parsed(folder, FLOOR_FILE, problems)
    floor = read_floor(floor_text, floor_root, products) if floor_root is not None else None
    of_campaigns: list[Problem] = []
    loaded = _campaigns(folder, products, floor, today, of_campaigns)
    if floor is not None and loaded is not None and products is not None:
        check_playlists(floor_text, floor, loaded.named_creatives)
    members_text, members_root = _parsed(folder, MEMBERS_FILE, problems)
    members = read_members(members_text, members_root) if members_root is not None else ()
    # What others name comes first: a campaign's unknown product may only follow from a wrong line before it.
    problems += [*products_text.told(), *floor_text.told(), *of_campaigns, *members_text.told()]
    points = survey_of(folder, problems)
    radio: tuple[Know, ...] | None = ()
    if floor is not None and not any(problem.level == "error" for problem in problems):
        radio = radio_knows(floor, points, radio_held, problems)
    errors = tuple(problem for problem in problems if problem.level == "error")
    if errors:
        raise BooksWrong(errors)
    assert floor is not None and loaded is not None and products is not None
    values: dict[str, Mapping[str, Any]] = {
        "plan": {ONLY: floor.plan},
        "presence": {ONLY: floor.presence},
        "zone": floor.zones,
        "scanner": floor.scanners,
        "shelf": floor.shelves,
        "sign": floor.signs,
        "till": floor.tills,
        "product": products,
        "creative": loaded.creatives,
        "campaign": loaded.campaigns,
    }
    knows = tuple(
        Know(book, key, to_json(values[book][key])) for book in FILE_BOOKS for key in sorted(values[book])
    )
    warnings = tuple(problem for problem in problems if problem.level == "warning")
    return Books(knows, members, warnings, radio)


def changed(known: Iterable[Fact], books: Books) -> list[Know]:
    """What has to be written so that the store holds what the files say; what is gone gets the value null."""
    of_files = FILE_BOOKS if books.radio is None else (*FILE_BOOKS, *RADIO_BOOKS)
    held = {(fact.book, fact.key): fact.value for fact in known if fact.book in of_files}
    differing = []
    for know in (*books.knows, *(books.radio or ())):
        value = held.pop((know.book, know.key), None)
        if value is None or not _same(value, bytes(know.value)):
            differing.append(know)
    gone = [place for place, value in held.items() if value != b"null"]
    return differing + [Know(book, key, _GONE) for book, key in sorted(gone)]


def _same(one: bytes, other: bytes) -> bool:
    """Whether two JSON texts say the same; an older release may have written fields in another order."""
    if one == other:
        return True
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return False


def _text(folder: Path, name: str, problems: list[Problem]) -> bytes | None:
    path = folder / name
    try:
        with path.open("rb") as opened:
            text = opened.read(TEXT_BYTES_MAX + 1)  # one more than the limit, so that the parser refuses it
    except FileNotFoundError:
        problems.append(
            Problem(name, 1, 1, f"no such file in {folder}; make one, an empty one will do to begin")
        )
    except OSError as error:
        problems.append(Problem(name, 1, 1, f"cannot be read: {error.strerror}; check its owner and mode"))
    else:
        return text
    return None


def _parsed(folder: Path, name: str, problems: list[Problem]) -> tuple[Reading, Node | None]:
    text = _text(folder, name, problems)
    if text is None:
        return Reading(name), None
    try:
        return Reading(name), parse(text, name)
    except Refused as refused:
        problems.append(refused.problem)
        return Reading(name), None


def _campaigns(
    folder: Path,
    products: Mapping[str, Product] | None,
    floor: Floor | None,
    today: str,
    problems: list[Problem],
) -> Loaded | None:
    text = _text(folder, CAMPAIGNS_FILE, problems)
    if text is None:
        return None
    known = Known(products=products, today=today)
    if floor is not None:
        known = Known(floor.zones, products, floor.shelves, floor.scanners, floor.signs, today=today)
    loaded = load(text, known)
    problems.extend(loaded.problems)
    return loaded


def _products(reading: Reading, root: Node | None) -> dict[str, Product] | None:
    """The range, or None if the file could not be parsed. A wrong entry still counts as named."""
    if root is None:
        return None
    table = reading.table(root, ("products",), PRODUCTS_FILE)
    entries = reading.keyed(table.entries.get("products"), "products") if table is not None else {}
    if len(entries) > PRODUCTS_MAX:
        reading.tell(root, f"more than {PRODUCTS_MAX:,} products; take delisted ones out")
        return {}
    return {sku: _product(reading, node) for sku, node in entries.items()}


def _product(reading: Reading, node: Node) -> Product:
    fields = ("name", "category", "price", "unit", "brand", "picture")
    table = reading.table(node, fields, "a product")
    entries = table.entries if table is not None else {}
    for name in ("name", "category", "price"):
        if table is not None and name not in entries:
            reading.tell(table, f"a product needs '{name}'")
    price = reading.money(entries.get("price"), "price", high=PRICE_MAX)
    return Product(
        name=reading.text(entries.get("name"), "name") or "",
        category=reading.ident(entries.get("category"), "category") or "",
        price_minor=PRICE_MAX if price is None else price,  # of an unread price no second error follows
        unit=reading.choice(entries.get("unit"), UNITS, "unit") or "piece",
        brand=reading.text(entries.get("brand"), "brand") or "",
        picture=reading.text(entries.get("picture"), "picture") or "",
    )
