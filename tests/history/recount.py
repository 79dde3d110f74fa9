"""The same figures once more, by the plainest means: one pass over the ledger, decimals, sums.

It shares no code with the conversion. What it counts: lines at a penny or more that are neither fees nor samples; an
invoice that begins with C is a return, in the month of its first line; postage is revenue and no product.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path


@dataclass
class Month:
    """A month's figures, in pounds."""

    gross: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    orders: set[str] = field(default_factory=set)
    returns: set[str] = field(default_factory=set)

    @property
    def average(self) -> Decimal:
        """Average order value."""
        return (self.gross / len(self.orders)).quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass
class Product:
    """What an article brought in, what came back taken off."""

    units: int = 0
    net: Decimal = Decimal(0)


@dataclass
class Recount:
    """The ledger, added up."""

    months: dict[str, Month] = field(default_factory=lambda: defaultdict(Month))
    products: dict[str, Product] = field(default_factory=lambda: defaultdict(Product))
    whole: Decimal = Decimal(0)
    """Quantity times price of every line, whatever it is."""

    def best(self, count: int, *, by: str) -> list[str]:
        """The articles that sold best."""
        return sorted(self.products, key=lambda sku: (-getattr(self.products[sku], by), sku))[:count]


def recount(path: Path, invoices: Collection[str]) -> Recount:
    """Add up some invoices of the ledger."""
    result = Recount()
    month_of: dict[str, str] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            invoice, code, price = row["InvoiceNo"], row["StockCode"], Decimal(row["UnitPrice"])
            if invoice not in invoices:
                continue
            amount = int(row["Quantity"]) * price
            result.whole += amount
            month = month_of.setdefault(invoice, row["InvoiceDate"][:7])
            if price < Decimal("0.01") or code in ("AMAZONFEE", "BANK CHARGES", "S"):
                continue
            figures = result.months[month]
            if invoice[0] == "C":
                figures.returns.add(invoice)
                figures.refunded -= amount
            else:
                figures.orders.add(invoice)
                figures.gross += amount
            if code not in ("POST", "DOT", "C2"):
                sku = code.upper() if code[0].isdigit() or code == "m" else code
                result.products[sku].units += int(row["Quantity"])
                result.products[sku].net += amount
    return result
