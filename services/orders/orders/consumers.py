"""The one list of consumer groups and what they do with events."""

from common.events import CATALOG_PRODUCT
from common.events.contracts.catalog import ProductCreated, ProductDeleted, ProductUpdated
from common.events.contracts.gateway import UserRegistered
from common.inbox import Consumer
from orders.catalogue.handlers import forget_product, project_product, remove_product
from orders.customers.handlers import register_customer

CONSUMERS = (
    Consumer(
        group="orders.products",
        projection=True,
        handlers={ProductCreated: project_product, ProductUpdated: project_product, ProductDeleted: remove_product},
        tombstones={CATALOG_PRODUCT: forget_product},
    ),
    Consumer(group="orders.users", projection=True, handlers={UserRegistered: register_customer}),
)
