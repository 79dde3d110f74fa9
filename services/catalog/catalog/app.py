"""The service as data."""

from catalog.categories.routes import router as categories
from catalog.clients.inventory import open_inventory
from catalog.imports.routes import router as imports
from catalog.invariants import INVARIANTS
from catalog.jobs import JOBS, SWEEPS
from catalog.products.routes import router as products
from catalog.search.routes import router as search
from catalog.settings import Settings
from common.database import Aggregate
from common.events.contracts.catalog import ImportCompleted, ProductCreated, ProductDeleted, ProductUpdated
from common.service import Service

SERVICE = Service(
    name="catalog",
    settings=Settings,
    migrations="catalog.migrations",
    routers=(products, categories, search, imports),
    publishes=(ProductCreated, ProductUpdated, ProductDeleted, ImportCompleted),
    aggregates={ProductCreated.topic: Aggregate("product"), ImportCompleted.topic: Aggregate("product_import")},
    jobs=JOBS,
    sweeps=SWEEPS,
    invariants=INVARIANTS,
    resources=open_inventory,
    uploads=("/v1/imports",),
)
