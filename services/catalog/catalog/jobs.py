"""What the catalogue does on its own account."""

from datetime import timedelta

from catalog.imports.running import IMPORT_FILE
from catalog.imports.service import forget_abandoned_uploads
from catalog.products.placing import REFRESH_PRODUCTS
from common.scheduling import Sweep
from common.service import Runtime

JOBS = (IMPORT_FILE, REFRESH_PRODUCTS)


async def _forget_abandoned_uploads(runtime: Runtime) -> int:
    return await forget_abandoned_uploads(runtime.database)


SWEEPS = (Sweep("forget-abandoned-uploads", every=timedelta(minutes=10), run=_forget_abandoned_uploads),)
