"""Which events inventory listens to, and what each one does here."""

from common.events import CATALOG_PRODUCT
from common.events.contracts.catalog import ProductCreated, ProductDeleted, ProductUpdated
from common.events.contracts.orders import OrderCancelled, OrderPlaced, OrderShipped
from common.inbox import Consumer
from inventory.allocation.handlers import follow_orders
from inventory.products.handlers import forget_skus, remember_skus

CONSUMERS = (
    Consumer(
        group="inventory.products",
        handlers={ProductCreated: remember_skus, ProductUpdated: remember_skus, ProductDeleted: remember_skus},
        tombstones={CATALOG_PRODUCT: forget_skus},
        set_based=True,
        projection=True,
    ),
    Consumer(
        group="inventory.orders",
        handlers={OrderPlaced: follow_orders, OrderShipped: follow_orders, OrderCancelled: follow_orders},
        set_based=True,
    ),
)
