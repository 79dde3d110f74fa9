"""Events on their way out: rows written with the state change, sent by one relay per service."""

from common.outbox._relay import Relay, RelayTimes
from common.outbox._retention import PublishedEvent, delete_published, published_between

__all__ = ["PublishedEvent", "Relay", "RelayTimes", "delete_published", "published_between"]
