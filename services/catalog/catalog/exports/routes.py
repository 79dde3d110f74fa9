"""Exports over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from catalog.csv_lines import CSV_ANSWER, CsvLines, csv_answer
from catalog.dependencies import CanRead, ShopCurrency
from catalog.exports.repository import Wanted, documents
from catalog.exports.shopify import COLUMNS, rows_of
from catalog.fields import Reference
from common.database import Database
from common.http import Router, runtime_of
from common.money import Currency

router = Router(prefix="/v1/products", tags=["exports"])

PIECE = 1 << 16  # characters; some 5 ms of writing


@router.get("/export", response_class=StreamingResponse, responses=CSV_ANSWER)
async def export_products(
    request: Request,
    _: CanRead,
    shop_currency: ShopCurrency,
    format_: Annotated[
        Literal["shopify"], Query(alias="format", description="The columns of that system's CSV.")
    ] = "shopify",
    status: Annotated[Literal["draft", "published"] | None, Query(description="Only these.")] = None,
    category: Annotated[Reference | None, Query(description="Id or handle; its subtree is exported.")] = None,
    currency: Annotated[Currency | None, Query(description="Of the prices; default: the shop's.")] = None,
) -> StreamingResponse:
    """Download the products as CSV; imported again in the same currency, the file changes nothing.

    Written while it is sent. Cells are as the products have them, also where a spreadsheet would take one for a
    formula.
    """
    wanted = Wanted(published=None if status is None else status == "published", category=category)
    chosen = currency or shop_currency
    pieces = write_export(runtime_of(request).database, wanted, chosen)
    return csv_answer(pieces, file_name=f"products-{format_}-{chosen}.csv")


async def write_export(database: Database, wanted: Wanted, currency: str) -> AsyncIterator[bytes]:
    lines = CsvLines()
    lines.add(COLUMNS)
    async for document in documents(database, wanted):
        for cells in rows_of(document, currency=currency):
            lines.add(cells)
            if lines.size >= PIECE:
                yield lines.take()
                await asyncio.sleep(0)  # a client that takes all at once would never let the loop come round
    yield lines.take()
