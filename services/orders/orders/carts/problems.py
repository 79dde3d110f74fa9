"""What can go wrong with a cart."""

from uuid import UUID

from common.problems import Conflict, FieldError, InvalidInput, NotFound


class CartNotFound(NotFound):
    """There is no cart of this id for this caller, or it has expired. Start a new one."""

    slug, title = "cart-not-found", "No such cart"

    def __init__(self, cart_id: UUID) -> None:
        super().__init__(f"There is no cart {cart_id} for this Cart-Token or login; start a new one.")


class CartLineNotFound(NotFound):
    """The cart has no line of this id. Read it again."""

    slug, title = "cart-line-not-found", "No such line"

    def __init__(self, line_id: UUID) -> None:
        super().__init__(f"The cart has no line {line_id}; read the cart again.")


class CartClosed(Conflict):
    """The cart became an order and can no longer change."""

    slug, title = "cart-closed", "The cart is closed"

    def __init__(self, cart_id: UUID, order_id: UUID) -> None:
        super().__init__(f"Cart {cart_id} became order {order_id}; start a new one.", order_id=str(order_id))


class CartCheckingOut(Conflict):
    """A checkout of this cart is running. Wait for its end, then look again."""

    slug, title = "cart-checking-out", "The cart is being checked out"

    def __init__(self, cart_id: UUID) -> None:
        super().__init__(
            f"Cart {cart_id} is being checked out and cannot change meanwhile; try again in a moment.",
            headers={"Retry-After": "1"},
        )


class NotForSale(Conflict):
    """No such SKU is for sale on the cart's channel: it does not exist, or its product is not published there."""

    slug, title = "not-for-sale", "Not for sale"

    def __init__(self, sku: str, channel: str) -> None:
        super().__init__(
            f"{sku} is not for sale on {channel}.", errors=[FieldError("/sku", "is not for sale here")], sku=sku
        )


class NoPrice(Conflict):
    """The article has no price in the cart's currency. Start a cart in another one."""

    slug, title = "no-price", "No price in this currency"

    def __init__(self, sku: str, currency: str) -> None:
        super().__init__(
            f"{sku} has no price in {currency}; start a cart in another currency.",
            errors=[FieldError("/sku", f"has no price in {currency}")],
            sku=sku,
            currency=currency,
        )


class CartFull(Conflict):
    """A cart has at most 100 lines of at most 999 units each."""

    slug, title = "cart-full", "The cart takes no more of this"


class NoDestination(Conflict):
    """The cart does not know yet where it is to be sent. Put an address first."""

    slug, title = "no-destination", "Where to?"

    def __init__(self) -> None:
        super().__init__("The cart has no country yet; PUT its addresses first.")


class ShippingOptionUnavailable(Conflict):
    """The shipping option is not there for this cart's destination, weight and currency. Choose from its options."""

    slug, title = "shipping-option-unavailable", "This shipping option is not available"

    def __init__(self, option_id: str) -> None:
        super().__init__(
            f"{option_id} is none of this cart's shipping options; choose one of them.",
            errors=[FieldError("/id", "is none of this cart's shipping options")],
        )


class CartChanged(Conflict):
    """The cart was changed by somebody else at the same moment. Read it again, then decide."""

    slug, title = "cart-changed", "The cart has just changed"

    def __init__(self) -> None:
        super().__init__("The cart changed while this request was judged; read it again.", headers={"Retry-After": "1"})


class UnknownChannel(InvalidInput):
    """There is no such sales channel."""

    slug, title = "unknown-channel", "No such channel"

    def __init__(self, channel: str) -> None:
        super().__init__(
            f"There is no channel {channel}; web is one.", errors=[FieldError("/channel", "is no channel of this shop")]
        )
