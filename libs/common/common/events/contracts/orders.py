"""What orders publishes: orders, carts that came to rest, and customers as they stand."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from common.events import _topics
from common.events._contract import ContractModel, EventContract, Snapshot, UtcTime, example, known_values, pii
from common.events._topics import Topic
from common.events.contracts import _examples
from common.money import Money


class Address(ContractModel):
    """Where someone lives or receives parcels. Personal data as a whole."""

    name: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str = Field(description="ISO 3166-1, two letters.")


class ShippingOption(ContractModel):
    """How the shopper chose to have the order sent."""

    id: str
    name: str


class OrderLineSnapshot(ContractModel):
    """A line as it was when the order was placed, and what became of its units."""

    id: UUID
    sku: str
    product_id: UUID | None = Field(description="None: imported, and no product here has the SKU.")
    variant_id: UUID | None
    title: str
    quantity: int
    unit_price: Money = Field(description="As the shopper saw it: with tax when `prices_include_tax`.")
    tax_rate_basis_points: int = Field(description="1900 is 19 %.")
    tax: Money = Field(description="The line's tax, contained in `total`.")
    total: Money = Field(description="What the line costs, with tax.")
    shipped_quantity: int


class ImportSource(ContractModel):
    """Where an order was placed that this shop only took over into its history."""

    source: str = Field(description="The other system, as whoever imported it calls it.")
    external_id: str = Field(description="The order's id over there; unique within the source.")


class OrderSnapshot(Snapshot):
    """An order on its three axes: itself, its payment, its fulfilment."""

    number: str = Field(description="What people call it; counted up, never used twice.")
    kind: Annotated[
        str,
        known_values(
            "sale",
            "return",
            description="`return`: goods that came back, in imported history; amounts were given back.",
        ),
    ] = "sale"
    imported_from: ImportSource | None = Field(
        None, description="None: placed here. Else it is history: nothing is to be shipped, charged or mailed for it."
    )
    channel: str
    status: Annotated[str, known_values("open", "cancelled", "closed")]
    payment_status: Annotated[
        str, known_values("pending", "authorised", "partly_paid", "paid", "partly_refunded", "refunded", "voided")
    ]
    fulfilment_status: Annotated[str, known_values("none", "partial", "fulfilled", "delivered")]
    customer_id: UUID | None = Field(description="None: bought as a guest.")
    email: Annotated[str | None, pii("None only in imported history, as for the addresses.")]
    country: str | None = Field(None, description="ISO 3166-1, where it was sent; None: not known.")
    shipping_address: Annotated[Address | None, pii()]
    billing_address: Annotated[Address | None, pii()]
    lines: list[OrderLineSnapshot]
    currency: str = Field(description="ISO 4217; every amount of the order is in it.")
    prices_include_tax: bool
    subtotal: Money = Field(description="The lines' unit prices times quantity.")
    shipping: Money = Field(description="As the shopper saw it: with tax when `prices_include_tax`.")
    shipping_option: ShippingOption | None = Field(description="None only in imported history.")
    tax: Money = Field(description="All tax, that on shipping included.")
    total: Money = Field(description="What is to be paid in all.")
    captured: Money = Field(description="What has been taken from the buyer so far.")
    placed_at: UtcTime
    version: int
    session_id: str | None = Field(description="The visit in which it was placed, as the storefront named it.")
    cancelled_at: UtcTime | None
    cancellation_reason: str | None


class ParcelLine(ContractModel):
    """Units of an order line."""

    order_line_id: UUID
    sku: str
    quantity: int = Field(gt=0)


class Parcel(ContractModel):
    """What left together in one box."""

    id: UUID
    carrier: str | None
    tracking_number: str | None = Field(description="None until the carrier has assigned one.")
    tracking_url: str | None
    weight_grams: int | None = Field(description="Gross weight; None: nobody weighed it.")
    shipped_at: UtcTime
    delivered_at: UtcTime | None
    lines: list[ParcelLine]


class OrderEvent(EventContract):
    """A step in an order's life."""

    topic: ClassVar[Topic] = _topics.ORDERS_ORDER

    object: OrderSnapshot


class OrderPlaced(OrderEvent):
    """A checkout became an order: its stock is held for good and its payment is authorised.

    The order's id is the reservation's id, and that of the checkout it came from. An order of imported history
    (`imported_from`) is told in the same words, once, as it ended: it has neither reservation nor checkout.
    """

    type: ClassVar[str] = "order.placed"

    model_config = example(object=_examples.ORDER, changed=[])


