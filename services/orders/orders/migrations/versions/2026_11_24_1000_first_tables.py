"""First tables: channels, the catalogue's read model, customers, carts, rates, checkouts, orders, parcels, payments."""

import os

import sqlalchemy as sa
from alembic import op

from common.database import platform

revision = "2026_11_24_1000"
down_revision = None
branch_labels = None
depends_on = None

CHANNELS = """
CREATE TABLE channel (
    id text CONSTRAINT pk_channel PRIMARY KEY,
    currency text NOT NULL CONSTRAINT ck_channel_currency CHECK (currency ~ '^[A-Z]{3}$'),
    country text NOT NULL CONSTRAINT ck_channel_country CHECK (country ~ '^[A-Z]{2}$'),
    prices_include_tax boolean NOT NULL
)
"""

CATALOGUE = """
CREATE TABLE product (
    id uuid CONSTRAINT pk_product PRIMARY KEY,
    sequence bigint NOT NULL
);
CREATE TABLE variant (
    sku text NOT NULL,
    product_id uuid NOT NULL CONSTRAINT fk_variant_product_id_product REFERENCES product,
    variant_id uuid NOT NULL,
    title text NOT NULL,
    variant_title text NOT NULL,
    options jsonb NOT NULL,
    prices jsonb NOT NULL,
    weight_grams bigint,
    tax_class text NOT NULL,
    requires_shipping boolean NOT NULL,
    channels text[] NOT NULL,
    CONSTRAINT pk_variant PRIMARY KEY (sku, product_id)
);
CREATE INDEX ix_variant_product_id ON variant (product_id);
COMMENT ON COLUMN variant.prices IS 'Currency to minor units.';
COMMENT ON COLUMN variant.channels IS 'Where it is for sale now; empty while its product is a draft.'
"""

CUSTOMERS = """
CREATE TABLE customer (
    id uuid CONSTRAINT pk_customer PRIMARY KEY,
    email text NOT NULL,
    name text,
    locale text,
    user_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    event_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON COLUMN customer.user_sequence IS 'Last event of the login that was applied; 0: known from claims alone.';
CREATE TABLE address (
    id uuid CONSTRAINT pk_address PRIMARY KEY,
    customer_id uuid NOT NULL,
    name text NOT NULL,
    line1 text NOT NULL,
    line2 text,
    city text NOT NULL,
    region text,
    postal_code text NOT NULL,
    country text NOT NULL CONSTRAINT ck_address_country CHECK (country ~ '^[A-Z]{2}$'),
    is_default_shipping boolean NOT NULL,
    is_default_billing boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ix_address_customer_id ON address (customer_id, id);
CREATE UNIQUE INDEX uq_address_default_shipping ON address (customer_id) WHERE is_default_shipping;
CREATE UNIQUE INDEX uq_address_default_billing ON address (customer_id) WHERE is_default_billing
"""

RATES = """
CREATE TABLE rate_table (
    name text CONSTRAINT pk_rate_table PRIMARY KEY,
    version bigint NOT NULL,
    updated_at timestamptz
);
INSERT INTO rate_table VALUES ('tax', 1), ('shipping', 1);
CREATE TABLE tax_rate (
    country text NOT NULL CONSTRAINT ck_tax_rate_country CHECK (country ~ '^[A-Z]{2}$'),
    region text,
    class text NOT NULL,
    basis_points integer NOT NULL CONSTRAINT ck_tax_rate_basis_points CHECK (basis_points BETWEEN 0 AND 10000),
    name text NOT NULL,
    place integer NOT NULL,
    CONSTRAINT uq_tax_rate_country_region_class UNIQUE NULLS NOT DISTINCT (country, region, class)
);
CREATE TABLE shipping_rate (
    id text CONSTRAINT pk_shipping_rate PRIMARY KEY,
    name text NOT NULL,
    carrier text,
    countries text[] NOT NULL,
    currency text NOT NULL,
    min_weight_grams bigint NOT NULL,
    max_weight_grams bigint,
    price bigint NOT NULL CONSTRAINT ck_shipping_rate_price CHECK (price >= 0),
    free_over bigint,
    place integer NOT NULL,
    CONSTRAINT ck_shipping_rate_weights CHECK (min_weight_grams >= 0 AND max_weight_grams >= min_weight_grams)
)
"""

CARTS = """
CREATE TABLE cart (
    id uuid CONSTRAINT pk_cart PRIMARY KEY,
    token_hash text NOT NULL,
    customer_id uuid,
    channel text NOT NULL CONSTRAINT fk_cart_channel_channel REFERENCES channel,
    currency text NOT NULL,
    country text,
    state text NOT NULL DEFAULT 'open'
        CONSTRAINT ck_cart_state CHECK (state IN ('open', 'checking_out', 'ordered', 'expired')),
    email text,
    lines jsonb NOT NULL DEFAULT '[]' CONSTRAINT ck_cart_lines CHECK (jsonb_array_length(lines) <= 100),
    shipping_address jsonb,
    billing_address jsonb,
    shipping_option_id text,
    order_id uuid,
    announced jsonb,
    quiet_since timestamptz,
    version bigint NOT NULL DEFAULT 1,
    event_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT ck_cart_order CHECK ((state = 'ordered') = (order_id IS NOT NULL))
);
CREATE INDEX ix_cart_quiet_since ON cart (quiet_since) WHERE quiet_since IS NOT NULL;
CREATE INDEX ix_cart_expires_at ON cart (expires_at) WHERE state = 'open';
COMMENT ON COLUMN cart.lines IS
    '[{id, sku, quantity, unit_price when added, product_id, variant_id, title, variant_title}]';
COMMENT ON COLUMN cart.quiet_since IS 'The last change that cart.updated has not told of; null: none.';
COMMENT ON COLUMN cart.announced IS 'What the last cart.updated said.'
"""

