"""How money and points are rounded."""

import pytest

from protocols.money import AMOUNT_MAX, divide_half_even, line_total_minor, share_minor


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [
        (5, 2, 2),
        (7, 2, 4),
        (-5, 2, -2),
        (-7, 2, -4),
        (1, 3, 0),
        (2, 3, 1),
        (-1, 3, 0),
        (-2, 3, -1),
        (0, 9, 0),
    ],
)
def test_ties_go_to_the_even_neighbour(numerator: int, denominator: int, quotient: int) -> None:
    assert divide_half_even(numerator, denominator) == quotient


@pytest.mark.parametrize("denominator", [0, -1])
def test_a_denominator_that_is_not_positive_is_an_error(denominator: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        divide_half_even(1, denominator)


@pytest.mark.parametrize(
    ("price_minor", "quantity", "total_minor"),
    [
        (139, 2000, 278),
        (199, 1500, 298),
        (201, 1500, 302),
        (1, 500, 0),
        (3, 500, 2),
        (-199, 1000, -199),
        (0, 1, 0),
    ],
)
def test_a_line_costs_price_times_thousandths(price_minor: int, quantity: int, total_minor: int) -> None:
    assert line_total_minor(price_minor, quantity) == total_minor


def test_ten_per_cent_is_a_hundred_thousand_millionths() -> None:
    assert share_minor(1995, 100_000) == 200
    assert share_minor(1985, 100_000) == 198
    assert share_minor(1985, 0) == 0
    assert share_minor(1985, 1_000_000) == 1985


def test_the_largest_amount_is_exact() -> None:
    assert line_total_minor(AMOUNT_MAX, 1000) == AMOUNT_MAX
    assert share_minor(AMOUNT_MAX - 1, 999_999) == 999_998_999_999
