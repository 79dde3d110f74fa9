"""What the metrics service is made of."""

from common.inbox.routes import dead_letter_routes
from common.service import Service
from metrics.collect.resources import open_resources
from metrics.collect.retention import SWEEPS
from metrics.collect.routes import router as collecting
from metrics.consumers import CONSUMERS
from metrics.invariants import INVARIANTS
from metrics.kpis import routes
from metrics.settings import Settings

SERVICE = Service(
    name="metrics",
    settings=Settings,
    migrations="metrics.migrations",
    routers=(collecting, routes.router, dead_letter_routes("metrics", scope="metrics:write")),
    consumers=CONSUMERS,
    sweeps=SWEEPS,
    resources=open_resources,
    invariants=INVARIANTS,
)
