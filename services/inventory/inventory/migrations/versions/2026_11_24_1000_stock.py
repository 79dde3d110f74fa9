"""Locations, ledger, levels, reservations, allocations and the SKUs that the catalogue knows."""

from alembic import op

from common.database import platform

revision = "2026_11_24_1000"
down_revision = None
branch_labels = None
depends_on = None

LOCATION = """
CREATE TABLE location (
    id uuid CONSTRAINT pk_location PRIMARY KEY,
    name text NOT NULL,
    code text NOT NULL CONSTRAINT uq_location_code UNIQUE,
    country text NOT NULL CONSTRAINT ck_location_country CHECK (country ~ '^[A-Z]{2}$'),
    priority integer NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
)
"""

# short: units that are owed and not there, after a count or a paid order found too few. Everything but such a finding
# leaves it alone, so that the last CHECK refuses to promise a unit twice whatever the code above it does.
# fillfactor: each checkout updates a level a few times; no index covers a counter, so the updates stay on the page.
STOCK_LEVEL = """
CREATE TABLE stock_level (
    id uuid CONSTRAINT pk_stock_level PRIMARY KEY,
    sku text COLLATE "C" NOT NULL,
    location_id uuid NOT NULL CONSTRAINT fk_stock_level_location_id_location REFERENCES location (id),
    on_hand bigint NOT NULL DEFAULT 0 CONSTRAINT ck_stock_level_on_hand CHECK (on_hand >= 0),
    reserved bigint NOT NULL DEFAULT 0 CONSTRAINT ck_stock_level_reserved CHECK (reserved >= 0),
    allocated bigint NOT NULL DEFAULT 0 CONSTRAINT ck_stock_level_allocated CHECK (allocated >= 0),
    safety bigint NOT NULL DEFAULT 0 CONSTRAINT ck_stock_level_safety CHECK (safety >= 0),
    short bigint NOT NULL DEFAULT 0 CONSTRAINT ck_stock_level_short CHECK (short >= 0),
    reorder_point bigint CONSTRAINT ck_stock_level_reorder_point CHECK (reorder_point >= 0),
    is_low boolean NOT NULL DEFAULT false,
    is_out boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 0,
    event_sequence bigint NOT NULL DEFAULT 0,
    alert_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT uq_stock_level_sku_location_id UNIQUE (sku, location_id),
    CONSTRAINT ck_stock_level_not_promised_twice CHECK (on_hand + short >= reserved + allocated)
) WITH (fillfactor = 70)
"""

LEVELS_OF_LOCATION = "CREATE INDEX ix_stock_level_location_id_sku ON stock_level (location_id, sku)"

STOCK_MOVEMENT = """
CREATE TABLE stock_movement (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_stock_movement PRIMARY KEY,
    level_id uuid NOT NULL CONSTRAINT fk_stock_movement_level_id_stock_level REFERENCES stock_level (id),
    sku text COLLATE "C" NOT NULL,
    location_id uuid NOT NULL CONSTRAINT fk_stock_movement_location_id_location REFERENCES location (id),
    kind text NOT NULL CONSTRAINT ck_stock_movement_kind
        CHECK (kind IN ('adjustment', 'count', 'shipment', 'correction')),
    quantity bigint NOT NULL,
    on_hand_after bigint NOT NULL CONSTRAINT ck_stock_movement_on_hand_after CHECK (on_hand_after >= 0),
    reason text,
    reference text,
    actor text NOT NULL,
    at timestamptz NOT NULL
)
"""

MOVEMENTS_OF_LEVEL = "CREATE INDEX ix_stock_movement_level_id_id ON stock_movement (level_id, id)"

LEDGER_IS_KEPT = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the stock ledger is only ever added to: correct it by another movement'
        USING ERRCODE = 'restrict_violation';
