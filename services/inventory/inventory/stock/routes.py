"""Stock over HTTP."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import Path, Query

from common.auth import Anyone
from common.database import UnitOfWork, retry_conflicts
from common.http import Answer, IfMatch, KeyedUow, PlainUow, Router, etag_of, problems, public_etag
from common.pagination import Page, Paging
from common.problems import (
    FieldError,
    Forbidden,
    InvalidInput,
    KeyReused,
    PreconditionFailed,
    RequestInProgress,
)
from inventory.dependencies import CanAdjust, FromCatalog
from inventory.stock import service
from inventory.stock.models import Level
from inventory.stock.problems import NotEnoughOnHand, StockChangedMeanwhile, StockNotFound
from inventory.stock.repository import StockRepository
from inventory.stock.rules import Availability, shown_to_the_public
from inventory.stock.schemas import (
    AdjustmentView,
    CountsView,
    LevelView,
    MovementView,
    NewAdjustment,
    NewCounts,
    NewReorderPoint,
    PublicStock,
    StockView,
    Totals,
)
from inventory.values import Sku

router = Router(tags=["stock"])
internal = Router(prefix="/internal", include_in_schema=False)

SkuPath = Annotated[Sku, Path(description="The SKU, exactly.")]
READ = "inventory:read"


@router.get("/v1/stock")
async def list_stock(
    page: Paging,
    caller: Anyone,
    uow: PlainUow,
    sku: Annotated[list[Sku] | None, Query(description="These SKUs only; may be repeated.", max_length=100)] = None,
    location_id: Annotated[UUID | None, Query(description="This location only (staff).")] = None,
    below_reorder_point: Annotated[  # noqa: FBT002 - a query parameter
        bool, Query(description="Only what is at or below its reorder point (staff).")
    ] = False,
) -> Answer[Page[LevelView] | Page[PublicStock]]:
    """List stock: to staff the figures of each location, to everyone else whether the SKUs named can be bought."""
    if not caller.has(READ):
        return await _list_for_the_public(uow, sku or [], staff_filters=below_reorder_point or location_id is not None)
    filters = {"sku": sku, "location_id": location_id, "below": below_reorder_point}
    rows = await StockRepository(uow).page(
        skus=sku,
        location_id=location_id,
        below_reorder_point=below_reorder_point,
        after=page.position(str, UUID, filters=filters),
        limit=page.fetch,
    )
    levels = [LevelView.of(row) for row in rows]
    return uow.answer(Page.of(levels, page.limit, lambda level: (level.sku, level.location_id), filters=filters))


async def _list_for_the_public(
    uow: UnitOfWork, skus: Sequence[str], *, staff_filters: bool
) -> Answer[Page[LevelView] | Page[PublicStock]]:
    if staff_filters:
        raise Forbidden(f"Filters other than sku need the scope {READ}.")
    if not skus:
        detail = "name the SKUs, up to 100: ?sku=…&sku=…"
        raise InvalidInput(f"/query/sku: {detail}", errors=[FieldError("/query/sku", detail)])
    wanted = list(dict.fromkeys(skus))
    levels = await StockRepository(uow).public_levels(wanted)
    items = [PublicStock(sku=sku, available=shown_to_the_public(levels.get(sku, ()))) for sku in wanted]
    return uow.answer(Page[PublicStock](items=items, next=None))


@router.get("/v1/stock/{sku}", responses=problems(StockNotFound))
async def read_stock(sku: SkuPath, caller: Anyone, uow: PlainUow) -> Answer[StockView | PublicStock]:
    """Read a SKU's stock: to staff the figures of each location, to everyone else whether it can be bought."""
    repository = StockRepository(uow)
    rows = await repository.levels_of(sku)
    known = None if rows and caller.has(READ) else await repository.known(sku)
    if not rows and known is None:
        raise StockNotFound(sku)
    if caller.has(READ):
        title = known["title"] if known else rows[0]["title"]
        return uow.answer(_stock_view(sku, title, rows), headers={"ETag": etag_of(_version(rows))})
    if known is not None and not known["published"]:
        raise StockNotFound(sku)
    answer = uow.answer(PublicStock(sku=sku, available=_shown(rows)))
    answer.headers["ETag"] = public_etag(_version(rows), bytes(answer.body))
    return answer


def _version(rows: Sequence[asyncpg.Record]) -> int:
    return sum(row["version"] for row in rows)


def _shown(rows: Sequence[asyncpg.Record]) -> Availability:
    levels = [(Level.of(row).available, row["reorder_point"]) for row in rows if row["active"]]
    return shown_to_the_public(levels)


def _stock_view(sku: str, title: str | None, rows: Sequence[asyncpg.Record]) -> StockView:
    levels = [LevelView.of(row) for row in rows]
    totals = {name: sum(getattr(level, name) for level in levels) for name in Totals.model_fields}
    return StockView(sku=sku, title=title, available=_shown(rows), totals=Totals(**totals), locations=levels)


@router.post(
    "/v1/stock/{sku}/adjustments",
    status_code=201,
    responses=problems(StockChangedMeanwhile, NotEnoughOnHand, RequestInProgress, KeyReused),
)
async def adjust_stock(sku: SkuPath, body: NewAdjustment, caller: CanAdjust, uow: KeyedUow) -> Answer[AdjustmentView]:
    """Change what lies at a location, by a difference or to a count.

    SKUs that the catalogue has not told us of are taken as well. A count below what is promised to shoppers is taken
    too: it is what lies there, and the level then shows how many units it is short.
    """

    async def adjust() -> Answer[AdjustmentView]:
        async with uow:
            done = await service.adjust_stock(uow, sku, body, actor=caller.subject or caller.kind)
            view = await _adjustment_view(uow, done)
            return uow.answer(view, status=201, headers={"ETag": etag_of(done.version)})

    return await retry_conflicts(adjust)


async def _adjustment_view(uow: UnitOfWork, done: service.Adjusted) -> AdjustmentView:
    movement = done.movement
    return AdjustmentView(
        movement=MovementView(
            id=done.movement_id,
            kind="count" if movement.kind == "count" else "adjustment",
            quantity=movement.quantity,
            on_hand_after=movement.on_hand_after,
            reason=movement.reason or "",
            reference=movement.reference,
            actor=movement.actor,
            at=uow.now,
        ),
        level=await StockRepository(uow).view_of(done.level),
    )


@router.put("/v1/stock/{sku}/reorder-point", responses=problems(PreconditionFailed))
async def set_reorder_point(
    sku: SkuPath, body: NewReorderPoint, version: IfMatch, caller: CanAdjust, uow: PlainUow
) -> Answer[LevelView]:
    """Set when stock of a location is called low, and what is kept back from sale there.

    If-Match, where it is sent, is the ETag of the SKU's stock.
    """

    async def set_point() -> Answer[LevelView]:
        async with uow:
            level, now_at = await service.set_reorder_point(uow, sku, body, if_match=version)
            return uow.answer(await StockRepository(uow).view_of(level), headers={"ETag": etag_of(now_at)})

    return await retry_conflicts(set_point)


@internal.post("/stock-counts")
async def count_stock(body: NewCounts, caller: FromCatalog, uow: PlainUow) -> Answer[CountsView]:
    """Take the counts of an import's rows, each key once."""

    async def count() -> Answer[CountsView]:
        async with uow:
            return uow.answer(await service.count_stock(uow, body, actor=f"service:{caller.subject}"))

    return await retry_conflicts(count)