CHECKOUTS = """
CREATE SEQUENCE order_number AS bigint START WITH 100001;
CREATE TABLE checkout (
    id uuid CONSTRAINT pk_checkout PRIMARY KEY,
    cart_id uuid NOT NULL CONSTRAINT fk_checkout_cart_id_cart REFERENCES cart,
    principal text NOT NULL,
    key text,
    fingerprint bytea NOT NULL,
    state text NOT NULL CONSTRAINT ck_checkout_state
        CHECK (state IN ('started', 'reserved', 'authorised', 'confirmed', 'placed', 'undone', 'failed')),
    step text NOT NULL CONSTRAINT ck_checkout_step CHECK (step IN ('running', 'undoing', 'watching', 'over')),
    order_number bigint NOT NULL DEFAULT nextval('order_number'),
    attempts integer NOT NULL DEFAULT 0,
    data jsonb NOT NULL,
    answer_status smallint,
    answer_headers jsonb,
    answer_body bytea,
    deadline_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT uq_checkout_principal_key UNIQUE (principal, key)
);
CREATE UNIQUE INDEX uq_checkout_live_cart ON checkout (cart_id)
    WHERE state IN ('started', 'reserved', 'authorised', 'confirmed');
CREATE INDEX ix_checkout_due_at ON checkout (due_at) WHERE step <> 'over';
CREATE INDEX ix_checkout_created_at ON checkout (created_at) WHERE key IS NOT NULL;
COMMENT ON COLUMN checkout.key IS 'Null once it may be used again: no answer was kept, or it is older than a day.';
COMMENT ON COLUMN checkout.step IS 'What is left to do: run it, undo it, look once more for a late payment, nothing.'
"""

ORDERS = """
CREATE TABLE orders (
    id uuid CONSTRAINT pk_orders PRIMARY KEY CONSTRAINT fk_orders_id_checkout REFERENCES checkout,
    number text NOT NULL CONSTRAINT uq_orders_number UNIQUE,
    cart_id uuid NOT NULL CONSTRAINT uq_orders_cart_id UNIQUE,
    cart_token_hash text NOT NULL,
    channel text NOT NULL,
    status text NOT NULL CONSTRAINT ck_orders_status CHECK (status IN ('open', 'cancelled', 'closed')),
    payment_status text NOT NULL CONSTRAINT ck_orders_payment_status CHECK (payment_status IN
        ('pending', 'authorised', 'partly_paid', 'paid', 'partly_refunded', 'refunded', 'voided')),
    fulfilment_status text NOT NULL CONSTRAINT ck_orders_fulfilment_status
        CHECK (fulfilment_status IN ('none', 'partial', 'fulfilled', 'delivered')),
    customer_id uuid,
    email text NOT NULL,
    shipping_address jsonb NOT NULL,
    billing_address jsonb NOT NULL,
    shipping_option jsonb NOT NULL,
    currency text NOT NULL,
    prices_include_tax boolean NOT NULL,
    subtotal bigint NOT NULL,
    shipping bigint NOT NULL,
    shipping_tax bigint NOT NULL,
    tax bigint NOT NULL,
    total bigint NOT NULL CONSTRAINT ck_orders_total CHECK (total >= 0),
    captured bigint NOT NULL DEFAULT 0,
    session_id text,
    placed_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    cancellation_reason text,
    version bigint NOT NULL DEFAULT 1,
    event_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_orders_captured CHECK (captured BETWEEN 0 AND total)
);
CREATE INDEX ix_orders_placed_at ON orders (placed_at DESC, id DESC);
CREATE INDEX ix_orders_customer_id ON orders (customer_id, placed_at DESC, id DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_orders_email ON orders (lower(email), placed_at DESC, id DESC);
CREATE INDEX ix_orders_unshipped ON orders (placed_at DESC, id DESC)
    WHERE status = 'open' AND fulfilment_status IN ('none', 'partial');
CREATE TABLE order_line (
    id uuid CONSTRAINT pk_order_line PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT fk_order_line_order_id_orders REFERENCES orders,
    position integer NOT NULL,
    sku text NOT NULL,
    product_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    title text NOT NULL,
    options jsonb NOT NULL,
    tax_class text NOT NULL,
    requires_shipping boolean NOT NULL,
    weight_grams bigint,
    quantity integer NOT NULL CONSTRAINT ck_order_line_quantity CHECK (quantity > 0),
    unit_price bigint NOT NULL,
    basis_points integer NOT NULL,
    tax bigint NOT NULL,
    total bigint NOT NULL,
    shipped_quantity integer NOT NULL DEFAULT 0,
    CONSTRAINT uq_order_line_order_id_sku UNIQUE (order_id, sku),
    CONSTRAINT ck_order_line_shipped_quantity CHECK (shipped_quantity BETWEEN 0 AND quantity)
);
CREATE TABLE payment (
    id uuid CONSTRAINT pk_payment PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT uq_payment_order_id UNIQUE
        CONSTRAINT fk_payment_order_id_orders REFERENCES orders,
    method text NOT NULL,
    currency text NOT NULL,
    authorised bigint NOT NULL,
    captured bigint NOT NULL DEFAULT 0,
    void_asked_at timestamptz,
    voided_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_payment_captured CHECK (captured BETWEEN 0 AND authorised)
);
COMMENT ON COLUMN payment.order_id IS 'Also the key under which the provider knows it.'
"""

