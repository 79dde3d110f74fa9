"""The order: three axes, transitions as data, and the snapshot that events and answers show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from common.events.contracts.orders import Address, ImportSource, OrderLineSnapshot, OrderSnapshot, ShippingOption
from common.money import Money
from orders.ordering.problems import AlreadyShipped, IllegalTransition, OrderIsHistory

TRANSITIONS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "status": {
        "open": frozenset({"cancelled", "closed"}),
        "cancelled": frozenset(),
        "closed": frozenset(),
    },
    "payment_status": {
        "pending": frozenset({"authorised", "voided"}),
        "authorised": frozenset({"partly_paid", "paid", "voided"}),
        "partly_paid": frozenset({"partly_paid", "paid", "partly_refunded"}),
        "paid": frozenset({"partly_refunded", "refunded"}),
        "partly_refunded": frozenset({"partly_refunded", "refunded"}),
        "refunded": frozenset(),
        "voided": frozenset(),
    },
    "fulfilment_status": {
        "none": frozenset({"partial", "fulfilled"}),
        "partial": frozenset({"partial", "fulfilled"}),
        "fulfilled": frozenset({"delivered"}),
        "delivered": frozenset(),
    },
}


@dataclass(slots=True, kw_only=True)
class OrderLine:
    """A line as it was sold; amounts in minor units, ``total`` with tax."""

    id: UUID
    sku: str
    product_id: UUID | None
    variant_id: UUID | None
    title: str
    quantity: int
    unit_price: int
    basis_points: int
    tax: int
    total: int
    shipped_quantity: int = 0

    @property
    def open_quantity(self) -> int:
        """Units still to be shipped."""
        return self.quantity - self.shipped_quantity


@dataclass(slots=True, kw_only=True)
class Order:
    """An order, whole; amounts in minor units of ``currency``.

    One with a ``source`` was imported from another system's history: it has no cart, no addresses and no payment of
    ours, stands at its end on every axis, and never moves again.
    """

    id: UUID
    number: str
    cart_token_hash: str | None
    channel: str
    status: str
    payment_status: str
    fulfilment_status: str
    customer_id: UUID | None
    email: str | None
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    shipping_option: dict[str, Any] | None
    lines: list[OrderLine]
    currency: str
    prices_include_tax: bool
    subtotal: int
    shipping: int
    shipping_tax: int
    tax: int
    total: int
    captured: int
    session_id: str | None
    placed_at: datetime
    cancelled_at: datetime | None = None
    cancellation_reason: str | None = None
    version: int = 1
    kind: str = "sale"
    source: str | None = None
    external_id: str | None = None
    country: str | None = None
    changed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Order":
        """Read a row of ``repository.SHOWN``."""
        values = dict(row)
        lines = [
            OrderLine(**(line | {name: _uuid(line[name]) for name in ("id", "product_id", "variant_id")}))
            for line in orjson.loads(values.pop("lines") or "[]")
        ]
        documents = ("shipping_address", "billing_address", "shipping_option")
        return cls(lines=lines, **(values | {name: orjson.loads(values[name] or "null") for name in documents}))

    # -- transitions --------------------------------------------------------------------------------------------------

    def move(self, axis: str, wanted: str) -> None:
        """Go on along one axis. Raises IllegalTransition."""
        present: str = getattr(self, axis)
        if wanted not in TRANSITIONS[axis][present]:
            raise IllegalTransition(axis.replace("_", " "), present, wanted)
        if wanted != present:
            setattr(self, axis, wanted)
            self._changed(f"/{axis}")

    def refuse_history(self) -> None:
        """Raise OrderIsHistory where the order was imported."""
        if self.source is not None:
            raise OrderIsHistory(self.number)

    def _changed(self, pointer: str) -> None:
        if pointer not in self.changed:
            self.changed.append(pointer)

    def cancel(self, reason: str | None, *, at: datetime) -> None:
        """Call it off. Raises OrderIsHistory, AlreadyShipped and IllegalTransition."""
        self.refuse_history()
        if self.fulfilment_status != "none":
            raise AlreadyShipped(self.number)
        self.move("status", "cancelled")
        self.move("payment_status", "voided")
        self.cancelled_at, self.cancellation_reason = at, reason
        self._changed("/cancelled_at")
        if reason is not None:
            self._changed("/cancellation_reason")

    def ship(self, units: Mapping[UUID, int]) -> None:
        """Count units, by line id, as shipped. The caller has seen that each line has that many open."""
        if self.status != "open":
            raise IllegalTransition("status", self.status, "shipped")
        for place, line in enumerate(self.lines):
            if taken := units.get(line.id, 0):
                line.shipped_quantity += taken
                self._changed(f"/lines/{place}/shipped_quantity")
        self.move("fulfilment_status", "partial" if any(line.open_quantity for line in self.lines) else "fulfilled")

    def capture(self, amount: int) -> None:
        """Count what was taken from the buyer; the last part makes it paid.

        A parcel for which nothing is taken changes nothing, but for an order that costs nothing at all.
        """
        if amount:
            self.captured += amount
            self._changed("/captured")
        elif self.captured < self.total or self.payment_status == "paid":
            return
        self.move("payment_status", "paid" if self.captured == self.total else "partly_paid")
        self._close_if_done()

    def deliver(self) -> None:
        """Note that all of it has arrived."""
        self.move("fulfilment_status", "delivered")
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self.status == "open" and self.payment_status == "paid" and self.fulfilment_status == "delivered":
            self.move("status", "closed")

    # -- what others see ----------------------------------------------------------------------------------------------

    def money(self, amount: int) -> Money:
        """Give an amount the order's currency."""
        return _money(amount, self.currency)

    def snapshot(self) -> OrderSnapshot:
        """Show the order as it stands, as its events do."""
        return OrderSnapshot(**self.document())

    def document(self) -> dict[str, Any]:
        """Return the fields of the snapshot."""
        money = self.money
        return {
            "id": self.id,
            "number": self.number,
            "kind": self.kind,
            "imported_from": self._imported_from(),
            "channel": self.channel,
            "status": self.status,
            "payment_status": self.payment_status,
            "fulfilment_status": self.fulfilment_status,
            "customer_id": self.customer_id,
            "email": self.email,
            "country": self.country or (self.shipping_address and self.shipping_address["country"]),
            "shipping_address": self.shipping_address and Address(**self.shipping_address),
            "billing_address": self.billing_address and Address(**self.billing_address),
            "lines": [self._line_snapshot(line) for line in self.lines],
            "currency": self.currency,
            "prices_include_tax": self.prices_include_tax,
            "subtotal": money(self.subtotal),
            "shipping": money(self.shipping),
            "shipping_option": self.shipping_option and ShippingOption(**self.shipping_option),
            "tax": money(self.tax),
            "total": money(self.total),
            "captured": money(self.captured),
            "placed_at": self.placed_at,
            "version": self.version,
            "session_id": self.session_id,
            "cancelled_at": self.cancelled_at,
            "cancellation_reason": self.cancellation_reason,
        }

    def _imported_from(self) -> ImportSource | None:
        if self.source is None or self.external_id is None:
            return None
        return ImportSource(source=self.source, external_id=self.external_id)

    def _line_snapshot(self, line: OrderLine) -> OrderLineSnapshot:
        return OrderLineSnapshot(
            id=line.id,
            sku=line.sku,
            product_id=line.product_id,
            variant_id=line.variant_id,
            title=line.title,
            quantity=line.quantity,
            unit_price=self.money(line.unit_price),
            tax_rate_basis_points=line.basis_points,
            tax=self.money(line.tax),
            total=self.money(line.total),
            shipped_quantity=line.shipped_quantity,
        )


def _uuid(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


@lru_cache(maxsize=4096)
def _money(amount: int, currency: str) -> Money:
    """Make an amount once: a batch of orders has the same prices, and the same zeros, over and over."""
    return Money(amount=amount, currency=currency)
