"""A Kafka record as the inbox sees it: where it stood, what it says about itself, nothing decoded yet."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from common.events import MalformedRecordError, Topic, event_id_of, from_kafka, read_cloudevent

NIL = UUID(int=0)
NAMELESS = UUID("6f2bb7a4-52cf-4f0e-9a52-6b0b3d6f2f11")  # names records without an id by their place


class Place(NamedTuple):
    """A partition, by the topic's name without namespace."""

    topic: Topic
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``event_id`` is always there, so that even a record without an id can be put aside, once."""

    place: Place
    offset: int
    timestamp: datetime
    headers: dict[str, str]
    key: bytes | None
    value: bytes | None
    event_id: UUID
    type: str

    @property
    def is_tombstone(self) -> bool:
        """Whether it is the null record behind a delete."""
        return self.value is None

    @property
    def key_id(self) -> UUID:
        """The aggregate's id, nil where the key is none."""
        try:
            return UUID((self.key or b"").decode())
        except ValueError:
            return NIL


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition, at least one."""

    place: Place
    records: tuple[Record, ...]

    @property
    def next(self) -> int:
        """The offset after the last record."""
        return self.records[-1].offset + 1


def read_record(topic: Topic, raw: Any) -> Record:  # noqa: ANN401 - aiokafka's ConsumerRecord is untyped
    """Take an aiokafka record over."""
    headers = from_kafka(raw.headers)
    event_id, event_type = _identity(topic, raw, headers)
    return Record(
        place=Place(topic, raw.partition),
        offset=raw.offset,
        timestamp=datetime.fromtimestamp(raw.timestamp / 1000, UTC),
        headers=headers,
        key=raw.key,
        value=raw.value,
        event_id=event_id,
        type=event_type,
    )


def _identity(topic: Topic, raw: Any, headers: dict[str, str]) -> tuple[UUID, str]:  # noqa: ANN401 - as above
    try:
        if "ce_id" in headers or raw.value is None:
            return event_id_of(headers), headers.get("ce_type", "")
        attributes = read_cloudevent(headers, raw.value).attributes
        return event_id_of({"ce_id": attributes.get("id", "")}), attributes.get("type", "")
    except MalformedRecordError:
        return uuid5(NAMELESS, f"{topic.name}/{raw.partition}/{raw.offset}"), headers.get("ce_type", "")
