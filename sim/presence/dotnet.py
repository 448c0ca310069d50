"""The random numbers that .NET draws from a seed: Knuth's subtractive generator, as `System.Random(int)` has it.

It is what makes a published simulation of a .NET program repeatable elsewhere, draw by draw.
"""

from __future__ import annotations

from math import log, pi, sin, sqrt

INT_MAX = 2**31 - 1
_START = 161_803_398  # of the golden ratio
_STATE, _LAG, _STRIDE = 55, 21, 21


class Random:
    """Draws of one seed, in order."""

    def __init__(self, seed: int) -> None:
        """`seed` has 32 bits, with sign."""
        state = [0] * (_STATE + 1)  # its first place is never used
        last = _START - (INT_MAX if seed == -INT_MAX - 1 else abs(seed))
        state[_STATE] = last
        following = 1
        for step in range(1, _STATE):
            place = _STRIDE * step % _STATE
            state[place] = following
            following = last - following
            if following < 0:
                following += INT_MAX
            last = state[place]
        for _ in range(4):
            for place in range(1, _STATE + 1):
                mixed = _int32(state[place] - state[1 + (place + 30) % _STATE])
                state[place] = mixed + INT_MAX if mixed < 0 else mixed
        self._state = state
        self._place, self._behind = 0, _LAG

    def next_double(self) -> float:
        """From 0 to below 1."""
        self._place = self._place % _STATE + 1
        self._behind = self._behind % _STATE + 1
        drawn = self._state[self._place] - self._state[self._behind]
        if drawn == INT_MAX:
            drawn -= 1
        if drawn < 0:
            drawn += INT_MAX
        self._state[self._place] = drawn
        return drawn * (1.0 / INT_MAX)

    def gaussian(self) -> float:
        """Of mean 0 and sd 1, by Box and Muller from two draws."""
        first, second = 1.0 - self.next_double(), 1.0 - self.next_double()
        return sqrt(-2.0 * log(first)) * sin(2.0 * pi * second)


def _int32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31
