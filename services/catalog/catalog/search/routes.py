"""Search over HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Depends, Query, Request
from pydantic import AfterValidator, StringConstraints

from catalog.dependencies import ReadUow, Searches, ShopCurrency
from catalog.fields import Reference, ShortText
from catalog.querylog.counting import Outcome
from catalog.search import repository
from catalog.search.facets import facets_of
from catalog.search.filters import Asked, Choice, Range, Sort, choice_of, pointer_to, read_attributes
from catalog.search.repository import Found, known_facets
from catalog.search.schemas import SearchResult, Suggestions
from catalog.search.suggestions import suggest
from catalog.text import storable
from common.database import UnitOfWork
from common.http import Answer, Router, answer_of, problems
from common.money import MAX_AMOUNT, Currency
from common.on_loop import on_loop
from common.pagination import Paging
from common.problems import FieldError, InvalidCursor, InvalidInput

router = Router(prefix="/v1/search", tags=["search"])

Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
Words = Annotated[
    Text | None,
    Query(description="Words, the last may be a beginning; or an exact SKU or barcode. Not needed with `category`."),
]
Amount = Annotated[int | None, Query(ge=0, le=MAX_AMOUNT, description="Minor units.")]
InCurrency = Annotated[Currency | None, Query(description="Only what is sold in this currency.")]
OneOf = Annotated[list[ShortText] | None, Query(max_length=50, description="May be repeated: one of them.")]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The filters of a search that have names of their own."""

    q: Words = None
    category: Annotated[Reference | None, Query(description="Id or handle; its subtree is searched.")] = None
    price_min: Amount = None
    price_max: Amount = None
    currency: InCurrency = None
    in_stock: Annotated[bool, Query(description="Only what can be bought now.")] = False
    vendor: OneOf = None
    product_type: OneOf = None
    sort: Annotated[Sort, Query(description="Whatever it is, what is sold out comes last.")] = "relevance"

    def asked(self, choices: Sequence[Choice], ranges: Sequence[Range]) -> Asked:
        """Return the search. Raises InvalidInput where there is neither a word nor a category."""
        if self.q is None and self.category is None:
            detail = "send words, or a category whose products are wanted"
            raise InvalidInput(f"/query/q: {detail}", errors=[FieldError("/query/q", detail)])
        own = [
            *choice_of("vendor", [each for each in self.vendor or [] if each.strip()]),
            *choice_of("product_type", [each for each in self.product_type or [] if each.strip()]),
        ]
        return Asked(
            q=self.q,
            category=self.category,
            currency=self.currency,
            price_min=self.price_min,
            price_max=self.price_max,
            in_stock=self.in_stock,
            choices=[*own, *choices],
            ranges=ranges,
            sort=self.sort,
        )


@router.get("", responses=problems(InvalidCursor))
async def search_products(
    request: Request,
    narrowing: Annotated[Narrowing, Depends(on_loop(Narrowing))],
    page: Paging,
    uow: ReadUow,
    searches: Searches,
    shop_currency: ShopCurrency,
    facets: Annotated[
        bool | None,
        Query(description="Whether to count facets, which is most of the work. Default: on the first page only."),
    ] = None,
) -> Answer[SearchResult]:
    """Search what is published.

    Attributes and options narrow by `attr.<name>=<value>`, repeated for one of several values, and number attributes
    by `attr.<name>.min=` and `attr.<name>.max=`; names and values are compared without case and accents. An attribute
    that no product has, or a range of what is no number, is a 422.

    Without `currency`, prices are each product's own: in the shop's currency, or the first that it has. Where nothing
    fits the words, those that nothing is found under are mended, and `corrected` says what was searched.
    """
    asked = narrowing.asked(*read_attributes(request.query_params.multi_items()))
    counted = facets if facets is not None else page.after is None
    found = await repository.search(uow, asked, page, facets=counted, shop_currency=shop_currency)
    if found.unknown:
        raise await _wrong_attributes(uow, asked, found.unknown)
    if asked.q is not None and page.after is None:
        searches.note(asked.q, Outcome(found=found.hits > 0, corrected=found.corrected is not None))
    return answer_of(_body(found, asked, currency=asked.currency or shop_currency), status=200)


def _body(found: Found, asked: Asked, *, currency: str) -> bytes:
    """Join ready cards to the answer without reading them."""
    facets = None
    if found.facets is not None:
        facets = [facet.model_dump(exclude_none=True) for facet in facets_of(found.facets, asked, currency=currency)]
    return b'{"items":[%b],"next":%b,"corrected":%b,"facets":%b}' % (
        b",".join(found.items),
        orjson.dumps(found.cursor),
        orjson.dumps(found.corrected),
        orjson.dumps(facets),
    )


async def _wrong_attributes(uow: UnitOfWork, asked: Asked, unknown: list[int]) -> InvalidInput:
    """Say of each attribute that could not be narrowed by what is wrong with it."""
    sent: list[Choice | Range] = [*asked.choices, *asked.ranges]
    wrong = [each for each in sent if each.facet in unknown]
    known = await known_facets(uow, [each.other_facet for each in wrong])
    errors = [FieldError(pointer_to(_sent(each)), _reason(each, other=each.other_facet in known)) for each in wrong]
    return InvalidInput(f"{errors[0].pointer}: {errors[0].detail}", errors=errors)


def _sent(wrong: Choice | Range) -> str:
    if isinstance(wrong, Choice):
        return wrong.parameter
    return f"{wrong.parameter}.{'min' if wrong.least is not None else 'max'}"


def _reason(wrong: Choice | Range, *, other: bool) -> str:
    if not other:
        return "no product has it; the facets of a search name what there is"
    if isinstance(wrong, Choice):
        return f"it is a number: send {wrong.parameter}.min or {wrong.parameter}.max"
    return f"it is no number: send {wrong.parameter}=<value>"


@router.get("/suggestions")
async def suggest_products(
    q: Annotated[Text, Query(description="A beginning: of words, a SKU or a barcode.")],
    uow: ReadUow,
    shop_currency: ShopCurrency,
    currency: InCurrency = None,
    limit: Annotated[int, Query(ge=1, le=20, description="How many products.")] = 8,
) -> Answer[Suggestions]:
    """Suggest products, queries and categories while somebody is typing."""
    found = await suggest(uow, q, currency=currency, limit=limit, shop_currency=shop_currency)
    names = ("id", "handle", "title", "path")
    body = b'{"items":[%b],"queries":%b,"categories":%b}' % (
        b",".join(found.items),
        orjson.dumps(found.queries),
        orjson.dumps([dict(zip(names, each, strict=True)) for each in found.categories]),
    )
    return answer_of(body, status=200)
