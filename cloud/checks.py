"""Pure: what a record must keep to, beyond its shape, before it may touch the books."""

from __future__ import annotations

from protocols.errors import Nonsense
from protocols.ids import is_safe_id
from protocols.money import AMOUNT_MAX
from protocols.records import Header, Hello, OfferIssued, Record, SaleRecorded, StockMoved, VisitClosed

TEXT_MAX = 512
"""Characters of any text in a record. Operation ids of conclusions are the longest."""

TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""

COUNT_MAX = 2**53


def check(record: Record, header: Header) -> None:
    """Raises Nonsense that names the field. A record which passes can be written to either database."""
    match record:
        case SaleRecorded():
            _texts(record.operation, record.sale, record.till, record.currency, record.business_day)
            _account(record.account)
            _between("total_minor", record.total_minor, -AMOUNT_MAX, AMOUNT_MAX)
            _between("points", record.points, -AMOUNT_MAX, AMOUNT_MAX)
            _between("entry", record.entry, 0, COUNT_MAX)
            _time(record.closed_at_ms)
            for line in record.lines:
                _texts(line.sku)
                _between("quantity", line.quantity, -COUNT_MAX, COUNT_MAX)
                _between("price_minor", line.price_minor, -AMOUNT_MAX, AMOUNT_MAX)
        case StockMoved():
            _texts(record.operation, record.shelf, record.sku, record.reason)
            _between("by", record.by, -AMOUNT_MAX, AMOUNT_MAX)
            _between("pieces", record.pieces, -AMOUNT_MAX, AMOUNT_MAX)
            _between("p", record.p, 0, 100)
            _time(record.at_ms)
        case OfferIssued():
            _texts(record.offer, record.campaign, record.zone)
            _account(record.account)
            _time(record.at_ms)
        case VisitClosed():
            _texts(record.visit, *record.zones, *(stay.zone for stay in record.stays))
            for stay in record.stays:
                _time(stay.entered_at_ms)
                _time(stay.left_at_ms)
            _account(record.account)
            _time(record.entered_at_ms)
            _time(record.left_at_ms)
        case Hello():
            _time(record.at_ms)
            if (record.store, record.incarnation) != (header.store, header.incarnation):
                raise Nonsense("a Hello of another store or life than its header's")


def _account(account: str) -> None:
    if account and not is_safe_id(account):
        raise Nonsense("account is no identifier")


def _texts(*texts: str) -> None:
    for text in texts:
        if len(text) > TEXT_MAX:
            raise Nonsense(f"a text of {len(text)} characters; the limit is {TEXT_MAX}")
        if "\x00" in text:
            raise Nonsense("a text with a null character")


def _between(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise Nonsense(f"{name} is {value}; it must lie between {least} and {most}")


def _time(at_ms: int) -> None:
    _between("a time in ms", at_ms, 0, TIME_MAX_MS)
