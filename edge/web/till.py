"""The till's door: a closed sale, an open basket. Here a card becomes an account."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from litestar import Request, Response, post, put
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from edge.web.bodies import answer, ident, read
from edge.web.described import described
from edge.web.ports import Door
from edge.web.refusals import Counts, Unknown
from protocols.api import BasketRequest, Receipt, SaleLineRequest, SaleRequest
from protocols.codec import JsonDecoder
from protocols.errors import Nonsense, Verdict
from protocols.facts import Product
from protocols.ids import Key, Sku, is_safe_id, key
from protocols.inputs import BasketChanged, BasketLine, SaleClosed
from protocols.money import AMOUNT_MAX, line_total_minor

AHEAD_MS_MAX = 5 * 60 * 1000
"""How far a till's clock may be ahead of the store's."""

BEHIND_MS_MAX = 120 * 24 * 3600 * 1000
"""How late a sale may come: as long as verdicts are kept, so that a repeat is still known as one."""

_sale: JsonDecoder[SaleRequest] = JsonDecoder(SaleRequest)
_basket: JsonDecoder[BasketRequest] = JsonDecoder(BasketRequest)


def till_routes(door: Door, counts: Counts) -> list[BaseRouteHandler]:
    """POST /api/v1/sales and PUT /api/v1/subjects/<subject>/basket."""

    @post(
        "/api/v1/sales",
        status_code=200,
        **described(
            "Close a sale", takes=SaleRequest, gives=Receipt, problems=(400, 404, 408, 409, 413, 415, 503)
        ),
    )
    async def sale(request: Request[Any, Any, Any]) -> Response[bytes]:
        asked = await read(request, _sale)
        began = perf_counter()
        entity = payer(asked, door)
        closed = closed_sale(asked, door)
        verdict = await door.ask(entity, closed, asked.operation, asked)
        counts.till_seconds.observe(perf_counter() - began)
        return receipt(verdict)

    @put(
        "/api/v1/subjects/{subject:str}/basket",
        **described(
            "Replace an open basket",
            takes=BasketRequest,
            gives=Receipt,
            problems=(400, 404, 408, 413, 415, 503),
        ),
    )
    async def basket(request: Request[Any, Any, Any], subject: FromPath[str]) -> Response[bytes]:
        shopper = key("shopper", ident(subject, "subject"))
        asked = await read(request, _basket)
        if not any(person.subject == subject for person in door.console().people):
            raise Unknown(f"'{subject}' has no visit now. A basket opens when the subject was heard here.")
        changed = BasketChanged(lines=lines_of(asked.lines, door.floor().products))
        return receipt(await door.ask(shopper, changed, "", asked))

    return [sale, basket]


def payer(asked: SaleRequest, door: Door) -> Key:
    """The account that a sale belongs to: the member's, else the subject's, else the till's.

    A card that nobody here knows earns under its own token: a till is not refused because the line is cut.
    """
    if asked.till not in door.floor().tills:
        raise Unknown(f"No till '{asked.till}' here. Tills are listed in floor.yaml. Nothing was charged.")
    if not asked.card:
        return key("account", f"till-{asked.till}")
    if not is_safe_id(asked.card):
        raise Nonsense(
            "`card` is 1 to 128 characters without white space, '/', '+' or '#'. Nothing was charged."
        )
    known = door.resolve(asked.card)
    if known is None:
        return key("account", door.unknown_account(asked.card))
    return key("account", known.account or f"subject-{known.subject}")


def closed_sale(asked: SaleRequest, door: Door) -> SaleClosed:
    """The sale as the account takes it: prices filled in, the total added up, its time within reason."""
    if asked.closed_at_ms:
        late_ms = door.now_ms() - asked.closed_at_ms
        if late_ms < -AHEAD_MS_MAX:
            raise Nonsense(
                "`closed_at_ms` is in the future. Set the till's clock, or leave the field out. "
                "Nothing was charged."
            )
        if late_ms > BEHIND_MS_MAX:
            raise Nonsense(
                "`closed_at_ms` is more than 120 days ago, so a repeat could not be told from a new sale. "
                "Book it at head office. Nothing was charged."
            )
    lines = lines_of(asked.lines, door.floor().products)
    total = sum(line_total_minor(line.price_minor, line.quantity) - line.discount_minor for line in lines)
    if total > AMOUNT_MAX:
        raise Nonsense("The total is beyond any sale. Nothing was charged.")
    return SaleClosed(
        sale=asked.sale,
        till=asked.till,
        lines=lines,
        total_minor=total,
        currency=asked.currency,
        closed_at_ms=asked.closed_at_ms,
    )


def lines_of(asked: tuple[SaleLineRequest, ...], products: Mapping[str, Product]) -> tuple[BasketLine, ...]:
    """Lines with name, category and price from the range. With its own price a line may be of any item."""
    return tuple(_line(place, line, products.get(line.sku)) for place, line in enumerate(asked))


def _line(place: int, line: SaleLineRequest, product: Product | None) -> BasketLine:
    price = line.price_minor
    if price is None and product is not None:
        price = product.price_minor
    if price is None:
        raise Nonsense(
            f"lines[{place}]: no product '{line.sku}' in the range. Send its `price_minor`, or add it to "
            "products.yaml. Nothing was charged."
        )
    if line.discount_minor > line_total_minor(price, line.quantity):
        raise Nonsense(
            f"lines[{place}]: the discount is larger than the line. Send a smaller one. Nothing was charged."
        )
    return BasketLine(
        sku=Sku(line.sku),
        quantity=line.quantity,
        price_minor=price,
        discount_minor=line.discount_minor,
        name=product.name if product else "",
        category=product.category if product else "",
    )


def receipt(verdict: Verdict) -> Response[bytes]:
    """A verdict as every operation answers it."""
    return answer(
        Receipt(
            outcome=verdict.outcome,
            replayed=verdict.replayed,
            incarnation=verdict.incarnation,
            seq=verdict.seq,
            body=verdict.body,
        )
    )
