"""What a service says about a group: which events it listens to, and which function is each one's effect."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from common.database import UnitOfWork
from common.events import Event, EventContract, Tombstone, Topic

Handler = Callable[[Event[Any], UnitOfWork], Awaitable[None]]
SetHandler = Callable[[Sequence[Event[Any]], UnitOfWork], Awaitable[None]]
TombstoneHandler = Callable[[Tombstone, UnitOfWork], Awaitable[None]]

E = TypeVar("E", bound=EventContract)


class Permanent(Exception):
    """Raised by a handler for an event that no retry can apply: it becomes a dead letter at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A consumer group.

    Args:
        group: ``<service>.<purpose>``, as it stands in the inbox.
        handlers: Contract -> the function that has the event's effect, inside the transaction that claims the event.
        tombstones: State topic -> the function that takes its null records as deletes. They pass by the inbox, so the
            function is version-gated like every projection.
        set_based: The handlers take a list: consecutive new events that have the same function, in order. Each event's
            own context is then not set; a handler that publishes sets it by ``context_of``.
        projection: The group keeps a copy of what it hears, gated by ``WHERE sequence < event.sequence``. State topics
            feed nothing else: compaction leaves out what came between, so that counting on them counts wrong.
        log: The group keeps every event as it came, and draws no conclusion: it may listen to topics of both kinds.
    """

    group: str
    handlers: Mapping[type[EventContract], Handler | SetHandler]
    tombstones: Mapping[Topic, TombstoneHandler] = field(default_factory=dict)
    set_based: bool = False
    projection: bool = False
    log: bool = False

    def __post_init__(self) -> None:
        kind = "state" if self.projection else "fact"
        strangers = sorted(topic.name for topic in self.topics if topic.kind != kind and not self.log)
        if strangers:
            raise ValueError(
                f"{self.group}: projection={self.projection}, but {', '.join(strangers)} is no {kind} topic. "
                "State topics feed version-gated projections, effects hang on fact topics; use two groups."
            )
        if not self.topics:
            raise ValueError(f"{self.group} listens to nothing.")

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What it subscribes to, by name."""
        topics = {contract.topic for contract in self.handlers} | set(self.tombstones)
        return tuple(sorted(topics, key=lambda topic: topic.name))

    def listens_to(self, event_type: str) -> bool:
        """Tell whether events of this type have an effect here."""
        return any(contract.type == event_type for contract in self.handlers)


def latest_by_subject(events: Sequence[Event[E]]) -> list[Event[E]]:
    """Keep the newest event of each aggregate: a multi-row upsert may not meet the same row twice."""
    newest: dict[UUID, Event[E]] = {}
    for event in events:
        known = newest.get(event.subject)
        if known is None or known.sequence < event.sequence:
            newest[event.subject] = event
    return list(newest.values())
