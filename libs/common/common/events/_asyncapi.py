"""The suite's events as one AsyncAPI 3.0 document."""

from common.events._contract import EventContract
from common.events._registry import CONTRACTS, contracts_on, topics_of
from common.events._schemas import JsonObject, shared_schemas
from common.events._topics import Topic

KAFKA_BINDING = "0.5.0"
LIST_CONFIGS = frozenset({"cleanup.policy"})

INFO: JsonObject = {
    "title": "Quartermaster events",
    "version": "1.0",
    "description": (
        "What the services of the suite tell each other and their partners. Each message is a CloudEvent in Kafka's"
        " binary mode: the envelope is in the headers, the value is the data alone. Readers must bear fields, types and"
        " values that they do not know."
    ),
    "license": {"name": "Apache-2.0"},
}

HEADERS: dict[str, str] = {
    "ce_id": "UUIDv7 of the event; the same on every redelivery.",
    "ce_source": "The publishing service, such as `/services/orders`.",
    "ce_type": "The event type.",
    "ce_specversion": "1.0",
    "ce_time": "RFC 3339 in UTC with microseconds: when it happened.",
    "ce_subject": "The aggregate's id, which is the record's key.",
    "ce_dataschema": "Where the JSON Schema of the data is served.",
    "ce_sequence": "Counts the events of one aggregate on this topic; 20 digits, so that text order is number order.",
    "ce_correlationid": "What all events that one request set off have in common.",
    "ce_causationid": "The event or request that led to this one, where there is one.",
    "ce_traceparent": "W3C trace context in which the event was made, where there is one.",
    "traceparent": "The same, under the name that tracing libraries look for.",
    "content-type": "application/json",
}
OPTIONAL_HEADERS = frozenset({"ce_causationid", "ce_traceparent", "traceparent"})


def asyncapi() -> JsonObject:
    """The document; it refers to nothing outside itself."""
    topics = topics_of(CONTRACTS)
    return {
        "asyncapi": "3.0.0",
        "info": INFO,
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {f"publish.{topic.name}": _operation(topic) for topic in topics},
        "components": {
            "messages": {contract.type: _message(contract) for contract in CONTRACTS},
            "messageTraits": {"cloudevent": _trait()},
            "schemas": shared_schemas("#/components/schemas/{model}"),
        },
    }


def _channel(topic: Topic) -> JsonObject:
    messages: JsonObject = {
        contract.type: {"$ref": f"#/components/messages/{contract.type}"} for contract in contracts_on(topic)
    }
    return {
        "address": topic.name,
        "title": f"{topic.service}: {topic.aggregate}",
        "messages": messages,
        "tags": [{"name": topic.service}, {"name": topic.kind}],
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _configuration(topic: Topic) -> JsonObject:
    return {name: [value] if name in LIST_CONFIGS else int(value) for name, value in sorted(topic.configs().items())}


def _operation(topic: Topic) -> JsonObject:
    return {
        "action": "send",
        "title": f"{topic.service} publishes on {topic.name}",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{contract.type}"} for contract in contracts_on(topic)],
    }


def _message(contract: type[EventContract]) -> JsonObject:
    summary, _, description = (contract.__doc__ or "").partition("\n\n")
    return {
        "name": contract.type,
        "title": contract.__name__,
        "summary": " ".join(summary.split()),
        "description": " ".join(description.split()),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
    }


def _trait() -> JsonObject:
    return {
        "headers": {
            "type": "object",
            "required": [name for name in HEADERS if name not in OPTIONAL_HEADERS],
            "properties": {name: {"type": "string", "description": text} for name, text in HEADERS.items()},
        },
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": KAFKA_BINDING}},
    }
