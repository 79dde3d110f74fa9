"""Events on their way in: each one's effect happens once per consumer group, however often it comes."""

from common.inbox._consumer import Consumer, Handler, Permanent, SetHandler, TombstoneHandler, latest_by_subject
from common.inbox._context import context_of
from common.inbox._dead_letters import (
    DeadLetter,
    DeadLetterClosed,
    DeadLetterNotFound,
    DeadLetterStillFails,
    discarding,
    list_dead_letters,
    redriving,
    show_dead_letter,
)
from common.inbox._delivery import DeliveryLimits
from common.inbox._retention import delete_old_claims, forget_group, missing_events
from common.inbox._runner import ConsumerRunner, RunnerTimes

__all__ = [
    "Consumer",
    "ConsumerRunner",
    "DeadLetter",
    "DeadLetterClosed",
    "DeadLetterNotFound",
    "DeadLetterStillFails",
    "DeliveryLimits",
    "Handler",
    "Permanent",
    "RunnerTimes",
    "SetHandler",
    "TombstoneHandler",
    "context_of",
    "delete_old_claims",
    "discarding",
    "forget_group",
    "latest_by_subject",
    "list_dead_letters",
    "missing_events",
    "redriving",
    "show_dead_letter",
]
