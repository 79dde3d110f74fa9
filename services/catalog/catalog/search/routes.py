"""Search over HTTP."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, StringConstraints

from catalog.dependencies import ReadUow, ShopCurrency
from catalog.fields import Reference
from catalog.products.schemas import ProductList
from catalog.search.repository import Sort, search_cards
from catalog.text import storable
from common.http import Answer, Router, answer_of, problems
from common.money import MAX_AMOUNT, Currency
from common.pagination import Paging
from common.problems import InvalidCursor

router = Router(prefix="/v1/search", tags=["search"])

Words = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(storable),
    Query(description="Words, the last may be a beginning; or an exact SKU or barcode."),
]
Amount = Annotated[int | None, Query(ge=0, le=MAX_AMOUNT, description="Minor units.")]


@router.get("", responses=problems(InvalidCursor))
async def search_products(
    q: Words,
    page: Paging,
    uow: ReadUow,
    shop_currency: ShopCurrency,
    category: Annotated[Reference | None, Query(description="Id or handle; its subtree is searched.")] = None,
    price_min: Amount = None,
    price_max: Amount = None,
    currency: Annotated[Currency | None, Query(description="Only what is sold in this currency.")] = None,
    sort: Sort = "relevance",
) -> Answer[ProductList]:
    """Search what is published.

    Without `currency`, prices are each product's own: in the shop's currency, or the first that it has.
    """
    body = await search_cards(
        uow,
        q,
        category=category,
        currency=currency,
        price_min=price_min,
        price_max=price_max,
        sort=sort,
        page=page,
        shop_currency=shop_currency,
    )
    return answer_of(body, status=200)
