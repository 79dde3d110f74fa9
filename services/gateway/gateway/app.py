"""The gateway described: what ``python -m gateway serve`` runs."""

from datetime import timedelta

from common.events.contracts.gateway import CONTRACTS
from common.scheduling import Sweep
from common.service import Service
from gateway.aggregates import AGGREGATES
from gateway.invariants import INVARIANTS
from gateway.pages import contracts
from gateway.pages import routes as pages
from gateway.proxy.front import Front
from gateway.resources import open_resources
from gateway.settings import Settings
from gateway.suite import routes as suite
from gateway.tokens import routes as tokens
from gateway.tokens.service import forget_refresh_tokens
from gateway.users import routes as users

SERVICE = Service(
    name="gateway",
    settings=Settings,
    migrations="gateway.migrations",
    routers=(tokens.router, users.router, suite.router, contracts.router, pages.router),
    publishes=CONTRACTS,
    aggregates=AGGREGATES,
    sweeps=(Sweep("forget-refresh-tokens", every=timedelta(hours=1), run=forget_refresh_tokens),),
    invariants=INVARIANTS,
    resources=open_resources,
    wrap=Front,
)
