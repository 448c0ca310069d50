"""Rounding of money against exact fractions."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from protocols.money import AMOUNT_MAX, MILLION, QUANTITY_ONE, divide_half_even, line_total_minor, share_minor

AMOUNTS = st.integers(-AMOUNT_MAX, AMOUNT_MAX)


@given(AMOUNTS, st.integers(1, 10**9))
def test_division_is_the_exact_quotient_rounded_half_to_even(numerator: int, denominator: int) -> None:
    # Python rounds a Fraction half to even, by another way.
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(AMOUNTS, st.integers(1, 10**9))
def test_rounding_is_the_same_for_what_is_taken_and_given_back(numerator: int, denominator: int) -> None:
    assert divide_half_even(-numerator, denominator) == -divide_half_even(numerator, denominator)


@given(AMOUNTS, st.integers(0, 10_000_000))
def test_a_line_is_never_off_by_more_than_half_a_cent(price_minor: int, quantity: int) -> None:
    exact = Fraction(price_minor * quantity, QUANTITY_ONE)
    assert abs(line_total_minor(price_minor, quantity) - exact) <= Fraction(1, 2)


@given(AMOUNTS, st.integers(0, MILLION))
def test_a_share_is_never_more_than_the_whole(amount_minor: int, rate_ppm: int) -> None:
    assert abs(share_minor(amount_minor, rate_ppm)) <= abs(amount_minor)


@given(AMOUNTS, AMOUNTS, st.integers(1, 10**9))
def test_a_larger_amount_never_rounds_lower(one: int, other: int, denominator: int) -> None:
    low, high = sorted((one, other))
    assert divide_half_even(low, denominator) <= divide_half_even(high, denominator)
