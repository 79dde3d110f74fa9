"""Use cases of stock: set what lies at a location, and when to call it low.

What lies there is a fact that the person in front of the shelf knows best: a count or a loss is taken even when it
leaves less than is promised to shoppers. Then the level is short by the difference, which staff see and the alert says,
and nothing more is sold; refusing it would only keep a wrong figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from common.database import UnitOfWork
from common.events.contracts.inventory import StockMovement
from common.http import check_version
from common.problems import FieldError, InvalidInput
from inventory.locations.problems import LocationNotFound
from inventory.stock.announcing import announce
from inventory.stock.models import Change, Level, Movement
from inventory.stock.problems import NotEnoughOnHand, StockChangedMeanwhile
from inventory.stock.repository import StockRepository
from inventory.stock.schemas import CountLine, CountsView, NewAdjustment, NewCounts, NewReorderPoint
from inventory.values import MOST_UNITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """A level after an adjustment, and the ledger's row about it."""

    level: Level
    movement: Movement
    movement_id: int
    version: int


async def adjust_stock(uow: UnitOfWork, sku: str, command: NewAdjustment, *, actor: str) -> Adjusted:
    """Change what lies at a location, with a row in the ledger.

    Raises InvalidInput for an unknown location, StockChangedMeanwhile, NotEnoughOnHand.
    """
    repository = StockRepository(uow)
    level, created = await _open_level(uow, sku, command.location_id)
    if command.expected is not None and command.expected != level.on_hand:
        raise StockChangedMeanwhile(sku, expected=command.expected, actual=level.on_hand)
    after = level.on_hand + command.delta if command.delta is not None else command.count or 0
    if not 0 <= after <= MOST_UNITS:
        raise NotEnoughOnHand(sku, delta=after - level.on_hand, actual=level.on_hand)
    movement = Movement(
        level=level,
        kind="adjustment" if command.delta is not None else "count",
        quantity=after - level.on_hand,
        on_hand_after=after,
        reason=command.reason,
        reference=command.reference,
        actor=actor,
    )
    if created or movement.quantity:
        level = (await repository.save([replace(level, on_hand=after)], at=uow.now))[level.id]
        await announce(uow, [_change(level, movement, created=created)])
    (movement_id,) = await repository.write_ledger([movement], at=uow.now)
    return Adjusted(level=level, movement=movement, movement_id=movement_id, version=await repository.version_of(sku))


async def _open_level(uow: UnitOfWork, sku: str, location_id: UUID) -> tuple[Level, bool]:
    """Lock a level, made if need be; says whether it was. Raises InvalidInput for an unknown location."""
    repository = StockRepository(uow)
    if not await repository.location_exists(location_id):
        detail = f"there is no location {location_id}; list them with GET /v1/locations"
        raise InvalidInput(f"/location_id: {detail}", errors=[FieldError("/location_id", detail)])
    levels, created = await repository.open_levels(location_id, [sku], at=uow.now)
    return levels[sku], bool(created)


def _change(level: Level, movement: Movement, *, created: bool) -> Change:
    return Change(
        level=level,
        changed=("/on_hand", "/available"),
        movement=StockMovement(
            kind="adjustment", quantity=movement.quantity, reason=movement.reason, reference=movement.reference
        ),
        created=created,
    )


async def set_reorder_point(
    uow: UnitOfWork, sku: str, command: NewReorderPoint, *, if_match: int | None
) -> tuple[Level, int]:
    """Set when a level is called low and what is kept back; returns it and the version of the SKU's stock.

    Raises InvalidInput for an unknown location, PreconditionFailed.
    """
    repository = StockRepository(uow)
    level, created = await _open_level(uow, sku, command.location_id)
    check_version(if_match, await repository.version_of(sku))
    safety = level.safety if command.safety is None else command.safety
    pointers = [
        *(["/reorder_point"] if command.reorder_point != level.reorder_point else []),
        *(["/safety", "/available"] if safety != level.safety else []),
    ]
    if created or pointers:
        wanted = replace(level, reorder_point=command.reorder_point, safety=safety)
        level = (await repository.save([wanted], at=uow.now))[level.id]
        movement = StockMovement(kind="settings", quantity=0, reason=None, reference=None)
        await announce(uow, [Change(level=level, changed=tuple(pointers), movement=movement, created=created)])
    return level, await repository.version_of(sku)


async def count_stock(uow: UnitOfWork, command: NewCounts, *, actor: str) -> CountsView:
    """Take the counts of an import, each key once; of several lines for one SKU the last one counts.

    Raises LocationNotFound.
    """
    repository = StockRepository(uow)
    if not await repository.location_exists(command.location_id):
        raise LocationNotFound(command.location_id)
    new = await repository.claim_counts([line.key for line in command.lines], at=uow.now)
    by_key = {line.key: line for line in command.lines if line.key in new}
    counts = {line.sku: line for line in by_key.values()}
    if counts:
        await _take_counts(uow, command, counts, actor=actor)
    return CountsView(applied=len(by_key), repeated=len(command.lines) - len(by_key))


async def _take_counts(uow: UnitOfWork, command: NewCounts, counts: dict[str, CountLine], *, actor: str) -> None:
    repository = StockRepository(uow)
    levels, created = await repository.open_levels(command.location_id, list(counts), at=uow.now)
    movements = {
        level.id: Movement(
            level=level,
            kind="count",
            quantity=counts[level.sku].count - level.on_hand,
            on_hand_after=counts[level.sku].count,
            reason=command.reason,
            reference=command.reference,
            actor=actor,
        )
        for level in levels.values()
    }
    touched = [movement for movement in movements.values() if movement.quantity or movement.level.id in created]
    if touched:
        wanted = [replace(movement.level, on_hand=movement.on_hand_after) for movement in touched]
        saved = await repository.save(wanted, at=uow.now)
        await announce(uow, _in_order(saved, movements, created))
    await repository.write_ledger(list(movements.values()), at=uow.now)


def _in_order(saved: dict[UUID, Level], movements: dict[UUID, Movement], created: set[UUID]) -> Sequence[Change]:
    levels = sorted(saved.values(), key=lambda level: level.sku)
    return [_change(level, movements[level.id], created=level.id in created) for level in levels]
