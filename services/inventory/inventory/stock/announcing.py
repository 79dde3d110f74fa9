"""What a change of levels tells the world: the level as it stands, then the alert if a mark was crossed."""

from collections.abc import Sequence

from common.database import UnitOfWork
from common.events.contracts.inventory import StockAlertEvent, StockChanged, StockLow, StockOut, StockReplenished
from inventory.stock.models import Change, Level
from inventory.stock.repository import StockRepository
from inventory.stock.rules import Alarm, Alert, alarm_of_new_level, cross

ALERTS: dict[Alert, type[StockAlertEvent]] = {
    Alert.LOW: StockLow,
    Alert.OUT: StockOut,
    Alert.REPLENISHED: StockReplenished,
}


async def announce(uow: UnitOfWork, changes: Sequence[Change]) -> None:
    """Publish changes of locked levels, each level once. A statement is needed only where an alert begins or ends."""
    remembered: list[tuple[Level, Alarm]] = []
    alerts: list[StockAlertEvent] = []
    for change in changes:
        level = change.level
        before = alarm_of_new_level(level.available) if change.created else Alarm(level.is_low, level.is_out)
        after, crossed = cross(before, level.available, level.reorder_point)
        if after != Alarm(level.is_low, level.is_out):
            remembered.append((level, after))
        uow.publish(
            StockChanged(
                object=level.snapshot(),
                changed=[] if change.created else list(change.changed),
                movement=change.movement,
            )
        )
        alerts += [_alert(ALERTS[alert], level) for alert in crossed]
    for alert in alerts:
        uow.publish(alert)
    if remembered:
        await StockRepository(uow).save_alarms([(level.id, alarm.low, alarm.out) for level, alarm in remembered])


def _alert(kind: type[StockAlertEvent], level: Level) -> StockAlertEvent:
    return kind(
        object=level.snapshot(), changed=["/available"], available=level.available, reorder_point=level.reorder_point
    )
