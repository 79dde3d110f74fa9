"""What the tests of the demo shop share."""

import csv
import io

import pytest

from quartermaster_demo import shop

Row = dict[str, str]


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """Read the product file with `csv`."""
    return list(csv.DictReader(io.StringIO(shop.products_csv().decode(), newline="")))


@pytest.fixture(scope="session")
def variants(rows: list[Row]) -> list[Row]:
    """Pick the rows that are variants."""
    return [row for row in rows if row["Option1 Value"]]
