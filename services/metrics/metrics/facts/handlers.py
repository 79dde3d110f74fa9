"""What a batch of facts does here."""

from collections.abc import Sequence
from typing import Any

from common.database import UnitOfWork
from common.events import Event
from metrics.facts.repository import FactRepository
from metrics.facts.rules import sales_of


async def keep_facts(events: Sequence[Event[Any]], uow: UnitOfWork) -> None:
    """Keep the facts, and book the sales among them in their quarter-hours."""
    facts = FactRepository(uow)
    await facts.append(events)
    await facts.book(sales_of(events))
