"""The one list of what this service listens to: every fact there is."""

from common.events import CONTRACTS
from common.inbox import Consumer
from metrics.facts.handlers import keep_facts

CONSUMERS = (
    Consumer(
        group="metrics.facts",
        handlers={contract: keep_facts for contract in CONTRACTS if contract.topic.kind == "fact"},
        set_based=True,
    ),
)
