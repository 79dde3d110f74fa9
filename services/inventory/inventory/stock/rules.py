"""Arithmetic of stock: what is for sale, and when to say that it runs low. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Availability = bool | Literal["low"]


class Alert(Enum):
    """What a level says about itself, once for each crossing."""

    LOW = "stock.low"
    OUT = "stock.out"
    REPLENISHED = "stock.replenished"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Which alerts a level has given and not taken back."""

    low: bool = False
    out: bool = False


def replenished_at(reorder_point: int | None) -> int:
    """From how many available units on a level counts as replenished.

    A tenth above the reorder point and at least one unit, so that a level that moves around the point is quiet.
    """
    point = reorder_point or 0
    return max(point + 1, -(-11 * point // 10))


def cross(alarm: Alarm, available: int, reorder_point: int | None) -> tuple[Alarm, tuple[Alert, ...]]:
    """Say what a level that now has ``available`` units announces, and what it will remember of it."""
    if (alarm.low or alarm.out) and available >= replenished_at(reorder_point):
        return Alarm(), (Alert.REPLENISHED,)
    low = alarm.low or (reorder_point is not None and available <= reorder_point)
    out = alarm.out or available <= 0
    alerts = [Alert.LOW] if low and not alarm.low else []
    if out and not alarm.out:
        alerts.append(Alert.OUT)
    return Alarm(low, out), tuple(alerts)


def alarm_of_new_level(available: int) -> Alarm:
    """Begin in silence: a level that never held anything has not run out, and its first stock is no replenishment."""
    return Alarm(out=available <= 0)


def shown_to_the_public(levels: Iterable[tuple[int, int | None]]) -> Availability:
    """Sum (available, reorder point) of a SKU's active locations up to what shoppers may know."""
    places = list(levels)
    units = sum(max(0, available) for available, _ in places)
    if units == 0:
        return False
    return "low" if units <= sum(point or 0 for _, point in places) else True
