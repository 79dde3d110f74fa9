"""Nobody sends to Kafka outside the relay.

The accident: a use case sends its event itself. The broker has it, the transaction rolls back, and four services act on
an order that never was; or it commits while the broker is away, and nobody ever hears of it.
"""

import ast

from tools.lint.rule import TEST_HELPERS, Complaints, Rule, calls

SENDING = ("send", "send_and_wait", "send_batch")


def find(tree: ast.Module) -> Complaints:
    for line, name, _ in calls(tree):
        receiver, _, method = name.rpartition(".")
        if method in SENDING and "producer" in receiver.lower():
            yield line, f"{name}() sends outside the relay: uow.publish(event) writes it to the outbox"
        if method.endswith("KafkaProducer"):
            yield line, f"{name}() is a producer outside the relay: uow.publish(event) writes to the outbox"


RULE = Rule("sends", find, but_not=("libs/common/common/outbox/*", *TEST_HELPERS))
