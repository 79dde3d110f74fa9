"""One small shop, told through the contracts' examples: the ids agree from event to event."""

from pydantic import JsonValue

Example = dict[str, JsonValue]

PRODUCT_ID = "019ab3e1-5c00-7a10-8c11-3a5d2f1e0001"
MUG_ID = "019ab3e1-5c00-7a10-8c11-3a5d2f1e0101"
TEA_PRODUCT_ID = "019ab3e1-5c00-7a10-8c11-3a5d2f1e0002"
TEA_ID = "019ab3e1-5c00-7a10-8c11-3a5d2f1e0201"
CATEGORY_ID = "019ab3e0-1d00-7f00-a2c3-90b1c2d3e4f5"
LOCATION_ID = "019ab3df-0a00-7b00-b1b2-c3d4e5f60718"
CUSTOMER_ID = "019ab3ef-2200-7d31-9a55-1b2c3d4e5f60"
ORDER_ID = "019ab3f0-77d0-7e21-8b1d-5f0a9c3e7d10"
MUG_LINE_ID = "019ab3f0-77d1-7c41-9f0e-0f6f4b6f7101"
TEA_LINE_ID = "019ab3f0-77d1-7c41-9f0e-0f6f4b6f7102"


def eur(cents: int) -> Example:
    return {"amount": cents, "currency": "EUR"}


PRODUCT: Example = {
    "id": PRODUCT_ID,
    "handle": "enamel-mug",
    "title": "Enamel mug",
    "description": "Steel, enamelled twice, for the fire and the office.",
    "status": "published",
    "vendor": "Northfield",
    "product_type": "Mugs",
    "tags": ["camping", "gift"],
    "channels": ["web"],
    "category_ids": [CATEGORY_ID],
    "categories": ["Kitchen/Mugs"],
    "options": [{"name": "Colour", "values": ["Blue"]}],
    "attributes": [{"name": "volume_ml", "type": "number", "value": 350}],
    "media": [{"url": "https://shop.example/media/mug-blue.webp", "alt": "A blue enamel mug", "position": 1}],
    "variants": [
        {
            "id": MUG_ID,
            "sku": "MUG-BLUE",
            "barcode": "4006381333931",
            "title": "Blue",
            "options": {"Colour": "Blue"},
            "prices": [eur(1499), {"amount": 1650, "currency": "USD"}],
            "weight_grams": 180,
            "tax_class": "standard",
            "position": 1,
            "requires_shipping": True,
        }
    ],
    "version": 1,
    "created_at": "2026-11-24T09:00:00.125000Z",
    "updated_at": "2026-11-24T09:00:00.125000Z",
    "published_at": "2026-11-24T09:00:00.125000Z",
}

IMPORT: Example = {
    "id": "019ab3e1-0001-7000-9000-aabbccddeeff",
    "source": "shopify",
    "file_name": "autumn.csv",
    "status": "completed",
    "counts": {"rows": 212, "created": 58, "updated": 1, "unchanged": 0, "failed": 2},
    "started_at": "2026-11-24T08:59:58.500000Z",
    "completed_at": "2026-11-24T09:00:03.750000Z",
}

STOCK_LEVEL: Example = {
    "id": "019ab3e2-4400-7c00-8d00-102030405060",
    "sku": "MUG-BLUE",
    "location_id": LOCATION_ID,
    "on_hand": 45,
    "reserved": 1,
    "allocated": 4,
    "safety": 2,
    "available": 38,
    "reorder_point": 5,
    "version": 7,
    "updated_at": "2026-11-24T09:15:00Z",
}

LOW_STOCK_LEVEL: Example = {**STOCK_LEVEL, "on_hand": 6, "reserved": 0, "allocated": 0, "available": 4, "version": 8}

RESERVATION: Example = {
    "id": ORDER_ID,
    "state": "held",
    "lines": [
        {"sku": "MUG-BLUE", "location_id": LOCATION_ID, "quantity": 2},
        {"sku": "TEA-ASSAM-250", "location_id": LOCATION_ID, "quantity": 1},
    ],
    "expires_at": "2026-11-24T09:35:02Z",
    "created_at": "2026-11-24T09:20:02Z",
}

ADDRESS: Example = {
    "name": "Ada Lovelace",
    "line1": "Ziegelstrasse 12",
    "line2": None,
    "city": "Berlin",
    "region": None,
    "postal_code": "10117",
    "country": "DE",
}

MUG_LINE: Example = {
    "id": MUG_LINE_ID,
    "sku": "MUG-BLUE",
    "product_id": PRODUCT_ID,
    "variant_id": MUG_ID,
    "title": "Enamel mug, Blue",
    "quantity": 2,
    "unit_price": eur(1499),
    "tax_rate_basis_points": 1900,
    "tax": eur(479),
    "total": eur(2998),
    "shipped_quantity": 0,
}

TEA_LINE: Example = {
    "id": TEA_LINE_ID,
    "sku": "TEA-ASSAM-250",
    "product_id": TEA_PRODUCT_ID,
    "variant_id": TEA_ID,
    "title": "Assam, 250 g",
    "quantity": 1,
    "unit_price": eur(890),
    "tax_rate_basis_points": 700,
    "tax": eur(58),
    "total": eur(890),
    "shipped_quantity": 0,
}

