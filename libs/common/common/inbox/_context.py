"""The context under which an event's handler runs."""

from typing import Any

from common.context import RequestContext, child_traceparent, new_request_id
from common.events import Event


def context_of(event: Event[Any]) -> RequestContext:
    """Continue the event's correlation and trace; what is published under it names the event as its cause."""
    return RequestContext(
        correlation_id=event.correlation_id or new_request_id(),
        causation_id=str(event.id),
        traceparent=child_traceparent(event.traceparent),
    )
