"""``catalog rebuild``: writes pages, lists and search anew from the products' rows.

After a change of SHOP_CURRENCY, by which prices without a currency are sorted, or when an invariant says that a
projection is wrong. Nothing is announced: the products are what they were.
"""

import argparse
import sys

from catalog.products.rebuilding import project_all
from common.cli import Command
from common.database import Database
from common.settings import ServiceSettings


def _no_arguments(_: argparse.ArgumentParser) -> None:
    """Take none."""


async def rebuild(settings: ServiceSettings, _: argparse.Namespace) -> int:
    """Project every product again."""
    database = Database.open(
        settings.database_url.get_secret_value(), service="catalog", test_clock=settings.test_clock
    )
    try:
        count = await project_all(database, shop_currency=settings.shop_currency)
    finally:
        await database.close()
    sys.stderr.write(f"catalog: {count} products written anew\n")
    return 0


REBUILD = Command("write pages, lists and search anew from the products", _no_arguments, rebuild)
