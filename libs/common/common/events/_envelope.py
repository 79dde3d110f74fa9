"""The envelope: CloudEvents 1.0 over Kafka, written in binary mode, read in either.

Between outbox, dead letter and Kafka, headers are one JSON object of strings; ``to_kafka`` and ``from_kafka`` are the
only places that know Kafka's own form. Reading refuses only what no later version may do: a record without id, subject,
time or sequence, or data that its contract cannot read. What is merely new is let through.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import ValidationError
from pydantic_core import to_json

from common.events._contract import EventContract, dataschema_of
from common.events._personal import without_personal_data
from common.events._registry import contract_for
from common.events._topics import Topic

T_co = TypeVar("T_co", bound=EventContract, covariant=True)

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
STRUCTURED_CONTENT_TYPE = "application/cloudevents"
SEQUENCE_DIGITS = 20  # a bigint has 19: text order is number order


class MalformedRecordError(ValueError):
    """The record can never be read, now or later: it belongs among the dead letters."""


class EventTooLargeError(ValueError):
    """The event is larger than its topic takes."""

    def __init__(self, contract: EventContract, size: int) -> None:
        limit = contract.topic.max_event_bytes
        super().__init__(
            f"{contract.type} of {contract.subject} has {size} bytes; {contract.topic.name} takes {limit}."
        )


@dataclass(frozen=True, slots=True)
class Event(Generic[T_co]):
    """An event as its consumer sees it.

    ``id`` de-duplicates; ``sequence`` counts the events of one aggregate on one topic; ``time`` is the business time of
    the transaction that published it. ``traceparent`` is the context in which the event was made.
    ``value`` is the data as it travelled, with what this build does not know.
    """

    id: UUID
    type: str
    source: str
    subject: UUID
    time: datetime
    sequence: int
    correlation_id: str | None
    causation_id: str | None
    traceparent: str | None
    data: T_co
    dataschema: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The null record behind a delete event: compaction then forgets the key, a projection takes it as a delete."""

    topic: Topic
    key: UUID
    id: UUID
    sequence: int
    time: datetime


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a type that this build does not know yet; consumers pass over it."""

    topic: Topic
    type: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """A message as CloudEvents sees it: attributes by their own names, and the data's bytes."""

    attributes: dict[str, str]
    data: bytes | None


def format_time(time: datetime) -> str:
    """RFC 3339, UTC, always six decimals: text order is time order."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def format_sequence(sequence: int) -> str:
    return f"{sequence:0{SEQUENCE_DIGITS}d}"


def source_of(service: str) -> str:
    return f"/services/{service}"


def structured(event: Event[EventContract], *, personal_data: bool) -> bytes:
    """The event as one JSON document, as partners get it (``application/cloudevents+json``).

    ``timestamp`` repeats ``time``: Standard Webhooks looks for it there. Without ``personal_data`` the fields marked
    ``x-pii`` are left out, and whatever this build does not know, since nobody can tell what that is.
    """
    data = event.value if personal_data else without_personal_data(event.data).encode()
    attributes = {
        "specversion": SPEC_VERSION,
        "id": str(event.id),
        "source": event.source,
        "type": event.type,
        "subject": str(event.subject),
        "time": format_time(event.time),
        "timestamp": format_time(event.time),
        "sequence": format_sequence(event.sequence),
        "dataschema": event.dataschema,
        "datacontenttype": CONTENT_TYPE,
        "correlationid": event.correlation_id,
        "causationid": event.causation_id,
        "traceparent": event.traceparent,
    }
    head = orjson.dumps({name: value for name, value in attributes.items() if value is not None})
    return head[:-1] + b',"data":' + data + b"}"


def encode_key(key: UUID) -> bytes:
    return str(key).encode()


def serialise(contract: EventContract) -> bytes:
    """The record's value: the data alone. Raises EventTooLargeError."""
    value = to_json(contract)
    if len(value) > contract.topic.max_event_bytes:
        raise EventTooLargeError(contract, len(value))
    return value


