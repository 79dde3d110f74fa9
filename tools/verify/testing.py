"""A small world in the services' real tables in which everything is as it must be, for tests that then damage it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from tools.verify.databases import Databases

AT = datetime(2026, 11, 24, 10, 7, tzinfo=UTC)
BUCKET = AT.replace(minute=0)
LATER = AT + timedelta(days=30)
BUYER_EMAIL, STAFF_EMAIL = "ada@example.com", "wim@example.com"


def uid(number: int) -> UUID:
    """An id that reads well in a failure."""
    return UUID(int=number)


BUYER, STAFF = uid(0xB0), uid(0x57)
ORDER, CANCELLED, HOLD = uid(0xA1), uid(0xA2), uid(0xA3)  # also their checkouts, reservations and allocations
IMPORTED, RETURNED = uid(0xA4), uid(0xA5)
PARCEL = uid(0xD1)
MUG_LINE, TEA_LINE, CANCELLED_LINE = uid(0x11), uid(0x12), uid(0x13)
IMPORTED_LINE, RETURNED_LINE = uid(0x14), uid(0x15)
SHELF, MUG_LEVEL, TEA_LEVEL = uid(0x70), uid(0x71), uid(0x72)
PLACED_EVENT, REGISTERED_EVENT = uid(0xE1), uid(0xE2)
ADDRESS = {"name": "Ada", "line1": "Quay 1", "city": "Hamburg", "postal_code": "20457", "country": "DE"}


class World:
    """Two orders (one partly shipped, one cancelled), two imported ones, a checkout under way, people, and mails."""

    def __init__(self, connections: Mapping[str, asyncpg.Connection]) -> None:
        self._connections = connections
        self.databases = Databases(connections)

    async def run(self, service: str, sql: str) -> None:
        """Change something in a service's database: damage, usually."""
        await self._connections[service].execute(sql)

    async def add(self, service: str, table: str, **columns: object) -> None:
        """Insert a row; dicts and lists of dicts are JSON."""
        names = ", ".join(f'"{name}"' for name in columns)
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        values = [_json(value) for value in columns.values()]
        await self._connections[service].execute(
            f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - our own names
            *values,
        )

    async def build(self) -> None:
        """Write all of it."""
        await self._build_people()
        await self._build_stock()
        for build in (self._build_order, self._build_cancelled_order, self._build_history, self._build_checkout):
            await build()
        await self._build_figures()
        await self._build_mails()
        await self._build_events()

    async def _build_people(self) -> None:
        for user_id, email, role in ((BUYER, BUYER_EMAIL, "customer"), (STAFF, STAFF_EMAIL, "warehouse")):
            await self.add(
                "gateway",
                "users",
                id=user_id,
                email=email,
                name="N",
                password_hash="",
                role=role,
                event_sequence=1,
                **_made(),
            )
            await self._add_contact("user", user_id, email, role)
        await self.add("orders", "customer", id=BUYER, email=BUYER_EMAIL, **_made())
        await self._add_contact("customer", BUYER, BUYER_EMAIL, None)

    async def _add_contact(self, kind: str, person: UUID, email: str, role: str | None) -> None:
        await self.add(
            "notifications", "contact", kind=kind, id=person, email=email, role=role, sequence=1, updated_at=AT
        )

    async def _build_stock(self) -> None:
        await self.add(
            "inventory", "location", id=SHELF, name="Shelf", code="S", country="DE", priority=1, active=True, **_made()
        )
        for level, sku, on_hand, reserved in ((MUG_LEVEL, "MUG", 8, 1), (TEA_LEVEL, "TEA", 5, 0)):
            await self.add(
                "inventory", "stock_level", id=level, sku=sku, location_id=SHELF, on_hand=on_hand, reserved=reserved,
                allocated=1, **_made(),
            )  # fmt: skip
        await self._move(MUG_LEVEL, "MUG", "adjustment", 10, after=10, reference=None)
        await self._move(TEA_LEVEL, "TEA", "adjustment", 5, after=5, reference=None)
        await self._move(MUG_LEVEL, "MUG", "shipment", -2, after=8, reference=str(PARCEL))

    async def _move(
        self, level: UUID, sku: str, kind: str, quantity: int, *, after: int, reference: str | None
    ) -> None:
        await self.add(
            "inventory", "stock_movement", level_id=level, sku=sku, location_id=SHELF, kind=kind, quantity=quantity,
            on_hand_after=after, reference=reference, actor="test", at=AT,
        )  # fmt: skip

    async def _build_order(self) -> None:
        await self._add_order(
            ORDER, total=4000, status="open", lines={MUG_LINE: ("MUG", 3, 2), TEA_LINE: ("TEA", 1, 0)}
        )
        await self.add(
            "orders", "shipment", id=PARCEL, order_id=ORDER, status="label_created", furthest="label_created",
            status_at=AT, shipped_at=AT, **_made(),
        )  # fmt: skip
        await self.add("orders", "shipment_line", shipment_id=PARCEL, order_line_id=MUG_LINE, sku="MUG", quantity=2)
        await self._put_aside(ORDER, "allocated", {"MUG": (MUG_LEVEL, 3, 2), "TEA": (TEA_LEVEL, 1, 0)})

    async def _build_cancelled_order(self) -> None:
        await self._add_order(CANCELLED, total=1000, status="cancelled", lines={CANCELLED_LINE: ("MUG", 1, 0)})
        await self._put_aside(CANCELLED, "cancelled", {"MUG": (MUG_LEVEL, 1, 0)})

    async def _put_aside(self, order: UUID, state: str, lines: dict[str, tuple[UUID, int, int]]) -> None:
        await self.add("inventory", "reservation", id=order, state="allocated", **_made())
        await self.add("inventory", "allocation", order_id=order, state=state, **_made())
        for sku, (level, quantity, shipped) in lines.items():
            held = {"sku": sku, "location_id": SHELF, "level_id": level, "quantity": quantity}
            await self.add("inventory", "reservation_line", reservation_id=order, **held)
            await self.add("inventory", "allocation_line", order_id=order, shipped=shipped, **held)

    async def _build_checkout(self) -> None:
        await self._add_checkout(HOLD, state="reserved", step="running", cart_state="checking_out")
        await self.add("inventory", "reservation", id=HOLD, state="held", expires_at=LATER, **_made())
        await self.add(
            "inventory", "reservation_line", reservation_id=HOLD, sku="MUG", location_id=SHELF, level_id=MUG_LEVEL,
            quantity=1,
        )  # fmt: skip

    async def _add_checkout(self, checkout: UUID, *, state: str, step: str, cart_state: str) -> None:
        order = checkout if cart_state == "ordered" else None
        await self.add(
            "orders", "cart", id=_cart_of(checkout), token_hash="", channel="web", currency="EUR", state=cart_state,
            order_id=order, expires_at=LATER, **_made(),
        )  # fmt: skip
        await self.add(
            "orders", "checkout", id=checkout, cart_id=_cart_of(checkout), principal="p", key=str(checkout),
            fingerprint=b"", state=state, step=step, data={}, deadline_at=LATER, due_at=LATER, **_made(),
        )  # fmt: skip

    async def _add_order(
        self, order: UUID, *, total: int, status: str, lines: dict[UUID, tuple[str, int, int]]
    ) -> None:
        await self._add_checkout(order, state="placed", step="over", cart_state="ordered")
        await self.add(
            "orders", "orders", id=order, number=str(order.int), cart_id=_cart_of(order), cart_token_hash="",
            channel="web", status=status, payment_status="authorised", fulfilment_status="none", email=BUYER_EMAIL,
            shipping_address=ADDRESS, billing_address=ADDRESS, shipping_option={"id": "s", "name": "S"}, currency="EUR",
            prices_include_tax=True, subtotal=total, shipping=0, shipping_tax=0, tax=0, total=total, placed_at=AT,
            **_made(),
        )  # fmt: skip
        for position, (line, (sku, quantity, shipped)) in enumerate(lines.items()):
            await self.add(
                "orders", "order_line", id=line, order_id=order, position=position, sku=sku, product_id=uid(1),
                variant_id=uid(2), title=sku, options=[], tax_class="standard", requires_shipping=True,
                quantity=quantity, unit_price=1000, basis_points=0, tax=0, total=1000 * quantity,
                shipped_quantity=shipped,
            )  # fmt: skip

    async def _build_history(self) -> None:
        for order, line, kind, payment, units in (
            (IMPORTED, IMPORTED_LINE, "sale", "paid", 3),
            (RETURNED, RETURNED_LINE, "return", "refunded", 2),
        ):
            total = 1000 * units
            await self.add(
                "orders", "orders", id=order, number=f"old/{order.int}", kind=kind, source="old",
                external_id=str(order.int), fingerprint=b"", channel="web", status="closed", payment_status=payment,
                fulfilment_status="fulfilled", currency="EUR", prices_include_tax=True, subtotal=total, shipping=0,
                shipping_tax=0, tax=0, total=total, captured=total if kind == "sale" else 0, placed_at=AT, **_made(),
            )  # fmt: skip
            await self.add(
                "orders", "order_line", id=line, order_id=order, position=1, sku="TEA", title="TEA", options={},
                requires_shipping=False, quantity=units, unit_price=1000, basis_points=0, tax=0, total=total,
                shipped_quantity=units,
            )  # fmt: skip

    async def _build_figures(self) -> None:
        place = {"bucket": BUCKET, "channel": "web", "currency": "EUR"}
        await self.add(
            "metrics", "sales", orders=3, gross=8000, units=8, cancelled_orders=1, cancelled=1000, returns=1,
            refunded=2000, **place,
        )  # fmt: skip
        for sku, units, cancelled, returned in (("MUG", 4, 1, 0), ("TEA", 4, 0, 2)):
            await self.add(
                "metrics", "product_sales", sku=sku, product_id=uid(1), title=sku, units=units, gross=1000 * units,
                cancelled_units=cancelled, cancelled=1000 * cancelled, returned_units=returned,
                refunded=1000 * returned, **place,
            )  # fmt: skip

    async def _build_mails(self) -> None:
        written = (
            (ORDER, "order-placed"),
            (ORDER, "order-shipped"),
            (CANCELLED, "order-placed"),
            (CANCELLED, "order-cancelled"),
        )
        for number, (order, template) in enumerate(written, start=1):
            await self.add_mail(uid(0x3000 + number), order, template)

    async def add_mail(self, message: UUID, order: UUID, template: str) -> None:
        """Write one mail about an order."""
        await self.add(
            "notifications", "message", id=message, channel="email", template=template, recipient=BUYER_EMAIL,
            subject="S", body_text="", body_html="", order_id=order, event_id=message, status="sent", sent_at=AT,
            **_made(),
        )  # fmt: skip

    async def _build_events(self) -> None:
        await self.add_event("orders", "orders.order.v1", "order.placed", ORDER, PLACED_EVENT)
        for group in ("catalog.sales", "inventory.orders", "metrics.facts", "notifications.feed", "notifications.mail"):
            await self.add_claim(group, PLACED_EVENT)
        await self.add_event("gateway", "gateway.user.v1", "user.registered", BUYER, REGISTERED_EVENT)
        await self.add_claim("orders.users", REGISTERED_EVENT)
        await self.add_claim("notifications.contacts", REGISTERED_EVENT)
        await self.add_claim("notifications.feed", REGISTERED_EVENT)

    async def add_event(
        self, service: str, topic: str, kind: str, key: UUID, event: UUID, *, sequence: int = 1, published: bool = True
    ) -> None:
        """Write an event's outbox row."""
        await self.add(
            service, "outbox", topic=topic, key=key, sequence=sequence, headers={"ce_id": str(event), "ce_type": kind},
            value=b"{}", created_at=AT, published_at=AT if published else None,
        )  # fmt: skip

    async def add_claim(self, group: str, event: UUID) -> None:
        """Write that a group has got an event."""
        await self.add(group.partition(".")[0], "inbox", consumer=group, event_id=event, received_at=AT)

    async def add_letter(self, group: str, event: UUID, *, status: str = "open") -> None:
        """Write a dead letter of a group."""
        await self.add(
            group.partition(".")[0], "dead_letter", id=event, consumer=group, event_id=event, type="order.placed",
            topic="orders.order.v1", partition=0, offset=0, key=ORDER, headers={}, error="because", attempts=1,
            status=status, created_at=AT,
        )  # fmt: skip


def _made() -> dict[str, datetime]:
    return {"created_at": AT, "updated_at": AT}


def _cart_of(checkout: UUID) -> UUID:
    return UUID(int=checkout.int + 0x1000)


def _json(value: Any) -> Any:  # noqa: ANN401 - whatever a column takes
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
