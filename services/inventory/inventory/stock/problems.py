"""What can be wrong with a change of stock."""

from common.problems import Conflict, NotFound


class StockNotFound(NotFound):
    """Neither stock nor catalogue knows this SKU, or it is not offered yet."""

    slug, title = "stock-not-found", "Nothing is known of this SKU"

    def __init__(self, sku: str) -> None:
        super().__init__(f"Nothing is known of the SKU {sku}.")


class StockChangedMeanwhile(Conflict):
    """What lies there is not what the request expected. Read `actual`, look again, and send the request anew."""

    slug, title = "stock-changed", "The stock is not what you expected"

    def __init__(self, sku: str, *, expected: int, actual: int) -> None:
        super().__init__(
            f"{expected} units of {sku} were expected, {actual} are on hand; look again, then decide.",
            sku=sku,
            expected=expected,
            actual=actual,
        )


class NotEnoughOnHand(Conflict):
    """More units would leave than lie there, or more would lie there than can be counted."""

    slug, title = "not-enough-on-hand", "Not that many units are there"

    def __init__(self, sku: str, *, delta: int, actual: int) -> None:
        super().__init__(
            f"{sku} has {actual} units on hand, which cannot change by {delta}; send a count if that figure is wrong.",
            sku=sku,
            actual=actual,
        )
