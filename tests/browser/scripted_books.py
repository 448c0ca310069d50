"""The books of the example store, read from its files, as the scripted door decides by and the pages draw."""

import shutil
from collections.abc import Callable
from pathlib import Path

from actors.facts import Facts
from edge.book_members import Member
from edge.books import read_books
from edge.floor_file import FloorFile
from edge.web.floor import floor_view
from edge.web.floor_views import FloorChange, FloorSaved
from edge.web.views import FloorView
from protocols.facts import Fact

FOLDER = Path(__file__).resolve().parent.parent.parent / "sim" / "grocery"


def example_books(folder: Path = FOLDER, version: int = 1) -> tuple[Facts, FloorView, tuple[Member, ...]]:
    """The facts, the floor as pages get it, and the members."""
    books = read_books(folder)
    facts = Facts()
    facts.apply([Fact(know.book, know.key, version, bytes(know.value)) for know in books.knows], version)
    return facts, floor_view(facts), books.members


class ScriptedDesk(FloorFile):
    """The production's file over a copy of the example's; `saved` is told where a runtime would see the new file."""

    def __init__(self, folder: Path, now_ms: Callable[[], int], saved: Callable[[], None]) -> None:
        for file in FOLDER.glob("*.yaml"):
            shutil.copy(file, folder)
        super().__init__(folder, now_ms)
        self.folder = folder
        self._told = saved

    async def save(self, change: FloorChange, *, dry_run: bool) -> FloorSaved:
        """Saves, and has the store read its files again."""
        done = await super().save(change, dry_run=dry_run)
        if done.saved:
            self._told()
        return done
