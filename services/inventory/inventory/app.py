"""The inventory service, as data."""

from common.database import Aggregate
from common.events import INVENTORY_RESERVATION, INVENTORY_STOCK, INVENTORY_STOCK_ALERT
from common.events.contracts.inventory import CONTRACTS
from common.inbox.routes import dead_letter_routes
from common.service import Service
from inventory.consumers import CONSUMERS
from inventory.dependencies import open_resources
from inventory.invariants import INVARIANTS
from inventory.jobs import SWEEPS
from inventory.locations.routes import internal as internal_locations
from inventory.locations.routes import router as locations
from inventory.reservations.routes import internal as internal_reservations
from inventory.settings import Settings
from inventory.stock.routes import internal as internal_stock
from inventory.stock.routes import router as stock

SERVICE = Service(
    name="inventory",
    settings=Settings,
    migrations="inventory.migrations",
    routers=(
        locations,
        stock,
        internal_locations,
        internal_stock,
        internal_reservations,
        dead_letter_routes("inventory", scope="inventory:adjust"),
    ),
    publishes=CONTRACTS,
    aggregates={
        INVENTORY_STOCK: Aggregate("stock_level"),
        INVENTORY_STOCK_ALERT: Aggregate("stock_level", column="alert_sequence"),
        INVENTORY_RESERVATION: Aggregate("reservation"),
    },
    consumers=CONSUMERS,
    sweeps=SWEEPS,
    invariants=INVARIANTS,
    resources=open_resources,
)
