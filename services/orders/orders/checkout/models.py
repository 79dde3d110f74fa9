"""The checkout's row, and the order that it becomes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from orders.checkout.schemas import FrozenCart
from orders.ordering.models import Order, OrderLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout that was started: its id is the order's to be, the reservation's, and the payment's key."""

    id: UUID
    cart_id: UUID
    order_number: int
    state: str
    step: str
    attempts: int
    frozen: FrozenCart

    @property
    def number(self) -> str:
        """What people will call the order."""
        return f"QM-{self.order_number}"

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Checkout":
        """Read a row of ``repository.TAKE_DUE``."""
        return cls(
            id=row["id"],
            cart_id=row["cart_id"],
            order_number=row["order_number"],
            state=row["state"],
            step=row["step"],
            attempts=row["attempts"],
            frozen=FrozenCart.model_validate_json(row["data"]),
        )

    def order(self, at: datetime) -> Order:
        """Return the order as it is placed."""
        frozen = self.frozen
        return Order(
            id=self.id,
            number=self.number,
            cart_token_hash=frozen.cart_token_hash,
            channel=frozen.channel,
            status="open",
            payment_status="authorised",
            fulfilment_status="none",
            customer_id=frozen.customer_id,
            email=frozen.email,
            shipping_address=frozen.shipping_address,
            billing_address=frozen.billing_address,
            shipping_option=frozen.shipping_option,
            lines=[
                OrderLine(
                    id=line.id,
                    sku=line.sku,
                    product_id=line.product_id,
                    variant_id=line.variant_id,
                    title=line.title,
                    quantity=line.quantity,
                    unit_price=line.unit_price,
                    basis_points=line.basis_points,
                    tax=line.tax,
                    total=line.total,
                )
                for line in frozen.lines
            ],
            currency=frozen.currency,
            prices_include_tax=frozen.prices_include_tax,
            subtotal=frozen.subtotal,
            shipping=frozen.shipping,
            shipping_tax=frozen.shipping_tax,
            tax=frozen.tax,
            total=frozen.total,
            captured=0,
            session_id=frozen.session_id,
            placed_at=at,
        )
