"""What the log's routes take and answer."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from notifications.feed.rules import Wanted, types_of

MOST_EVENTS = 1_000
AFTER = (
    "Begin behind this cursor: `next` of a page, an `id` of the stream, or `oldest` or `latest`. "
    "It fits both, whatever the filters are."
)

After = Annotated[str | None, Query(max_length=64, description=AFTER)]


class EventFilters:
    """``?types=&subject=``."""

    def __init__(
        self,
        types: Annotated[
            str | None, Query(max_length=2000, description="Types, separated by commas: `order.placed`, `stock.*`.")
        ] = None,
        subject: Annotated[UUID | None, Query(description="Events of one aggregate, such as an order.")] = None,
    ) -> None:
        self.wanted = Wanted(types_of(types), subject)


class StructuredEvent(BaseModel):
    """An event as a CloudEvent in structured form, the same document that webhooks carry."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: UUID = Field(description="The same wherever and however often the event is seen.")
    source: str = Field(description="`/services/<name>`.")
    type: str
    subject: UUID = Field(description="The aggregate that it is about.")
    time: AwareDatetime
    timestamp: AwareDatetime = Field(description="`time` once more, where Standard Webhooks looks for it.")
    sequence: str = Field(description="20 digits; rises with each event of the subject on its topic.")
    dataschema: str = Field(description="Where the JSON Schema of `data` is.")
    datacontenttype: Literal["application/json"]
    data: dict[str, Any] = Field(description="Fields with personal data are left out without `events:pii`.")


class EventPage(BaseModel):
    """Some of the log, oldest first."""

    items: list[StructuredEvent]
    next: str = Field(description="Where to go on; given at the end of the log too, where later events will follow.")


class EventTypeView(BaseModel):
    """A type of event."""

    type: str
    version: str
    description: str
    topic: str = Field(description="All types of a topic share the numbering of their subjects' events.")
    kind: Literal["state", "fact"] = Field(description="Whether `data.object` is the whole state, or a fact is told.")
    dataschema: str = Field(description="Where the JSON Schema is served.")
    json_schema: dict[str, Any] = Field(alias="schema", description="The JSON Schema of `data`.")
    example: dict[str, Any] | None = Field(description="`data` as it might be.")
    live: StructuredEvent | None = Field(
        description="The newest event of this type, without personal data; null if there was none in 30 days."
    )


class EventTypes(BaseModel):
    """All types of events."""

    items: list[EventTypeView]
