"""Points as whole numbers: an account's balance, and what the grants of a campaign come to for a sale."""

from __future__ import annotations

from collections.abc import Mapping

from actors.ledger.rows import Account
from protocols.facts import Campaign, Product
from protocols.inputs import SaleClosed
from protocols.money import AMOUNT_MAX, line_total_minor


def balance(account: Account) -> int | None:
    """Head office's balance and this store's later entries. None while head office's is unknown."""
    if account.cloud_points is None:
        return None
    return held(account.cloud_points + sum(points for _, points in account.entries_open))


def earned(campaign: Campaign, sale: SaleClosed, products: Mapping[str, Product]) -> int:
    """What a campaign's grants give for a sale: fixed points, and a rate for every full `per_minor` spent.

    A campaign about goods rates what was paid for those goods, any other the whole sale.
    """
    points = 0
    for grant in campaign.grants:
        if grant.kind == "points":
            points += grant.points
        elif grant.kind == "points_rate" and grant.per_minor > 0:
            points += grant.points * (max(0, _base_minor(campaign, sale, products)) // grant.per_minor)
    return held(points)


def held(amount: int) -> int:
    """An amount within what one message may carry."""
    return min(max(amount, -AMOUNT_MAX), AMOUNT_MAX)


def _base_minor(campaign: Campaign, sale: SaleClosed, products: Mapping[str, Product]) -> int:
    if not campaign.skus and not campaign.categories:
        return sale.total_minor
    total = 0
    for line in sale.lines:
        product = products.get(line.sku)
        category = line.category or (product.category if product is not None else "")
        if line.sku in campaign.skus or category in campaign.categories:
            total += line_total_minor(line.price_minor, line.quantity) - line.discount_minor
    return min(total, sale.total_minor)
