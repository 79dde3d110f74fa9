"""Products over HTTP: the public reads what is published, staff also drafts."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Header, Path, Query

from catalog.dependencies import CanWrite, ReadUow, SeesDrafts, ShopCurrency
from catalog.fields import Channel, Moment, Reference, ShortText
from catalog.products import projection, reading, service
from catalog.products.problems import HandleTaken, ProductNotFound, SkuTaken
from catalog.products.reading import Filters, Sort
from catalog.products.schemas import NewProduct, ProductList, ProductPatch, ProductView
from common.auth import Anyone
from common.http import Answer, IfMatch, RequiredIfMatch, Router, Uow, answer_of, etag_of, problems, public_etag
from common.money import MAX_AMOUNT, Currency
from common.on_loop import on_loop
from common.pagination import Paging
from common.problems import Forbidden, InvalidCursor, PreconditionFailed, PreconditionRequired, Unauthenticated

router = Router(prefix="/v1/products", tags=["products"])

ProductRef = Annotated[Reference, Path(description="The product's id or handle.")]
InCurrency = Annotated[Currency | None, Query(description="Show the prices in this currency alone.")]
OnChannel = Annotated[
    Channel | None, Query(description="The channel that asks; what is not offered there is not found.")
]
Amount = Annotated[int | None, Query(ge=0, le=MAX_AMOUNT)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="ETags that are at hand.")]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The filters of a list; prices are minor units of ``currency``, else of each product's own currency."""

    category: Annotated[Reference | None, Query(description="Id or handle; its subtree is shown.")] = None
    status: Annotated[Literal["draft", "published"] | None, Query(description="For staff.")] = None
    channel: Annotated[Channel | None, Query()] = None
    currency: Annotated[Currency | None, Query(description="Only what is sold in this currency.")] = None
    vendor: Annotated[ShortText | None, Query()] = None
    type: Annotated[ShortText | None, Query()] = None
    tag: Annotated[ShortText | None, Query()] = None
    price_min: Amount = None
    price_max: Amount = None
    updated_since: Annotated[Moment | None, Query()] = None

    def filters(self, *, public: bool) -> Filters:
        """Return the list's filters; the public sees what is published on its channel."""
        return Filters(
            category=self.category,
            status="published" if public else self.status,
            channel=self.channel or "web" if public else self.channel,
            currency=self.currency,
            vendor=self.vendor,
            type=self.type,
            tag=self.tag,
            price_min=self.price_min,
            price_max=self.price_max,
            updated_since=self.updated_since,
        )


@router.get("", responses=problems(InvalidCursor))
async def list_products(
    narrowing: Annotated[Narrowing, Depends(on_loop(Narrowing))],
    page: Paging,
    caller: Anyone,
    staff: SeesDrafts,
    uow: ReadUow,
    currency: ShopCurrency,
    *,
    sort: Sort = "newest",
    count: Annotated[bool, Query(description="Also count all; costs time on long lists.")] = False,
) -> Answer[ProductList]:
    """List products."""
    if narrowing.status == "draft" and not staff:
        if caller.kind == "anonymous":
            raise Unauthenticated("Drafts are for staff; send an access token as Authorization: Bearer.")
        raise Forbidden("Drafts are for staff; this needs the scope catalog:read.")
    filters = narrowing.filters(public=not staff)
    return answer_of(
        await reading.list_cards(uow, filters, sort, page, shop_currency=currency, count=count), status=200
    )


@router.post("", status_code=201, responses=problems(HandleTaken, SkuTaken))
async def create_product(body: NewProduct, _: CanWrite, uow: Uow, currency: ShopCurrency) -> Answer[ProductView]:
    """Add a product; a draft unless its status says otherwise."""
    async with uow:
        saved = await service.create_product(uow, body.to_draft(), shop_currency=currency)
        headers = {"Location": f"/v1/products/{saved.id}", "ETag": etag_of(saved.version)}
        return uow.answer(saved.body, status=201, headers=headers)


@router.get("/{product}", responses=problems(ProductNotFound) | {304: {"description": "What is at hand is current."}})
async def read_product(
    product: ProductRef,
    staff: SeesDrafts,
    uow: ReadUow,
    currency: InCurrency = None,
    channel: OnChannel = None,
    if_none_match: IfNoneMatch = None,
) -> Answer[ProductView]:
    """Read a product by id or handle. Drafts exist for staff alone."""
    page = await reading.find_page(uow, product)
    if page is None or not (staff or (page.published and (channel or "web") in page.channels)):
        raise ProductNotFound(product)
    body = page.body.encode() if currency is None else projection.in_currency(page.body, currency)
    etag = etag_of(page.version) if staff else public_etag(page.version, body)
    if if_none_match is not None and _names(if_none_match, etag):
        return answer_of(None, status=304, headers={"ETag": etag})
    return answer_of(body, status=200, headers={"ETag": etag})


def _names(header: str, etag: str) -> bool:
    """Tell whether If-None-Match names ``etag``, by weak comparison as RFC 9110 asks."""
    return header.strip() == "*" or etag in {each.strip().removeprefix("W/") for each in header.split(",")}


@router.patch(
    "/{product}",
    responses=problems(ProductNotFound, HandleTaken, SkuTaken, PreconditionRequired, PreconditionFailed),
)
async def change_product(
    product: ProductRef, body: ProductPatch, version: RequiredIfMatch, _: CanWrite, uow: Uow, currency: ShopCurrency
) -> Answer[ProductView]:
    """Change a product by JSON Merge Patch; lists are replaced whole."""
    async with uow:
        saved = await service.edit_product(uow, product, body.onto, expected=version, shop_currency=currency)
        return uow.answer(saved.body, headers={"ETag": etag_of(saved.version)})


@router.delete("/{product}", status_code=204, responses=problems(ProductNotFound, PreconditionFailed))
async def delete_product(
    product: ProductRef, version: IfMatch, _: CanWrite, uow: Uow, currency: ShopCurrency
) -> Answer[None]:
    """Take a product out of the shop; its SKUs and its handle are free again."""
    async with uow:
        await service.delete_product(uow, product, expected=version, shop_currency=currency)
        return uow.answer(None, status=204)