PARCELS = """
CREATE TABLE shipment (
    id uuid CONSTRAINT pk_shipment PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT fk_shipment_order_id_orders REFERENCES orders,
    carrier text,
    tracking_number text,
    tracking_url text,
    weight_grams bigint,
    status text NOT NULL CONSTRAINT ck_shipment_status CHECK (status IN
        ('label_created', 'picked_up', 'in_transit', 'out_for_delivery', 'delivered', 'exception')),
    furthest text NOT NULL,
    status_at timestamptz NOT NULL,
    shipped_at timestamptz NOT NULL,
    delivered_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_shipment_delivered CHECK ((status = 'delivered') = (delivered_at IS NOT NULL))
);
CREATE INDEX ix_shipment_order_id ON shipment (order_id, id);
COMMENT ON COLUMN shipment.furthest IS 'How far it got, exceptions left out; it never goes back.';
CREATE TABLE shipment_line (
    shipment_id uuid NOT NULL CONSTRAINT fk_shipment_line_shipment_id_shipment REFERENCES shipment,
    order_line_id uuid NOT NULL CONSTRAINT fk_shipment_line_order_line_id_order_line REFERENCES order_line,
    sku text NOT NULL,
    quantity integer NOT NULL CONSTRAINT ck_shipment_line_quantity CHECK (quantity > 0),
    CONSTRAINT pk_shipment_line PRIMARY KEY (shipment_id, order_line_id)
);
CREATE INDEX ix_shipment_line_order_line_id ON shipment_line (order_line_id);
CREATE TABLE tracking_scan (
    shipment_id uuid NOT NULL CONSTRAINT fk_tracking_scan_shipment_id_shipment REFERENCES shipment,
    status text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    moved boolean NOT NULL,
    CONSTRAINT pk_tracking_scan PRIMARY KEY (shipment_id, at, status)
);
COMMENT ON COLUMN tracking_scan.moved IS 'Whether it changed the status; a late one is kept and changes nothing.';
CREATE TABLE capture (
    id uuid CONSTRAINT pk_capture PRIMARY KEY CONSTRAINT fk_capture_id_shipment REFERENCES shipment,
    order_id uuid NOT NULL CONSTRAINT fk_capture_order_id_orders REFERENCES orders,
    amount bigint NOT NULL CONSTRAINT ck_capture_amount CHECK (amount >= 0),
    created_at timestamptz NOT NULL,
    captured_at timestamptz
);
CREATE INDEX ix_capture_order_id ON capture (order_id);
COMMENT ON TABLE capture IS 'What is taken for a parcel; its id is the parcel''s and the key at the provider.'
"""

SANDBOX = """
CREATE TABLE sandbox_charge (
    key uuid CONSTRAINT pk_sandbox_charge PRIMARY KEY,
    state text NOT NULL CONSTRAINT ck_sandbox_charge_state CHECK (state IN ('authorised', 'declined', 'voided')),
    currency text,
    authorised bigint NOT NULL,
    captured bigint NOT NULL DEFAULT 0,
    CONSTRAINT ck_sandbox_charge_captured CHECK (captured BETWEEN 0 AND authorised)
);
CREATE TABLE sandbox_capture (
    key uuid CONSTRAINT pk_sandbox_capture PRIMARY KEY,
    charge_key uuid NOT NULL CONSTRAINT fk_sandbox_capture_charge_key_sandbox_charge
        REFERENCES sandbox_charge,
    amount bigint NOT NULL
);
COMMENT ON TABLE sandbox_charge IS 'The books of the sandbox provider, an outside party: never joined with ours.'
"""


def upgrade() -> None:
    """Create everything."""
    platform.upgrade_to(op.get_bind(), 2)
    for script in (CHANNELS, CATALOGUE, CUSTOMERS, RATES, CARTS, CHECKOUTS, ORDERS, PARCELS, SANDBOX):
        for statement in script.split(";\n"):
            op.execute(statement)
    op.get_bind().execute(
        sa.text("INSERT INTO channel VALUES ('web', :currency, :country, true)"),
        {"currency": os.environ.get("SHOP_CURRENCY", "EUR"), "country": os.environ.get("SHOP_COUNTRY", "DE")},
    )
