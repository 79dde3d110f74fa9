"""The "Online Retail" ledger of a British gift wholesaler as past orders.

A ledger is not a list of orders: it also holds postage, stock corrections, bank charges and typing slips. What is done
with each is decided here, once:

- An invoice is an order, placed when its first line was typed (UK local time). One that begins with ``C`` is a return;
  its quantities, negative in the ledger, are what came back.
- Every line with a price is kept as a line, also where it repeats another one: it was charged twice. Discounts (``D``)
  and manual entries (``M``) are lines too: the buyer paid them or got them back.
- Postage and carriage (``POST``, ``DOT``, ``C2``) are the order's shipping.
- Stock codes are compared exactly in the shop, so a typing slip would be another product: the suffix letter of an
  article and ``m`` are written in capitals.
- Left out, with the reason: lines without a price, those of less than a penny, and what the shop paid itself (fees of a
  marketplace and of the bank, samples).

A country that is none (Unspecified, European Community, the Channel Islands, which are two) is left empty.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

FILE = "orders/online_retail_2010-12_to_2011-05.csv.gz"
SOURCE = CHANNEL = "online-retail"
LONDON = ZoneInfo("Europe/London")
PENNY = Decimal("0.01")

SHIPPING = frozenset({"POST", "DOT", "C2"})
OWN_COSTS = {"AMAZONFEE": "fee of a marketplace", "BANK CHARGES": "charge of the bank", "S": "samples"}
ARTICLE = re.compile(r"\d{5}[A-Za-z]*")

CORRECTION = "stock correction: units below zero, no price"
NO_PRICE = "no price: given away, or found in the warehouse"
NEXT_TO_NOTHING = "costs less than a penny"

COUNTRIES = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Brazil": "BR", "Canada": "CA",
    "Channel Islands": None, "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE",
    "European Community": None, "Finland": "FI", "France": "FR", "Germany": "DE", "Greece": "GR", "Hong Kong": "HK",
    "Iceland": "IS", "Israel": "IL", "Italy": "IT", "Japan": "JP", "Lebanon": "LB", "Lithuania": "LT",
    "Netherlands": "NL", "Norway": "NO", "Poland": "PL", "Portugal": "PT", "Saudi Arabia": "SA", "Singapore": "SG",
    "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "USA": "US", "United Arab Emirates": "AE",
    "United Kingdom": "GB", "Unspecified": None,
}  # fmt: skip

Row = dict[str, str]


@dataclass(slots=True)
class LeftOut:
    """What did not become part of an order: lines and their amount by reason, and invoices of nothing else."""

    lines: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=dict)
    invoices: int = 0
    recoded: int = 0
    """Lines whose stock code was written in capitals; they are in."""

    def note(self, reason: str, amount: Decimal) -> None:
        """Count a line."""
        self.lines[reason] += 1
        self.amounts[reason] = self.amounts.get(reason, Decimal(0)) + amount

    def __str__(self) -> str:
        rows = [f"{count:>7,} lines {self.amounts[reason]:>14,.3f} GBP  {reason}" for reason, count in self._sorted()]
        return "\n".join([*rows, f"{self.invoices:>7,} invoices of nothing else", f"{self.recoded:>7,} lines recoded"])

    def _sorted(self) -> list[tuple[str, int]]:
        return sorted(self.lines.items(), key=lambda item: -item[1])


def ledger(folder: Path) -> Iterator[Row]:
    """Read the ledger's lines."""
    with gzip.open(folder / FILE, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def past_orders(folder: Path, invoices: Collection[str], left_out: LeftOut) -> Iterator[dict[str, Any]]:
    """Make past orders of some invoices, in the order of the ledger."""
    by_invoice: dict[str, list[Row]] = {}
    for row in ledger(folder):
        if row["InvoiceNo"] in invoices:
            by_invoice.setdefault(row["InvoiceNo"], []).append(row)
    for number, rows in by_invoice.items():
        order = _order(number, rows, left_out)
        if order is None:
            left_out.invoices += 1
        else:
            yield order


def _order(number: str, rows: list[Row], left_out: LeftOut) -> dict[str, Any] | None:
    sign = -1 if number.startswith("C") else 1
    shipping = 0
    lines = []
    for row in rows:
        quantity, price = sign * int(row["Quantity"]), Decimal(row["UnitPrice"])
        reason = _reason_against(row["StockCode"], quantity, price)
        if reason is not None:
            left_out.note(reason, sign * quantity * price)
        elif row["StockCode"] in SHIPPING:
            shipping += quantity * _pence(price)
        else:
            lines.append(_line(row, quantity, price, left_out))
    if not lines and not shipping:
        return None
    first = min(row["InvoiceDate"] for row in rows)
    return {
        "source": SOURCE,
        "external_id": number,
        "kind": "return" if sign < 0 else "sale",
        "placed_at": datetime.fromisoformat(first).replace(tzinfo=LONDON).isoformat(),
        "currency": "GBP",
        "channel": CHANNEL,
        "country": COUNTRIES[rows[0]["Country"]],
        "customer": rows[0]["CustomerID"].removesuffix(".0") or None,
        "lines": lines,
        "shipping": _pounds(shipping),
    }


def _reason_against(code: str, quantity: int, price: Decimal) -> str | None:
    if price == 0:
        return CORRECTION if quantity < 0 else NO_PRICE
    if price < PENNY:
        return NEXT_TO_NOTHING
    return OWN_COSTS.get(code)


def _line(row: Row, quantity: int, price: Decimal, left_out: LeftOut) -> dict[str, Any]:
    code = row["StockCode"]
    sku = code.upper() if ARTICLE.fullmatch(code) or code == "m" else code
    left_out.recoded += sku != code
    title = " ".join(row["Description"].split()) or sku
    return {"sku": sku, "title": title, "quantity": quantity, "unit_price": _pounds(_pence(price))}


def _pence(price: Decimal) -> int:
    pence = price * 100
    if pence != int(pence):
        raise ValueError(f"{price} is no whole number of pence")
    return int(pence)


def _pounds(pence: int) -> dict[str, Any]:
    return {"amount": pence, "currency": "GBP"}
