"""From a line of the file to an order: arithmetic and refusals without I/O. Given prices are taken as they are."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from common.database import uuid7
from common.events import EventTooLargeError, serialise
from common.events.contracts.orders import OrderPlaced
from common.money import MAX_AMOUNT, Money
from orders.history.reader import MAX_LINE_BYTES, Line
from orders.history.schemas import PastLine, PastOrder
from orders.ordering.models import Order, OrderLine
from orders.taxes.rules import tax_on

CLOCKS_DIFFER_BY = timedelta(minutes=5)  # another system's clock that is a little fast is no mistake
ERRORS_OF_A_LINE = 5
REASON_LENGTH = 300
SURELY_SMALL = 150  # lines of an order whose event cannot be too large, whatever they are called
LINK_BYTES = 68  # two ids in quotes instead of two nulls


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a line of the file; the pointer is into its object."""

    line: int
    pointer: str
    reason: str


class RefusedRow(Exception):
    """The line cannot be imported."""

    def __init__(self, errors: list[RowError]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(slots=True, kw_only=True)
class PastOrderRow:
    """An order of the file, ready to be stored; ``line`` is where it stands.

    Where it is not ``linkable`` its event would grow too large if each line named its product.
    """

    line: int
    order: Order
    linkable: bool
    customer_reference: str | None
    fingerprint: bytes

    @property
    def identity(self) -> tuple[str, str]:
        """Under what it is known over there."""
        return (self.order.source or "", self.order.external_id or "")


def read_row(line: Line, *, now: datetime) -> PastOrderRow:
    """Read a line of the file. Raises RefusedRow with everything that is wrong with it."""
    if line.content is None:
        raise _refused(line, "", f"a line may have {MAX_LINE_BYTES:,} bytes")
    try:
        past = PastOrder.model_validate_json(line.content)
    except ValidationError as error:
        raise RefusedRow(_errors(line, error)) from error
    if past.placed_at > now + CLOCKS_DIFFER_BY:
        raise _refused(line, "/placed_at", "is in the future; what is imported has happened")
    if not past.lines and not _amount(past.shipping):
        raise _refused(line, "/lines", "an order has a line, or at least shipping")
    order = _order(line, past)
    return PastOrderRow(
        line=line.number,
        order=order,
        linkable=len(order.lines) <= SURELY_SMALL or _fits(line, order),
        customer_reference=past.customer,
        fingerprint=hashlib.blake2b(past.model_dump_json().encode(), digest_size=16).digest(),
    )


def _order(row: Line, past: PastOrder) -> Order:
    lines = [_line(row, place, line, included=past.prices_include_tax) for place, line in enumerate(past.lines)]
    shipping, shipping_tax = _amount(past.shipping), _amount(past.shipping_tax)
    if past.prices_include_tax and shipping_tax > shipping:
        raise _refused(row, "/shipping_tax", "is more than the shipping that contains it")
    total = sum(line.total for line in lines) + shipping + (0 if past.prices_include_tax else shipping_tax)
    if total > MAX_AMOUNT or sum(line.unit_price * line.quantity for line in lines) > MAX_AMOUNT:
        raise _refused(row, "/lines", "add up to more than an amount can hold")
    if past.total is not None and past.total.amount != total:
        raise _refused(row, "/total", f"is {past.total.amount}; lines and shipping add up to {total}")
    sold = past.kind == "sale"
    return Order(
        id=uuid7(),
        number=f"{past.source}/{past.external_id}",
        kind=past.kind,
        source=past.source,
        external_id=past.external_id,
        channel=past.channel,
        status="closed",
        payment_status="paid" if sold else "refunded",
        fulfilment_status="fulfilled",
        customer_id=None,
        email=past.email,
        country=past.country,
        cart_token_hash=None,
        shipping_address=None,
        billing_address=None,
        shipping_option=None,
        lines=lines,
        currency=past.currency,
        prices_include_tax=past.prices_include_tax,
        subtotal=sum(line.unit_price * line.quantity for line in lines),
        shipping=shipping,
        shipping_tax=shipping_tax,
        tax=sum(line.tax for line in lines) + shipping_tax,
        total=total,
        captured=total if sold else 0,
        session_id=None,
        placed_at=past.placed_at,
    )


def _line(row: Line, place: int, line: PastLine, *, included: bool) -> OrderLine:
    amount = line.unit_price.amount * line.quantity - _amount(line.discount)
    if amount < 0:
        raise _refused(row, f"/lines/{place}/discount", "is more than the line")
    tax = tax_on(amount, line.tax_rate_basis_points, included=included) if line.tax is None else line.tax.amount
    if included and tax > amount:
        raise _refused(row, f"/lines/{place}/tax", "is more than the line that contains it")
    return OrderLine(
        id=uuid7(),
        sku=line.sku,
        product_id=None,
        variant_id=None,
        title=line.title,
        quantity=line.quantity,
        unit_price=line.unit_price.amount,
        basis_points=line.tax_rate_basis_points,
        tax=tax,
        total=amount if included else amount + tax,
        shipped_quantity=line.quantity,
    )


def _fits(row: Line, order: Order) -> bool:
    """Tell whether the order's event may name a product for each line. Refuses one that is too large even without."""
    limit = OrderPlaced.topic.max_event_bytes
    try:
        size = len(serialise(OrderPlaced(object=order.snapshot(), changed=[])))
    except EventTooLargeError as error:
        raise _refused(row, "/lines", f"{len(order.lines)} lines make too large an order; split it") from error
    return size + LINK_BYTES * len(order.lines) <= limit


def _amount(money: Money | None) -> int:
    return 0 if money is None else money.amount


def _refused(row: Line, pointer: str, reason: str) -> RefusedRow:
    return RefusedRow([RowError(row.number, pointer, reason)])


def _errors(row: Line, error: ValidationError) -> list[RowError]:
    failures = error.errors(include_url=False, include_context=False, include_input=False)
    return [RowError(row.number, _pointer(each["loc"]), _sentence(each)) for each in failures[:ERRORS_OF_A_LINE]]


def _sentence(failure: Any) -> str:  # noqa: ANN401 - pydantic's own record
    message: str = failure["msg"]
    return message.removeprefix("Value error, ").replace(" at line 1 column", ", column")[:REASON_LENGTH]


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)[:REASON_LENGTH]
