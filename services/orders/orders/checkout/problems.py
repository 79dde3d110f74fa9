"""What can go wrong with a checkout."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from common.problems import Conflict, FieldError, InvalidInput, Problem, Unavailable
from orders.clients.inventory import Shortage


class PaymentDeclined(Problem):
    """The payment was declined: no order was made and no stock is held. The cart is open again; try another card."""

    status, slug, title = 402, "payment-declined", "The payment was declined"

    def __init__(self) -> None:
        super().__init__("The payment was declined and nothing was charged; try another means of payment.")


class UnknownPaymentToken(InvalidInput):
    """The payment token is none that the payment provider understands."""

    slug, title = "unknown-payment-token", "Unknown payment token"

    def __init__(self, method: str) -> None:
        super().__init__(
            f"The token is none that the provider behind method {method} understands.",
            errors=[FieldError("/payment/token", f"is no token of method {method}")],
        )


class PaymentUnanswered(Unavailable):
    """The payment provider did not answer, and nothing was charged. Try again with the same key."""

    slug, title = "payment-unanswered", "The payment provider did not answer"


class OutOfStock(Conflict):
    """There is not enough stock for the lines named. Nothing was charged; lower their quantities."""

    slug, title = "out-of-stock", "Not enough stock"
    shortages: ClassVar[type[Shortage]] = Shortage

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        named = ", ".join(each.sku for each in shortages) or "a line"
        super().__init__(
            f"There is not enough stock of {named}; lower the quantity or take it out.",
            lines=[{"sku": each.sku, "asked": each.asked, "available": each.available} for each in shortages],
        )


class HoldLost(Conflict):
    """The stock's hold ended before the payment was through. Nothing was charged; check out again."""

    slug, title = "hold-lost", "The stock is no longer held"

    def __init__(self) -> None:
        super().__init__("The hold on the stock ended before the payment was through; check out again.")


class TotalChanged(Conflict):
    """The cart's total is not the one that the shopper agreed to. Show the cart again."""

    slug, title = "total-changed", "The total has changed"

    def __init__(self, expected: int, actual: int, currency: str) -> None:
        super().__init__(
            f"The total is {actual} in minor units of {currency}, not {expected}; show the cart again.",
            expected={"amount": expected, "currency": currency},
            total={"amount": actual, "currency": currency},
        )


class CartIncomplete(Conflict):
    """Something is missing before the cart can be checked out; ``missing`` says what."""

    slug, title = "cart-incomplete", "The cart is not ready for checkout"

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"The cart still needs: {', '.join(missing)}.", missing=list(missing))


class LinesUnavailable(Conflict):
    """Some lines can no longer be bought. Take them out."""

    slug, title = "lines-unavailable", "Some lines can no longer be bought"

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(
            f"{', '.join(skus)} can no longer be bought; take the lines out.", lines=[{"sku": sku} for sku in skus]
        )


class CheckoutInterrupted(Unavailable):
    """The checkout was not through in time and was undone. Nothing was charged; try again."""

    slug, title = "checkout-interrupted", "The checkout was interrupted"

    def __init__(self, checkout_id: UUID) -> None:
        super().__init__(f"Checkout {checkout_id} was not through in time and is undone; try again.")
