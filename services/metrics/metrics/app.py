"""What the metrics service is made of."""

from common.service import Service
from metrics.consumers import CONSUMERS
from metrics.invariants import INVARIANTS
from metrics.kpis import routes
from metrics.settings import Settings

SERVICE = Service(
    name="metrics",
    settings=Settings,
    migrations="metrics.migrations",
    routers=(routes.router,),
    consumers=CONSUMERS,
    invariants=INVARIANTS,
)
