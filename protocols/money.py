"""Money and points as integers, and the one way they are rounded.

Money is in minor units (cents), points in the currency's smallest unit, quantities in thousandths
(1.5 kg is 1500), rates in millionths. Nothing here is a float.
"""

from __future__ import annotations

QUANTITY_ONE = 1_000
"""One piece, or one kilogram, as a quantity."""

MILLION = 1_000_000

AMOUNT_MAX = 10**12
"""Largest absolute amount of money or points in one message. What is larger is nonsense, not a sale."""


def divide_half_even(numerator: int, denominator: int) -> int:
    """Integer division, ties to the even neighbour (IEEE 754 roundTiesToEven). Raises on denominator <= 0."""
    if denominator <= 0:
        raise ValueError("the denominator must be positive")
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2):
        quotient += 1
    return quotient


def line_total_minor(price_minor: int, quantity: int) -> int:
    """Price of a line: unit price in minor units times a quantity in thousandths."""
    return divide_half_even(price_minor * quantity, QUANTITY_ONE)


def share_minor(amount_minor: int, rate_ppm: int) -> int:
    """A share of an amount, the rate in millionths: 10 % is 100_000."""
    return divide_half_even(amount_minor * rate_ppm, MILLION)
