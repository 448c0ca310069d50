"""The books of the example store, read from its files, as the scripted door decides by and the pages draw."""

from pathlib import Path

from actors.facts import Facts
from edge.book_members import Member
from edge.books import read_books
from edge.web.floor import floor_view
from edge.web.views import FloorView
from protocols.facts import Fact

FOLDER = Path(__file__).resolve().parent.parent.parent / "sim" / "grocery"


def example_books() -> tuple[Facts, FloorView, tuple[Member, ...]]:
    """The facts, the floor as pages get it, and the members."""
    books = read_books(FOLDER)
    facts = Facts()
    facts.apply([Fact(know.book, know.key, 1, bytes(know.value)) for know in books.knows], 1)
    return facts, floor_view(facts), books.members
