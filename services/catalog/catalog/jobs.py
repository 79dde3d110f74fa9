"""What the catalogue does on its own account."""

from datetime import timedelta

from catalog.imports.running import IMPORT_FILE
from catalog.imports.service import forget_abandoned_uploads, forget_old_rows
from catalog.products.placing import REFRESH_PRODUCTS
from catalog.products.rebuilding import project_missing
from catalog.querylog.repository import forget_old
from catalog.resources import Resources
from common.scheduling import Sweep
from common.service import Runtime

JOBS = (IMPORT_FILE, REFRESH_PRODUCTS)


async def _forget_abandoned_uploads(runtime: Runtime) -> int:
    return await forget_abandoned_uploads(runtime.database)


async def _forget_old_import_rows(runtime: Runtime) -> int:
    return await forget_old_rows(runtime.database)


async def _index_products(runtime: Runtime) -> int:
    return await project_missing(runtime.database, shop_currency=runtime.settings.shop_currency)


async def _keep_search_log(runtime: Runtime) -> int:
    resources: Resources = runtime.resources
    return await resources.searches.write()


async def _forget_old_searches(runtime: Runtime) -> int:
    return await forget_old(runtime.database)


SWEEPS = (
    Sweep("forget-abandoned-uploads", every=timedelta(minutes=10), run=_forget_abandoned_uploads),
    Sweep("forget-old-import-rows", every=timedelta(hours=6), run=_forget_old_import_rows),
    Sweep("index-products", every=timedelta(minutes=1), run=_index_products),
    Sweep("keep-search-log", every=timedelta(seconds=10), run=_keep_search_log),
    Sweep("forget-old-searches", every=timedelta(hours=6), run=_forget_old_searches),
)
