"""The service as data."""

from catalog.categories.routes import router as categories
from catalog.consumers import CONSUMERS
from catalog.exports.routes import router as exports
from catalog.imports.routes import router as imports
from catalog.invariants import INVARIANTS
from catalog.jobs import JOBS, SWEEPS
from catalog.products.routes import router as products
from catalog.querylog.routes import router as querylog
from catalog.resources import open_resources
from catalog.search.routes import router as search
from catalog.settings import Settings
from common.database import Aggregate
from common.events.contracts.catalog import ImportCompleted, ProductCreated, ProductDeleted, ProductUpdated
from common.inbox.routes import dead_letter_routes
from common.service import Service

SERVICE = Service(
    name="catalog",
    settings=Settings,
    migrations="catalog.migrations",
    routers=(
        exports,
        products,
        categories,
        search,
        querylog,
        imports,
        dead_letter_routes("catalog", scope="catalog:write"),
    ),
    publishes=(ProductCreated, ProductUpdated, ProductDeleted, ImportCompleted),
    aggregates={ProductCreated.topic: Aggregate("product"), ImportCompleted.topic: Aggregate("product_import")},
    consumers=CONSUMERS,
    jobs=JOBS,
    sweeps=SWEEPS,
    invariants=INVARIANTS,
    resources=open_resources,
    uploads=("/v1/imports",),
)
