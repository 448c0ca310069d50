"""Whatever stands in a store's folder, reading it gives books or a list of errors with places."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.books import BooksWrong, changed, read_books
from protocols.facts import Fact

GROCERY = Path(__file__).parents[2] / "sim" / "grocery"
FILES = {path.name: path.read_bytes() for path in sorted(GROCERY.glob("*.yaml"))}


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_files_with_bytes_changed_give_books_or_errors_with_places(data: st.DataObject) -> None:
    texts = dict(FILES)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(texts)))
        text = bytearray(texts[name])
        place = data.draw(st.integers(0, max(0, len(text) - 1)))
        text[place : place + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
        texts[name] = bytes(text)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in texts.items():
            (Path(folder) / name).write_bytes(content)
        try:
            books = read_books(Path(folder), today="2026-11-24")
        except BooksWrong as wrong:
            assert wrong.problems
            assert all(one.file in FILES and one.line >= 1 and one.reason for one in wrong.problems)
            return
    assert changed([Fact(one.book, one.key, 1, bytes(one.value)) for one in books.knows], books) == []
