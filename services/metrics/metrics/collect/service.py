"""Collecting: which visit a batch belongs to, and what of it is new."""

from collections.abc import Iterable
from dataclasses import dataclass

from common.database import UnitOfWork, uuid7
from metrics.collect.bots import is_bot
from metrics.collect.repository import Arrival, CollectRepository
from metrics.collect.schemas import Batch, BehaviourEvent, Collected
from metrics.collect.sources import host_of, landing_of
from metrics.collect.visitors import IDLE, Salts, network_of


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a batch, as the request tells it; none of it is kept."""

    address: str
    user_agent: str


async def collect(
    uow: UnitOfWork, batch: Batch, sender: Sender, salts: Salts, *, passed_through: Iterable[str]
) -> Collected:
    """Keep a visitor's events, each once, in the visit that goes on or in a new one.

    ``passed_through`` are hosts that no visit comes from.
    """
    if is_bot(sender.user_agent):
        return Collected(session_id=None, accepted=0, repeated=0, dropped=len(batch.events))
    first = next((event for event in batch.events if event.url is not None), batch.events[0])
    arrival = Arrival(
        now=uow.now,
        idle_since=uow.now - IDLE,
        visitor=await salts.visitor(uow, *_marks_of(batch, sender, first)),
        named=batch.session_id,
        fresh=uuid7(),
        channel=batch.channel,
        landing=landing_of(first.url, first.referrer, passed_through=passed_through),
        events=list({event.id: event for event in reversed(batch.events)}.values())[::-1],
    )
    kept = await CollectRepository(uow).keep(arrival)
    accepted: int = kept["accepted"]
    return Collected(session_id=kept["session_id"], accepted=accepted, repeated=len(batch.events) - accepted, dropped=0)


def _marks_of(batch: Batch, sender: Sender, first: BehaviourEvent) -> tuple[str, ...]:
    """Return what tells the visitor apart."""
    if batch.visitor is not None:
        return ("named", batch.visitor)
    return ("seen", network_of(sender.address), sender.user_agent, host_of(first.url))