END
$$
"""

LEDGER_TRIGGER = """
CREATE TRIGGER tg_stock_movement_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movement
FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
"""

COUNT_KEY = """
CREATE TABLE stock_count_key (
    key text CONSTRAINT pk_stock_count_key PRIMARY KEY,
    created_at timestamptz NOT NULL
)
"""

RESERVATION = """
CREATE TABLE reservation (
    id uuid CONSTRAINT pk_reservation PRIMARY KEY,
    state text NOT NULL CONSTRAINT ck_reservation_state
        CHECK (state IN ('held', 'confirmed', 'allocated', 'released', 'expired')),
    expires_at timestamptz,
    confirmed_at timestamptz,
    asked_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    event_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_reservation_only_held_expires CHECK (state <> 'held' OR expires_at IS NOT NULL),
    CONSTRAINT ck_reservation_confirmed_at CHECK (state <> 'confirmed' OR confirmed_at IS NOT NULL)
) WITH (fillfactor = 80)
"""

HELD = "CREATE INDEX ix_reservation_held ON reservation (expires_at) WHERE state = 'held'"
CONFIRMED = "CREATE INDEX ix_reservation_confirmed ON reservation (confirmed_at) WHERE state = 'confirmed'"

RESERVATION_LINE = """
CREATE TABLE reservation_line (
    reservation_id uuid NOT NULL
        CONSTRAINT fk_reservation_line_reservation_id_reservation REFERENCES reservation (id),
    sku text COLLATE "C" NOT NULL,
    location_id uuid NOT NULL,
    level_id uuid NOT NULL CONSTRAINT fk_reservation_line_level_id_stock_level REFERENCES stock_level (id),
    quantity bigint NOT NULL CONSTRAINT ck_reservation_line_quantity CHECK (quantity > 0),
    CONSTRAINT pk_reservation_line PRIMARY KEY (reservation_id, sku)
)
"""

ALLOCATION = """
CREATE TABLE allocation (
    order_id uuid CONSTRAINT pk_allocation PRIMARY KEY,
    state text NOT NULL CONSTRAINT ck_allocation_state CHECK (state IN ('allocated', 'cancelled')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
)
"""

ALLOCATION_LINE = """
CREATE TABLE allocation_line (
    order_id uuid NOT NULL CONSTRAINT fk_allocation_line_order_id_allocation REFERENCES allocation (order_id),
    sku text COLLATE "C" NOT NULL,
    location_id uuid NOT NULL,
    level_id uuid NOT NULL CONSTRAINT fk_allocation_line_level_id_stock_level REFERENCES stock_level (id),
    quantity bigint NOT NULL CONSTRAINT ck_allocation_line_quantity CHECK (quantity >= 0),
    shipped bigint NOT NULL DEFAULT 0 CONSTRAINT ck_allocation_line_shipped CHECK (shipped >= 0),
    short bigint NOT NULL DEFAULT 0 CONSTRAINT ck_allocation_line_short CHECK (short >= 0),
    CONSTRAINT pk_allocation_line PRIMARY KEY (order_id, sku)
)
"""

SHIPMENT = """
CREATE TABLE shipment (
    parcel_id uuid CONSTRAINT pk_shipment PRIMARY KEY,
    order_id uuid NOT NULL,
    shipped_at timestamptz NOT NULL
)
"""

KNOWN_PRODUCT = """
CREATE TABLE known_product (
    id uuid CONSTRAINT pk_known_product PRIMARY KEY,
    sequence bigint NOT NULL
)
"""

KNOWN_SKU = """
CREATE TABLE known_sku (
    product_id uuid NOT NULL CONSTRAINT fk_known_sku_product_id_known_product REFERENCES known_product (id),
    sku text COLLATE "C" NOT NULL,
    title text NOT NULL,
    published boolean NOT NULL,
    CONSTRAINT pk_known_sku PRIMARY KEY (product_id, sku)
)
"""

PRODUCTS_OF_SKU = "CREATE INDEX ix_known_sku_sku ON known_sku (sku)"

# All lines or none, in one round trip; each SKU stands in one line. Levels are taken in the order of their SKU, one for
# each SKU, so that two checkouts that want the same things in another order wait for each other and never in a circle.
# What could not be held comes back as 'short', and the caller rolls back; a reservation that is there already comes
# back as it stands.
RESERVE_STOCK = """
CREATE FUNCTION reserve_stock(
    wanted_id uuid, skus text[], quantities bigint[], now_at timestamptz, ends_at timestamptz
) RETURNS TABLE (
    outcome text, line_sku text, line_quantity bigint, line_available bigint, hold_expires_at timestamptz,
    level stock_level
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    line record;
    candidate uuid;
    taken stock_level;
    is_short boolean := false;
BEGIN
    INSERT INTO reservation (id, state, expires_at, created_at, updated_at)
    VALUES (wanted_id, 'held', ends_at, now_at, now_at) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY
        SELECT r.state, l.sku, l.quantity, NULL::bigint, r.expires_at, s
        FROM reservation AS r
        LEFT JOIN reservation_line AS l ON l.reservation_id = r.id
        LEFT JOIN stock_level AS s ON s.id = l.level_id
        WHERE r.id = wanted_id ORDER BY l.sku;
        RETURN;
    END IF;
    FOR line IN
        SELECT a.sku, a.quantity FROM unnest(skus, quantities) AS a (sku, quantity) ORDER BY a.sku COLLATE "C"
    LOOP
        taken := NULL;
        LOOP
            SELECT s.id INTO candidate
            FROM stock_level AS s JOIN location AS o ON o.id = s.location_id
            WHERE s.sku = line.sku AND o.active
                AND s.on_hand - s.reserved - s.allocated - s.safety >= line.quantity
            ORDER BY o.priority, o.code LIMIT 1;
            EXIT WHEN candidate IS NULL OR is_short;
            UPDATE stock_level AS s
            SET reserved = s.reserved + line.quantity, version = s.version + 1, updated_at = now_at
            WHERE s.id = candidate AND s.on_hand - s.reserved - s.allocated - s.safety >= line.quantity
            RETURNING s.* INTO taken;
            EXIT WHEN taken.id IS NOT NULL;  -- else someone was faster: look again, perhaps elsewhere
        END LOOP;
        IF taken.id IS NOT NULL THEN
            INSERT INTO reservation_line (reservation_id, sku, location_id, level_id, quantity)
            VALUES (wanted_id, line.sku, taken.location_id, taken.id, line.quantity);
            RETURN QUERY SELECT 'taken'::text, line.sku, line.quantity, NULL::bigint, ends_at, taken;
        ELSIF candidate IS NULL THEN
            is_short := true;
            RETURN QUERY
            SELECT 'short'::text, line.sku, line.quantity,
                coalesce(max(greatest(0, s.on_hand - s.reserved - s.allocated - s.safety)), 0)::bigint,
                NULL::timestamptz, NULL::stock_level
            FROM stock_level AS s JOIN location AS o ON o.id = s.location_id
            WHERE s.sku = line.sku AND o.active;
        END IF;
    END LOOP;
END
$$
"""

STEPS = (
    LOCATION, STOCK_LEVEL, LEVELS_OF_LOCATION, STOCK_MOVEMENT, MOVEMENTS_OF_LEVEL, LEDGER_IS_KEPT, LEDGER_TRIGGER,
    COUNT_KEY, RESERVATION, HELD, CONFIRMED, RESERVATION_LINE, ALLOCATION, ALLOCATION_LINE, SHIPMENT, KNOWN_PRODUCT,
    KNOWN_SKU, PRODUCTS_OF_SKU, RESERVE_STOCK,
)  # fmt: skip


def upgrade() -> None:
    connection = op.get_bind()
    platform.upgrade_to(connection, 2)
    for statement in STEPS:
        connection.exec_driver_sql(statement)