def headers_for(
    contract: EventContract,
    *,
    event_id: UUID,
    source: str,
    time: datetime,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> dict[str, str]:
    """The event's headers but for ``ce_sequence``, which only the aggregate's locked row can give."""
    return {
        **_attributes(event_id, source, contract.type, contract.subject, time),
        "ce_dataschema": dataschema_of(type(contract)),
        **_context(correlation_id, causation_id, traceparent),
        "content-type": CONTENT_TYPE,
    }


def tombstone_headers(
    topic: Topic,
    key: UUID,
    *,
    event_id: UUID,
    source: str,
    time: datetime,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> dict[str, str]:
    """The headers of a key's null record, ``ce_sequence`` again left to the aggregate's row.

    Its type, ``<aggregate>.tombstone``, is for whoever looks at the topic; it is no event type of the catalogue.
    """
    return {
        **_attributes(event_id, source, f"{topic.aggregate}.tombstone", key, time),
        **_context(correlation_id, causation_id, traceparent),
    }


def _attributes(event_id: UUID, source: str, event_type: str, subject: UUID, time: datetime) -> dict[str, str]:
    return {
        "ce_id": str(event_id),
        "ce_source": source,
        "ce_type": event_type,
        "ce_specversion": SPEC_VERSION,
        "ce_time": format_time(time),
        "ce_subject": str(subject),
    }


def _context(correlation_id: str, causation_id: str | None, traceparent: str | None) -> dict[str, str]:
    context = {"ce_correlationid": correlation_id}
    if causation_id is not None:
        context["ce_causationid"] = causation_id
    if traceparent is not None:
        context["ce_traceparent"] = context["traceparent"] = traceparent
    return context


def to_kafka(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in headers.items()]


def from_kafka(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """A record's headers as one object. Bytes that are no UTF-8 are replaced: a stranger's header stops nobody."""
    return {name: value.decode(errors="replace") for name, value in headers if value is not None}


def read_cloudevent(headers: Mapping[str, str], value: bytes | None) -> CloudEvent:
    """Take a message apart, in binary or, by its content type, structured mode. Raises MalformedRecordError."""
    content_type = headers.get("content-type", "")
    if content_type.lower().startswith(STRUCTURED_CONTENT_TYPE) and value is not None:
        return _read_structured(value)
    attributes = {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}
    if content_type:
        attributes["datacontenttype"] = content_type
    return CloudEvent(attributes, value)


def _read_structured(value: bytes) -> CloudEvent:
    try:
        members = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MalformedRecordError(f"The structured event is no JSON: {error}") from error
    if not isinstance(members, dict):
        raise MalformedRecordError("The structured event is no JSON object.")
    data = orjson.dumps(members.pop("data")) if "data" in members else None
    return CloudEvent({name: str(text) for name, text in members.items() if text is not None}, data)


def event_id_of(headers: Mapping[str, str]) -> UUID:
    """The id by which the inbox knows the record, without reading anything else. Raises MalformedRecordError."""
    return _uuid(headers, "ce_id")


def without_input(error: ValidationError) -> str:
    """Say which fields are wrong and why, without what they hold."""
    failures = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(str(part) for part in failure['loc'])}: {failure['msg']}" for failure in failures)


def decode_record(
    topic: Topic, headers: Mapping[str, str], key: bytes | None, value: bytes | None
) -> Event[EventContract] | Tombstone | UnknownEvent:
    """Read a record of ``topic``, its headers as ``from_kafka`` or a dead letter's row gives them.

    Raises MalformedRecordError when no retry can help.
    """
    if value is None:
        return _read_tombstone(topic, headers, key)
    message = read_cloudevent(headers, value)
    attributes = message.attributes
    event_type = attributes.get("type", "")
    contract = contract_for(event_type)
    if contract is None or contract.topic != topic:
        return UnknownEvent(topic, event_type, attributes)
    try:
        data = contract.model_validate_json(message.data or b"")
    except ValidationError as error:
        sentence = f"The data of {event_type} {attributes.get('id')} is invalid: {without_input(error)}"
        raise MalformedRecordError(sentence) from error
    return Event(
        id=_uuid(attributes, "id"),
        type=event_type,
        source=attributes.get("source", ""),
        subject=_uuid(attributes, "subject"),
        time=_time(attributes, "time"),
        sequence=_sequence(attributes, "sequence"),
        correlation_id=attributes.get("correlationid"),
        causation_id=attributes.get("causationid"),
        traceparent=attributes.get("traceparent"),
        data=data,
        dataschema=attributes.get("dataschema", dataschema_of(contract)),
        value=message.data or b"",
    )


def _read_tombstone(topic: Topic, headers: Mapping[str, str], key: bytes | None) -> Tombstone:
    return Tombstone(
        topic=topic,
        key=_uuid({"key": (key or b"").decode(errors="replace")}, "key"),
        id=_uuid(headers, "ce_id"),
        sequence=_sequence(headers, "ce_sequence"),
        time=_time(headers, "ce_time"),
    )


def _uuid(values: Mapping[str, str], name: str) -> UUID:
    try:
        return UUID(values[name])
    except (KeyError, ValueError) as error:
        raise _unreadable(values, name, "UUID") from error


def _time(values: Mapping[str, str], name: str) -> datetime:
    try:
        return datetime.fromisoformat(values[name]).astimezone(UTC)
    except (KeyError, ValueError) as error:
        raise _unreadable(values, name, "RFC 3339 time") from error


def _sequence(values: Mapping[str, str], name: str) -> int:
    try:
        return int(values[name])
    except (KeyError, ValueError) as error:
        raise _unreadable(values, name, "sequence number") from error


def _unreadable(values: Mapping[str, str], name: str, kind: str) -> MalformedRecordError:
    return MalformedRecordError(f"The record's {name} is {values.get(name)!r}; expected a {kind}.")
