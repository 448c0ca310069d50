"""Minimises a function of a few numbers without derivatives, by the downhill simplex of Nelder and Mead (1965)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

EVALUATIONS_MAX = 10_000
"""At this many evaluations it gives up: the caller takes its guess instead."""

_TINY = 1e-10
"""Keeps the relative range defined where the values are zero."""

Point = list[float]


def minimise(
    cost: Callable[[Point], float], guess: Sequence[float], steps: Sequence[float], tolerance: float
) -> Point | None:
    """Where the cost is least, near `guess`; `steps` are the sides of the first simplex. None if it does not end.

    It ends when the costs at the corners are within `tolerance` of each other, relative, twice in a row: once may be
    the symmetry of the function.
    """
    corners = [list(guess)]
    for axis, step in enumerate(steps):
        corner = list(guess)
        corner[axis] += step
        corners.append(corner)
    simplex = [(cost(corner), corner) for corner in corners]
    evaluations = close = 0
    while evaluations < EVALUATIONS_MAX:
        simplex.sort(key=lambda one: one[0])
        best, worst = simplex[0][0], simplex[-1][0]
        close = close + 1 if 2 * (worst - best) / (abs(worst) + abs(best) + _TINY) < tolerance else 0
        if close == 2:
            return simplex[0][1]
        evaluations += _move(simplex, cost)
    return None


def _move(simplex: list[tuple[float, Point]], cost: Callable[[Point], float]) -> int:
    """Replaces the worst corner, or shrinks towards the best; gives the number of evaluations."""
    best, second, worst = simplex[0][0], simplex[-2][0], simplex[-1][0]
    others = len(simplex) - 1
    middle = [sum(corner[axis] for _, corner in simplex[:-1]) / others for axis in range(others)]

    def beyond(factor: float) -> tuple[float, Point]:
        point = [at + factor * (at - away) for at, away in zip(middle, simplex[-1][1], strict=True)]
        return cost(point), point

    reflected = beyond(1.0)
    if reflected[0] < best:
        expanded = beyond(2.0)
        simplex[-1] = min(expanded, reflected, key=lambda one: one[0])
        return 2
    if reflected[0] < second:
        simplex[-1] = reflected
        return 1
    contracted = beyond(0.5) if reflected[0] < worst else beyond(-0.5)
    if contracted[0] < min(reflected[0], worst):
        simplex[-1] = contracted
        return 2
    anchor = simplex[0][1]
    for place, (_, corner) in enumerate(simplex[1:], 1):
        halfway = [(one + other) / 2 for one, other in zip(corner, anchor, strict=True)]
        simplex[place] = (cost(halfway), halfway)
    return 2 + others
