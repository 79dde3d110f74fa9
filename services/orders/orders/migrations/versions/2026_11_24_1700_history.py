"""Orders of another shop's history stand beside our own: without checkout, cart, addresses and payment."""

from alembic import op

revision = "2026_11_24_1700"
down_revision = "2026_11_24_1000"
branch_labels = None
depends_on = None

ORDERS = """
ALTER TABLE orders
    DROP CONSTRAINT fk_orders_id_checkout,
    ALTER COLUMN cart_id DROP NOT NULL,
    ALTER COLUMN cart_token_hash DROP NOT NULL,
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN shipping_address DROP NOT NULL,
    ALTER COLUMN billing_address DROP NOT NULL,
    ALTER COLUMN shipping_option DROP NOT NULL,
    ADD COLUMN kind text NOT NULL DEFAULT 'sale' CONSTRAINT ck_orders_kind CHECK (kind IN ('sale', 'return')),
    ADD COLUMN source text,
    ADD COLUMN external_id text,
    ADD COLUMN country text CONSTRAINT ck_orders_country CHECK (country ~ '^[A-Z]{2}$'),
    ADD COLUMN customer_reference text,
    ADD COLUMN fingerprint bytea,
    ADD COLUMN checkout_id uuid GENERATED ALWAYS AS (CASE WHEN source IS NULL THEN id END) STORED
        CONSTRAINT fk_orders_checkout_id_checkout REFERENCES checkout,
    ADD CONSTRAINT ck_orders_placed_here CHECK (source IS NOT NULL OR (
        kind = 'sale'
        AND num_nulls(cart_id, cart_token_hash, email, shipping_address, billing_address, shipping_option) = 0
        AND num_nonnulls(external_id, country, customer_reference, fingerprint) = 0
    )),
    ADD CONSTRAINT ck_orders_imported CHECK (source IS NULL OR (
        status = 'closed' AND fulfilment_status = 'fulfilled'
        AND payment_status = CASE kind WHEN 'sale' THEN 'paid' ELSE 'refunded' END
        AND captured = CASE kind WHEN 'sale' THEN total ELSE 0 END
        AND num_nulls(external_id, fingerprint) = 0
        AND num_nonnulls(cart_id, cart_token_hash, shipping_address, billing_address, shipping_option) = 0
    ));
CREATE UNIQUE INDEX uq_orders_source_external_id ON orders (source, external_id) WHERE source IS NOT NULL;
CREATE INDEX ix_orders_source ON orders (source, placed_at DESC, id DESC) WHERE source IS NOT NULL;
COMMENT ON COLUMN orders.source IS 'The system that it was imported from; null: placed here.';
COMMENT ON COLUMN orders.country IS 'Of an imported order, which has no address; null: not known.';
COMMENT ON COLUMN orders.fingerprint IS 'Digest of what was imported: the same again is a repeat.'
"""

LINES = """
ALTER TABLE order_line
    DROP CONSTRAINT uq_order_line_order_id_sku,
    ALTER COLUMN product_id DROP NOT NULL,
    ALTER COLUMN variant_id DROP NOT NULL,
    ALTER COLUMN tax_class DROP NOT NULL,
    ADD CONSTRAINT uq_order_line_order_id_position UNIQUE (order_id, position);
CREATE UNIQUE INDEX uq_order_line_order_id_sku ON order_line (order_id, sku) WHERE tax_class IS NOT NULL;
COMMENT ON COLUMN order_line.tax_class IS 'Null: imported, where a SKU may stand on several lines of an order.'
"""


def upgrade() -> None:
    """Make room for them."""
    for script in (ORDERS, LINES):
        for statement in script.split(";\n"):
            op.execute(statement)