class OrderPaid(OrderEvent):
    """The whole total was captured.

    Money is captured as each parcel leaves, so this comes with the last one, once. A part that was captured before
    shows in `captured` of the other events.
    """

    type: ClassVar[str] = "order.paid"

    captured: Money = Field(description="All that was captured; equals the order's total.")

    model_config = example(
        object=_examples.PAID_ORDER, changed=["/payment_status", "/captured"], captured=_examples.PAID_ORDER["total"]
    )


class OrderCancelled(OrderEvent):
    """An order was cancelled before any of it left.

    Its stock is for sale again and its authorisation is given back.
    """

    type: ClassVar[str] = "order.cancelled"

    reason: str | None = Field(description="As whoever cancelled gave it.")

    model_config = example(
        object=_examples.CANCELLED_ORDER,
        changed=["/status", "/payment_status", "/cancelled_at", "/cancellation_reason"],
        reason="ordered twice",
    )


class OrderShipped(OrderEvent):
    """A parcel of an order was handed to the carrier.

    One event for each parcel, published on the hand-over, not when the label is printed.
    """

    type: ClassVar[str] = "order.shipped"

    parcel: Parcel
    remaining: list[ParcelLine] = Field(description="What is still to come; empty with the last parcel.")

    model_config = example(
        object=_examples.SHIPPED_ORDER,
        changed=["/fulfilment_status", "/lines/0/shipped_quantity"],
        parcel=_examples.PARCEL,
        remaining=[{"order_line_id": "019ab3f0-77d1-7c41-9f0e-0f6f4b6f7102", "sku": "TEA-ASSAM-250", "quantity": 1}],
    )


class OrderDelivered(OrderEvent):
    """Everything that the order holds has arrived.

    Published once, with the last parcel, which the event carries.
    """

    type: ClassVar[str] = "order.delivered"

    parcel: Parcel = Field(description="The parcel that arrived last.")

    model_config = example(
        object=_examples.DELIVERED_ORDER, changed=["/fulfilment_status"], parcel=_examples.DELIVERED_PARCEL
    )


class CartLineSnapshot(ContractModel):
    """Units of a SKU that someone thinks of buying."""

    sku: str
    quantity: int
    unit_price: Money


class CartSnapshot(Snapshot):
    """A cart that has not become an order."""

    channel: str
    currency: str
    customer_id: UUID | None = Field(description="None: nobody is signed in.")
    email: Annotated[str | None, pii("None until the shopper has given one.")]
    lines: list[CartLineSnapshot]
    subtotal: Money
    updated_at: UtcTime


class CartUpdated(EventContract):
    """A cart changed and was then left alone for a minute.

    Not one event for each click: what the shopper tried in between is not told.
    """

    type: ClassVar[str] = "cart.updated"
    topic: ClassVar[Topic] = _topics.ORDERS_CART

    object: CartSnapshot

    model_config = example(object=_examples.CART, changed=["/lines", "/subtotal"])


class CustomerSnapshot(Snapshot):
    """A buyer."""

    email: Annotated[str, pii()]
    name: Annotated[str | None, pii()]
    registered: bool = Field(description="True: the id is that of the login as well.")
    locale: str | None = Field(description="BCP 47, such as `de-DE`; None: the shop's own.")
    version: int


class CustomerEvent(EventContract):
    """A change of a customer."""

    topic: ClassVar[Topic] = _topics.ORDERS_CUSTOMER

    object: CustomerSnapshot


class CustomerRegistered(CustomerEvent):
    """A customer is known for the first time. Guests are none: their orders carry an e-mail and no customer."""

    type: ClassVar[str] = "customer.registered"

    model_config = example(object=_examples.CUSTOMER, changed=[])


class CustomerUpdated(CustomerEvent):
    """A customer's own details changed. Addresses are not part of the event."""

    type: ClassVar[str] = "customer.updated"

    model_config = example(object={**_examples.CUSTOMER, "name": "Ada King", "version": 2}, changed=["/name"])


CONTRACTS: tuple[type[EventContract], ...] = (
    OrderPlaced,
    OrderPaid,
    OrderCancelled,
    OrderShipped,
    OrderDelivered,
    CartUpdated,
    CustomerRegistered,
    CustomerUpdated,
)
