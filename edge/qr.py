"""A short address as a QR code (ISO/IEC 18004), drawn with characters: versions 1 to 5, level L, bytes.

Longer texts get none: an address of a page in a shop has 20 to 60 characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

Grid = list[list[bool]]

DATA = (19, 34, 55, 80, 108)
CHECK = (7, 10, 15, 20, 26)
"""Codewords of data and of error correction at level L, by version from 1; each is one block."""

TEXT_BYTES_MAX = DATA[-1] - 2
QUIET = 4
"""Light modules around the code, without which readers do not find it."""

_MASKS = (
    lambda x, y: (x + y) % 2,
    lambda x, y: y % 2,
    lambda x, y: x % 3,
    lambda x, y: (x + y) % 3,
    lambda x, y: (x // 3 + y // 2) % 2,
    lambda x, y: x * y % 2 + x * y % 3,
    lambda x, y: (x * y % 2 + x * y % 3) % 2,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2,
)
_LEVEL_L = 1


def drawn(text: str) -> str:
    """The code as lines of half blocks, dark modules as ink, with the quiet zone; empty if the text is too long."""
    grid = code(text)
    if not grid:
        return ""
    side = len(grid) + 2 * QUIET
    wide = [[False] * side for _ in range(side + side % 2)]
    for y, row in enumerate(grid):
        wide[y + QUIET][QUIET : QUIET + len(row)] = row
    glyphs = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    pairs = zip(wide[::2], wide[1::2], strict=True)
    return "\n".join("".join(glyphs[pair] for pair in zip(*rows, strict=True)) for rows in pairs)


def code(text: str) -> Grid:
    """The modules, dark ones true, by the mask that is easiest to read; empty if the text is too long."""
    raw = text.encode()
    version = next((at for at, size in enumerate(DATA, 1) if len(raw) + 2 <= size), 0)
    if not version:
        return []
    bits = _bits(raw, version)
    return min((_masked(bits, version, mask) for mask in range(len(_MASKS))), key=_penalty)


def _bits(raw: bytes, version: int) -> list[bool]:
    """Mode, length, text, padding, then the block's error correction."""
    size = DATA[version - 1]
    stream = "0100" + f"{len(raw):08b}" + "".join(f"{byte:08b}" for byte in raw) + "0000"
    words = [int(stream[at : at + 8], 2) for at in range(0, len(stream), 8)]
    words += [(0xEC, 0x11)[at % 2] for at in range(size - len(words))]
    words += _corrections(words, CHECK[version - 1])
    return [bool(word >> bit & 1) for word in words for bit in range(7, -1, -1)]


def _times(a: int, b: int) -> int:
    """The product in the field of 256 elements by x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def _corrections(words: list[int], count: int) -> list[int]:
    """The remainder of the text's polynomial by the generator with the roots 1, 2, 4, … (Reed-Solomon)."""
    generator, root = [1], 1
    for _ in range(count):
        longer = [*generator, 0]
        for at, factor in enumerate(generator):
            longer[at + 1] ^= _times(factor, root)
        generator, root = longer, _times(root, 2)
    rest = [*words, *[0] * count]
    for at in range(len(words)):
        lead = rest[at]
        for place, factor in enumerate(generator):
            rest[at + place] ^= _times(factor, lead)
    return rest[-count:]


def _masked(bits: list[bool], version: int, mask: int) -> Grid:
    side = 17 + 4 * version
    grid = [[False] * side for _ in range(side)]
    taken = [[False] * side for _ in range(side)]
    for x, y, dark in _fixed(version, side, mask):
        grid[y][x], taken[y][x] = dark, True
    rest = iter(bits)
    for x, y in _zigzag(side):
        if not taken[y][x]:
            grid[y][x] = next(rest, False) != (_MASKS[mask](x, y) == 0)
    return grid


def _zigzag(side: int) -> Iterator[tuple[int, int]]:
    """Up and down in pairs of columns from the right, past the column of the timing pattern."""
    up = True
    for right in (*range(side - 1, 6, -2), 5, 3, 1):
        for step in range(side):
            y = side - 1 - step if up else step
            yield right, y
            yield right - 1, y
        up = not up


def _fixed(version: int, side: int, mask: int) -> Iterator[tuple[int, int, bool]]:
    """Everything that is no data: timing, finders, alignment, format."""
    for at in range(side):
        yield at, 6, at % 2 == 0
        yield 6, at, at % 2 == 0
    for left, top in ((0, 0), (side - 7, 0), (0, side - 7)):
        for x in range(max(0, left - 1), min(side, left + 8)):
            for y in range(max(0, top - 1), min(side, top + 8)):
                yield x, y, max(abs(x - left - 3), abs(y - top - 3)) not in (2, 4)
    if version > 1:
        middle = side - 7
        for dx in range(-2, 3):
            for dy in range(-2, 3):
                yield middle + dx, middle + dy, max(abs(dx), abs(dy)) != 1
    word = _format(mask)
    first = [*((8, y) for y in (0, 1, 2, 3, 4, 5, 7, 8)), *((x, 8) for x in (7, 5, 4, 3, 2, 1, 0))]
    second = [*((side - 1 - at, 8) for at in range(8)), *((8, side - 7 + at) for at in range(7))]
    for places in (first, second):
        for bit, (x, y) in enumerate(places):
            yield x, y, bool(word >> bit & 1)
    yield 8, side - 8, True


def _format(mask: int) -> int:
    """Level and mask with their own correction, 15 bits."""
    data = rest = _LEVEL_L << 3 | mask
    for _ in range(10):
        rest = rest << 1 ^ (0x537 if rest >> 9 else 0)
    return (data << 10 | rest) ^ 0x5412


def _penalty(grid: Grid) -> int:
    """How hard a mask is to read: long runs, blocks, patterns like a finder, an uneven share of dark."""
    lines = [*grid, *map(list, zip(*grid, strict=True))]
    total = sum(size - 2 for line in lines for _, run in groupby(line) if (size := len(list(run))) >= 5)
    side = len(grid)
    for y in range(side - 1):
        for x in range(side - 1):
            total += 3 * (len({grid[y][x], grid[y][x + 1], grid[y + 1][x], grid[y + 1][x + 1]}) == 1)
    for line in lines:
        text = "".join("01"[dark] for dark in line)
        total += 40 * sum(text.startswith(("10111010000", "00001011101"), at) for at in range(side - 10))
    share = 100 * sum(map(sum, grid)) / side**2
    return total + 10 * int(abs(share - 50) // 5)