ORDER: Example = {
    "id": ORDER_ID,
    "number": "1001",
    "kind": "sale",
    "imported_from": None,
    "channel": "web",
    "status": "open",
    "payment_status": "authorised",
    "fulfilment_status": "none",
    "customer_id": CUSTOMER_ID,
    "country": "DE",
    "email": "ada@example.com",
    "shipping_address": ADDRESS,
    "billing_address": ADDRESS,
    "lines": [MUG_LINE, TEA_LINE],
    "currency": "EUR",
    "prices_include_tax": True,
    "subtotal": eur(3888),
    "shipping": eur(490),
    "shipping_option": {"id": "standard", "name": "Standard, 2-3 days"},
    "tax": eur(615),
    "total": eur(4378),
    "captured": eur(0),
    "placed_at": "2026-11-24T09:20:03.500000Z",
    "version": 1,
    "session_id": "s-4f1c",
    "cancelled_at": None,
    "cancellation_reason": None,
}

SHIPPED_MUG_LINE: Example = {**MUG_LINE, "shipped_quantity": 2}
SHIPPED_TEA_LINE: Example = {**TEA_LINE, "shipped_quantity": 1}

SHIPPED_ORDER: Example = {
    **ORDER,
    "fulfilment_status": "partial",
    "lines": [SHIPPED_MUG_LINE, TEA_LINE],
    "version": 2,
}

PAID_ORDER: Example = {
    **ORDER,
    "payment_status": "paid",
    "fulfilment_status": "fulfilled",
    "lines": [SHIPPED_MUG_LINE, SHIPPED_TEA_LINE],
    "captured": eur(4378),
    "version": 5,
}

DELIVERED_ORDER: Example = {**PAID_ORDER, "status": "closed", "fulfilment_status": "delivered", "version": 6}

CANCELLED_ORDER: Example = {
    **ORDER,
    "status": "cancelled",
    "payment_status": "voided",
    "version": 2,
    "cancelled_at": "2026-11-24T09:41:00Z",
    "cancellation_reason": "ordered twice",
}

PARCEL: Example = {
    "id": "019ab3f5-1000-7a00-8b00-0c0d0e0f1011",
    "carrier": "DHL",
    "tracking_number": "00340434161094042557",
    "tracking_url": "https://track.example/00340434161094042557",
    "weight_grams": 520,
    "shipped_at": "2026-11-24T14:05:00Z",
    "delivered_at": None,
    "lines": [{"order_line_id": MUG_LINE_ID, "sku": "MUG-BLUE", "quantity": 2}],
}

DELIVERED_PARCEL: Example = {
    **PARCEL,
    "id": "019ab3f5-2000-7a00-8b00-0c0d0e0f1012",
    "tracking_number": "00340434161094042564",
    "tracking_url": "https://track.example/00340434161094042564",
    "weight_grams": 310,
    "shipped_at": "2026-11-25T08:30:00Z",
    "delivered_at": "2026-11-26T11:12:00Z",
    "lines": [{"order_line_id": TEA_LINE_ID, "sku": "TEA-ASSAM-250", "quantity": 1}],
}

CART: Example = {
    "id": "019ab3ee-9000-7b00-9c00-d0e0f0a0b0c0",
    "channel": "web",
    "currency": "EUR",
    "customer_id": CUSTOMER_ID,
    "email": "ada@example.com",
    "lines": [{"sku": "MUG-BLUE", "quantity": 2, "unit_price": eur(1499)}],
    "subtotal": eur(2998),
    "updated_at": "2026-11-24T09:17:30Z",
}

CUSTOMER: Example = {
    "id": CUSTOMER_ID,
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "registered": True,
    "locale": "de-DE",
    "version": 1,
}

USER: Example = {
    "id": "019ab3d0-3300-7e00-8f00-a1b2c3d4e5f6",
    "email": "grace@shop.example",
    "name": "Grace Hopper",
    "role": "warehouse",
    "scopes": ["inventory:read", "inventory:adjust", "orders:read", "orders:fulfil"],
    "registered_at": "2026-11-20T08:00:00Z",
}

MESSAGE: Example = {
    "id": "019ab3f0-8800-7a00-9b00-c1d2e3f40516",
    "channel": "email",
    "template": "order-placed",
    "recipient": "ada@example.com",
    "subject": "Your order 1001",
    "status": "sent",
    "order_id": ORDER_ID,
    "sent_at": "2026-11-24T09:20:04.250000Z",
    "attempts": 1,
    "error": None,
}

FAILED_MESSAGE: Example = {
    **MESSAGE,
    "status": "failed",
    "sent_at": None,
    "attempts": 5,
    "error": "550 5.1.1 <ada@example.com>: Recipient address rejected",
}

WEBHOOK: Example = {
    "id": "019ab3f1-1000-7b00-8c00-d1e2f3041526",
    "owner": "019ab3ee-0500-7a00-9100-0a1b2c3d4e5f",
    "host": "erp.partner.example",
    "description": "ERP, order intake",
    "types": ["order.*", "stock.low"],
    "status": "enabled",
    "disabled_reason": None,
    "disabled_at": None,
    "version": 3,
}

DISABLED_WEBHOOK: Example = {
    **WEBHOOK,
    "status": "disabled",
    "disabled_reason": "failing",
    "disabled_at": "2026-11-29T09:20:05Z",
    "version": 4,
}

UNDELIVERED: Example = {
    "delivery_id": "019ab3f1-2000-7b00-8c00-d1e2f3041527",
    "event_id": "019ab3f0-77d5-7c00-9d00-e1f203142536",
    "event_type": "order.placed",
    "attempts": 10,
    "last_status": 500,
    "last_failure": "status",
}
