"""The table of tax rates in SQL."""

from common.database import UnitOfWork
from orders import rates
from orders.taxes.schemas import TaxRate, TaxRates

TABLE = "tax"
READ = "SELECT country, region, class, basis_points, name FROM tax_rate ORDER BY place"
CLEAR = "DELETE FROM tax_rate"
STORE = """
INSERT INTO tax_rate (country, region, class, basis_points, name, place) VALUES ($1, $2, $3, $4, $5, $6)
"""


class TaxRateRepository:
    """All rates at once: the table is replaced as a whole."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def read(self) -> tuple[TaxRates, int]:
        """Return the table and its version."""
        version = await rates.version_of(self._uow, TABLE)
        rows = await self._uow.fetch(READ)
        return TaxRates(rates=[TaxRate.model_validate(dict(row)) for row in rows]), version

    async def replace(self, table: TaxRates, *, expected: int) -> int:
        """Put ``table`` in the place of what was there; returns its version, the old one if nothing changed."""
        await rates.lock_table(self._uow, TABLE, expected=expected)
        present, version = await self.read()
        if present == table:
            return version
        await self._uow.execute(CLEAR)
        await self._uow.executemany(
            STORE,
            [
                (rate.country, rate.region, rate.tax_class, rate.basis_points, rate.name, place)
                for place, rate in enumerate(table.rates)
            ],
        )
        return await rates.next_version(self._uow, TABLE, self._uow.now)
