"""Every contract there is; topics, schemas and the catalogue page derive from this list."""

from collections.abc import Iterable

from common.events._contract import EventContract
from common.events._topics import Topic
from common.events.contracts import catalog, gateway, inventory, notifications, orders

CONTRACTS: tuple[type[EventContract], ...] = (
    *catalog.CONTRACTS,
    *inventory.CONTRACTS,
    *orders.CONTRACTS,
    *notifications.CONTRACTS,
    *gateway.CONTRACTS,
)

_BY_TYPE = {contract.type: contract for contract in CONTRACTS}


def contract_for(event_type: str) -> type[EventContract] | None:
    """The contract of a type, None for a type that this build does not know."""
    return _BY_TYPE.get(event_type)


def topics_of(contracts: Iterable[type[EventContract]]) -> tuple[Topic, ...]:
    """The topics on which these contracts travel, each once, by name."""
    return tuple(sorted({contract.topic for contract in contracts}, key=lambda topic: topic.name))


def contracts_on(topic: Topic) -> tuple[type[EventContract], ...]:
    return tuple(contract for contract in CONTRACTS if contract.topic == topic)
