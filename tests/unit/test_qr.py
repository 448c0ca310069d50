"""A QR code as the standard draws it: modules that an independent reader read, and blocks that correct themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.qr import CHECK, DATA, QUIET, TEXT_BYTES_MAX, code, drawn


def read(grid: list[list[bool]]) -> bytes:
    """The text of a code, read as ISO/IEC 18004 says: format, mask, zigzag, block, bytes."""
    side = len(grid)
    version = (side - 17) // 4
    word = sum(grid[8][x] << 14 - at for at, x in enumerate((0, 1, 2, 3, 4, 5, 7, 8)))
    word |= sum(grid[y][8] << 6 - at for at, y in enumerate((7, 5, 4, 3, 2, 1, 0)))
    word ^= 0b101010000010010
    assert word >> 13 == 0b01  # level L
    mask = word >> 10 & 7
    flips = [
        lambda i, j: (i + j) % 2 == 0,
        lambda i, j: i % 2 == 0,
        lambda i, j: j % 3 == 0,
        lambda i, j: (i + j) % 3 == 0,
        lambda i, j: (i // 2 + j // 3) % 2 == 0,
        lambda i, j: i * j % 2 + i * j % 3 == 0,
        lambda i, j: (i * j % 2 + i * j % 3) % 2 == 0,
        lambda i, j: ((i + j) % 2 + i * j % 3) % 2 == 0,
    ]
    bits = []
    columns = [x for x in range(side - 1, -1, -1) if x != 6]
    for turn, at in enumerate(range(0, len(columns), 2)):
        rows = range(side) if turn % 2 else range(side - 1, -1, -1)
        for y in rows:
            for x in columns[at : at + 2]:
                if not kept(x, y, side, version):
                    bits.append(grid[y][x] != flips[mask](y, x))
    words = [int("".join("01"[bit] for bit in bits[at : at + 8]), 2) for at in range(0, len(bits) - 7, 8)]
    assert len(words) == DATA[version - 1] + CHECK[version - 1]
    for power in range(CHECK[version - 1]):
        assert syndrome(words, power) == 0
    stream = "".join(f"{word:08b}" for word in words)
    assert stream[:4] == "0100"
    length = int(stream[4:12], 2)
    return bytes(int(stream[12 + 8 * at : 20 + 8 * at], 2) for at in range(length))


def kept(x: int, y: int, side: int, version: int) -> bool:
    """Whether a module is no data: finders with format, timing, alignment."""
    if x == 6 or y == 6 or (x < 9 and y < 9) or (x < 9 and y >= side - 8) or (x >= side - 8 and y < 9):
        return True
    return version > 1 and abs(x - (side - 7)) <= 2 and abs(y - (side - 7)) <= 2


def syndrome(words: list[int], power: int) -> int:
    """The block as a polynomial at 2 to the power, by tables of logarithms: 0 if nothing is wrong."""
    exps = [1]
    for _ in range(254):
        exps.append(exps[-1] << 1 ^ (0x11D if exps[-1] & 0x80 else 0))
    logs = {value: at for at, value in enumerate(exps)}
    total = 0
    for at, word in enumerate(reversed(words)):
        total ^= exps[(logs[word] + power * at) % 255] if word else 0
    return total


@given(
    st.text(st.characters(codec="utf-8"), max_size=60).filter(
        lambda text: len(text.encode()) <= TEXT_BYTES_MAX
    )
)
def test_what_is_drawn_can_be_read(text: str) -> None:
    assert read(code(text)) == text.encode()


@pytest.mark.parametrize("length", [1, 17, 18, 32, 33, 53, 54, 78, 79, 106])
def test_every_length_gets_the_smallest_code_that_holds_it(length: int) -> None:
    grid = code("u" * length)
    assert read(grid) == b"u" * length
    smallest = next(version for version, size in enumerate(DATA, 1) if length <= size - 2)
    assert len(grid) == 17 + 4 * smallest


def test_a_text_that_is_too_long_gets_none() -> None:
    assert code("u" * (TEXT_BYTES_MAX + 1)) == []
    assert drawn("u" * (TEXT_BYTES_MAX + 1)) == ""


def test_a_code_is_drawn_with_half_blocks_and_light_around_it() -> None:
    text = "http://192.168.1.20:8080/survey"
    lines = drawn(text).splitlines()
    grid = code(text)
    assert {len(line) for line in lines} == {len(grid) + 2 * QUIET}
    assert lines[0].strip() == lines[1].strip() == lines[-1].strip() == ""
    again = []
    for line in lines:
        again.append([glyph in "▀█" for glyph in line])
        again.append([glyph in "▄█" for glyph in line])
    assert [row[QUIET:-QUIET] for row in again[QUIET : QUIET + len(grid)]] == grid
