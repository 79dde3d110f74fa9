"""What the service is made of."""

from fastapi import FastAPI

from common.database import Aggregate
from common.events import ORDERS_CART, ORDERS_CUSTOMER, ORDERS_ORDER
from common.events.contracts.orders import CONTRACTS
from common.http.app import create_app as create
from common.service import Runtime, Service
from orders.carts.routes import router as carts
from orders.checkout.routes import internal as internal_checkouts
from orders.checkout.routes import router as checkout
from orders.consumers import CONSUMERS
from orders.customers.routes import router as customers
from orders.fulfilment.routes import router as fulfilment
from orders.invariants import INVARIANTS
from orders.jobs import JOBS, SWEEPS
from orders.ordering.routes import router as ordering
from orders.resources import open_resources
from orders.settings import Settings
from orders.shipping.routes import router as shipping_rates
from orders.taxes.routes import router as tax_rates

SERVICE = Service(
    name="orders",
    settings=Settings,
    migrations="orders.migrations",
    routers=(carts, checkout, ordering, fulfilment, customers, tax_rates, shipping_rates, internal_checkouts),
    publishes=CONTRACTS,
    aggregates={
        ORDERS_ORDER: Aggregate("orders"),
        ORDERS_CART: Aggregate("cart"),
        ORDERS_CUSTOMER: Aggregate("customer"),
    },
    consumers=CONSUMERS,
    jobs=JOBS,
    sweeps=SWEEPS,
    invariants=INVARIANTS,
    resources=open_resources,
)


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """Build the app around an open runtime; without one it can only describe itself."""
    return create(SERVICE, runtime)
