"""What the service is made of."""

from common.database import Aggregate
from common.events import ORDERS_CART, ORDERS_CUSTOMER, ORDERS_ORDER
from common.events.contracts.orders import CONTRACTS
from common.inbox.routes import dead_letter_routes
from common.service import Service
from orders.carts.routes import router as carts
from orders.checkout.routes import internal as internal_checkouts
from orders.checkout.routes import router as checkout
from orders.consumers import CONSUMERS
from orders.customers.routes import router as customers
from orders.fulfilment.routes import router as fulfilment
from orders.history.routes import router as history
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
    routers=(
        carts,
        checkout,
        ordering,
        history,
        fulfilment,
        customers,
        tax_rates,
        shipping_rates,
        internal_checkouts,
        dead_letter_routes("orders", scope="orders:write"),
    ),
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
    uploads=("/v1/orders/import",),
)
