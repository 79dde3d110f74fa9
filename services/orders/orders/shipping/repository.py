"""The table of shipping rates in SQL."""

from common.database import UnitOfWork
from orders import rates
from orders.shipping.schemas import ShippingRateBody, ShippingRates

TABLE = "shipping"
READ = """
SELECT id, name, carrier, countries, currency, min_weight_grams, max_weight_grams, price, free_over
FROM shipping_rate ORDER BY place
"""
CLEAR = "DELETE FROM shipping_rate"
STORE = """
INSERT INTO shipping_rate (
    id, name, carrier, countries, currency, min_weight_grams, max_weight_grams, price, free_over, place
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


class ShippingRateRepository:
    """All rates at once: the table is replaced as a whole."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def read(self) -> tuple[ShippingRates, int]:
        """Return the table and its version."""
        version = await rates.version_of(self._uow, TABLE)
        rows = await self._uow.fetch(READ)
        return ShippingRates(rates=[ShippingRateBody.model_validate(dict(row)) for row in rows]), version

    async def replace(self, table: ShippingRates, *, expected: int) -> int:
        """Put ``table`` in the place of what was there; returns its version, the old one if nothing changed."""
        await rates.lock_table(self._uow, TABLE, expected=expected)
        present, version = await self.read()
        if present == table:
            return version
        await self._uow.execute(CLEAR)
        await self._uow.executemany(
            STORE, [(*rate.model_dump().values(), place) for place, rate in enumerate(table.rates)]
        )
        return await rates.next_version(self._uow, TABLE, self._uow.now)
